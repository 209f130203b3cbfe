"""Rollouts, their runs, what came of every node in them, and the health that nodes showed."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshward.errors import UnknownItemError
from meshward.ota.states import FINAL as FINAL_NODE
from meshward.ota.states import NodeState
from meshward.rollout.documents import RolloutDoc, RunDoc
from meshward.rollout.spec import Target
from meshward.rollout.states import FINAL, RolloutState
from meshward.store.pages import Part, limited, part_of, position, where
from meshward.store.text import from_json, to_json
from meshward.store.transaction import transaction

_WAITS = frozenset({NodeState.PENDING, NodeState.SCHEDULED})
_ATTEMPT_COLUMNS = (
    "node, run, rollout, kind, firmware, state, reason, attempts, repaired_parts, started_s, ended_s"
)


@dataclass(frozen=True, slots=True)
class Active:
    """What is under way, to go on after a restart."""

    rollouts: list[RolloutDoc]
    """Oldest first: those without a final state, and those with an open run."""
    runs: list[RunDoc]
    """All that are open, oldest first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which firmware somebody meant for whom, by a rollout."""

    rollout: str
    name: str
    state: RolloutState
    created_s: float
    images: Mapping[str, str]
    """Hardware to SHA-256."""
    target: Target


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """What came of one node in one run."""

    node: int
    run: str
    rollout: str
    kind: str
    firmware: str
    state: str
    reason: str | None
    attempts: int
    repaired_parts: int
    started_s: float | None
    """When it was first seen to be more than waiting."""
    ended_s: float | None


def save(connection: sqlite3.Connection, doc: RolloutDoc) -> None:
    """Store a rollout as it stands."""
    connection.execute(
        "INSERT INTO rollout (id, name, state, created_s, active, doc, job) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state, "
        "created_s = excluded.created_s, active = excluded.active, doc = excluded.doc",
        (
            *(doc.id, doc.spec.name, doc.state, doc.created_s, int(doc.state not in FINAL), to_json(doc)),
            doc.spec.job,
        ),
    )


def save_run(connection: sqlite3.Connection, doc: RunDoc, at_s: float) -> None:
    """Store a run as it stands, and with it what came of each of its nodes till now."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO run (id, rollout, kind, open, started_s, ended_s, doc) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET open = excluded.open, started_s = excluded.started_s, "
            "ended_s = excluded.ended_s, doc = excluded.doc",
            (doc.id, doc.rollout, doc.kind, int(doc.open), doc.started_s, doc.ended_s, to_json(doc)),
        )
        connection.executemany(
            "INSERT INTO attempt (run, node, rollout, kind, firmware, state, reason, attempts, "
            "repaired_parts, started_s, ended_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            # The times are those of the first save that showed it; rows that did not change are not written.
            "ON CONFLICT (run, node) DO UPDATE SET state = excluded.state, reason = excluded.reason, "
            "attempts = excluded.attempts, repaired_parts = excluded.repaired_parts, "
            "started_s = coalesce(attempt.started_s, excluded.started_s), "
            "ended_s = CASE WHEN excluded.ended_s IS NOT NULL "
            "THEN coalesce(attempt.ended_s, excluded.ended_s) END "
            "WHERE (state, reason, attempts, repaired_parts, ended_s IS NULL) IS NOT "
            "(excluded.state, excluded.reason, excluded.attempts, excluded.repaired_parts, "
            "excluded.ended_s IS NULL)",
            [_attempt_values(doc, node, record, at_s) for node, record in _records(doc).items()],
        )


def save_health(connection: sqlite3.Connection, node: int, record: dict[str, Any], at_s: float) -> None:
    """Store what is known of a node's health."""
    connection.execute(
        "INSERT INTO health (node, at_s, record) VALUES (?, ?, ?) "
        "ON CONFLICT (node) DO UPDATE SET at_s = excluded.at_s, record = excluded.record",
        (node, at_s, to_json(record)),
    )


def load_active(connection: sqlite3.Connection) -> Active:
    """What is under way. Raises StoreError for a document that cannot be read."""
    rollouts = connection.execute(
        "SELECT id, doc FROM rollout WHERE active OR id IN (SELECT rollout FROM run WHERE open) "
        "ORDER BY number"
    )
    runs = connection.execute("SELECT id, doc FROM run WHERE open ORDER BY number")
    return Active([_rollout(*row) for row in rollouts], [_run(*row) for row in runs])


def last_clock_us(connection: sqlite3.Connection) -> int:
    """The latest of the engine's clock that was stored with any rollout, 0 where there is none."""
    row = connection.execute("SELECT max(json_extract(doc, '$.clock_us')) FROM rollout").fetchone()
    return int(row[0] or 0)


def load_health(connection: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """The health record of every node that has one."""
    rows = connection.execute("SELECT node, record FROM health ORDER BY node")
    return {node: from_json(record, dict[str, Any], f"the health of node {node}") for node, record in rows}


def get(connection: sqlite3.Connection, rollout_id: str) -> RolloutDoc:
    """One rollout. Raises UnknownItemError."""
    row = connection.execute("SELECT id, doc FROM rollout WHERE id = ?", (rollout_id,)).fetchone()
    if row is None:
        raise UnknownItemError("there is no such rollout; list them with `meshward rollout list`")
    return _rollout(*row)


def of_job(connection: sqlite3.Connection, job: str) -> str | None:
    """The id of the rollout that is this job; None where there is none."""
    row = connection.execute("SELECT id FROM rollout WHERE job = ? AND job <> ''", (job,)).fetchone()
    return None if row is None else str(row[0])


def decisions(connection: sqlite3.Connection, limit: int) -> list[Decision]:
    """What the latest rollouts said of which firmware is meant for whom, newest first."""
    rows = connection.execute(
        "SELECT id, name, state, created_s, json_extract(doc, '$.images'), "
        "json_extract(doc, '$.spec.target') FROM rollout ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    return [
        Decision(
            rollout,
            name,
            RolloutState(state),
            created_s,
            from_json(images, dict[str, str], f"rollout {rollout}"),
            from_json(target, Target, f"rollout {rollout}"),
        )
        for rollout, name, state, created_s, images, target in rows
    ]


def get_run(connection: sqlite3.Connection, run_id: str) -> RunDoc:
    """One run. Raises UnknownItemError."""
    row = connection.execute("SELECT id, doc FROM run WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise UnknownItemError("there is no such update; a rollout's page names its updates")
    return _run(*row)


def page(
    connection: sqlite3.Connection,
    *,
    state: Sequence[str] = (),
    limit: int = 100,
    before: str | None = None,
) -> Part[RolloutDoc]:
    """Rollouts in one of these states (in any where none is given), newest first. Raises InvalidError."""
    conditions = [f"state IN ({', '.join('?' * len(state))})"] if state else []
    found, total = _newest(connection, "rollout", "id, doc", conditions, list(state), limit, before)
    return part_of([(number, _rollout(*row)) for number, *row in found], limited(limit), total)


def run_page(
    connection: sqlite3.Connection,
    *,
    rollout: str | None = None,
    kind: str | None = None,
    open_only: bool = False,
    limit: int = 100,
    before: str | None = None,
) -> Part[RunDoc]:
    """Runs, newest first. Raises InvalidError."""
    filters = {"rollout = ?": rollout, "kind = ?": kind}
    conditions = [clause for clause, value in filters.items() if value is not None]
    values = [value for value in filters.values() if value is not None]
    if open_only:
        conditions.append("open")
    found, total = _newest(connection, "run", "id, doc", conditions, values, limit, before)
    return part_of([(number, _run(*row)) for number, *row in found], limited(limit), total)


def attempt_page(
    connection: sqlite3.Connection,
    *,
    node: int | None = None,
    rollout: str | None = None,
    run: str | None = None,
    limit: int = 100,
    before: str | None = None,
) -> Part[AttemptRow]:
    """What came of nodes in runs, newest first. Raises InvalidError."""
    filters = {"node = ?": node, "rollout = ?": rollout, "run = ?": run}
    conditions = [clause for clause, value in filters.items() if value is not None]
    values = [value for value in filters.values() if value is not None]
    found, total = _newest(connection, "attempt", _ATTEMPT_COLUMNS, conditions, values, limit, before)
    return part_of([(number, AttemptRow(*row)) for number, *row in found], limited(limit), total)


def needing(connection: sqlite3.Connection, sha256: str) -> list[str]:
    """Ids of the rollouts under way that may still send this firmware, forward or back."""
    return [doc.id for doc in load_active(connection).rollouts if _needs(doc, sha256)]


def _needs(doc: RolloutDoc, sha256: str) -> bool:
    if sha256 in doc.spec.images or sha256 in doc.spec.rollback_to:
        return True
    return any(sha256 in {entry.image, entry.previous} for entry in doc.nodes)


def _newest(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    conditions: list[str],
    values: Sequence[object],
    limit: int,
    before: str | None,
) -> tuple[list[Any], int]:
    total = connection.execute(f"SELECT count(*) FROM {table}{where(conditions)}", values).fetchone()[0]
    start = position(before)
    if start is not None:
        conditions, values = [*conditions, "number < ?"], [*values, start]
    found = connection.execute(
        f"SELECT number, {columns} FROM {table}{where(conditions)} ORDER BY number DESC LIMIT ?",
        [*values, limited(limit) + 1],
    )
    return found.fetchall(), total


def _records(doc: RunDoc) -> dict[int, dict[str, Any]]:
    """The record of every node of a run; an empty one for those that have none yet."""
    return {**{node: {} for node in doc.nodes}, **{int(record["node"]): record for record in doc.records}}


def _attempt_values(doc: RunDoc, node: int, record: dict[str, Any], at_s: float) -> tuple[Any, ...]:
    state = record.get("state", NodeState.PENDING)
    ended = state in FINAL_NODE or not doc.open
    return (
        *(doc.id, node, doc.rollout, doc.kind, doc.image, state, record.get("reason")),
        *(record.get("attempts", 0), record.get("repaired_parts", 0)),
        None if state in _WAITS else at_s,
        at_s if ended else None,
    )


def _rollout(rollout_id: str, doc: str) -> RolloutDoc:
    return from_json(doc, RolloutDoc, f"rollout {rollout_id}")


def _run(run_id: str, doc: str) -> RunDoc:
    return from_json(doc, RunDoc, f"run {run_id}")
