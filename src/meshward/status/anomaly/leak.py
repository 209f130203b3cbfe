"""Free heap that runs out: how fast it falls since the board's boot, and when it is used up.

What falls is no leak yet. A daily cycle falls for half a day, a buffer that is allocated once makes a step,
work in batches a saw-tooth. So a fall is told only where all of these hold in a window of the last hours:

- it is no chance (Mann and Kendall);
- the heap would be used up soon, for which a good part of it must be gone within the window;
- the second half of the window falls as well, and nowhere it comes back up by as much as it falls;
- without its largest steps it is still there;
- it goes well below everything that was before the window: cycles and saw-teeth only repeat.

Short windows find what is urgent, and need a great fall for it; long ones find what takes days.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from statistics import median
from typing import Annotated

import msgspec

from meshward.status.anomaly.packed import pack, pack_times, unpack, unpack_times
from meshward.status.anomaly.robust import middle
from meshward.status.anomaly.trend import Point, Trend, trend, without_steps
from meshward.status.facts import Leak

HEAP_FLOOR_BYTES = 4096
"""Boards crash with so little: a packet of the radio and what handles it do not fit any more."""
TEN_MIN_S = 600
HOUR_S = 3600
SETTLE_S = 1800
"""After its boot a board fills its buffers and caches."""
BACK_MAX_S = 3600
"""Values may arrive so late after newer ones; a clock that is set back by more begins anew."""
FORGET_S = 3 * 24 * 3600
"""After such a silence nothing of before says anything."""
TOLD_FOR_S = 2 * 3600
"""A leak is not told of a board that is silent for longer."""
VALUES_MAX = 20
"""Of those in ten minutes; further ones do not count."""
TENS_MAX = 36
HOURS_MAX = 72
"""Medians that are kept; of hours more than a window has, for what was before it."""
TENS_IN_HOUR_MIN = 3
Z_LEAK = -3.3
Z_GONE = -1.645
STILL = 2.0
"""A leak that was told stays until it would take so many times the horizon."""
FALL_LEAST_BYTES = 512
FALL_LEAST_SHARE = 0.02
"""Of the free heap: what is less is no news, even right above the floor."""
SECOND_HALF = 0.6
"""So much of the slope its second half must have, ..."""
STEPS_OUT = 0.7
"""... and the window without its largest steps."""
BELOW_BEFORE = 0.5
"""So much of the fall must lie below everything before it."""
PRESENT_LEAST = 0.9
"""Share of a window's points that must be there."""
HOURS_LEFT_MAX = 1000.0
"""No interval reaches further."""


@dataclass(frozen=True, slots=True)
class Window:
    """The last so many points, and how soon a heap must be used up to be told."""

    unit_s: int
    points: int
    horizon_h: float
    steps: int
    """So many are taken out."""


WINDOWS = (
    Window(TEN_MIN_S, 24, horizon_h=12, steps=2),
    Window(TEN_MIN_S, 36, horizon_h=30, steps=2),
    Window(HOUR_S, 12, horizon_h=36, steps=2),
    Window(HOUR_S, 24, horizon_h=72, steps=3),
)


Heap = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class SavedLeakWatch(msgspec.Struct, array_like=True):
    """A watch as it is stored: a list of these."""

    since_s: int
    last_s: int
    values: list[Heap]
    ten_times: str
    """Packed, as the three that follow."""
    tens: str
    hour_times: str
    hours: str
    told: tuple[int, float, float, float, float] | None
    """When it was seen last, and the fields of `Leak`."""


class LeakWatch:
    """The free heap of one board. Times are whole seconds of any one clock."""

    __slots__ = ("_hours", "_last_s", "_since_s", "_tens", "_told", "_told_s", "_values")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The board restarted: nothing of before counts."""
        self._since_s = 0
        self._last_s: int | None = None
        self._values: list[int] = []
        """Of the ten minutes that are not over."""
        self._tens: deque[Point] = deque(maxlen=TENS_MAX)
        self._hours: deque[Point] = deque(maxlen=HOURS_MAX)
        """Medians, by the number of their ten minutes or hour."""
        self._told: Leak | None = None
        self._told_s = 0

    def on_value(self, heap_bytes: float, t_s: int) -> None:
        """The next value, which is finite."""
        last_s = self._last_s
        if last_s is None or not -BACK_MAX_S <= t_s - last_s <= FORGET_S:
            self.begin()
            self._since_s = last_s = t_s
        if t_s < last_s:
            return
        self._last_s = t_s
        if t_s - self._since_s < SETTLE_S:
            return
        if t_s // TEN_MIN_S != last_s // TEN_MIN_S and self._values:
            self._end_ten_minutes(last_s, t_s)
        if len(self._values) < VALUES_MAX:
            self._values.append(round(heap_bytes))

    def leak(self, t_s: int) -> Leak | None:
        """What is left by now."""
        if self._told is None or self._last_s is None or t_s - self._last_s > TOLD_FOR_S:
            return None
        told, passed_h = self._told, max(0, t_s - self._told_s) / HOUR_S
        left, low, high = (
            max(0.0, hours - passed_h) for hours in (told.hours_left, told.hours_low, told.hours_high)
        )
        return Leak(told.bytes_per_h, left, low, high)

    def saved(self) -> SavedLeakWatch | None:
        """For `restored`; None while there is nothing."""
        if self._last_s is None:
            return None
        told: tuple[int, float, float, float, float] | None = None
        if (leak := self._told) is not None:
            told = self._told_s, leak.bytes_per_h, leak.hours_left, leak.hours_low, leak.hours_high
        return SavedLeakWatch(
            self._since_s,
            self._last_s,
            list(self._values),
            *_packed(self._tens),
            *_packed(self._hours),
            told,
        )

    @classmethod
    def restored(cls, saved: SavedLeakWatch) -> LeakWatch:
        """Goes on as the saved one would have. ValueError where what was saved cannot be."""
        watch = cls()
        watch._since_s, watch._last_s, watch._values = saved.since_s, saved.last_s, saved.values[:VALUES_MAX]
        watch._tens.extend(_points(saved.ten_times, saved.tens))
        watch._hours.extend(_points(saved.hour_times, saved.hours))
        if saved.told is not None:
            if not all(map(isfinite, saved.told)):
                raise ValueError("no leak")
            watch._told_s, *figures = saved.told
            watch._told = Leak(*figures)
        return watch

    def _end_ten_minutes(self, last_s: int, t_s: int) -> None:
        self._tens.append((last_s // TEN_MIN_S, middle(sorted(self._values))))
        self._values = []
        hour = last_s // HOUR_S
        if t_s // HOUR_S != hour:
            tens = [value for at, value in self._tens if at * TEN_MIN_S // HOUR_S == hour]
            if len(tens) >= TENS_IN_HOUR_MIN:
                self._hours.append((hour, middle(sorted(tens))))
        self._look(last_s)

    def _look(self, t_s: int) -> None:
        found = [leak for window in WINDOWS if (leak := self._finding(window, t_s, still=False))]
        if not found and self._told is not None:
            found = [leak for window in WINDOWS if (leak := self._finding(window, t_s, still=True))]
        # The longest knows best.
        self._told = found[-1] if found else None
        self._told_s = t_s

    def _finding(self, window: Window, t_s: int, *, still: bool) -> Leak | None:
        """The leak in a window; `still`: one that was told already, and may have become less."""
        points = self._points_of(window)
        if len(points) < PRESENT_LEAST * window.points:
            return None
        horizon_h = window.horizon_h * (STILL if still else 1)
        per_h = HOUR_S / window.unit_s
        span_h = (points[-1][0] - points[0][0]) / per_h
        now = median([value for _, value in list(self._tens)[-3:]])
        if not _may_be(points, span_h / horizon_h * (now - HEAP_FLOOR_BYTES)):
            return None
        line = trend(points)
        end = line.at(points[-1][0])
        fall = -line.slope * per_h * span_h
        if (
            line.z > (Z_GONE if still else Z_LEAK)
            or fall < max(FALL_LEAST_BYTES, FALL_LEAST_SHARE * end)
            or now > end + fall / 2
        ):
            return None
        leak = _leak(line, t_s / window.unit_s - 0.5, per_h)  # a point tells of the middle of its time
        if leak.hours_left > horizon_h or not (still or self._goes_on(window, points, line, fall)):
            return None
        return leak

    def _goes_on(self, window: Window, points: Sequence[Point], line: Trend, fall: float) -> bool:
        """Whether it falls all along, to where the heap never was."""
        first_s = points[0][0] * window.unit_s
        before = [value for hour, value in self._hours if (hour + 1) * HOUR_S <= first_s]
        if before and line.at(points[-1][0]) > min(before) - BELOW_BEFORE * fall:
            return False
        if trend(points[len(points) // 2 :]).slope > SECOND_HALF * line.slope:
            return False
        if _largest_rise(points) > fall:
            return False
        smooth = trend(without_steps(points, window.steps))
        return smooth.z <= Z_LEAK and smooth.slope <= STEPS_OUT * line.slope

    def _points_of(self, window: Window) -> list[Point]:
        points: Iterable[Point] = self._tens if window.unit_s == TEN_MIN_S else self._hours
        if not self._tens:
            return []
        newest = self._tens[-1][0] * TEN_MIN_S // window.unit_s
        return [point for point in points if point[0] > newest - window.points]


def _may_be(points: Sequence[Point], fall: float) -> bool:
    """Whether it may fall by so much: cheap, for most heaps do not. From third to third it is two thirds."""
    third = len(points) // 3
    values = [value for _, value in points]
    return median(values[:third]) - median(values[-third:]) > max(0.0, fall / 3)


def _largest_rise(points: Sequence[Point]) -> int:
    """From any point to any later one."""
    values = [value for _, value in points]
    return max(value - lowest for value, lowest in zip(values, accumulate(values, min), strict=True))


def _leak(line: Trend, now: float, per_h: float) -> Leak:
    """The hours from now until the line meets the floor, and until its steepest and gentlest slopes do.

    The line turns about its middle: a steeper one is further down by now.
    """
    left_bytes = max(0.0, line.level - HEAP_FLOOR_BYTES)

    def hours(slope: float) -> float:
        if slope >= 0:
            return HOURS_LEFT_MAX
        return min(HOURS_LEFT_MAX, max(0.0, (left_bytes / -slope - (now - line.middle)) / per_h))

    return Leak(-line.slope * per_h, hours(line.slope), hours(line.steepest), hours(line.gentlest))


def _packed(points: Collection[Point]) -> tuple[str, str]:
    return pack_times([at for at, _ in points]), pack([value for _, value in points])


def _points(times: str, values: str) -> list[Point]:
    return list(zip(unpack_times(times), unpack(values), strict=True))
