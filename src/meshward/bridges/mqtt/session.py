"""A connection as the parts of a bridge use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from meshward.bridges.base import Record
from meshward.bridges.mqtt import reasons
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

    def note_publication(self, topic: str, code: int) -> None:
        """The broker does not take a message."""
        self._note(f"to publish {self._root(topic)}", code)

    def note_subscription(self, topic: str, code: int) -> None:
        """The broker does not let us subscribe."""
        self._note(f"to subscribe to {topic}", code)

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
        what = printable(what, _SHOWN_CHARACTERS)
        if what not in self._roots and len(self._roots) < ROOTS_MAX:
            self._roots[what] = reasons.not_taken(code)
            log.warning("the broker refuses us something", what=what, reason=self._roots[what])
        self._told()

    def _root(self, topic: str) -> str:
        """Rules are written for a kind of topics: below our prefix one level, elsewhere the first."""
        if topic.startswith(self._below):
            return self._below + topic.removeprefix(self._below).split("/", 1)[0]
        return topic.split("/", 1)[0]


class BrokerSession:
    """See `Session`. Few messages are under way at a time, in the order of the calls."""

    def __init__(self, link: Link, record: Record, refusals: Refusals) -> None:
        self._link = link
        self._record = record
        self._refusals = refusals
        self._under_way = asyncio.Semaphore(link.in_flight)

    async def publish(self, publication: Publication) -> None:
        """See `Session`."""
        async with self._under_way:
            code = await self._link.publish(publication)
        if code >= reasons.FAILED:
            self._refusals.note_publication(publication.topic, code)
        else:
            self._record.took(1, len(publication.topic) + len(publication.payload))

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
        self.filters = dict.fromkeys(filters)
        self._session = session

    async def publish(self, publication: Publication) -> None:
        """See `Session`."""
        await self._session.publish(publication)

    async def subscribe(self, filters: Sequence[str]) -> None:
        """See `Session`."""
        self.filters.update(dict.fromkeys(filters))
        await self._session.subscribe(filters)
