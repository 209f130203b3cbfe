"""What SQLite and the disk report, as errors that say what to do."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshward.errors import StoreError, StoreFullError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PRIMARY_CODE = 0xFF
#: Below this many free bytes an I/O error is taken for a full disk: SQLite tells some of them as such.
_FREE_BYTES_MIN = 64 * 1024


@contextmanager
def translated(path: Path | str) -> Iterator[None]:
    """Raise StoreError or StoreFullError for what goes wrong with the database or file at `path`.

    Errors of Meshward's own, and bugs such as wrong SQL, pass through as they are.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        translation = of_error(error, path)
        if translation is None:
            raise
        raise translation from error


def of_error(error: sqlite3.Error | OSError, path: Path | str) -> StoreError | None:
    """An error of the database's or the disk's; None for a bug of ours, such as wrong SQL."""
    return of_disk(error, path) if isinstance(error, OSError) else _of_sqlite(error, path)


def of_disk(error: OSError, path: Path | str) -> StoreError:
    """An error of the operating system's, about a file of the data directory."""
    if error.errno in _NO_ROOM:
        return _full(path)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return StoreError(
            f"no permission for {error.filename or path}: run as the user that owns it, or choose another "
            "data directory"
        )
    if error.errno == errno.EROFS:
        return StoreError(f"{error.filename or path} is on a disk that is mounted read-only: remount it")
    return StoreError(f"cannot use {error.filename or path}: {error.strerror or error}")


def _of_sqlite(error: sqlite3.Error, path: Path | str) -> StoreError | None:
    # Errors of the sqlite3 module itself have no code.
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return _full(path)
    text = {
        sqlite3.SQLITE_READONLY: f"{path} cannot be written: the file or its disk is read-only; check its "
        "owner, its mode and how the disk is mounted",
        sqlite3.SQLITE_IOERR: f"the disk reports an I/O error for {path} ({error}): check the disk and its "
        "cable or card, and make a backup",
        sqlite3.SQLITE_CANTOPEN: f"{path} cannot be opened: check that its directory is there and belongs "
        "to this user",
        sqlite3.SQLITE_PERM: f"no permission for {path}: run as the user that owns it",
        sqlite3.SQLITE_BUSY: f"{path} is in use by another program for too long: end that one, or try again",
        sqlite3.SQLITE_CORRUPT: _damaged(path),
        sqlite3.SQLITE_NOTADB: f"{path} is no database of Meshward's: move it away, or choose another data "
        "directory",
    }.get(code)
    if text is None and isinstance(error, sqlite3.OperationalError) and code > sqlite3.SQLITE_ERROR:
        text = f"{path} could not be used just now ({error})"  # out of memory, locked: no mistake of ours
    return None if text is None else StoreError(text)


def damaged(path: Path | str, problem: str) -> StoreError:
    """The database was looked at, and is not whole."""
    return StoreError(f"{_damaged(path)} ({problem})")


def _damaged(path: Path | str) -> str:
    return f"the database {path} is damaged: restore a backup with `meshward restore`"


def _full(path: Path | str) -> StoreFullError:
    return StoreFullError(
        f"the disk of {path} is full, so nothing new is stored; what was stored is safe: free some space"
    )


def _disk_is_full(path: Path | str) -> bool:
    try:
        return shutil.disk_usage(Path(path).parent).free < _FREE_BYTES_MIN
    except OSError:
        return False
