"""Streams on CPython."""

import asyncio
import socket
import time

#: Bytes taken from a connection at once.
READ_BYTES = 64 * 1024
#: Most bytes handed to a connection ahead of the network. What lies there cannot be overtaken by
#: a sync frame any more: 64 KB is 1.3 s for a board that takes 511 bytes every 10 ms.
ROOM_BYTES = 64 * 1024
#: With more than this unsent, wait for the network before handing over the next bytes.
BUSY_BYTES = ROOM_BYTES // 2
#: Connections at once: far more than any mesh has neighbours, and a usual limit of open files.
LINKS_MAX = 1024
#: Unsent bytes the kernel may hold for one connection; its own choice can be megabytes.
_KERNEL_UNSENT_BYTES = 64 * 1024
#: Connections waiting to be accepted: all neighbours of a relay that restarts come at once.
_BACKLOG = 128


def local_clock():
    """The local monotonic clock: a callable that tells microseconds."""
    return _monotonic_us


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


async def sleep_us(delay_us: int) -> None:
    """Sleep for at least this long."""
    await asyncio.sleep(delay_us / 1_000_000)


async def listen(on_connection, host: str, port: int) -> tuple:
    """Accept connections, each with `await on_connection(reader, writer)`: (server, port bound).

    Port 0 lets the system choose one. Raises OSError.
    """
    # One accept per turn of the event loop: out of file descriptors, asyncio retries and logs as many
    # times at once as its backlog says, each of which does so again a second later.
    server = await asyncio.start_server(on_connection, host, port, backlog=1)
    for sock in server.sockets:
        with sock.dup() as same:
            same.listen(_BACKLOG)  # the kernel's own queue
    return server, server.sockets[0].getsockname()[1]


def has_spare_memory() -> bool:
    """Whether there is memory for one more link."""
    return True


async def check_connected(writer) -> None:
    """Raise OSError if a connection just opened is none; here it always is one."""


async def read(reader) -> bytes:
    """Bytes that arrived, at least one; none at the end of the connection. Raises OSError."""
    return await reader.read(READ_BYTES)


def tune(writer) -> None:
    """Set a fresh connection up for small frames that must not wait."""
    writer.transport.set_write_buffer_limits(high=BUSY_BYTES)
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_UNSENT_BYTES)
    except OSError:
        pass  # gone already: reading will tell


def buffered_bytes(writer) -> int:
    """Bytes written that the network has not taken yet."""
    return writer.transport.get_write_buffer_size()


def end_writing(writer) -> bool:
    """Tell the peer that no more comes, once all that was written has left; False where that cannot be."""
    if writer.transport.is_closing():
        return False
    try:
        writer.write_eof()
    except (OSError, NotImplementedError):
        return False
    return True


async def abort(writer) -> None:
    """Close a connection now, whatever is unsent, and wait until its socket is free."""
    try:
        writer.transport.abort()
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass


def peer_address(writer) -> tuple:
    """(host, port) of the other end; ("", 0) where the system does not say."""
    address = writer.get_extra_info("peername")
    return address[:2] if address else ("", 0)
