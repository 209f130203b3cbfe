"""A peer that is not a node: a script speaks and listens through it, as a raw TCP program would."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshward.sim.channel import End
    from meshward.sim.kernel import Kernel


class RawPeer:
    """Collects the frames (empty ones left out) of all its connections, and sends bytes as told.

    It reads at once, and keeps what does not fit into a connection's window until it does.
    """

    def __init__(self, kernel: "Kernel", name: str, *, listening: bool = True) -> None:
        self.name = name
        self.listening = listening
        self.alive = True
        self.frames: list[tuple[int, int, bytes]] = []
        """(time in µs, handle of the end, frame without its NUL), in order of arrival."""
        self.closes: list[tuple[int, int]] = []
        """(time in µs, handle of the end) of connections that the other side closed."""
        self.ends: dict[int, End] = {}
        self.on_frame: Callable[[End, bytes], None] | None = None
        self.on_connection: Callable[[End], None] | None = None
        self._kernel = kernel
        self._partial: dict[int, bytes] = {}
        self._waiting: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"<RawPeer {self.name}>"

    def send(self, end: "End", data: bytes) -> None:
        """Send bytes, split as the window demands; on a closed connection nothing happens."""
        if end.closed:
            return
        self._waiting[end.handle] = self._waiting.get(end.handle, b"") + data
        self.end_writable(end)

    def accepted(self, end: "End") -> None:
        self._open(end)

    def connected(self, end: "End") -> None:
        self._open(end)

    def refused(self, end: "End") -> None:
        self.closes.append((self._kernel.now_us, end.handle))

    def end_readable(self, end: "End") -> None:
        *frames, rest = (self._partial.get(end.handle, b"") + end.read()).split(b"\0")
        self._partial[end.handle] = rest
        for frame in filter(None, frames):
            self.frames.append((self._kernel.now_us, end.handle, frame))
            if self.on_frame is not None:
                self.on_frame(end, frame)
        if end.exhausted and not end.closed:
            self.closes.append((self._kernel.now_us, end.handle))
            end.close()

    def end_writable(self, end: "End") -> None:
        waiting = self._waiting.pop(end.handle, b"")
        room_bytes = end.room_bytes()
        if room_bytes and waiting:
            end.write(waiting[:room_bytes])
            waiting = waiting[room_bytes:]
        if waiting:
            self._waiting[end.handle] = waiting
            end.want_room()

    def _open(self, end: "End") -> None:
        self.ends[end.handle] = end
        if self.on_connection is not None:
            self.on_connection(end)
