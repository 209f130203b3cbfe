"""A data directory in one file: made while a daemon runs, and put back whole or not at all.

The archive is a .tar.gz with `manifest.json` first, then the database and the firmware files that it names.
"""

import hashlib
import io
import os
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from meshward.errors import ConflictError, StoreError
from meshward.store import audit, failures
from meshward.store.connection import check_whole, connect_as_is
from meshward.store.layout import DATABASE, FIRMWARE, LOCK
from meshward.store.library import Library, sync_directory
from meshward.store.migrate import check_ours, copy_database, version_of
from meshward.store.unpack import MANIFEST, check_files, unpack

FORMAT = 1
_STEPS_BETWEEN = 100_000
"""Of SQLite's machine, between two looks at whether the backup is still wanted: some milliseconds."""


class File(msgspec.Struct, frozen=True):
    """A file of a backup."""

    sha256: str
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup."""

    format: int
    created_at: str
    """ISO 8601, UTC."""
    schema: int
    """Version of the database's schema."""
    audit_head: str
    """Of what is whole of the audit log."""
    audit_problem: str = ""
    """Why the audit log is not whole."""
    files: dict[str, File]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made."""

    path: Path
    size_bytes: int
    firmware_files: int
    audit_head: str
    audit_problem: str = ""
    """Why the audit log is not whole; it is in the backup as it is."""
    missing: tuple[str, ...] = ()
    """Hashes of firmware that the database names and whose files are missing or damaged."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was put back."""

    data_dir: Path
    created_at: str
    firmware_files: int
    audit_problem: str = ""
    """Why its audit log was not whole already when the backup was made."""
    moved_aside: Path | None = None
    """Where what was there before lies now."""


def backup(
    data_dir: Path, target: Path, *, force: bool = False, given_up: Callable[[], bool] = lambda: False
) -> BackedUp:
    """Copy a data directory into a file, also while a daemon uses it. With `force` an older one goes.

    Once `given_up`, which is asked often, says so, it ends with StoreError and leaves nothing. Raises
    ConflictError where the file exists, StoreFullError, StoreError.
    """
    if target.exists() and not force:
        raise ConflictError(f"{target} is there already: choose another name, or replace it with --force")
    with (
        failures.translated(target),
        tempfile.TemporaryDirectory(".tmp", ".meshward-", target.parent) as made,
    ):
        work = Path(made)
        manifest, missing = _collect(data_dir, work, given_up)
        archive = work / "archive"
        _pack(manifest, work, archive, given_up)
        archive.replace(target)
        sync_directory(target.parent)
        size_bytes = target.stat().st_size
    return BackedUp(
        target, size_bytes, len(manifest.files) - 1, manifest.audit_head, manifest.audit_problem, missing
    )


def restore(archive: Path, data_dir: Path, *, force: bool = False) -> Restored:
    """Put a backup in place. The caller makes sure that no daemon uses the directory.

    With `force` a directory that holds something is moved aside first. The directory is either as it was,
    or wholly the backup's. Raises ConflictError, StoreFullError, StoreError.
    """
    data_dir = data_dir.resolve()
    if _holds_something(data_dir) and not force:
        raise ConflictError(
            f"{data_dir} holds data already: restore into another directory, or move it aside with --force"
        )
    with failures.translated(data_dir), _staging(data_dir) as staging:
        manifest = _unpacked(archive, staging)
        _check_database(staging / DATABASE, manifest, archive)
        moved_aside = _put_in_place(staging, data_dir)
    return Restored(
        data_dir, manifest.created_at, len(manifest.files) - 1, manifest.audit_problem, moved_aside
    )


def _look(given_up: Callable[[], bool]) -> None:
    if given_up():
        raise StoreError("the backup was given up: make another one")


class _Watched(io.FileIO):
    """A file that is read as long as the backup is wanted."""

    def __init__(self, path: Path, given_up: Callable[[], bool]) -> None:
        super().__init__(path)
        self._given_up = given_up

    def read(self, size: int | None = -1, /) -> bytes:
        _look(self._given_up)
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        _look(self._given_up)
        return super().readinto(buffer)


def _collect(data_dir: Path, work: Path, given_up: Callable[[], bool]) -> tuple[Manifest, tuple[str, ...]]:
    """Copy the database and the firmware it names, so that they belong together."""
    with closing(connect_as_is(data_dir / DATABASE)) as source:
        check_ours(source, data_dir / DATABASE)
        copy_database(source, work / DATABASE, lambda: _look(given_up))
    with closing(connect_as_is(work / DATABASE)) as copy:
        copy.set_progress_handler(lambda: int(given_up()), _STEPS_BETWEEN)
        check_whole(copy, data_dir / DATABASE)
        schema = version_of(copy)
        chain = audit.verify(copy)
        hashes = [row[0] for row in copy.execute("SELECT sha256 FROM firmware ORDER BY sha256")]
    files = {DATABASE: _file(work / DATABASE, given_up)}
    missing = []
    library = Library(data_dir / FIRMWARE)
    (work / FIRMWARE).mkdir()
    for sha256 in hashes:
        _look(given_up)
        try:
            data = library.read(sha256)
        except StoreError:
            missing.append(sha256)  # a backup without it is better than none
            continue
        name = f"{FIRMWARE}/{sha256}.bin"
        (work / name).write_bytes(data)
        files[name] = File(sha256, len(data))
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(
        format=FORMAT,
        created_at=created_at,
        schema=schema,
        audit_head=chain.head,
        audit_problem=chain.problem,  # a backup with a log that was altered is better than none
        files=files,
    )
    return manifest, tuple(missing)


def _pack(manifest: Manifest, work: Path, archive: Path, given_up: Callable[[], bool]) -> None:
    descriptor = os.open(archive, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
            told = msgspec.json.format(msgspec.json.encode(manifest))
            entry = tarfile.TarInfo(MANIFEST)
            entry.size, entry.mode = len(told), 0o600
            tar.addfile(entry, io.BytesIO(told))
            for name in manifest.files:
                with _Watched(work / name, given_up) as content:
                    tar.addfile(_for_owner(tar.gettarinfo(work / name, name)), content)
        file.flush()
        os.fsync(file.fileno())


def _for_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o600
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


@contextmanager
def _staging(data_dir: Path) -> Iterator[Path]:
    """A directory beside the one to come, gone afterwards unless it was put in place."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(".restore", f".{data_dir.name}-", data_dir.parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpacked(archive: Path, staging: Path) -> Manifest:
    content = unpack(archive, staging)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError:
        raise StoreError(f"the manifest of {archive} is damaged: take another backup") from None
    if manifest.format != FORMAT:
        raise StoreError(f"{archive} was made by a newer version of Meshward: update Meshward")
    if DATABASE not in manifest.files:
        raise StoreError(f"{archive} holds no database: take another backup")
    expected = {name: (file.sha256, file.size_bytes) for name, file in manifest.files.items()}
    check_files(archive, staging, expected)
    return manifest


def _check_database(path: Path, manifest: Manifest, archive: Path) -> None:
    with closing(connect_as_is(path)) as connection:
        check_ours(connection, archive)
        check_whole(connection, archive, thorough=True)
        if not 0 < version_of(connection) == manifest.schema:
            raise StoreError(f"the database in {archive} is not the one of its manifest: take another backup")
        chain = audit.verify(connection, manifest.audit_head or None)
    if chain.problem != manifest.audit_problem:
        reason = chain.problem or "its manifest says so"
        raise StoreError(f"the audit log of the backup is not whole ({reason}): take another backup")


def _put_in_place(staging: Path, data_dir: Path) -> Path | None:
    """Rename the finished directory to its name, and what was there to another one."""
    moved_aside = None
    if _holds_something(data_dir):
        moved_aside = data_dir.with_name(f"{data_dir.name}.before-restore-{secrets.token_hex(3)}")
        data_dir.rename(moved_aside)
    elif data_dir.exists():
        (data_dir / LOCK).unlink(missing_ok=True)
        data_dir.rmdir()
    try:
        staging.rename(data_dir)
    except OSError:
        if moved_aside is not None:
            moved_aside.rename(data_dir)
        raise
    sync_directory(data_dir.parent)
    return moved_aside


def _holds_something(data_dir: Path) -> bool:
    """The lock does not count: who restores may hold it."""
    try:
        return any(item.name != LOCK for item in data_dir.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failures.of_disk(error, data_dir) from error


def _file(path: Path, given_up: Callable[[], bool]) -> File:
    with _Watched(path, given_up) as file:
        return File(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
