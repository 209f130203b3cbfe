"""Parts of long lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from meshward.errors import InvalidError

T = TypeVar("T")

LIMIT_MAX = 1000
"""The most items given at once."""


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int
    """Length of the whole list, filters applied."""
    next: str | None
    """Cursor for the part after this one, None at its end."""


def limited(limit: int) -> int:
    """A limit within bounds."""
    return min(max(limit, 1), LIMIT_MAX)


def position(cursor: str | int | None) -> int | None:
    """The place that a cursor means. Raises InvalidError for what is none."""
    if cursor is None or isinstance(cursor, int):
        return cursor
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidError("this is no cursor: give the `next` of the page before as it is")
    return int(cursor)


def part_of(found: Sequence[tuple[int, T]], limit: int, total: int) -> Part[T]:
    """A part, from one row more than `limit`, each with its place, where there are so many."""
    more = len(found) > limit
    kept = found[:limit]
    return Part([item for _, item in kept], total, str(kept[-1][0]) if more else None)


def where(conditions: Sequence[str]) -> str:
    """The clause for conditions that must all hold."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
