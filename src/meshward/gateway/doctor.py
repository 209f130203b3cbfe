"""Looks at everything that a gateway needs, and says what to do about what is not right.

A check that is not `ok` keeps the gateway from working; one that is ok but has a remedy is a hint.
"""

import os
import platform
import shutil
import socket
import sqlite3
import ssl
import stat
import time
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from meshward import __version__
from meshward.addresses import Address
from meshward.config import Config
from meshward.errors import GatewayError, MeshwardError, SettingsError, StoreError
from meshward.gateway import clock, endpoint
from meshward.gateway.doctor_bridges import bridges_that_run, bridges_to_be
from meshward.gateway.lock import daemon_pid
from meshward.gateway.reach import unreachable
from meshward.gateway.rules_file import read_rules
from meshward.gateway.views import Check
from meshward.store import audit, events, failures
from meshward.store.connection import check_whole, open_read_only
from meshward.store.layout import DATABASE, DISK_LOW_BYTES
from meshward.store.migrate import version_of

DISK_FULL_BYTES = 10 * 1024 * 1024
SQLITE_MIN = (3, 37)
"""Of strict tables."""
_FUTURE_S = 60.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the time comes from."""

    wall_s: Callable[[], float] = time.time
    synchronised: Callable[[], bool | None] = clock.is_synchronised


async def examine(load: Callable[[], Config], clocks: Clocks | None = None) -> list[Check]:
    """All checks, in the order in which problems are best solved. `load` reads the configuration."""
    clocks = clocks or Clocks()
    checks = [versions()]
    try:
        config = load()
    except MeshwardError as error:
        remedy = "correct it; `meshward init` writes a file that explains every key"
        problem = Check(name="configuration", ok=False, text=str(error), remedy=remedy)
        return [*checks, problem, clock_check(clocks), time_zones()]
    data = config.data_path
    checks += [configuration(config), alerting(config), data_directory(data), disk(data)]
    checks += database(data, clocks.wall_s())
    pid, found, gateway = running(config)
    checks.append(gateway)
    if config.http.enabled:
        checks.append(await http_port(config.http.address, found, runs=pid is not None))
    checks += await mesh(config, runs=pid is not None)
    checks += await (bridges_to_be(config) if pid is None else bridges_that_run(found))
    return [*checks, clock_check(clocks), time_zones()]


def versions() -> Check:
    """Of what we stand on."""
    text = (
        f"Meshward {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{ssl.OPENSSL_VERSION.rsplit(' ', 3)[0]}"
    )
    ok = sqlite3.sqlite_version_info >= SQLITE_MIN
    remedy = "" if ok else "use a Python with SQLite 3.37 or newer"
    return Check(name="versions", ok=ok, text=text, remedy=remedy)


def configuration(config: Config) -> Check:
    """Which file was read, and what is doubtful in it."""
    text = "no file: defaults and environment" if config.file is None else f"{config.file} is valid"
    return Check(name="configuration", ok=True, text=text, remedy="; ".join(config.warnings()))


def alerting(config: Config) -> Check:
    """Whether the alert rules can be read, and whether anybody is told."""
    try:
        read_rules(config)
    except SettingsError as error:
        remedy = "correct it: docs/alerts.md has every key"
        return Check(name="alerts", ok=False, text=str(error), remedy=remedy)
    receivers = config.alerts.receivers()
    if not receivers:
        remedy = "name somebody: alerts.webhooks, alerts.mail_to or alerts.apprise"
        return Check(name="alerts", ok=True, text="are raised, and nobody is told of them", remedy=remedy)
    names = ", ".join(receiver.name for receiver in receivers)
    return Check(name="alerts", ok=True, text=f"told to {names}; try it: meshward alerts test")


def data_directory(data: Path) -> Check:
    """Whether it is there, ours, and closed to others."""
    name = "data directory"
    parent = next((path for path in (data, *data.parents) if path.exists()), data)
    if parent != data:
        ok = os.access(parent, os.W_OK | os.X_OK)
        remedy = "" if ok else f"make it as root, and give it to the gateway's user: install -d -m 700 {data}"
        return Check(name=name, ok=ok, text=f"{data} is not there yet; the gateway makes it", remedy=remedy)
    if not data.is_dir():
        return Check(name=name, ok=False, text=f"{data} is no directory", remedy="choose another with `data`")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"run this as its owner (user id {data.stat().st_uid}), or choose another with `data`"
        return Check(name=name, ok=False, text=f"{data} cannot be written by us", remedy=remedy)
    others = stat.S_IMODE(data.stat().st_mode) & 0o077
    remedy = f"others can look into it: chmod 700 {data}" if others else ""
    return Check(name=name, ok=True, text=f"{data} is there, and ours", remedy=remedy)


def disk(data: Path) -> Check:
    """How much room is left."""
    parent = next(path for path in (data, *data.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(parent).free
    remedy = "" if free_bytes >= DISK_LOW_BYTES else "make room: a full disk stops updates"
    return Check(
        name="disk", ok=free_bytes >= DISK_FULL_BYTES, text=f"{free_bytes >> 20} MB are free", remedy=remedy
    )


def database(data: Path, now_s: float) -> Iterator[Check]:
    """Whether it opens, is whole, and the audit log with it."""
    path = data / DATABASE
    try:
        if not path.exists():
            yield Check(name="database", ok=True, text="is not there yet; the gateway makes it")
            return
        with closing(open_read_only(path)) as connection, failures.translated(path):
            check_whole(connection, path, thorough=True)
            size_bytes = path.stat().st_size
            text = f"opens and is whole: schema {version_of(connection)}, {max(1, size_bytes >> 10)} KB"
            yield Check(name="database", ok=True, text=text)
            yield _audit_log(connection)
            yield from _from_the_future(connection, now_s)
    except StoreError as error:
        yield Check(
            name="database",
            ok=False,
            text=str(error),
            remedy="`meshward restore` brings back a backup",
        )
    except OSError as error:
        yield Check(name="database", ok=False, text=f"{path}: {error.strerror or error}")


def _audit_log(connection: sqlite3.Connection) -> Check:
    found = audit.verify(connection)
    text = f"{found.entries} entries, each fits its hash" if found.ok else found.problem
    remedy = "" if found.ok else "see who could write to the data directory; compare with a backup"
    return Check(name="audit log", ok=found.ok, text=text, remedy=remedy)


def _from_the_future(connection: sqlite3.Connection, now_s: float) -> Iterable[Check]:
    newest = events.page(connection, limit=1).items
    if not newest or newest[0].at_s <= now_s + _FUTURE_S:
        return
    text = f"the newest event is {newest[0].at_s - now_s:.0f} s ahead of this machine's clock"
    yield Check(name="history", ok=False, text=text, remedy="set the clock, or let NTP do it")


def running(config: Config) -> tuple[int | None, endpoint.Endpoint | None, Check]:
    """The daemon that uses the data directory, and how it is reached."""
    name = "gateway"
    data = config.data_path
    pid = None
    try:
        pid = daemon_pid(data)
        if pid is None:
            return None, None, Check(name=name, ok=True, text="does not run; `meshward run` starts it")
        if not config.http.enabled:
            text = f"runs as process {pid}, without HTTP as configured"
            return pid, None, Check(name=name, ok=True, text=text)
        found = endpoint.find(data)
    except GatewayError as error:
        return pid, None, Check(name=name, ok=False, text=str(error))
    where = "" if found is None else f", at {found.url}"
    return pid, found, Check(name=name, ok=True, text=f"runs as process {pid}{where}")


async def http_port(address: Address, found: endpoint.Endpoint | None, *, runs: bool) -> Check:
    """Whether the port is free for us, or we answer there."""
    name = "HTTP port"
    if found is not None:
        host, port = found.url.split("://", 1)[1].rsplit(":", 1)
        problem = await unreachable(Address(host.strip("[]"), int(port)))
        remedy = "" if not problem else "see the gateway's log; restart it"
        text = problem or f"the gateway answers at {found.url}"
        return Check(name=name, ok=not problem, text=text, remedy=remedy)
    if runs:
        return Check(name=name, ok=True, text=f"{address}: the gateway's own, as far as can be seen")
    return _bindable(name, address, "choose another with http.bind, or stop the program that has it")


async def mesh(config: Config, *, runs: bool) -> list[Check]:
    """Whether each neighbour can be reached, and neighbours can reach us."""
    checks = [await _neighbour(address) for address in config.connect_addresses]
    listen = config.listen_address
    if listen is not None and not runs:
        checks.append(_bindable("listen port", listen, "choose another with `listen`"))
    elif listen is not None:
        checks.append(Check(name="listen port", ok=True, text=f"{listen}: the gateway has it"))
    if not checks and runs:
        checks.append(Check(name="mesh", ok=True, text="the gateway was told elsewhere how to join"))
    if not checks:
        remedy = "set `connect` to the address of a node, or `listen` to a port for nodes to dial"
        checks.append(Check(name="mesh", ok=False, text="no way to join is configured", remedy=remedy))
    return checks


async def _neighbour(address: Address) -> Check:
    problem = await unreachable(address)
    name = f"node {address.host}"
    if not problem:
        return Check(name=name, ok=True, text=f"{address} accepts connections")
    remedy = (
        "is this machine on the mesh's Wi-Fi (`ip addr` shows an address 10.x.y.z then), is the node on, and "
        "the port that of its sketch?"
    )
    return Check(name=name, ok=False, text=problem, remedy=remedy)


def _bindable(name: str, address: Address, remedy: str) -> Check:
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        return Check(name=name, ok=False, text=f"{address}: {error.strerror or error}", remedy=remedy)
    return Check(name=name, ok=True, text=f"{address} is free")


def clock_check(clocks: Clocks) -> Check:
    """Whether the clock can be trusted; schedules, maintenance windows and the audit log go by it."""
    now_s = clocks.wall_s()
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now_s))
    if not clock.is_sane(now_s):
        remedy = "set it, or let NTP do it: timedatectl set-ntp true"
        return Check(name="clock", ok=False, text=f"says {shown}, which cannot be", remedy=remedy)
    synchronised = clocks.synchronised()
    if synchronised is False:
        remedy = "let NTP set it: timedatectl set-ntp true"
        return Check(
            name="clock", ok=True, text=f"{shown}, which no time server is known to keep", remedy=remedy
        )
    by = ", kept by a time server" if synchronised else ""
    return Check(name="clock", ok=True, text=f"{shown}{by}")


def time_zones() -> Check:
    """Whether maintenance windows can name a zone."""
    try:
        zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        remedy = "install the package tzdata, of Python or of the system"
        return Check(name="time zones", ok=False, text="there are no data of time zones", remedy=remedy)
    return Check(name="time zones", ok=True, text="known by name")
