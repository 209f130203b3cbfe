"""Opening a database: its directory, its modes, its schema, and whether it is whole."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshward.errors import StoreError
from meshward.store import failures
from meshward.store.migrate import check_ours, latest_version, migrate, version_of

MEMORY = ":memory:"

#: How long to wait for another process that writes.
_BUSY_WAIT_S = 5.0
#: What the write-ahead log is cut to once it was moved into the database.
_JOURNAL_BYTES_MAX = 16 * 1024 * 1024


def open_connection(path: Path | str) -> sqlite3.Connection:
    """A connection that reads and writes, to the current schema; ":memory:" for one that nobody keeps.

    Makes what is missing, with modes for its owner only, and brings older databases up to date.
    Raises StoreError. Only the thread that opened a connection can use it.
    """
    if path == MEMORY:
        connection = sqlite3.connect(MEMORY, isolation_level=None)
        migrate(connection, None)
        return connection
    path = Path(path)
    with failures.translated(path):
        _make_file(path)
        with _alone_in(path.parent):
            return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rw")
    try:
        check_ours(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # What was stored before frames were sent must still be there after a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES_MAX}")
        check_whole(connection, path)
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """One at a time makes a database, or brings it up to date: others would see the steps between."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_read_only(path: Path | str) -> sqlite3.Connection:
    """A connection that only reads a database which is there, of the current schema. Raises StoreError."""
    path = Path(path)
    with failures.translated(path):
        connection = _connect(path, "ro")
        try:
            check_ours(connection, path)
            _check_current(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _check_current(connection: sqlite3.Connection, path: Path) -> None:
    if version_of(connection) != latest_version():
        raise StoreError(f"{path} is of an older version: start the gateway once, which brings it up to date")


def check_whole(connection: sqlite3.Connection, path: Path | str, *, thorough: bool = False) -> None:
    """Raise StoreError for a damaged database; `thorough` also compares indexes with their tables."""
    pragma = "integrity_check" if thorough else "quick_check"
    problem = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    if problem != "ok":
        raise failures.damaged(path, problem)


def connect_as_is(path: Path) -> sqlite3.Connection:
    """A connection to a database of any version, which stays as it is."""
    return _connect(path, "rw")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_WAIT_S)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_file(path: Path) -> None:
    make_directory(path.parent)
    # Made before SQLite would make it, which goes by the umask; its `-wal` and `-shm` take this file's mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o600)


def make_directory(directory: Path) -> None:
    """A directory for its owner only. One that was there and holds something keeps its mode."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(directory.iterdir()) and directory.stat().st_uid == os.geteuid():
        directory.chmod(0o700)
