"""What must hold for a rollout to go on; each gate says in words why it does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from meshward.rollout.amounts import Share, parse_amount
from meshward.rollout.spec import Amount, Wave
from meshward.rollout.states import ErrorClass

_WORDS = {
    ErrorClass.FAILED: "failed",
    ErrorClass.LOST: "lost",
    ErrorClass.ROLLED_BACK: "rolled back",
    ErrorClass.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class Tally:
    """How the nodes of a wave, or of a whole rollout, stand."""

    total: int
    """Nodes that were reached."""
    good: int
    """Nodes that run the image."""
    ended: int
    """Nodes that are through with it, one way or the other."""
    errors: Mapping[ErrorClass, int]


def error_gate(wave: Wave, tally: Tally) -> str | None:
    """Why the wave has too many errors; None while it has not.

    The share is rounded down: 10% of 5 nodes allows none.
    """
    if tally.ended < wave.errors_sample_min:
        return None
    return _too_many(wave.errors_max, wave.error_classes, tally)


def budget_gate(budget: Amount, tally: Tally) -> str | None:
    """Why the whole rollout has too many errors, of whatever class; None while it has not."""
    return _too_many(budget, tuple(ErrorClass), tally)


def success_gate(wave: Wave, tally: Tally) -> str | None:
    """Why too few nodes of a wave that is over run the image; None where enough do.

    The share is rounded up: 90% of 5 nodes needs all.
    """
    needed = parse_amount(wave.success_min)
    if needed.is_nothing:
        return None
    if not tally.total:
        return "no node of the wave could be reached"
    if tally.good >= needed.of(tally.total, up=True):
        return None
    return f"{tally.good} of {_nodes(tally.total)} run the image, {_said(needed)} must"


def _too_many(allowed: Amount, classes: Collection[ErrorClass], tally: Tally) -> str | None:
    share = parse_amount(allowed)
    counted = {each: tally.errors.get(each, 0) for each in ErrorClass if each in classes}
    errors = sum(counted.values())
    if errors <= share.of(tally.total, up=False):
        return None
    each = ", ".join(f"{count} {_WORDS[error]}" for error, count in counted.items() if count)
    return f"{errors} of {_nodes(tally.total)} failed ({each}), {_said(share)} allowed"


def _said(share: Share) -> str:
    if share.is_nothing:
        return "none"
    return str(share.count) if share.count is not None else f"{share.hundredths / 100:g}%"


def _nodes(total: int) -> str:
    return "1 node" if total == 1 else f"{total} nodes"
