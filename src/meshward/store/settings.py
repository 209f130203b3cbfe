"""Settings that can be changed while the gateway runs: names with JSON values."""

import sqlite3
from typing import Any

from meshward.store.text import from_json, to_json


def load_all(connection: sqlite3.Connection) -> dict[str, Any]:
    """All that were ever set."""
    rows = connection.execute("SELECT key, value FROM setting ORDER BY key")
    return {key: from_json(value, object, f"setting {key}") for key, value in rows}


def get(connection: sqlite3.Connection, key: str, default: Any = None) -> Any:
    """One of them, `default` where it was never set."""
    row = connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    return default if row is None else from_json(row[0], object, f"setting {key}")


def put(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Set one."""
    connection.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, to_json(value)),
    )


def remove(connection: sqlite3.Connection, key: str) -> None:
    """Back to its default."""
    connection.execute("DELETE FROM setting WHERE key = ?", (key,))
