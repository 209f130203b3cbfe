"""The files of the firmware library, named by the SHA-256 of what they hold."""

import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from meshward.errors import FirmwareError, StoreError
from meshward.store import failures
from meshward.store.connection import make_directory

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Larger than any flash of the boards."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".incoming"


class Incoming:
    """A file that comes in. Leave the `with` block without `Library.keep`, and it is gone."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self._sha256 = hashlib.sha256()
        self._file: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        """Of what was written till now."""
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> None:
        """The next bytes. Raises FirmwareError for a file that is too large, StoreFullError, StoreError."""
        assert self._file is not None
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise FirmwareError(
                f"the file is larger than {self._limit_bytes} bytes, more than any board can hold: "
                "give the .bin file of the application"
            )
        self._sha256.update(data)
        with failures.translated(self.path):
            self._file.write(data)

    def read(self) -> bytes:
        """All that was written till now. Raises StoreError."""
        with failures.translated(self.path):
            self._flush()
            return self.path.read_bytes()

    def sync(self) -> None:
        """Have it all on the disk. Raises StoreFullError, StoreError."""
        assert self._file is not None
        with failures.translated(self.path):
            self._flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        with failures.translated(self.path):
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            # What is left in its buffer may not fit; `keep` told that, and the file goes anyway.
            with suppress(OSError):
                self._file.close()
        self.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        assert self._file is not None
        self._file.flush()


class Library:
    """A directory of firmware files."""

    def __init__(self, directory: Path, limit_bytes: int = FILE_BYTES_MAX) -> None:
        self.directory = directory
        self._limit_bytes = limit_bytes

    def open(self) -> None:
        """Make the directory, and remove what a crash left half-way. Only for who holds the lock.

        Raises StoreError.
        """
        with failures.translated(self.directory):
            make_directory(self.directory)
            for left_over in self.directory.glob(f"*{_TEMPORARY}"):
                left_over.unlink(missing_ok=True)

    def incoming(self) -> Incoming:
        """A place for a file that comes in, to be used in a `with` block."""
        return Incoming(self.directory / f"{secrets.token_hex(8)}{_TEMPORARY}", self._limit_bytes)

    def keep(self, incoming: Incoming, sha256: str) -> Path:
        """Take a file into the library, where it is on the disk then. Raises StoreFullError, StoreError."""
        if incoming.sha256 != sha256:
            raise StoreError(
                f"the file that came in is not the one that was inspected ({incoming.sha256}): send it again"
            )
        path = self.path(sha256)
        incoming.sync()
        with failures.translated(path):
            incoming.path.replace(path)
            sync_directory(self.directory)
        return path

    def path(self, sha256: str) -> Path:
        """Where a file lies, or would. Raises StoreError for what is no hash."""
        if not _SHA256.fullmatch(sha256):
            raise StoreError("a firmware file is named by the 64 hexadecimal digits of its SHA-256")
        return self.directory / f"{sha256}.bin"

    def read(self, sha256: str) -> bytes:
        """A file, proved to be what its name says. Raises StoreError for one that is missing or damaged."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise StoreError(f"the firmware file {path} is missing: add it again") from None
        except OSError as error:
            raise failures.of_disk(error, path) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(
                f"the firmware file {path} is damaged: remove it from the library and add it again"
            )
        return data

    def remove(self, sha256: str) -> None:
        """Delete a file; one that is not there does no harm. Raises StoreError."""
        path = self.path(sha256)
        with failures.translated(path):
            path.unlink(missing_ok=True)

    def stored(self) -> set[str]:
        """The hashes that files are there for. Raises StoreError."""
        with failures.translated(self.directory):
            return {path.stem for path in self.directory.glob("*.bin") if _SHA256.fullmatch(path.stem)}


def sync_directory(directory: Path) -> None:
    """Have a directory's entries on the disk: without this a power cut can undo a rename."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
