"""Health from 0 to 100: 100 less what is wrong, each part with its reason, so that nobody has to guess."""

from __future__ import annotations

import math
from collections.abc import Iterable

from meshward.status.alerts.documents import AlertDoc
from meshward.status.alerts.rule import CUT_OFF
from meshward.status.alerts.words import count, lasting, named
from meshward.status.facts import Fact, MeshFacts, NodeFacts
from meshward.text import printable

Parts = list[tuple[int, str]]

AWAY_POINTS = 100
"""A node that is out of the mesh does nothing for anybody."""
JUST_AWAY_POINTS = 50
JUST_AWAY_S = 60.0
"""It may be on its way to another parent."""
ALERT_POINTS = {"critical": 40, "warning": 20, "info": 5}
"""Of an alert of the node: two critical ones and a warning leave nothing."""
RSSI_WORST_DBM, RSSI_GOOD_DBM, RSSI_POINTS = -85.0, -75.0, 10
"""Between the two a link works, with ever less to spare; below them there is an alert."""
LOSS_WORST_PERCENT, LOSS_POINTS = 30.0, 10
RESTART_POINTS, RESTARTS_COUNTED, RESTART_US = 5, 3, 24 * 3600 * 1_000_000
"""Of each restart within a day; more are an alert."""
ANOMALY_POINTS, ANOMALIES_COUNTED = 3, 2
"""Of each metric that is unlike itself; more are an alert."""
MOVES_USUAL, MOVE_POINTS, MOVES_COUNTED = 2, 2, 5
"""A change of parent or two in an hour is how a mesh finds its shape."""
FRESH_S = 900.0
"""Values that are older say nothing of how it is now."""
MESH_ALERT_POINTS = {"critical": 30, "warning": 10, "info": 2}
"""Of an alert that is about no single node."""
NAMED_MAX = 5
"""Nodes that the score of a mesh names; the others are one part."""


def node_score(facts: NodeFacts, alerts: Iterable[AlertDoc], now_us: int | None = None) -> tuple[int, Parts]:
    """A node's score, and what was taken off for what reason, the most first.

    `alerts` are those of this node that are firing; those that another one explains count for nothing.
    `now_us` is the moment of the facts; restarts count for nothing without it.
    """
    if not facts.online:
        return _away(facts)
    own = [alert for alert in alerts if not alert.inhibited_by]
    rules = {alert.rule for alert in own}
    parts: Parts = [(ALERT_POINTS[alert.severity], _name(alert)) for alert in own]
    if "weak_link" not in rules:
        parts += _link(facts)
    if "reboot_loop" not in rules:
        parts += _restarts(facts, now_us)
    if "moving" not in rules:
        parts += _moves(facts)
    if "unwell" not in rules and facts.anomalies:
        number = len(facts.anomalies)
        points = ANOMALY_POINTS * min(number, ANOMALIES_COUNTED)
        parts.append((points, f"{count(number, 'metric')} unlike itself"))
    return _total(parts)


def mesh_score(facts: MeshFacts, alerts: Iterable[AlertDoc]) -> tuple[int, Parts]:
    """The mesh's score: the mean of its nodes', less alerts that are about no single node.

    Explained by the nodes that cost it most. `alerts` are all that are firing.
    """
    firing = list(alerts)
    if not facts.connected:
        return 0, [(100, "the gateway sees nothing of the mesh")]
    of_node: dict[int, list[AlertDoc]] = {}
    parts: list[tuple[float, str]] = []
    for alert in firing:
        if alert.node is not None:
            of_node.setdefault(alert.node, []).append(alert)
        elif not alert.inhibited_by and alert.rule != CUT_OFF:
            parts.append((MESH_ALERT_POINTS[alert.severity], _short(alert)))
    share = 1 / max(1, len(facts.nodes))
    scores = [
        (node_score(one, of_node.get(node, ()), facts.now_us), node) for node, one in facts.nodes.items()
    ]
    worst = sorted((value, node, reasons) for (value, reasons), node in scores if value < 100)
    for value, node, reasons in worst[:NAMED_MAX]:
        parts.append(((100 - value) * share, f"{named(node, facts.nodes)}: {reasons[0][1]}"))
    rest = worst[NAMED_MAX:]
    if rest:
        lost = sum(100 - value for value, _, _ in rest)
        parts.append((lost * share, f"{count(len(rest), 'more node')} below 100"))
    return _rounded(parts)


def _away(facts: NodeFacts) -> tuple[int, Parts]:
    away_s = facts.away_s
    if away_s is not None and away_s < JUST_AWAY_S:
        # An absence has no length while nobody can see the mesh.
        words = f"left the mesh {lasting(away_s)} ago" if away_s >= 1 else "not in sight"
        return 100 - JUST_AWAY_POINTS, [(JUST_AWAY_POINTS, words)]
    words = f"out of the mesh for {lasting(away_s)}" if away_s is not None else "not in the mesh"
    return 0, [(AWAY_POINTS, words)]


def _link(facts: NodeFacts) -> Parts:
    rssi = _value(facts.metrics.get("rssi_dbm"))
    if rssi is not None:
        points = _graded(rssi, RSSI_GOOD_DBM, RSSI_WORST_DBM, RSSI_POINTS)
        return [(points, f"hears its parent at {rssi:.0f} dBm")] if points else []
    loss = _value(facts.metrics.get("probe_loss_percent"))
    points = _graded(loss or 0.0, 0.0, LOSS_WORST_PERCENT, LOSS_POINTS)
    return [(points, f"{loss:.0f} % of probes without an answer")] if points else []


def _restarts(facts: NodeFacts, now_us: int | None) -> Parts:
    if now_us is None:
        return []
    number = sum(now_us - moment_us < RESTART_US for moment_us in facts.restarts_us)
    return [(RESTART_POINTS * min(number, RESTARTS_COUNTED), f"{count(number, 'restart')} within a day")]


def _moves(facts: NodeFacts) -> Parts:
    moves = _value(facts.metrics.get("moves_per_h")) or 0.0
    beyond = min(int(moves) - MOVES_USUAL, MOVES_COUNTED)
    return [(MOVE_POINTS * beyond, f"changed its parent {moves:.0f} times")] if beyond > 0 else []


def _value(fact: Fact | None) -> float | None:
    return fact.value if fact is not None and fact.age_s <= FRESH_S else None


def _graded(value: float, good: float, worst: float, most: int) -> int:
    return round(most * min(max((value - good) / (worst - good), 0.0), 1.0))


def _name(alert: AlertDoc) -> str:
    """An alert of a node: it stands beside the node's name, and its text has that again."""
    return f"{alert.rule.replace('_', ' ')} ({alert.severity})"


def _short(alert: AlertDoc) -> str:
    """An alert that is about no single node, in a few words."""
    return f"{_name(alert)}: {printable(alert.text, 80)}"


def _total(parts: Parts) -> tuple[int, Parts]:
    parts = sorted(((points, reason) for points, reason in parts if points), key=lambda part: -part[0])
    return max(0, 100 - sum(points for points, _ in parts)), parts


def _rounded(parts: list[tuple[float, str]]) -> tuple[int, Parts]:
    """Whole points whose sum is what is missing from 100: what is wrong never rounds away altogether."""
    lost = math.ceil(sum(points for points, _ in parts) - 1e-9)
    whole = [math.floor(points + 1e-9) for points, _ in parts]
    by_rest = sorted(range(len(parts)), key=lambda index: whole[index] - parts[index][0])
    for index in by_rest[: lost - sum(whole)]:
        whole[index] += 1
    return _total([(points, reason) for points, (_, reason) in zip(whole, parts, strict=True)])
