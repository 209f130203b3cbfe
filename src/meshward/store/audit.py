"""Who did what: entries that are only ever appended, each chained to the one before by its hash.

An entry's hash is the SHA-256 of the hash before it ("" for the first) and of this JSON array, without
spaces and with all but ASCII escaped: number, Unix time, actor, action, subject, and the detail as the JSON
text that is stored. Whoever changes an entry must change all later hashes; a head that was written down
elsewhere shows that, and shows entries cut off at the end.
"""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from meshward.store.pages import Part, limited, part_of
from meshward.store.text import from_json
from meshward.store.transaction import transaction
from meshward.text import printable

_COLUMNS = "id, at_s, actor, action, subject, detail, hash"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry of the audit log."""

    id: int
    at_s: float
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Whether the audit log is whole."""

    ok: bool
    entries: int
    head: str
    """Hash of the newest entry that is right, "" where there is none."""
    broken_at: int | None = None
    """Number of the first entry that is wrong or missing."""
    problem: str = ""


def append(
    connection: sqlite3.Connection,
    at_s: float,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
) -> AuditRow:
    """Add an entry. Raises ValueError for a detail that is no JSON, as one with NaN."""
    at_s = float(at_s)
    actor, action, subject = printable(actor), printable(action), printable(subject)
    detail_text = _canonical(msgspec.to_builtins(detail, str_keys=True))
    with transaction(connection):
        last = connection.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        number, head = (1, "") if last is None else (last[0] + 1, last[1])
        digest = _hash(head, number, at_s, actor, action, subject, detail_text)
        connection.execute(
            f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, at_s, actor, action, subject, detail_text, digest),
        )
    return AuditRow(number, at_s, actor, action, subject, json.loads(detail_text), digest)


def verify(connection: sqlite3.Connection, expect_head: str | None = None) -> AuditCheck:
    """Compute every hash anew. `expect_head` is a head of earlier, which must be in the log still."""
    head, entries = "", 0
    expected_is_there = not expect_head
    for number, at_s, actor, action, subject, detail, digest in connection.execute(
        f"SELECT {_COLUMNS} FROM audit ORDER BY id"
    ):
        if number != entries + 1:
            problem = f"entry {entries + 1} is missing"
            return AuditCheck(ok=False, entries=entries, head=head, broken_at=entries + 1, problem=problem)
        if _hash(head, number, at_s, actor, action, subject, detail) != digest:
            problem = f"entry {number} does not fit its hash: it, or the one before it, was changed"
            return AuditCheck(ok=False, entries=entries, head=head, broken_at=number, problem=problem)
        head, entries = digest, number
        expected_is_there = expected_is_there or head == expect_head
    if not expected_is_there:
        problem = (
            "the head that was written down is not in the log: entries were cut off, or the log written anew"
        )
        return AuditCheck(ok=False, entries=entries, head=head, broken_at=entries + 1, problem=problem)
    return AuditCheck(ok=True, entries=entries, head=head)


def page(connection: sqlite3.Connection, *, limit: int = 100, before: int | None = None) -> Part[AuditRow]:
    """Newest first."""
    total = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
        (before, limited(limit) + 1),
    )
    return part_of([(row[0], _entry(row)) for row in found], limited(limit), total)


def _entry(row: tuple[Any, ...]) -> AuditRow:
    number, at_s, actor, action, subject, detail, digest = row
    parsed = from_json(detail, dict[str, Any], f"entry {number} of the audit log")
    return AuditRow(number, at_s, actor, action, subject, parsed, digest)


def _hash(before: str, *entry: object) -> str:
    return hashlib.sha256((before + _canonical(entry)).encode()).hexdigest()


def _canonical(value: object) -> str:
    # The standard library's, as hashes must be the same in every version: floats are written as Python does.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
