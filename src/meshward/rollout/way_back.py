"""The way back: every node that may run the new image gets its last good one again.

On stock boards that is one more push. A board that can go back by itself needs no run: it is found to
run the good image already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshward.ota.record import NodeRecord
from meshward.ota.states import GOOD, NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.states import RunKind
from meshward.rollout.surroundings import RunOrder, Surroundings
from meshward.rollout.wave_work import set_state, targets

PATIENCE_US = 180_000_000
"""How long a node that is away is waited for: one that crashes again and again is there most of the time."""
TRIES = 3
"""Runs to bring one node back."""

_UNTOUCHED = frozenset({NodeState.PENDING, NodeState.SCHEDULED, NodeState.UNREACHABLE})


def image_back(doc: RolloutDoc, entry: NodeEntry) -> str:
    """The last good firmware of a node, "" where it is not known."""
    image = doc.back.get(entry.hardware) or entry.previous
    return "" if image == entry.image else image


def can_go_back(doc: RolloutDoc) -> bool:
    """Whether any node may run the new image and has something to be brought back to."""
    return any(_has_changed(entry) and image_back(doc, entry) for entry in targets(doc))


def begin(doc: RolloutDoc, around: Surroundings) -> None:
    """Decide who has to go back."""
    doc.going_back = True
    for entry in targets(doc):
        if not _has_changed(entry):
            if entry.state in _UNTOUCHED | {NodeState.VERIFYING}:
                set_state(entry, NodeState.CANCELLED, around, "stopped before its turn")
            continue
        why = entry.reason
        entry.back_attempts = 0
        if image_back(doc, entry):
            set_state(entry, NodeState.ROLLING_BACK, around, why, entry.error)
        else:
            set_state(entry, NodeState.FAILED, around, _with(why, "no good image is known"), entry.error)


def next_order(doc: RolloutDoc, around: Surroundings) -> RunOrder | None:
    """The next run: nodes in reach of the first group and image that has any."""
    here = [entry for entry in _going_back(doc) if entry.node in around.parents]
    if not here:
        return None

    def key(entry: NodeEntry) -> tuple[str, str, str]:
        return entry.hardware, entry.role, image_back(doc, entry)

    first = min(map(key, here))
    nodes = tuple(sorted(entry.node for entry in here if key(entry) == first))
    return RunOrder(RunKind.ROLLBACK, first[2], first[0], first[1], nodes)


def brought_back(
    doc: RolloutDoc, nodes: Iterable[int], records: Mapping[int, NodeRecord], around: Surroundings
) -> None:
    """Take the ends of a run that is over."""
    entries = {entry.node: entry for entry in _going_back(doc)}
    for node in nodes:
        entry, record = entries.get(node), records.get(node)
        if entry is None or record is None:
            continue
        if record.state in GOOD:
            set_state(entry, NodeState.ROLLED_BACK, around, entry.reason, entry.error)
            around.health.clear(entry.node)
            continue
        entry.back_attempts += 1
        if record.state is NodeState.NOT_TARGETED:
            _stays(entry, around, "it answers no offers")
        elif entry.back_attempts >= TRIES:
            _stays(entry, around, record.reason or record.state.value)


def give_up(doc: RolloutDoc, around: Surroundings) -> None:
    """End the nodes that did not come back to be brought back."""
    for entry in _going_back(doc):
        _stays(entry, around, "not in the mesh any more")


def is_over(doc: RolloutDoc) -> bool:
    """Whether nobody is left to bring back."""
    return not _going_back(doc)


def all_back(doc: RolloutDoc) -> bool:
    """Whether no node was left with the new image, or without any."""
    return not any(_has_changed(entry) and entry.state is not NodeState.ROLLED_BACK for entry in targets(doc))


def _has_changed(entry: NodeEntry) -> bool:
    return entry.touched or entry.state in {NodeState.COMPLETED, NodeState.ROLLING_BACK}


def _going_back(doc: RolloutDoc) -> list[NodeEntry]:
    return [entry for entry in doc.nodes if entry.state is NodeState.ROLLING_BACK]


def _stays(entry: NodeEntry, around: Surroundings, why: str) -> None:
    state = NodeState.LOST if entry.node not in around.parents else NodeState.FAILED
    first = entry.reason or "got the image"
    set_state(entry, state, around, _with(first, f"could not be rolled back: {why}"), entry.error)


def _with(first: str | None, second: str) -> str:
    return second if not first else f"{first}; {second}"
