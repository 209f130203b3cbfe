"""The command `run`: the gateway itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.cli.errors import UsageError
from meshward.cli.options import parse_node_id
from meshward.errors import SettingsError

if TYPE_CHECKING:
    from meshward.config import Config

_MESH = Group("The mesh", sort_key=1)
_GATEWAY = Group("The gateway", sort_key=2)
_BRIDGES = Group("Other programs", sort_key=3)
_OFF = "off"


def _http(_type: type, tokens: Sequence[Token]) -> str:
    from meshward.config import http_address  # noqa: PLC0415 a help page needs none of it

    text = tokens[0].value
    if text != _OFF:
        http_address(text)
    return text


def _checked(kind: str) -> Callable[[type, Sequence[Token]], tuple[str, ...]]:
    def convert(_type: type, tokens: Sequence[Token]) -> tuple[str, ...]:
        from meshward.config import broker, check_influx  # noqa: PLC0415 a help page needs none of it

        check = broker if kind == "mqtt" else check_influx
        for token in tokens:
            check(token.value)
        return tuple(token.value for token in tokens)

    return convert


def run(
    *,
    data: Annotated[
        Path | None,
        Parameter(
            group=_GATEWAY,
            metavar="DIR",
            help="Where everything is kept: the database, the firmware files. [env: MESHWARD_DATA]",
        ),
    ] = None,
    connect: Annotated[
        tuple[Address, ...],
        Parameter(
            group=_MESH,
            converter=lambda _type, tokens: tuple(parse_address(token.value) for token in tokens),
            n_tokens=1,
            negative="",
            metavar="HOST[:PORT]",
            show_default=False,
            help="Dial this node; port 5555 where none is given. Repeat it for more nodes: the next is tried "
            "when one fails. [env: MESHWARD_CONNECT]",
        ),
    ] = (),
    listen: Annotated[
        Address | None,
        Parameter(
            group=_MESH,
            converter=lambda _type, tokens: parse_listen_address(tokens[0].value),
            n_tokens=1,
            accepts_keys=False,
            metavar="[HOST:]PORT",
            help="Let nodes dial us at this port. [env: MESHWARD_LISTEN]",
        ),
    ] = None,
    node_id: Annotated[
        int | None,
        Parameter(
            group=_MESH,
            converter=lambda _type, tokens: parse_node_id(tokens[0].value),
            metavar="ID",
            help="Our id in the mesh; from the network card's MAC where none is given. "
            "[env: MESHWARD_NODE_ID]",
        ),
    ] = None,
    http: Annotated[
        str | None,
        Parameter(
            group=_GATEWAY,
            converter=_http,
            n_tokens=1,
            metavar="[HOST:]PORT|off",
            help="Serve the API here. [default: 127.0.0.1:8080] [env: MESHWARD_HTTP]",
        ),
    ] = None,
    mqtt: Annotated[
        tuple[str, ...],
        Parameter(
            group=_BRIDGES,
            converter=_checked("mqtt"),
            n_tokens=1,
            negative="",
            metavar="URL",
            show_default=False,
            help="Tell this MQTT broker of the mesh: mqtt://host, or mqtts://user@host:8883/prefix with TLS. "
            "Repeat it for more. [env: MESHWARD_MQTT_BROKERS]",
        ),
    ] = (),
    home_assistant: Annotated[
        bool | None,
        Parameter(
            group=_BRIDGES,
            name="--homeassistant",
            negative="",
            show_default=False,
            help="Make every node a device in Home Assistant, by way of that broker. "
            "[env: MESHWARD_HOMEASSISTANT_ENABLED]",
        ),
    ] = None,
    influx: Annotated[
        tuple[str, ...],
        Parameter(
            group=_BRIDGES,
            converter=_checked("influx"),
            n_tokens=1,
            negative="",
            metavar="URL",
            show_default=False,
            help="Write to this database, by the line protocol: http://host:8086/write?db=mesh. Repeat it "
            "for more. [env: MESHWARD_INFLUX_URLS]",
        ),
    ] = (),
    config: Annotated[
        Path | None,
        Parameter(
            group=_GATEWAY,
            metavar="FILE",
            help="Configuration file; ./meshward.toml or ~/.config/meshward/config.toml where none is given. "
            "[env: MESHWARD_CONFIG]",
        ),
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Parameter(group=_GATEWAY, help="What is worth a line. [default: info]"),
    ] = None,
    log_format: Annotated[
        Literal["auto", "text", "json"] | None,
        Parameter(group=_GATEWAY, help="How it is written; auto is text on a terminal, JSON elsewhere."),
    ] = None,
) -> None:
    """Run the gateway: keep the mesh, remember everything, serve the API, carry out rollouts.

    It logs on standard error, `ready` with its URL first of all. SIGTERM or Ctrl-C stops it, SIGHUP
    makes it read its configuration again. Whatever ends it, a new start goes on where it was.

    Example: meshward run --connect 10.1.2.1

    Example: meshward run --data /var/lib/meshward --listen 5555 --http 0.0.0.0:8080

    Example: meshward run --connect 10.1.2.1 --mqtt mqtt://localhost --homeassistant
    """
    given = _given(connect, listen, node_id, data, http, log_level, log_format)
    given |= _given_bridges(mqtt, home_assistant, influx)

    def load() -> "Config":
        from meshward.config import load_config, with_values  # noqa: PLC0415 a help page needs none of it

        return with_values(load_config(config), given)

    import uvloop  # noqa: PLC0415 a help page needs none of it

    from meshward.gateway.daemon import run_daemon  # noqa: PLC0415 as above

    try:
        uvloop.run(run_daemon(load(), load))
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _given(
    connect: tuple[Address, ...],
    listen: Address | None,
    node_id: int | None,
    data: Path | None,
    http: str | None,
    log_level: str | None,
    log_format: str | None,
) -> dict[tuple[str, ...], Any]:
    """The options by the keys that they override."""
    options: dict[tuple[str, ...], Any] = {
        ("connect",): tuple(map(str, connect)) or None,
        ("listen",): None if listen is None else str(listen),
        ("node_id",): node_id,
        ("data",): None if data is None else str(data.absolute()),
        ("http", "enabled"): None if http is None else http != _OFF,
        ("http", "bind"): None if http == _OFF else http,
        ("log", "level"): log_level,
        ("log", "format"): log_format,
    }
    return {path: value for path, value in options.items() if value is not None}


def _given_bridges(
    mqtt: tuple[str, ...], home_assistant: bool | None, influx: tuple[str, ...]
) -> dict[tuple[str, ...], Any]:
    options: dict[tuple[str, ...], Any] = {
        ("mqtt", "brokers"): mqtt or None,
        ("homeassistant", "enabled"): home_assistant,
        ("influx", "urls"): influx or None,
    }
    return {path: value for path, value in options.items() if value is not None}
