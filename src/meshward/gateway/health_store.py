"""What of the monitor is stored, and how it goes on from that after a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshward.status.alerts.documents import AlertDoc
from meshward.status.alerts.engine import Change, Gone
from meshward.status.alerts.rule import SILENT, SPLIT
from meshward.status.monitor import Kept, Monitor, Note
from meshward.store import alerts, events, history, nodes, settings
from meshward.store.events import StoredEvent
from meshward.store.history import SampleRow
from meshward.store.nodes import NodeRow
from meshward.store.transaction import transaction

RULES_KEY = "alert_rules"
RECENT_S = 3600.0
"""How far back restarts and moves are taken up: rules look no further."""
LATEST_S = 7 * 24 * 3600.0
"""Values that are older are not shown any more after a restart."""


@dataclass(frozen=True, slots=True)
class News:
    """What the monitor said since the last time."""

    samples: list[Kept]
    documents: list[Change]
    notes: list[Note]

    def __bool__(self) -> bool:
        return bool(self.samples or self.documents or self.notes)


@dataclass(frozen=True, slots=True)
class StoredHealth:
    """What there is to go on from."""

    latest: Mapping[int, Mapping[str, tuple[float, float, str]]]
    """By node and metric: value, Unix seconds, source."""
    open: alerts.Stored
    records: Mapping[int, dict[str, Any]]
    rules: Mapping[str, dict[str, Any]]
    nodes: list[NodeRow]
    parents: Mapping[int, int]
    """Where each node hung last."""
    restarts: list[tuple[int, float]]
    """Nodes and Unix seconds, of the last hour."""
    moves: list[tuple[int, float]]


def keep(connection: sqlite3.Connection, news: News, at_s: float) -> list[StoredEvent]:
    """Store news in one transaction; the events of it with their numbers, to publish."""
    with transaction(connection):
        history.add(
            connection,
            [
                SampleRow(
                    one.sample.node,
                    one.at_s,
                    one.sample.source,
                    one.sample.values,
                    boots=one.sample.boots,
                    uptime_s=one.sample.uptime_s,
                )
                for one in news.samples
            ],
            at_s,
        )
        moved = [doc for doc in news.documents if isinstance(doc, AlertDoc) and _moved(connection, doc)]
        keep_documents(connection, news.documents)
        return [
            events.add(connection, at_s, note.kind, note.text, severity=note.severity, node=note.node)
            for note in news.notes
        ] + [
            events.add(
                connection, at_s, f"alert.{doc.state}", doc.text, severity=_severity(doc), node=doc.node
            )
            for doc in moved
        ]


def keep_documents(connection: sqlite3.Connection, documents: Iterable[Change]) -> None:
    """Store these as they stand, and drop what is not needed any more."""
    with transaction(connection):
        for doc in documents:
            if isinstance(doc, Gone):
                alerts.remove_notification(connection, doc.id)
            else:
                alerts.save(connection, [doc])


def keep_rule(connection: sqlite3.Connection, name: str, override: dict[str, Any] | None) -> None:
    """Store what is changed of an alert rule; None for nothing."""
    rules: dict[str, Any] = settings.get(connection, RULES_KEY, {})
    rules.pop(name, None)
    if override is not None:
        rules[name] = override
    settings.put(connection, RULES_KEY, rules)


def keep_records(connection: sqlite3.Connection, records: dict[int, dict[str, Any]]) -> None:
    """Store what was learnt of the nodes."""
    alerts.save_records(connection, records)


def load(connection: sqlite3.Connection, now_s: float) -> StoredHealth:
    """What is stored."""
    return StoredHealth(
        history.latest(connection, now_s - LATEST_S),
        alerts.load_open(connection, now_s),
        alerts.load_records(connection),
        settings.get(connection, RULES_KEY, {}),
        nodes.load_all(connection),
        nodes.last_parents(connection),
        events.since(connection, "node.restarted", now_s - RECENT_S),
        nodes.moves(connection, now_s - RECENT_S),
    )


def restore(monitor: Monitor, stored: StoredHealth, now_us: int, wall_s: float) -> None:
    """Go on from what is stored; to be called before anything else is told to the monitor."""
    known = {row.id for row in stored.nodes}
    told_away = {
        node for doc in stored.open.alerts if doc.rule in {SILENT, SPLIT} for node in (doc.node, *doc.behind)
    }
    for row in stored.nodes:
        parent = stored.parents.get(row.id)
        # Of others the absence begins with the first tree: nobody watched since.
        left_s = row.last_seen_s if row.id in told_away else None
        monitor.fleet.restore(
            row.id,
            {
                name: (value, max(0.0, wall_s - at_s), source)
                for name, (value, at_s, source) in stored.latest.get(row.id, {}).items()
            },
            now_us,
            away_s=None if left_s is None else max(0.0, wall_s - left_s),
            last_parent=parent if parent in known else None,
        )
        if row.id in stored.records:
            monitor.watch.restore(row.id, stored.records[row.id], now_us, wall_s)

    def moments_us(happened: list[tuple[int, float]]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for node, at_s in happened:
            found.setdefault(node, []).append(now_us - int(max(0.0, wall_s - at_s) * 1e6))
        return found

    restarts, moves = moments_us(stored.restarts), moments_us(stored.moves)
    for node in sorted(restarts.keys() | moves.keys()):
        monitor.fleet.restore_history(node, restarts.get(node, ()), moves.get(node, ()))
    monitor.alerts.rules.override(stored.rules)
    monitor.alerts.restore(
        stored.open.alerts, stored.open.silences, stored.open.notifications, now_us, wall_s
    )


def _moved(connection: sqlite3.Connection, doc: AlertDoc) -> bool:
    """Whether it fired or ended since it was stored last; what another alert explains is no news."""
    return (
        doc.fired_s is not None and not doc.inhibited_by and alerts.state_of(connection, doc.id) != doc.state
    )


def _severity(doc: AlertDoc) -> str:
    if doc.state == "resolved":
        return "info"
    return "error" if doc.severity == "critical" else "warning" if doc.severity == "warning" else "info"
