"""Requests from a broker, and answers to it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from meshward.bridges.mqtt.control.answers import Answer, RequestRefusedError, bad, broken, good
from meshward.bridges.mqtt.control.control import CHANGING, Control, Do
from meshward.bridges.mqtt.control.proposal import Proposal
from meshward.bridges.mqtt.control.recent import Recent
from meshward.bridges.mqtt.control.requests import Request, opened, transaction_in
from meshward.bridges.mqtt.control.signing import Signatures
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import MeshwardError
from meshward.text import printable

TASKS_MAX = 32
"""Requests worked on at once; files that are fetched take a few of them for minutes."""
ANSWERS_MAX = 256
"""Answers that wait for the broker."""
NOTED_EVERY_S = 1.0
COMMAND = "command"

log = structlog.get_logger("meshward.bridges")

_ACTION = re.compile(r"[a-z_]{1,32}")


class ControlPart:
    """A `Part`: what one broker brings. All brokers share one `Control`, and one `Signatures`."""

    def __init__(
        self,
        control: Control,
        topics: Topics,
        profile: Profile,
        shelf: Retained,
        signatures: Signatures | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._control = control
        self._proposal = Proposal(control)
        self._topics = topics
        self._profile = profile
        self._shelf = shelf
        self._signatures = signatures
        self._now_s = now_s
        self._recent = Recent()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: deque[Publication] = deque(maxlen=ANSWERS_MAX)
        self._news = asyncio.Event()
        self._noted_s = 0.0

    @property
    def filters(self) -> Sequence[str]:
        """Requests of our form, and of the proposal's."""
        return (self._topics.request("+"), self._topics.command)

    async def work(self) -> None:
        """For ever; what is under way when it ends is given up."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, session: Session) -> None:
        """Send answers, also those that were not sent when the last connection ended."""
        while True:
            while self._answers:
                answer = self._answers[0]
                await session.publish(answer)
                if self._answers and self._answers[0] is answer:
                    self._answers.popleft()
            self._news.clear()
            await self._news.wait()

    async def on_message(self, message: Received) -> None:
        """Begin to work on a request."""
        action = self._action(message.topic)
        if message.retain:
            words = "published with retain, so it would be done again at every start; publish it without"
            self._refuse(message, action, RequestRefusedError("retained", words))
        elif len(self._tasks) >= TASKS_MAX:
            words = f"{TASKS_MAX} requests are worked on already: try again later"
            self._refuse(message, action, RequestRefusedError("busy", words))
        else:
            task = asyncio.create_task(self._handle(message, action), name=f"mqtt {action}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _action(self, topic: str) -> str:
        if topic == self._topics.command:
            return COMMAND
        action = topic.rpartition("/")[2]
        return action if _ACTION.fullmatch(action) and action != COMMAND else "unknown"

    async def _handle(self, message: Received, action: str) -> None:
        fingerprint = Recent.fingerprint(action, message.payload)
        if message.duplicate and (known := self._recent.again(action, fingerprint)) is not None:
            transaction, answer = known
            if answer is not None:
                self._answer(message, action, transaction, answer)
            return
        transaction = ""
        try:
            text = opened(self._signatures, action, message.payload)
            transaction = transaction_in(text)
            request, do = self._work(action, text)
        except MeshwardError as error:
            self._answer(message, action, transaction, bad(error))
            return
        await self._do(message, action, request, do, fingerprint)

    def _work(self, action: str, text: bytes) -> tuple[Request, Do]:
        return self._proposal.work(text) if action == COMMAND else self._control.work(action, text)

    async def _do(self, message: Received, action: str, request: Request, do: Do, fingerprint: bytes) -> None:
        transaction = request.transaction
        try:
            known = (
                self._recent.of_transaction(action, transaction, fingerprint) if action in CHANGING else None
            )
        except RequestRefusedError as error:
            self._answer(message, action, transaction, bad(error))
            return
        if known is not None:
            if known.answer is not None:
                self._answer(message, action, transaction, known.answer)
            return
        kept = self._recent.begin(action, transaction, fingerprint)
        kept.answer = await self._done(action, do)
        self._answer(message, action, transaction, kept.answer)
        if action == COMMAND:
            self._tell_status()

    async def _done(self, action: str, do: Do) -> Answer:
        try:
            return good(await do())
        except MeshwardError as error:
            return bad(error)
        except Exception as error:  # an error of ours must be answered, and must not end the bridge
            log.exception("a request over MQTT broke; please report this", action=action)
            return broken(error)

    def _tell_status(self) -> None:
        """In the proposal's form an answer is the status, for those who listen there."""
        topic = self._topics.update_status()
        payload = self._shelf.get(topic)
        if payload is not None:
            self._send(Publication(topic, payload, retain=True))

    def _refuse(self, message: Received, action: str, error: MeshwardError) -> None:
        self._answer(message, action, "", bad(error))

    def _answer(self, message: Received, action: str, transaction: str, answer: Answer) -> None:
        if answer["status"] != "ok":
            self._note(action, str(answer["error"]))
        payload = self._profile.response(action, transaction, answer, self._now_s())
        topics = [self._topics.response(action)]
        asked = message.response_topic
        if asked is not None and asked not in topics and self._is_ours(asked):
            topics.append(asked)
        for topic in topics:
            self._send(Publication(topic, payload, correlation=message.correlation))

    def _note(self, action: str, reason: str) -> None:
        """In the log, where nobody can flood it."""
        now_s = self._now_s()
        if abs(now_s - self._noted_s) >= NOTED_EVERY_S:
            self._noted_s = now_s
            log.info("request over MQTT refused", action=action, reason=printable(reason))

    def _is_ours(self, topic: str) -> bool:
        """Whether answers may go there: a request must not make us write just anywhere."""
        below = self._topics.response("")
        return (
            topic.startswith(below)
            and len(topic) <= len(below) + 200
            and not any(character in "+#\0" for character in topic)
        )

    def _send(self, publication: Publication) -> None:
        if len(self._answers) == ANSWERS_MAX:
            log.warning("an answer over MQTT was left out: too many wait for the broker")
        self._answers.append(publication)
        self._news.set()
