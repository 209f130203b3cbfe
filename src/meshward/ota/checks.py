"""All the checks of an update: who is asked when, and what follows from the answer."""

from __future__ import annotations

from functools import partial

from meshward.ota import frames
from meshward.ota.check import Check, LossMeter, Subject, Verdict
from meshward.ota.record import NodeRecord
from meshward.ota.situation import Random, Situation
from meshward.ota.states import NodeState

CHECKS_AT_ONCE = 16
"""Each puts half a dozen small frames on our link at once, which must not queue for long."""
ATTEMPTS_AT_ONE_PART = 10
"""Transfers to a node that stays where it was, before more than lost frames is to blame."""
DEAF = "took all parts and answers no offers any more: does its new image take updates, with the same role?"


class Checks:
    """Runs the checks that are due and judges the nodes by them."""

    def __init__(self, situation: Situation, rng: Random) -> None:
        self.losses = LossMeter()
        self._situation = situation
        self._subject = Subject(situation.offer, partial(situation.offer.made_up, rng), len(situation.parts))
        self._running = 0

    def open(self) -> bool:
        """Whether any node in reach still has to be asked, or to answer."""
        return any(
            record.check is not None or record.check_due_us is not None
            for record in self._situation.records.values()
            if not record.is_final and record.away_since_us is None
        )

    def step(self, now_us: int) -> None:
        """Start what is due, send what they ask, take their verdicts."""
        records = self._situation.records.values()
        self._running = sum(1 for record in records if record.check is not None)
        for record in records:
            if self._is_due(record, now_us):
                self._start(record, now_us)
            if record.check is not None:
                self._situation.outbox.extend(record.check.commands())
                if record.check.verdict is not None:
                    self._running -= 1
                    self._concluded(record, record.check, now_us)

    def next_deadline_us(self) -> int | None:
        """When step() wants to be called, the running checks left out."""
        if self._running >= CHECKS_AT_ONCE:
            return None
        due = [record.check_due_us for record in self._situation.records.values()]
        return min((moment for moment in due if moment is not None), default=None)

    def _is_due(self, record: NodeRecord, now_us: int) -> bool:
        due_us = record.check_due_us
        if due_us is None or due_us > now_us or record.away_since_us is not None:
            return False
        return self._running < CHECKS_AT_ONCE

    def _start(self, record: NodeRecord, now_us: int) -> None:
        self._running += 1
        record.check_due_us = None
        record.fold()
        if record.was_sent_to:
            record.state = NodeState.VERIFYING
        record.check = Check(
            record.node_id,
            self._subject,
            self.losses,
            now_us,
            hops=self._situation.hops(record.node_id),
            trusted=record.trusted,
            known=record.needs_image,
        )

    def _concluded(self, record: NodeRecord, check: Check, now_us: int) -> None:
        record.check = None
        record.rtt_us = check.rtt_us or record.rtt_us
        record.is_2019 = record.is_2019 or check.is_2019
        offer = self._situation.offer
        if check.verdict is Verdict.NEEDS:
            self._needs(record, check.part, now_us)
        elif check.verdict is Verdict.RUNS:
            if record.was_sent_to:
                record.parts_done = len(self._situation.parts)
            state = NodeState.COMPLETED if record.was_sent_to else NodeState.ALREADY_INSTALLED
            record.end(state, now_us)
        elif check.verdict is Verdict.NOT_OURS:
            if record.was_sent_to:
                record.end(NodeState.FAILED, now_us, DEAF)
            else:
                reason = f"not of role {offer.role!r} on {offer.hardware}, or takes no updates"
                record.end(NodeState.NOT_TARGETED, now_us, reason)
        else:
            state = NodeState.LOST if record.was_sent_to else NodeState.UNREACHABLE
            record.end(state, now_us, "is in the tree but answers nothing")

    def _needs(self, record: NodeRecord, part: int, now_us: int) -> None:
        record.needs_image = True
        if self._situation.options.check_only:
            self._reset(record, part)
            record.end(NodeState.FAILED, now_us, "does not run this image")
            return
        if record.was_sent_to and not self._goes_on(record, part, now_us):
            return
        if record.wants_small and record.small_from is None:
            record.small_from = part  # it has what was sent before, so the place to cut is certain
        record.wants_small = False
        if record.trusted and 0 < part < len(self._situation.parts):  # beyond: of another image
            record.goes_on_at(part)
        else:
            self._reset(record, part)
            record.begin_anew()
        record.state = NodeState.SCHEDULED

    def _goes_on(self, record: NodeRecord, part: int, now_us: int) -> bool:
        """Whether to try a node again that was sent the image and does not run it."""
        if not record.had_its_chance:
            return True
        record.had_its_chance = False
        if part == 0:
            record.rejections += 1
            goes_on = record.rejections < self._situation.options.attempts
        else:
            record.failures = 0 if part > record.position else record.failures + 1
            goes_on = record.failures < ATTEMPTS_AT_ONE_PART
        if goes_on:
            return True
        self._reset(record, part)
        record.refused = part > 0
        if part:
            reason = f"stays at part {part} of {len(self._situation.parts)} however often it is sent"
        else:
            reason = "takes the parts but does not start the image: its MD5 check or its flash fails"
        record.end(NodeState.FAILED, now_us, record.reason or reason)
        return False

    def _reset(self, record: NodeRecord, part: int) -> None:
        self._situation.send(frames.reset(self._situation.offer, record.node_id, part))
