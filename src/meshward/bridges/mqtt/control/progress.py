"""How a rollout stands, as it is told over MQTT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from meshward.bridges.mqtt.control.signing import ACTIONS
from meshward.bridges.values import unix_s
from meshward.gateway.bridge_views import ProgressView
from meshward.gateway.views import RolloutSummary, RolloutView
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import FINAL, RolloutState
from meshward.text import printable

FAILURES_MAX = 20
"""Nodes without the image that an answer names apart; `nodes` has all of them."""
REASON_CHARACTERS_MAX = 200

_DONE = ("completed", "already_installed", "rolled_back")
_ENDED = (*_DONE, "failed", "lost", "unreachable", "cancelled")
_BAD = frozenset({"failed", "lost", "unreachable", "cancelled"})
_TAKES_PARTS = "downloading"
_HAS_PARTS = ("rebooting", "verifying")
_SUCCESS = (RolloutState.COMPLETED, RolloutState.ROLLED_BACK)
_NO_TARGET = "not_targeted"


class NodeProgress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A node in a rollout."""

    node: int
    """Its id."""
    name: str = ""
    """The user's name for it."""
    state: str
    """pending, scheduled, downloading, paused, rebooting, verifying; at their end are completed,
    already_installed, rolled_back, failed, lost, unreachable, cancelled.
    """
    reason: str = ""
    """Why it is in this state."""
    percent: int | None = None
    """Of what has to be sent to it, while that is under way."""


class RolloutProgress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/ota/status/ROLLOUT`: how a rollout stands."""

    rollout: str
    """Its id."""
    job: str = ""
    """Of whoever asked for it over MQTT or the API."""
    name: str
    """What it is called."""
    state: str
    """awaiting_approval, scheduled, surveying, updating, soaking, proving, awaiting_go, waiting, paused,
    rolling_back; over are completed, aborted, rolled_back, failed.
    """
    over: bool
    """Whether it came to its end, good or bad."""
    reason: str = ""
    """Why it is in this state."""
    failure: str = ""
    """The gate that failed first, and why."""
    percent: int
    """Of the work: nodes that are done, and the parts that others have."""
    total: int
    """Nodes that are meant, as far as is known; the survey at the start finds out."""
    updated: int
    """Those that run the image, or their last good one after a rollback."""
    failed: int
    """Those that ended without it."""
    counts: dict[str, int]
    """Nodes by state."""
    wave: str = ""
    """The one under way."""
    waves: list[str] = []
    """Names of all, in their order."""
    images: list[str] = []
    """SHA-256 of each."""
    roles: list[str] = []
    """Of the nodes that are meant."""
    actions: list[str] = []
    """What can be asked for it now: approve, pause, resume, abort, rollback."""
    created_at: str
    """When it was asked for."""
    started_at: str | None = None
    """When its first wave began."""
    ended_at: str | None = None
    """When it was over."""
    failures: list[NodeProgress] = []
    """Nodes that ended without the image, 20 at most; only in the answer to `status`."""
    nodes: list[NodeProgress] = []
    """All that are meant; only in the answer to `status` about this rollout."""


def is_over(state: str) -> bool:
    """Whether a rollout came to its end."""
    return state in FINAL


def progress_of(
    summary: RolloutSummary, spec: RolloutSpec | None, running: Iterable[ProgressView] = ()
) -> RolloutProgress:
    """`running`: nodes in runs that are under way, of all rollouts. Without a `spec` less is told."""
    total = sum(count for state, count in summary.counts.items() if state != _NO_TARGET)
    over = is_over(summary.state)
    waves = summary.wave_names
    return RolloutProgress(
        rollout=summary.id,
        job="" if spec is None else spec.job,
        name=printable(summary.name),
        state=summary.state,
        over=over,
        reason=printable(summary.reason, REASON_CHARACTERS_MAX),
        failure=printable(summary.failure, REASON_CHARACTERS_MAX),
        percent=100 if summary.state in _SUCCESS else _percent(summary, total, running),
        total=total,
        updated=_sum(summary.counts, _DONE),
        failed=_sum(summary.counts, _BAD),
        counts=dict(sorted(summary.counts.items())),
        wave=waves[summary.wave] if not over and summary.wave < len(waves) else "",
        waves=waves,
        images=[] if spec is None else list(spec.images),
        roles=[] if spec is None else list(spec.target.roles),
        actions=[action for action in summary.actions if action in ACTIONS],
        created_at=summary.created_at,
        started_at=summary.started_at,
        ended_at=summary.ended_at,
    )


def whole_progress_of(view: RolloutView, running: Sequence[ProgressView] = ()) -> RolloutProgress:
    """With every node that is meant."""
    progress = progress_of(view, view.spec, running)
    progress.nodes = [
        NodeProgress(
            node=entry.node,
            name=entry.name,
            state=entry.state,
            reason=printable(entry.reason or "", REASON_CHARACTERS_MAX),
            percent=_node_percent(entry.parts_done, entry.parts),
        )
        for entry in view.nodes
        if entry.state != _NO_TARGET
    ]
    progress.failures = [entry for entry in progress.nodes if entry.state in _BAD][:FAILURES_MAX]
    return progress


def seconds_left(progress: RolloutProgress, now_s: float) -> int | None:
    """Until it is done, were the rest to go as what is done went; None where that cannot be told."""
    started_s = unix_s(progress.started_at)
    if progress.over or started_s is None or progress.percent < 1:
        return None
    gone_s = now_s - started_s
    return max(0, round(gone_s * (100 - progress.percent) / progress.percent))


def _percent(summary: RolloutSummary, total: int, running: Iterable[ProgressView]) -> int:
    if total == 0:
        return 0
    parts = sum(
        min(1.0, node.parts_done / node.parts)
        for node in running
        if node.rollout == summary.id and node.parts > 0 and node.state == _TAKES_PARTS
    )
    # Only an end is 100 %: a wave is still watched after its last node has the image.
    return min(99, int(100 * (_sum(summary.counts, (*_ENDED, *_HAS_PARTS)) + parts) / total))


def _node_percent(done: int, parts: int) -> int | None:
    return min(100, 100 * done // parts) if parts > 0 else None


def _sum(counts: Mapping[str, int], states: Iterable[str]) -> int:
    return sum(counts.get(state, 0) for state in states)
