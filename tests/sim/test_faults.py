"""What can befall links and nodes, and that the mesh heals."""

import pytest

from meshward.sim.channel import LinkProfile
from meshward.sim.world import World
from tests.sim.scenes import assert_whole, closed_links, mesh

# A link is noticed dead after at most 60 s until the next node sync, and 10 s without an answer.
SILENCE_S = 70
REDIAL_S = 10


def uplink(host):
    return host.station.end.connection


def cut(world, hosts):
    uplink(hosts[1]).cut()


def reset(world, hosts):
    uplink(hosts[1]).reset()


def close_from_below(world, hosts):
    hosts[1].close(uplink(hosts[1]).near.handle)


def close_from_above(world, hosts):
    hosts[0].close(uplink(hosts[1]).far.handle)


def short_stall(world, hosts):
    uplink(hosts[1]).stall(5_000_000)


def long_stall(world, hosts):
    uplink(hosts[1]).stall(120_000_000)


def kill(world, hosts):
    hosts[1].kill("silent")


def kill_with_reset(world, hosts):
    hosts[1].kill("reset")


def kill_in_order(world, hosts):
    hosts[1].kill("close")


def reboot(world, hosts):
    hosts[1].reboot()


def silent_reboot(world, hosts):
    hosts[1].reboot(death="silent")


def reboot_of_the_top(world, hosts):
    hosts[0].reboot(downtime_us=3_000_000)


def reparent(world, hosts):
    hosts[2].reparent(hosts[11])


def reparent_below_a_child(world, hosts):
    hosts[1].reparent(hosts[12])


def all_links_reset(world, hosts):
    for host in hosts[1:]:
        uplink(host).reset()


FAULTS = [
    *(cut, reset, close_from_below, close_from_above, short_stall, long_stall),
    *(kill, kill_with_reset, kill_in_order),
    *(reboot, silent_reboot, reboot_of_the_top),
    *(reparent, reparent_below_a_child, all_links_reset),
]


@pytest.mark.parametrize("loop_ms", [None, 10])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_mesh_heals(fault, loop_ms, seed):
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3, loop_ms=loop_ms)
    world.run_for(25)
    fault(world, hosts)
    world.run_for(2 * (SILENCE_S + REDIAL_S))
    assert_whole(world)
    assert all(host.alive or fault in {kill, kill_with_reset, kill_in_order} for host in hosts)


def test_a_close_that_is_seen_heals_at_once(seed):
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3)
    world.run_for(25)
    uplink(hosts[1]).reset()
    world.run_for(0.5)
    assert not world.converged()
    assert world.run_until(world.converged, limit_s=5)


def test_a_short_stall_closes_nothing(seed):
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3)
    world.run_for(25)
    closed = closed_links(world)
    uplink(hosts[1]).stall(9_000_000)
    world.run_for(80)
    assert closed == []
    assert_whole(world)


def test_both_sides_of_a_dead_link_notice_within_the_time_of_silence(seed):
    world, hosts = mesh("chain", 4, seed=seed)
    world.run_for(25)
    closed = closed_links(world)
    for host in hosts[1:]:
        host.station.targets = []  # nobody dials again
    uplink(hosts[2]).cut()
    world.run_for(SILENCE_S)
    assert sorted(host.node_id for host, _ in closed) == [hosts[1].node_id, hosts[2].node_id]
    assert all("silent" in reason for _, reason in closed)
    assert world.converged(hosts[:2])
    assert world.converged(hosts[2:])


def test_a_board_that_lost_its_power_is_back_long_before_its_old_link_times_out(seed):
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3)
    world.run_for(25)
    hosts[4].station.targets = [hosts[1]]
    hosts[4].reboot(death="silent")
    world.run_for(40)
    assert_whole(world)


def test_a_mesh_without_its_middle_is_two_meshes(seed):
    world, hosts = mesh("chain", 5, seed=seed)
    for host in hosts[1:]:
        del host.station.targets[1:]
    hosts[2].kill("reset")
    world.run_for(5)
    assert world.converged(hosts[:2])
    assert world.converged(hosts[3:])
    hosts[2].boot()
    world.run_for(30)
    assert_whole(world)


def test_a_listener_that_restarts_while_it_is_dialed_leaves_no_dead_link():
    world = World(seed=1)
    top, child = world.build([None, 0], link=LinkProfile(latency_us=50_000))
    world.run_for(0.06)  # the listener has the connection, the dialer does not know yet
    assert top.ends
    assert not child.ends
    top.reboot(500_000)
    world.run_for(0.1)
    assert not child.ends, "the answer of a listener that is gone made a link"
    assert world.run_until(world.converged, limit_s=5)
