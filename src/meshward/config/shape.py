"""The keys of the configuration, their defaults, and what `meshward init` writes about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.config.about import About
from meshward.config.bridges import HomeAssistant, Influx, Mqtt, Prometheus, without_effect
from meshward.config.checks import (
    HTTP_PORT,
    check_above_zero,
    check_at_once,
    check_host,
    check_mesh_name,
    check_origin,
    check_probe,
    check_root_path,
    check_upload_size,
    http_address,
    is_loopback,
)
from meshward.config.health import Alerts, Health, History
from meshward.identity import check_node_id
from meshward.settings import DEFAULT_TIMEOUT_S
from meshward.text import parse_size


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API and the dashboard."""

    enabled: Annotated[
        bool, About("Whether the API is served; the command line needs it.", "true or false")
    ] = True
    bind: Annotated[
        str,
        About(
            "Where; other machines reach it only at an address of ours, as 0.0.0.0:8080: use TLS then.",
            "an address in quotes",
            http_address,
        ),
    ] = f"127.0.0.1:{HTTP_PORT}"
    tls_cert: Annotated[
        str | None,
        About(
            "Certificate chain for TLS (PEM).",
            "a file name in quotes",
            example='"/etc/meshward/tls.crt"',
            file=True,
        ),
    ] = None
    tls_key: Annotated[
        str | None,
        About(
            "Its private key (PEM).", "a file name in quotes", example='"/etc/meshward/tls.key"', file=True
        ),
    ] = None
    behind_tls: Annotated[bool, About("Whether a proxy in front speaks TLS for us.", "true or false")] = False
    root_path: Annotated[
        str,
        About('Path under which such a proxy shows us, as "/meshward".', "a path in quotes", check_root_path),
    ] = ""
    hosts: Annotated[
        tuple[str, ...],
        About(
            "Further names by which browsers may call us.",
            "a host name in quotes, or a list of them",
            check_host,
        ),
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        About(
            "Further web sites whose pages may use the API.",
            "an origin in quotes, or a list of them",
            check_origin,
        ),
    ] = ()
    upload_max: Annotated[
        str, About("Largest firmware file taken.", 'a size in quotes, as "64MB"', check_upload_size)
    ] = "64MB"
    docs: Annotated[bool, About("Whether the API's manual is served, at /api/docs.", "true or false")] = True

    @property
    def address(self) -> Address:
        """Where to serve."""
        return http_address(self.bind)

    @property
    def tls(self) -> bool:
        """Whether we speak TLS ourselves."""
        return self.tls_cert is not None

    @property
    def upload_bytes(self) -> int:
        """Largest firmware file taken."""
        return parse_size(self.upload_max)


class Updates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Updates of any kind; what is changed while the gateway runs wins over these."""

    at_once: Annotated[
        int,
        About(
            "Updates under way at the same time, each on nodes of its own.",
            "a whole number from 1 to 16",
            check_at_once,
            reload=True,
        ),
    ] = 1
    probe_every_s: Annotated[
        float,
        About(
            "How often each node's delay is measured, in seconds.",
            "a number of seconds from 1 to 86400",
            check_probe,
            reload=True,
        ),
    ] = 60.0


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gateway says on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        About(
            "What is worth a line: debug, info, warning or error, and all above it.",
            "debug, info, warning or error, in quotes",
            reload=True,
        ),
    ] = "info"
    format: Annotated[
        Literal["auto", "text", "json"],
        About(
            "text, json, or auto: text on a terminal, JSON elsewhere.",
            "auto, text or json, in quotes",
            reload=True,
        ),
    ] = "auto"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mesh, and where data are kept."""

    connect: Annotated[
        tuple[str, ...],
        About(
            'Nodes to dial, the next when one fails: "10.1.2.1", or ["10.1.2.1", "10.1.2.2:5555"].',
            "an address in quotes, or a list of them",
            parse_address,
        ),
    ] = ()
    listen: Annotated[
        str | None,
        About(
            "Where nodes may dial us: a port, or HOST:PORT.",
            "a port or an address, in quotes",
            parse_listen_address,
            example='"5555"',
        ),
    ] = None
    node_id: Annotated[
        int | None,
        About(
            "Our id in the mesh; from the network card's MAC where not set.",
            "a whole number from 1 to 4294967295",
            check_node_id,
            example="4242",
        ),
    ] = None
    timeout_s: Annotated[
        float,
        About(
            "Longest wait for joining, and for each answer, in seconds.",
            "a number of seconds above 0",
            check_above_zero,
        ),
    ] = DEFAULT_TIMEOUT_S
    data: Annotated[
        str | None,
        About(
            "Where the gateway keeps its data; /var/lib/meshward for root, else ~/.local/state/meshward.",
            "a folder in quotes",
            example='"/var/lib/meshward"',
            file=True,
        ),
    ] = None
    name: Annotated[
        str,
        About(
            'What this mesh is called where several are shown together, as "garden".',
            "a text of up to 64 characters in quotes",
            check_mesh_name,
        ),
    ] = ""
    http: Http = Http()
    updates: Updates = Updates()
    health: Health = Health()
    history: History = History()
    alerts: Alerts = Alerts()
    mqtt: Mqtt = Mqtt()
    homeassistant: HomeAssistant = HomeAssistant()
    prometheus: Prometheus = Prometheus()
    influx: Influx = Influx()
    log: Log = Log()
    file: Path | None = None
    """The file that was read."""

    @property
    def connect_addresses(self) -> tuple[Address, ...]:
        """Nodes to dial."""
        return tuple(map(parse_address, self.connect))

    @property
    def listen_address(self) -> Address | None:
        """Where nodes may dial us."""
        return None if self.listen is None else parse_listen_address(self.listen)

    @property
    def data_path(self) -> Path:
        """The data directory."""
        return default_data(os.environ) if self.data is None else Path(self.data)

    @property
    def rules_path(self) -> Path | None:
        """The file with alert rules: the one named, or `alerts.toml` beside this one where there is one."""
        if self.alerts.rules_file is not None:
            return Path(self.alerts.rules_file)
        beside = None if self.file is None else self.file.absolute().with_name("alerts.toml")
        return beside if beside is not None and beside.is_file() else None

    def warnings(self) -> list[str]:
        """What is allowed but worth a second thought."""
        http = self.http
        warnings = list(without_effect(self.mqtt, self.homeassistant))
        if http.enabled and not (http.tls or http.behind_tls or is_loopback(http.address.host)):
            warnings.append(
                f"http.bind {http.bind} lets other machines in without TLS: tokens can be read on the way; "
                "set http.tls_cert and http.tls_key, or bind to 127.0.0.1 and let a proxy in front speak TLS"
            )
        return warnings


def default_data(environ: Mapping[str, str]) -> Path:
    """Where data are kept unless something else is said."""
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "meshward"
    if os.geteuid() == 0:
        return Path("/var/lib/meshward")
    return home(environ) / ".local" / "state" / "meshward"


def home(environ: Mapping[str, str]) -> Path:
    """The user's home folder."""
    return Path(environ.get("HOME") or Path("~").expanduser())
