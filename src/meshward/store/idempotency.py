"""What was answered to a request, for one that comes again under the same key."""

import sqlite3
from typing import Any

from meshward.errors import ConflictError
from meshward.store.text import from_json, to_json
from meshward.store.transaction import transaction

KEPT_S = 24 * 3600.0
KEPT_MAX = 2_000
"""Answers kept: a client that makes up keys must not fill the disk."""


def recall(
    connection: sqlite3.Connection, key: str, caller: str, fingerprint: str, at_s: float
) -> tuple[int, Any] | None:
    """Status and body of what was answered under this key. Raises ConflictError for another request."""
    row = connection.execute(
        "SELECT fingerprint, status, body FROM idempotency WHERE caller = ? AND key = ? AND at_s > ?",
        (caller, key, at_s - KEPT_S),
    ).fetchone()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise ConflictError("this idempotency key was used for another request: take a new key for each")
    return row[1], from_json(row[2], object, "an answer")


def remember(
    connection: sqlite3.Connection,
    key: str,
    caller: str,
    fingerprint: str,
    status: int,
    body: Any,
    at_s: float,
) -> None:
    """Keep an answer for a day. The first one under a key stays."""
    with transaction(connection):
        connection.execute("DELETE FROM idempotency WHERE at_s <= ?", (at_s - KEPT_S,))
        added = connection.execute(
            "INSERT INTO idempotency (caller, key, fingerprint, status, body, at_s) "
            "VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (caller, key) DO NOTHING",
            (caller, key, fingerprint, status, to_json(body), at_s),
        )
        if added.rowcount > 0:
            connection.execute(
                "DELETE FROM idempotency WHERE number <= (SELECT max(number) FROM idempotency) - ?",
                (KEPT_MAX,),
            )
