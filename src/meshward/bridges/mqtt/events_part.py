"""The part of a bridge that tells a broker what happens, event by event.

The gateway stores every event under a number that grows. So nothing is kept here but the number of the last
one that the broker took: while it is away, events wait in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from meshward.bridges.base import Record
from meshward.bridges.mqtt import reasons
from meshward.bridges.mqtt.event_cursor import EventCursor
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import MeshwardError
from meshward.gateway.service import Service
from meshward.gateway.views import EventView

log = structlog.get_logger("meshward.bridges.mqtt")

AT_ONCE = 100
"""Events read from the store at once."""
SAVE_S = 1.0
TOGETHER_S = 0.2
"""Several things often happen at once: they are read together."""
RETRY_S = 5.0
"""After the store gave nothing, or the broker had no room."""
TRIES = 120
"""Ten minutes for one event: a broker may say that of one that it never wants, and others wait behind it."""
_EVENT = b'"kind":"event"'


class EventsPart:
    """See `Part`."""

    def __init__(
        self,
        service: Service,
        profile: Profile,
        topics: Topics,
        record: Record,
        path: Path,
        *,
        kept: int,
        qos: int = 1,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`path`: where the number of the last event is kept; `kept`: how many wait at most."""
        self._service = service
        self._profile = profile
        self._topic = topics.event
        self._record = record
        self._kept = kept
        self._qos = qos
        self._now_s = now_s
        self._cursor = EventCursor(path)
        self._newest = 0
        self._looked = False
        self._connected = False
        self._news = asyncio.Event()

    @property
    def filters(self) -> Sequence[str]:
        """None."""
        return ()

    @property
    def waiting(self) -> int:
        """Events that the broker did not take yet."""
        return 0 if self._cursor.after is None else max(0, self._newest - self._cursor.after)

    async def work(self) -> None:
        """Look for new events, and keep what was taken on the disk."""
        await asyncio.to_thread(self._cursor.load)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._save_now_and_then())
        finally:
            await asyncio.to_thread(self._cursor.save)

    async def run(self, session: Session) -> None:
        """Send what waits, in order. An event counts as taken when the broker says so."""
        self._connected = True
        try:
            while True:
                await self._news.wait()
                await self._send(session)
        finally:
            self._connected = False

    async def on_message(self, message: Received) -> None:
        """Nothing: no topic is read."""

    async def _send(self, session: Session) -> None:
        while self.waiting:
            for event in await self._read():
                await self._publish(session, event)
                self._cursor.after = event.id
                self._record.waiting = self.waiting
        self._news.clear()

    async def _publish(self, session: Session, event: EventView) -> None:
        """Until the broker took it, forbids it for good, or had time enough."""
        for _ in range(TRIES):
            payload = self._profile.event(event, self._now_s())
            code = await session.publish(Publication(self._topic, payload, qos=self._qos))
            if code is None or not reasons.is_passing(code):
                return
            await asyncio.sleep(RETRY_S)
        self._record.dropped += 1

    async def _read(self) -> list[EventView]:
        """The next events; none where the store gives nothing now."""
        after, newest = self._cursor.after, self._newest
        try:
            page = await self._service.events(after=after, limit=AT_ONCE)
        except MeshwardError as error:
            log.warning("cannot read events; trying again", reason=str(error))
            await asyncio.sleep(RETRY_S)
            return []
        # Numbers that the store has no more: it keeps the latest only.
        following = page.items[0].id if page.items else newest + 1
        if after is not None and following > after + 1:
            self._record.dropped += following - after - 1
            self._cursor.after = following - 1
            self._record.waiting = self.waiting
        return page.items

    async def _watch(self) -> None:
        feed = self._service.feed
        while True:
            number = feed.number
            while not await self._look():  # noqa: ASYNC110 it is the store that is waited for
                await asyncio.sleep(RETRY_S)
            told = False
            while not told:
                await feed.wait(number)
                deltas = feed.after(number)
                told = deltas is None or any(_EVENT in delta for delta in deltas)
                number = feed.number
            await asyncio.sleep(TOGETHER_S)

    async def _look(self) -> bool:
        """Which event is the newest; whether the store could say."""
        try:
            page = await self._service.events(limit=1)
        except MeshwardError as error:
            log.warning("cannot read events; trying again", reason=str(error))
            return False
        newest = page.items[0].id if page.items else 0
        if not self._looked:
            self._begin(newest)
        self._newest = max(self._newest, newest)
        if not self._connected:
            self._leave_out()
        self._record.waiting = self.waiting
        if self.waiting:
            self._news.set()
        return True

    def _begin(self, newest: int) -> None:
        """The first look: where to go on."""
        self._looked = True
        after = self._cursor.after
        if after is not None and after > newest:
            log.info("the store is older than the last event that was sent; going on with its newest")
        if after is None:
            after = max(0, newest - self._kept) if self._cursor.unreadable else newest
        self._cursor.after = min(after, newest)

    def _leave_out(self) -> None:
        """Of too many the oldest."""
        surplus = self.waiting - self._kept
        if surplus <= 0 or self._cursor.after is None:
            return
        if self._record.dropped == 0:
            log.warning("more events wait for the broker than are kept; the oldest go", kept=self._kept)
        self._cursor.after += surplus
        self._record.dropped += surplus

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            await asyncio.to_thread(self._cursor.save)
