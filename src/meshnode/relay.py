"""Moving frames between links: queues, back-pressure, and what happens when one jams.

A full queue pauses reading from the links that fill it. After STALL_US the queue drops
frames instead, for a paused link's sync frames wait unread and 10 s of that split a mesh.
"""

from meshnode.limits import Limits
from meshnode.link import Link

STALL_US = 3_000_000
_RECENT_MAX = 64


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
        self._pending: dict = {}  # handle -> None: an ordered set, for a reproducible order
        self._recent: list = []

    def mark(self, link: Link) -> None:
        """Note that a link has something to send."""
        self._pending[link.handle] = None

    def pending(self) -> list:
        """Handles of links with something to send."""
        return list(self._pending)

    def send(self, links: list, frame: bytes) -> None:
        """Queue an own frame on all links, or raise QueueFull and queue it on none."""
        for link in links:
            if link.dropping or (link.data_bytes and link.data_bytes + len(frame) > self._limit_bytes):
                raise QueueFull("%d bytes wait for node %d" % (link.data_bytes, link.node_id))
        for link in links:
            link.queue_data(frame)
            self._pending[link.handle] = None

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

    def is_echo(self, source: Link, frame: bytes) -> bool:
        """Whether a broadcast came lately by another link: it circles in a ring."""
        mark = hash(frame)
        for known, link in self._recent:
            if known == mark:
                return link is not source
        self._recent.append((mark, source))
        del self._recent[:-_RECENT_MAX]
        return False

    def take(self, link: Link, room_bytes: int, node_sync_frame) -> bytes:
        """Bytes to send; lets the feeders of the link go on once it has drained half-way."""
        data = link.take(room_bytes, node_sync_frame)
        if not link.has_data():
            self._pending.pop(link.handle, None)
        if (link.feeders or link.dropping) and link.data_bytes <= self._limit_bytes // 2:
            link.dropping = False
            _release_feeders(link)
        return data

    def forget(self, link: Link) -> None:
        """A link is gone."""
        self._pending.pop(link.handle, None)
        _release_feeders(link)
        self._recent = []

    def drop_from_now(self, link: Link) -> bool:
        """A queue stayed full: drop from now on. True where not a byte has left it since."""
        stuck = link.taken_bytes == link.stall_mark_bytes
        link.dropping = True
        _release_feeders(link)
        return stuck

    def _pause(self, source: Link, target: Link, now_us: int) -> None:
        if not target.feeders:
            target.stall_due_us = now_us + STALL_US
            target.stall_mark_bytes = target.taken_bytes
        target.feeders.append(source)
        source.pauses += 1


def _release_feeders(link: Link) -> None:
    for feeder in link.feeders:
        feeder.pauses -= 1
    link.feeders = []
    link.stall_due_us = None
