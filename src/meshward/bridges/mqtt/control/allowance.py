"""How many may pass within a time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """`burst` at once, `rate_per_s` over a while."""

    def __init__(self, rate_per_s: float, burst: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._now_s = now_s
        self._left = burst
        self._at_s = now_s()

    def take(self) -> bool:
        """Whether one more may."""
        now_s = self._now_s()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
