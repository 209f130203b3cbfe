"""Which messages somebody subscribed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Level:
    below: dict[str, _Level] = field(default_factory=dict)
    ends: bool = False


class Filters:
    """Filters of topics, in the order in which they came; each message is held against all of them.

    There may be one for each node, so they lie as a tree of their levels.
    """

    def __init__(self) -> None:
        self._all: dict[str, None] = {}
        self._root = _Level()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def add(self, text: str) -> None:
        """One more: mesh/ota/request/+, mesh/status/#."""
        self._all[text] = None
        level = self._root
        for name in text.split("/"):
            level = level.below.setdefault(name, _Level())
        level.ends = True

    def match(self, topic: str) -> bool:
        """Whether one of them takes a topic. No broker may send one with + or #."""
        if "+" in topic or "#" in topic:
            return False
        levels = [self._root]
        joker = not topic.startswith("$")  # those are the broker's own, for who names them
        for name in topic.split("/"):
            if joker and any("#" in level.below for level in levels):
                return True
            steps = (name, "+") if joker else (name,)
            levels = [level.below[step] for level in levels for step in steps if step in level.below]
            if not levels:
                return False
            joker = True
        return any(level.ends or "#" in level.below for level in levels)
