"""The configuration file that `meshward init` writes: every key with its default and a sentence."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from meshward.config.keys import Key, keys, tables

_COLUMNS = 92
_HEAD = """\
# Configuration of Meshward; `meshward run` and all other commands read it.
# Lines like `#key = value` show the defaults, or an example of what is not set: remove the # to
# change one.
# Environment variables win over this file: MESHWARD_CONNECT, MESHWARD_HTTP_BIND and so on.
"""


def template(connect: Sequence[str] = ()) -> str:
    """The file's text; with `connect` filled in where addresses are given."""
    return "\n".join([_HEAD, *_lines(tuple(connect))])


def _lines(connect: tuple[str, ...]) -> Iterator[str]:
    table = ""
    for key in keys().values():
        if key.path[0] in tables() and key.path[0] != table:
            table = key.path[0]
            yield from _comment(tables()[table].__doc__ or "")
            yield f"[{table}]\n"
        yield from _comment(key.about.text)
        if connect and key.path == ("connect",):
            yield f"connect = {written(connect)}\n"
        else:
            yield f"#{_assignment(key)}\n"


def _assignment(key: Key) -> str:
    """The default; an example for a key that has none."""
    return f"{key.path[-1]} = {key.about.example or written(key.default)}"


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in wrap(text, _COLUMNS))


def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
