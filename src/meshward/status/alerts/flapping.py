"""Alerts that come and go: told of once, and then kept quiet until they settle.

Time is cut into steps. Of the last 21 it is known in which the alert came or went, and recent ones weigh more
(1.2 against 0.8), as in Nagios and those that followed it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from meshward.status.alerts.rule import Rule

STEPS = 21
HIGH_PERCENT = 50.0
LOW_PERCENT = 25.0
STEP_MIN_S = 120.0
BOOKS_MAX = 4000
"""Twice as many as there are open alerts: those that are over are remembered for 42 minutes and more."""
_WEIGHTS = tuple(1.2 - 0.4 * index / (STEPS - 1) for index in range(STEPS))
_ALL = (1 << STEPS) - 1

K = TypeVar("K", bound=Hashable)


def step_s(rule: Rule) -> float:
    """A step that is no shorter than an alert of this rule needs to come or go."""
    return max(STEP_MIN_S, (rule.for_s + rule.keep_firing_s) / 2)


def percent(changes: int) -> float:
    """The weighted share of steps with a change."""
    return sum(_WEIGHTS[index] for index in range(STEPS) if changes >> index & 1) * 100 / STEPS


class Flaps(Generic[K]):
    """The changes of all alerts, by their key."""

    def __init__(self) -> None:
        self._books: dict[K, tuple[int, int, int]] = {}
        """Bits, the beginning of the latest step, and the length of a step in µs."""

    def __len__(self) -> int:
        return len(self._books)

    def restore(self, key: K, changes: int, rule: Rule, now_us: int) -> None:
        """Go on with what was stored; time in which nobody watched does not count."""
        if changes & _ALL:
            self._books[key] = (changes & _ALL, now_us, int(step_s(rule) * 1e6))

    def note(self, key: K, rule: Rule, now_us: int) -> None:
        """The alert came, or went."""
        changes = self.changes(key, now_us)
        _, begin_us, length_us = self._books.pop(key, (0, now_us, int(step_s(rule) * 1e6)))
        self._books[key] = (changes | 1, begin_us, length_us)
        if len(self._books) > BOOKS_MAX:
            del self._books[next(iter(self._books))]

    def changes(self, key: K, now_us: int) -> int:
        """The bits of the last steps, the latest lowest."""
        book = self._books.get(key)
        if book is None:
            return 0
        changes, begin_us, length_us = book
        steps = max(0, (now_us - begin_us) // length_us)
        if steps:
            changes = changes << min(steps, STEPS) & _ALL
            if not changes:
                del self._books[key]
                return 0
            self._books[key] = (changes, begin_us + steps * length_us, length_us)
        return changes

    def is_flapping(self, key: K, now_us: int, before: bool) -> bool:
        """Whether it does, with a lower mark for what did already."""
        if key not in self._books:
            return False
        return percent(self.changes(key, now_us)) >= (LOW_PERCENT if before else HIGH_PERCENT)
