"""Looks at a world from outside, and holds it against what it must never do."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshward.sim.host import Host
from meshward.sim.world import World

SAMPLE_US = 5_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """The most that one node ever held for one neighbour."""

    node_id: int
    neighbour_id: int
    size_bytes: int
    time_us: int


class BacklogWatch:
    """Samples what every relay holds for each neighbour; keeps the most seen of each.

    `ignored`: hosts that are no relays, such as the sender's. Looking changes nothing in the world.
    """

    def __init__(self, world: World, ignored: Iterable[Host] = (), every_us: int = SAMPLE_US) -> None:
        self.worst: dict[tuple[int, int], Backlog] = {}
        self._world = world
        self._ignored = set(ignored)
        self._every_us = every_us
        self._stopped = False
        self._sample()

    @property
    def most(self) -> Backlog:
        """The largest of all, of no bytes where nothing ever waited."""
        return max(self.worst.values(), key=lambda backlog: backlog.size_bytes, default=Backlog(0, 0, 0, 0))

    def stop(self) -> None:
        """Look no longer."""
        self._stopped = True

    def _sample(self) -> None:
        if self._stopped:
            return
        now_us = self._world.kernel.now_us
        for host in self._world.living():
            if host in self._ignored:
                continue
            for handle, neighbour_id in host.node.links():
                size_bytes = host.node.backlog(handle)
                key = (host.node_id, neighbour_id)
                known = self.worst.get(key)
                if size_bytes and (known is None or size_bytes > known.size_bytes):
                    self.worst[key] = Backlog(host.node_id, neighbour_id, size_bytes, now_us)
        self._world.kernel.after(self._every_us, self._sample)
