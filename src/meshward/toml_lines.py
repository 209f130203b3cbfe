"""On which line of a TOML file something is said; `tomllib` does not tell."""

import re
import tomllib
from collections.abc import Mapping, Sequence

_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, from 1, where the statement begins that gives this key or table; None where none does.

    A statement is found by parsing ever more of the file, so strings and lists over several lines
    do not confuse it.
    """
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if path[-1] not in line and path[0] not in line:
            continue
        before = _parsed(lines[:index])
        if before is None or _says(before, path):
            continue
        for end in range(index + 1, len(lines) + 1):
            after = _parsed(lines[:end])
            if after is not None:
                if _says(after, path):
                    return index + 1
                break
    return None


def explained(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """The line of an error, from 1, and what is wrong there."""
    place = _PLACE.fullmatch(str(error))
    if place is None:  # "(at end of document)"
        return max(1, len(text.splitlines())), str(error)
    return int(place[2]), f"{place[1]} (at column {place[3]})"


def _parsed(lines: Sequence[str]) -> dict[str, object] | None:
    try:
        return tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def _says(entries: object, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(entries, Mapping) or part not in entries:
            return False
        entries = entries[part]
    return True
