"""Meshes of every shape come together, as computers and as boards."""

from random import Random

import pytest

from meshward.sim import LinkProfile, World
from meshward.topologies import KINDS, parents
from tests.sim.scenes import assert_whole, closed_links

# Seconds until 100 nodes that all start at once agree; a chain needs its 99 hops twice.
LIMIT_S = {"star": 1, "tree": 2, "random": 3, "chain": 15}


@pytest.mark.parametrize("loop_ms", [None, 10])
@pytest.mark.parametrize("n", [24, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_all_nodes_come_to_agree(kind, n, loop_ms, seed):
    world = World(seed=seed)
    world.build(parents(kind, n, rng=Random(seed)), loop_ms=loop_ms)
    closed = closed_links(world)
    assert world.run_until(world.converged, limit_s=LIMIT_S[kind])
    assert_whole(world)
    assert closed == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_agreed_mesh_stays_as_it_is(kind, seed):
    world = World(seed=seed)
    hosts = world.build(parents(kind, 24, rng=Random(seed)), loop_ms=10)
    assert world.run_until(world.converged, limit_s=15)
    world.run_for(1)
    trees = [host.node.tree() for host in hosts]
    closed = closed_links(world)
    world.run_for(200)
    assert closed == []
    assert [host.node.tree() for host in hosts] == trees


def test_a_newcomer_knows_all_and_is_known_within_a_second(seed):
    world = World(seed=seed, link=LinkProfile(latency_us=2000))
    hosts = world.build(parents("tree", 100))
    assert world.run_until(world.converged, limit_s=5)
    newcomer = world.add_node(1)
    newcomer.dial([hosts[0]])
    start_s = world.now_s
    assert world.run_until(lambda: len(newcomer.node.nodes()) == 100, limit_s=1, step_us=1000)
    assert world.now_s - start_s < 0.05
    assert world.run_until(world.converged, limit_s=1)


def test_nodes_that_start_one_after_another(seed):
    world = World(seed=seed)
    shape = parents("random", 40, rng=Random(seed))
    hosts = []
    for index, parent in enumerate(shape):
        hosts.append(world.add_node(1001 + index, loop_ms=10))
        if parent is not None:
            hosts[index].dial([hosts[parent]])
        world.run_for(world.rng.random() * 0.05)
    assert world.run_until(world.converged, limit_s=5)


def test_two_meshes_that_meet_become_one(seed):
    world = World(seed=seed)
    first = world.build(parents("tree", 15), first_id=1001)
    second = world.build(parents("chain", 6), first_id=2001)
    assert world.run_until(lambda: world.converged(first) and world.converged(second), limit_s=5)
    assert not world.converged()
    second[0].dial([first[9]])
    assert world.run_until(world.converged, limit_s=2)
    assert_whole(world)


def test_a_second_node_of_the_same_id_is_kept_out(seed):
    world = World(seed=seed)
    hosts = world.build(parents("tree", 10))
    assert world.run_until(world.converged, limit_s=5)
    twin = world.add_node(hosts[5].node_id)
    twin.dial([hosts[9]])
    world.run_for(30)
    assert twin.node.nodes() == []
    assert world.converged(hosts)


def test_a_ring_is_not_closed(seed):
    world = World(seed=seed)
    hosts = world.build(parents("chain", 6))
    assert world.run_until(world.converged, limit_s=5)
    ring = world.dial(hosts[0], hosts[5])
    world.run_for(30)
    assert not ring.open
    assert_whole(world)
