"""Reading the configuration: the file, then the environment over it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from meshward.config.keys import ENV_PREFIX, Key, KeyPath, keys, tables, with_values
from meshward.config.shape import Config, default_data, home
from meshward.errors import SettingsError
from meshward.toml_lines import explained, line_of

ENV_CONFIG = "MESHWARD_CONFIG"
ENV_HTTP = "MESHWARD_HTTP"


def load_config(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """What the configuration file says, overridden by the environment.

    Where the environment names a neighbour or a port, the file's `connect` and `listen` both yield.
    Raises SettingsError naming the file, the line and the key, or the variable.
    """
    path = config_path(config, environ)
    file = None if path is None else _File(path)
    values = {("data",): str(default_data(environ))} | ({} if file is None else file.values())
    overriding = dict(_from_environment(environ))
    loaded = with_values(with_values(Config(file=path), values), overriding)
    lonely = _lonely(loaded)
    if lonely is not None:
        key, problem = lonely
        if file is not None and key not in overriding:
            raise file.error(key, problem)
        raise SettingsError(f"{'.'.join(key)} {problem}")
    return loaded


def _lonely(config: Config) -> tuple[KeyPath, str] | None:
    """The key that cannot be as it is without another one, or beside it, and why."""
    http, alerts = config.http, config.alerts
    if (http.tls_cert is None) != (http.tls_key is None):
        lonely = "tls_cert" if http.tls_key is None else "tls_key"
        return ("http", lonely), "needs the other one of http.tls_cert and http.tls_key"
    if alerts.mail_to and alerts.smtp is None:
        return ("alerts", "mail_to"), "needs alerts.smtp, the server that takes the mails"
    return None


def config_path(named: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The configuration file: the one named, or the first that is there; None for none."""
    if named is None and environ.get(ENV_CONFIG):
        named = Path(environ[ENV_CONFIG])
    if named is not None:
        return named
    folder = Path(environ.get("XDG_CONFIG_HOME") or home(environ) / ".config")
    for path in (Path("meshward.toml"), folder / "meshward" / "config.toml"):
        if path.is_file():
            return path
    return None


def data_directory(named: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The data directory: the one named, else as environment and configuration file say."""
    return named if named is not None else load_config(environ=environ).data_path


class _File:
    """A configuration file, read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._text = path.read_text(encoding="utf-8")
            self._entries = tomllib.loads(self._text)
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path} is not valid TOML: it is not UTF-8 text ({error})") from error
        except tomllib.TOMLDecodeError as error:
            line, problem = explained(self._text, error)
            raise SettingsError(f"{path} line {line}: not valid TOML: {problem}") from error

    def values(self) -> dict[KeyPath, Any]:
        """What it says, checked."""
        values: dict[KeyPath, Any] = {}
        for path, value in _leaves(self._entries):
            try:
                key = _known(path)
                values[path] = _resolved(key, _checked(key, value), self._path.absolute().parent)
            except ValueError as error:
                raise self.error(path, str(error)) from None
        return values

    def error(self, path: KeyPath, problem: str) -> SettingsError:
        """What is wrong with a key, and where it stands."""
        line = line_of(self._text, path)
        where = str(self._path) if line is None else f"{self._path} line {line}"
        return SettingsError(f"{where}, {'.'.join(path)}: {problem}")


def _leaves(entries: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    for name, value in entries.items():
        if name in tables() and isinstance(value, Mapping):
            yield from (((name, inner), item) for inner, item in value.items())
        else:
            yield (name,), value


def _known(path: KeyPath) -> Key:
    if path in keys():
        return keys()[path]
    name = path[-1]
    if len(path) == 1 and name in tables():
        raise ValueError(f"must be a table: write [{name}] on a line, and its keys below")
    beside = [key.path[-1] for key in keys().values() if key.path[:-1] == path[:-1]]
    if len(path) == 1:
        beside += tables()
    elsewhere = [key.name for key in keys().values() if key.path[-1] == name]
    near = elsewhere or difflib.get_close_matches(name, beside, n=1)
    if near:
        raise ValueError(f"unknown key {name!r}; did you mean {near[0]!r}?")
    raise ValueError(f"unknown key {name!r}; known are {', '.join(sorted(beside))}")


def _checked(key: Key, value: Any, *, strict: bool = True) -> Any:
    """The value as its type has it. Raises ValueError saying what it must be."""
    several = key.type == tuple[str, ...]
    if several and isinstance(value, str):
        value = (value,)
    if isinstance(value, int) and not isinstance(value, bool) and key.path == ("listen",):
        value = str(value)  # a port, as everybody writes it
    try:
        converted = msgspec.convert(value, key.type, strict=strict)
        if key.about.check is not None:
            for item in converted if several else (converted,):
                key.about.check(item)
    except ValueError as error:
        secret = key.about.shown is not None
        wanted = f"must be {key.about.what}" + ("" if secret else f", not {value!r}")
        own_words = isinstance(error, msgspec.ValidationError) or not str(error)
        raise ValueError(wanted if own_words else str(error)) from None
    return converted


def _resolved(key: Key, value: Any, folder: Path) -> Any:
    return str(folder / Path(value).expanduser()) if key.about.file else value


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, Any]]:
    for variable, key in _variables():
        text = environ.get(variable, "").strip()
        if not text:
            continue
        if variable == ENV_HTTP:
            yield ("http", "enabled"), text != "off"
            if text == "off":
                continue
        value = _items(key, text) if key.type == tuple[str, ...] else text
        try:
            checked = _checked(key, value, strict=False)
        except ValueError as error:
            raise SettingsError(f"environment variable {variable}: {error}") from None
        yield key.path, _resolved(key, checked, Path.cwd())
    _refuse_unknown_variables(environ)


def _items(key: Key, text: str) -> list[str]:
    return (text.replace(",", " ") if key.about.commas else text).split()


def _variables() -> Iterator[tuple[str, Key]]:
    yield ENV_HTTP, keys()["http", "bind"]
    for key in keys().values():
        yield key.variable, key


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = dict(_variables())
    prefixes = tuple(f"{ENV_PREFIX}{table}_".upper() for table in tables())
    for variable in environ:
        if variable.startswith(prefixes) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"environment variable {variable} is not known{hint}")
