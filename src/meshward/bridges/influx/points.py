"""The mesh as points of a time series: which measurements there are, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshward.bridges.influx.lines import NS, line
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Picture
from meshward.bridges.values import UPDATING, firing_by_severity, restarts_24h, unix_s
from meshward.gateway.bridge_views import NodeSample, ProgressView
from meshward.gateway.health_views import MeshStatus, NodeStatus
from meshward.gateway.views import EventView, RolloutSummary
from meshward.rollout.states import FINAL

NODE = "painlessmesh_node"
MESH = "painlessmesh_mesh"
ROLLOUT = "painlessmesh_rollout"
EVENT = "painlessmesh_event"

_MS_NS = NS // 1000
PAST_S = 3600.0
"""What happened so long before the start is told once more: the same points, which a database has once."""

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
    """Makes lines of what the gateway itself knows, as the health score, at the time of writing."""

    def __init__(self, mesh: str) -> None:
        """`mesh`: its name; where that is "", our own id serves."""
        self._mesh = mesh
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
        self._over &= set(picture.rollouts)
        made = [_mesh_line(mesh, status, picture, progress, now_s)]
        made += [_node_line(mesh, node, now_s) for node in status.nodes]
        for rollout in picture.rollouts.values():
            made += self._rollout_lines(mesh, rollout, progress, now_s)
        return [one for one in made if one]

    def _rollout_lines(
        self, mesh: str, rollout: RolloutSummary, progress: Sequence[ProgressView], now_s: float
    ) -> list[str]:
        """One that is over is written once, at its end."""
        at_s = now_s
        if rollout.state in FINAL:
            ended_s = unix_s(rollout.ended_at)
            at_s = now_s if ended_s is None else ended_s
            if rollout.id in self._over or at_s < now_s - PAST_S:
                return []
            self._over.add(rollout.id)
        tags = {"mesh": mesh, "rollout": rollout.id}
        return [line(ROLLOUT, tags, _rollout_fields(rollout, progress), _second_ns(at_s))]


def sample_lines(mesh: str, samples: Iterable[NodeSample]) -> list[str]:
    """What was measured of nodes, each at the time of its measurement."""
    made = [
        line(NODE, _of_node(mesh, sample.node), sample.values, round(sample.at_s * 1000) * _MS_NS)
        for sample in samples
    ]
    return [one for one in made if one]


def event_line(mesh: str, event: EventView) -> str:
    """Something that happened, for annotations. Its id is in its time, so that two of one kind never meet."""
    at_ms = round((unix_s(event.at) or 0.0) * 1000)
    fields: dict[str, float | str] = {"text": event.text, "severity": event.severity}
    if event.node is not None:
        fields["node"] = str(event.node)
    if event.rollout is not None:
        fields["rollout"] = event.rollout
    return line(EVENT, {"mesh": mesh, "kind": event.kind}, fields, at_ms * _MS_NS + event.id % _MS_NS)


def _mesh_line(
    mesh: str, status: MeshStatus, picture: Picture, progress: Sequence[ProgressView], now_s: float
) -> str:
    firing = firing_by_severity(picture.alerts.values())
    online = sum(node.online for node in status.nodes)
    fields: dict[str, float | str] = {
        "online": online,
        "offline": len(status.nodes) - online,
        "health": status.health.value,
        "connected": float(picture.mesh_connected),
        "alerts_critical": firing["critical"],
        "alerts_warning": firing["warning"],
        "alerts_info": firing["info"],
        "updating": sum(one.state in UPDATING for one in progress),
    }
    return line(MESH, {"mesh": mesh}, fields, _second_ns(now_s))


def _node_line(mesh: str, node: NodeStatus, now_s: float) -> str:
    fields: dict[str, float | str] = {
        "up": float(node.online),
        "health": node.health.value,
        "alerts": len(node.alerts),
        "restarts": restarts_24h(node, now_s),
    }
    if node.depth is not None:
        fields["depth"] = node.depth
    # Texts are fields: as tags, what becomes known later or changes would make another series of the node.
    texts = {"name": node.name, "version": node.version, "role": node.role, "hardware": node.hardware}
    fields |= {name: text for name, text in texts.items() if text}
    return line(NODE, _of_node(mesh, node.node), fields, _second_ns(now_s))


def _of_node(mesh: str, node: int) -> dict[str, str]:
    return {"mesh": mesh, "node": str(node)}


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
