"""Who is in the mesh, who left, came back and moved."""

import pytest

from meshward.status.facts import NodeFacts
from meshward.status.presence import NODES_MAX
from tests.support.fleet_state import HOUR_US, MINUTE_US, SECOND_US, a_fleet, told

CHAIN = {1: None, 2: 1, 3: 2, 4: 2, 5: None}


def facts_of(state, node, now_us):
    facts = NodeFacts(node)
    state.fill(facts, node, now_us)
    return facts


def per_hour(state, node, now_us):
    """(moves, rejoins)."""
    metrics = state.metrics_of(node, now_us)
    return metrics["moves_per_h"].value, metrics["rejoins_per_h"].value


def without(parents, *nodes):
    return {node: parent for node, parent in parents.items() if node not in nodes}


# -- the tree --------------------------------------------------------------------------------


def test_the_tree_is_known():
    state = a_fleet(CHAIN)
    assert dict(state.parents()) == CHAIN
    assert dict(state.depths()) == {1: 1, 2: 2, 3: 3, 4: 3, 5: 1}
    assert state.articulation() == [(1, 3), (2, 2)]
    assert state.behind(1) == [2, 3, 4]
    assert state.behind(3) == []
    assert state.nodes() == [1, 2, 3, 4, 5]


def test_our_own_id_as_a_parent_means_below_us():
    state = a_fleet({1: 1000, 2: 1})
    assert dict(state.parents()) == {1: None, 2: 1}
    state.on_tree({1: None, 2: 1}, SECOND_US)
    assert per_hour(state, 1, SECOND_US) == (0, 0)


def test_those_that_left_together_are_behind_the_one_that_they_hung_on():
    state = a_fleet(CHAIN)
    state.on_tree({1: None, 5: None}, SECOND_US)
    assert state.behind(2) == [3, 4]
    assert state.behind(1) == []
    assert facts_of(state, 3, SECOND_US).last_parent == 2


def test_a_tree_that_is_none_does_no_harm():
    state = a_fleet({1: 2, 2: 1, 3: 3, 4: 1})
    assert state.depths().keys() == {1, 2, 3, 4}
    assert state.behind(1) == [2, 4]
    assert state.on_package(4, None, 0)


# -- absences --------------------------------------------------------------------------------


def test_an_absence_has_a_beginning_and_an_end():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), 10 * SECOND_US)
    away = facts_of(state, 3, 70 * SECOND_US)
    assert (away.online, away.away_s, away.last_parent) == (False, 60, 2)
    assert state.presence(3).away_own
    state.on_tree(CHAIN, 80 * SECOND_US)
    back = facts_of(state, 3, 90 * SECOND_US)
    assert (back.online, back.away_s, back.silent_s) == (True, None, 10)
    assert state.presence(3).up_since_us == 80 * SECOND_US
    assert state.presence(1).up_since_us == 0


@pytest.mark.parametrize(
    ("away_us", "rejoins"), [(SECOND_US, 0), (2 * SECOND_US, 1), (5 * MINUTE_US, 1), (5 * MINUTE_US + 1, 0)]
)
def test_an_absence_of_its_own_that_is_neither_a_blink_nor_an_outage_is_a_rejoin(away_us, rejoins):
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), SECOND_US)
    state.on_tree(CHAIN, SECOND_US + away_us)
    assert per_hour(state, 3, SECOND_US + away_us) == (0, rejoins)
    assert facts_of(state, 3, SECOND_US + away_us).restarts_us == ()
    assert per_hour(state, 3, 2 * HOUR_US) == (0, 0)


def test_who_was_cut_off_with_its_parent_did_not_rejoin():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 2, 3, 4), SECOND_US)
    assert state.presence(2).away_own
    assert not state.presence(3).away_own
    state.on_tree(CHAIN, 30 * SECOND_US)
    assert [per_hour(state, node, MINUTE_US)[1] for node in (2, 3, 4)] == [1, 0, 0]
    assert state.presence(3).up_since_us == 0


def test_a_child_that_left_a_moment_before_its_parent_was_cut_off_too():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), SECOND_US)
    state.on_tree(without(CHAIN, 2, 3, 4), 2 * SECOND_US)
    state.on_tree(CHAIN, 30 * SECOND_US)
    assert per_hour(state, 3, MINUTE_US) == (0, 0)


def test_a_parent_that_leaves_long_after_explains_nothing():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), SECOND_US)
    state.on_tree(without(CHAIN, 2, 3, 4), 20 * SECOND_US)
    state.on_tree(CHAIN, 30 * SECOND_US)
    assert per_hour(state, 3, MINUTE_US) == (0, 1)


def test_rejoins_are_counted_within_bounds():
    state = a_fleet(CHAIN)
    for turn in range(1000):
        state.on_tree(without(CHAIN, 3), (10 * turn + 1) * SECOND_US)
        state.on_tree(CHAIN, (10 * turn + 5) * SECOND_US)
    assert len(state.presence(3).rejoins_us) == 100


# -- moves -----------------------------------------------------------------------------------


def test_another_parent_while_present_is_a_move():
    state = a_fleet(CHAIN)
    state.on_tree(CHAIN | {3: 1}, SECOND_US)
    state.on_tree(CHAIN | {3: 1}, 2 * SECOND_US)
    assert per_hour(state, 3, 2 * SECOND_US) == (1, 0)
    assert facts_of(state, 3, SECOND_US).moves_us == (SECOND_US,)
    assert facts_of(state, 3, SECOND_US).last_parent == 1
    for turn in range(200):
        state.on_tree(CHAIN | {3: 1 + turn % 2}, (10 + turn) * SECOND_US)
    moves_us = facts_of(state, 3, HOUR_US).moves_us
    assert len(moves_us) == 50
    assert moves_us[-1] == 209 * SECOND_US


def test_so_is_coming_back_to_another_parent():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), SECOND_US)
    state.on_tree(CHAIN | {3: 5}, SECOND_US + 500_000)
    assert per_hour(state, 3, MINUTE_US) == (1, 0), "the tree was told in two steps"
    state.on_tree(without(CHAIN, 3), MINUTE_US)
    state.on_tree(CHAIN, MINUTE_US + 20 * SECOND_US)
    assert per_hour(state, 3, 2 * MINUTE_US) == (2, 1)


def test_who_lost_its_parent_and_found_another_did_not_move_by_itself():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 2, 3, 4), SECOND_US)
    state.on_tree(without(CHAIN, 2) | {3: 1, 4: 1}, 20 * SECOND_US)
    assert [per_hour(state, node, MINUTE_US) for node in (3, 4)] == [(0, 0), (0, 0)]


def test_nodes_below_one_that_moves_stay_where_they_are():
    state = a_fleet(CHAIN)
    state.on_tree(CHAIN | {2: 5}, SECOND_US)
    assert [per_hour(state, node, MINUTE_US)[0] for node in (2, 3, 4)] == [1, 0, 0]


# -- while nobody can be seen ----------------------------------------------------------------


def test_our_own_loss_is_nobodys_fault():
    state = a_fleet(CHAIN)
    state.on_tree(without(CHAIN, 3), 10 * SECOND_US)
    state.on_tree({}, 20 * SECOND_US)
    for now_us in (20 * SECOND_US, HOUR_US):
        assert dict(state.parents()) == {}
        assert facts_of(state, 3, now_us).away_s == 10
        assert facts_of(state, 1, now_us).away_s == 0
        assert facts_of(state, 1, now_us).silent_s == 20
        assert "online" not in state.metrics_of(1, now_us)
    state.on_tree({}, 2 * HOUR_US)
    state.on_tree(without(CHAIN, 3, 4), 3 * HOUR_US)
    assert facts_of(state, 3, 3 * HOUR_US).away_s == 10
    assert facts_of(state, 4, 3 * HOUR_US).away_s == 0
    assert facts_of(state, 1, 3 * HOUR_US + 5 * SECOND_US).silent_s == 25
    state.on_tree(CHAIN, 3 * HOUR_US + 30 * SECOND_US)
    assert per_hour(state, 4, 4 * HOUR_US - 1) == (0, 0), "nobody saw how it left"
    assert per_hour(state, 3, 4 * HOUR_US - 1) == (0, 1)
    assert state.presence(1).up_since_us == 3 * HOUR_US - 20 * SECOND_US


def test_moves_that_nobody_saw_do_not_count():
    state = a_fleet(CHAIN)
    state.on_tree({}, SECOND_US)
    state.on_tree(CHAIN | {3: 1, 2: 5}, MINUTE_US)
    assert [per_hour(state, node, MINUTE_US) for node in (2, 3)] == [(0, 0), (0, 0)]


def test_our_only_neighbour_has_to_show_its_uptime_anew():
    state = a_fleet({1: None, 2: 1})
    state.on_tree({}, MINUTE_US)
    state.on_tree({1: None, 2: 1}, 2 * MINUTE_US)
    assert state.presence(1).up_since_us == 2 * MINUTE_US
    assert state.presence(2).up_since_us == MINUTE_US
    assert per_hour(state, 1, 2 * MINUTE_US) == (0, 0)


# -- from the store --------------------------------------------------------------------------


def test_a_node_that_is_not_there_at_the_start_is_away_from_then_on():
    state = a_fleet()
    assert state.restore(3, {}, 5 * SECOND_US, last_parent=2)
    assert facts_of(state, 3, HOUR_US).away_s == 0
    state.on_tree(without(CHAIN, 3), HOUR_US)
    gone = facts_of(state, 3, HOUR_US + MINUTE_US)
    assert (gone.away_s, gone.last_parent) == (60, 2)
    assert state.behind(2) == [4]


def test_a_node_that_was_away_before_the_start_is_away_longer():
    state = a_fleet()
    state.restore(3, {}, 5 * SECOND_US, away_s=100, last_parent=2)
    assert facts_of(state, 3, HOUR_US).away_s == 100
    state.on_tree(without(CHAIN, 3), HOUR_US)
    gone = facts_of(state, 3, HOUR_US + MINUTE_US)
    assert (gone.away_s, gone.silent_s) == (160, 160)


def test_a_node_that_is_restored_while_we_see_the_mesh_is_away_or_there():
    state = a_fleet(CHAIN)
    state.restore(3, {}, MINUTE_US)
    state.restore(9, {}, MINUTE_US)
    assert facts_of(state, 3, 2 * MINUTE_US).online
    assert facts_of(state, 3, 2 * MINUTE_US).last_parent == 2
    assert facts_of(state, 9, 2 * MINUTE_US).away_s == 60


# -- bounds ----------------------------------------------------------------------------------


def test_ids_that_are_made_up_without_end_are_forgotten_again():
    state = a_fleet(CHAIN)
    state.on_tree(CHAIN | {9: 5}, SECOND_US)
    state.on_package(9, 5, SECOND_US)
    state.on_sample(told(9, nodes=5), SECOND_US)
    dropped = []
    for turn in range(30):
        made_up = {10_000 + 100 * turn + number: 5 for number in range(100)}
        dropped += state.on_tree(CHAIN | made_up, (2 + turn) * SECOND_US)
        assert len(state.nodes()) <= NODES_MAX + len(CHAIN) + 100
    assert dropped == sorted(dropped), "those that left first go first"
    assert dropped[0] == 10_000
    assert {*CHAIN, 9} <= set(state.nodes()), "those that told something stay"
    assert not state.restore(99_999, {}, MINUTE_US)


# -- silence ---------------------------------------------------------------------------------


def test_packages_and_answers_break_the_silence():
    state = a_fleet(CHAIN)
    assert state.silent_us(3, 60 * SECOND_US) == 60 * SECOND_US
    state.on_delay(3, 5000, 0, 60 * SECOND_US)
    assert state.silent_us(3, 90 * SECOND_US) == 30 * SECOND_US
    assert state.on_package(3, 1, 100 * SECOND_US)
    assert state.silent_us(3, 101 * SECOND_US) == SECOND_US
    state.on_sample(told(3, "600", told_by=1, rssi_dbm=-60), 120 * SECOND_US)
    assert state.silent_us(3, 121 * SECOND_US) == 21 * SECOND_US
