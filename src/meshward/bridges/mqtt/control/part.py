"""Requests from a broker, and answers to it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from meshward.bridges.mqtt.control.answers import bad, good
from meshward.bridges.mqtt.control.control import Control, Do
from meshward.bridges.mqtt.control.proposal import Proposal, ProposedCommand
from meshward.bridges.mqtt.control.recent import ASKERS_MAX, Kept, Recent
from meshward.bridges.mqtt.control.reception import Asked, Reception
from meshward.bridges.mqtt.control.requests import ActRequest, Request, StartRequest, opened
from meshward.bridges.mqtt.control.signing import Signatures
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import MeshwardError

COMMAND = "command"

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
        self._shelf = shelf
        self._signatures = signatures
        self._recent = Recent()
        self._reception = Reception(profile, self._handle, now_s)

    @property
    def filters(self) -> Sequence[str]:
        """Requests of our form, and of the proposal's."""
        return (self._topics.request("+"), self._topics.command)

    async def work(self) -> None:
        """For ever; what is under way when it ends is given up."""
        await self._reception.work()

    async def run(self, session: Session) -> None:
        """Send answers, also those that were not sent when the last connection ended."""
        await self._reception.send(session)

    async def on_message(self, message: Received) -> None:
        """Take a request in."""
        action = self._action(message.topic)
        self._reception.take(Asked(message, action, self._places(message, action)))

    def _action(self, topic: str) -> str:
        if topic == self._topics.command:
            return COMMAND
        action = topic.rpartition("/")[2]
        return action if _ACTION.fullmatch(action) and action != COMMAND else "unknown"

    def _places(self, message: Received, action: str) -> tuple[str, ...]:
        """Topics for the answer."""
        usual, asked = self._topics.response(action), message.response_topic
        return (usual, asked) if asked not in {None, usual} and self._is_ours(asked) else (usual,)

    def _is_ours(self, topic: str | None) -> bool:
        """Whether answers may go there: a request must not make us write just anywhere."""
        below = self._topics.response("")
        return (
            topic is not None
            and topic.startswith(below)
            and len(topic) <= len(below) + 200
            and not any(character in "+#\0" for character in topic)
        )

    async def _handle(self, asked: Asked) -> None:
        action, payload = asked.action, asked.message.payload
        fingerprint = Recent.fingerprint(action, payload)
        if asked.message.duplicate and (known := self._recent.again(action, fingerprint)) is not None:
            self._again(asked, known)
            return
        try:
            request, do = self._work(action, await opened(self._signatures, action, payload))
            changes = _changes(request)
            known = self._recent.of_transaction(action, request.transaction, fingerprint) if changes else None
        except MeshwardError as error:
            self._reception.refuse(asked, error)
            return
        if known is not None:
            self._again(asked, known)
        elif changes:
            await self._do_once(asked, request.transaction, do, fingerprint)
        else:
            await self._do(asked, request.transaction, do)
        if action == COMMAND and known is None:
            self._tell_status()

    def _work(self, action: str, text: bytes) -> tuple[Request, Do]:
        return self._proposal.work(text) if action == COMMAND else self._control.work(action, text)

    def _again(self, asked: Asked, known: Kept) -> None:
        """What is still worked on is answered once it is done."""
        if known.payload is not None:
            self._reception.answer_again(asked, known.payload)
        elif len(known.waiting) < ASKERS_MAX:
            known.waiting.append(asked)

    async def _do_once(self, asked: Asked, transaction: str, do: Do, fingerprint: bytes) -> None:
        kept = self._recent.begin(asked.action, transaction, fingerprint)
        try:
            payload, is_good = await self._do(asked, transaction, do)
        except BaseException:  # an error of ours, or the end of the bridge
            self._recent.forget(kept)
            raise
        self._recent.end(kept, payload, failed=not is_good)
        for again in kept.waiting:
            self._reception.answer_again(again, payload)
        kept.waiting.clear()

    async def _do(self, asked: Asked, transaction: str, do: Do) -> tuple[bytes, bool]:
        """Gives the answer as it was sent, and whether it is a good one."""
        try:
            answer = good(await do())
        except MeshwardError as error:
            answer = bad(error)
        return self._reception.answer(asked, transaction, answer), answer["status"] == "ok"

    def _tell_status(self) -> None:
        """In the proposal's form an answer is the status, for those who listen there."""
        topic = self._topics.update_status()
        payload = self._shelf.get(topic)
        if payload is not None:
            self._reception.tell(Publication(topic, payload, retain=True))


def _changes(request: Request) -> bool:
    """Whether it is not to be done twice."""
    if isinstance(request, ProposedCommand):
        return request.command != "query_status"
    return isinstance(request, StartRequest | ActRequest)
