"""A board's agent in a mesh: telemetry, urgent frames, and who gets them."""

from itertools import pairwise

import pytest

from meshnode.health.agent import HealthAgent
from meshnode.rng import SmallRandom
from tests.support.agent_mesh import GATEWAY, ME, MINUTE_US, OTHER, AgentMesh, FakeBoard
from tests.support.subject import SECOND_US, Subject

WANT_S = 5


@pytest.fixture
def mesh():
    return AgentMesh()


def test_nothing_is_sent_before_somebody_asks(mesh):
    mesh.board.set(rssi_dbm=-100)
    mesh.pass_s(900)
    assert mesh.telemetry() == []


def test_who_asks_gets_a_snapshot_at_once_and_batches_from_then_on(mesh):
    mesh.ask()
    ((_, decoded),) = mesh.take()
    assert len(decoded.samples) == 2, "with the sample of the time before"
    assert decoded.samples[-1].age_us == 0
    mesh.pass_s(5 * 60)
    mesh.pass_s(5 * 60)
    told = mesh.take()
    assert [len(decoded.samples) for _, decoded in told] == [5, 5]
    assert told[1][0] - told[0][0] == 5 * MINUTE_US


def test_telemetry_travels_as_a_single_with_terse_keys(mesh):
    mesh.ask()
    (package,) = mesh.telemetry()
    assert package.keys() == {"type", "routing", "from", "dest", "d"}
    assert (package["routing"], package["from"], package["dest"]) == (1, ME, GATEWAY)
    assert len(package["d"]) % 4 == 0


def test_telemetry_goes_to_who_asked_last(mesh):
    mesh.subscribe()
    mesh.pass_s(10)
    mesh.ask(**{"from": OTHER})
    mesh.pass_s(600)
    assert {package["dest"] for package in mesh.telemetry()} == {OTHER}


def test_a_broadcast_request_is_answered_after_a_random_time():
    delays = set()
    for seed in range(20):
        mesh = AgentMesh()
        mesh.agent._rng = SmallRandom(seed)
        asked_us = mesh.subject.now_us
        mesh.ask(routing=2, dest=0)
        mesh.pass_s(4)
        ((at_us, decoded),) = mesh.take()
        assert decoded.samples
        delays.add((at_us - asked_us) / SECOND_US)
    assert len(delays) > 15
    assert 0 <= min(delays) < 1
    assert 2 < max(delays) <= 3


def test_requests_in_a_flood_get_a_snapshot_every_5_s(mesh):
    for _ in range(300):
        mesh.ask()
        mesh.pass_s(0.1)
    assert 6 <= len(mesh.telemetry()) <= 7


def test_while_the_gateway_is_away_samples_are_kept_and_told_when_it_is_back(mesh):
    mesh.subscribe()
    mesh.pass_s(10)
    mesh.leave()
    mesh.subject.join("b", 8)
    mesh.pass_s(600)
    assert [package["type"] for package in mesh.subject.packages("b", 712)] == []
    mesh.subject.forget()
    mesh.come()
    mesh.pass_s(8)
    ((_, decoded),) = mesh.take()
    assert len(decoded.samples) == 6
    assert decoded.samples[-1].age_us == 0
    assert decoded.samples[0].age_us > 4 * MINUTE_US
    assert (decoded.lost, decoded.resync) == (0, False)


def test_a_gateway_that_is_back_and_asks_gets_one_snapshot(mesh):
    mesh.subscribe()
    mesh.leave()
    mesh.pass_s(30)
    mesh.come()
    mesh.pass_s(3)
    mesh.ask()
    mesh.pass_s(30)
    assert len(mesh.telemetry()) == 1


@pytest.mark.parametrize(
    ("name", "bad", "between", "good"),
    [
        ("heap_free_bytes", 8191, 9000, 10240),
        ("rssi_dbm", -89, -87, -85),
        ("loop_max_ms", 2001, 1800, 1500),
        ("temperature_c", 80.5, 78, 75),
        ("battery_percent", 14, 16, 18),
    ],
)
def test_each_crossing_is_told_within_5_s_in_either_direction(mesh, name, bad, between, good):
    mesh.board.set(**{name: good})
    mesh.subscribe()
    mesh.pass_s(30)
    mesh.take()
    for value, is_told in ((bad, True), (between, False), (bad, False), (between, False), (good, True)):
        mesh.board.set(**{name: value})
        changed_us = mesh.subject.now_us
        mesh.pass_s(WANT_S)
        told = [(at_us, decoded) for at_us, decoded in mesh.take() if not decoded.duplicate]
        assert len(told) == is_told, value
        if is_told:
            ((at_us, decoded),) = told
            assert at_us - changed_us <= 2 * SECOND_US
            shown = decoded.samples[-1].values[name]
            assert shown == pytest.approx(value, abs=64)
        mesh.pass_s(25)
        mesh.take()


def test_a_value_that_is_not_known_crosses_nothing(mesh):
    mesh.subscribe()
    mesh.board.set(rssi_dbm=None, temperature_c=float("nan"), loop_max_ms="x")
    mesh.pass_s(20)
    assert mesh.telemetry() == []


def test_what_flaps_about_its_threshold_does_not_flood(mesh):
    mesh.subscribe()
    mesh.pass_s(60)
    mesh.take()
    for place in range(600):
        mesh.board.set(rssi_dbm=-95 if place % 2 else -60)
        mesh.pass_s(2)
    frames = len(mesh.telemetry())
    assert 20 * 4 <= frames <= 20 * 4 + 4 + 8
    mesh.take()
    mesh.board.set(rssi_dbm=-60)
    mesh.pass_s(20)
    mesh.take()
    mesh.pass_s(600)
    assert all(decoded.samples[-1].values["rssi_dbm"] == -60 for _, decoded in mesh.take())


def test_thresholds_can_be_others_or_none():
    mesh = AgentMesh(thresholds=(("nodes", 5, 3),))
    mesh.board.set(nodes=3)
    mesh.subscribe()
    mesh.board.set(rssi_dbm=-100, nodes=5)
    mesh.pass_s(10)
    assert mesh.telemetry() == []
    mesh.board.set(nodes=6)
    mesh.pass_s(2)
    assert len(mesh.telemetry()) == 1
    quiet = AgentMesh(thresholds=())
    quiet.subscribe()
    quiet.board.set(rssi_dbm=-100)
    quiet.pass_s(20)
    assert quiet.telemetry() == []


def test_a_threshold_of_no_metric_is_refused():
    with pytest.raises(ValueError, match="no metric is called 'heap'"):
        AgentMesh(thresholds=(("heap", 1, 2),))


def test_a_restarted_board_says_so(mesh):
    mesh.subscribe()
    again = AgentMesh(later_us=2 * MINUTE_US, boots=4)
    again.decoder = mesh.decoder
    again.ask()
    ((_, decoded),) = again.take()
    assert (decoded.samples[-1].boots, decoded.samples[-1].uptime_s, decoded.lost) == (4, 60, 0)


def test_a_board_that_does_not_count_its_boots_has_a_number_for_each():
    numbers = set()
    for seed in range(30):
        subject = Subject(ME)
        numbers.add(HealthAgent(subject.node, FakeBoard(), SmallRandom(seed), 0)._boots)
    assert len(numbers) > 20
    assert min(numbers) > 0


def test_it_samples_at_other_intervals_and_batches():
    mesh = AgentMesh(every_us=10 * SECOND_US, batch=2)
    mesh.subscribe()
    mesh.pass_s(10)
    mesh.take()
    mesh.pass_s(100)
    told = mesh.take()
    assert [len(decoded.samples) for _, decoded in told] == [2] * 5
    assert told[0][1].samples[0].age_us == 10 * SECOND_US


def test_a_board_that_slept_goes_on_without_what_it_missed(mesh):
    mesh.subscribe()
    mesh.pass_s(130)
    mesh.take()
    mesh.subject.now_us += 400 * SECOND_US
    mesh.subject.node.handle_deadline(mesh.subject.now_us)
    mesh.subject.settle()
    mesh.pass_s(600)
    samples = [sample for _, decoded in mesh.take() for sample in decoded.samples]
    uptimes = [sample.uptime_s for sample in samples]
    assert uptimes == sorted(uptimes)
    assert max(later - earlier for earlier, later in pairwise(uptimes)) >= 340


def test_it_looks_every_2_s_and_not_more(mesh):
    before = mesh.board.reads
    mesh.pass_s(600)
    assert 300 <= mesh.board.reads - before <= 312


@pytest.mark.parametrize("asker", [0, ME, -1, 2**32, None, "x", [1]])
def test_a_request_of_nobody_is_refused(mesh, asker):
    mesh.ask(**{"from": asker})
    mesh.pass_s(1)
    assert mesh.telemetry() == []
    assert mesh.subject.node.refused_frames == 1
