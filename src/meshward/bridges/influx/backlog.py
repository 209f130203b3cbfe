"""What waits for a database: on the disk, or in memory where the disk takes nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import structlog

from meshward.bridges.influx.spool import Spool
from meshward.text import printable

log = structlog.get_logger("meshward.bridges")

MEMORY_BYTES = 4 * 1024 * 1024
"""What is kept in memory while the disk is full: hours of a small mesh, and little for a small computer."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Lines that wait longest."""

    text: bytes
    path: Path | None
    """Its file; None in memory."""


class Backlog:
    """The oldest goes first. Files are read and written in threads, one at a time."""

    def __init__(self, spool: Spool) -> None:
        self.trouble = ""
        """Why the disk takes nothing; "" where it does."""
        self._spool = spool
        self._memory: deque[bytes] = deque()
        self._memory_dropped = 0
        self._lock = asyncio.Lock()

    @property
    def lines(self) -> int:
        """That wait."""
        return self._spool.lines + sum(text.count(b"\n") for text in self._memory)

    @property
    def dropped(self) -> int:
        """Lines left out because there was no room, or because a crash damaged them."""
        return self._spool.dropped + self._memory_dropped

    async def open(self) -> None:
        """Find what lies on the disk from before."""
        async with self._lock:
            try:
                await asyncio.to_thread(self._spool.open)
            except OSError as error:
                self._failed(error)

    async def add(self, text: bytes) -> None:
        """Keep lines behind all others."""
        async with self._lock:
            self._memory.append(text)
            await self._to_disk()
            while sum(map(len, self._memory)) > MEMORY_BYTES:
                self._memory_dropped += self._memory.popleft().count(b"\n")

    async def oldest(self) -> Waiting | None:
        """What to send next; None where nothing waits."""
        async with self._lock:
            try:
                found = await asyncio.to_thread(self._spool.oldest)
            except OSError as error:
                self._failed(error)
                found = None
            if found is not None:
                return Waiting(found[1], found[0])
            return Waiting(self._memory[0], None) if self._memory else None

    async def done(self, waiting: Waiting) -> None:
        """It was taken, or refused for good."""
        async with self._lock:
            if waiting.path is not None:
                try:
                    await asyncio.to_thread(self._spool.remove, waiting.path)
                except OSError as error:
                    self._failed(error)
            elif self._memory and self._memory[0] is waiting.text:
                self._memory.popleft()

    async def _to_disk(self) -> None:
        while self._memory:
            try:
                await asyncio.to_thread(self._spool.add, self._memory[0])
            except OSError as error:
                self._failed(error)
                return
            self._memory.popleft()
        self.trouble = ""

    def _failed(self, error: OSError) -> None:
        words = printable(error.strerror or str(error))
        if words != self.trouble:
            log.warning(
                "lines that wait for a database are kept in memory only; make room on the disk", reason=words
            )
        self.trouble = words
