"""Several nodes, wires between them, one virtual clock. Nothing is random, nothing sleeps."""

from itertools import pairwise
from typing import Any

from meshnode.events import LinkClosed
from meshnode.node import MeshNode

SECOND_US = 1_000_000
_CHUNK_BYTES = 1 << 16
_STEPS_MAX = 10_000


class End:
    """One end of a wire; its node's handle for the link."""

    def __init__(self, wire: "Wire", node_id: int) -> None:
        self.wire = wire
        self.node_id = node_id
        self.open = True
        self.arriving: list[tuple[int, bytes]] = []  # (due_us, bytes), bytes b"" for the end of the stream

    def __repr__(self) -> str:
        return f"<{self.wire}:{self.node_id}>"

    @property
    def other(self) -> "End":
        return self.wire.ends[1] if self is self.wire.ends[0] else self.wire.ends[0]


class Wire:
    """A connection. A dead one swallows what is sent, and neither side is told."""

    def __init__(self, number: int, dialer_id: int, listener_id: int, latency_us: int) -> None:
        self.number = number
        self.latency_us = latency_us
        self.dead = False
        self.clogged = False  # nothing is taken from the nodes, as with a full TCP window
        self.ends = (End(self, dialer_id), End(self, listener_id))

    def __repr__(self) -> str:
        return f"wire {self.number} {self.ends[0].node_id}-{self.ends[1].node_id}"

    @property
    def alive(self) -> bool:
        """Whether both nodes hold it and bytes get across."""
        return not self.dead and self.ends[0].open and self.ends[1].open


class Network:
    """Nodes by id. All that they tell is kept in `told`, by node.

    latency_us and window_bytes are those of each wire; the options go to each node.
    """

    def __init__(self, latency_us: int = 0, window_bytes: int = 1 << 16, **options: Any) -> None:
        self.now_us = 3 * SECOND_US
        self.latency_us = latency_us
        self.window_bytes = window_bytes
        self.options = options
        self.nodes: dict[int, MeshNode] = {}
        self.wires: list[Wire] = []
        self.told: dict[int, list[Any]] = {}
        self.moved_chunks = 0
        self._wires_made = 0

    # -- what befalls the network ----------------------------------------------------------

    def add(self, *node_ids: int, **options: Any) -> None:
        """New nodes."""
        for node_id in node_ids:
            self.nodes[node_id] = MeshNode(node_id, **{**self.options, **options})
            self.told[node_id] = []

    def connect(self, dialer_id: int, listener_id: int) -> Wire:
        """A connection comes up; nothing has been said yet."""
        self._wires_made += 1
        wire = Wire(self._wires_made, dialer_id, listener_id, self.latency_us)
        self.wires.append(wire)
        for end, dialed in zip(wire.ends, (True, False), strict=True):
            self.nodes[end.node_id].link_up(end, dialed, self.now_us)
            self._act_on_events(end.node_id)
        return wire

    def chain(self, *node_ids: int) -> list[Wire]:
        """New nodes, each joined to the one before, settled."""
        self.add(*node_ids)
        wires = []
        for upper_id, lower_id in pairwise(node_ids):
            wires.append(self.connect(lower_id, upper_id))
            self.settle()
        self.run_for(SECOND_US)
        return wires

    def cut(self, wire: Wire) -> None:
        """A connection ends, and both nodes are told at once."""
        for end in wire.ends:
            if end.open:
                end.open = False
                self.nodes[end.node_id].link_down(end, self.now_us)
                self._act_on_events(end.node_id)
        self._sweep()

    def kill(self, wire: Wire) -> None:
        """A connection dies without a word."""
        wire.dead = True
        for end in wire.ends:
            end.arriving.clear()
        self._sweep()

    def reboot(self, node_id: int, *, silently: bool, **options: Any) -> None:
        """A node starts anew, knowing nothing; its neighbours are told, or not."""
        for wire in self.wires_of(node_id):
            if silently:
                self.kill(wire)
            else:
                self.cut(wire)
            for end in wire.ends:
                if end.node_id == node_id:
                    end.open = False
        self.add(node_id, **options)
        self._sweep()

    # -- time --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Deliver all that is under way or wants to leave, in no time where wires have no latency."""
        for _ in range(_STEPS_MAX):
            if not self._move_all():
                return
        raise AssertionError("the network never comes to rest")

    def run_for(self, by_us: int) -> None:
        """Let time pass: wake nodes exactly when they ask, deliver bytes exactly when they are due."""
        end_us = self.now_us + by_us
        for _ in range(_STEPS_MAX):
            self.settle()
            due_us = self._next_us()
            if due_us is None or due_us > end_us:
                self.now_us = end_us
                return
            self.now_us = max(self.now_us, due_us)
            self.wake()
        raise AssertionError("the nodes never come to rest")

    def wake(self) -> None:
        """Call the nodes whose deadline has come."""
        for node_id, node in self.nodes.items():
            due_us = node.next_deadline_us()
            if due_us is not None and due_us <= self.now_us:
                node.handle_deadline(self.now_us)
                self._act_on_events(node_id)

    def flush(self) -> bool:
        """Put what nodes want to send on their wires; whether anything moved."""
        moved = False
        for node_id, node in self.nodes.items():
            for end in node.pending():
                while (room_bytes := self._room_bytes(end)) > 0:
                    data = node.data_to_send(end, room_bytes)
                    if not data:
                        break
                    moved = True
                    self._put(end, data)
            self._act_on_events(node_id)
        return moved

    def deliver(self, end: End, size_bytes: int) -> bool:
        """Give a node at most so many of the bytes that have arrived for it; whether it took any."""
        node = self.nodes[end.node_id]
        if not end.open or not end.arriving or end.arriving[0][0] > self.now_us or node.paused(end):
            return False
        due_us, data = end.arriving.pop(0)
        if not data:
            end.open = False
            node.link_down(end, self.now_us)
        else:
            if len(data) > size_bytes:
                end.arriving.insert(0, (due_us, data[size_bytes:]))
            node.receive(end, data[:size_bytes], self.now_us)
            self.moved_chunks += 1
        self._act_on_events(end.node_id)
        return True

    # -- how it looks ------------------------------------------------------------------------

    def wires_of(self, node_id: int) -> list[Wire]:
        return [wire for wire in self.wires if node_id in (wire.ends[0].node_id, wire.ends[1].node_id)]

    def edges(self) -> set[frozenset[int]]:
        """Which nodes are joined by a living wire."""
        return {frozenset(end.node_id for end in wire.ends) for wire in self.wires if wire.alive}

    def component(self, node_id: int) -> set[int]:
        """The nodes that can be reached from one over living wires, itself included."""
        found, fresh = {node_id}, [node_id]
        while fresh:
            here = fresh.pop()
            for edge in self.edges():
                if here in edge:
                    news = edge - found
                    found |= news
                    fresh += news
        return found

    def events(self, node_id: int, *kinds: type) -> list[Any]:
        """What a node told, of some classes or all."""
        return [event for event in self.told[node_id] if not kinds or isinstance(event, kinds)]

    # -- the machinery -----------------------------------------------------------------------

    def _move_all(self) -> bool:
        moved = self.flush()
        for wire in list(self.wires):
            for end in wire.ends:
                while self.deliver(end, _CHUNK_BYTES):
                    moved = True
        self._sweep()
        return moved

    def _room_bytes(self, end: End) -> int:
        if end.wire.clogged:
            return 0
        return self.window_bytes - sum(len(data) for _, data in end.other.arriving)

    def _put(self, end: End, data: bytes) -> None:
        if end.open and not end.wire.dead:
            end.other.arriving.append((self.now_us + end.wire.latency_us, data))

    def _act_on_events(self, node_id: int) -> None:
        events = self.nodes[node_id].events()
        self.told[node_id] += events
        for event in events:
            if isinstance(event, LinkClosed):
                self._put(event.link, b"")
                event.link.open = False

    def _sweep(self) -> None:
        self.wires = [wire for wire in self.wires if any(end.open for end in wire.ends)]

    def _next_us(self) -> int | None:
        dues = [node.next_deadline_us() for node in self.nodes.values()]
        for wire in self.wires:
            dues += [
                end.arriving[0][0]
                for end in wire.ends
                if end.open and end.arriving and not self.nodes[end.node_id].paused(end)
            ]
        return min((due_us for due_us in dues if due_us is not None), default=None)


def view_edges(node: MeshNode) -> set[frozenset[int]]:
    """The links of the mesh as a node sees them."""
    tree = node.tree()
    return {frozenset(pair) for pair in zip(tree.ids, tree.parents(), strict=True) if pair[1] is not None}
