"""Alerts, silences, what people are still to be told, and what was learnt of the nodes."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from meshward.errors import UnknownItemError
from meshward.status.alerts.documents import AlertDoc, Notification, SilenceDoc
from meshward.store.pages import Part, limited, part_of, position, where
from meshward.store.text import from_json, to_json
from meshward.store.transaction import transaction

KEPT_DAYS = 400
"""Alerts and silences that are over for longer go: more than a year, to compare with the one before."""
ALERTS_MAX = 100_000
"""Above that the oldest that are over go: about 100 MB."""
NOTIFICATIONS_MAX = 10_000
"""That wait; above that the oldest go. Weeks without any receiver make fewer."""
SILENCES_SHOWN_DAYS = 30
"""For how long silences that are over are listed."""
SILENCES_OVER_MAX = 500
"""So many of these at most, the latest: each update makes one."""

_DAY_S = 86_400
#: Deleted at once, so that nobody waits.
_DELETED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """What is under way, to go on after a restart; each the oldest first."""

    alerts: list[AlertDoc]
    """Pending and firing."""
    silences: list[SilenceDoc]
    """Those that wait, or are active."""
    notifications: list[Notification]
    """Those that some receiver has not taken."""


def save(connection: sqlite3.Connection, docs: Iterable[AlertDoc | SilenceDoc | Notification]) -> None:
    """Store these as they stand, all or none.

    An alert that is over and never fired is dropped instead: nobody was told of it.
    """
    with transaction(connection):
        for doc in docs:
            match doc:
                case AlertDoc():
                    _save_alert(connection, doc)
                case SilenceDoc():
                    _save_silence(connection, doc)
                case Notification():
                    _save_notification(connection, doc)
                case _:
                    assert_never(doc)


def remove_notification(connection: sqlite3.Connection, notification_id: str) -> None:
    """Every receiver has taken it, or it need not be sent. Does nothing where there is none."""
    connection.execute("DELETE FROM notification WHERE id = ?", (notification_id,))


def load_open(connection: sqlite3.Connection, now_s: float) -> Stored:
    """What is under way. Raises StoreError for a document that cannot be read."""
    alerts = connection.execute("SELECT id, doc FROM alert WHERE state <> 'resolved' ORDER BY number")
    notifications = connection.execute("SELECT id, doc FROM notification ORDER BY number")
    return Stored(
        [_alert(*row) for row in alerts],
        silences(connection, now_s),
        [from_json(doc, Notification, f"notification {name}") for name, doc in notifications],
    )


def page(
    connection: sqlite3.Connection,
    *,
    state: Sequence[str] = (),
    node: int | None = None,
    rule: str | None = None,
    limit: int = 100,
    before: str | None = None,
) -> Part[AlertDoc]:
    """Alerts in one of these states (in any where none is given), newest first. Raises InvalidError."""
    conditions = [f"state IN ({', '.join('?' * len(state))})"] if state else []
    values: list[object] = list(state)
    if state and "resolved" not in state:
        conditions.append("state <> 'resolved'")  # says no more, but is what the index is made for
    for clause, value in (("node = ?", node), ("rule = ?", rule)):
        if value is not None:
            conditions.append(clause)
            values.append(value)
    total = connection.execute(f"SELECT count(*) FROM alert{where(conditions)}", values).fetchone()[0]
    start = position(before)
    if start is not None:
        conditions.append("number < ?")
        values.append(start)
    found = connection.execute(
        f"SELECT number, id, doc FROM alert{where(conditions)} ORDER BY number DESC LIMIT ?",
        [*values, limited(limit) + 1],
    )
    return part_of([(number, _alert(*row)) for number, *row in found], limited(limit), total)


def get(connection: sqlite3.Connection, alert_id: str) -> AlertDoc:
    """One alert. Raises UnknownItemError."""
    row = connection.execute("SELECT id, doc FROM alert WHERE id = ?", (alert_id,)).fetchone()
    if row is None:
        raise UnknownItemError("there is no such alert; list them with `meshward alerts list`")
    return _alert(*row)


def state_of(connection: sqlite3.Connection, alert_id: str) -> str | None:
    """The state that an alert was last stored in, None where it is not stored."""
    row = connection.execute("SELECT state FROM alert WHERE id = ?", (alert_id,)).fetchone()
    return None if row is None else row[0]


def silences(connection: sqlite3.Connection, now_s: float, *, over: bool = False) -> list[SilenceDoc]:
    """Those that wait or are active; with `over` the latest that ended in the last 30 days too, at most 500.
    Oldest first.
    """
    rows = connection.execute("SELECT number, id, doc FROM silence WHERE ends_s > ?", (now_s,)).fetchall()
    if over:
        rows += connection.execute(
            "SELECT number, id, doc FROM silence WHERE ends_s <= ? AND ends_s > ? "
            "ORDER BY ends_s DESC LIMIT ?",
            (now_s, now_s - SILENCES_SHOWN_DAYS * _DAY_S, SILENCES_OVER_MAX),
        )
    return [from_json(doc, SilenceDoc, f"silence {name}") for _, name, doc in sorted(rows)]


def save_records(connection: sqlite3.Connection, records: Mapping[int, Mapping[str, Any]]) -> None:
    """Store what was learnt of these nodes."""
    with transaction(connection):
        connection.executemany(
            "REPLACE INTO health_record VALUES (?, ?)",
            [(node, to_json(record)) for node, record in records.items()],
        )


def load_records(connection: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """What was learnt of every node."""
    rows = connection.execute("SELECT node, doc FROM health_record ORDER BY node")
    return {node: from_json(doc, dict[str, Any], f"the record of node {node}") for node, doc in rows}


def forget(connection: sqlite3.Connection, node: int) -> None:
    """Drop what was learnt of a node; its alerts stay."""
    connection.execute("DELETE FROM health_record WHERE node = ?", (node,))


def expire(connection: sqlite3.Connection, now_s: float) -> None:
    """Drop some of what is too old or too much, and records of nodes that nobody knows any more."""
    before_s = now_s - KEPT_DAYS * _DAY_S
    with transaction(connection):
        connection.execute(
            "DELETE FROM alert WHERE number IN (SELECT number FROM alert WHERE resolved_s < ? LIMIT ?)",
            (before_s, _DELETED_AT_ONCE),
        )
        connection.execute(
            "DELETE FROM silence WHERE number IN (SELECT number FROM silence WHERE ends_s < ? LIMIT ?)",
            (before_s, _DELETED_AT_ONCE),
        )
        surplus = connection.execute("SELECT count(*) FROM alert").fetchone()[0] - ALERTS_MAX
        if surplus > 0:
            connection.execute(
                "DELETE FROM alert WHERE number IN (SELECT number FROM alert WHERE state = 'resolved' "
                "ORDER BY number LIMIT ?)",
                (min(surplus, _DELETED_AT_ONCE),),
            )
        connection.execute("DELETE FROM health_record WHERE node NOT IN (SELECT id FROM node)")


def _save_alert(connection: sqlite3.Connection, doc: AlertDoc) -> None:
    if doc.state == "resolved" and doc.fired_s is None:
        connection.execute("DELETE FROM alert WHERE id = ?", (doc.id,))
        return
    connection.execute(
        "INSERT INTO alert (id, fingerprint, rule, node, state, since_s, resolved_s, doc) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, "
        "rule = excluded.rule, node = excluded.node, state = excluded.state, since_s = excluded.since_s, "
        "resolved_s = excluded.resolved_s, doc = excluded.doc",
        (
            *(doc.id, doc.fingerprint, doc.rule, doc.node, doc.state, doc.since_s, doc.resolved_s),
            to_json(doc),
        ),
    )


def _save_silence(connection: sqlite3.Connection, doc: SilenceDoc) -> None:
    connection.execute(
        "INSERT INTO silence (id, starts_s, ends_s, doc) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "starts_s = excluded.starts_s, ends_s = excluded.ends_s, doc = excluded.doc",
        (doc.id, doc.starts_s, doc.ends_s, to_json(doc)),
    )


def _save_notification(connection: sqlite3.Connection, doc: Notification) -> None:
    connection.execute(
        "INSERT INTO notification (id, doc) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc",
        (doc.id, to_json(doc)),
    )
    connection.execute(
        "DELETE FROM notification WHERE number <= "
        "(SELECT number FROM notification ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (NOTIFICATIONS_MAX,),
    )


def _alert(alert_id: str, doc: str) -> AlertDoc:
    return from_json(doc, AlertDoc, f"alert {alert_id}")
