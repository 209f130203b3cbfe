"""Bounds on everything a peer can make this node hold, each with its reason."""


class Limits:
    """What one node accepts and queues at most.

    The defaults suit a gateway. A board passes smaller numbers: a tenth of them
    runs a 60-node mesh in a 100 KB heap.
    """

    def __init__(
        self,
        *,
        frame_bytes: int = 256 * 1024,
        nesting: int = 255,
        tree_nodes: int = 2000,
        queue_bytes: int = 64 * 1024,
        sync_frames: int = 16,
        delay_requests: int = 512,
        broadcast_marks: int = 512,
    ) -> None:
        #: Longest frame taken in; longer ones are skipped up to their NUL. C++ nodes were
        #: seen to relay 200 KB frames, so anything a mesh carries today fits.
        self.frame_bytes = frame_bytes
        #: Deepest JSON nesting. ArduinoJson 7 drops frames from about 255 levels on, so a
        #: deeper frame (a chain of more than 127 nodes) would not cross a real mesh either.
        self.nesting = nesting
        #: Most nodes in one neighbour's tree: several times the largest mesh known to work.
        self.tree_nodes = tree_nodes
        #: Bytes queued per link before the links that feed it are paused. 64 KB drain in
        #: 1.3 s through a board that moves 511 bytes every 10 ms.
        self.queue_bytes = queue_bytes
        #: Time sync frames queued per link; a peer that asks faster than it reads gets no answer.
        self.sync_frames = sync_frames
        #: Delay measurements awaiting an answer; the oldest is given up first.
        self.delay_requests = delay_requests
        #: Broadcasts remembered (up to twice as many for a moment), to tell those that come round
        #: a ring. A longer burst would circle until the ring is cut.
        self.broadcast_marks = broadcast_marks
