"""What is kept of an update on disk, so that it can go on after Ctrl-C, a crash or a power cut.

One small JSON file an update, replaced as a whole: either the old or the new one is there.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from meshward.errors import UpdateError
from meshward.ota.frames import Offer
from meshward.ota.record import NodeRecord
from meshward.ota.update import Update

FORMAT = 1
SAVE_EVERY_S = 1.0


class JournalEntry(msgspec.Struct, frozen=True):
    """An update as it stood: what is pushed, how it is cut, and every node."""

    format: int
    file: str
    md5: str
    hardware: str
    role: str
    compression: str
    part_bytes: int
    strategy: str
    updated_at: float
    """Unix time of the last save."""
    nodes: list[dict[str, Any]]

    def records(self) -> list[NodeRecord]:
        """The nodes, ready to go on. Raises UpdateError where the file was tampered with."""
        try:
            return [NodeRecord.restored(entry) for entry in self.nodes]
        except (KeyError, ValueError, TypeError) as error:
            raise UpdateError(
                f"the journal of this update is damaged ({error}); start anew with --restart"
            ) from None


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal file of one image, hardware and role."""

    path: Path

    @classmethod
    def of(cls, offer: Offer, directory: Path | None = None) -> "Journal":
        """Where the journal of this offer lies, whether or not it exists."""
        role = "".join(c if c.isalnum() or c in "-_" else "_" for c in offer.role)[:40]
        name = f"{offer.md5}-{offer.hardware}-{role}.json"
        return cls((directory or default_directory()) / name)

    def load(self) -> JournalEntry | None:
        """The update as it stood, None where there is none. Raises UpdateError for an unreadable file."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UpdateError(f"cannot read the journal {self.path}: {error.strerror}") from None
        try:
            entry = msgspec.json.decode(data, type=JournalEntry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpdateError(f"the journal {self.path} is damaged; start anew with --restart") from None
        if entry.format != FORMAT:
            raise UpdateError(
                f"the journal {self.path} was written by another version; start anew with --restart"
            )
        return entry

    def save(self, update: Update, *, file: str, compression: str) -> None:
        """Write the update as it stands. Raises UpdateError where the disk does not take it."""
        entry = JournalEntry(
            FORMAT,
            file,
            update.offer.md5,
            update.offer.hardware,
            update.offer.role,
            compression,
            update.parts.part_bytes,
            update.options.strategy,
            time.time(),
            [record.snapshot() for record in update.records.values()],
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
            with fresh.open("wb") as handle:
                handle.write(msgspec.json.encode(entry))
                handle.flush()
                os.fsync(handle.fileno())
            fresh.replace(self.path)
        except OSError as error:
            raise UpdateError(
                f"cannot write the journal {self.path}: {error.strerror}; "
                "free some disk space or choose another place with --state-dir"
            ) from None

    def delete(self) -> None:
        """Forget the update: there is nothing left to go on with."""
        self.path.unlink(missing_ok=True)


def default_directory() -> Path:
    """Where journals lie: $XDG_STATE_HOME/meshward/updates, by default below ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "meshward" / "updates"
