"""Ask one stock node whether it runs an image: the protocol has no such question, so it is tricked.

Offered an image and polled, a node that does not run it asks for the part it expects; one that
runs it, has another role or hardware, or is not reached stays silent. A second offer, of an image
that does not exist, is answered by every node of the right role and hardware whatever it runs; a
reset puts the node back to idle. Between the two lies the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from meshward.ota.commands import Command, Fence, Send
from meshward.ota.frames import DataRequest, Offer, announce, poll, reset

FENCE_TIMEOUT_US = 2_000_000
"""First wait for the answer to a delay measurement; half as much longer each time, up to twice."""
HOP_US = 60_000
"""What each hop adds to that: a few main loops there and back."""
FENCE_RETRIES = 4
FENCE_RETRIES_LOSSY = 10
CLOCK_ERROR_US = 50_000
"""By how much mesh time may be corrected while an answer is on its way."""
SILENCE_US = 600_000
"""How long after the fence an answer may still come: the node sends it from a later main loop."""
ROUNDS = 6
ROUNDS_AFTER_RESTART = 4
ROUNDS_LOSSY = 12
"""Silent rounds before silence is believed: of a node we know nothing else of, of one that was sent
the image and restarted, and of any where frames were seen to get lost.

With one frame in twenty lost at each relay, a round with a node three hops away fails in a fifth of
the cases."""


class Verdict(StrEnum):
    """What a check found out."""

    NEEDS = "needs"
    """The node does not run the image and expects `part` next."""
    RUNS = "runs"
    NOT_OURS = "not_ours"
    """Alive, but of another role or hardware (or its receiver is switched off)."""
    UNREACHABLE = "unreachable"


class LossMeter:
    """How many delay measurements had to be repeated in this update, over all nodes."""

    def __init__(self) -> None:
        self.lost = 0

    @property
    def retries(self) -> int:
        """Measurements in a row that may fail before a node counts as unreachable."""
        return FENCE_RETRIES_LOSSY if self.lost else FENCE_RETRIES


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: the image, and where made-up ones for role probes come from.

    Each probe is another one: a node answers a poll once per offer, and that answer may get lost.
    """

    offer: Offer
    new_probe: Callable[[], Offer]
    parts: int


class _Step(StrEnum):
    IMAGE = "image"
    ROLE = "role"
    IMAGE_AGAIN = "image_again"


class Check:
    """The questions to one node, one after the other; `verdict` is None until it is known.

    `trusted`: this very update was sending to the node before, so a part number found half-way
    is believed to be the place to go on. Otherwise it may be left over from another image.
    """

    def __init__(
        self,
        node_id: int,
        subject: Subject,
        losses: LossMeter,
        now_us: int,
        *,
        hops: int = 1,
        trusted: bool = False,
        known: bool = False,
    ) -> None:
        self.node_id = node_id
        self.verdict: Verdict | None = None
        self.part = 0
        self.is_2019 = False
        self.rtt_us = 0
        self._subject = subject
        self._losses = losses
        self._patience_us = FENCE_TIMEOUT_US + hops * HOP_US
        self._trusted = trusted
        self._known = known
        self._step = _Step.IMAGE
        self._silent_rounds = 0
        self._probes: list[Offer] = []
        self._retries = 0
        self._commands: list[Command] = []
        self._fence_sent_us: int | None = None
        self._asked_us = now_us
        self._due_us = now_us
        self._ask(now_us)

    def commands(self) -> list[Command]:
        """What to send now; cleared."""
        commands, self._commands = self._commands, []
        return commands

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() wants to be called."""
        return None if self.verdict else self._due_us

    def on_fence(self, now_us: int, rtt_us: int = 0) -> None:
        """The node answered a delay measurement, `rtt_us` after it was asked (0: not known)."""
        if self.verdict or self._fence_sent_us is None:
            return
        waited_us = now_us - self._fence_sent_us
        is_late = rtt_us > waited_us + CLOCK_ERROR_US  # the answer to an earlier one: slow, not lost
        rtt_us = max(rtt_us, waited_us)
        self._fence_sent_us = None
        self._answered(now_us)
        if not is_late:
            self._losses.lost += self._retries
        self._retries = 0
        self._due_us = now_us + max(SILENCE_US, 3 * rtt_us)

    def on_request(self, request: DataRequest, now_us: int) -> None:
        """The node asked for a part of the image or of the probe."""
        if self.verdict:
            return
        self.is_2019 = self.is_2019 or request.broadcasted is None
        self._answered(now_us)
        if request.md5 == self._subject.offer.md5:
            self._conclude(Verdict.NEEDS, request.part)
        elif self._step is _Step.ROLE and any(request.md5 == probe.md5 for probe in self._probes):
            if self._trusted and request.part:
                self._conclude(Verdict.NEEDS, request.part)
                return
            self._reset_probes(request.part)
            self._step = _Step.IMAGE_AGAIN
            self._silent_rounds = 0
            self._ask(now_us)

    def handle_deadline(self, now_us: int) -> None:
        """Nothing came: ask again, ask the next question, or conclude."""
        if self.verdict or now_us < self._due_us:
            return
        if self._fence_sent_us is not None:
            self._retries += 1
            if self._retries > self._losses.retries:
                self._conclude(Verdict.UNREACHABLE)
            else:
                self._ask(now_us)
            return
        self._silent_rounds += 1
        if self._step is _Step.IMAGE:
            self._step = _Step.ROLE
            self._silent_rounds = 0
            self._ask(now_us)
        elif self._silent_rounds < self._rounds():
            self._ask(now_us)
        else:
            self._reset_probes(0)
            self._conclude(Verdict.NOT_OURS if self._step is _Step.ROLE else Verdict.RUNS)

    def _rounds(self) -> int:
        if self._losses.lost or (self._known and self._step is _Step.ROLE):
            return ROUNDS_LOSSY
        return ROUNDS_AFTER_RESTART if self._trusted else ROUNDS

    def _ask(self, now_us: int) -> None:
        """One round. What a lost answer of the round before left behind is cleared first."""
        offer, parts = self._subject.offer, self._subject.parts
        if self._step is _Step.ROLE:
            self._reset_probes(0)
            offer, parts = self._subject.new_probe(), 1
            self._probes.append(offer)
        elif self._step is _Step.IMAGE_AGAIN:
            self._send(reset(offer, self.node_id, 0))
        for _ in range(1 if self._step is _Step.IMAGE else 2):  # a second copy changes nothing
            self._send(announce(offer, self.node_id, parts, silent=True))
        for _ in range(1 if self._step is _Step.IMAGE else 2):
            self._send(poll(offer, self.node_id, parts))
        self._commands.append(Fence(self.node_id))
        self._fence_sent_us = self._asked_us = now_us
        self._due_us = now_us + self._patience_us * min(4, 2 + self._retries) // 2

    def _answered(self, now_us: int) -> None:
        rtt_us = now_us - self._asked_us
        self.rtt_us = min(self.rtt_us or rtt_us, rtt_us)

    def _reset_probes(self, part: int) -> None:
        for probe in self._probes[-1:]:
            self._send(reset(probe, self.node_id, part))

    def _send(self, package: dict[str, object]) -> None:
        self._commands.append(Send(package))

    def _conclude(self, verdict: Verdict, part: int = 0) -> None:
        self.verdict = verdict
        self.part = part
