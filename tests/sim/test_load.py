"""Data under way for minutes: no link falls silent, no queue outgrows its limit."""

import pytest

from meshnode.limits import Limits
from meshnode.node import LocalError
from meshward.sim import LinkProfile
from tests.sim.scenes import assert_whole, closed_links, mesh
from tests.sim.services import PARTS_KIND, package_of_size

LIMITS = Limits(queue_bytes=16 * 1024)
FRAME_BYTES = 1548


class Pump:
    """Hands a host a package whenever its queue takes one, for as long as the run lasts."""

    def __init__(self, host, **fields):
        self._host = host
        self._package = package_of_size(FRAME_BYTES, type=PARTS_KIND, **{**fields, "from": host.node_id})
        self.sent = 0
        self._again()

    def _again(self):
        try:
            for _ in range(100):
                self._host.send(dict(self._package))
                self.sent += 1
        except LocalError:
            pass
        self._host.world.kernel.after(20_000, self._again)


class Watch:
    """The largest queue and the fullest window ever seen."""

    def __init__(self, world):
        self._world = world
        self.queue_bytes = 0
        self.window_bytes = 0
        self._look()

    def _look(self):
        for host in self._world.living():
            for handle, end in host.ends.items():
                self.queue_bytes = max(self.queue_bytes, host.node.backlog(handle))
                self.window_bytes = max(self.window_bytes, end.unread_bytes)
        self._world.kernel.after(50_000, self._look)


def received(host):
    count = [0]

    def note(_, event):
        count[0] += type(event).__name__ == "PackageReceived"

    host.on_event.append(note)
    return count


@pytest.mark.parametrize("loop_ms", [None, 10])
def test_a_flood_along_a_chain_closes_no_link(loop_ms, seed):
    link = LinkProfile(latency_us=2000, rate_bytes_s=60_000)
    world, hosts = mesh("chain", 5, seed=seed, link=link, loop_ms=loop_ms, limits=LIMITS)
    closed, watch, got = closed_links(world), Watch(world), received(hosts[4])
    Pump(hosts[0], routing=1, dest=hosts[4].node_id)
    world.run_for(200)
    assert closed == []
    assert got[0] * FRAME_BYTES > 200 * 25_000  # the slowest step makes 38 KB/s
    # One frame may overshoot the limit for each link that feeds the queue; sync frames come on top.
    assert watch.queue_bytes <= LIMITS.queue_bytes + 4 * FRAME_BYTES
    assert watch.window_bytes <= link.window_bytes
    assert world.converged()


@pytest.mark.parametrize("loop_ms", [None, 10])
def test_a_flood_to_all_closes_no_link(loop_ms, seed):
    link = LinkProfile(latency_us=2000, rate_bytes_s=60_000)
    world, hosts = mesh("tree", 13, seed=seed, link=link, loop_ms=loop_ms, limits=LIMITS, fan_out=3)
    closed, watch, got = closed_links(world), Watch(world), received(hosts[12])
    Pump(hosts[0], routing=2)
    world.run_for(150)
    assert closed == []
    assert got[0] * FRAME_BYTES > 150 * 25_000
    assert watch.queue_bytes <= LIMITS.queue_bytes + 4 * FRAME_BYTES
    assert world.converged()


def test_floods_from_both_ends_close_no_link(seed):
    world, hosts = mesh("chain", 4, seed=seed, loop_ms=10, limits=LIMITS)
    closed, watch = closed_links(world), Watch(world)
    Pump(hosts[0], routing=1, dest=hosts[3].node_id)
    Pump(hosts[3], routing=1, dest=hosts[0].node_id)
    world.run_for(150)
    assert closed == []
    assert watch.queue_bytes <= LIMITS.queue_bytes + 4 * FRAME_BYTES


def test_a_jam_on_one_branch_leaves_the_others_alone(seed):
    """A node that stops reading costs the others no link, and relays pass on what they can."""
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3, loop_ms=10, limits=LIMITS)
    source = world.add_node(1, limits=LIMITS)
    source.dial([hosts[0]])
    world.run_for(1)
    Pump(source, routing=2)
    world.run_for(20)
    got, closed, watch = received(hosts[12]), closed_links(world), Watch(world)
    jammed = hosts[1].station.end.connection
    jammed.stall(60_000_000)
    world.run_for(50)
    assert got[0] > 45 * 20  # all but the first 3 s, which may be the jam's
    assert {host.node_id for host, _ in closed} <= {hosts[0].node_id, hosts[1].node_id}
    assert watch.queue_bytes <= LIMITS.queue_bytes + 4 * FRAME_BYTES


def test_a_flood_of_joins_and_leaves_leaves_nothing_behind(seed):
    world, hosts = mesh("tree", 13, seed=seed, fan_out=3)
    for _ in range(100):
        hosts[7].reboot(100_000, death="reset")
        world.run_for(1.5)
    world.run_for(30)
    assert_whole(world)
    assert sum(len(host.ends) for host in hosts) == 2 * 12
    assert len(hosts[2].close_reasons) <= 100
