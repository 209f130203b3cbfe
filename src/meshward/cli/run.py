"""The command `run`: the gateway itself."""

from collections.abc import Sequence
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
_OFF = "off"


def _http(_type: type, tokens: Sequence[Token]) -> str:
    from meshward.config import http_address  # noqa: PLC0415 a help page needs none of it

    text = tokens[0].value
    if text != _OFF:
        http_address(text)
    return text


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
    """
    given = _given(connect, listen, node_id, data, http, log_level, log_format)

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
