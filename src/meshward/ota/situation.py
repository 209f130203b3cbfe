"""What the pieces of an update share: the image, the mesh, the nodes, and what is to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from meshward.ota.commands import Command, Fence, Send
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.shape import Shape
from meshward.ota.states import NodeState
from meshward.ota.tally import Tally
from meshward.ota.unicast import WINDOW_MAX

BACKLOG_BYTES = {"ESP8266": 16 * 1024}
"""A relay holds what waits in its heap, and an ESP8266 has little."""
BACKLOG_BYTES_DEFAULT = 32 * 1024
LOOK_TIMEOUT_US = 15_000_000
"""How long a node may be away while nothing but a look is taken."""


class Random(Protocol):
    """The one thing asked of a source of randomness."""

    def random(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to update. `only` and `exclude` are node ids; times in microseconds."""

    strategy: str = "broadcast"
    """`broadcast`, `sequential` or `stock`."""
    window: int = WINDOW_MAX
    """Most parts on the way to one node."""
    concurrency: int = 3
    """Nodes served one to one at once."""
    backlog_bytes: int = BACKLOG_BYTES_DEFAULT
    """Most bytes on the way to any relay, one part per hop not counted."""
    only: frozenset[int] | None = None
    exclude: frozenset[int] = frozenset()
    attempts: int = 3
    """Whole transfers to a node that takes all parts and does not start the image."""
    return_timeout_us: int = 90_000_000
    """How long a node may be away that was sent something."""
    idle_return_timeout_us: int = 60_000_000
    """The same for one that was not: its parent may restart, else it is not ours to wait for."""
    link_bytes_per_s: float = 0.0
    """What a link carries, where it is known; else the best rate seen counts."""
    check_only: bool = False


@dataclass(slots=True)
class Situation:
    """The state of one update that more than one of its pieces looks at."""

    offer: Offer
    parts: Parts
    options: Options
    records: dict[int, NodeRecord]
    tally: Tally
    ghost_id: int
    """A node id that nobody has; see `frames.part_for_all`."""
    shape: Shape | None = None
    outbox: list[Command] = field(default_factory=list)

    def send(self, package: dict[str, Any]) -> None:
        """Have a package sent."""
        self.outbox.append(Send(package))

    def take_outbox(self) -> list[Command]:
        """What is to be done, counted by the links it crosses; cleared."""
        commands, self.outbox = self.outbox, []
        if self.shape is not None:
            for command in commands:
                if isinstance(command, Fence):
                    self.tally.fence(command.node_id, self.shape)
                else:
                    self.tally.package(command.package, self.shape)
        return commands

    def hops(self, node_id: int) -> int:
        """Links between us and a node, 0 where it is not in the tree."""
        return self.shape.hops(node_id) if self.shape is not None else 0

    def waiting(self) -> list[NodeRecord]:
        """The nodes in reach that need the image and are not being served."""
        return [
            record
            for record in self.records.values()
            if record.state is NodeState.SCHEDULED and record.away_since_us is None and record.unicast is None
        ]

    def copies_on_busiest_link(self) -> int:
        """How often our busiest link must carry the image: once for all, or once per node behind it."""
        sent_to = [record.node_id for record in self.records.values() if record.was_sent_to]
        if self.shape is None or not sent_to or self.options.strategy == "broadcast":
            return 1 if sent_to else 0
        behind: dict[int, int] = {}
        for node_id in sent_to:
            first_hop = self.shape.first_hop(node_id)
            behind[first_hop] = behind.get(first_hop, 0) + 1
        return max(behind.values())
