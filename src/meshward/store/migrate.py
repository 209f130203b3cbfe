"""Bringing a database to the schema of this version, one numbered file of SQL after the other."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from meshward.errors import StoreError
from meshward.store.failures import damaged
from meshward.store.transaction import transaction

APPLICATION_ID = 0x4D455348
"""SQLite's mark of whose database a file is: "MESH"."""
_PAGES_AT_ONCE = 1000
"""4 MB: a tenth of a second with a slow card."""


@cache
def migrations() -> tuple[tuple[str, ...], ...]:
    """The statements of every migration; the first one leads to version 1."""
    folder = files("meshward.store").joinpath("migrations")
    scripts = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name
    )
    assert [int(item.name[:4]) for item in scripts] == list(range(1, len(scripts) + 1))
    return tuple(tuple(_statements(item.read_text("utf-8"))) for item in scripts)


def latest_version() -> int:
    """The version of the schema that this program writes."""
    return len(migrations())


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a database's schema, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_ours(connection: sqlite3.Connection, path: Path | str) -> None:
    """Raise StoreError for a database of another program's, or of a newer Meshward."""
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    used = connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if used and mark != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program: choose another data directory")
    if version_of(connection) > latest_version():
        raise StoreError(
            f"{path} was written by a newer version of Meshward (schema {version_of(connection)}, this one "
            f"knows {latest_version()}): update Meshward, or restore the copy named before-v"
            f"{latest_version() + 1} beside it"
        )


def migrate(connection: sqlite3.Connection, path: Path | None, *, to: int | None = None) -> None:
    """Apply what is missing. A file that holds something is first copied, as `<name>.before-v<N>`."""
    check_ours(connection, path or ":memory:")
    target = latest_version() if to is None else to
    is_used = version_of(connection) > 0
    # Off, as tables may be rebuilt; this has no effect within a transaction.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        while version_of(connection) < target:
            version = version_of(connection) + 1
            if is_used and path is not None:
                _copy_aside(connection, path.with_name(f"{path.name}.before-v{version}"))
            _apply(connection, version)
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _apply(connection: sqlite3.Connection, version: int) -> None:
    with transaction(connection):
        if version_of(connection) >= version:  # somebody else was faster
            return
        for statement in migrations()[version - 1]:
            connection.execute(statement)
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise damaged(f"at version {version - 1}", f"a row of {broken[0]} refers to nothing")
        connection.execute(f"PRAGMA user_version = {version}")


def _copy_aside(connection: sqlite3.Connection, target: Path) -> None:
    fresh = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        copy_database(connection, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def copy_database(
    connection: sqlite3.Connection, target: Path, look: Callable[[], None] = lambda: None
) -> None:
    """A copy of the database as it stands, in one file; others may read and write meanwhile.

    `look` is called again and again, and ends it by raising.
    """
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        connection.execute("BEGIN")
        try:
            # From here on it is seen as it is now: else the copy would begin anew with each write of others.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_progress: look())
        finally:
            connection.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    assert not statement.strip(), statement
