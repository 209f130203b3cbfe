"""A virtual board: a MeshNode with a main loop like a board's, and a power supply that can fail.

It has the methods of a MeshNode that a driver calls, so the same `Runner` drives it.
"""

from typing import Any

from meshnode.events import Event
from meshnode.node import MeshNode
from meshnode.tree import Tree
from meshward.sim.drive import LoopModel

#: Bytes that wait for the main loop before the link is read no further, and TCP holds the sender back.
_INBOX_BYTES = 8 * 1024


class Board:
    """A node behind a main loop, as `meshward.sim.drive.LoopDriver` models it in virtual time.

    Without a loop bytes move at once. `phase_us` says when within the period the passes are.
    """

    def __init__(self, node: MeshNode, loop: LoopModel | None = None, phase_us: int = 0) -> None:
        self.node_id: int = node.node_id
        self._node = node
        self._loop = loop
        self._phase_us = phase_us
        self._inboxes: dict[object, bytes] = {}  # came in, for the coming passes
        self._outboxes: dict[object, bytes] = {}  # taken from the node, behind the end of a frame
        self._released: dict[object, bytes] = {}  # what this pass lets go
        self._ended: set[object] = set()  # links that are gone, with an inbox still to be read
        self._next_pass_us: int | None = None
        self._last_pass_us = -1
        self._powered = True

    def cut_power(self) -> None:
        """Fall silent: connections stay open, nothing is read or said any more."""
        self._powered = False

    def slow_down(self, factor: float) -> None:
        """Make each pass of the main loop so many times longer; no loop, no change."""
        if self._loop is not None:
            self._loop = self._loop.slower(factor)

    # -- as a MeshNode ------------------------------------------------------------------------

    def link_up(self, link: object, dialed: bool, now_us: int) -> None:
        if self._powered:
            self._node.link_up(link, dialed, now_us)
            self._want_pass(now_us)

    def link_down(self, link: object, now_us: int) -> None:
        self._released.pop(link, None)
        self._outboxes.pop(link, None)
        if self._inboxes.get(link):
            self._ended.add(link)  # what arrived before the end still counts
        else:
            self._node.link_down(link, now_us)
            self._want_pass(now_us)

    def receive(self, link: object, data: bytes, now_us: int) -> None:
        if self._loop is None:
            if self._powered:
                self._node.receive(link, data, now_us)
            return
        self._inboxes[link] = self._inboxes.get(link, b"") + data
        self._want_pass(now_us)

    def pending(self) -> list[object]:
        if not self._powered:
            return []
        return self._node.pending() if self._loop is None else list(self._released)

    def data_to_send(self, link: object, room_bytes: int) -> bytes:
        if not self._powered:
            return b""
        if self._loop is None:
            return self._node.data_to_send(link, room_bytes)
        data = self._released.pop(link, b"")
        if len(data) > room_bytes:
            self._released[link] = data[room_bytes:]
        return data[:room_bytes]

    def paused(self, link: object) -> bool:
        return (
            not self._powered or len(self._inboxes.get(link, b"")) > _INBOX_BYTES or self._node.paused(link)
        )

    def backlog(self, link: object) -> int:
        waiting = len(self._released.get(link, b"")) + len(self._outboxes.get(link, b""))
        return self._node.backlog(link) + waiting

    def send(self, package: dict[str, Any], now_us: int) -> int:
        links = self._node.send(package, now_us)
        self._want_pass(now_us)
        return links

    def measure_delay(self, dest: int, now_us: int) -> None:
        self._node.measure_delay(dest, now_us)
        self._want_pass(now_us)

    def next_deadline_us(self) -> int | None:
        if not self._powered:
            return None
        deadline_us = self._node.next_deadline_us()
        if self._loop is None or deadline_us is None:
            return self._next_pass_us or deadline_us
        due_us = self._pass_from(deadline_us)
        return due_us if self._next_pass_us is None else min(due_us, self._next_pass_us)

    def handle_deadline(self, now_us: int) -> None:
        if not self._powered:
            return
        if self._loop is None:
            self._node.handle_deadline(now_us)
            return
        due_us = self.next_deadline_us()
        if due_us is not None and now_us >= due_us:
            self._pass(now_us)

    def events(self) -> list[Event]:
        return self._node.events() if self._powered else []

    def time_us(self, now_us: int) -> int:
        return self._node.time_us(now_us)

    def tree(self) -> Tree:
        return self._node.tree()

    def nodes(self) -> list[int]:
        return self._node.nodes()

    def links(self) -> list[tuple[object, int]]:
        return self._node.links()

    # -- the main loop ------------------------------------------------------------------------

    def _want_pass(self, now_us: int) -> None:
        if self._loop is not None:
            due_us = self._pass_from(now_us)
            if self._next_pass_us is None or due_us < self._next_pass_us:
                self._next_pass_us = due_us

    def _pass_from(self, time_us: int) -> int:
        """The first turn of the loop that is not before `time_us` and not made yet."""
        assert self._loop is not None
        time_us = max(time_us, self._last_pass_us + 1)
        return time_us + (self._phase_us - time_us) % self._loop.period_us

    def _pass(self, now_us: int) -> None:
        assert self._loop is not None
        # A late timer does not move the passes: this one counts as made at its place in the grid.
        self._last_pass_us = now_us - (now_us - self._phase_us) % self._loop.period_us
        self._next_pass_us = None
        self._node.handle_deadline(now_us)
        for link in {**dict.fromkeys(self._node.pending()), **self._outboxes}:
            self._write_piece(link, self._loop.write_bytes)
        for link in list(self._inboxes):
            self._read_frame(link, now_us)
        if self._inboxes or self._outboxes or self._node.pending():
            self._want_pass(now_us)

    def _write_piece(self, link: object, size_bytes: int) -> None:
        if link in self._released:
            return  # the network did not take the last piece yet
        if link in self._ended:
            self._node.data_to_send(link, size_bytes)
            return
        piece = self._outboxes.pop(link, b"")
        if len(piece) < size_bytes and b"\0" not in piece:
            piece += self._node.data_to_send(link, size_bytes - len(piece))
        cut = piece.find(b"\0", 0, size_bytes) + 1 or min(len(piece), size_bytes)
        if cut:
            self._released[link] = piece[:cut]
        if cut < len(piece):
            self._outboxes[link] = piece[cut:]

    def _read_frame(self, link: object, now_us: int) -> None:
        if self._node.paused(link):
            return
        inbox = self._inboxes.pop(link)
        cut = inbox.find(b"\0") + 1 or len(inbox)
        self._node.receive(link, inbox[:cut], now_us)
        if cut < len(inbox):
            self._inboxes[link] = inbox[cut:]
        elif link in self._ended:
            self._ended.discard(link)
            self._node.link_down(link, now_us)
