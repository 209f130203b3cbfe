"""Lines from standard input, for a program that goes on without it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

#: A longer line is no command; what a pipe sends without a line end must not pile up.
_LINE_BYTES = 4096


class LineSplitter:
    """Cuts bytes, as they come, into lines."""

    def __init__(self, take_line: Callable[[str], None]) -> None:
        self._take_line = take_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Bytes as they come; none at the end, which ends the last line too."""
        *lines, rest = (self._rest + (data or b"\n")).split(b"\n")
        self._rest = rest[:_LINE_BYTES]
        for line in lines:
            self._take_line(line.decode(errors="replace"))


@contextlib.contextmanager
def reading_standard_input(take_line: Callable[[str], None]) -> Iterator[None]:
    """Hand on each line of standard input while the block runs. Its end is no reason to stop.

    The program may run in the background, with input closed, or a terminal that it must not read.
    """
    if sys.stdin is None:  # closed before we started; its number may stand for a socket by now
        yield
        return
    lines = LineSplitter(take_line)
    number = sys.stdin.fileno()
    # To read a terminal from the background would stop the process; ignored, it is an error.
    before = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    try:
        _watch(number, lines)
        yield
    finally:
        asyncio.get_running_loop().remove_reader(number)
        signal.signal(signal.SIGTTIN, before)


def _watch(number: int, lines: LineSplitter) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            data = os.read(number, _LINE_BYTES)
        except OSError:
            data = b""
        lines.feed(data)
        if not data:
            loop.remove_reader(number)

    try:
        loop.add_reader(number, read)
    except PermissionError:  # epoll does not watch files, which always have something to read, or their end
        while data := os.read(number, _LINE_BYTES):
            lines.feed(data)
        lines.feed(b"")
