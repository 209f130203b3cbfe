"""Every state of a rollout and every way from one to another, as data.

This is the only place that knows which action is possible when; `diagram` draws it for the docs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RolloutState(StrEnum):
    """Where a rollout stands; the words users read."""

    AWAITING_APPROVAL = "awaiting_approval"
    """Nothing is sent before somebody approves."""
    SCHEDULED = "scheduled"
    """Waits for its start time, its window, or another rollout to the same boards."""
    SURVEYING = "surveying"
    """Asks the nodes what they run: who is a target, and who has the image."""
    UPDATING = "updating"
    """Nodes of the current wave get the image."""
    SOAKING = "soaking"
    """The wave runs the image and is watched."""
    PROVING = "proving"
    """After the soak the nodes of the wave are asked once more what they run."""
    AWAITING_GO = "awaiting_go"
    """The wave passed; the next one needs a go-ahead."""
    WAITING = "waiting"
    """Outside the maintenance windows, or for nodes that were not seen yet."""
    PAUSED = "paused"
    """By somebody, or because a gate failed; `resume` goes on where it was."""
    ROLLING_BACK = "rolling_back"
    """The nodes that were updated get their last good image again."""
    COMPLETED = "completed"
    """Every target has a final state and all gates passed."""
    ABORTED = "aborted"
    """Stopped for good by somebody; nodes keep what they run."""
    ROLLED_BACK = "rolled_back"
    """Every node that could be brought back runs its last good image."""
    FAILED = "failed"
    """A gate failed, and not every node could be rolled back (or none was to be)."""


FINAL = frozenset(
    {RolloutState.COMPLETED, RolloutState.ABORTED, RolloutState.ROLLED_BACK, RolloutState.FAILED}
)


class Action(StrEnum):
    """What people can do with a rollout."""

    APPROVE = "approve"
    """Start it, or go on with the next wave."""
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    """Leave the current wave (or its soak) as it is and go on with the next."""
    RETRY = "retry"
    """Try the failed nodes again."""
    ABORT = "abort"
    """Stop for good; half-way nodes are put back to idle."""
    ROLLBACK = "rollback"
    """Bring the updated nodes back to their last good image."""


class Happening(StrEnum):
    """What moves a rollout by itself."""

    DUE = "due"
    SURVEYED = "surveyed"
    WAVE_DONE = "wave done"
    SOAKED = "soaked"
    PROVEN = "proven"
    GATE_FAILED = "gate failed"
    WINDOW_CLOSED = "window closed"
    WINDOW_OPEN = "window open"
    NODE_SEEN = "node seen"
    NEWCOMER = "newcomer"
    WAITED_ENOUGH = "waited enough"
    BROUGHT_BACK = "brought back"
    BLOCKED = "image unusable"


_S = RolloutState
_ACTIVE = (_S.SURVEYING, _S.UPDATING, _S.SOAKING, _S.PROVING, _S.AWAITING_GO, _S.WAITING)
_RESUMABLE = (_S.AWAITING_APPROVAL, _S.SCHEDULED, *_ACTIVE, _S.ROLLING_BACK)
_NEXT_WAVE = (_S.UPDATING, _S.SURVEYING, _S.AWAITING_GO, _S.WAITING, _S.COMPLETED)
_BROKEN = (_S.PAUSED, _S.ROLLING_BACK)

TRANSITIONS: Mapping[RolloutState, Mapping[Action | Happening, tuple[RolloutState, ...]]] = {
    _S.AWAITING_APPROVAL: {
        Action.APPROVE: (_S.SCHEDULED,),
        Action.PAUSE: (_S.PAUSED,),
        Action.ABORT: (_S.ABORTED,),
    },
    _S.SCHEDULED: {
        Happening.DUE: (_S.SURVEYING,),
        Action.PAUSE: (_S.PAUSED,),
        Action.ABORT: (_S.ABORTED,),
    },
    _S.SURVEYING: {
        Happening.BLOCKED: (_S.PAUSED,),
        Happening.SURVEYED: _NEXT_WAVE,
        Happening.WINDOW_CLOSED: (_S.WAITING,),
        Action.PAUSE: (_S.PAUSED,),
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.UPDATING: {
        Happening.BLOCKED: (_S.PAUSED,),
        Happening.WAVE_DONE: (_S.SOAKING,),
        Happening.GATE_FAILED: _BROKEN,
        Happening.WINDOW_CLOSED: (_S.WAITING,),
        Action.PAUSE: (_S.PAUSED,),
        Action.SKIP: _NEXT_WAVE,
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.SOAKING: {
        Happening.SOAKED: (_S.PROVING,),
        Happening.GATE_FAILED: _BROKEN,
        Action.PAUSE: (_S.PAUSED,),
        Action.SKIP: _NEXT_WAVE,
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.PROVING: {
        Happening.BLOCKED: (_S.PAUSED,),
        Happening.PROVEN: _NEXT_WAVE,
        Happening.GATE_FAILED: _BROKEN,
        Action.PAUSE: (_S.PAUSED,),
        Action.SKIP: _NEXT_WAVE,
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.AWAITING_GO: {
        Happening.GATE_FAILED: _BROKEN,
        Action.APPROVE: (_S.UPDATING, _S.WAITING),
        Action.PAUSE: (_S.PAUSED,),
        Action.SKIP: _NEXT_WAVE,
        Action.RETRY: (_S.UPDATING, _S.WAITING),
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.WAITING: {
        Happening.GATE_FAILED: _BROKEN,
        Happening.WINDOW_OPEN: (_S.UPDATING, _S.SURVEYING),
        Happening.NODE_SEEN: (_S.UPDATING, _S.WAITING),
        Happening.NEWCOMER: (_S.SURVEYING,),
        Happening.WAITED_ENOUGH: (_S.COMPLETED,),
        Action.PAUSE: (_S.PAUSED,),
        Action.SKIP: _NEXT_WAVE,
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.PAUSED: {
        Action.RESUME: _RESUMABLE,
        Action.SKIP: _NEXT_WAVE,
        Action.RETRY: (_S.UPDATING, _S.WAITING),
        Action.ABORT: (_S.ABORTED,),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.ROLLING_BACK: {
        Happening.BLOCKED: (_S.PAUSED,),
        Happening.BROUGHT_BACK: (_S.ROLLED_BACK, _S.FAILED),
        Action.ABORT: (_S.ABORTED,),
    },
    _S.COMPLETED: {
        Action.RETRY: (_S.UPDATING, _S.WAITING),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.FAILED: {
        Action.RETRY: (_S.UPDATING, _S.WAITING),
        Action.ROLLBACK: (_S.ROLLING_BACK,),
    },
    _S.ABORTED: {Action.ROLLBACK: (_S.ROLLING_BACK,)},
    _S.ROLLED_BACK: {},
}


def actions_in(state: RolloutState) -> list[Action]:
    """What people can do in a state."""
    return [move for move in TRANSITIONS[state] if isinstance(move, Action)]


class RunKind(StrEnum):
    """What one pass over some nodes is for."""

    SURVEY = "survey"
    """Ask who needs the image; sends no firmware."""
    INSTALL = "install"
    PROVE = "prove"
    """Ask after the soak who still runs the image; sends no firmware."""
    ROLLBACK = "rollback"


class ErrorClass(StrEnum):
    """In which way a node did not get to run the image."""

    FAILED = "failed"
    """It took the image and does not run it, or its health broke with it."""
    LOST = "lost"
    """It went away and did not come back, or answers nothing any more."""
    ROLLED_BACK = "rolled_back"
    """It went back to its former image by itself."""
    REFUSED = "refused"
    """It did not take the image: no room, or its flash fails."""
