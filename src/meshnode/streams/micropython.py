"""Streams on MicroPython, which has few sockets and little heap; meshnode.streams.cpython explains each."""

import asyncio
import gc
import time

# What a board makes of the bytes it reads needs about ten times as much heap.
READ_BYTES = 512
ROOM_BYTES = 1024
BUSY_BYTES = 0
LINKS_MAX = 32
_BACKLOG = 8
#: Heap to be left when a caller is taken in: for its link, and for what frames on their way take at times.
_SPARE_BYTES = 6 * 1024

_TCP = 6  # IPPROTO_TCP and TCP_NODELAY: the socket module does not name them
_TCP_NODELAY = 1
_TICKS_MASK = 0x3FFFFFFF

# All connections read through this one buffer: a new one for each read would scatter the heap, and it is
# never in use across an await.
_read_buffer = memoryview(bytearray(READ_BYTES))


class TickClock:
    """A local clock in microseconds that never wraps, out of a counter that wraps at 2^30 or later.

    To be called at least every 2^30 us (17.9 minutes).
    """

    def __init__(self, ticks_us) -> None:
        self._ticks_us = ticks_us
        self._last = ticks_us()
        self._now_us = 0

    def __call__(self) -> int:
        """Microseconds since this clock was made."""
        ticks = self._ticks_us()
        self._now_us += (ticks - self._last) & _TICKS_MASK
        self._last = ticks
        return self._now_us


def local_clock():
    return TickClock(time.ticks_us)  # type: ignore[attr-defined]


async def sleep_us(delay_us: int) -> None:
    await asyncio.sleep_ms((delay_us + 999) // 1000)  # type: ignore[attr-defined]


async def listen(on_connection, host: str, port: int) -> tuple:
    # A port that the system chose (0) cannot be told here.
    return await asyncio.start_server(on_connection, host, port, backlog=_BACKLOG), port


def has_spare_memory() -> bool:
    gc.collect()
    return gc.mem_free() >= _SPARE_BYTES  # type: ignore[attr-defined]


async def check_connected(writer) -> None:
    try:
        writer.s.send(b"")  # open_connection returns also when it was refused; this tells
    except OSError:
        await abort(writer)
        raise


async def read(reader) -> bytes:
    size_bytes = await reader.readinto(_read_buffer)
    return bytes(_read_buffer[:size_bytes]) if size_bytes else b""


def tune(writer) -> None:
    try:
        writer.s.setsockopt(_TCP, _TCP_NODELAY, 1)
    except (OSError, AttributeError):
        pass  # a port without this option is slower, not wrong


def buffered_bytes(writer) -> int:
    return len(writer.out_buf)


def end_writing(writer) -> bool:  # noqa: ARG001
    return False  # sockets cannot be closed half-way


async def abort(writer) -> None:
    try:
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass


def peer_address(writer) -> tuple:
    try:
        address = writer.get_extra_info("peername")
    except KeyError:
        return "", 0
    if isinstance(address, tuple):
        return address[:2]
    # The unix port: a raw sockaddr_in.
    return ".".join([str(byte) for byte in address[4:8]]), address[2] << 8 | address[3]
