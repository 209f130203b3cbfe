"""The part of the fake service that is about the gateway itself: what runs, who is told, the backup."""

import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from meshward import errors
from meshward.gateway.dashboard_views import AboutView, PartView, ReceiverView
from meshward.gateway.service import Caller


class FakeSelf:
    """A backup is a small archive; `backups` tells where each lay."""

    _note: Callable[[Caller, str, str], None]

    def __init__(self) -> None:
        super().__init__()
        self.told = [ReceiverView(name="webhook hooks.example", kind="webhook")]
        self.backups: list[Path] = []
        self.backup_bytes = 100
        self.is_backing_up = False

    def receivers(self) -> list[ReceiverView]:
        return self.told

    async def about(self) -> AboutView:
        return AboutView(
            version="0",
            python="CPython 3.11.0",
            system="Linux",
            data="/data",
            database_bytes=1000,
            firmware_bytes=2000,
            parts=[PartView(name="msgspec", version="0.22", licence="BSD-3-Clause", where="gateway")],
        )

    @asynccontextmanager
    async def backup(self, caller: Caller) -> AsyncIterator[Path]:
        if self.is_backing_up:
            raise errors.NotPossibleError("a backup is being made already")
        self.is_backing_up = True
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "backup.tar.gz"
                content = Path(folder) / "content"
                content.write_bytes(bytes(self.backup_bytes))
                with tarfile.open(path, "w:gz", compresslevel=0) as archive:
                    archive.add(content, "content")
                self.backups.append(path)
                self._note(caller, "backup.download", "gateway")
                yield path
        finally:
            self.is_backing_up = False
