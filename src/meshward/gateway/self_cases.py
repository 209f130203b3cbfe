"""Use cases: what runs here, who is told of alerts, and a copy of everything."""

from __future__ import annotations

import asyncio
import platform
import re
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from meshward import __version__
from meshward.errors import NotPossibleError, StoreFullError
from meshward.gateway.bridge_views import BridgeView
from meshward.gateway.dashboard_views import AboutView, PartView, ReceiverView
from meshward.gateway.desk import Desk
from meshward.gateway.service import Caller
from meshward.store import audit, failures
from meshward.store.backup import BackedUp, backup
from meshward.store.connection import make_directory
from meshward.store.layout import DISK_LOW_BYTES, TEMPORARY

LICENCE_CHARACTERS_MAX = 60
"""Some put the whole text of their licence where its name belongs."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""How a requirement begins."""


class SelfCases(Desk):
    """See `service.Service`."""

    told: tuple[ReceiverView, ...] = ()
    """Who is told of alerts; the daemon's to set."""
    bridge_views: Callable[[], list[BridgeView]] = staticmethod(list)
    """How the bridges do; the daemon's to set."""
    _is_backing_up = False

    async def open(self) -> None:
        """As the desk's, and remove what a crash left of a backup."""
        await super().open()
        await self._remove_temporary()

    def receivers(self) -> list[ReceiverView]:
        """As configured."""
        return list(self.told)

    def bridges(self) -> list[BridgeView]:
        """Bridges to other programs, in the order of the configuration."""
        return self.bridge_views()

    async def about(self) -> AboutView:
        """What runs here; the page adds its own libraries."""
        return await asyncio.to_thread(_about, self.database.path, self.library.directory)

    @asynccontextmanager
    async def backup(self, caller: Caller) -> AsyncIterator[Path]:
        """A backup as a file, gone afterwards. Raises NotPossibleError, StoreError, StoreFullError."""
        if self._is_backing_up:  # each takes the room of all data, and as long as its reader takes
            raise NotPossibleError("a backup is being made or downloaded already: try again once it is done")
        self._is_backing_up = True
        given_up = threading.Event()
        # Shielded, for a thread cannot be cancelled: it is told, and nothing goes on before it ended.
        making = asyncio.ensure_future(
            asyncio.to_thread(_backup, self.database.path, self.library.directory, self._temporary, given_up)
        )
        try:
            made = await asyncio.shield(making)
            await self.database.write(
                audit.append,
                self.now_s(),
                caller.name,
                "backup.download",
                "gateway",
                {"size_bytes": made.size_bytes, "firmware_files": made.firmware_files},
            )
            yield made.path
        finally:
            given_up.set()
            await asyncio.gather(making, return_exceptions=True)
            await self._remove_temporary()
            self._is_backing_up = False

    async def _remove_temporary(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    @property
    def _temporary(self) -> Path:
        return self.database.path.parent / TEMPORARY


def _backup(database: Path, firmware: Path, temporary: Path, given_up: threading.Event) -> BackedUp:
    with failures.translated(temporary):
        _check_room(database, firmware)
        make_directory(temporary)
    return backup(database.parent, temporary / "backup.tar.gz", force=True, given_up=given_up.is_set)


def _check_room(database: Path, firmware: Path) -> None:
    """The files are copied, and then packed beside that; the gateway itself must go on."""
    needed_bytes = 2 * (_database_bytes(database) + _firmware_bytes(firmware)) + DISK_LOW_BYTES
    free_bytes = shutil.disk_usage(database.parent).free
    if free_bytes < needed_bytes:
        raise StoreFullError(
            f"a backup needs {needed_bytes >> 20} MB of room in {database.parent} for a while, and "
            f"{free_bytes >> 20} MB are free: free some space, or write one to another disk with "
            "`meshward backup`"
        )


def _about(database: Path, firmware: Path) -> AboutView:
    with failures.translated(database):
        return AboutView(
            version=__version__,
            python=f"{platform.python_implementation()} {platform.python_version()}",
            system=platform.platform(),
            data=str(database.parent),
            database_bytes=_database_bytes(database),
            firmware_bytes=_firmware_bytes(firmware),
            parts=list(_parts()),
        )


def _database_bytes(database: Path) -> int:
    return _size_bytes(*(database.with_name(f"{database.name}{end}") for end in ("", "-wal", "-shm")))


def _firmware_bytes(firmware: Path) -> int:
    return _size_bytes(*firmware.glob("*.bin"))


def _size_bytes(*files: Path) -> int:
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # it went while we looked
            continue
    return total


@cache
def _parts() -> tuple[PartView, ...]:
    """The libraries that we need by name, and of those for extras what is installed."""
    try:
        needed = metadata.requires("meshward") or []
    except metadata.PackageNotFoundError:  # run from its source
        return ()
    names = {match[0] for text in needed if (match := _NAME.match(text))}
    found = (_part(name) for name in sorted(names, key=str.lower))
    return tuple(part for part in found if part is not None)


def _part(name: str) -> PartView | None:
    try:
        about = metadata.metadata(name).json
    except metadata.PackageNotFoundError:  # of an extra
        return None
    said = str(about.get("license_expression") or about.get("license") or "")
    if not said or len(said) > LICENCE_CHARACTERS_MAX or "\n" in said:
        classifiers = (text for text in about.get("classifier", ()) if text.startswith("License ::"))
        said = next(classifiers, "").rpartition("::")[2].strip()
    return PartView(name=str(about["name"]), version=str(about["version"]), licence=said, where="gateway")
