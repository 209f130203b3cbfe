"""The bridge to one broker: keeps a connection, and runs its parts over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from meshward.bridges.base import Breaks, Pauses, Record
from meshward.bridges.mqtt import reasons
from meshward.bridges.mqtt.link import GOODBYE_S, Link, connect
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.part import Part
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.rivals import Rivals
from meshward.bridges.mqtt.session import BrokerSession, PartSession, Refusals
from meshward.bridges.mqtt.settle import Found, is_offline
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
FILL_S = 40.0
"""How long we are offline at most for want of something to tell: longer than a mesh may take to be joined."""
OWN_ID_S = 2.0
"""How often is looked whether we know who we are, where that is not so yet."""
CLEAR_S = 2.0
"""Nothing is cleared before: another gateway with our prefix that comes at the same time is heard by then."""
AGAIN_S = 30.0
"""What the broker does not take for now is tried again after so long, and a state left wrong put right."""


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
        self._breaks = Breaks(record.name)
        self._rivals = Rivals(topics, retained, self._tell)
        self._later: dict[str, Publication] = {}
        """What the broker does not take for now: topics of the shelf, and those to be cleared."""
        self._state_refusal: int | None = None
        """Why the broker does not take our state, as a reason code."""
        self._righted_s = -STATE_S
        self._left_wrong = False
        """That a state that is wrong was left so for now."""
        self._how = ""
        """How we are connected, from the end of the beginning on."""
        record.count_waiting(lambda: retained.waiting + len(self._later))

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
        self._later.clear()  # it is all sent again
        self._refusals.forget()  # the broker may have other rules by now
        self._rivals = Rivals(self._topics, self._retained, self._tell)
        found = Found(self._topics)
        sessions = [PartSession(session, part.filters) for part in self._parts]
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._settle(link, found))
            # Brokers queue little of QoS 1 for one client: mosquitto drops what is more than 1,000 at once.
            await session.subscribe(self._topics.all_retained, qos=0)
            await found.quiet()
            await session.unsubscribe(self._topics.all_retained)
            await self._wait_for_mesh()
            reading.cancel()  # only now: who reads notices the end of the connection
            self._retained.send_all()
            await self._send_waiting(session)
            filters = {topic: None for one in sessions for topic in one.filters}
            await session.subscribe([*filters, self._topics.bridge("state"), self._topics.bridge("info")])
            await self._say_online(session)  # who is told so is heard
            self._how = link.how
            self._tell()
            tasks.create_task(self._try_again(session))
            tasks.create_task(self._rivals.watch())
            for _ in range(SENDERS):
                tasks.create_task(self._send(session))
            for part, part_session in zip(self._parts, sessions, strict=True):
                tasks.create_task(part.run(part_session))
            tasks.create_task(self._read(link, session, sessions))
            tasks.create_task(self._clear(found))

    async def _settle(self, link: Link, found: Found) -> None:
        while True:
            found.take(await link.next())

    async def _wait_for_mesh(self) -> None:
        """What is true is not known yet where the gateway has only just started."""
        if self._retained.is_filled:
            return
        self.record.starting("connected, waits for the mesh to be joined")
        with suppress(TimeoutError):
            async with asyncio.timeout(FILL_S):
                await self._retained.filled()

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
        answered = False
        try:
            code = await session.publish(publication)
            answered = True
        finally:
            if not answered:
                self._retained.give_back(publication)
        if code is not None and reasons.is_passing(code):
            self._later[publication.topic] = publication
        else:
            self._later.pop(publication.topic, None)

    async def _say_online(self, session: BrokerSession) -> None:
        self._left_wrong = False
        self._state_refusal = await session.publish(self._state(online=True))
        self._tell()

    async def _try_again(self, session: BrokerSession) -> None:
        """Once in a while all that the broker did not take: it may have room again, or other rules.

        Also a state that was left wrong.
        """
        while True:
            await asyncio.sleep(AGAIN_S)
            for publication in self._later.values():
                self._retained.give_back(publication)
            self._later.clear()
            if self._state_refusal is not None or self._left_wrong:
                await self._say_online(session)

    async def _clear(self, found: Found) -> None:
        """What lies there of ours and should not: of a node that was forgotten, of another profile."""
        while (own_id := self._rivals.own_id) is None:  # noqa: ASYNC110 rare, and nothing tells of it
            await asyncio.sleep(OWN_ID_S)
        self._rivals.meet(found.other_gateway(own_id))
        await self._retained.filled()
        await asyncio.sleep(CLEAR_S)
        await self._rivals.alone()
        for topic in found.topics:
            self._retained.clear(topic)

    async def _read(self, link: Link, session: BrokerSession, sessions: Sequence[PartSession]) -> None:
        while True:
            message = await link.next()
            if message.topic == self._topics.bridge("state"):
                await self._guarded(self._put_right(session, message), message)
            elif message.topic == self._topics.bridge("info"):
                self._rivals.hear(message)
            for part, part_session in zip(self._parts, sessions, strict=True):
                if part_session.filters.match(message.topic):
                    await self._guarded(part.on_message(message), message)

    async def _guarded(self, reading: Awaitable[None], message: Received) -> None:
        """Who may write to the broker may find an error of ours: it costs that message and nothing else."""
        try:
            await reading
        except LinkLostError:
            raise
        except Exception as error:  # noqa: BLE001
            self._breaks.note(error, message.topic)

    async def _put_right(self, session: BrokerSession, state: Received) -> None:
        """The broker may miss a connection of ours that broke only now, and tell its last will."""
        if state.retain or not is_offline(state.payload):
            return
        self._rivals.note_offline()
        now_s = asyncio.get_running_loop().time()
        if now_s - self._righted_s < STATE_S:
            self._left_wrong = True
            return
        self._righted_s = now_s
        await self._say_online(session)

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

    def _tell(self) -> None:
        if not self._how:
            return
        wrong = self._rivals.text or self._mute()
        if wrong:
            self.record.failing(wrong)
        else:
            self.record.up("; ".join(text for text in (self._how, self._refusals.text) if text))

    def _mute(self) -> str:
        """That nobody can see whether we are there, let alone what we know; "" where that is not so."""
        if self._state_refusal is None:
            return ""
        return f"cannot publish {self._topics.bridge('state')}: {reasons.not_taken(self._state_refusal)}"


def _first(group: BaseExceptionGroup[LinkLostError]) -> str:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)
