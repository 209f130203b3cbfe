"""What the agent answers when it is asked, and the reports that it sends by itself."""

import pytest

from meshnode.health.bucket import Bucket
from meshnode.health.groups import GROUPS, names_of
from meshward.status.answers import read_answer
from meshward.status.metrics import METRICS
from meshward.status.reports import read_samples
from tests.support.agent_mesh import GATEWAY, ME, OTHER, AgentMesh
from tests.support.subject import SECOND_US

TEXTS = {"role": "sensor", "hardware": "ESP32", "version": "1.2", "firmware_md5": "ab" * 16}


@pytest.fixture
def mesh():
    return AgentMesh(**TEXTS)


def query(mesh, **fields):
    """Ask; the answers that come at once."""
    mesh.subject.forget()
    mesh.ask(710, **({"q": 5, "jitter": 0} | fields))
    return mesh.subject.packages("a", 711)


def test_all_is_told_where_no_groups_are_named(mesh):
    (answer,) = query(mesh)
    told = answer.pop("m")
    assert answer == {
        "type": 711,
        "routing": 1,
        "from": ME,
        "dest": GATEWAY,
        "q": 5,
        "up": 60,
        "boot": 3,
        "role": "sensor",
        "hw": "ESP32",
        "fw": "1.2",
        "md5": "ab" * 16,
    }
    assert told["heap_free_bytes"] == 180_000
    assert told["temperature_c"] == 41.5
    assert told.keys() == set(names_of([])) - {"battery_percent"}
    sample = read_answer(query(mesh, q=6)[0])
    assert (sample.node, sample.values, sample.texts, sample.refused) == (ME, told, TEXTS, ())
    assert (sample.uptime_s, sample.boots) == (60, 3)


@pytest.mark.parametrize("group", ["heap", "link", "traffic", "power"])
def test_a_group_has_its_metrics_and_no_texts(mesh, group):
    mesh.board.set(battery_percent=80)
    (answer,) = query(mesh, g=[group])
    assert answer["m"].keys() == set(GROUPS[group])
    assert not {"role", "hw", "fw", "md5"} & answer.keys()


def test_firmware_is_texts_only_and_groups_add_up(mesh):
    (answer,) = query(mesh, g=["firmware"])
    assert (answer["m"], answer["md5"]) == ({}, "ab" * 16)
    (answer,) = query(mesh, q=6, g=["firmware", "heap", "new", 5, None, {}])
    assert answer["m"].keys() == set(GROUPS["heap"])
    assert answer["fw"] == "1.2"


def test_each_metric_is_in_one_group():
    assert sorted(names_of([])) == sorted(list(METRICS)[:16])


@pytest.mark.parametrize(
    ("whom", "is_meant"),
    [
        ({}, True),
        ({"role": "sensor"}, True),
        ({"role": "gate"}, False),
        ({"nodes": [OTHER, ME]}, True),
        ({"nodes": [OTHER]}, False),
        ({"nodes": []}, False),
        ({"nodes": [ME], "role": "gate"}, False),
        ({"role": None, "nodes": None, "g": None}, True),
    ],
)
def test_only_who_is_meant_answers(mesh, whom, is_meant):
    assert len(query(mesh, **whom)) == is_meant


def test_answers_to_all_are_spread_over_the_time_given(mesh):
    delays_us = []
    for number in range(12):
        mesh.subject.forget()
        asked_us = mesh.subject.now_us
        mesh.ask(710, q=number, routing=2, dest=0, jitter=60_000)
        mesh.pass_s(20)
        (at_us,) = mesh.subject.times_us("a", 711)
        delays_us.append(at_us - asked_us)
    assert len(set(delays_us)) == 12
    assert 0 <= min(delays_us) < 3 * SECOND_US < 5 * SECOND_US < max(delays_us) <= 8 * SECOND_US


def test_a_question_asked_again_is_answered_again_but_not_at_once(mesh):
    assert len(query(mesh)) == 1
    assert query(mesh) == []
    mesh.pass_s(0.9)
    assert query(mesh) == []
    assert len(query(mesh, q=6)) == 1
    assert len(query(mesh, **{"from": OTHER})) == 1
    mesh.pass_s(0.2)
    assert len(query(mesh)) == 1


def test_a_question_that_waits_is_not_answered_twice(mesh):
    mesh.agent._questions._rng = Halves()
    for _ in range(3):
        assert query(mesh, jitter=4000) == []
        mesh.pass_s(0.5)
    mesh.pass_s(2)
    assert len(mesh.subject.packages("a", 711)) == 1


class Halves:
    def random(self):
        return 0.5


def test_a_flood_of_questions_gets_few_answers_and_little_memory(mesh):
    answers = 0
    for number in range(500):
        answers += len(query(mesh, q=number))
    assert answers == 10
    for number in range(500):
        mesh.ask(710, q=number, jitter=8000, **{"from": OTHER})
        mesh.pass_s(0.01)
    questions = mesh.agent._questions
    assert len(questions._waiting) <= 8
    assert len(questions._lately) <= 8
    mesh.pass_s(20)
    assert len(query(mesh)) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"q": None},
        {"q": -1},
        {"q": "x"},
        {"q": 2**32},
        {"jitter": "soon"},
        {"jitter": None},
        {"g": "heap"},
        {"g": {}},
        {"nodes": 5},
        {"nodes": {}},
    ],
    ids=repr,
)
def test_questions_that_are_none_are_refused(mesh, odd):
    assert query(mesh, **odd) == []
    assert mesh.subject.node.refused_frames == 1


def test_odd_questions_that_can_be_answered_are(mesh):
    assert len(query(mesh, q="5", jitter="0")) == 1
    assert len(query(mesh, q=6, jitter=-5)) == 1
    assert query(mesh, q=7, role=["sensor"]) == []
    assert query(mesh, q=8, nodes=[None, {}, "x"]) == []
    assert mesh.subject.node.refused_frames == 0


def test_values_that_are_no_numbers_are_left_out(mesh):
    mesh.board.set(
        heap_free_bytes=float("nan"), heap_min_bytes=float("inf"), heap_block_bytes="x", links=True
    )
    (answer,) = query(mesh)
    assert not {"heap_free_bytes", "heap_min_bytes", "heap_block_bytes", "links"} & answer["m"].keys()


def test_the_data_request_of_alteriom_is_answered_with_604_and_204(mesh):
    mesh.ask(400, cmd=3, target=ME, params="{}", cid=9)
    status, metrics = mesh.subject.packages("a", 604, 204)
    assert [(one["type"], one["routing"], one["dest"]) for one in (status, metrics)] == [
        (604, 1, GATEWAY),
        (204, 1, GATEWAY),
    ]
    assert "interval" not in metrics


def test_the_data_request_to_all_is_answered_within_3_s(mesh):
    mesh.ask(400, cmd=3, target=0, params="", cid=9)
    assert mesh.subject.packages("a", 604) == []
    mesh.pass_s(3)
    assert len(mesh.subject.packages("a", 604)) == 1


@pytest.mark.parametrize("odd", [{"cmd": 2}, {"target": OTHER}])
def test_other_commands_are_ignored(mesh, odd):
    mesh.ask(400, **({"cmd": 3, "target": ME} | odd))
    mesh.pass_s(5)
    assert mesh.subject.packages("a", 604) == []
    assert mesh.subject.node.refused_frames == 0


@pytest.mark.parametrize("odd", [{"cmd": None}, {"cmd": "reboot"}, {"target": None}, {"target": 2**32}])
def test_commands_that_are_none_are_refused(mesh, odd):
    mesh.ask(400, **({"cmd": 3, "target": ME} | odd))
    assert mesh.subject.node.refused_frames == 1


def test_reports_are_broadcast_with_the_units_of_their_fields():
    mesh = AgentMesh(reports_us=30 * SECOND_US, **TEXTS)
    mesh.board.set(messages_sent=65_537, rssi_dbm=-70, heap_free_bytes=100_000, heap_block_bytes=75_000)
    mesh.pass_s(40)
    status, metrics = mesh.subject.packages("a", 604, 204)[:2]
    assert status.pop("uptime") in range(60, 101)
    assert status == {
        "type": 604,
        "routing": 2,
        "from": ME,
        "status": 1,
        "fw": "1.2",
        "fwMD5": "ab" * 16,
        "mem": 97,
        "wifi": 60,
        "nodes": 20,
        "conns": 3,
        "msgRx": 1000,
        "msgTx": 65_537,
        "msgDrop": 0,
    }
    assert metrics == {
        "type": 204,
        "routing": 2,
        "from": ME,
        "message_type": 204,
        "cpu": 11,
        "heap": 100_000,
        "minHeap": 150_000,
        "maxHeap": 75_000,
        "fragHeap": 25,
        "bytesRx": 150_000,
        "bytesTx": 100_000,
        "pktsRx": 1000,
        "pktsTx": 1,
        "pktsDrop": 0,
        "connQual": 60,
        "rssi": -70,
        "interval": 30_000,
    }


def test_reports_are_understood_by_the_decoder_of_reports():
    mesh = AgentMesh(reports_us=30 * SECOND_US, **TEXTS)
    mesh.pass_s(40)
    status, metrics = mesh.subject.packages("a", 604, 204)[:2]
    ((told,), (more,)) = (read_samples(one) for one in (status, metrics))
    assert told.refused == more.refused == ()
    assert told.values["heap_free_bytes"] == 180_000 // 1024 * 1024
    assert told.values["messages_received"] == 1000
    assert told.texts["version"] == "1.2"
    assert more.values["heap_free_bytes"] == 180_000
    assert more.values["rssi_dbm"] == -61


def test_reports_come_about_as_often_as_is_wished_and_only_where_somebody_hears_them():
    mesh = AgentMesh(reports_us=30 * SECOND_US)
    mesh.pass_s(600)
    assert 17 <= len(mesh.subject.packages("a", 604)) <= 23
    mesh.leave()
    dropped = mesh.subject.node.relay.dropped_frames
    mesh.pass_s(120)
    assert mesh.subject.node.relay.dropped_frames == dropped


def test_reports_leave_out_what_is_not_known():
    mesh = AgentMesh(reports_us=30 * SECOND_US)
    mesh.board.values = [None] * 16
    mesh.pass_s(40)
    status, metrics = mesh.subject.packages("a", 604, 204)[:2]
    assert status.keys() == {"type", "routing", "from", "status", "uptime", "fw", "fwMD5"}
    assert metrics.keys() == {"type", "routing", "from", "message_type", "interval"}


def test_a_bucket_gives_so_many_at_once_and_then_one_by_one():
    bucket = Bucket(3, 10)
    assert [bucket.take(1000) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.free_us(1000) == 1010
    assert not bucket.take(1009)
    assert bucket.take(1010)
    assert not bucket.take(1019)
    assert [bucket.take(2000) for _ in range(4)] == [True, True, True, False]
