"""Where requests of one broker wait for their turn, and answers for the broker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from meshward.bridges.mqtt.control.answers import Answer, RequestRefusedError, bad, broken
from meshward.bridges.mqtt.control.outbox import Outbox, Seldom
from meshward.bridges.mqtt.control.requests import check_size, transaction_told
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.errors import MeshwardError
from meshward.text import printable

WORKERS = 16
"""Requests worked on at once. Files that are fetched take four of them for minutes, others are soon done."""
WAITING_MAX = 200
WAITING_BYTES_MAX = 4 * 1024 * 1024
"""Requests that wait for a worker: what a pipeline for every board sends at once."""
ANSWERS_MAX = 256
ANSWERS_BYTES_MAX = 4 * 1024 * 1024
"""Answers that wait for the broker: one about a thousand nodes takes 100 KB."""
CORRELATION_BYTES_MAX = 1024
"""Longer ones are not given back: programs put a number there."""
NOTED_EVERY_S = 10.0

log = structlog.get_logger("meshward.bridges")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    message: Received
    action: str
    """As it is signed: "start", "message/123"."""
    topics: tuple[str, ...]
    """Where it is answered."""
    plain: bool = False
    """Whether it is a text as it is, in which nothing is looked for."""

    @property
    def word(self) -> str:
        """The action as the answer names it."""
        return self.action.partition("/")[0]


class Reception:
    """Takes requests in and gives answers out; keeps both over the end of a connection."""

    def __init__(
        self, profile: Profile, handle: Callable[[Asked], Awaitable[None]], now_s: Callable[[], float]
    ) -> None:
        """`handle` does one request, and answers it."""
        self._profile = profile
        self._handle = handle
        self._now_s = now_s
        self._waiting: deque[Asked] = deque()
        self._waiting_bytes = 0
        self._came = asyncio.Semaphore(0)
        self._answers = Outbox("answers", ANSWERS_MAX, ANSWERS_BYTES_MAX)
        self._noted = Seldom(NOTED_EVERY_S)

    async def work(self) -> None:
        """For ever; what is under way when it ends is given up."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work())

    async def send(self, session: Session) -> None:
        """Answers, as long as the connection lasts."""
        await self._answers.send(session)

    def take(self, asked: Asked) -> None:
        """A request; it is answered in its turn."""
        asked = _within_limits(asked)
        try:
            self._check(asked)
        except RequestRefusedError as error:
            self.refuse(asked, error)
            return
        self._waiting.append(asked)
        self._waiting_bytes += _size(asked)
        self._came.release()

    def _check(self, asked: Asked) -> None:
        if asked.message.retain:
            raise RequestRefusedError(
                "retained",
                "published with retain, so it would be done again at every start; publish it without",
            )
        check_size(asked.message.payload)
        if len(self._waiting) >= WAITING_MAX or self._waiting_bytes + _size(asked) > WAITING_BYTES_MAX:
            raise RequestRefusedError("busy", f"{len(self._waiting)} requests wait already: try again later")

    def refuse(self, asked: Asked, error: MeshwardError) -> None:
        """Nothing of it was done. Where many answers wait already, nobody is told."""
        self._give(asked, self._payload(asked, _transaction(asked), bad(error)), self._answers.offer)

    def answer(self, asked: Asked, transaction: str, answer: Answer) -> bytes:
        """What came of it. Gives the payload, for `answer_again`."""
        payload = self._payload(asked, transaction, answer)
        self.answer_again(asked, payload)
        return payload

    def answer_again(self, asked: Asked, payload: bytes) -> None:
        """The same as before."""
        self._give(asked, payload, self._answers.put)

    def tell(self, publication: Publication) -> None:
        """Something besides, in the order of the answers."""
        self._answers.put(publication)

    async def _work(self) -> None:
        while True:
            await self._came.acquire()
            asked = self._waiting.popleft()
            self._waiting_bytes -= _size(asked)
            try:
                await self._handle(asked)
            except Exception as error:  # an error of ours must be answered, and must not end the bridge
                log.exception("a request over MQTT broke; please report this", action=asked.action)
                self.answer(asked, _transaction(asked), broken(error))

    def _payload(self, asked: Asked, transaction: str, answer: Answer) -> bytes:
        if answer["status"] != "ok" and (count := self._noted.count()):
            reason = printable(str(answer["error"]))
            log.info(
                "request over MQTT refused", action=printable(asked.action, 100), reason=reason, count=count
            )
        return self._profile.response(asked.word, transaction, answer, self._now_s())

    def _give(self, asked: Asked, payload: bytes, give: Callable[[Publication], None]) -> None:
        for topic in asked.topics:
            give(Publication(topic, payload, correlation=asked.message.correlation))


def _within_limits(asked: Asked) -> Asked:
    """Without what only takes memory."""
    correlation = asked.message.correlation
    if correlation is not None and len(correlation) > CORRELATION_BYTES_MAX:
        correlation = None
    return replace(asked, message=replace(asked.message, correlation=correlation, response_topic=None))


def _transaction(asked: Asked) -> str:
    """As it is told, whether that is proven or not: for the answer only."""
    return "" if asked.plain else transaction_told(asked.message.payload)


def _size(asked: Asked) -> int:
    texts: Sequence[str | bytes] = (asked.message.topic, asked.message.payload, *asked.topics)
    return sum(map(len, texts))
