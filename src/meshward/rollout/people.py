"""What people's actions do to the nodes of a rollout, and which actions are possible now."""

from __future__ import annotations

from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.states import Action, RolloutState, actions_in
from meshward.rollout.surroundings import Surroundings
from meshward.rollout.wave_work import members, set_state, targets

_S = RolloutState
_RETRIED = frozenset(
    {
        NodeState.FAILED,
        NodeState.LOST,
        NodeState.UNREACHABLE,
        NodeState.CANCELLED,
        NodeState.ROLLED_BACK,
    }
)
_NOT_DONE = frozenset({NodeState.PENDING, NodeState.SCHEDULED})


def possible(doc: RolloutDoc) -> list[Action]:
    """What people can do with it as it stands."""
    refused = set()
    if doc.started_s is None:  # nothing was begun, so there is nothing to skip or to undo
        refused |= {Action.SKIP, Action.RETRY, Action.ROLLBACK}
    if not doc.surveyed:
        refused.add(Action.SKIP)
    if doc.resume_to is _S.ROLLING_BACK:  # nobody goes forward from half of a way back
        refused |= {Action.SKIP, Action.RETRY}
    if not any(entry.state in _RETRIED for entry in targets(doc)):
        refused.add(Action.RETRY)
    updating = _S.UPDATING in {doc.state, doc.resume_to}
    if not updating and not any(entry.touched for entry in doc.nodes):
        refused.add(Action.ROLLBACK)
    return [action for action in actions_in(doc.state) if action not in refused]


def forgive(doc: RolloutDoc) -> None:
    """Going on after a gate failed means to accept what failed it."""
    if not doc.failure or doc.resume_to is _S.ROLLING_BACK:
        return
    doc.failure = ""
    for entry in doc.nodes:
        entry.forgiven = entry.error is not None
    wave = doc.waves[doc.wave]
    wave.outcome, wave.reason, wave.ended_s = "", "", None
    wave.accepted = doc.resume_to is _S.PROVING


def leave_out_wave(doc: RolloutDoc, around: Surroundings, why: str) -> None:
    """End what is not done yet in the current wave."""
    for entry in members(doc):
        _stop(entry, around, f"wave skipped ({why})")


def put_back(doc: RolloutDoc, around: Surroundings) -> int:
    """Let every node that did not get the image, or lost it again, have another try; the wave to begin with.

    Nodes keep their waves, so that what failed begins with the canaries again. But while a wave is under
    way, nodes of those before it join it.
    """
    retried = [entry for entry in targets(doc) if entry.state in _RETRIED]
    wave = doc.waves[doc.wave]
    under_way = doc.state is _S.PAUSED and wave.started_s is not None and wave.outcome in {"", "failed"}
    for entry in retried:
        set_state(entry, NodeState.PENDING, around)
        entry.attempts = entry.back_attempts = 0
        if under_way:
            entry.wave = max(entry.wave or 0, doc.wave)
    return doc.wave if under_way else min(entry.wave or 0 for entry in retried)


def stop_all(doc: RolloutDoc, around: Surroundings) -> None:
    """End everything that is not done yet, for good."""
    for entry in targets(doc):
        if entry.state is NodeState.ROLLING_BACK:
            reason = "aborted before it was rolled back"
            set_state(entry, NodeState.FAILED, around, reason, entry.error)
        else:
            _stop(entry, around, "aborted before it had the image")


def end_unasked(doc: RolloutDoc, around: Surroundings) -> None:
    """End the nodes of which it was not found out whether they are meant: the rollout is over."""
    for entry in doc.nodes:
        if entry.wave is None and entry.state is NodeState.PENDING:
            set_state(entry, NodeState.CANCELLED, around, "the rollout ended before it was asked what it is")


def _stop(entry: NodeEntry, around: Surroundings, reason: str) -> None:
    if entry.state in _NOT_DONE:
        if entry.touched:
            reason += "; parts of it were sent, so it may have become complete and run"
        set_state(entry, NodeState.CANCELLED, around, reason)
    elif entry.state is NodeState.VERIFYING:  # it was proven to run the image, only not after the soak
        set_state(entry, NodeState.COMPLETED, around)
