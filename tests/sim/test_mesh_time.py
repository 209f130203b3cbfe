"""Mesh time: clocks that start anywhere and drift come together and stay together."""

from random import Random

import pytest

from meshnode.clock import difference_us
from meshward.sim import World
from meshward.topologies import KINDS, parents

ACCURACY_US = 5_000
"""Below this two neighbours stop exchanging."""
DRIFT_PPM = 40
BETWEEN_SYNCS_US = 60 * 2 * DRIFT_PPM


def clocks_apart(kind, seed, **options):
    world = World(seed=seed)
    rng = Random(seed)
    shape = parents(kind, 24, rng=Random(seed))
    hosts = []
    for index, parent in enumerate(shape):
        clock_us = int(rng.random() * (1 << 32))
        drift_ppm = int((rng.random() - 0.5) * 2 * DRIFT_PPM)
        hosts.append(world.add_node(1001 + index, clock_us=clock_us, drift_ppm=drift_ppm, **options))
        if parent is not None:
            hosts[index].dial([hosts[parent]])
    assert world.mesh_time_spread_us() > 1_000_000_000
    assert world.run_until(world.converged, limit_s=15)
    return world


@pytest.mark.parametrize("kind", KINDS)
def test_mesh_time_comes_together_and_stays(kind, seed):
    world = clocks_apart(kind, seed)
    hops = 23 if kind == "chain" else 8
    bound_us = hops * (ACCURACY_US + BETWEEN_SYNCS_US)
    assert world.run_until(lambda: world.mesh_time_spread_us() < bound_us, limit_s=90)
    worst_us = 0
    for _ in range(60):
        world.run_for(5)
        worst_us = max(worst_us, world.mesh_time_spread_us())
    assert worst_us < bound_us


def test_boards_with_slow_loops_agree_as_well(seed):
    world = clocks_apart("tree", seed, loop_ms=10)
    assert world.run_until(lambda: world.mesh_time_spread_us() < 60_000, limit_s=120)


def test_mesh_time_survives_the_wrap_of_32_bits(seed):
    world = World(seed=seed)
    hosts = world.build(parents("tree", 9), clock_us=(1 << 32) - 40_000_000)
    world.run_for(30)
    before = [host.mesh_time_us for host in hosts]
    assert world.mesh_time_spread_us() < 10_000
    world.run_for(30)
    assert [
        difference_us(host.mesh_time_us, time_us) for host, time_us in zip(hosts, before, strict=True)
    ] == [pytest.approx(30_000_000, abs=20_000)] * 9
    assert all(host.mesh_time_us < 1 << 31 < time_us for host, time_us in zip(hosts, before, strict=True))
    assert world.mesh_time_spread_us() < 10_000


def test_a_rebooted_board_learns_the_time_anew(seed):
    world = World(seed=seed)
    hosts = world.build(parents("tree", 9), clock_us=3_000_000_000)
    world.run_for(30)
    hosts[4].reboot()
    world.run_for(2)
    assert world.run_until(lambda: world.mesh_time_spread_us() < ACCURACY_US, limit_s=30)
