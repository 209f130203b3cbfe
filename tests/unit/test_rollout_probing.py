"""Measuring delays: everybody in turn, evenly, and never too many at once."""

from itertools import pairwise

import pytest

from meshward.rollout.probing import ANSWER_US, SPACING_US, Probing

SECOND_US = 1_000_000


def asked(probing, nodes, until_us, step_us=SPACING_US // 2):
    """(when, whom) of every question."""
    found = []
    for now_us in range(0, until_us, step_us):
        node = probing.next_node(nodes, now_us)
        if node is not None:
            found.append((now_us, node))
    return found


@pytest.mark.parametrize("count", [1, 4, 40])
def test_every_node_is_asked_once_in_every_round(count):
    nodes = range(100, 100 + count)
    found = asked(Probing(10 * SECOND_US, per_minute_max=600), nodes, 30 * SECOND_US)
    for node in nodes:
        times = [at_us for at_us, who in found if who == node]
        assert len(times) == 3
        assert all(9 * SECOND_US <= b - a <= 11 * SECOND_US for a, b in pairwise(times))


def test_questions_are_spread_evenly():
    found = asked(Probing(10 * SECOND_US, per_minute_max=600), range(20), 30 * SECOND_US)
    gaps = {b - a for (a, _), (b, _) in pairwise(found)}
    assert gaps == {SECOND_US // 2}


def test_a_large_mesh_is_asked_ten_times_a_second_at_most():
    found = asked(Probing(SECOND_US, per_minute_max=6000), range(500), 20 * SECOND_US)
    assert all(b - a >= SPACING_US for (a, _), (b, _) in pairwise(found))
    assert len(found) == 200


def test_a_mesh_has_a_budget_of_probes_however_large_it_is():
    found = asked(Probing(60 * SECOND_US), range(250), 600 * SECOND_US)
    assert {b - a for (a, _), (b, _) in pairwise(found)} == {SECOND_US}
    for node in range(250):
        times = [at_us for at_us, who in found if who == node]
        assert {b - a for a, b in pairwise(times)} == {250 * SECOND_US}


def test_a_small_mesh_does_not_use_its_budget_up():
    found = asked(Probing(60 * SECOND_US), range(3), 600 * SECOND_US)
    assert {b - a for (a, _), (b, _) in pairwise(found)} == {20 * SECOND_US}


def test_who_left_in_the_middle_of_a_round_is_not_asked():
    probing = Probing(60 * SECOND_US)
    assert probing.next_node({1, 2, 3}, 0) == 1
    assert probing.next_node({3}, 20 * SECOND_US) == 3
    assert probing.next_node({3}, 40 * SECOND_US) == 3
    assert probing.next_node({}, 100 * SECOND_US) is None


def test_a_budget_can_change():
    probing = Probing(SECOND_US, per_minute_max=6)
    probing.next_node([1], 0)
    assert probing.next_deadline_us() == 10 * SECOND_US
    probing.per_minute_max = 0
    probing.next_node([1], 10 * SECOND_US)
    assert probing.next_deadline_us() == 70 * SECOND_US


def test_an_answer_counts_once_and_only_in_time():
    probing = Probing(SECOND_US)
    assert probing.next_node([7], 0) == 7
    assert not probing.is_answer(8, 1000)
    assert probing.is_answer(7, 1000)
    assert not probing.is_answer(7, 2000)
    assert probing.next_node([7], SECOND_US) == 7
    assert not probing.is_answer(7, SECOND_US + ANSWER_US)


def test_an_empty_mesh_is_looked_at_again_soon():
    probing = Probing(60 * SECOND_US)
    assert probing.next_node([], 0) is None
    assert probing.next_deadline_us() == SECOND_US
    assert probing.next_node([5], SECOND_US) == 5


def test_nodes_that_never_answer_are_forgotten():
    probing = Probing(SECOND_US)
    for round_ in range(1000):
        probing.next_node([round_], round_ * SECOND_US)
    assert len(probing._asked_us) <= ANSWER_US // SECOND_US + 1
