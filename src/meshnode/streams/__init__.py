"""TCP by asyncio's streams, as far as CPython and MicroPython differ there; the rest is one code."""

import asyncio
import errno
import sys

if sys.implementation.name == "micropython":
    from meshnode.streams import micropython as native
else:
    from meshnode.streams import cpython as native  # type: ignore[no-redef]

#: Boards answer within milliseconds, also on a bad channel within a second or two.
CONNECT_TIMEOUT_S = 5

# Why no link came about; see DialFailed.
REFUSED = "refused"
TIMED_OUT = "timed_out"
UNREACHABLE = "unreachable"
UNKNOWN_HOST = "unknown_host"
FAILED = "failed"
OUT_OF_MEMORY = "out of memory"

_KINDS = {
    errno.ECONNREFUSED: (REFUSED, "connection refused"),
    errno.ETIMEDOUT: (TIMED_OUT, "no answer"),
    errno.EHOSTUNREACH: (UNREACHABLE, "host unreachable"),
    getattr(errno, "ENETUNREACH", errno.EHOSTUNREACH): (UNREACHABLE, "network unreachable"),
    errno.ECONNRESET: (FAILED, "connection reset"),
}


async def connect(host: str, port: int) -> tuple:
    """Open a connection: (reader, writer). Raises OSError and asyncio.TimeoutError."""
    opening = asyncio.open_connection(host, port)
    reader, writer = await asyncio.wait_for(opening, CONNECT_TIMEOUT_S)
    await native.check_connected(writer)
    return reader, writer


def explain(error: BaseException) -> tuple:
    """(kind, reason for people) of a failed connection."""
    if isinstance(error, MemoryError):
        return FAILED, OUT_OF_MEMORY
    code = getattr(error, "errno", None)
    text = str(error)
    if code is None and "Connect call failed" in text:  # several addresses of one name, and none answered
        code = errno.ECONNREFUSED if "[Errno %d]" % errno.ECONNREFUSED in text else errno.EHOSTUNREACH
    known = _KINDS.get(code)
    if known is not None:
        return known
    if isinstance(error, asyncio.TimeoutError):
        return TIMED_OUT, "no answer within %d s" % CONNECT_TIMEOUT_S
    if "addrinfo" in text or error.__class__.__name__ == "gaierror":
        return UNKNOWN_HOST, "unknown host"
    return FAILED, (getattr(error, "strerror", None) or text or "failed").lower()


def address_text(host: str, port: int) -> str:
    """host:port as people write it."""
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def report(message: str, error: Exception) -> None:
    """Hand a mistake of this program to the event loop, which shows it."""
    context = {"message": message, "exception": error, "future": asyncio.current_task()}
    asyncio.get_event_loop().call_exception_handler(context)
