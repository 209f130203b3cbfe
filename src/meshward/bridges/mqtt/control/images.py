"""Firmware fetched by its address, from hosts that were allowed, and only what its hash says."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from urllib.parse import unquote
from weakref import WeakValueDictionary

import httpx

from meshward import __version__
from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.errors import SettingsError, StoreError, StoreFullError, UnknownItemError
from meshward.gateway.dashboard_views import FirmwareCheckView
from meshward.gateway.service import Caller, Service
from meshward.gateway.views import FirmwareView
from meshward.text import printable

FETCHES_MAX = 4
"""Under way, or waiting for another of the same file: each holds one of the workers of control."""
FETCH_S = 300.0
"""For a whole file: 16 MB at 60 KB/s."""
STEP_S = 10.0
"""For a connection, and for each piece to come."""
REDIRECTS_MAX = 3
"""As a store of releases gives one to where its files lie."""
CHUNK_BYTES = 64 * 1024

_PORTS = {"http": 80, "https": 443}
_LOGIN = re.compile(r"[^/?#]*//[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file by its address; `sha256` or `md5` is given, in lower case."""

    url: str
    sha256: str = ""
    md5: str = ""
    name: str = ""


@dataclass(slots=True)
class Fetch:
    """One that is under way."""

    host: str
    job: str
    received_bytes: int = 0
    size_bytes: int | None = None
    """As the server says."""


class _Landing:
    """A file that comes in, and what it hashes to."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._hashes = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}

    def write(self, chunk: bytes) -> None:
        """The next bytes. Raises OSError."""
        for digest in self._hashes.values():
            digest.update(chunk)
        left = memoryview(chunk)
        while left:
            left = left[self._file.write(left) :]

    def check(self, wanted: Wanted) -> None:
        """Raises RequestRefusedError for another file than the one that is wanted."""
        for name, given in (("sha256", wanted.sha256), ("md5", wanted.md5)):
            found = self._hashes[name].hexdigest()
            if given and found != given:
                raise RequestRefusedError(
                    "wrong_hash",
                    f"the file that came has the {name} {found}, not {given}: it is another build, or was "
                    "changed on its way; nothing of it is kept",
                )


class Images:
    """Gets firmware into the library, for all brokers together."""

    def __init__(
        self,
        service: Service,
        hosts: Sequence[str],
        limit_bytes: int,
        directory: Path,
        *,
        fetch_s: float = FETCH_S,
        step_s: float = STEP_S,
    ) -> None:
        """`hosts`: "ci.example" (at the usual ports) or "10.0.0.5:8000". `directory`: for files on their way,
        which have no name there and are gone with the process. Raises SettingsError for a host that is none.
        """
        self.under_way: list[Fetch] = []
        self._service = service
        self._places = allowed_places(hosts)
        self._limit_bytes = limit_bytes
        self._directory = directory
        self._fetch_s = fetch_s
        self._step_s = step_s
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting = 0

    async def have(self, wanted: Wanted, caller: Caller, job: str = "") -> FirmwareView:
        """That file in the library, fetched only where it is not there yet.

        Raises RequestRefusedError, and what `Service.add_firmware` raises.
        """
        async with self._one_at_a_time(wanted):
            listed = await self._listed(wanted)
            if listed is not None:
                return listed
            async with self._fetched(wanted, job) as file:
                view, _ = await self._service.add_firmware(
                    _chunks(file), name=_name(wanted), notes="", caller=caller
                )
                return view

    async def check(self, wanted: Wanted, job: str = "") -> FirmwareCheckView:
        """What that file is; nothing is kept. Raises as `have`."""
        async with self._one_at_a_time(wanted), self._fetched(wanted, job) as file:
            return await self._service.check_firmware(_chunks(file), name=_name(wanted))

    async def _listed(self, wanted: Wanted) -> FirmwareView | None:
        if not wanted.sha256:
            return next((view for view in await self._service.firmware() if view.md5 == wanted.md5), None)
        try:
            return await self._service.firmware_one(wanted.sha256)
        except UnknownItemError:
            return None

    @asynccontextmanager
    async def _one_at_a_time(self, wanted: Wanted) -> AsyncIterator[None]:
        """Two jobs that want the same file fetch it once."""
        if self._waiting >= FETCHES_MAX:
            raise RequestRefusedError("busy", f"{FETCHES_MAX} files are being fetched: try again later")
        self._waiting += 1
        try:
            key = wanted.sha256 or wanted.md5
            lock = self._locks.setdefault(key, asyncio.Lock())
            async with lock:
                yield
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _fetched(self, wanted: Wanted, job: str) -> AsyncIterator[FileIO]:
        """The file, proven to be the one that is wanted, ready to be read."""
        address = self._address(wanted.url)
        fetch = Fetch(address.host, job)
        self.under_way.append(fetch)
        try:
            with self._temporary() as file:
                landing = _Landing(file)
                await self._fetch(address, fetch, landing)
                landing.check(wanted)
                file.seek(0)
                yield file
        finally:
            self.under_way.remove(fetch)

    @contextmanager
    def _temporary(self) -> Iterator[FileIO]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Unbuffered: a full disk is told by the write, not by whatever comes after it.
            file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 closed below
        except OSError as error:
            raise _of_disk(error) from error
        with file:
            yield file

    async def _fetch(self, address: httpx.URL, fetch: Fetch, landing: _Landing) -> None:
        host = _shown(address)
        try:
            async with asyncio.timeout(self._fetch_s):
                await self._follow(address, fetch, landing)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RequestRefusedError(
                "fetch_timeout",
                f"{host} did not send the whole file in time: it is slow, or away",
            ) from error
        except (httpx.HTTPError, UnicodeError) as error:  # a name that cannot be one
            words = printable(str(error)) or type(error).__name__
            raise RequestRefusedError("fetch_failed", f"{host} cannot be reached: {words}") from error
        except OSError as error:
            raise _of_disk(error) from error

    async def _follow(self, address: httpx.URL, fetch: Fetch, landing: _Landing) -> None:
        async with httpx.AsyncClient(
            verify=self._tls,
            timeout=self._step_s,
            follow_redirects=False,
            trust_env=False,  # no proxy and no .netrc of the environment takes part
            headers={"accept-encoding": "identity", "user-agent": f"Meshward/{__version__}"},
        ) as client:
            for _ in range(REDIRECTS_MAX + 1):
                async with client.stream("GET", address) as answer:
                    if not answer.has_redirect_location:
                        await self._receive(answer, fetch, landing)
                        return
                    address = self._redirected(address, answer)
        raise RequestRefusedError("redirect", f"{_shown(address)} redirects without end")

    def _redirected(self, address: httpx.URL, answer: httpx.Response) -> httpx.URL:
        """Where it points to, if that is allowed."""
        try:
            there = self._address(str(address.join(answer.headers["location"])))
        except (httpx.InvalidURL, RequestRefusedError) as error:
            raise RequestRefusedError(
                "redirect", f"{_shown(address)} points elsewhere, and that is not followed: {error}"
            ) from None
        if address.scheme == "https" and there.scheme != "https":
            raise RequestRefusedError(
                "redirect", f"{_shown(address)} points from https to http, and that is not followed"
            )
        return there

    async def _receive(self, answer: httpx.Response, fetch: Fetch, landing: _Landing) -> None:
        host = _shown(answer.request.url)
        if not answer.is_success:
            raise RequestRefusedError(
                "fetch_failed", f"{host} answered {answer.status_code}: check the address"
            )
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise RequestRefusedError("fetch_failed", f"{host} sends it compressed: serve the file as it is")
        fetch.size_bytes = _length(answer)
        self._check_size(fetch.size_bytes or 0)
        async for chunk in answer.aiter_raw(CHUNK_BYTES):
            fetch.received_bytes += len(chunk)
            self._check_size(fetch.received_bytes)
            landing.write(chunk)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise RequestRefusedError(
                "image_too_large",
                f"the file is larger than {self._limit_bytes} bytes (mqtt.image_max): give the .bin file "
                "of the application, or allow more",
            )

    def _address(self, url: str) -> httpx.URL:
        """Read as it will be asked, so that what is checked is what is asked. Raises RequestRefusedError."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise RequestRefusedError("invalid", "url: write it in plain characters, others as %XX")
        try:
            address = httpx.URL(url)
            _ = address.host  # a name in xn-- form is read only now
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RequestRefusedError("invalid", f"url: {printable(str(error))}") from None
        if address.scheme not in _PORTS or not address.host:
            raise RequestRefusedError("invalid", "url: must begin with http:// or https:// and a host")
        if address.userinfo or _LOGIN.match(url):
            raise RequestRefusedError("invalid", "url: must have no user and password in it")
        if (address.host, _port(address)) not in self._places:
            raise RequestRefusedError(
                "host_not_allowed",
                f"firmware is not fetched from {_shown(address)}: allow it in the gateway's configuration, "
                f'mqtt.image_hosts = ["{_shown(address)}"]',
            )
        return address

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def allowed_places(hosts: Sequence[str]) -> frozenset[tuple[str, int]]:
    """Hosts and ports from which files may be fetched. Raises SettingsError."""
    return frozenset(place for host in hosts for place in _allowed(host))


def _allowed(host: str) -> list[tuple[str, int]]:
    """Hosts and ports of an entry of the configuration, read in the same way as addresses are.

    Raises SettingsError.
    """
    try:
        address = httpx.URL(f"http://{host}")
        name = address.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise SettingsError(
            f"mqtt.image_hosts: {host!r} is not a host ({printable(str(error))}): write it as ci.example or "
            "10.0.0.5:8000"
        ) from None
    end = host.rpartition("]")[2]  # a colon within brackets is of an IPv6 address
    ports = [_port(address)] if ":" in end else list(_PORTS.values())
    return [(name, port) for port in ports]


def _port(address: httpx.URL) -> int:
    return _PORTS[address.scheme] if address.port is None else address.port


def _shown(address: httpx.URL) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return printable(host if address.port is None else f"{host}:{address.port}", 260)


def _length(answer: httpx.Response) -> int | None:
    told = answer.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else None


async def _chunks(file: FileIO) -> AsyncIterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _name(wanted: Wanted) -> str:
    name = wanted.name or unquote(httpx.URL(wanted.url).path).rstrip("/").rpartition("/")[2]
    return printable(name.replace("\\", "/").rpartition("/")[2], 200)


def _of_disk(error: OSError) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError("the disk has no room for the file: make room, then ask again")
    return StoreError(f"the file cannot be kept for a moment: {error.strerror}")
