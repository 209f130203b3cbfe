"""One metric of one node: what is usual for it, and whether it is unlike that.

Usual is the median of the last four hours, and the spread their median distance from it (MAD): a quarter of
the values may be nonsense without moving either much. One value far off means nothing, for real metrics have
heavy tails: three of five must be. A metric that wanders slowly shows less than its spread in four hours, so
the spread is not taken to be less than it was over the last day.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isfinite

import msgspec

from meshward.status.anomaly.packed import pack, pack_times, unpack, unpack_times
from meshward.status.anomaly.seasons import Seasons
from meshward.status.anomaly.watched import Watched

GAP_MIN_S = 50
"""At most one value a minute counts; reports may be early by a little."""
GAP_MAX_S = 2 * 3600
"""After a longer silence nobody knows what is usual now."""
BACK_MAX_S = 3600
"""Values may arrive so late after newer ones; a clock that is set back by more begins anew."""
WINDOW_MIN = 240
"""Minutes that tell what is usual."""
VALUES_MIN = 40
"""Fewer values make the spread a guess. Where they come rarely, older ones count for as long."""
LEARN_EVERY_S = 900
"""Which is most of what a value costs."""
LEARNED_A_DAY = 86_400 / LEARN_EVERY_S
Z_LIMIT = 4.0
RECENT = 5
UNUSUAL_OF_RECENT = 3
SIGMAS_PER_MAD = 1.4826
"""Of a normal distribution."""
HOUR_VALUES_MIN = 4
LEVEL_MAX = 2**30
_LEVELS_MAX = 500
"""More are never kept: 240, and what comes until it learns again."""


class SavedSeries(msgspec.Struct, array_like=True):
    """A series as it is stored: a list of these."""

    last_s: int
    due_s: int
    in_hour: int
    levels: str
    """Packed, as the three that follow."""
    gaps_min: str
    hours: str
    hour_levels: str
    learned: tuple[int, float, float] | None
    """What is usual; its spread now, and over the last day; as levels. None while warming up."""
    recent: int
    first_s: int
    since_s: int | None
    figures: tuple[float, float, float]
    """Value, usual and spread of the anomaly."""


class Series:
    """The values of a gauge, or the rates of a counter. Times are whole seconds of any one clock.

    Values are kept as levels, in whole steps of the metric's quantum: small, and the same after a restart.
    """

    __slots__ = (
        *("_day_spread", "_due_s", "_first_s", "_gaps_min", "_in_hour", "_levels", "_limit", "_recent"),
        *("_seasons", "_spread", "_usual", "_watched", "is_warm", "last_s", "since_s", "spread", "usual"),
        "value",
    )

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self.value = 0.0
        """The last unusual value."""
        self.usual = 0.0
        self.spread = 0.0
        """As they were when the anomaly began."""
        self.relearn(seasons=True)

    def relearn(self, *, seasons: bool) -> None:
        """Forget what was usual; `seasons`: at hours of the day as well."""
        self.last_s: int | None = None
        """When the last value came that counts."""
        if seasons:
            self._seasons = Seasons()
        self._begin(0)

    def on_value(self, value: float, t_s: int) -> None:
        """The next value, which is finite."""
        last_s = self.last_s
        if last_s is None or not -BACK_MAX_S <= t_s - last_s <= GAP_MAX_S:
            self._begin(t_s)
            gap_s = GAP_MIN_S
        else:
            gap_s = t_s - last_s
            if gap_s < GAP_MIN_S:
                return
            if t_s // 3600 != last_s // 3600:
                self._end_hour(last_s // 3600)
        self.last_s = t_s
        level = round(max(-LEVEL_MAX, min(LEVEL_MAX, value / self._watched.quantum)))
        if self.is_warm:
            self._judge(level, value, t_s)
        self._levels.append(level)
        self._gaps_min.append((gap_s + 30) // 60)
        self._in_hour += 1
        if t_s >= self._due_s:
            self._learn(t_s)

    def saved(self) -> SavedSeries | None:
        """For `restored`; None while there is nothing."""
        if self.last_s is None:
            return None
        hours, hour_levels = self._seasons.rows()
        return SavedSeries(
            self.last_s,
            self._due_s,
            self._in_hour,
            pack(self._levels),
            pack(self._gaps_min),
            pack_times(hours),
            pack(hour_levels),
            (self._usual, self._spread, self._day_spread) if self.is_warm else None,
            self._recent,
            self._first_s,
            self.since_s,
            (self.value, self.usual, self.spread),
        )

    @classmethod
    def restored(cls, watched: Watched, saved: SavedSeries) -> Series:
        """Goes on as the saved one would have. ValueError where what was saved cannot be."""
        series = cls(watched)
        levels, gaps_min = unpack(saved.levels), unpack(saved.gaps_min)
        if not 0 < len(levels) == len(gaps_min) <= _LEVELS_MAX or not all(map(isfinite, saved.figures)):
            raise ValueError("no series")
        series._levels, series._gaps_min = array("i", levels), bytearray(gaps_min)
        for hour, level in zip(unpack_times(saved.hours), unpack(saved.hour_levels), strict=True):
            series._seasons.put(hour, level)
        series.last_s, series._due_s, series._in_hour = saved.last_s, saved.due_s, saved.in_hour
        if saved.learned is not None:
            usual, spread_now, series._day_spread = saved.learned
            if not (isfinite(spread_now) and isfinite(series._day_spread)):
                raise ValueError("no spread")
            series._set_usual(usual, spread_now)
        series._recent, series._first_s, series.since_s = saved.recent, saved.first_s, saved.since_s
        series.value, series.usual, series.spread = saved.figures
        return series

    def _begin(self, t_s: int) -> None:
        self._levels = array("i")
        self._gaps_min = bytearray()
        """How long after the one before each of the levels came."""
        self._in_hour = 0
        """Values since the hour began."""
        self._due_s = t_s + WINDOW_MIN * 60
        self.is_warm = False
        """Whether it is known what is usual."""
        self._usual = 0
        self._spread = self._day_spread = 0.0
        self._limit = 0.0
        """How far off a level may be."""
        self._recent = 0
        """A bit for each of the last values, the newest lowest: 1 for an unusual one."""
        self._first_s = 0
        """When the first of these was."""
        self.since_s: int | None = None
        """Since when there is an anomaly, where there is one."""

    def _judge(self, level: int, value: float, t_s: int) -> None:
        unusual = abs(level - self._usual) > self._limit
        if unusual:
            unusual = not self._seasons.knows(level, t_s // 3600, self._limit)
        elif not self._recent:
            return
        if not self._recent:
            self._first_s = t_s
        self._recent = (self._recent << 1 | unusual) & (1 << RECENT) - 1
        if unusual:
            self.value = value
        if not self._recent:
            self.since_s = None
        elif self.since_s is None and self._recent.bit_count() >= UNUSUAL_OF_RECENT:
            self.since_s = self._first_s
            self.usual = self._usual * self._watched.quantum
            self.spread = self._spread * self._watched.quantum

    def _learn(self, t_s: int) -> None:
        self._due_s = t_s + LEARN_EVERY_S
        self._drop_old()
        if len(self._levels) < VALUES_MIN:
            return
        ordered = sorted(self._levels)
        usual = middle(ordered)
        spread_now = spread(ordered, usual)
        if self.is_warm:
            self._day_spread += (spread_now - self._day_spread) / LEARNED_A_DAY
        else:
            self._day_spread = spread_now
        self._set_usual(usual, max(spread_now, self._day_spread))

    def _drop_old(self) -> None:
        surplus_min = sum(self._gaps_min) - WINDOW_MIN
        old = 0
        while surplus_min > 0 and old < len(self._levels) - VALUES_MIN:
            surplus_min -= self._gaps_min[old]
            old += 1
        del self._levels[:old], self._gaps_min[:old]

    def _set_usual(self, usual: int, spread: float) -> None:
        watched = self._watched
        self.is_warm = True
        self._usual, self._spread = usual, spread
        self._limit = max(Z_LIMIT * spread, watched.least / watched.quantum, watched.share * abs(usual))

    def _end_hour(self, hour: int) -> None:
        count = min(self._in_hour, len(self._levels))
        if count >= HOUR_VALUES_MIN:
            self._seasons.put(hour, middle(sorted(self._levels[-count:])))
        self._in_hour = 0


def middle(ordered: Sequence[int]) -> int:
    """The upper median of what is not empty: one of the levels, and never between two."""
    return ordered[len(ordered) // 2]


def spread(ordered: Sequence[int], usual: int) -> float:
    """As a standard deviation, in steps; at least one, for nothing is known below that."""
    # Distances of ordered levels fall and then rise, which sorts in no time.
    return max(1.0, SIGMAS_PER_MAD * middle(sorted([abs(level - usual) for level in ordered])))
