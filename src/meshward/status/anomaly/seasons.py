"""What a metric usually is at an hour of the day: its medians in the hours of the last week."""

from __future__ import annotations

from array import array

DAYS = 7
_HOURS = DAYS * 24 + 2
"""A week, and an hour on either side of it: a day does not repeat to the minute."""
_MISSING = -(2**31)
DAYS_KNOWN_WELL = 4
"""With so many days known, one that was like now may have been the odd one; two are a habit."""


class Seasons:
    """Medians by the hour. Hours count from any fixed moment; levels are whole numbers of 31 bits."""

    __slots__ = ("_levels", "_newest")

    def __init__(self) -> None:
        self._levels: array[int] | None = None
        self._newest = 0

    def put(self, hour: int, level: int) -> None:
        """The median of an hour that is over."""
        if self._levels is None or not 0 < hour - self._newest < _HOURS:
            self._levels = array("i", [_MISSING]) * _HOURS
        else:
            for skipped in range(self._newest + 1, hour):
                self._levels[skipped % _HOURS] = _MISSING
        self._levels[hour % _HOURS] = level
        self._newest = hour

    def knows(self, level: int, hour: int, off_max: float) -> bool:
        """Whether the metric was so near to this level around this hour on the days before."""
        if self._levels is None:
            return False
        known = alike = 0
        for day in range(1, DAYS + 1):
            at = hour - day * 24
            levels = [then for near in (at - 1, at, at + 1) if (then := self._at(near)) is not None]
            known += bool(levels)
            alike += any(abs(level - then) <= off_max for then in levels)
        return alike >= (1 if known < DAYS_KNOWN_WELL else 2)

    def rows(self) -> tuple[list[int], list[int]]:
        """The hours that are known, oldest first, and their levels."""
        hours = range(self._newest - _HOURS + 1, self._newest + 1)
        known = [(hour, level) for hour in hours if (level := self._at(hour)) is not None]
        return [hour for hour, _ in known], [level for _, level in known]

    def _at(self, hour: int) -> int | None:
        if self._levels is None or not self._newest - _HOURS < hour <= self._newest:
            return None
        level = self._levels[hour % _HOURS]
        return None if level == _MISSING else level
