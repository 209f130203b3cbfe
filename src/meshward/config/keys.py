"""The keys of the configuration as a list, and what differs between two configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import msgspec

from meshward.config.about import About
from meshward.config.shape import Config

ENV_PREFIX = "MESHWARD_"
WAYS = frozenset({"connect", "listen"})
"""Ways to the mesh: where one is said anew, the others yield."""

KeyPath = tuple[str, ...]
"""A key by the names on the way to it: ("http", "bind")."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the file."""

    path: KeyPath
    type: Any
    default: Any
    about: About

    @property
    def name(self) -> str:
        """As people write it: http.bind."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return ENV_PREFIX + "_".join(self.path).upper()


@cache
def keys() -> dict[KeyPath, Key]:
    """Every key, in the order of the file."""
    return {key.path: key for key in _keys_of(Config, ())}


@cache
def tables() -> dict[str, type[msgspec.Struct]]:
    """Every table by its name."""
    kinds = get_type_hints(Config)
    return {name: kinds[name] for name in Config.__struct_fields__ if _is_table(kinds[name])}


def value_of(config: Config, path: KeyPath) -> Any:
    """What a configuration says for a key."""
    value: Any = config
    for part in path:
        value = getattr(value, part)
    return value


def shown_value(config: Config, path: KeyPath) -> Any:
    """As `value_of`, without secrets."""
    value, shown = value_of(config, path), keys()[path].about.shown
    if shown is None or value is None:
        return value
    return tuple(map(shown, value)) if isinstance(value, tuple) else shown(value)


def with_values(config: Config, values: Mapping[KeyPath, Any]) -> Config:
    """A configuration with other values, which were checked, for some keys.

    A new `connect` or `listen` replaces both.
    """
    plain = {path[0]: value for path, value in values.items() if len(path) == 1}
    if plain.keys() & WAYS:
        plain = dict.fromkeys(WAYS) | {"connect": ()} | plain
    for name in tables():
        changed = {path[1]: value for path, value in values.items() if path[:-1] == (name,)}
        if changed:
            plain[name] = msgspec.structs.replace(getattr(config, name), **changed)
    return msgspec.structs.replace(config, **plain)


@dataclass(frozen=True, slots=True)
class Changes:
    """The names of keys with another value than before."""

    safe: tuple[str, ...]
    """A running gateway takes these."""
    restart: tuple[str, ...]
    """These need a new start."""


def changed_keys(old: Config, new: Config) -> Changes:
    """What differs."""
    changed = [key for key in keys().values() if value_of(old, key.path) != value_of(new, key.path)]
    return Changes(
        safe=tuple(key.name for key in changed if key.about.reload),
        restart=tuple(key.name for key in changed if not key.about.reload),
    )


def _keys_of(kind: type[msgspec.Struct], above: KeyPath) -> Iterator[Key]:
    hints = get_type_hints(kind, include_extras=True)
    fields = msgspec.structs.fields(kind)
    for field in sorted(fields, key=lambda field: _is_table(hints[field.name])):
        hint = hints[field.name]
        if _is_table(hint):
            yield from _keys_of(hint, (*above, field.name))
        elif hasattr(hint, "__metadata__"):
            yield Key((*above, field.name), hint.__origin__, field.default, hint.__metadata__[0])


def _is_table(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
