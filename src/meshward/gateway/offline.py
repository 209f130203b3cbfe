"""The gateway's data without a daemon: the command line serves the API to itself, under the data lock."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meshward.gateway.core_service import CoreService
from meshward.gateway.endpoint import new_token
from meshward.gateway.lock import DataLock
from meshward.store import backup as backups
from meshward.store.backup import BackedUp, Restored
from meshward.store.database import Database
from meshward.store.layout import DATABASE, FIRMWARE
from meshward.store.library import Library

ASGIApp = Callable[..., Any]


@asynccontextmanager
async def offline_app(data: Path) -> AsyncIterator[tuple[ASGIApp, str]]:
    """The API over a data directory that no daemon uses, and a token for it.

    What is asked of a rollout is stored, and carried out by the next daemon. Raises GatewayError where
    another process uses the directory, StoreError.
    """
    from meshward.web.app import make_app  # noqa: PLC0415 loads the web framework
    from meshward.web.options import WebOptions  # noqa: PLC0415 as above

    token = new_token()
    with DataLock.acquire(data, "command"):
        async with Database(data / DATABASE) as database:
            service = CoreService(database, Library(data / FIRMWARE))
            await service.open()
            options = WebOptions(local_token_sha256=hashlib.sha256(token.encode()).hexdigest(), docs=False)
            yield make_app(service, options), token
            await service.keep()


def backup(data: Path, target: Path, *, force: bool = False) -> BackedUp:
    """Copy a data directory into one file, also while a daemon uses it. Raises StoreError."""
    return backups.backup(data, target, force=force)


def restore(archive: Path, data: Path, *, force: bool = False) -> Restored:
    """Put a copy in place. Raises StoreError, ConflictError, and GatewayError while it is in use."""
    if data.is_dir():
        with DataLock.acquire(data, "restore"):
            return backups.restore(archive, data, force=force)
    return backups.restore(archive, data, force=force)
