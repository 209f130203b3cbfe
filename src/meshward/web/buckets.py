"""Token buckets by key, in a table that does not grow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

KEYS_MAX = 4096
"""Addresses or tokens remembered; the one that was quiet longest is forgotten first."""


class Buckets:
    """Each key may take `burst` at once and `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: str) -> float:
        """How long until the key may take one again; 0 where it may now."""
        missing = 1.0 - self._level(key)
        return max(0.0, missing / self._per_s)

    def take(self, key: str) -> float:
        """Take one: 0.0 where there was one, else how long to wait for it."""
        wait_s = self.wait_s(key)
        if wait_s == 0.0:
            self._levels[key] = (self._level(key) - 1.0, self._clock())
            self._levels.move_to_end(key)
            while len(self._levels) > KEYS_MAX:
                self._levels.popitem(last=False)
        return wait_s

    def _level(self, key: str) -> float:
        level, at = self._levels.get(key, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._per_s)
