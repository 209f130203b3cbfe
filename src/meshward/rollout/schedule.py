"""When a rollout may work: its start, and maintenance windows in somebody's local time.

Times are Unix seconds. The rules of a time zone come from `zoneinfo`, daylight saving included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meshward.errors import RolloutError
from meshward.rollout.spec import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD_DAYS = 16
"""How far an opening is looked for: a window opens every week, but a change of the clocks may swallow one."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_start(text: str) -> float:
    """Unix seconds of an ISO 8601 time with its offset. Raises RolloutError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RolloutError(
            f"{text[:40]!r} is not a start time: write date, time and offset, as 2026-03-01T02:00:00+01:00"
        )
    return moment.timestamp()


class Windows:
    """Maintenance windows together; open while any of them is, and always where there are none."""

    def __init__(self, windows: Sequence[Window]) -> None:
        """Raises RolloutError for times, days and zones that are none."""
        self._windows = [_LocalWindow(window) for window in windows]

    def is_open(self, wall_s: float) -> bool:
        """Whether nodes may be updated now."""
        if not self._windows:
            return True
        return any(start_s <= wall_s < end_s for start_s, end_s in self._spans(wall_s, 1))

    def opens_at(self, wall_s: float) -> float:
        """The first moment from `wall_s` on at which a window is open: that moment itself where one is."""
        if self.is_open(wall_s):
            return wall_s
        starts = (start_s for start_s, _ in self._spans(wall_s, AHEAD_DAYS) if start_s > wall_s)
        return min(starts, default=wall_s + AHEAD_DAYS * 86_400)

    def closes_at(self, wall_s: float) -> float | None:
        """When what is open now closes; None where nothing is open, or where it never closes."""
        if not self._windows:
            return None
        end_s = wall_s
        # Windows that touch or overlap are one.
        for start_s, next_end_s in sorted(self._spans(wall_s, AHEAD_DAYS)):
            if start_s <= end_s < next_end_s:
                end_s = next_end_s
        never_s = wall_s + (AHEAD_DAYS - 2) * 86_400
        return end_s if wall_s < end_s < never_s else None

    def _spans(self, wall_s: float, days: int) -> Iterator[tuple[float, float]]:
        """Every time that a window is open, from the one that may be open now to those `days` ahead."""
        for window in self._windows:
            yield from window.spans(wall_s, days)


class _LocalWindow:
    """One window, checked."""

    def __init__(self, window: Window) -> None:
        self._start = _time_of_day(window.start)
        self._end = _time_of_day(window.end)
        self._zone = _zone(window.zone)
        if not window.days:
            raise RolloutError("a window without days never opens: name some of " + ", ".join(DAYS))
        if unknown := [day for day in window.days if day not in DAYS]:
            raise RolloutError(f"{unknown[0][:40]!r} is not a day: use " + ", ".join(DAYS))
        self._days = {DAYS.index(day) for day in window.days}

    def spans(self, wall_s: float, days: int) -> Iterator[tuple[float, float]]:
        today = datetime.fromtimestamp(wall_s, self._zone).date()
        # A window begins on a day and may last until the same time of the next one.
        for offset in range(-2, days + 1):
            day = today + timedelta(days=offset)
            if day.weekday() not in self._days:
                continue
            last = day if self._end > self._start else day + timedelta(days=1)
            start_s, end_s = self._moment(day, self._start), self._moment(last, self._end)
            if start_s < end_s:
                yield start_s, end_s

    def _moment(self, day: date, at: time) -> float:
        """When the clocks on the wall first show this time, or, where they leap over it, a later one."""
        local = datetime.combine(day, at, self._zone)
        moment = local.astimezone(UTC)
        if moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return moment.timestamp()
        # Fold 0 counts on with the clock before the leap, fold 1 with the one after: the leap is between.
        before_s, after_s = int(local.replace(fold=1).timestamp()), int(moment.timestamp())
        wanted = local.replace(tzinfo=None)
        while after_s - before_s > 1:
            middle_s = (before_s + after_s) // 2
            if datetime.fromtimestamp(middle_s, self._zone).replace(tzinfo=None) < wanted:
                before_s = middle_s
            else:
                after_s = middle_s
        return float(after_s)


def _time_of_day(text: str) -> time:
    written = _TIME.fullmatch(text)
    if written is None:
        raise RolloutError(f"{text[:40]!r} is not a time of day: write it as 02:00, at most 23:59")
    return time(int(written[1]), int(written[2]))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone; a path out of the folder; a folder
        raise RolloutError(
            f"{name[:40]!r} is not a time zone: name it by place, as Europe/Berlin, or UTC"
        ) from None
