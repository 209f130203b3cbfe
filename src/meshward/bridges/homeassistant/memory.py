"""Which entities Home Assistant was given, on the disk: after a restart none may be missing for a while.

A sensor is made when a board first reports its value, and the gateway forgets values when it ends. Without
this, sensors would go at every restart, with what people set for them.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from threading import Lock

import msgspec
import structlog

from meshward.bridges.small_files import replace_file

log = structlog.get_logger("meshward.bridges.homeassistant")

_BYTES_MAX = 16 * 1024 * 1024
"""2,000 nodes with all entities have 2 MB."""


class _Kept(msgspec.Struct):
    devices: dict[str, list[str]]


class Memory:
    """Ids of entities by device. Devices leave it when their nodes are forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._devices: dict[str, frozenset[str]] = {}
        self._changed = False
        self._failing = False
        self._lock = Lock()

    @property
    def devices(self) -> Collection[str]:
        """Those that Home Assistant was told of."""
        return self._devices.keys()

    def given(self, device: str) -> frozenset[str]:
        """The entities of a device."""
        return self._devices.get(device, frozenset())

    def give(self, device: str, entities: frozenset[str]) -> None:
        """A device has these and no others."""
        if self._devices.get(device) != entities:
            self._devices[device] = entities
            self._changed = True

    def forget(self, device: str) -> None:
        """A device is gone."""
        if self._devices.pop(device, None) is not None:
            self._changed = True

    def load(self) -> None:
        """What the last run kept; nothing where there is none, or it cannot be read."""
        try:
            with self._path.open("rb") as file:
                kept = msgspec.json.decode(file.read(_BYTES_MAX), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning(
                "cannot tell which entities Home Assistant has; sensors come back as nodes report again",
                file=self._path.name,
                reason=str(error),
            )
            return
        self._devices = {device: frozenset(entities) for device, entities in kept.devices.items()}

    def save(self) -> None:
        """Keep it, where it changed. A disk that takes nothing is told of once, and tried again."""
        content = self.unsaved()
        if content is not None:
            self.write(content)

    def unsaved(self) -> bytes | None:
        """What `write` has to keep; None where nothing changed since this was asked last."""
        if not self._changed:
            return None
        self._changed = False
        return msgspec.json.encode(
            _Kept({device: sorted(entities) for device, entities in self._devices.items()})
        )

    def write(self, content: bytes) -> None:
        """Keep it; in any thread."""
        with self._lock:  # the last one, at the end, may meet one that is under way in a thread
            try:
                replace_file(self._path, content)
            except OSError as error:
                if not self._failing:
                    log.warning(
                        "cannot keep which entities Home Assistant has; some are missing after a restart",
                        file=self._path.name,
                        reason=str(error),
                    )
                self._failing = self._changed = True
                return
            self._failing = False
