"""From the monitor's facts and documents to the values that the gateway shows of health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from meshward.gateway.dashboard_views import NodeNumbers, NumbersView
from meshward.gateway.health_views import (
    AlertView,
    AnomalyView,
    Coverage,
    LeakView,
    MeshStatus,
    MetricView,
    NodeStatus,
    ReadingView,
    RuleView,
    Score,
    ScorePart,
    SilenceView,
)
from meshward.gateway.shown import iso, moment
from meshward.status import score
from meshward.status.alerts.documents import AlertDoc, SilenceDoc
from meshward.status.alerts.rules import Rule
from meshward.status.facts import Fact, MeshFacts, NodeFacts
from meshward.status.metrics import BY_NUMBER, METRICS
from meshward.status.monitor import Monitor

FRESH_S = 600.0
"""Who was heard of within this time counts as heard: telemetry comes with five samples in a frame."""
SILENT_NAMED = 5
_SEEN = frozenset({"online", "moves_per_h", "rejoins_per_h", "probe_loss_percent"})
"""What we know of a node without a word of its own."""
ARTICULATION_SHOWN = 10
_IN_TABLES = (
    *("heap_free_bytes", "heap_min_bytes", "rssi_dbm", "delay_ms", "jitter_ms", "probe_loss_percent"),
    *("loss_percent", "uptime_s", "cpu_percent", "temperature_c", "battery_percent", "messages_received"),
    *("messages_sent", "moves_per_h", "rejoins_per_h", "nodes", "links"),
)
REBOOTS_US = 24 * 3600 * 1_000_000
"""Restarts are counted as far back."""


def metric_views() -> list[MetricView]:
    """The catalogue."""
    return [
        MetricView(name=metric.name, kind=metric.kind, unit=metric.unit, words=metric.words)
        for metric in BY_NUMBER
    ]


def readings(facts: Mapping[str, Fact]) -> dict[str, ReadingView]:
    """Values with their ages."""
    return {
        name: ReadingView(value=_rounded(name, fact.value), age_s=round(fact.age_s, 1), source=fact.source)
        for name, fact in facts.items()
    }


def _rounded(name: str, value: float) -> float:
    """A third of what the metric's step is says enough."""
    return round(value, 1 if METRICS[name].quantum < 1 else 2)


def node_status(monitor: Monitor, facts: NodeFacts, alerts: Iterable[AlertDoc]) -> NodeStatus:
    """All that is known of a node's health. `alerts`: its own that are firing."""
    own = list(alerts)
    leak = facts.leak
    us_to_s = monitor.facts.wall_s - monitor.facts.now_us / 1e6
    return NodeStatus(
        node=facts.node,
        name=facts.name,
        online=facts.online,
        health=_score(*score.node_score(facts, own, monitor.facts.now_us)),
        parent=facts.parent,
        depth=facts.depth if facts.online else None,
        hardware=facts.hardware,
        role=facts.role,
        version=facts.version,
        tells=sorted(monitor.fleet.sources(facts.node)),
        silent_s=round(_silence_s(facts), 1),
        metrics=readings(facts.metrics),
        texts=dict(monitor.fleet.texts(facts.node)),
        restarts=[moment(us_to_s + at_us / 1e6) for at_us in facts.restarts_us],
        boots=facts.boots,
        boot_at=None if facts.booted_us is None else moment(monitor.zero_s + facts.booted_us / 1e6),
        anomalies=[
            AnomalyView(
                kind="self",
                metric=one.metric,
                value=_rounded(one.metric, one.value),
                usual=_rounded(one.metric, one.usual),
                since_at=iso(us_to_s + one.since_us / 1e6),
            )
            for one in facts.anomalies
        ]
        + [
            AnomalyView(
                kind="peers",
                metric=one.metric,
                value=_rounded(one.metric, one.value),
                usual=_rounded(one.metric, one.peers),
            )
            for one in facts.outliers
        ],
        leak=None
        if leak is None
        else LeakView(
            bytes_per_h=round(leak.bytes_per_h),
            hours_left=round(leak.hours_left, 1),
            hours_low=round(leak.hours_low, 1),
            hours_high=round(leak.hours_high, 1),
        ),
        alerts=[alert.id for alert in own],
        lost_frames=monitor.lost_frames.get(facts.node, 0),
        refused=monitor.fleet.refused(facts.node),
        last_refused=facts.refused,
    )


def _silence_s(facts: NodeFacts) -> float:
    """Since when nothing was heard of a node; of one that is away also from before our start."""
    if facts.online:
        return facts.silent_s
    told_s = min((fact.age_s for name, fact in facts.metrics.items() if name not in _SEEN), default=0.0)
    return max(facts.silent_s, facts.away_s or 0.0, told_s)


def mesh_status(monitor: Monitor) -> MeshStatus:
    """The health of all, those in trouble first."""
    own = firing_by_node(monitor)
    nodes = [node_status(monitor, one, own.get(one.node, ())) for one in monitor.facts.nodes.values()]
    nodes.sort(key=lambda one: (one.health.value, -len(one.alerts), one.node))
    whole = _whole(monitor)
    return MeshStatus(
        at=moment(monitor.facts.wall_s),
        summary=whole.summary,
        health=whole.health,
        coverage=whole.coverage,
        articulation=whole.articulation,
        nodes=nodes,
    )


def numbers(monitor: Monitor) -> NumbersView:
    """The latest values of all that tables show."""
    facts, whole = monitor.facts, _whole(monitor)
    return NumbersView(
        at=moment(facts.wall_s),
        summary=whole.summary,
        health=msgspec.to_builtins(whole.health),
        coverage=whole.coverage.text,
        articulation=whole.articulation,
        nodes=[
            NodeNumbers(
                node=one.node,
                metrics={
                    name: _in_table(name, one.metrics[name].value)
                    for name in _IN_TABLES
                    if name in one.metrics
                },
                silent_s=round(_silence_s(one)),
                reboots=sum(facts.now_us - at_us < REBOOTS_US for at_us in one.restarts_us),
            )
            for one in facts.nodes.values()
        ],
    )


def _in_table(name: str, value: float) -> float:
    """A whole one where the step of the metric is, which also takes fewer bytes."""
    return round(value, 1) if METRICS[name].quantum < 1 else round(value)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What there is to say of the mesh as a whole."""

    summary: str
    health: Score
    coverage: Coverage
    articulation: list[int]


def _whole(monitor: Monitor) -> _Whole:
    facts = monitor.facts
    firing = [doc for doc in monitor.alerts.open_alerts() if doc.state == "firing"]
    return _Whole(
        summary(facts, firing),
        _score(*score.mesh_score(facts, firing)),
        coverage(facts),
        [node for node, _ in monitor.fleet.articulation()[:ARTICULATION_SHOWN]],
    )


def node_scores(monitor: Monitor) -> dict[int, tuple[int, int]]:
    """Score, and how many alerts of its own are firing and not explained by another, by node."""
    own = firing_by_node(monitor)
    return {
        node: (
            score.node_score(facts, own.get(node, []), monitor.facts.now_us)[0],
            sum(not doc.inhibited_by for doc in own.get(node, [])),
        )
        for node, facts in monitor.facts.nodes.items()
    }


def firing_by_node(monitor: Monitor) -> dict[int, list[AlertDoc]]:
    """Alerts of single nodes that are firing."""
    own: dict[int, list[AlertDoc]] = {}
    for doc in monitor.alerts.open_alerts():
        if doc.state == "firing" and doc.node is not None:
            own.setdefault(doc.node, []).append(doc)
    return own


def coverage(facts: MeshFacts) -> Coverage:
    """Who told something by itself of late."""
    heard = {}
    for one in facts.nodes.values():
        age_s = min((fact.age_s for name, fact in one.metrics.items() if name not in _SEEN), default=None)
        if one.online and age_s is not None and age_s < FRESH_S:
            heard[one.node] = age_s
    silent = sorted(facts.nodes.keys() - heard.keys())
    names = {one.node: one.name for one in facts.nodes.values()}
    return coverage_of(len(facts.nodes), heard, silent, names, "heard")


def coverage_of(
    asked: int, ages: Mapping[int, float], silent: list[int], names: Mapping[int, str], verb: str = "answered"
) -> Coverage:
    """`ages`: of the answers, by node; `verb`: what those did."""
    oldest_s = max(ages.values(), default=None)
    text = f"{len(ages)} of {asked} {verb}"
    if oldest_s is not None:
        text += f", oldest {oldest_s:.0f} s"
    if silent:
        named = ", ".join(names.get(node) or str(node) for node in silent[:SILENT_NAMED])
        more = f" and {len(silent) - SILENT_NAMED} more" if len(silent) > SILENT_NAMED else ""
        text += f", {len(silent)} silent: {named}{more}"
    return Coverage(
        nodes=asked,
        answered=len(ages),
        oldest_s=None if oldest_s is None else round(oldest_s, 1),
        silent=silent,
        text=text,
    )


def summary(facts: MeshFacts, firing: Iterable[AlertDoc]) -> str:
    """The mesh in one sentence: how many are well, and the worst of what is wrong."""
    if not facts.nodes:
        return "No node was seen yet."
    told = [doc for doc in firing if not doc.inhibited_by]
    ill = {doc.node for doc in told if doc.node is not None and doc.severity != "info"}
    ill |= {node for doc in told for node in doc.behind}
    ill |= {one.node for one in facts.nodes.values() if not one.online}
    well = len(facts.nodes) - len(ill & facts.nodes.keys())
    sentence = f"{well} of {len(facts.nodes)} boards well"
    worst = sorted(told, key=lambda doc: (_RANK[doc.severity], doc.fired_s or doc.since_s))
    if worst:
        sentence += f"; {worst[0].text.rstrip('.')}"
        more = len(worst) - 1
        sentence += f"; and {more} more alert{'s' if more > 1 else ''}" if more else ""
    return f"{sentence}."


_RANK = {"critical": 0, "warning": 1, "info": 2}


def alert_view(doc: AlertDoc, name: str, *, maintenance: bool) -> AlertView:
    """An alert. `maintenance`: whether what silences it is a maintenance window."""
    quiet = ""
    if doc.inhibited_by:
        quiet = "explained"
    elif doc.silenced_by:
        quiet = "maintenance" if maintenance else "silenced"
    elif doc.acked_by:
        quiet = "acknowledged"
    elif doc.flapping:
        quiet = "flapping"
    return AlertView(
        id=doc.id,
        fingerprint=doc.fingerprint,
        rule=doc.rule,
        severity=doc.severity,
        state=doc.state,
        quiet="" if doc.state == "resolved" else quiet,
        text=doc.text,
        advice=doc.advice,
        labels=doc.labels,
        node=doc.node,
        name=name,
        value=doc.value,
        threshold=doc.threshold,
        behind=doc.behind,
        since_at=moment(doc.since_s),
        fired_at=iso(doc.fired_s),
        resolved_at=iso(doc.resolved_s),
        acked_by=doc.acked_by,
        acked_at=iso(doc.acked_s),
        ack_note=doc.ack_note,
        explained_by=doc.inhibited_by,
        silence=doc.silenced_by,
    )


def silence_view(doc: SilenceDoc, now_s: float) -> SilenceView:
    """A silence or maintenance window."""
    state: Literal["waiting", "active", "over"]
    state = "over" if doc.ends_s <= now_s else "active" if doc.starts_s <= now_s else "waiting"
    return SilenceView(
        id=doc.id,
        kind=doc.kind,
        state=state,
        rules=doc.rules,
        nodes=doc.nodes,
        tags=doc.tags,
        starts_at=moment(doc.starts_s),
        ends_at=moment(doc.ends_s),
        reason=doc.reason,
        created_by=doc.created_by,
        created_at=moment(doc.created_s),
        ended_by=doc.ended_by,
    )


def rule_view(rule: Rule) -> RuleView:
    """A rule as it is in force."""
    return RuleView(
        name=rule.name,
        about=rule.about,
        enabled=rule.enabled,
        severity=rule.severity,
        metric=rule.metric,
        direction=rule.direction,
        threshold=rule.threshold,
        clear=rule.clear,
        unit=rule.unit,
        for_s=rule.for_s,
        keep_firing_s=rule.keep_firing_s,
        nodes=list(rule.nodes),
        tags=list(rule.tags),
        origin=rule.origin,
        custom=rule.custom,
    )


def _score(value: int, parts: Iterable[tuple[int, str]]) -> Score:
    return Score(value=value, parts=[ScorePart(points=points, reason=reason) for points, reason in parts])
