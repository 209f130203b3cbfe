"""Texts of nodes for the broker, and texts and commands from there for nodes.

What came of a text or command is told beside it: `PREFIX/message/123/send` is answered at
`PREFIX/message/123/response`, in the form of all answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from meshward.bridges.mqtt.control.allowance import Allowance
from meshward.bridges.mqtt.control.answers import RequestRefusedError, bad, good
from meshward.bridges.mqtt.control.control import CALLER
from meshward.bridges.mqtt.control.outbox import Outbox, Seldom
from meshward.bridges.mqtt.control.recent import Recent
from meshward.bridges.mqtt.control.reception import Asked, Reception
from meshward.bridges.mqtt.control.requests import CommandRequest, TextRequest, decoded, opened
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
WAITING_BYTES_MAX = 4 * 1024 * 1024
"""Texts of nodes that wait for the broker; the oldest are left out first."""
RATE_PER_S = 50.0
"""Texts passed on, over a while: ten boards that talk ten times a second are a fault."""
BURST = 200.0
SENDING_RATE_PER_S = 2.0
"""Texts and commands for nodes, over a while and from all brokers: each is kept in the audit log."""
SENDING_BURST = 100.0
ALL = "all"
PLACE_MAX = 100
"""Characters in a topic where a node's id belongs, that are answered."""
_NODE_ID_MAX = 0xFFFF_FFFF

log = structlog.get_logger("meshward.bridges")


class Text(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/message/ID`: a text of a node. Not retained."""

    node: int
    """Id of whoever sent it."""
    text: str
    """As it came."""
    broadcast: bool
    """Whether it went to all nodes, or to the gateway alone."""
    cut: bool = False
    """Whether it was longer."""


class TextsPart:
    """A `Part`."""

    def __init__(
        self,
        service: Service,
        topics: Topics,
        profile: Profile,
        *,
        from_nodes: bool,
        to_nodes: bool,
        commands: bool,
        signatures: Signatures | None = None,
        now_s: Callable[[], float] = time.time,
        allowance: Allowance | None = None,
        sending: Allowance | None = None,
    ) -> None:
        """Whether texts go out, and come in, and commands come in.

        `allowance`: of texts of nodes; `sending`: of texts and commands for them, one for all brokers.
        """
        self._service = service
        self._topics = topics
        self._profile = profile
        self._from_nodes = from_nodes
        self._to_nodes = to_nodes
        self._commands = commands
        self._signatures = signatures
        self._now_s = now_s
        self._allowance = allowance or Allowance(RATE_PER_S, BURST)
        self._sending = sending or Allowance(SENDING_RATE_PER_S, SENDING_BURST)
        self._texts = Outbox("texts of nodes", WAITING_MAX, WAITING_BYTES_MAX)
        self._too_many = 0
        self._seldom = Seldom()
        self._recent = Recent()
        self._reception = Reception(profile, self._handle, now_s)

    @property
    def dropped(self) -> int:
        """Texts of nodes that were left out: too many, or the broker away for too long."""
        return self._too_many + self._texts.left_out

    @property
    def filters(self) -> Sequence[str]:
        """Texts and commands for nodes, as far as they are allowed."""
        filters = []
        if self._to_nodes:
            filters.append(self._topics.message_to("+"))
        if self._commands:
            filters.append(self._topics.command_to("+"))
        return filters

    async def work(self) -> None:
        """Take texts of nodes, and send what the broker brought."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reception.work())
            if self._from_nodes:
                async for message in self._service.messages():
                    self._take(message)

    async def run(self, session: Session) -> None:
        """Send what waits."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._texts.send(session))
            tasks.create_task(self._reception.send(session))

    async def on_message(self, message: Received) -> None:
        """Take in what is to be sent into the mesh."""
        way, place = message.topic.split("/")[-3:-1]
        # A topic may be 64 KB long, and one for the answer is longer: nobody is told who names no node.
        answers = (f"{message.topic.removesuffix('/send')}/response",) if len(place) <= PLACE_MAX else ()
        plain = way == "message" and self._signatures is None
        self._reception.take(Asked(message, f"{way}/{place}", answers, plain))

    async def _handle(self, asked: Asked) -> None:
        action, payload = asked.action, asked.message.payload
        fingerprint = Recent.fingerprint(action, payload)
        if asked.message.duplicate and self._recent.again(action, fingerprint) is not None:
            return  # it was sent, and answered
        try:
            text = await opened(self._signatures, action, payload)
            node = _node_id(action.partition("/")[2])
            transaction, send = self._work(asked, node, text)
            if not self._sending.take():
                raise RequestRefusedError(
                    "busy", f"more than {SENDING_RATE_PER_S:g} a second are not sent: try again later"
                )
        except MeshwardError as error:
            self._reception.refuse(asked, error)
            return
        self._recent.begin(action, "", fingerprint)
        try:
            await send()
            answer = good({})
        except MeshwardError as error:
            answer = bad(error)
        self._reception.answer(asked, transaction, answer)

    def _work(self, asked: Asked, node: int | None, text: bytes) -> tuple[str, Callable[[], Awaitable[None]]]:
        """The transaction, and what sends it. Raises RequestRefusedError."""
        if asked.word == "command":
            command = decoded(text, CommandRequest)
            return command.transaction, lambda: self._service.send_command(
                node, command.command, command.parameters, CALLER
            )
        if not asked.plain:
            request = decoded(text, TextRequest)
            return request.transaction, lambda: self._service.send_message(node, request.text, CALLER)
        try:
            words = text.decode()
        except UnicodeDecodeError:
            raise RequestRefusedError("invalid", "a text must be UTF-8") from None
        return "", lambda: self._service.send_message(node, words, CALLER)

    def _take(self, message: Message) -> None:
        if not self._allowance.take():
            self._drop()
            return
        # A board can write half a character in JSON, which no UTF-8 can carry.
        text = message.text[:TEXT_CHARACTERS_MAX].encode("utf-8", "replace").decode()
        is_cut = len(message.text) > TEXT_CHARACTERS_MAX
        told = Text(node=message.sender, text=text, broadcast=message.broadcast, cut=is_cut)
        payload = self._profile.text(message.sender, msgspec.to_builtins(told), self._now_s())
        self._texts.put(Publication(self._topics.message_from(message.sender), payload))

    def _drop(self) -> None:
        self._too_many += 1
        count = self._seldom.count()
        if count:
            log.warning("texts of nodes were left out over MQTT: more came than are passed on", count=count)


def _node_id(place: str) -> int | None:
    """None for all. Raises RequestRefusedError."""
    if place == ALL:
        return None
    if place.isascii() and place.isdigit() and len(place) <= 10 and 0 < int(place) <= _NODE_ID_MAX:
        return int(place)
    raise RequestRefusedError("invalid", f"the topic must name a node by its id, or {ALL!r}")
