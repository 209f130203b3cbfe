"""The database of a daemon: one thread writes, two read, the loop waits for none of them."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from meshward.errors import StoreError
from meshward.store import failures, settings
from meshward.store.connection import open_connection, open_read_only
from meshward.store.transaction import snapshot, transaction

P = ParamSpec("P")
T = TypeVar("T")

_PROBE = "store.probe"


class Database:
    """A database file. Writes happen one after the other, in the order in which they were asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        """Why the latest write failed, for people; "" where it did not."""
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._reader = ThreadPoolExecutor(1, "store-reader")
        self._long_reader = ThreadPoolExecutor(1, "store-long-reader")
        self._write_connection: sqlite3.Connection | None = None
        self._read_connection: sqlite3.Connection | None = None
        self._long_connection: sqlite3.Connection | None = None

    @property
    def writable(self) -> bool:
        """False after a write that the disk did not take, until one succeeds."""
        return not self.problem

    async def open(self) -> None:
        """Open it, made or brought up to date where need be. Raises StoreError."""
        loop = asyncio.get_running_loop()
        try:
            self._write_connection = await loop.run_in_executor(self._writer, open_connection, self.path)
            self._read_connection = await loop.run_in_executor(self._reader, open_read_only, self.path)
            self._long_connection = await loop.run_in_executor(self._long_reader, open_read_only, self.path)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was asked for, and close the file. Closing twice does no harm."""
        await self._close(self._long_reader, self._long_connection)
        self._long_connection = None
        await self._close(self._reader, self._read_connection)
        self._read_connection = None
        await self._close(self._writer, self._write_connection)
        self._write_connection = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def write(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `fn(connection, ...)` returns; what it stores is on disk then, all of it or nothing.

        Raises StoreFullError, StoreError, and what `fn` raises. Someone who is cancelled meanwhile does
        not stop it.
        """
        connection = self._opened(self._write_connection)
        job = partial(self._write, connection, partial(fn, connection, *args, **kwargs))
        # Without the shield a job that the thread did not come to yet would be dropped.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, job))

    async def read(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `fn(connection, ...)` returns, read at one moment. Raises StoreError, and what `fn` raises."""
        connection = self._opened(self._read_connection)
        job = partial(self._read, connection, partial(fn, connection, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._reader, job)

    async def read_long(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, for what takes more than some ms: in a thread of its own, as with each request a token
        is looked up, which must not wait for it.
        """
        connection = self._opened(self._long_connection)
        job = partial(self._read, connection, partial(fn, connection, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._long_reader, job)

    async def probe(self, at_s: float) -> bool:
        """Whether the disk takes a write (again)."""
        try:
            await self.write(settings.put, _PROBE, at_s)
        except StoreError:
            return False
        return True

    def _write(self, connection: sqlite3.Connection, job: Callable[[], T]) -> T:
        try:
            with transaction(connection):
                result = job()
        except (sqlite3.Error, OSError) as error:
            failure = failures.of_error(error, self.path)
            if failure is None:
                raise
            self.problem = str(failure)
            raise failure from error
        self.problem = ""
        return result

    def _read(self, connection: sqlite3.Connection, job: Callable[[], T]) -> T:
        with failures.translated(self.path), snapshot(connection):
            return job()

    def _opened(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise StoreError(f"the database {self.path} is not open")
        return connection

    @staticmethod
    async def _close(thread: ThreadPoolExecutor, connection: sqlite3.Connection | None) -> None:
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown()
