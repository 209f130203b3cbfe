"""One process at a time uses a data directory; the kernel lets go of it however the process ends."""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Self

from meshward.errors import GatewayError, StoreError
from meshward.store.connection import make_directory
from meshward.store.layout import LOCK

DAEMON = "daemon"
"""The purpose of `meshward run`; others are commands that work on the directory themselves."""

#: Whoever only looks at a lock holds it for microseconds.
_TRIES = 10
_RETRY_S = 0.02


class DataLock:
    """A data directory, ours alone until `release`, or until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, data: Path, purpose: str) -> Self:
        """Take the directory, made where it is missing, for a purpose in a word or two.

        Raises GatewayError naming the process that has it, StoreError where it cannot be used.
        """
        try:
            make_directory(data)
            descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot use the data directory {data}: {error.strerror or error}; choose another with "
                "--data, or run as its owner"
            ) from error
        try:
            for _ in range(_TRIES):
                if _locked(descriptor):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()} {purpose}\n".encode(), 0)
                    return cls(descriptor)
                time.sleep(_RETRY_S)
            pid, other = _holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        who = "a gateway" if other == DAEMON else f"another command ({other or 'unknown'})"
        raise GatewayError(
            f"the data directory {data} is in use by {who}, process {pid or 'unknown'}: stop it, or choose "
            "another directory with --data"
        )

    def release(self) -> None:
        """Let others have it. Releasing twice does no harm."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # a full disk; the lock goes all the same
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def daemon_pid(data: Path) -> int | None:
    """The process id of the daemon that uses a data directory; None where none does."""
    try:
        descriptor = os.open(data / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GatewayError(
            f"cannot see who uses the data directory {data}: {error.strerror or error}; run this as its owner"
        ) from error
    try:
        if _locked(descriptor):
            return None
        pid, purpose = _holder(descriptor)
        return pid if purpose == DAEMON else None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock, unless another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> tuple[int | None, str]:
    pid, _, purpose = os.pread(descriptor, 200, 0).decode(errors="replace").strip().partition(" ")
    return (int(pid) if pid.isascii() and pid.isdigit() else None), purpose
