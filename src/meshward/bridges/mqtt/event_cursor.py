"""Which event a broker took last, on the disk: so none is lost, and few are sent twice, over a restart."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Annotated

import msgspec
import structlog

from meshward.bridges.small_files import replace_file

log = structlog.get_logger("meshward.bridges.mqtt")

_BYTES_MAX = 4096
"""Our file has some 20."""


class _Kept(msgspec.Struct):
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class EventCursor:
    """`after`: the id of the last event that was taken, or left out; None before the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved: int | None = None
        self._failing = False
        self._lock = Lock()
        self.after: int | None = None
        self.unreadable = False
        """Whether there was a last run, and it is not known where it ended."""

    def load(self) -> None:
        """What the last run kept; nothing where there was none, or it cannot be read."""
        try:
            with self._path.open("rb") as file:
                kept = msgspec.json.decode(file.read(_BYTES_MAX), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            log.warning(
                "cannot tell which events the broker has; the newest are sent, some of them again",
                file=self._path.name,
                reason=str(error),
            )
            self.unreadable = True
            return
        self.after = self._saved = kept.after

    def save(self) -> None:
        """Keep it, where it moved: it waits for the disk, as long as that takes.

        A disk that takes nothing is told of once, and tried again.
        """
        with self._lock:  # the last one, at the end, may meet one that is under way in a thread
            self._save(self.after)

    def _save(self, after: int | None) -> None:
        if after is None or after == self._saved:
            return
        try:
            replace_file(self._path, msgspec.json.encode(_Kept(after)))
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
