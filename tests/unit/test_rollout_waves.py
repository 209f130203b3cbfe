import random

import pytest

from meshward.rollout.spec import DEFAULT_WAVES, Wave
from meshward.rollout.waves import Candidate, assign_waves, canary_order


def node(number, *, depth=1, parent=None, hardware="ESP32", role="sensor", below=0):
    return Candidate(number, depth, parent, hardware, role, below)


def named(order, candidates):
    by_id = {candidate.node: candidate for candidate in candidates}
    return [by_id[node_id] for node_id in order]


def tree(size, seed, fan=4):
    """A random tree of two kinds of hardware and two roles; node 1 hangs below us."""
    rng = random.Random(seed)
    parents = {1: None} | {n: max(1, n - rng.randint(1, fan)) for n in range(2, size + 1)}
    depths, below = {1: 1}, dict.fromkeys(parents, 0)
    for child in range(2, size + 1):
        depths[child] = depths[parents[child]] + 1
    for child in range(size, 1, -1):
        below[parents[child]] += below[child] + 1
    return [
        node(
            n,
            depth=depths[n],
            parent=parents[n],
            hardware=rng.choice(("ESP32", "ESP8266")),
            role=rng.choice(("sensor", "lamp")),
            below=below[n],
        )
        for n in parents
    ]


def sizes(assigned, waves):
    return [sum(index == wave for index in assigned.values()) for wave in range(len(waves))]


@pytest.mark.parametrize("seed", range(20))
def test_two_canaries_cover_both_kinds_of_hardware_and_both_roles(seed):
    candidates = tree(40, seed)
    first = named(canary_order(candidates)[:2], candidates)
    assert {each.hardware for each in first} == {"ESP32", "ESP8266"}
    assert {each.role for each in first} == {"sensor", "lamp"}


def test_two_nodes_cover_all_where_only_one_pair_of_them_can():
    # Beginning with an ESP32 sensor, the commonest, would take three.
    candidates = [node(n) for n in range(1, 20)]
    candidates += [node(20, role="lamp"), node(21, hardware="ESP8266")]
    assert sorted(canary_order(candidates)[:2]) == [20, 21]


def test_four_canaries_cover_every_pair_of_hardware_and_role():
    candidates = tree(40, 3)
    assert len({each.kind for each in named(canary_order(candidates)[:4], candidates)}) == 4


def test_a_single_canary_is_of_the_commonest_kind():
    candidates = [node(1, hardware="ESP8266", role="lamp"), node(2), node(3)]
    assert canary_order(candidates)[0] == 2


def test_canaries_are_spread_over_depths_and_parents():
    candidates = [node(n, depth=2, parent=1) for n in range(10, 20)]
    candidates += [node(20, depth=2, parent=2), node(30, depth=3, parent=10)]
    first = named(canary_order(candidates)[:3], candidates)
    assert {each.parent for each in first} == {1, 2, 10}
    assert {each.depth for each in first} == {2, 3}


def test_a_node_that_holds_up_the_mesh_is_no_canary():
    candidates = [node(1, below=9)] + [node(n, depth=2, parent=1) for n in range(2, 11)]
    order = canary_order(candidates)
    assert 1 not in order[:3]


def test_the_order_does_not_depend_on_the_order_of_candidates():
    candidates = tree(60, 5)
    shuffled = random.Random(1).sample(candidates, len(candidates))
    assert canary_order(shuffled) == canary_order(candidates)
    assert sorted(canary_order(candidates)) == list(range(1, 61))


def test_the_default_waves_of_forty():
    assigned = assign_waves(DEFAULT_WAVES, tree(40, 1))
    assert sizes(assigned, DEFAULT_WAVES) == [2, 10, 28]


def test_each_wave_gets_a_node_while_there_are_any():
    waves = [Wave(name=name, size="1%") for name in "abc"]
    assert sizes(assign_waves(waves, tree(10, 1)), waves) == [1, 1, 8]
    assert sizes(assign_waves(waves, tree(2, 1)), waves) == [1, 1, 0]
    assert assign_waves(waves, []) == {}


def test_named_nodes_come_into_their_wave_and_no_other():
    waves = [Wave(name="a", nodes=(7, 9, 99)), Wave(name="b", size="2"), Wave(name="c", nodes=(3,))]
    assigned = assign_waves(waves, tree(10, 1))
    assert {n for n, wave in assigned.items() if wave == 0} == {7, 9}
    assert assigned[3] == 2
    assert sizes(assigned, waves) == [2, 2, 6]
    assert 99 not in assigned


def test_a_share_is_of_all_candidates_not_of_those_left():
    waves = [Wave(name="a", size="50%"), Wave(name="b", size="50%"), Wave(name="c")]
    assert sizes(assign_waves(waves, tree(10, 1)), waves) == [5, 5, 0]


@pytest.mark.timeout(5)
def test_a_thousand_nodes_in_a_chain_take_no_time():
    candidates = [
        node(n, depth=n, parent=n - 1 or None, below=1000 - n, hardware=f"chip {n % 5}")
        for n in range(1, 1001)
    ]
    assert len(assign_waves(DEFAULT_WAVES, candidates)) == 1000
