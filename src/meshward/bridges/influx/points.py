"""The mesh as points of a time series: which measurements there are, and what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from meshward.bridges.influx.lines import NS, line
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import ProgressView
from meshward.gateway.health_views import MeshStatus, NodeStatus
from meshward.gateway.views import EventView, RolloutSummary
from meshward.rollout.states import FINAL

NODE = "painlessmesh_node"
MESH = "painlessmesh_mesh"
ROLLOUT = "painlessmesh_rollout"
EVENT = "painlessmesh_event"

PAST_S = 3600.0
"""What happened so long before the start is told once more: the same points, which a database has once."""
FRESH_S = 600.0
"""Readings up to this age are written, or up to three periods where that is more."""
_SAME_S = 0.5
"""Ages are rounded, so the time of one measurement comes out a little different from look to look."""
_DAY_S = 86_400.0

NODE_STATES = (
    *("pending", "scheduled", "downloading", "paused", "verifying", "rebooting", "completed"),
    *("already_installed", "not_targeted", "unreachable", "failed", "lost", "cancelled"),
    *("rolling_back", "rolled_back"),
)
"""Of nodes in a rollout. All are written: one that nobody is in any more would stay at its last count."""
OVER_STATES = frozenset(
    {"completed", "already_installed", "unreachable", "failed", "lost", "cancelled", "rolled_back"}
)
"""Nothing more is to come of a node in these."""


class Points:
    """Makes lines, and remembers which measurements were written.

    Readings stand at the time of their measurement, to the second, and each is written once. What the gateway
    itself knows, as the health score, stands at the time of writing.
    """

    def __init__(self, mesh: str, period_s: float) -> None:
        """`mesh`: its name; where that is "", our own id serves."""
        self._mesh = mesh
        self._fresh_s = max(FRESH_S, 3 * period_s)
        # By node and metric when it was measured. As large as the mesh: nodes that are forgotten go.
        self._written: dict[int, dict[str, float]] = {}
        self._over: set[str] = set()

    def mesh(self, own_id: int | None) -> str:
        """The name of the mesh in all tags; "" while there is none."""
        return mesh_name(self._mesh, own_id)

    def lines(
        self, status: MeshStatus, picture: Picture, progress: Sequence[ProgressView], now_s: float
    ) -> list[str]:
        """All that is to be written now; nothing while the mesh has no name."""
        mesh = self.mesh(picture.own_id)
        if not mesh:
            return []
        self._forget(status, picture)
        made = [_mesh_line(mesh, status, picture, progress, now_s)]
        for node in status.nodes:
            made += self._node_lines(mesh, node, now_s)
        for rollout in picture.rollouts.values():
            made += self._rollout_lines(mesh, rollout, progress, now_s)
        return [one for one in made if one]

    def _forget(self, status: MeshStatus, picture: Picture) -> None:
        known = {node.node for node in status.nodes}
        self._written = {node: times for node, times in self._written.items() if node in known}
        self._over &= set(picture.rollouts)

    def _node_lines(self, mesh: str, node: NodeStatus, now_s: float) -> list[str]:
        tags = {"mesh": mesh, "node": str(node.node), "role": node.role, "hardware": node.hardware}
        made = [line(NODE, tags, _node_fields(node, now_s), _second_ns(now_s))]
        for at_s, fields in self._measured(node, now_s).items():
            made.append(line(NODE, tags, fields, at_s * NS))
        return made

    def _measured(self, node: NodeStatus, now_s: float) -> dict[int, dict[str, float | str]]:
        """Readings that were not written yet, by the second of their measurement."""
        written = self._written.setdefault(node.node, {})
        found: dict[int, dict[str, float | str]] = {}
        for name, reading in node.metrics.items():
            at_s = now_s - reading.age_s
            # Not "later than": a clock that was set back must not stop the writing.
            if reading.age_s > self._fresh_s or abs(at_s - written.get(name, 0.0)) <= _SAME_S:
                continue
            written[name] = at_s
            found.setdefault(int(at_s), {})[name] = reading.value
        return found

    def _rollout_lines(
        self, mesh: str, rollout: RolloutSummary, progress: Sequence[ProgressView], now_s: float
    ) -> list[str]:
        """One that is over is written once, at its end."""
        at_s = now_s
        if rollout.state in FINAL:
            at_s = moment_s(rollout.ended_at, now_s)
            if rollout.id in self._over or at_s < now_s - PAST_S:
                return []
            self._over.add(rollout.id)
        tags = {"mesh": mesh, "rollout": rollout.id}
        return [line(ROLLOUT, tags, _rollout_fields(rollout, progress), _second_ns(at_s))]


def event_line(mesh: str, event: EventView) -> str:
    """Something that happened, for annotations. Its id is in its time, so that two of one kind never meet."""
    at_ms = round(moment_s(event.at) * 1000)
    fields: dict[str, float | str] = {"text": event.text, "severity": event.severity}
    if event.node is not None:
        fields["node"] = str(event.node)
    if event.rollout is not None:
        fields["rollout"] = event.rollout
    return line(EVENT, {"mesh": mesh, "kind": event.kind}, fields, at_ms * 1_000_000 + event.id % 1_000_000)


def _mesh_line(
    mesh: str, status: MeshStatus, picture: Picture, progress: Sequence[ProgressView], now_s: float
) -> str:
    firing = Counter(alert.severity for alert in picture.alerts.values() if alert.state == "firing")
    online = sum(node.online for node in status.nodes)
    fields: dict[str, float | str] = {
        "online": online,
        "offline": len(status.nodes) - online,
        "health": status.health.value,
        "connected": float(picture.mesh_connected),
        "alerts_critical": firing["critical"],
        "alerts_warning": firing["warning"],
        "alerts_info": firing["info"],
        "updating": sum(one.state not in OVER_STATES | {"not_targeted"} for one in progress),
    }
    return line(MESH, {"mesh": mesh}, fields, _second_ns(now_s))


def _node_fields(node: NodeStatus, now_s: float) -> dict[str, float | str]:
    fields: dict[str, float | str] = {
        "up": float(node.online),
        "health": node.health.value,
        "alerts": len(node.alerts),
        "restarts": sum(moment_s(at) > now_s - _DAY_S for at in node.restarts),
    }
    if node.depth is not None:
        fields["depth"] = node.depth
    if node.name:
        fields["name"] = node.name
    if node.version:
        fields["version"] = node.version
    return fields


def _rollout_fields(rollout: RolloutSummary, progress: Sequence[ProgressView]) -> dict[str, float | str]:
    fields: dict[str, float | str] = {"state": rollout.state, "name": rollout.name}
    fields |= {state: rollout.counts.get(state, 0) for state in NODE_STATES}
    targets = sum(count for state, count in rollout.counts.items() if state != "not_targeted")
    if targets:
        over = sum(rollout.counts.get(state, 0) for state in OVER_STATES)
        taken = sum(
            one.parts_done / one.parts
            for one in progress
            if one.rollout == rollout.id and one.parts and one.state not in OVER_STATES
        )
        fields["progress_ratio"] = round(min(1.0, (over + taken) / targets), 4)
    return fields


def _second_ns(at_s: float) -> int:
    return int(at_s) * NS


def moment_s(at: str | None, otherwise_s: float = 0.0) -> float:
    """Unix seconds of a time of the gateway's, as 2026-11-25T12:00:00Z."""
    return datetime.fromisoformat(at).timestamp() if at else otherwise_s
