"""Delay probes, floods, and packages that are not from whom they say."""

import pytest

from meshward.status.facts import NodeFacts
from tests.support.fleet_state import MINUTE_US, SECOND_US, a_fleet

TREE = {1: None, 2: 1, 3: 2, 5: None}


def mesh_values(state, node, now_us):
    names = ("delay_ms", "jitter_ms", "probe_loss_percent", "clock_offset_ms")
    facts = state.metrics_of(node, now_us)
    return {name: facts[name].value for name in names if name in facts}


def probe(state, node, now_us, delay_us, offset_us=0):
    state.on_probe(node, now_us)
    if delay_us is not None:
        state.on_delay(node, delay_us, offset_us, now_us + 2 * delay_us)


# -- probes ----------------------------------------------------------------------------------


def test_an_answer_tells_delay_and_offset():
    state = a_fleet(TREE)
    probe(state, 2, SECOND_US, 4500, -1_200_000)
    facts = state.metrics_of(2, 3 * SECOND_US)
    assert mesh_values(state, 2, 3 * SECOND_US) == {"delay_ms": 4.5, "clock_offset_ms": -1200}
    assert facts["delay_ms"].source == "mesh"
    assert facts["delay_ms"].age_s == pytest.approx(1.991)


def test_answers_that_nobody_asked_for_tell_no_delay():
    state = a_fleet(TREE)
    state.on_delay(2, 4500, 0, SECOND_US)
    state.on_delay(99, 4500, 0, SECOND_US)
    state.on_probe(99, SECOND_US)
    assert mesh_values(state, 2, SECOND_US) == {}
    assert state.silent_us(2, SECOND_US) == 0


def test_the_jitter_follows_the_changes_slowly():
    state = a_fleet(TREE)
    for turn, delay_us in enumerate((10_000, 14_000, 14_000)):
        probe(state, 2, turn * MINUTE_US, delay_us)
    assert mesh_values(state, 2, 3 * MINUTE_US)["jitter_ms"] == pytest.approx(4 * 15 / 16)
    for turn in range(3, 300):
        probe(state, 2, turn * MINUTE_US, 14_000 + 1000 * (turn % 2))
    assert mesh_values(state, 2, 300 * MINUTE_US)["jitter_ms"] == pytest.approx(1, abs=0.01)


def test_another_way_to_a_node_is_no_jitter():
    state = a_fleet(TREE)
    for turn in range(6):
        probe(state, 3, turn * MINUTE_US, 10_000)
    state.on_tree(TREE | {3: 1}, 6 * MINUTE_US)
    probe(state, 3, 7 * MINUTE_US, 90_000)
    assert mesh_values(state, 3, 8 * MINUTE_US)["jitter_ms"] == 0


def test_probes_without_an_answer_are_lost():
    state = a_fleet(TREE)
    for turn in range(40):
        probe(state, 2, turn * MINUTE_US, None if turn % 4 == 0 else 5000)
        if turn == 3:
            assert "probe_loss_percent" not in mesh_values(state, 2, turn * MINUTE_US + SECOND_US), "too few"
    assert mesh_values(state, 2, 40 * MINUTE_US)["probe_loss_percent"] == 25
    for turn in range(40, 60):
        probe(state, 2, turn * MINUTE_US, 5000)
    assert mesh_values(state, 2, 60 * MINUTE_US)["probe_loss_percent"] == 0


def test_a_lost_probe_shows_ten_seconds_later():
    state = a_fleet(TREE)
    for turn in range(4):
        probe(state, 2, turn * MINUTE_US, 5000)
    state.on_probe(2, 4 * MINUTE_US)
    assert "probe_loss_percent" not in mesh_values(state, 2, 4 * MINUTE_US + 10 * SECOND_US)
    assert mesh_values(state, 2, 4 * MINUTE_US + 10 * SECOND_US + 1)["probe_loss_percent"] == 20


def test_an_answer_that_is_late_counts_for_no_other_probe():
    state = a_fleet(TREE)
    for turn in range(5):
        probe(state, 2, turn * MINUTE_US, 5000)
    state.on_probe(2, 5 * MINUTE_US)
    state.on_probe(2, 5 * MINUTE_US + 10 * SECOND_US)
    state.on_delay(2, 5_500_000, 0, 5 * MINUTE_US + 11 * SECOND_US)  # to the first
    state.on_delay(2, 2_000_000, 0, 5 * MINUTE_US + 14 * SECOND_US)
    values = mesh_values(state, 2, 6 * MINUTE_US)
    assert values["delay_ms"] == 2000
    assert values["probe_loss_percent"] == pytest.approx(100 / 7)


def test_probes_that_people_asked_for_tell_delays_but_nothing_of_the_loss():
    state = a_fleet(TREE)
    for turn in range(6):
        probe(state, 2, turn * MINUTE_US, None if turn == 0 else 5000)
    loss = mesh_values(state, 2, 6 * MINUTE_US)["probe_loss_percent"]
    for turn in range(6, 12):
        state.on_probe(2, turn * MINUTE_US, counts=False)
    state.on_probe(2, 12 * MINUTE_US, counts=False)
    state.on_delay(2, 9000, 0, 12 * MINUTE_US + 18_000)
    values = mesh_values(state, 2, 13 * MINUTE_US)
    assert values["delay_ms"] == 9
    assert values["probe_loss_percent"] == loss
    probe(state, 2, 13 * MINUTE_US, 5000)
    assert mesh_values(state, 2, 14 * MINUTE_US)["probe_loss_percent"] == pytest.approx(loss * 6 / 7)


def test_delays_that_cannot_be_tell_nothing():
    state = a_fleet(TREE)
    for delay_us in (-1, 1 << 31):
        state.on_probe(2, 0)
        state.on_delay(2, delay_us, 0, 0)
    assert mesh_values(state, 2, 0) == {}


def test_who_left_did_not_lose_the_probe_that_was_under_way():
    state = a_fleet(TREE)
    for turn in range(5):
        probe(state, 3, turn * MINUTE_US, 5000)
    state.on_probe(3, 5 * MINUTE_US)
    state.on_tree({1: None, 2: 1, 5: None}, 5 * MINUTE_US + SECOND_US)
    state.on_probe(3, 5 * MINUTE_US + SECOND_US)
    assert mesh_values(state, 3, 6 * MINUTE_US)["probe_loss_percent"] == 0
    state.on_probe(1, 7 * MINUTE_US)
    state.on_tree({}, 7 * MINUTE_US)
    assert "probe_loss_percent" not in mesh_values(state, 1, 8 * MINUTE_US)


# -- floods and lies -------------------------------------------------------------------------


def facts_of(state, node, now_us):
    facts = NodeFacts(node)
    state.fill(facts, node, now_us)
    return facts


def test_packages_are_counted_by_the_minute():
    state = a_fleet(TREE)
    for second in range(600):
        assert state.on_package(2, 1, second * SECOND_US)
    assert facts_of(state, 2, 599 * SECOND_US).packages_per_min == pytest.approx(60, rel=0.02)
    assert facts_of(state, 2, 700 * SECOND_US).packages_per_min < 15
    assert facts_of(state, 3, 700 * SECOND_US).packages_per_min == 0


def test_a_flood_is_cut_and_told():
    state = a_fleet(TREE)
    taken = [state.on_package(2, 1, turn * SECOND_US // 100) for turn in range(6000)]
    assert taken[:60] == [True] * 60
    assert sum(taken) == pytest.approx(60 + 60 * 10, abs=2)
    facts = facts_of(state, 2, MINUTE_US)
    assert facts.packages_per_min > 3000
    assert facts.refused_per_min > 3000
    assert facts.refused == "more than 10 packages a second"
    assert state.refused(2) == 6000 - sum(taken)
    assert state.on_package(3, 1, MINUTE_US), "others are heard"
    assert state.on_package(2, 1, 2 * MINUTE_US), "and it too once it is quiet"


def test_packages_of_nodes_that_are_not_there_are_counted_by_their_way():
    state = a_fleet(TREE)
    assert state.strangers(0) == type(state.strangers(0))(0, None)
    assert not any(state.on_package(sender, 5, 0) for sender in (99, 98, 0, -1))
    assert not state.on_package(97, 1, 0)
    strangers = state.strangers(0)
    assert (strangers.per_min, strangers.via) == (5, 5)
    assert state.strangers(10 * MINUTE_US).per_min < 0.01
    assert state.nodes() == [1, 2, 3, 5]


def test_a_node_is_heard_only_from_where_it_is():
    state = a_fleet(TREE)
    assert state.on_package(3, 1, 0)
    assert state.on_package(1, 1, 0)
    assert state.on_package(3, None, 0), "a driver that does not know the way"
    assert not state.on_package(3, 5, 0)
    assert not state.on_package(5, 1, 0)
    assert state.strangers(0).per_min == 2
    assert facts_of(state, 3, 0).packages_per_min == 2, "what others send in its name is not its own"


def test_what_was_under_way_when_a_node_moved_is_still_taken():
    state = a_fleet(TREE)
    state.on_tree(TREE | {2: 5}, MINUTE_US)
    for now_us in (MINUTE_US, 2 * MINUTE_US):
        assert state.on_package(3, 1, now_us)
        assert state.on_package(3, 5, now_us)
    assert not state.on_package(3, 1, 2 * MINUTE_US + 1)
    state.on_tree(TREE | {2: 5, 9: None}, 3 * MINUTE_US)
    assert state._former_tops == {}


def test_so_is_what_was_under_way_when_it_left():
    state = a_fleet(TREE)
    state.on_tree({1: None, 5: None}, MINUTE_US)
    assert state.on_package(3, 1, 2 * MINUTE_US)
    assert not state.on_package(3, 1, 2 * MINUTE_US + 1)
    state.on_tree({}, 3 * MINUTE_US)
    assert state.on_package(1, 1, 3 * MINUTE_US)
    assert not state.on_package(1, 1, 5 * MINUTE_US)


def test_ways_of_strangers_are_bounded():
    state = a_fleet(TREE)
    for via in range(1000):
        state.on_package(99, via, via)
    assert len(state._strangers._rates) == 64
