"""The world: one clock, its hosts, and the connections they dial."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random
from typing import Any

from meshnode.clock import difference_us
from meshnode.limits import Limits
from meshnode.tree import Tree
from meshward.sim.channel import Connection, LinkProfile, Owner
from meshward.sim.drive import WRITE_BYTES, LoopModel
from meshward.sim.host import Host, HostProfile
from meshward.sim.kernel import Kernel
from meshward.sim.raw import RawPeer
from meshward.sim.station import Backoff
from meshward.sim.trace import Trace

CONNECT_TIMEOUT_US = 5_000_000
"""How long a dialer waits for a host that is off."""


class World:
    """Everything that exists in one run, as a function of `seed` and of what is done to it.

    >>> world = World(seed=1)
    >>> hosts = world.build(parents("tree", 20))
    >>> world.run_until(world.converged, limit_s=60)
    True
    """

    def __init__(self, seed: int = 0, *, trace: Trace | None = None, link: LinkProfile | None = None) -> None:
        self.seed = seed
        self.rng = Random(seed)  # noqa: S311  to be repeatable is the point
        self.kernel = Kernel()
        self.trace = trace
        self.link_profile = link or LinkProfile()
        self.hosts: list[Host] = []
        self.connections_made = 0

    # Building.

    def add_node(
        self,
        node_id: int,
        *,
        root: bool = False,
        time_authority: bool = False,
        limits: Limits | None = None,
        loop_ms: float | None = None,
        bytes_per_loop: int = WRITE_BYTES,
        clock_us: int = 0,
        drift_ppm: int = 0,
        listening: bool = True,
        setup: Callable[[Host], None] | None = None,
    ) -> Host:
        """A new host, running. `loop_ms` gives it the main loop of a board (see `drive`)."""
        loop = None if loop_ms is None else LoopModel(round(loop_ms * 1000), bytes_per_loop)
        profile = HostProfile(root, time_authority, limits, loop, clock_us, drift_ppm, listening, setup)
        host = Host(self, node_id, profile)
        self.hosts.append(host)
        return host

    def add_raw(self, name: str, *, listening: bool = True) -> RawPeer:
        """A peer that a script plays."""
        return RawPeer(self.kernel, name, listening=listening)

    def build(
        self,
        parent_list: Sequence[int | None],
        first_id: int = 1001,
        *,
        link: LinkProfile | None = None,
        backoff: Backoff | None = None,
        **options: Any,
    ) -> list[Host]:
        """Hosts in the shape of a parent list (see `meshward.topologies`), each a station of its parent.

        `options` are those of `add_node`, the same for all.
        """
        hosts = [self.add_node(first_id + index, **options) for index in range(len(parent_list))]
        for host, parent in zip(hosts, parent_list, strict=True):
            if parent is not None:
                host.dial([hosts[parent]], link, backoff)
        return hosts

    def dial(self, dialer: Owner, listener: Owner, profile: LinkProfile | None = None) -> Connection:
        """Open one connection. It stands after a latency there and one back; nobody redials it."""
        profile = profile or self.link_profile
        self.connections_made += 1
        connection = Connection(self.kernel, self.connections_made, profile, dialer, listener)
        self.kernel.after(profile.latency_us, partial(self._arrive, connection))
        return connection

    # Running.

    @property
    def now_s(self) -> float:
        """Virtual seconds since the world began."""
        return self.kernel.now_us / 1_000_000

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.kernel.run_until(self.kernel.now_us + round(seconds * 1_000_000))

    def run_until(self, predicate: Callable[[], bool], limit_s: float, step_us: int = 10_000) -> bool:
        """Let time pass until the predicate holds, looking every `step_us`; False if it never did."""
        end_us = self.kernel.now_us + round(limit_s * 1_000_000)
        while not predicate():
            next_us = self.kernel.next_us
            if self.kernel.now_us >= end_us:
                return False
            step_end_us = max(self.kernel.now_us + step_us, end_us if next_us is None else next_us)
            self.kernel.run_until(min(step_end_us, end_us))
        return True

    def record(self, host: Host, what: str, *details: object) -> None:
        """Add an event to the trace, if there is one."""
        if self.trace is not None:
            self.trace.record(self.kernel.now_us, host.node_id, what, *details)

    # Looking at it from outside.

    def living(self) -> list[Host]:
        """The hosts that are on."""
        return [host for host in self.hosts if host.alive]

    def converged(self, hosts: Iterable[Host] | None = None) -> bool:
        """Whether these hosts (by default all that are on) agree on one tree of exactly themselves."""
        members = self.living() if hosts is None else list(hosts)
        ids = {host.node_id for host in members}
        edges: set[tuple[int, int]] | None = None
        for host in members:
            if len(host.node.nodes()) != len(ids) - 1:
                return False
        for host in members:
            tree = host.node.tree()
            if set(tree.ids) != ids:
                return False
            edges = edges or _edges(tree)
            if edges != _edges(tree):
                return False
        return True

    def mesh_time_spread_us(self, hosts: Iterable[Host] | None = None) -> int:
        """Difference between the most advanced and the latest mesh time of these hosts."""
        members = self.living() if hosts is None else list(hosts)
        reference_us = members[0].mesh_time_us
        offsets = [difference_us(host.mesh_time_us, reference_us) for host in members]
        return max(offsets) - min(offsets)

    def _arrive(self, connection: Connection) -> None:
        dialer, listener = connection.near.owner, connection.far.owner
        latency_us = connection.profile.latency_us
        if connection.near.closed:
            return
        if listener.alive and listener.listening:
            # The listener may speak first, but nothing reaches the dialer before it knows.
            self.kernel.after(latency_us, partial(self._answer, connection))
            listener.accepted(connection.far)
        else:
            wait_us = latency_us if listener.alive else CONNECT_TIMEOUT_US
            self.kernel.after(wait_us, partial(dialer.refused, connection.near))

    def _answer(self, connection: Connection) -> None:
        near = connection.near
        if near.exhausted:  # the listener restarted while its answer was on the way
            near.owner.refused(near)
        elif not near.closed:
            near.owner.connected(near)


def _edges(tree: Tree) -> set[tuple[int, int]]:
    pairs = zip(tree.parents(), tree.ids, strict=True)
    return {(min(parent, child), max(parent, child)) for parent, child in pairs if parent is not None}
