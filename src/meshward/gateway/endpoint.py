"""How the command line finds the daemon of a data directory: a file there that only its owner can read."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

import msgspec

from meshward.errors import GatewayError, StoreError
from meshward.gateway.lock import daemon_pid
from meshward.store.layout import ENDPOINT

_TOKEN_BYTES = 32
_FILE_BYTES_MAX = 64 * 1024


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a daemon is, and the token that makes its owner an admin there."""

    url: str
    token: str
    cafile: str | None = None
    """Certificates to trust, where it speaks TLS."""
    pid: int = 0
    version: str = ""


def new_token() -> str:
    """A token for one life of a daemon."""
    return f"mw_{secrets.token_urlsafe(_TOKEN_BYTES)}"


def write(data: Path, endpoint: Endpoint) -> None:
    """Tell where we are. Raises StoreError."""
    fresh = data / f"{ENDPOINT}.{os.getpid()}.tmp"
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(endpoint))
        finally:
            os.close(descriptor)
        fresh.replace(data / ENDPOINT)
    except OSError as error:
        raise StoreError(f"cannot write {data / ENDPOINT}: {error.strerror or error}") from error


def remove(data: Path) -> None:
    """We stop."""
    with contextlib.suppress(OSError):  # a file that stays is known to be stale by the lock
        (data / ENDPOINT).unlink()


def find(data: Path) -> Endpoint | None:
    """The daemon that uses a data directory; None where none does.

    Raises GatewayError where one does but cannot be talked to, or where others can read its token.
    """
    pid = daemon_pid(data)
    if pid is None:
        return None
    path = data / ENDPOINT
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise _silent(data, pid) from None
    except OSError as error:
        raise GatewayError(
            f"a gateway runs (process {pid}), but {path} cannot be read ({error.strerror or error}): run "
            "this as the gateway's user, or use --url and a token"
        ) from error
    try:
        _check_private(path, os.fstat(descriptor))
        content = os.read(descriptor, _FILE_BYTES_MAX)
    finally:
        os.close(descriptor)
    try:
        endpoint = msgspec.json.decode(content, type=Endpoint)
    except msgspec.MsgspecError as error:
        raise GatewayError(f"{path} is damaged ({error}): restart the gateway") from error
    if endpoint.pid != pid:  # what a killed daemon left; the new one has not come so far
        raise _silent(data, pid)
    return endpoint


def _silent(data: Path, pid: int) -> GatewayError:
    return GatewayError(
        f"the gateway of {data} (process {pid}) cannot be asked: it is still starting, or was told to serve "
        "no HTTP; try again in a moment, or see its log"
    )


def _check_private(path: Path, status: os.stat_result) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise GatewayError(
            f"others can read {path}, which holds a token: take it as known, and restart the gateway, which "
            "makes a new one"
        )
    if status.st_uid not in {os.geteuid(), 0} and os.geteuid() != 0:
        raise GatewayError(f"{path} belongs to another user, and may lead anywhere: use --url and a token")
