"""What is known of the firmware library's files; the files themselves are `library`'s."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import re
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from meshward.errors import ConflictError, InvalidError, UnknownItemError
from meshward.store.text import from_json, to_json
from meshward.store.transaction import transaction

PREFIX_DIGITS_MIN = 6
NOTES_CHARACTERS_MAX = 2000

_DIGITS = re.compile(r"[0-9a-f]{1,64}")
_COLUMNS = (
    "sha256, md5, name, size_bytes, what, added_at_s, added_by, hardware, chip, project, version, intact, "
    "signature, notes, inspection"
)
_RUNNING = "(SELECT count(*) FROM node WHERE node.firmware = firmware.sha256)"


@dataclass(frozen=True, slots=True)
class FirmwareRow:
    """A firmware of the library, as it is stored."""

    sha256: str
    md5: str
    name: str
    """The name of the file it came as."""
    size_bytes: int
    what: str
    added_at_s: float
    added_by: str
    hardware: str | None = None
    chip: str | None = None
    project: str = ""
    version: str = ""
    intact: bool = True
    signature: str = ""
    notes: str = ""
    inspection: dict[str, Any] = field(default_factory=dict)
    running: int = 0
    """Nodes that were last proven to run it; counted, not stored."""


@dataclass(frozen=True, slots=True)
class Build:
    """Of a firmware what it takes to tell which of two is the newer one."""

    sha256: str
    md5: str
    name: str
    added_at_s: float
    hardware: str | None
    chip: str | None
    project: str
    version: str
    notes: str


def builds(connection: sqlite3.Connection) -> list[Build]:
    """The library, newest first, without what takes long to read; damaged files are left out."""
    rows = connection.execute(
        "SELECT sha256, md5, name, added_at_s, hardware, chip, project, version, notes FROM firmware "
        "WHERE intact ORDER BY added_at_s DESC, rowid DESC"
    )
    return [Build(*row) for row in rows]


def md5s(connection: sqlite3.Connection) -> dict[str, str]:
    """MD5 of every firmware, by its SHA-256: boards tell the one, and are known by the other."""
    return dict(connection.execute("SELECT sha256, md5 FROM firmware"))


def add(connection: sqlite3.Connection, firmware: FirmwareRow) -> bool:
    """Whether it is new; one that is there already stays as it is. Raises InvalidError."""
    _check_notes(firmware.notes)
    added = connection.execute(
        f"INSERT INTO firmware ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (sha256) DO NOTHING",
        (
            *(firmware.sha256, firmware.md5, firmware.name, firmware.size_bytes, firmware.what),
            *(firmware.added_at_s, firmware.added_by, firmware.hardware, firmware.chip, firmware.project),
            *(firmware.version, int(firmware.intact), firmware.signature, firmware.notes),
            to_json(firmware.inspection),
        ),
    )
    return added.rowcount > 0


def get(connection: sqlite3.Connection, sha256: str) -> FirmwareRow:
    """By the whole hash, or by its first 6 digits or more. Raises UnknownItemError; ConflictError where
    several begin so.
    """
    prefix = sha256.lower()
    if not _DIGITS.fullmatch(prefix) or len(prefix) < PREFIX_DIGITS_MIN:
        raise UnknownItemError(
            f"a firmware is named by its SHA-256, or by the first {PREFIX_DIGITS_MIN} digits of it or more; "
            "list them with `meshward firmware list`"
        )
    rows = connection.execute(
        f"SELECT {_COLUMNS}, {_RUNNING} FROM firmware WHERE sha256 GLOB ? LIMIT 2", (f"{prefix}*",)
    ).fetchall()
    if not rows:
        raise UnknownItemError(
            f"there is no firmware {prefix} in the library; list it with `meshward firmware list`"
        )
    if len(rows) > 1:
        raise ConflictError(f"several firmwares begin with {prefix}: give more digits")
    return _firmware(rows[0])


def load_all(connection: sqlite3.Connection) -> list[FirmwareRow]:
    """The library, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, {_RUNNING} FROM firmware ORDER BY added_at_s DESC, rowid DESC"
    )
    return [_firmware(row) for row in rows]


def note(connection: sqlite3.Connection, sha256: str, notes: str) -> FirmwareRow:
    """Set what a user wrote about it. Raises UnknownItemError, ConflictError, InvalidError."""
    _check_notes(notes)
    with transaction(connection):
        found = get(connection, sha256)
        connection.execute("UPDATE firmware SET notes = ? WHERE sha256 = ?", (notes, found.sha256))
        return get(connection, found.sha256)


def remove(connection: sqlite3.Connection, sha256: str) -> FirmwareRow:
    """Drop it from the list, and tell what it was. Raises UnknownItemError, ConflictError."""
    with transaction(connection):
        found = get(connection, sha256)
        connection.execute("DELETE FROM firmware WHERE sha256 = ?", (found.sha256,))
    return found


def _firmware(row: tuple[object, ...]) -> FirmwareRow:
    names = [*_COLUMNS.split(", "), "running"]
    values = dict(zip(names, row, strict=True))
    values["intact"] = bool(values["intact"])
    values["inspection"] = from_json(
        str(values["inspection"]), dict[str, Any], f"firmware {values['sha256']}"
    )
    return FirmwareRow(**values)  # type: ignore[arg-type]


def _check_notes(notes: str) -> None:
    if len(notes) > NOTES_CHARACTERS_MAX:
        raise InvalidError(f"notes of {len(notes)} characters: at most {NOTES_CHARACTERS_MAX} are taken")
