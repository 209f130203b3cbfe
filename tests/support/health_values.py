"""Values of the gateway's health API to show things with."""

from typing import Any

from meshward.gateway.health_views import (
    AlertView,
    AnomalyView,
    Coverage,
    HistoryPoint,
    HistoryView,
    LeakView,
    MeshStatus,
    NodeStatus,
    ReadingView,
    RuleView,
    Score,
    ScorePart,
    SilenceView,
)
from meshward.status.metrics import METRICS

NOW = "2026-11-25T12:00:00Z"
NOW_S = 1_795_608_000.0
"""The same moment."""
EARLIER = "2026-11-25T10:30:00Z"
LATER = "2026-11-25T14:00:00Z"

READINGS = {
    "heap_free_bytes": 41_216.0,
    "heap_min_bytes": 36_608.0,
    "heap_block_bytes": 30_720.0,
    "rssi_dbm": -61.0,
    "loop_max_ms": 12.0,
    "cpu_percent": 17.0,
    "temperature_c": 38.5,
    "nodes": 6.0,
    "links": 2.0,
    "messages_received": 10_482.0,
    "messages_sent": 2_113.0,
    "messages_dropped": 3.0,
    "uptime_s": 273_600.0,
}
"""What a board in good health tells by telemetry."""
SEEN = {"online": 1.0, "delay_ms": 8.0, "jitter_ms": 2.0, "probe_loss_percent": 0.0}
"""What the gateway sees of any board."""


def readings(age_s: float = 21.0, **values: float) -> dict[str, ReadingView]:
    """What a board tells, and what is seen of it, with other values for some."""
    told = {
        name: ReadingView(value=value, age_s=age_s, source="telemetry")
        for name, value in {**READINGS, **values}.items()
        if name not in SEEN
    }
    return told | seen(**{name: value for name, value in values.items() if name in SEEN})


def seen(age_s: float = 14.0, **values: float) -> dict[str, ReadingView]:
    """What is seen of a board that tells nothing."""
    return {
        name: ReadingView(value=value, age_s=age_s, source="mesh")
        for name, value in {**SEEN, **values}.items()
    }


def score(**parts: int) -> Score:
    """A score less these points, by their reasons."""
    taken = [ScorePart(points=points, reason=reason.replace("_", " ")) for reason, points in parts.items()]
    return Score(value=max(0, 100 - sum(parts.values())), parts=taken)


def node_status(node_id: int, **more: Any) -> NodeStatus:
    """A node in good health, with Meshward's own node code."""
    values = {
        "name": "",
        "online": True,
        "health": score(),
        "parent": 7,
        "depth": 1,
        "hardware": "ESP32",
        "role": "sensor",
        "version": "1.0.0",
        "tells": ["mesh", "telemetry"],
        "silent_s": 21.0,
        "metrics": readings(),
    }
    return NodeStatus(node=node_id, **{**values, **more})


def leak(**more: Any) -> LeakView:
    values = {"bytes_per_h": 620.0, "hours_left": 41.0, "hours_low": 33.0, "hours_high": 52.0}
    return LeakView(**{**values, **more})


def anomaly(metric: str = "rssi_dbm", **more: Any) -> AnomalyView:
    values = {"kind": "self", "value": -84.0, "usual": -62.0, "since_at": EARLIER}
    return AnomalyView(metric=metric, **{**values, **more})


def coverage(
    nodes: int, silent: list[tuple[int, str]], oldest_s: float | None = 21.0, *, mute: int = 0
) -> Coverage:
    """How many of so many nodes answered, when these did not, and so many others cannot."""
    answered = nodes - len(silent) - mute
    text = f"{answered} of {nodes} answered"
    if oldest_s is not None:
        text += f", oldest {oldest_s:.0f} s"
    if silent:
        text += f", {len(silent)} silent: {', '.join(name or str(node_id) for node_id, name in silent)}"
    return Coverage(
        nodes=nodes,
        answered=answered,
        oldest_s=oldest_s,
        silent=[node_id for node_id, _ in silent],
        text=text,
    )


def mesh_status(*nodes: NodeStatus, **more: Any) -> MeshStatus:
    """The mesh of these nodes, as they are given."""
    silent = [(status.node, status.name) for status in nodes if not status.online]
    values = {
        "at": NOW,
        "summary": f"{len(nodes) - len(silent)} of {len(nodes)} nodes are in the mesh.",
        "health": Score(value=min((status.health.value for status in nodes), default=100)),
        "coverage": coverage(len(nodes), silent, 21.0 if nodes else None),
        "nodes": list(nodes),
    }
    return MeshStatus(**{**values, **more})


def alert(alert_id: str = "a1", **more: Any) -> AlertView:
    """A node that is silent, and whom everybody was told of."""
    node_id = more.get("node", 1005)
    values = {
        "fingerprint": f"{int(alert_id.strip('a') or 0):016x}",
        "rule": "silent_node",
        "severity": "critical",
        "state": "firing",
        "text": f"node {node_id} has been silent for 90 minutes",
        "advice": "Look whether it has power, and whether its parent still reaches it.",
        "labels": {"node": str(node_id)},
        "node": node_id,
        "since_at": EARLIER,
        "fired_at": EARLIER,
    }
    return AlertView(id=alert_id, **{**values, **more})


def silence(silence_id: str = "s1", **more: Any) -> SilenceView:
    """A silence that is in force."""
    values = {
        "kind": "silence",
        "state": "active",
        "nodes": [1006],
        "starts_at": EARLIER,
        "ends_at": LATER,
        "reason": "battery is on order",
        "created_by": "ada",
        "created_at": EARLIER,
    }
    return SilenceView(id=silence_id, **{**values, **more})


def rule(name: str = "low_heap", **more: Any) -> RuleView:
    """A rule about one metric, as it comes."""
    values = {
        "about": "Free heap is so low that the board may soon fail.",
        "enabled": True,
        "severity": "warning",
        "metric": "heap_free_bytes",
        "direction": "below",
        "threshold": 8192.0,
        "clear": 10240.0,
        "unit": "B",
        "for_s": 120.0,
        "keep_firing_s": 300.0,
        "origin": "default",
    }
    return RuleView(name=name, **{**values, **more})


def history(
    node_id: int = 1003, metric: str = "heap_free_bytes", means: list[float | None] | None = None, **more: Any
) -> HistoryView:
    """A metric by the minute up to now; None is a gap."""
    means = [41_216.0, 41_088.0, None, None, 40_960.0] if means is None else means
    begin_s = NOW_S - 60.0 * len(means)
    points = [
        HistoryPoint(at_s=begin_s + 60.0 * place, mean=mean, low=mean, high=mean, count=mean is not None)
        for place, mean in enumerate(means)
    ]
    values = {
        "unit": METRICS[metric].unit,
        "start": EARLIER,
        "end": NOW,
        "resolution_s": 60.0,
        "points": points,
    }
    return HistoryView(node=node_id, metric=metric, **{**values, **more})


def alerts() -> list[AlertView]:
    """One in every state, and one for every reason to be quiet about it."""
    return [
        alert(
            "a1",
            node=1001,
            name="node 1",
            rule="reboot_loop",
            severity="warning",
            state="resolved",
            text="node 1 restarted 4 times within an hour",
            resolved_at="2026-11-25T11:00:00Z",
        ),
        alert("a2", node=1005, name="node 5", behind=[1009, 1013]),
        alert(
            "a3",
            node=1003,
            name="node 3",
            rule="leak",
            severity="warning",
            text="node 3 loses 620 B of heap per hour: about 41 hours are left (33 to 52)",
            advice="Update or restart it before then.",
            value=41.0,
            threshold=72.0,
            quiet="acknowledged",
            acked_by="ada",
            acked_at="2026-11-25T11:15:00Z",
            ack_note="fixed in 1.1.0, which rolls out tonight",
        ),
        alert(
            "a4", node=1010, name="node 10", quiet="explained", explained_by=f"{2:016x}", severity="critical"
        ),
        alert(
            "a5",
            node=1006,
            name="node 6",
            rule="low_battery",
            severity="warning",
            text="node 6 has 9 % of its battery left",
            value=9.0,
            threshold=10.0,
            quiet="silenced",
            silence="s1",
        ),
        alert(
            "a6",
            node=1002,
            name="node 2",
            rule="weak_link",
            severity="warning",
            state="pending",
            text="node 2 hears its parent at -84 dBm",
            value=-84.0,
            threshold=-80.0,
            since_at="2026-11-25T11:58:00Z",
            fired_at=None,
        ),
    ]


def silences() -> list[SilenceView]:
    return [
        silence("s1"),
        silence(
            "s2",
            kind="maintenance",
            state="over",
            nodes=[1001, 1002],
            ends_at="2026-11-25T11:30:00Z",
            reason="update",
            created_by="rollout r0",
        ),
        silence(
            "s3", state="waiting", nodes=[], tags=["roof"], starts_at=LATER, ends_at="2026-11-26T12:00:00Z"
        ),
    ]


def rules() -> list[RuleView]:
    plain = {"metric": "", "direction": "", "threshold": None, "clear": None, "unit": ""}
    return [
        rule(
            "silent_node",
            **{**plain, "severity": "critical", "about": "A node was in the mesh and is not heard any more."},
            for_s=60.0,
        ),
        rule("leak", **{**plain, "about": "Free heap shrinks so steadily that it runs out within 72 h."}),
        rule(),
        rule(
            "weak_link",
            about="A node hears its parent so badly that messages get lost.",
            metric="rssi_dbm",
            threshold=-80.0,
            clear=-76.0,
            unit="dBm",
            for_s=300.0,
            origin="file",
        ),
        rule(
            "low_battery",
            about="Battery below 10 %.",
            metric="battery_percent",
            threshold=10.0,
            clear=15.0,
            unit="%",
            custom=True,
            origin="file",
        ),
        rule(
            "reboot_loop",
            **{**plain, "about": "A node restarts again and again."},
            enabled=False,
            origin="api",
        ),
    ]
