"""Which event a broker took last, on the disk: so none is lost, and few are sent twice, over a restart."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import msgspec
import structlog

log = structlog.get_logger("meshward.bridges.mqtt")

_BYTES_MAX = 4096
"""Our file has some 20."""


class _Kept(msgspec.Struct):
    after: int


class EventCursor:
    """`after`: the id of the last event that was taken, or left out; None before the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved: int | None = None
        self._failing = False
        self._lock = Lock()
        self.after: int | None = None

    def load(self) -> None:
        """What the last run kept; nothing where there is none, or it cannot be read."""
        try:
            with self._path.open("rb") as file:
                kept = msgspec.json.decode(file.read(_BYTES_MAX), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning(
                "cannot tell which events the broker has; going on with those from now on",
                file=self._path.name,
                reason=str(error),
            )
            return
        if kept.after >= 0:
            self.after = self._saved = kept.after

    def save(self) -> None:
        """Keep it, where it moved. A disk that takes nothing is told of once, and tried again."""
        with self._lock:  # the last one, at the end, may meet one that is under way in a thread
            self._save(self.after)

    def _save(self, after: int | None) -> None:
        if after is None or after == self._saved:
            return
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(_Kept(after)))
            new.replace(self._path)
        except OSError as error:
            if not self._failing:
                log.warning(
                    "cannot keep which events the broker has; after a restart some come twice",
                    file=self._path.name,
                    reason=str(error),
                )
            self._failing = True
            return
        self._saved, self._failing = after, False
