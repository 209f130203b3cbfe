"""Moving frames between links: queues, back-pressure, and what happens when one jams.

A full queue pauses reading from the links that fill it. After STALL_US the queue drops
frames instead, for a paused link's sync frames wait unread and 10 s of that split a mesh.
"""

from binascii import crc32

from meshnode.limits import Limits
from meshnode.link import Link
from meshnode.view import View
from meshnode.wire import ROUTE_BROADCAST, ROUTE_SINGLE, WireError, routing, u32

STALL_US = 3_000_000
#: A broadcast seen again within this time came round a ring; later it may have been sent again.
ECHO_US = 2_000_000


class LocalError(Exception):
    """Our side asked for something that cannot be done now."""


class NoRoute(LocalError):
    """Nobody to send to: the node is unknown, or no link is up."""


class QueueFull(LocalError):
    """A queue has no room; nothing was queued, try again when it has drained."""


class Relay:
    """Frames from link to link. Counts what it relayed, dropped and could not route."""

    def __init__(self, limits: Limits) -> None:
        self.relayed_frames = 0
        self.dropped_frames = 0
        self.unroutable_frames = 0
        self._limit_bytes = limits.queue_bytes
        self._marks_max = limits.broadcast_marks
        self._pending: dict = {}  # handle -> None: an ordered set, for a reproducible order
        self._recent: dict = {}  # mark of a broadcast -> [link it came by, how often again]
        self._before: dict = {}  # the same of the time before
        self._recent_until_us = 0

    def mark(self, link: Link) -> None:
        """Note that a link has something to send."""
        self._pending[link.handle] = None

    def pending(self) -> list:
        """Handles of links with something to send."""
        return list(self._pending)

    def send(self, links: list[Link], frame: bytes, now_us: int) -> int:
        """Queue an own frame on the links, or raise QueueFull and queue it on none.

        Links that jammed for STALL_US are left out, so that one dead branch does not silence us.
        Returns the number of links it was queued on.
        """
        takers = [link for link in links if not link.dropping]
        full = [
            link for link in takers if link.data_bytes and link.data_bytes + len(frame) > self._limit_bytes
        ]
        for link in full:
            self._watch(link, now_us)
        if full or not takers:
            link = (full or links)[0]
            raise QueueFull("%d bytes wait for node %d" % (link.data_bytes, link.node_id))
        for link in takers:
            link.queue_data(frame)
            self._pending[link.handle] = None
        for link in links:
            if link.dropping:
                link.dropped_frames += 1
                self.dropped_frames += 1
        return len(takers)

    def relay(self, source: Link, targets, frame: bytes, now_us: int) -> None:
        """Pass a frame (without its NUL) on, as the bytes that came; never back where it came from."""
        sent = 0
        frame += b"\0"
        for target in targets:
            if target is source:
                continue
            if target.dropping:
                target.dropped_frames += 1
                self.dropped_frames += 1
                continue
            target.queue_data(frame)
            sent += 1
            self._pending[target.handle] = None
            if target.data_bytes > self._limit_bytes and source not in target.feeders:
                self._pause(source, target, now_us)
        self.relayed_frames += sent

    def is_echo(self, source: Link, frame: bytes, in_ring: bool, now_us: int) -> bool:
        """Whether a broadcast came lately already, because it circles in a ring.

        By another link only a ring brings it, known or not. By the same link the same words may
        have been said again, unless we know of a ring.
        """
        if now_us >= self._recent_until_us or len(self._recent) >= self._marks_max:
            self._before = self._recent if now_us < self._recent_until_us + ECHO_US else {}
            self._recent = {}
            self._recent_until_us = now_us + ECHO_US
        mark = crc32(frame) & 0x3FFFFFFF  # 30 bits need no heap on boards
        known = self._recent.get(mark) or self._before.get(mark)
        if known is None:
            self._recent[mark] = source
            return False
        return in_ring or known is not source

    def take(self, link: Link, room_bytes: int, node_sync_frame) -> bytes:
        """Bytes to send; lets the feeders of the link go on once it has drained half-way."""
        data = link.take(room_bytes, node_sync_frame)
        if not link.has_data():
            self._pending.pop(link.handle, None)
        if (link.stall_due_us is not None or link.dropping) and link.data_bytes <= self._limit_bytes // 2:
            link.dropping = False
            _release_feeders(link)
        return data

    def forget(self, link: Link) -> None:
        """A link is gone."""
        self._pending.pop(link.handle, None)
        _release_feeders(link)
        self._recent = {}
        self._before = {}

    def handle_stall(self, link: Link, now_us: int) -> bool:
        """A queue was full for STALL_US. True where not a byte has left it meanwhile.

        Frames for it are dropped from now on, unless it moves and holds nobody back.
        """
        stuck = link.taken_bytes == link.stall_mark_bytes
        if stuck or link.feeders:
            link.dropping = True
            _release_feeders(link)
        else:
            link.stall_due_us = None
            self._watch(link, now_us)
        return stuck

    def _pause(self, source: Link, target: Link, now_us: int) -> None:
        self._watch(target, now_us)
        target.feeders.append(source)
        source.pauses += 1
        source.held_back = True

    def _watch(self, link: Link, now_us: int) -> None:
        if link.stall_due_us is None:
            link.stall_due_us = now_us + STALL_US
            link.stall_mark_bytes = link.taken_bytes


def links_for(package: dict, view: View) -> list[Link]:
    """The links an own package leaves by. Raises NoRoute, and ValueError where it is no package."""
    if type(package.get("type")) is not int:
        raise ValueError("a package needs a type, which is an int")
    try:
        route = routing(package)
        dest = u32(package, "dest") if route == ROUTE_SINGLE else 0
    except WireError as error:
        raise ValueError("not a package: %s" % error) from None
    if route == ROUTE_SINGLE:
        link = view.routes.get(dest)
        if link is None:
            raise NoRoute("no route to node %d" % dest)
        return [link]
    if route != ROUTE_BROADCAST:
        raise ValueError("a package needs a routing of 1 (single) or 2 (broadcast)")
    links = [link for link, _ in view.branches]
    if not links:
        raise NoRoute("no neighbour to send to")
    return links


def _release_feeders(link: Link) -> None:
    for feeder in link.feeders:
        feeder.pauses -= 1
    link.feeders = []
    link.stall_due_us = None
