"""A machine in the world: one node, its clock, its connections, and what can befall it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Literal, cast

from meshnode.events import Event, LinkClosed, LinkReady, TopologyChanged
from meshnode.limits import Limits
from meshnode.node import MeshNode
from meshward.sim.channel import Connection, End, LinkProfile, Owner
from meshward.sim.clock import LocalClock
from meshward.sim.drive import Driver, LoopDriver, LoopModel, PromptDriver
from meshward.sim.station import Backoff, Station

if TYPE_CHECKING:
    from meshward.sim.world import World

Death = Literal["silent", "reset", "close"]
"""What the neighbours of a host that stops see: nothing, a reset, or a close in order."""


@dataclass(frozen=True, slots=True)
class HostProfile:
    """What a host is built with, at its first start and after each reboot."""

    root: bool = False
    time_authority: bool = False
    limits: Limits | None = None
    loop: LoopModel | None = None
    """Main loop of a board; None moves bytes at once, as a computer does."""
    clock_us: int = 0
    """What the local clock shows at the first start; after a reboot it shows 0."""
    drift_ppm: int = 0
    """How much faster (or slower) than the world's the local clock runs."""
    listening: bool = True
    setup: "Callable[[Host], None] | None" = None
    """Called after each start with the new node in place: attach services here."""


class Host:
    """Drives a `MeshNode` as any driver does, from virtual connections and a virtual clock."""

    node: MeshNode
    clock: LocalClock

    def __init__(self, world: "World", node_id: int, profile: HostProfile) -> None:
        self.world = world
        self.node_id = node_id
        self.profile = profile
        self.listening = profile.listening
        self.alive = False
        self.boots = 0
        self.ends: dict[int, End] = {}
        self.station: Station | None = None
        self.on_event: list[Callable[[Host, Event], None]] = []
        """Called with each event of the node, in order."""
        self.close_reasons: list[str] = []
        """Why the node gave links up, the latest 100."""
        self._driver: Driver
        self.boot()

    def __repr__(self) -> str:
        return f"<Host {self.node_id}>"

    # What a program on the host does.

    @property
    def now_us(self) -> int:
        """The host's local clock."""
        return self.clock.local_us(self.world.kernel.now_us)

    @property
    def mesh_time_us(self) -> int:
        """Mesh time as this host's node has it, uint32."""
        time_us: int = self.node.time_us(self.now_us)
        return time_us

    def send(self, package: dict[str, Any]) -> int:
        """Hand a package to the node; returns the links it was queued on. Raises NoRoute, QueueFull."""
        links: int = self.node.send(package, self.now_us)
        self.touch()
        return links

    def measure_delay(self, node_id: int) -> None:
        """Have the node measure a delay; a `DelayMeasured` event follows. Raises NoRoute, QueueFull."""
        self.node.measure_delay(node_id, self.now_us)
        self.touch()

    def touch(self) -> None:
        """To be called after anything was done to `node` directly."""
        self._driver.touch()

    def neighbours(self) -> list[int]:
        """Ids of the neighbours whose handshake is done."""
        return [node_id for _, node_id in self.node.links()]

    def link_to(self, node_id: int) -> Connection | None:
        """The connection to a neighbour."""
        for handle, neighbour_id in self.node.links():
            if neighbour_id == node_id:
                return self.ends[handle].connection
        return None

    # What can befall it.

    def boot(self) -> None:
        """Start, with a node that knows nothing."""
        profile = self.profile
        local_us = 0 if self.boots else profile.clock_us
        self.clock = LocalClock(self.world.kernel.now_us, local_us, profile.drift_ppm)
        rng = Random(f"{self.world.seed}/{self.node_id}/{self.boots}")  # noqa: S311  to be repeatable is the point
        self.node = MeshNode(
            self.node_id,
            root=profile.root,
            time_authority=profile.time_authority,
            rng=rng,
            limits=profile.limits,
        )
        if profile.loop is None:
            self._driver = PromptDriver(self)
        else:
            self._driver = LoopDriver(self, profile.loop, int(rng.random() * profile.loop.period_us))
        self.alive = True
        self.boots += 1
        self.world.record(self, "boot", self.boots)
        if profile.setup is not None:
            profile.setup(self)
        self.touch()
        if self.station is not None:
            self.station.start()

    def kill(self, death: Death = "silent") -> None:
        """Stop: the node and all it knew are gone. Its neighbours see what `death` says."""
        if not self.alive:
            return
        self.world.record(self, "kill", death)
        self.alive = False
        if self.station is not None:
            self.station.stop()
        for end in list(self.ends.values()):
            if death == "close":
                end.close()
            else:
                end.closed = True
                if death == "silent":
                    end.connection.cut()
                else:
                    end.connection.reset()
        self.ends.clear()

    def reboot(self, downtime_us: int = 500_000, death: Death = "reset") -> None:
        """Stop and start again after a while; a host that is off just starts."""
        self.kill(death)
        boots = self.boots

        def start() -> None:
            if not self.alive and self.boots == boots:
                self.boot()

        self.world.kernel.after(downtime_us, start)

    def dial(
        self, targets: Sequence[Owner], profile: LinkProfile | None = None, backoff: Backoff | None = None
    ) -> Station:
        """Be a station of one of `targets`, now and after every loss or reboot."""
        self.station = Station(self, targets, profile or self.world.link_profile, backoff or Backoff())
        if self.alive:
            self.station.start()
        return self.station

    def reparent(self, target: Owner) -> None:
        """Drop the link upward and dial another node."""
        if self.station is None:
            raise ValueError(f"{self!r} is no station, so it has no parent to leave")
        self.station.retarget([target])

    def set_drift(self, drift_ppm: int) -> None:
        """Let the local clock run at another rate from now on."""
        self.clock.set_drift(drift_ppm, self.world.kernel.now_us)
        self.touch()

    def slow_down(self, factor: float) -> None:
        """Make each pass of the main loop so many times longer, until the next start; no loop, no change."""
        if isinstance(self._driver, LoopDriver):
            self._driver.slow_down(factor)

    # What its connections report (`Owner`).

    def accepted(self, end: End) -> None:
        self._link_up(end, dialed=False)

    def connected(self, end: End) -> None:
        self._link_up(end, dialed=True)

    def refused(self, end: End) -> None:
        if self.alive and self.station is not None:
            self.station.lost(end.handle)

    def end_readable(self, end: End) -> None:
        if end.handle in self.ends:
            self._driver.readable(end)

    def end_writable(self, end: End) -> None:
        if end.handle in self.ends:
            self._driver.touch()

    # What its driver asks for.

    def drives(self, driver: Driver) -> bool:
        """Whether this driver is not a leftover from before a reboot."""
        return self.alive and driver is self._driver

    def receive(self, end: End, data: bytes) -> None:
        """Hand bytes to the node."""
        trace = self.world.trace
        if trace is not None:
            trace.record_bytes(self.world.kernel.now_us, self.node_id, end.handle, data)
        self.node.receive(end.handle, data, self.now_us)

    def link_down(self, handle: int) -> None:
        """The far end closed: tell the node."""
        self._drop(handle, "closed by the neighbour")
        self.node.link_down(handle, self.now_us)

    def close(self, handle: int) -> None:
        """Close a connection from this side, as if its radio link had gone."""
        if handle in self.ends:
            self._drop(handle, "closed here")
            self.node.link_down(handle, self.now_us)
            self.touch()

    def take_events(self) -> bool:
        """Act on the node's events; whether there were any."""
        events = self.node.events()
        for event in events:
            self._record_event(event)
            if isinstance(event, LinkClosed):
                self.close_reasons.append(event.reason)
                del self.close_reasons[:-100]
                self._drop(cast("int", event.link), event.reason)
            elif isinstance(event, LinkReady) and self.station is not None:
                self.station.accepted(cast("int", event.link))
            for callback in self.on_event:
                callback(self, event)
        return bool(events)

    def _link_up(self, end: End, *, dialed: bool) -> None:
        if not self.alive or end.closed:
            end.close()
            return
        self.ends[end.handle] = end
        self.world.record(self, "link up", end.handle, dialed)
        self.node.link_up(end.handle, dialed, self.now_us)
        self.touch()

    def _drop(self, handle: int, reason: str) -> None:
        end = self.ends.pop(handle, None)
        if end is None:
            return
        self.world.record(self, "link down", handle, reason)
        self._driver.forget(handle)
        end.close()
        if self.station is not None:
            # The station dials again, but never from within what the node is being told.
            self.world.kernel.after(0, partial(self.station.lost, handle))

    def _record_event(self, event: Event) -> None:
        if self.world.trace is None:
            return
        if isinstance(event, TopologyChanged):
            tree = self.node.tree()
            self.world.record(self, "topology", list(tree.ids), list(tree.depths))
        else:
            self.world.record(self, "event", event)
