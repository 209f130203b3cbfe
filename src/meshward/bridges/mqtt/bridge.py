"""The bridge to one broker: keeps a connection, and runs its parts over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from aiomqtt import Topic

from meshward.bridges.base import Pauses, Record
from meshward.bridges.mqtt.link import GOODBYE_S, Link, connect
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.part import Part
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.session import BrokerSession, PartSession, Refusals
from meshward.bridges.mqtt.settle import Found, gateway_of, is_offline
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import LinkLostError

log = structlog.get_logger("meshward.bridges")

HELD_S = 60.0
"""A connection that held so long was a good one: the pauses begin anew. Two clients that fight for one id,
or a message that the broker hangs up on, end it sooner."""
SENDERS = 8
"""Retained messages under way at a time: half of what may be, so that events and answers get through."""
STATE_S = 10.0
"""How often at most a state that is wrong is put right: a second gateway could be of another mind."""
OWN_ID_S = 2.0
"""How often is looked whether we know who we are, where that is not so yet."""


class MqttBridge:
    """See `Bridge`.

    `retained` is the shelf that its parts write to. What it publishes itself is the state of the bridge:
    online is the last word of a beginning, so that then everything that lies there is fresh; offline is the
    last will, and the goodbye.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        profile: Profile,
        parts: Sequence[Part],
        retained: Retained,
        record: Record,
        pauses: Pauses,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.record = record
        self._connection = connection
        self._topics = topics
        self._profile = profile
        self._parts = parts
        self._retained = retained
        self._pauses = pauses
        self._now_s = now_s
        self._refusals = Refusals(topics.prefix, self._tell)
        self._other: int | None = None
        """Another gateway that was seen below our prefix: nothing is cleared there any more."""
        self._righted_s = -STATE_S
        self._how = ""
        """How we are connected, from the end of the beginning on."""
        record.count_waiting(lambda: retained.waiting)

    async def run(self) -> None:
        """See `Bridge`."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            for part in self._parts:
                tasks.create_task(part.work())
            while True:
                started_s = loop.time()
                # In a task of its own: an error in the task group of a connection wins over a cancellation.
                await asyncio.wait((tasks.create_task(self._connect_once()),))
                if loop.time() - started_s >= HELD_S:
                    self._pauses.reset()
                await asyncio.sleep(self._pauses.next_s())

    async def _connect_once(self) -> None:
        try:
            await self._connect()
        except LinkLostError as error:
            self._how = ""
            self.record.failing(str(error))

    async def _connect(self) -> None:
        """One connection, to its end. Raises LinkLostError."""
        link = await connect(self._connection, self._state(online=False))
        lost = ""
        try:
            await self._use(link)
        except* LinkLostError as group:
            lost = _first(group)
        finally:
            await self._leave(link)
        raise LinkLostError(lost)

    async def _use(self, link: Link) -> None:
        session = BrokerSession(link, self.record, self._refusals)
        found = Found(self._topics)
        sessions = [PartSession(session, part.filters) for part in self._parts]
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._settle(link, found))
            # Brokers queue little of QoS 1 for one client: mosquitto drops what is more than 1,000 at once.
            await session.subscribe(self._topics.all_retained, qos=0)
            await found.quiet()
            await session.unsubscribe(self._topics.all_retained)
            reading.cancel()
            self._retained.send_all()
            await self._send_waiting(session)
            await session.publish(self._state(online=True))
            self._how = link.how
            self._tell()
            tasks.create_task(self._clear(found))
            for _ in range(SENDERS):
                tasks.create_task(self._send(session))
            for part, part_session in zip(self._parts, sessions, strict=True):
                tasks.create_task(part.run(part_session))
            tasks.create_task(self._read(link, session, sessions))
            filters = {topic: None for one in sessions for topic in one.filters}
            await session.subscribe([*filters, self._topics.bridge("state")])

    async def _settle(self, link: Link, found: Found) -> None:
        while True:
            found.take(await link.next())

    async def _send_waiting(self, session: BrokerSession) -> None:
        """What waits now; what comes on top waits for its turn."""
        left = self._retained.waiting

        async def send() -> None:
            nonlocal left
            while left > 0 and (publication := self._retained.take()) is not None:
                left -= 1
                await self._publish(session, publication)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(send())

    async def _send(self, session: BrokerSession) -> None:
        while True:
            publication = self._retained.take()
            if publication is None:
                await self._retained.wait()
            else:
                await self._publish(session, publication)

    async def _publish(self, session: BrokerSession, publication: Publication) -> None:
        taken = False
        try:
            await session.publish(publication)
            taken = True
        finally:
            if not taken:
                self._retained.give_back(publication)

    async def _clear(self, found: Found) -> None:
        """What lies there of ours and should not: of a node that was forgotten, of another profile."""
        await self._retained.filled()
        while (own_id := self._own_id()) is None:  # noqa: ASYNC110 rare, and nothing tells of it
            await asyncio.sleep(OWN_ID_S)
        self._other = self._other or found.other_gateway(own_id)
        if self._other is not None:
            log.warning(
                "another gateway publishes below our prefix", gateway=self._other, prefix=self._topics.prefix
            )
            self._tell()
            return
        for topic in found.topics:
            self._retained.clear(topic)

    async def _read(self, link: Link, session: BrokerSession, sessions: Sequence[PartSession]) -> None:
        while True:
            message = await link.next()
            if message.topic == self._topics.bridge("state"):
                await self._put_right(session, message)
            for part, part_session in zip(self._parts, sessions, strict=True):
                if _fits(message, part_session):
                    await part.on_message(message)

    async def _put_right(self, session: BrokerSession, state: Received) -> None:
        """The broker may miss a connection of ours that broke only now, and tell its last will."""
        now_s = asyncio.get_running_loop().time()
        if not state.retain and is_offline(state.payload) and now_s - self._righted_s >= STATE_S:
            self._righted_s = now_s
            await session.publish(self._state(online=True))

    async def _leave(self, link: Link) -> None:
        """Says offline and goodbye, where the broker is still there."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                await link.publish(self._state(online=False))
            await link.close()
        except (LinkLostError, TimeoutError):
            pass
        finally:
            link.cut()

    def _state(self, *, online: bool) -> Publication:
        payload = self._profile.bridge_state(online=online, now_s=self._now_s())
        return Publication(self._topics.bridge("state"), payload, retain=True)

    def _own_id(self) -> int | None:
        """As we tell it: None before the mesh was ever joined."""
        return gateway_of(self._retained.get(self._topics.bridge("info")) or b"")

    def _tell(self) -> None:
        if not self._how:
            return
        rival = ""
        if self._other is not None:
            rival = (
                f"another gateway ({self._other}) publishes below {self._topics.prefix}: "
                "give each mesh its own mqtt.prefix"
            )
        self.record.up("; ".join(text for text in (self._how, rival, self._refusals.text) if text))


def _fits(message: Received, session: PartSession) -> bool:
    try:
        topic = Topic(message.topic)
    except ValueError:  # no broker may send such a topic
        return False
    return any(topic.matches(one) for one in session.filters)


def _first(group: BaseExceptionGroup[LinkLostError]) -> str:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)
