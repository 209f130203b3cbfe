"""Defaults that a user sets once: the environment and a configuration file.

The file is TOML: `./meshward.toml`, else `~/.config/meshward/config.toml`, or one that is named.

    connect = ["10.1.2.1", "10.1.2.2:5555"]   # or one text
    listen = "5555"
    node_id = 4242
    timeout_s = 10
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.errors import AddressError, NodeIdError, SettingsError
from meshward.identity import check_node_id

ENV_CONNECT = "MESHWARD_CONNECT"
ENV_LISTEN = "MESHWARD_LISTEN"
ENV_NODE_ID = "MESHWARD_NODE_ID"
ENV_CONFIG = "MESHWARD_CONFIG"

#: Joining and each answer; a mesh of real boards answers in well under a second.
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the mesh, and who we are there."""

    #: Neighbours to dial, one at a time, the next when one fails.
    connect: tuple[Address, ...] = ()
    #: Where neighbours may dial us.
    listen: Address | None = None
    #: Our id; None takes the network card's.
    node_id: int | None = None
    #: Longest wait for joining, and for each answer, in seconds.
    timeout_s: float = DEFAULT_TIMEOUT_S


def load_settings(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """What the configuration file says, overridden by the environment.

    Where the environment names a neighbour or a port, the file's `connect` and `listen` both yield.
    """
    return from_environment(environ, from_file(_config_path(config, environ)))


def override(base: Settings, *, connect: tuple[Address, ...], listen: Address | None) -> Settings:
    """`base` with another way to the mesh, where one is given."""
    if not connect and listen is None:
        return base
    return replace(base, connect=connect, listen=listen)


def from_environment(environ: Mapping[str, str], base: Settings) -> Settings:
    """`base`, overridden by MESHWARD_CONNECT (addresses apart by spaces or commas), _LISTEN and _NODE_ID."""
    connect = environ.get(ENV_CONNECT, "").replace(",", " ").split()
    listen = environ.get(ENV_LISTEN, "").strip()
    node_id = environ.get(ENV_NODE_ID, "").strip()
    try:
        settings = override(
            base,
            connect=tuple(parse_address(text) for text in connect),
            listen=parse_listen_address(listen) if listen else None,
        )
        if not node_id:
            return settings
        return replace(settings, node_id=check_node_id(_integer(node_id)))
    except (AddressError, NodeIdError) as error:
        raise SettingsError(f"environment variable MESHWARD_*: {error}") from error


def from_file(path: Path | None) -> Settings:
    """The settings in a TOML file; the defaults where there is none."""
    if path is None:
        return Settings()
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    try:
        return _settings(entries)
    except (AddressError, NodeIdError, SettingsError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _config_path(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    if named is None and environ.get(ENV_CONFIG):
        named = Path(environ[ENV_CONFIG])
    if named is not None:
        return named
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config")
    for path in (Path("meshward.toml"), home / "meshward" / "config.toml"):
        if path.is_file():
            return path
    return None


def _settings(entries: dict[str, object]) -> Settings:
    known = {"connect", "listen", "node_id", "timeout_s"}
    if unknown := sorted(entries.keys() - known):
        raise SettingsError(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    connect = entries.get("connect", [])
    addresses = connect if isinstance(connect, list) else [connect]
    listen = entries.get("listen")
    node_id = entries.get("node_id")
    timeout_s = entries.get("timeout_s", DEFAULT_TIMEOUT_S)
    if not all(isinstance(address, str) for address in addresses):
        raise SettingsError("connect must be an address in quotes, or a list of them")
    if node_id is not None and type(node_id) is not int:
        raise SettingsError("node_id must be a whole number")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise SettingsError("timeout_s must be a number of seconds above 0")
    return Settings(
        connect=tuple(parse_address(str(address)) for address in addresses),
        listen=None if listen is None else parse_listen_address(str(listen)),
        node_id=None if node_id is None else check_node_id(node_id),
        timeout_s=float(timeout_s),
    )


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NodeIdError(f"{text!r} is not a node id: it must be a whole number") from None
