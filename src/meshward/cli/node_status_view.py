"""All of a node, as `status NODE` shows it."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.alerts_view import alert_line, by_severity
from meshward.cli.durations import age_text, ago_text, duration_text, local_text, seconds_since
from meshward.cli.output import plural
from meshward.cli.readings import source_text, value_text
from meshward.cli.status_view import STALE_S, node_state, score_text
from meshward.cli.tables import Cell, Column, print_facts, print_table, print_text
from meshward.gateway.health_views import AlertView, AnomalyView, LeakView, MetricView, NodeStatus
from meshward.gateway.views import AttemptView, NodeDetail
from meshward.text import printable

_METRICS = (
    Column("metric"),
    Column("value", right=True),
    Column("age", right=True),
    Column("from", matters=5),
    Column("what it is", matters=4, flexible=True),
)
_HISTORY = 8
"""Lines of a node's history that are shown; --json has all."""
_RESTARTS = 5
_TEXTS_MAX = 20
_SHOWN = frozenset({"name", "version", "hardware", "role"})

Catalogue = Sequence[MetricView]


def print_node(
    node: NodeDetail,
    known: NodeStatus,
    alerts: Sequence[AlertView],
    catalogue: Catalogue,
    *,
    now: datetime,
) -> None:
    """All that is known of a node: what is wrong first."""
    print_text(_heading(node, known))
    _print_score(known)
    units = {metric.name: metric.unit for metric in catalogue}
    for alert in by_severity(alerts):
        print_text(alert_line(alert).append(f" ({printable(alert.quiet, 20)})" if alert.quiet else ""))
    if known.leak is not None:
        print_text(Text(leak_text(known.leak), style="yellow"))
    for anomaly in known.anomalies:
        print_text(Text(anomaly_text(anomaly, units.get(anomaly.metric, ""), now), style="yellow"))
    print_text("")
    print_facts(_facts(node, known, now))
    if known.metrics:
        print_text("")
        print_table(_METRICS, metric_rows(known, catalogue))
    _print_history(node, known)


def _heading(node: NodeDetail, known: NodeStatus) -> Text:
    heading = Text().append(f"node {node.id}", style="bold")
    heading.append(f" {printable(node.name)}: " if node.name else ": ")
    return heading.append_text(node_state(node, known.silent_s))


def _print_score(known: NodeStatus) -> None:
    print_text(Text("Health ").append_text(score_text(known.health)).append(" of 100"))
    for part in sorted(known.health.parts, key=lambda part: -part.points):
        print_text(f"  -{part.points:<3} {part.reason}")


def leak_text(leak: LeakView) -> str:
    """How fast a heap shrinks, and when it is gone."""
    return (
        f"leak: it loses {value_text(leak.bytes_per_h, 'B')} of heap an hour; about "
        f"{_hours_text(leak.hours_left)} are left ({_hours_text(leak.hours_low)} to "
        f"{_hours_text(leak.hours_high)})"
    )


def anomaly_text(anomaly: AnomalyView, unit: str, now: datetime) -> str:
    """What of a metric is unusual, against what."""
    value, usual = value_text(anomaly.value, unit), value_text(anomaly.usual, unit)
    if anomaly.kind == "peers":
        return f"unlike its peers: {printable(anomaly.metric, 64)} is {value}, theirs {usual}"
    since_s = seconds_since(anomaly.since_at, now)
    lasting = "" if since_s is None else f", for {duration_text(since_s)}"
    return f"unusual: {printable(anomaly.metric, 64)} is {value}, usually {usual}{lasting}"


def metric_rows(known: NodeStatus, catalogue: Catalogue) -> list[list[Cell]]:
    """Rows of a node's values, in the catalogue's order; those that are old, dim."""
    rows: list[list[Cell]] = []
    for metric in catalogue:
        reading = known.metrics.get(metric.name)
        if reading is None:
            continue
        style = "dim" if reading.age_s > STALE_S or not known.online else ""
        rows.append(
            [
                metric.name,
                Text(value_text(reading.value, metric.unit), style=style),
                Text(age_text(reading.age_s), style=style),
                source_text(reading),
                metric.words,
            ]
        )
    return rows


def _hours_text(hours: float) -> str:
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} h"


def _facts(node: NodeDetail, known: NodeStatus, now: datetime) -> list[tuple[str, Cell]]:
    proven = (
        f"{node.firmware[:16]}, {node.proven_how} {ago_text(node.proven_at, now)}" if node.firmware else ""
    )
    lost = plural(known.lost_frames, "frame") if known.lost_frames else ""
    refused = f"{plural(known.refused, 'value')}, the last: {known.last_refused}" if known.refused else ""
    return [
        ("parent", str(node.parent or "")),
        ("hops", "" if node.depth is None else str(node.depth)),
        ("children", ", ".join(map(str, node.children))),
        ("hardware", node.hardware),
        ("role", node.role),
        ("version", node.version),
        ("firmware", proven.rstrip()),
        ("tags", ", ".join(node.tags)),
        ("excluded", (node.exclusion_reason or "from all updates") if node.excluded else ""),
        ("can", ", ".join(node.capabilities)),
        ("heard through", ", ".join(known.tells)),
        ("heard", "" if known.silent_s is None else f"{duration_text(known.silent_s)} ago"),
        ("in the mesh", ago_text(node.up_since_at, now).replace(" ago", "") if node.online else ""),
        ("first seen", local_text(node.first_seen_at)),
        ("last seen", "" if node.online else f"{local_text(node.last_seen_at)}"),
        ("rollout", node.rollout or ""),
        ("lost", lost),
        ("refused", refused),
        *_texts(known),
    ]


def _texts(known: NodeStatus) -> list[tuple[str, Cell]]:
    """What else it tells of itself, by its own words."""
    told = [(name, text) for name, text in known.texts.items() if name not in _SHOWN]
    return [(printable(name, 24), text) for name, text in told[:_TEXTS_MAX]]


def _print_history(node: NodeDetail, known: NodeStatus) -> None:
    if known.restarts:
        _print_heading("restarts")
        for at in known.restarts[::-1][:_RESTARTS]:
            print_text(f"  {local_text(at)}")
    if node.parents:
        _print_heading("parents")
        for change in node.parents[::-1][:_HISTORY]:
            where = "left the mesh" if change.parent is None else f"below {change.parent}"
            print_text(f"  {local_text(change.at)}  {where}")
    if node.attempts:
        _print_heading("updates")
        for attempt in node.attempts[:_HISTORY]:
            print_text(_attempt_line(attempt))


def _print_heading(what: str) -> None:
    print_text("")
    print_text(f"{what}, newest first")


def _attempt_line(attempt: AttemptView) -> str:
    reason = f": {attempt.reason}" if attempt.reason else ""
    when = local_text(attempt.started_at)
    return f"  {when}  {attempt.kind} {attempt.firmware[:8]} {attempt.state}{reason}"
