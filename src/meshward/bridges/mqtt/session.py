"""A connection as the parts of a bridge use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from meshward.bridges.base import Record
from meshward.bridges.mqtt import reasons
from meshward.bridges.mqtt.filters import Filters
from meshward.bridges.mqtt.link import Link
from meshward.bridges.mqtt.messages import Publication
from meshward.text import printable

log = structlog.get_logger("meshward.bridges")

ROOTS_MAX = 20
"""Peers choose topics that we answer to; an administrator needs a few examples."""
_SHOWN_CHARACTERS = 80


class Refusals:
    """What the broker does not take: told once for all topics of a kind, and counted."""

    def __init__(self, prefix: str, told: Callable[[], None]) -> None:
        """`told`: called when `text` is another one."""
        self.count = 0
        self._told = told
        self._below = prefix + "/"
        self._roots: dict[str, str] = {}
        self._passing: set[str] = set()
        """Of those, what the broker may take again."""
        self._logged: set[str] = set()

    def note_publication(self, topic: str, code: int) -> None:
        """The broker does not take a message."""
        self._note(self._what(topic), code)

    def note_subscription(self, topic: str, code: int) -> None:
        """The broker does not let us subscribe."""
        self._note(printable(f"to subscribe to {topic}", _SHOWN_CHARACTERS), code)

    def note_taken(self, topic: str) -> None:
        """The broker took a message, maybe of those that it refused for a while."""
        if self._passing and (what := self._what(topic)) in self._passing:
            self._passing.discard(what)
            del self._roots[what]
            self._told()

    def forget(self) -> None:
        """A new connection begins: all is tried again. What was logged is not logged again."""
        self.count = 0
        self._roots.clear()
        self._passing.clear()

    @property
    def text(self) -> str:
        """In words; "" for none."""
        if not self._roots:
            return ""
        what, why = next(iter(self._roots.items()))
        others = f" and {len(self._roots) - 1} more" if len(self._roots) > 1 else ""
        return f"refused {self.count} times, {what}{others}: {why}"

    def _note(self, what: str, code: int) -> None:
        self.count += 1
        if what not in self._roots and len(self._roots) < ROOTS_MAX:
            self._roots[what] = reasons.not_taken(code)
            if reasons.is_passing(code):
                self._passing.add(what)
            if what not in self._logged and len(self._logged) < ROOTS_MAX:
                self._logged.add(what)
                log.warning("the broker refuses us something", what=what, reason=self._roots[what])
        self._told()

    def _what(self, topic: str) -> str:
        """Rules are written for a kind of topics: below our prefix one level, elsewhere the first."""
        below = self._below if topic.startswith(self._below) else ""
        root, *more = topic.removeprefix(below).split("/", 1)
        return printable(f"to publish {below}{root}" + ("/#" if more else ""), _SHOWN_CHARACTERS)


class BrokerSession:
    """See `Session`. Few messages are under way at a time, in the order of the calls."""

    def __init__(self, link: Link, record: Record, refusals: Refusals) -> None:
        self._link = link
        self._record = record
        self._refusals = refusals
        self._under_way = asyncio.Semaphore(link.in_flight)

    async def publish(self, publication: Publication) -> int | None:
        """See `Session`."""
        async with self._under_way:
            code = await self._link.publish(publication)
        if code >= reasons.FAILED:
            self._refusals.note_publication(publication.topic, code)
            return code
        self._refusals.note_taken(publication.topic)
        self._record.took(1, len(publication.topic) + len(publication.payload))
        return None

    async def subscribe(self, filters: Sequence[str], qos: int = 1) -> None:
        """See `Session`."""
        if not filters:
            return
        for topic, code in zip(filters, await self._link.subscribe(filters, qos), strict=False):
            if code >= reasons.FAILED:
                self._refusals.note_subscription(topic, code)

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Raises LinkLostError."""
        await self._link.unsubscribe(filters)


class PartSession:
    """The session of one part: messages on what it subscribes to come to it."""

    def __init__(self, session: BrokerSession, filters: Collection[str]) -> None:
        self.filters = Filters()
        self._session = session
        self._add(filters)

    async def publish(self, publication: Publication) -> int | None:
        """See `Session`."""
        return await self._session.publish(publication)

    async def subscribe(self, filters: Sequence[str]) -> None:
        """See `Session`."""
        self._add(filters)
        await self._session.subscribe(filters)

    def _add(self, filters: Collection[str]) -> None:
        for one in filters:
            self.filters.add(one)
