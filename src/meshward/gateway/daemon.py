"""The gateway as one process: its tasks, its start, its end, and new settings while it runs."""

import asyncio
import hashlib
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from meshward import __version__
from meshward.bridges.base import keep_running
from meshward.bridges.start import Bridges, make_bridges
from meshward.config import Config, changed_keys, is_loopback, keys, shown_value
from meshward.errors import GatewayError, MeshwardError, SettingsError, StoreError
from meshward.gateway import endpoint, logs
from meshward.gateway.clock import ClockWatch, is_sane
from meshward.gateway.conductor import Conductor
from meshward.gateway.core_service import CoreService
from meshward.gateway.dashboard_views import ReceiverView
from meshward.gateway.delivery import Courier
from meshward.gateway.desk import SETTINGS_KEY
from meshward.gateway.health_keeper import HealthKeeper
from meshward.gateway.lock import DAEMON, DataLock
from meshward.gateway.mesh_keeper import MeshKeeper
from meshward.gateway.rules_file import read_rules
from meshward.rollout.engine import EngineSettings
from meshward.status.alerts.notify import NotifySettings
from meshward.store import settings as stored_settings
from meshward.store.database import Database
from meshward.store.history import Keep
from meshward.store.layout import DATABASE, DISK_LOW_BYTES, FIRMWARE
from meshward.store.library import Library
from meshward.text import printable
from meshward.web.app import make_app
from meshward.web.options import WebOptions
from meshward.web.server import serve
from meshward.web.sessions import COOKIE

log = logs.get_logger("meshward.daemon")

STOP_S = 4.5
"""A stop that takes longer is cut short: whoever asked for it waits 5 s. Nothing that is stored is lost."""
LOOK_EVERY_S = 30.0
BRIDGE_ALARM_S = 60.0
"""A broker that is restarted is nothing to worry about."""

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 looked for, not bound
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Alarmed(Protocol):
    alarms: dict[str, str]


async def run_daemon(
    config: Config,
    reload: Callable[[], Config] | None = None,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Run the gateway until SIGTERM or SIGINT.

    `reload` reads the configuration anew, at SIGHUP. `on_ready` is told our URL, "" where no HTTP is
    served. Raises MeshwardError where the gateway cannot start, or a part of it broke.
    """
    logs.set_up(config.log.level, config.log.format)
    if not config.connect and config.listen is None:
        raise SettingsError(
            "say how to join the mesh: --connect HOST[:PORT] of a node, or --listen PORT for nodes to dial "
            "us (or set MESHWARD_CONNECT, or `connect` in meshward.toml)"
        )
    for warning in config.warnings():
        log.warning(warning)
    data = config.data_path
    with DataLock.acquire(data, DAEMON):
        endpoint.remove(data)  # what a killed one left
        async with Database(data / DATABASE) as database:
            library = Library(data / FIRMWARE)
            service = CoreService(
                database,
                library,
                engine_settings=_engine_settings(config),
                rules=read_rules(config),
                notify=_notify(config),
                telemetry=config.health.telemetry,
                fixed=_fixed(config),
            )
            bridges = make_bridges(service, config, data)
            service.bridge_views = lambda: [bridge.record.view() for bridge in bridges.all]
            await service.open()
            keeper = MeshKeeper(config, lambda problem: _set_alarm(service, "mesh", problem))
            async with keeper.mesh:
                daemon = _Daemon(config, reload, service, keeper, bridges, on_ready)
                await daemon.run()
    log.info("stopped")


@dataclass
class _Daemon:
    config: Config
    reload: Callable[[], Config] | None
    service: CoreService
    keeper: MeshKeeper
    bridges: Bridges
    on_ready: Callable[[str], None]

    async def run(self) -> None:
        history = self.config.history
        receivers = self.config.alerts.receivers()
        health = HealthKeeper(
            self.service,
            Courier(self.config.alerts),
            receivers,
            Keep(history.raw_hours, history.minute_days, history.hour_days),
        )
        self.service.tester = health.test
        self.service.told = tuple(ReceiverView(name=told.name, kind=told.kind) for told in receivers)
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "mesh keeper": self.keeper.run(),
            "health keeper": health.run(),
            "conductor": Conductor(self.service, self.keeper.mesh).run(),
            "housekeeping": self._keep_house(),
            "bridges": self._keep_bridges(),
            "web server": self._serve() if self.config.http.enabled else self._serve_nothing(),
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(_part(name, part), name=name) for name, part in parts.items()]
                await self._obey_signals()
                for task in running:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from group

    # -- the parts ---------------------------------------------------------------------------

    async def _serve(self) -> None:
        http = self.config.http
        token = endpoint.new_token()
        try:
            await serve(
                make_app(self.service, _web_options(self.config, token, self.bridges)),
                host=http.address.host,
                port=http.address.port,
                tls_cert=None if http.tls_cert is None else Path(http.tls_cert),
                tls_key=None if http.tls_key is None else Path(http.tls_key),
                ready=lambda url: self._serving(url, token),
            )
        finally:
            endpoint.remove(self.config.data_path)

    def _serving(self, url: str, token: str) -> None:
        near = local_url(url)
        endpoint.write(
            self.config.data_path,
            endpoint.Endpoint(
                url=near, token=token, cafile=self.config.http.tls_cert, pid=os.getpid(), version=__version__
            ),
        )
        self._ready(url)

    async def _serve_nothing(self) -> None:
        self._ready("")
        await asyncio.Event().wait()

    def _ready(self, url: str) -> None:
        log.info(
            "ready",
            url=url or "off",
            data=str(self.config.data_path),
            config=str(self.config.file or "defaults"),
            pid=os.getpid(),
            version=__version__,
        )
        if url:
            command = shlex.join(["meshward", "dashboard", "--data", str(self.config.data_path)])
            log.info("open the dashboard with", command=command)
        self.on_ready(url)

    async def _keep_bridges(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for bridge in self.bridges.all:
                tasks.create_task(keep_running(bridge), name=f"bridge {bridge.record.name}")
            await asyncio.Event().wait()

    async def _keep_house(self) -> None:
        clock = ClockWatch()
        while True:
            free_bytes = shutil.disk_usage(self.config.data_path).free
            _set_alarm(
                self.service,
                "disk",
                f"only {free_bytes >> 20} MB are free for the data directory {self.config.data_path}"
                if free_bytes < DISK_LOW_BYTES
                else "",
            )
            for bridge in self.bridges.all:
                record = bridge.record
                failing = record.failing_s >= BRIDGE_ALARM_S
                problem = f"the bridge {record.name} does not work: {record.text}" if failing else ""
                _set_alarm(self.service, f"bridge {record.name}", problem)
            insane = "" if is_sane(self.service.now_s()) else "the clock of this machine is not set"
            _set_alarm(self.service, "clock", insane)
            if jump_s := clock.jump_s():
                log.warning("the clock jumped, or this machine slept", seconds=round(jump_s, 1))
            await asyncio.sleep(LOOK_EVERY_S)

    # -- signals -----------------------------------------------------------------------------

    async def _obey_signals(self) -> None:
        """Until one says to stop."""
        loop = asyncio.get_running_loop()
        received: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (*_STOP_SIGNALS, signal.SIGHUP):
            loop.add_signal_handler(number, received.put_nowait, number)
        while (number := await received.get()) == signal.SIGHUP:
            await self._take_new_settings()
        log.info("stopping", signal=number.name)
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, _cut_short)  # the second time it is meant
        loop.call_later(STOP_S, _cut_short)

    async def _take_new_settings(self) -> None:
        if self.reload is None:
            return
        try:
            new = self.reload()
        except MeshwardError as error:
            log.warning("the new configuration is wrong; the old one stays", reason=str(error))
            return
        try:
            stored = await self.service.database.read(stored_settings.get, SETTINGS_KEY, {})
        except StoreError as error:
            log.warning("the stored settings cannot be read; the old ones stay", reason=str(error))
            return
        changes = changed_keys(self.config, new)
        if changes.restart:
            log.warning("these settings need a restart", keys=", ".join(changes.restart))
        logs.set_up(new.log.level, new.log.format)
        given = {"updates_at_once": new.updates.at_once, "probe_every_s": new.updates.probe_every_s}
        # What was set by the API is kept, as it is at a restart.
        self.service.set_engine({name: value for name, value in given.items() if name not in stored})
        self.service.on_change()
        # What needs a restart is still as it was, and is told of again next time.
        self.config = _with(self.config, new)
        log.info("read the configuration anew", changed=", ".join(changes.safe) or "nothing")


def local_url(url: str) -> str:
    """The URL by which this machine reaches what is served at `url`, which may mean all addresses."""
    parts = urlsplit(url)
    host = _ANY.get(parts.hostname or "", parts.hostname or "")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port}"


async def _part(name: str, part: Coroutine[Any, Any, None]) -> None:
    """A part of the daemon, which never ends by itself."""
    try:
        await part
    except MeshwardError:
        raise
    except Exception as error:
        log.exception("a part of the gateway broke", part=name)
        what = printable(f"{type(error).__name__}: {error}")
        raise GatewayError(f"the gateway's {name} broke ({what}); please report it with the log") from error
    raise GatewayError(f"the gateway's {name} ended by itself; please report it with the log")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; what follows from it comes after."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _cut_short() -> None:
    log.error("stopping takes too long, or was asked for twice: ending now")
    os._exit(1)


def _set_alarm(service: _Alarmed, about: str, problem: str) -> None:
    if problem:
        service.alarms[about] = problem
    else:
        service.alarms.pop(about, None)


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(
        updates_at_once=config.updates.at_once,
        probe_every_us=int(config.updates.probe_every_s * 1e6),
        probes_per_minute=config.health.probes_per_minute,
    )


def _fixed(config: Config) -> dict[str, Any]:
    return {key.name: shown_value(config, key.path) for key in keys().values() if not key.about.reload} | {
        "config": None if config.file is None else str(config.file)
    }


def _notify(config: Config) -> NotifySettings:
    alerts = config.alerts
    return NotifySettings(
        alerts.group_wait_s,
        alerts.group_interval_s,
        alerts.repeat_hours * 3600,
        {receiver.name: receiver.lowest for receiver in alerts.receivers()},
    )


def _with(old: Config, new: Config) -> Config:
    """`old` with what of `new` can be taken while it runs."""
    return msgspec.structs.replace(old, log=new.log, updates=new.updates)


def _web_options(config: Config, token: str, bridges: Bridges) -> WebOptions:
    http = config.http
    return WebOptions(
        loopback=is_loopback(http.address.host),
        hosts=http.hosts,
        allowed_origins=http.origins,
        https=http.behind_tls,
        root_path=http.root_path,
        upload_bytes=http.upload_bytes,
        cookie=_cookie(config.data_path),
        local_token_sha256=hashlib.sha256(token.encode()).hexdigest(),
        docs=http.docs,
        metrics=bridges.scrape,
        metrics_token=config.prometheus.token,
    )


def _cookie(data: Path) -> str:
    """Its name, which stands for this gateway among all of this host."""
    return f"{COOKIE}_{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]}"
