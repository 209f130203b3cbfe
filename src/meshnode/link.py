"""One neighbour: what is known of it, its timers, and the bytes that wait for it."""

from meshnode.limits import Limits
from meshnode.timesync import TimeSync
from meshnode.tree import Tree
from meshnode.wire import FrameSplitter

#: The side that was dialed lets the other speak first (as C++ nodes do).
FIRST_SYNC_US = 10_000_000
SYNC_INTERVAL_US = 60_000_000
#: A node sync unanswered for this long means the neighbour is gone (NODE_TIMEOUT).
ANSWER_TIMEOUT_US = 10_000_000
#: While we did not read from a link its answer could not arrive; look again this much later.
PAUSED_GRACE_US = 2_000_000


class Link:
    """State of one link. The driver knows it by `handle`.

    Two lanes leave it: the sync lane (time sync, node sync) always goes first, so that
    membership survives any amount of data; the data lane is bounded by `Limits.queue_bytes`.
    Node sync frames are not queued but built when they leave: always fresh, at most one each.
    """

    def __init__(self, handle, dialed: bool, limits: Limits, now_us: int) -> None:
        self.handle = handle
        self.dialed = dialed
        self.splitter = FrameSplitter(limits)
        self.tree: Tree | None = None  # the neighbour's Tree, once it said who it is
        self.tree_text = ""  # the same as JSON
        self.branch_text = ""  # the part of it that the mesh view shows below this link
        self.sent_version = -1  # version of our own tree that the neighbour was told last
        self.time_sync = TimeSync()

        self.sync_due_us = now_us if dialed else now_us + FIRST_SYNC_US
        self.answer_due_us: int | None = None
        self.request_wanted = False
        self.reply_wanted = False

        self.data_bytes = 0
        self.taken_bytes = 0
        self.dropped_frames = 0
        self.refused_frames = 0
        self._max_sync_frames = limits.sync_frames
        self._sync_frames: list[bytes] = []
        self._data_frames: list[bytes] = []
        self._partial = b""

        self.feeders: list["Link"] = []  # links not read from until this one has drained
        self.pauses = 0  # how many links this one is a feeder of
        self.held_back = False  # paused since it was asked: its answer may lie unread
        self.stall_due_us: int | None = None
        self.stall_mark_bytes = 0
        self.dropping = False

    @property
    def node_id(self) -> int:
        """The neighbour, 0 before it said who it is."""
        return self.tree.node_id if self.tree is not None else 0

    @property
    def backlog_bytes(self) -> int:
        """Bytes waiting, node sync frames not yet built left out."""
        return self.data_bytes + len(self._partial) + sum([len(frame) for frame in self._sync_frames])

    def adopt_tree(self, tree: Tree) -> None:
        """Keep what the neighbour said of itself and the nodes behind it."""
        self.tree = tree
        self.tree_text = tree.text()

    def queue_sync(self, frame: bytes) -> None:
        """Queue a time sync frame; a neighbour that does not read loses the newest."""
        if len(self._sync_frames) < self._max_sync_frames:
            self._sync_frames.append(frame)
        else:
            self.dropped_frames += 1

    def queue_data(self, frame: bytes) -> None:
        """Queue a whole frame; the caller looks after the limit."""
        self._data_frames.append(frame)
        self.data_bytes += len(frame)

    def has_data(self) -> bool:
        """Whether take() would return something."""
        return bool(
            self._partial
            or self._data_frames
            or self._sync_frames
            or self.reply_wanted
            or self.request_wanted
        )

    def take(self, room_bytes: int, node_sync_frame) -> bytes:
        """At most `room_bytes` of what waits, sync lane first, never one frame inside another.

        `node_sync_frame(link, is_request)` builds a node sync frame at the moment it leaves.
        """
        taken = []
        room = room_bytes
        while room > 0:
            frame = self._partial or self._next_frame(node_sync_frame)
            if not frame:
                break
            if len(frame) > room:
                self._partial = frame[room:]
                frame = frame[:room]
            else:
                self._partial = b""
            taken.append(frame)
            room -= len(frame)
        self.taken_bytes += room_bytes - room
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def _next_frame(self, node_sync_frame) -> bytes:
        if self._sync_frames:
            return self._sync_frames.pop(0)
        if self.reply_wanted:
            self.reply_wanted = False
            return node_sync_frame(self, False)
        if self.request_wanted:
            self.request_wanted = False
            return node_sync_frame(self, True)
        if self._data_frames:
            frame = self._data_frames.pop(0)
            self.data_bytes -= len(frame)
            return frame
        return b""

    def next_deadline_us(self) -> int:
        """When one of this link's timers is due next."""
        deadline_us = self.sync_due_us
        for due_us in (self.answer_due_us, self.time_sync.due_us, self.stall_due_us):
            if due_us is not None and due_us < deadline_us:
                deadline_us = due_us
        return deadline_us

    def request_sync(self, now_us: int) -> None:
        """Ask for the neighbour's tree now, and start to wait for its answer."""
        self.request_wanted = True
        self.sync_due_us = now_us + SYNC_INTERVAL_US
        if self.answer_due_us is None:  # a link that flaps must still time out
            self.answer_due_us = now_us + ANSWER_TIMEOUT_US
            self.held_back = self.pauses > 0
