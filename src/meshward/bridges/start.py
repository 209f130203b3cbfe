"""Every bridge that is configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from meshward.bridges.base import Bridge
from meshward.bridges.influx.bridge import InfluxBridge
from meshward.bridges.mqtt.make import check_brokers, mqtt_bridges
from meshward.bridges.prometheus.alertmanager import AlertmanagerBridge
from meshward.bridges.prometheus.exporter import Exporter
from meshward.bridges.secret_files import read_secret
from meshward.config import Config
from meshward.gateway.service import Service

FOLDER = "bridges"
"""In the data directory: what bridges keep."""


@dataclass(frozen=True, slots=True)
class Bridges:
    """All of them, not started yet."""

    all: Sequence[Bridge]
    scrape: Callable[[], Awaitable[bytes]] | None
    """What is served at /metrics; None where that is off."""


def make_bridges(service: Service, config: Config, data: Path) -> Bridges:
    """The bridges, not started yet. `data`: the gateway's data directory; each keeps what it must there.

    Raises SettingsError for what cannot be, as a password file that cannot be read.
    """
    rng = SystemRandom()
    folder = data / FOLDER
    influx, token = config.influx, _influx_token(config)
    exporter = Exporter(service, config.name) if config.prometheus.enabled else None
    bridges: list[Bridge] = [
        *mqtt_bridges(service, config, data, folder, rng),
        *([] if exporter is None else [exporter]),
        *(
            AlertmanagerBridge(url, service, config.name, config.alerts.external_url, rng)
            for url in dict.fromkeys(config.prometheus.alertmanagers)
        ),
        *(
            InfluxBridge(
                service,
                url,
                folder,
                rng,
                mesh=config.name,
                token=token,
                period_s=influx.period_s,
                spool_bytes=influx.spool_bytes,
            )
            for url in dict.fromkeys(influx.urls)
        ),
    ]
    _name_apart(bridges)
    return Bridges(bridges, None if exporter is None else exporter.scrape)


def check_settings(config: Config) -> None:
    """Raises SettingsError for what `make_bridges` could not use; changes nothing."""
    check_brokers(config)
    _influx_token(config)


def _influx_token(config: Config) -> str | None:
    file = config.influx.token_file
    return config.influx.token if file is None else read_secret("influx.token_file", file)


def _name_apart(bridges: Sequence[Bridge]) -> None:
    """Names stand for bridges in metrics; without their secrets two addresses may be the same."""
    seen: dict[str, int] = {}
    for bridge in bridges:
        name = bridge.record.name
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            bridge.record.name = f"{name} ({seen[name]})"
