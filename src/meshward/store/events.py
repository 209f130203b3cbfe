"""What happened, for people and programs to read later; the oldest go."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from meshward.store.pages import Part, limited, part_of, where
from meshward.store.transaction import transaction
from meshward.text import printable

KEPT_MAX = 100_000
"""Events kept: about 20 MB."""
TEXT_CHARACTERS_MAX = 1000

#: Deleted with every new event at most: more than one, so that a surplus shrinks; few, so that none waits.
_PRUNED_AT_ONCE = 20
_COLUMNS = "id, at_s, kind, severity, text, node, rollout"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that happened, with its number."""

    id: int
    at_s: float
    kind: str
    severity: str
    text: str
    node: int | None
    rollout: str | None


def add(
    connection: sqlite3.Connection,
    at_s: float,
    kind: str,
    text: str,
    *,
    severity: str = "info",
    node: int | None = None,
    rollout: str | None = None,
) -> StoredEvent:
    """Store an event. Numbers grow, and none is given twice."""
    text = printable(text, TEXT_CHARACTERS_MAX)
    with transaction(connection):
        added = connection.execute(
            "INSERT INTO event (at_s, kind, severity, text, node, rollout) VALUES (?, ?, ?, ?, ?, ?)",
            (at_s, kind, severity, text, node, rollout),
        )
        number = added.lastrowid
        assert number is not None
        connection.execute(
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id <= ? ORDER BY id LIMIT ?)",
            (number - KEPT_MAX, _PRUNED_AT_ONCE),
        )
    return StoredEvent(number, at_s, kind, severity, text, node, rollout)


def of_node(
    connection: sqlite3.Connection,
    node: int,
    kinds: Sequence[str],
    start_s: float,
    end_s: float,
    *,
    limit: int,
) -> list[StoredEvent]:
    """What happened to a node within a time, of some kinds: the latest, oldest first."""
    marks = ", ".join("?" * len(kinds))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM event WHERE node = ? AND at_s BETWEEN ? AND ? AND kind IN ({marks}) "
        "ORDER BY id DESC LIMIT ?",
        (node, start_s, end_s, *kinds, limit),
    )
    return [StoredEvent(*row) for row in rows][::-1]


def since(connection: sqlite3.Connection, kind: str, since_s: float) -> list[tuple[int, float]]:
    """The nodes to which something of this kind happened, and when; oldest first."""
    rows = connection.execute(
        "SELECT node, at_s FROM event WHERE kind = ? AND at_s > ? AND node IS NOT NULL ORDER BY id",
        (kind, since_s),
    )
    return rows.fetchall()


def page(
    connection: sqlite3.Connection,
    *,
    node: int | None = None,
    rollout: str | None = None,
    kind: str | None = None,
    severity: str | None = None,
    limit: int = 100,
    before: int | None = None,
    after: int | None = None,
) -> Part[StoredEvent]:
    """Newest first; with `after`, what came since that number, oldest first. `kind` is how kinds begin."""
    filters = {"node = ?": node, "rollout = ?": rollout, "severity = ?": severity, "instr(kind, ?) = 1": kind}
    conditions = [clause for clause, value in filters.items() if value is not None]
    values: list[object] = [value for value in filters.values() if value is not None]
    total = connection.execute(f"SELECT count(*) FROM event{where(conditions)}", values).fetchone()[0]
    for clause, value in (("id < ?", before), ("id > ?", after)):
        if value is not None:
            conditions.append(clause)
            values.append(value)
    order = "DESC" if after is None else "ASC"
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM event{where(conditions)} ORDER BY id {order} LIMIT ?",
        [*values, limited(limit) + 1],
    )
    return part_of([(row[0], StoredEvent(*row)) for row in found], limited(limit), total)
