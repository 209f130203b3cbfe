"""What rollouts mean for health: who is being updated, and which of them went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshward.gateway.clock import is_sane
from meshward.gateway.shown import Live, shown_state
from meshward.ota.states import NodeState
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.states import RolloutState
from meshward.status.facts import FailedUpdate
from meshward.status.monitor import Identity, Surroundings

if TYPE_CHECKING:
    from meshward.gateway.desk import Desk

TOLD_S = 24 * 3600.0
"""How long a rollout that went wrong is an alert."""

_AT_WORK = frozenset({"downloading", "verifying", "rebooting", "rolling_back"})
_WATCHED = frozenset({RolloutState.SOAKING, RolloutState.PROVING})
_WENT_WRONG = frozenset({RolloutState.FAILED, RolloutState.ROLLED_BACK})
_NOT_UPDATED = frozenset({NodeState.FAILED, NodeState.LOST})


def surroundings(desk: Desk, md5s: Mapping[str, str]) -> None:
    """Tell the monitor what is known from elsewhere, and open windows for what is updated.

    `md5s` are those of the library's firmware, by SHA-256.
    """
    busy: dict[str, list[int]] = {}
    for rollout in desk.engine.rollouts.values():
        nodes = under_way(rollout.doc, desk.live(rollout.doc.id))
        if nodes:
            busy[rollout.doc.id] = nodes
    updating = {node for nodes in busy.values() for node in nodes}
    desk.monitor.around = Surroundings(
        {
            view.id: Identity(
                view.name,
                tuple(view.tags),
                view.excluded,
                view.hardware,
                view.role,
                view.version,
                view.firmware,
                md5s.get(view.firmware, ""),
                view.id in updating,
            )
            for view in desk.book.views.values()
        },
        tuple(failed_updates(desk)),
        is_sane(desk.now_s()),
    )
    desk.monitor.alerts.updating(busy, desk.now_s())


def under_way(doc: RolloutDoc, live: Mapping[int, Live]) -> list[int]:
    """Nodes that a rollout may restart now, or whose restart it is watching."""
    return [
        entry.node
        for entry in doc.nodes
        if shown_state(entry, live.get(entry.node)) in _AT_WORK
        or (doc.state in _WATCHED and entry.wave == doc.wave and entry.state is NodeState.COMPLETED)
    ]


def failed_updates(desk: Desk) -> list[FailedUpdate]:
    """Rollouts that stopped because something is wrong, or ended so within the last day."""
    found = []
    for rollout in desk.engine.rollouts.values():
        doc = rollout.doc
        if doc.failure and doc.state in {RolloutState.PAUSED, RolloutState.ROLLING_BACK}:
            nodes = tuple(entry.node for entry in doc.nodes if entry.state in _NOT_UPDATED)
            found.append(FailedUpdate(doc.id, doc.spec.name, doc.failure, nodes))
    now_s = desk.now_s()
    for ended in desk.ended_docs:
        if ended.state in _WENT_WRONG and now_s - (ended.ended_s or 0.0) < TOLD_S:
            nodes = tuple(entry.node for entry in ended.nodes if entry.state in _NOT_UPDATED)
            found.append(FailedUpdate(ended.id, ended.spec.name, ended.failure or ended.reason, nodes))
    return found
