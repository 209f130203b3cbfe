"""What waits for a broker, within a number and a size."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from meshward.bridges.mqtt.messages import Publication
from meshward.bridges.mqtt.part import Session

TOLD_EVERY_S = 60.0
"""How often the log tells at most that something was left out: whoever sends too much must not fill it."""

log = structlog.get_logger("meshward.bridges")


class Seldom:
    """Counts what happens often, for a line in the log now and then."""

    def __init__(self, every_s: float = TOLD_EVERY_S, now_s: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._now_s = now_s
        self._told_s = -every_s
        self._count = 0

    def count(self) -> int:
        """It happened: how often since the last line, or 0 where that was only just."""
        self._count += 1
        now_s = self._now_s()
        if now_s - self._told_s < self._every_s:
            return 0
        self._told_s = now_s
        count, self._count = self._count, 0
        return count


class Outbox:
    """Publications in the order in which they came, kept over the end of a connection."""

    def __init__(self, what: str, messages_max: int, bytes_max: int) -> None:
        """`what`: as the log calls them, "answers"."""
        self.left_out = 0
        self._what = what
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._waiting: deque[Publication] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._seldom = Seldom()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, publication: Publication) -> None:
        """For this one the oldest are left out, where there are too many."""
        self._waiting.append(publication)
        self._bytes += _size(publication)
        while len(self._waiting) > self._messages_max or self._bytes > self._bytes_max:
            self._bytes -= _size(self._waiting.popleft())
            self._leave_out()
        self._news.set()

    def offer(self, publication: Publication) -> None:
        """Left out itself where half of the room is taken, so that it pushes nothing out."""
        if 2 * len(self._waiting) >= self._messages_max or 2 * self._bytes >= self._bytes_max:
            self._leave_out()
        else:
            self.put(publication)

    async def send(self, session: Session) -> None:
        """As long as the connection lasts."""
        while True:
            while self._waiting:
                publication = self._waiting[0]
                await session.publish(publication)
                if self._waiting and self._waiting[0] is publication:
                    self._bytes -= _size(self._waiting.popleft())
            self._news.clear()
            await self._news.wait()

    def _leave_out(self) -> None:
        self.left_out += 1
        count = self._seldom.count()
        if count:
            log.warning("left out over MQTT: too many wait for the broker", what=self._what, count=count)


def _size(publication: Publication) -> int:
    return len(publication.topic) + len(publication.payload) + len(publication.correlation or b"")
