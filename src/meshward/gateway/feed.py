"""Snapshot and numbered deltas of what the gateway shows, for any number of readers.

Every change is encoded once and kept in one bounded ring; a reader is a number, not a queue. One that
reads slowly costs nothing: when the ring has moved past its number, it is given a fresh snapshot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

RING_DELTAS = 2000
"""What a reader may be behind before it starts over: minutes of a busy mesh."""
RING_BYTES = 4 * 1024 * 1024


class Feed:
    """Deltas are numbered from 1 in each `epoch`, which names one life of the daemon."""

    def __init__(self, epoch: str, snapshot: Callable[[], dict[str, Any]]) -> None:
        self.epoch = epoch
        self.number = 0
        """Of the newest delta."""
        self.readers = 0
        self._snapshot = snapshot
        self._ring: deque[bytes] = deque()
        self._ring_bytes = 0
        self._news = asyncio.Event()
        self._full: tuple[int, bytes] | None = None

    def publish(self, changes: list[dict[str, Any]]) -> None:
        """Tell all readers of changes: each {"kind": "node", "id": …, "value": {…} or null for gone}."""
        if not changes:
            return
        self.number += 1
        delta = msgspec.json.encode({"type": "delta", "n": self.number, "changes": changes})
        self._ring.append(delta)
        self._ring_bytes += len(delta)
        while len(self._ring) > RING_DELTAS or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft())
        news, self._news = self._news, asyncio.Event()
        news.set()

    def snapshot(self) -> tuple[int, bytes]:
        """The number of the newest delta in it, and everything as it is now."""
        if self._full is None or self._full[0] != self.number:
            full = {"type": "snapshot", "epoch": self.epoch, "n": self.number, **self._snapshot()}
            self._full = (self.number, msgspec.json.encode(full))
        return self._full

    def after(self, number: int) -> list[bytes] | None:
        """The deltas after `number`; None where they are not kept any more, or never were."""
        oldest = self.number - len(self._ring)
        if not oldest <= number <= self.number:
            return None
        skip = number - oldest
        return [self._ring[index] for index in range(skip, len(self._ring))]

    async def wait(self, number: int) -> None:
        """Until there is a delta after `number`."""
        while self.number <= number:
            await self._news.wait()
