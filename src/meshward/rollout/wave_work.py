"""The work of one wave: whom to update next, what became of them, and whether the gates still hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from meshward.ota.record import NodeRecord
from meshward.ota.states import GOOD, NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.gates import Tally, budget_gate, error_gate, success_gate
from meshward.rollout.spec import Wave
from meshward.rollout.states import ErrorClass, RunKind
from meshward.rollout.surroundings import RunOrder, Surroundings
from meshward.rollout.targets import why_not

REACH_TRIES = 2
"""Runs in which a node may be out of reach before it is given up."""
RETURN_US = 60_000_000
"""How long a wave waits for nodes that left the mesh before their turn."""
_AT_WORK = frozenset({NodeState.PENDING, NodeState.SCHEDULED})


def wave_of(doc: RolloutDoc) -> Wave:
    """The current wave, as asked for."""
    return doc.spec.waves[doc.wave]


def members(doc: RolloutDoc, wave: int | None = None) -> list[NodeEntry]:
    """The nodes of a wave, by default the current one."""
    index = doc.wave if wave is None else wave
    return [entry for entry in doc.nodes if entry.wave == index]


def batch_is_open(doc: RolloutDoc, around: Surroundings) -> bool:
    """Whether the nodes that are scheduled, or the whole wave, may still get their turn.

    A node that left a moment ago is waited for: it may only look for another parent.
    """
    waiting = [entry for entry in members(doc) if entry.state in _AT_WORK]
    if any(e.state is NodeState.SCHEDULED and e.node in around.parents for e in waiting):
        return True
    if any(e.node in around.parents for e in waiting):
        return False
    return any(_left_lately(entry.node, around) for entry in waiting)


def next_batch(doc: RolloutDoc, around: Surroundings) -> bool:
    """Mark the nodes that are updated next as scheduled; False where none of the wave is left in reach."""
    waiting = [entry for entry in members(doc) if entry.state in _AT_WORK]
    for entry in waiting:
        entry.state = NodeState.PENDING  # also those that left while their batch was updated
        known = around.known.get(entry.node)
        if known is not None and known.excluded is not None:  # since the waves were drawn up
            set_state(entry, NodeState.NOT_TARGETED, around, why_not(doc.spec.target, known))
    waiting = [entry for entry in waiting if entry.state is NodeState.PENDING]
    here = [entry for entry in waiting if entry.node in around.parents]
    if not here:
        for entry in waiting:  # this wave cannot wait for them, the last one can
            entry.wave = len(doc.spec.waves) - 1
        return False
    wave, at_work = wave_of(doc), doc.waves[doc.wave]
    if wave.batch:
        grown = math.ceil(at_work.batch * wave.batch_growth) if at_work.batch else wave.batch
        at_work.batch = min(max(1, grown), len(doc.nodes))
        here.sort(key=lambda entry: (-around.depths.get(entry.node, 0), entry.node))
        here = here[: at_work.batch]
    for entry in here:
        entry.state = NodeState.SCHEDULED
    return True


def next_order(doc: RolloutDoc, around: Surroundings, kind: RunKind) -> RunOrder | None:
    """The next run: the scheduled nodes (or those to be proven) of the first group that has any."""
    wanted = NodeState.SCHEDULED if kind is RunKind.INSTALL else NodeState.VERIFYING
    here = [e for e in members(doc) if e.state is wanted and e.node in around.parents]
    if not here:
        return None
    first = min(here, key=lambda entry: (entry.hardware, entry.role))
    same = (e.node for e in here if (e.hardware, e.role) == (first.hardware, first.role))
    return RunOrder(kind, first.image, first.hardware, first.role, tuple(sorted(same)))


def ended_early(entry: NodeEntry, record: NodeRecord, around: Surroundings) -> bool:
    """Take the end of a node whose run still goes on; whether it is one.

    A node that is lost or out of reach may still come back while the run lasts, so those ends wait.
    """
    if record.state in {NodeState.COMPLETED, NodeState.ALREADY_INSTALLED, NodeState.FAILED}:
        _take_end(entry, record, around)
        return True
    return False


def installed(
    doc: RolloutDoc, nodes: Iterable[int], records: Mapping[int, NodeRecord], around: Surroundings
) -> None:
    """Take the ends of an install run that is over."""
    entries = {entry.node: entry for entry in members(doc)}
    for node in nodes:
        entry, record = entries.get(node), records.get(node)
        if entry is None or entry.state is not NodeState.SCHEDULED:
            continue
        entry.attempts += 1
        if record is None:
            _out_of_reach(doc, entry, "was not in the mesh")
        elif record.state is NodeState.UNREACHABLE and not record.was_sent_to:
            _out_of_reach(doc, entry, record.reason or "answers nothing")
        elif record.is_final:
            _take_end(entry, record, around)


def proven(
    doc: RolloutDoc, nodes: Iterable[int], records: Mapping[int, NodeRecord], around: Surroundings
) -> None:
    """Take the answers of the proof after the soak; nodes that are away are asked when they are back."""
    entries = {entry.node: entry for entry in members(doc)}
    for node in nodes:
        entry, record = entries.get(node), records.get(node)
        if entry is None or record is None or entry.state is not NodeState.VERIFYING:
            continue
        if record.state in GOOD:
            set_state(entry, NodeState.COMPLETED, around)
        elif record.needs_image:
            reason = "ran the image, and runs another one after the soak: it went back by itself"
            set_state(entry, NodeState.FAILED, around, reason, ErrorClass.ROLLED_BACK)
        elif record.state is NodeState.NOT_TARGETED:
            reason = "ran the image, and does not answer offers any more: does the image take updates?"
            set_state(entry, NodeState.FAILED, around, reason, ErrorClass.FAILED)
        elif node in around.parents:
            reason = "ran the image, and answers nothing after the soak"
            set_state(entry, NodeState.LOST, around, reason, ErrorClass.LOST)


def set_state(
    entry: NodeEntry,
    state: NodeState,
    around: Surroundings,
    reason: str | None = None,
    error: ErrorClass | None = None,
) -> None:
    """Put a node into a state."""
    entry.state, entry.reason, entry.error, entry.forgiven = state, reason, error, False
    entry.updated_at_s = around.wall_s


def tally(entries: Iterable[NodeEntry], lost_for_now: int = 0) -> Tally:
    """Count nodes for a gate; those never reached do not count."""
    total = good = ended = 0
    errors: dict[ErrorClass, int] = {}
    for entry in entries:
        if entry.forgiven:
            continue
        if entry.error is not None:
            errors[entry.error] = errors.get(entry.error, 0) + 1
        elif entry.state not in GOOD and entry.state not in _AT_WORK | {NodeState.VERIFYING}:
            continue
        total += 1
        good += entry.state in GOOD
        ended += entry.state in GOOD or entry.error is not None
    if lost_for_now:
        errors[ErrorClass.LOST] = errors.get(ErrorClass.LOST, 0) + lost_for_now
        ended += lost_for_now
    return Tally(total, good, ended, errors)


def broken_gate(doc: RolloutDoc, lost_for_now: int = 0) -> str | None:
    """The error gate of a wave or the budget of the rollout that does not hold, in words.

    A wave that passed answers for its nodes until the rollout ends: a canary may fall ill later.
    """
    for index, (wave, at_work) in enumerate(zip(doc.spec.waves, doc.waves, strict=True)):
        if at_work.started_s is None or at_work.outcome == "skipped":
            continue
        lost = lost_for_now if index == doc.wave else 0
        reason = error_gate(wave, tally(members(doc, index), lost))
        if reason is not None:
            return f"wave {wave.name!r}: {reason}{_for_example(members(doc, index))}"
    reason = budget_gate(doc.spec.failure_budget, tally(targets(doc), lost_for_now))
    return None if reason is None else f"failure budget: {reason}{_for_example(targets(doc))}"


def missed_success(doc: RolloutDoc) -> str | None:
    """Why the wave may not pass although its errors are few enough."""
    if doc.waves[doc.wave].accepted:
        return None
    wave = wave_of(doc)
    reached = (entry for entry in members(doc) if entry.state is not NodeState.PENDING)
    reason = success_gate(wave, tally(reached))
    return None if reason is None else f"wave {wave.name!r}: {reason}"


def targets(doc: RolloutDoc) -> list[NodeEntry]:
    """All nodes that were to get the image."""
    return [entry for entry in doc.nodes if entry.wave is not None]


def gives_up_absent(doc: RolloutDoc, around: Surroundings, reason: str) -> None:
    """End the nodes that were waited for in vain."""
    for entry in targets(doc):
        if entry.state in _AT_WORK:
            set_state(entry, NodeState.UNREACHABLE, around, reason)


def _left_lately(node: int, around: Surroundings) -> bool:
    record = around.health.record(node)
    away_since_us = None if record is None else record.away_since_us
    return away_since_us is not None and around.now_us - away_since_us < RETURN_US


def _for_example(entries: Iterable[NodeEntry]) -> str:
    """What befell one node of those that count as errors, for people who see only the gate."""
    for entry in entries:
        if entry.error is not None and not entry.forgiven and entry.reason:
            return f"; node {entry.node}: {entry.reason}"
    return ""


def _take_end(entry: NodeEntry, record: NodeRecord, around: Surroundings) -> None:
    entry.touched = entry.touched or record.was_sent_to
    if record.state is NodeState.COMPLETED or (record.state in GOOD and entry.touched):
        set_state(entry, NodeState.COMPLETED, around)
        entry.completed_us = around.now_us
        around.health.mark_updated(entry.node, around.now_us)
    elif record.state is NodeState.FAILED:
        error = ErrorClass.REFUSED if record.refused else ErrorClass.FAILED
        set_state(entry, NodeState.FAILED, around, record.reason, error)
    elif record.state in {NodeState.LOST, NodeState.UNREACHABLE}:
        set_state(entry, NodeState.LOST, around, record.reason, ErrorClass.LOST)
    elif record.state is NodeState.CANCELLED:
        return
    else:
        set_state(entry, record.state, around, record.reason)


def _out_of_reach(doc: RolloutDoc, entry: NodeEntry, reason: str) -> None:
    """Give a node another chance at the end, once."""
    entry.reason = reason
    if entry.attempts >= REACH_TRIES:
        entry.state = NodeState.UNREACHABLE
    else:
        entry.state = NodeState.PENDING
        entry.wave = len(doc.spec.waves) - 1
