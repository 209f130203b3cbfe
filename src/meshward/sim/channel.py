"""TCP-like connections in virtual time.

Inside a living connection bytes are neither lost nor reordered. Each direction holds at most a
window of bytes that were written and not yet read at the far end, so a reader that stops is felt
by the writer. Faults are methods of `Connection`.
"""

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from meshward.sim.kernel import Kernel

LWIP_WINDOW_BYTES = 5744
"""Send buffer and receive window of lwIP as the ESP32 core configures it: four segments of 1436 bytes."""

_NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """What a connection is like, the same in both directions."""

    latency_us: int = 1000
    """One way, from the end of sending to the bytes being readable."""
    rate_bytes_s: int | None = None
    """Bytes per second the medium carries; None for no bound."""
    window_bytes: int = LWIP_WINDOW_BYTES
    """Most bytes written and not yet read at the far end."""


class Owner(Protocol):
    """Whoever holds an end of a connection: a host, or a scripted peer."""

    @property
    def listening(self) -> bool:
        """Whether it takes connections now."""

    @property
    def alive(self) -> bool:
        """Whether it is there at all; the dead do not even refuse."""

    def accepted(self, end: "End") -> None:
        """Someone dialed us, and the connection stands."""

    def connected(self, end: "End") -> None:
        """The connection we dialed stands."""

    def refused(self, end: "End") -> None:
        """The connection we dialed came to nothing."""

    def end_readable(self, end: "End") -> None:
        """Bytes arrived, or the far end closed."""

    def end_writable(self, end: "End") -> None:
        """There is room again, after `want_room`."""


class Connection:
    """A pair of ends and the medium between them."""

    def __init__(
        self, kernel: Kernel, number: int, profile: LinkProfile, dialer: Owner, listener: Owner
    ) -> None:
        self.kernel = kernel
        self.number = number
        self.profile = profile
        self.dead = False
        self.stalled_until_us = 0
        self.near = End(self, 2 * number, dialer)
        self.far = End(self, 2 * number + 1, listener)
        self.near.peer, self.far.peer = self.far, self.near

    @property
    def open(self) -> bool:
        """Whether neither end has closed it; a half-open connection still counts."""
        return not (self.near.closed or self.far.closed)

    def cut(self) -> None:
        """Fault: the medium dies without a word. Bytes vanish, and no end sees a close."""
        self.dead = True
        self.near.drop_flight()
        self.far.drop_flight()

    def reset(self) -> None:
        """Fault: both ends see a close now; what was not yet read is lost."""
        self.cut()
        for end in (self.near, self.far):
            end.lose_unread()
            if not end.closed:
                self.kernel.at(self.kernel.now_us, partial(end.owner.end_readable, end))

    def stall(self, duration_us: int | None = None) -> None:
        """Fault: nothing arrives for a while (None: until `resume`); nothing is lost."""
        self.stalled_until_us = _NEVER_US if duration_us is None else self.kernel.now_us + duration_us

    def resume(self) -> None:
        """End a stall now."""
        self.stalled_until_us = self.kernel.now_us
        self.near.schedule_delivery()
        self.far.schedule_delivery()


class End:
    """One end of a connection: what it has to read, and the way of its bytes to the other end."""

    __slots__ = (
        "_acks",
        "_delivery_us",
        "_flight",
        "_free_us",
        "_unacked_bytes",
        "_unread",
        "_wants_room",
        "closed",
        "connection",
        "handle",
        "owner",
        "peer",
        "peer_closed",
        "sent_bytes",
    )

    peer: "End"

    def __init__(self, connection: Connection, handle: int, owner: Owner) -> None:
        self.connection = connection
        self.handle = handle
        self.owner = owner
        self.closed = False
        self.peer_closed = False
        self.sent_bytes = 0
        self._unread = bytearray()
        self._flight: deque[tuple[int, bytes | None]] = deque()  # arrival, bytes or None for the close
        self._acks: deque[tuple[int, int]] = deque()  # when room comes back, how many bytes
        self._unacked_bytes = 0
        self._free_us = 0
        self._delivery_us: int | None = None
        self._wants_room = False

    def __repr__(self) -> str:
        return f"<End {self.handle} of {self.owner!r}>"

    @property
    def unread_bytes(self) -> int:
        """Bytes that arrived and were not read."""
        return len(self._unread)

    @property
    def frame_arrived(self) -> bool:
        """Whether a complete frame is unread."""
        return b"\0" in self._unread

    @property
    def exhausted(self) -> bool:
        """Whether the far end closed and all it sent was read."""
        return self.peer_closed and not self._unread

    def room_bytes(self) -> int:
        """How much may be written now."""
        now_us = self.connection.kernel.now_us
        acks = self._acks
        while acks and acks[0][0] <= now_us:
            self._unacked_bytes -= acks.popleft()[1]
        return self.connection.profile.window_bytes - self._unacked_bytes

    def want_room(self) -> None:
        """Have the owner told once there is room."""
        self._wants_room = True
        if self._acks:
            self.connection.kernel.at(self._acks[0][0], self._offer_room)

    def write(self, data: bytes) -> None:
        """Send bytes. Raises ValueError on a closed end, or for more than there is room for."""
        connection = self.connection
        if self.closed or len(data) > self.room_bytes():
            raise ValueError(f"{self!r} cannot take {len(data)} bytes")
        self._unacked_bytes += len(data)
        self.sent_bytes += len(data)
        if not connection.dead:
            self._flight.append((self._arrival_us(len(data)), data))
            self.schedule_delivery()

    def read(self) -> bytes:
        """All that arrived."""
        data = bytes(self._unread)
        self._unread.clear()
        self.peer.acknowledge(len(data))
        return data

    def read_frame(self) -> bytes:
        """The next frame with its NUL; where none is complete, the part that arrived."""
        size_bytes = self._unread.find(0) + 1
        if not size_bytes:
            return self.read()
        data = bytes(self._unread[:size_bytes])
        del self._unread[:size_bytes]
        self.peer.acknowledge(size_bytes)
        return data

    def close(self) -> None:
        """Close in order: what was written still arrives, then the far end sees the close."""
        if self.closed:
            return
        self.closed = True
        self._unread.clear()
        if not self.connection.dead:
            self._flight.append((self._arrival_us(0), None))
            self.schedule_delivery()

    def schedule_delivery(self) -> None:
        """See to it that what is under way arrives."""
        if not self._flight:
            return
        time_us = self._flight[0][0]
        time_us = max(time_us, self.connection.stalled_until_us)
        if time_us != _NEVER_US and (self._delivery_us is None or time_us < self._delivery_us):
            self._delivery_us = time_us
            self.connection.kernel.at(time_us, self._deliver)

    def arrive(self, data: bytes | None) -> None:
        """Bytes of the far end are here, or its close (None)."""
        if data is None:
            self.peer_closed = True
        elif not self.closed:
            self._unread += data

    def drop_flight(self) -> None:
        """Lose what is under way to the far end."""
        self._flight.clear()

    def lose_unread(self) -> None:
        """Lose what arrived, and see the connection as closed."""
        self._unread.clear()
        self.peer_closed = True

    def _arrival_us(self, size_bytes: int) -> int:
        connection = self.connection
        profile = connection.profile
        now_us = connection.kernel.now_us
        if profile.rate_bytes_s is None:
            return now_us + profile.latency_us
        sending_us = -(-size_bytes * 1_000_000 // profile.rate_bytes_s)
        self._free_us = max(now_us, self._free_us) + sending_us
        return self._free_us + profile.latency_us

    def _deliver(self) -> None:
        connection = self.connection
        now_us = connection.kernel.now_us
        if self._delivery_us != now_us:
            return  # overtaken by an earlier one
        self._delivery_us = None
        if connection.stalled_until_us > now_us:
            self.schedule_delivery()
            return
        peer = self.peer
        flight = self._flight
        arrived = False
        while flight and flight[0][0] <= now_us:
            data = flight.popleft()[1]
            arrived = True
            peer.arrive(data)
        self.schedule_delivery()
        if arrived and not peer.closed:
            peer.owner.end_readable(peer)

    def acknowledge(self, size_bytes: int) -> None:
        """The far end read bytes: room for as many comes back after the latency."""
        if not size_bytes or self.connection.dead:
            return
        kernel = self.connection.kernel
        due_us = kernel.now_us + self.connection.profile.latency_us
        self._acks.append((due_us, size_bytes))
        if self._wants_room:
            kernel.at(due_us, self._offer_room)

    def _offer_room(self) -> None:
        if self._wants_room and not self.closed and self.room_bytes() > 0:
            self._wants_room = False
            self.owner.end_writable(self)
