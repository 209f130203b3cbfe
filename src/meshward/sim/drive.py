"""How a host drives its node: at once, or in passes of a main loop as boards do.

The main-loop model follows what C++ nodes were seen to do. Every `period_us` the sketch's loop
makes a pass, and in a pass each link

1. writes one piece: at most `write_bytes`, and never beyond the end of the current frame;
2. hands one complete frame of those that arrived to the node.

Writing is what is limited, and it comes first: a frame handed to the node in one pass leaves, on
whichever link, from the next pass on. So with 511 bytes and 10 ms a 1548-byte frame takes
4 passes a link, and a question and answer of 1548 and 166 bytes takes 4 + 1 for the bytes and
1 for the two ends together, whose loops are out of step: 6 a hop. Reading a socket costs nothing.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from meshward.sim.channel import End

if TYPE_CHECKING:
    from meshward.sim.host import Host


WRITE_BYTES = 511
"""What a link of the C++ library writes in one pass on its Boost port (an ESP: about one segment)."""


@dataclass(frozen=True, slots=True)
class LoopModel:
    """The main loop of a board."""

    period_us: int = 10_000
    write_bytes: int = WRITE_BYTES
    """Most bytes a link writes in one pass."""

    def slower(self, factor: float) -> Self:
        """The same loop with passes so many times longer."""
        return replace(self, period_us=round(self.period_us * factor))


class Driver(Protocol):
    """Moves bytes and time between a host's connections and its node."""

    def touch(self) -> None:
        """Something was done to the node: see to what it now wants."""

    def readable(self, end: End) -> None:
        """An end has something to read."""

    def forget(self, handle: int) -> None:
        """A link is gone."""


class PromptDriver:
    """Moves everything at once, as a program on a computer does."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._held: dict[int, End] = {}  # not read while the node says so
        self._busy = False
        self._alarm_us: int | None = None

    def touch(self) -> None:
        if self._busy:
            return  # called from within: the loop below goes round again
        self._busy = True
        try:
            self._settle()
        finally:
            self._busy = False
        self._arm()

    def readable(self, end: End) -> None:
        self._held[end.handle] = end
        self.touch()

    def forget(self, handle: int) -> None:
        self._held.pop(handle, None)

    def _settle(self) -> None:
        host = self._host
        while True:
            busy = host.take_events()
            if self._held:
                busy = self._read() or busy
            busy = self._write() or busy
            if not busy:
                return

    def _read(self) -> bool:
        host = self._host
        read = False
        for handle, end in list(self._held.items()):
            if handle not in self._held or host.node.paused(handle):
                continue
            del self._held[handle]
            read = True
            if end.unread_bytes:
                host.receive(end, end.read())
            if end.exhausted:
                host.link_down(handle)
        return read

    def _write(self) -> bool:
        host = self._host
        wrote = False
        for handle in host.node.pending():
            end = host.ends.get(handle)
            if end is None:
                continue
            room_bytes = end.room_bytes()
            data = host.node.data_to_send(handle, room_bytes) if room_bytes > 0 else b""
            if data:
                end.write(data)
                wrote = True
            else:
                end.want_room()
        return wrote

    def _arm(self) -> None:
        host = self._host
        deadline_us = host.node.next_deadline_us()
        if deadline_us is None:
            return
        alarm_us = host.clock.world_us(deadline_us)
        if self._alarm_us is None or alarm_us < self._alarm_us:
            self._alarm_us = alarm_us
            host.world.kernel.at(alarm_us, self._wake)

    def _wake(self) -> None:
        host = self._host
        if self._alarm_us != host.world.kernel.now_us or not host.drives(self):
            return
        self._alarm_us = None
        host.node.handle_deadline(host.now_us)
        self.touch()


class LoopDriver:
    """Moves bytes in passes of a main loop; passes with nothing to do are not simulated."""

    def __init__(self, host: "Host", model: LoopModel, phase_us: int) -> None:
        self._host = host
        self._model = model
        self._phase_us = phase_us
        self._readable: dict[int, End] = {}
        self._pieces: dict[int, bytes] = {}  # taken from the node, behind a frame's end
        self._last_pass_us = -1
        self._next_pass_us: int | None = None

    def slow_down(self, factor: float) -> None:
        """Make each pass so many times longer from now on."""
        self._model = self._model.slower(factor)

    def touch(self) -> None:
        self._pass_at(self._host.world.kernel.now_us)

    def readable(self, end: End) -> None:
        if not self._take_partial(end):
            self._readable[end.handle] = end
            self.touch()

    def forget(self, handle: int) -> None:
        self._readable.pop(handle, None)
        self._pieces.pop(handle, None)

    def _pass_at(self, time_us: int) -> None:
        """Make a pass at the first turn of the loop that is not before `time_us`."""
        period_us = self._model.period_us
        if time_us <= self._last_pass_us:
            time_us = self._last_pass_us + 1
        time_us += (self._phase_us - time_us) % period_us
        if self._next_pass_us is None or time_us < self._next_pass_us:
            self._next_pass_us = time_us
            self._host.world.kernel.at(time_us, self._pass)

    def _pass(self) -> None:
        host = self._host
        now_us = host.world.kernel.now_us
        if self._next_pass_us != now_us or not host.drives(self):
            return
        self._next_pass_us = None
        self._last_pass_us = now_us
        host.node.handle_deadline(host.now_us)
        host.take_events()
        self._write()
        self._read()
        host.take_events()
        self._arm()

    def _write(self) -> None:
        for handle, end in self._unsent():
            room_bytes = end.room_bytes()
            if room_bytes > 0:
                self._write_piece(handle, end, min(room_bytes, self._model.write_bytes))
            else:
                end.want_room()

    def _unsent(self) -> list[tuple[int, End]]:
        """Links with something to write, in a reproducible order."""
        handles = self._host.node.pending()
        if self._pieces:
            handles = list(dict.fromkeys([*self._pieces, *handles]))
        ends = self._host.ends
        return [(handle, ends[handle]) for handle in handles if handle in ends]

    def _write_piece(self, handle: int, end: End, size_bytes: int) -> None:
        piece = self._pieces.pop(handle, b"")
        if len(piece) < size_bytes and b"\0" not in piece:
            piece += self._host.node.data_to_send(handle, size_bytes - len(piece))
        cut = piece.find(b"\0", 0, size_bytes) + 1 or min(len(piece), size_bytes)
        if cut:
            end.write(piece[:cut])
        if cut < len(piece):
            self._pieces[handle] = piece[cut:]

    def _read(self) -> None:
        host = self._host
        for handle, end in list(self._readable.items()):
            if handle not in self._readable or host.node.paused(handle):
                continue
            if end.unread_bytes:
                host.receive(end, end.read_frame())
            if end.exhausted:
                host.link_down(handle)
            elif self._take_partial(end):
                self._readable.pop(handle, None)

    def _take_partial(self, end: End) -> bool:
        """Read what completes no frame: the node can do nothing with it, so no pass is spent on it."""
        if end.peer_closed or end.frame_arrived or self._host.node.paused(end.handle):
            return False
        if end.unread_bytes:
            self._host.receive(end, end.read())
        return True

    def _arm(self) -> None:
        host = self._host
        node = host.node
        now_us = host.world.kernel.now_us
        for handle in self._readable:
            if not node.paused(handle):
                self._pass_at(now_us)
                return
        for _, end in self._unsent():
            if end.room_bytes() > 0:
                self._pass_at(now_us)
                return
            end.want_room()
        deadline_us = node.next_deadline_us()
        if deadline_us is not None:
            self._pass_at(host.clock.world_us(deadline_us))
