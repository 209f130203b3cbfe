"""Texts of nodes for the broker, and texts and commands from there for nodes.

What came of a text or command is told beside it: `PREFIX/message/123/send` is answered at
`PREFIX/message/123/response`, in the form of all answers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from meshward.bridges.mqtt.control.answers import Answer, RequestRefusedError, bad, broken, good
from meshward.bridges.mqtt.control.control import CALLER
from meshward.bridges.mqtt.control.recent import Recent
from meshward.bridges.mqtt.control.requests import (
    CommandRequest,
    TextRequest,
    decoded,
    opened,
    transaction_in,
)
from meshward.bridges.mqtt.control.signing import Signatures
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import MeshwardError
from meshward.gateway.service import Service
from meshward.records import Message

TEXT_CHARACTERS_MAX = 8192
"""Of a node's text that are passed on; boards have no more memory for one."""
WAITING_MAX = 500
"""Texts that wait for the broker, the oldest are left out first: 8 MB at the very most."""
RATE_PER_S = 50.0
"""Texts passed on, over a while: ten boards that talk ten times a second are a fault."""
BURST = 200.0
SENDING_MAX = 16
"""Texts and commands on their way into the mesh."""
ALL = "all"
_NODE_ID_MAX = 0xFFFF_FFFF

log = structlog.get_logger("meshward.bridges")


class Text(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/message/ID`: a text of a node. Not retained."""

    node: int
    text: str
    broadcast: bool
    """Whether it went to all nodes, or to the gateway alone."""
    cut: bool = False
    """Whether it was longer."""


class Allowance:
    """How many may pass: `BURST` at once, `RATE_PER_S` over a while."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._left = BURST
        self._at_s = now_s()

    def take(self) -> bool:
        """Whether one more may."""
        now_s = self._now_s()
        self._left = min(BURST, self._left + (now_s - self._at_s) * RATE_PER_S)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class TextsPart:
    """A `Part`. `messages` and `commands` are what the configuration allows."""

    def __init__(
        self,
        service: Service,
        topics: Topics,
        profile: Profile,
        *,
        messages: bool,
        commands: bool,
        signatures: Signatures | None = None,
        now_s: Callable[[], float] = time.time,
        allowance: Allowance | None = None,
    ) -> None:
        self.dropped = 0
        """Texts of nodes that were left out: too many, or the broker away for too long."""
        self._service = service
        self._topics = topics
        self._profile = profile
        self._messages = messages
        self._commands = commands
        self._signatures = signatures
        self._now_s = now_s
        self._allowance = allowance or Allowance()
        self._waiting: deque[Publication] = deque()
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recent = Recent()

    @property
    def filters(self) -> Sequence[str]:
        """Texts and commands for nodes, as far as they are allowed."""
        filters = []
        if self._messages:
            filters.append(self._topics.message_to("+"))
        if self._commands:
            filters.append(self._topics.command_to("+"))
        return filters

    async def work(self) -> None:
        """Take texts of nodes."""
        try:
            if self._messages:
                async for message in self._service.messages():
                    self._take(message)
            await asyncio.Event().wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, session: Session) -> None:
        """Send what waits."""
        while True:
            while self._waiting:
                publication = self._waiting[0]
                await session.publish(publication)
                if self._waiting and self._waiting[0] is publication:
                    self._waiting.popleft()
            self._news.clear()
            await self._news.wait()

    async def on_message(self, message: Received) -> None:
        """Begin to send something into the mesh."""
        way, place = message.topic.split("/")[-3:-1]
        action = f"{way}/{place}"
        if message.retain:
            error = RequestRefusedError("retained", "published with retain: publish it without")
            self._answer(message, "", bad(error))
        elif len(self._tasks) >= SENDING_MAX:
            error = RequestRefusedError("busy", f"{SENDING_MAX} are on their way already: try again later")
            self._answer(message, "", bad(error))
        else:
            task = asyncio.create_task(self._handle(message, action, place), name=f"mqtt {way}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: Received, action: str, place: str) -> None:
        fingerprint = Recent.fingerprint(action, message.payload)
        if message.duplicate and self._recent.again(action, fingerprint) is not None:
            return  # it was sent, and answered
        self._recent.begin(action, "", fingerprint)
        transaction = ""
        try:
            text = opened(self._signatures, action, message.payload)
            is_command = action.startswith("command")
            if is_command or self._signatures is not None:
                transaction = transaction_in(text)
            node = _node_id(place)
            await (self._send_command(node, text) if is_command else self._send_text(node, text))
            answer = good({})
        except MeshwardError as error:
            answer = bad(error)
        except Exception as error:  # an error of ours must be answered, and must not end the bridge
            log.exception("a text over MQTT broke; please report this")
            answer = broken(error)
        self._answer(message, transaction, answer)

    def _send_command(self, node: int | None, text: bytes) -> Awaitable[None]:
        request = decoded(text, CommandRequest)
        return self._service.send_command(node, request.command, request.parameters, CALLER)

    def _send_text(self, node: int | None, text: bytes) -> Awaitable[None]:
        if self._signatures is not None:
            words = decoded(text, TextRequest).text
        else:
            try:
                words = text.decode()
            except UnicodeDecodeError:
                raise RequestRefusedError("invalid", "a text must be UTF-8") from None
        return self._service.send_message(node, words, CALLER)

    def _take(self, message: Message) -> None:
        if not self._allowance.take():
            self._drop()
            return
        # A board can write half a character in JSON, which no UTF-8 can carry.
        text = message.text[:TEXT_CHARACTERS_MAX].encode("utf-8", "replace").decode()
        is_cut = len(message.text) > TEXT_CHARACTERS_MAX
        told = Text(node=message.sender, text=text, broadcast=message.broadcast, cut=is_cut)
        payload = self._profile.text(message.sender, msgspec.to_builtins(told), self._now_s())
        self._send(Publication(self._topics.message_from(message.sender), payload))

    def _answer(self, message: Received, transaction: str, answer: Answer) -> None:
        way = message.topic.split("/")[-3]
        topic = f"{message.topic.removesuffix('/send')}/response"
        payload = self._profile.response(way, transaction, answer, self._now_s())
        self._send(Publication(topic, payload, correlation=message.correlation))

    def _send(self, publication: Publication) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._drop()
        self._waiting.append(publication)
        self._news.set()

    def _drop(self) -> None:
        if self.dropped == 0:
            log.warning("texts of nodes were left out over MQTT: more came than are passed on")
        self.dropped += 1


def _node_id(place: str) -> int | None:
    """None for all. Raises RequestRefusedError."""
    if place == ALL:
        return None
    if place.isascii() and place.isdigit() and len(place) <= 10 and 0 < int(place) <= _NODE_ID_MAX:
        return int(place)
    raise RequestRefusedError("invalid", f"the topic must name a node by its id, or {ALL!r}")
