"""What is unusual about one node: its metrics against their own past, and its heap."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from meshward.status.anomaly.leak import LeakWatch, SavedLeakWatch
from meshward.status.anomaly.robust import GAP_MIN_S, SavedSeries, Series
from meshward.status.anomaly.watched import BY_NAME
from meshward.status.facts import Anomaly, Leak
from meshward.status.metrics import METRICS

HEAP = "heap_free_bytes"
STALE_S = 15 * 60
"""A metric that was not told for so long is not known to be unusual now."""
RATE_GAP_MAX_US = 3600 * 1_000_000
"""The mean rate of a longer time is not that of its end."""
COUNTER_END = 2**32
COUNTED_MAX = 2**28
"""More is not counted within a rate's time: what went back by more than a wrap explains began anew."""
SAVED_OLD_S = 24 * 3600
"""What was saved longer ago says nothing about now."""
SAVED_AHEAD_S = 3600
"""What was saved later than now was saved by another clock."""
CLOCK_END_S = 2**40
"""No clock tells such a time."""
_US = 1_000_000


class _Saved(msgspec.Struct):
    at_s: int
    series: dict[str, SavedSeries]
    leak: SavedLeakWatch | None = None


class NodeDetector:
    """Watches one node. How much it remembers does not depend on what it is told.

    Its own clock, in whole seconds, runs as the monitor's and tells roughly Unix time: it begins with what
    `wall_s` is at the first values, and keeps to that when the wall clock is set, so that nothing jumps.
    """

    def __init__(self) -> None:
        self._base_s: int | None = None
        """What is added to the monitor's clock."""
        self._now_s = 0
        self._series: dict[str, Series] = {}
        """By metric: as many as are watched."""
        self._counters: dict[str, tuple[float, int]] = {}
        """Where counters stood, and when; as many as are watched."""
        self._leak = LeakWatch()

    def on_values(self, values: Mapping[str, float], now_us: int, wall_s: float) -> None:
        """What was measured at `now_us`; a little earlier than what was told before is fine."""
        if self._base_s is None:
            self._base_s = _base_s(now_us, wall_s)
        t_s = now_us // _US + self._base_s
        self._now_s = t_s
        for name, told in values.items():
            watched = BY_NAME.get(name)
            # Decoders refuse values out of bounds, and NaN; whoever does not must not spoil what is known.
            if watched is None or not METRICS[name].low <= told <= METRICS[name].high:
                continue
            value = self._rate(name, told, now_us) if watched.is_counter else told
            if value is None:
                continue
            series = self._series.get(name)
            if series is None:
                series = self._series[name] = Series(watched)
            series.on_value(value, t_s)
            if name == HEAP:
                self._leak.on_value(value, t_s)

    def on_restart(self, now_us: int) -> None:
        """The node restarted: what is usual is learnt anew, and its heap begins anew."""
        self._begin_anew(now_us, seasons=False)

    def on_update(self, now_us: int) -> None:
        """The node runs other firmware: nothing of before counts."""
        self._begin_anew(now_us, seasons=True)

    def anomalies(self, now_us: int) -> tuple[Anomaly, ...]:
        """The metrics that are unlike themselves."""
        base_s = self._base_s or 0
        now_s = now_us // _US + base_s
        return tuple(
            Anomaly(name, series.value, series.usual, series.spread, (series.since_s - base_s) * _US)
            for name, series in self._series.items()
            if series.since_s is not None and not _is_stale(series, now_s)
        )

    def leak(self, now_us: int) -> Leak | None:
        """The leak of its heap, where it has one."""
        return self._leak.leak(now_us // _US + (self._base_s or 0))

    def snapshot(self) -> dict[str, Any]:
        """All that it knows, as plain values: about 5 KB for a node with 14 lively metrics, after a week."""
        series = {name: saved for name, one in self._series.items() if (saved := one.saved()) is not None}
        plain: dict[str, Any] = msgspec.to_builtins(_Saved(self._now_s, series, self._leak.saved()))
        return plain

    def restore(self, saved: object, now_us: int, wall_s: float) -> None:
        """Go on from a snapshot; begin anew where it is none, too old, or from another clock."""
        self._base_s = base_s = _base_s(now_us, wall_s)
        self._now_s = now_us // _US + base_s
        self._series, self._counters, self._leak = {}, {}, LeakWatch()
        try:
            read = msgspec.convert(saved, _Saved)
            if not -SAVED_AHEAD_S <= self._now_s - read.at_s <= SAVED_OLD_S:
                return
            series = {
                name: Series.restored(BY_NAME[name], one)
                for name, one in read.series.items()
                if name in BY_NAME
            }
            leak = LeakWatch() if read.leak is None else LeakWatch.restored(read.leak)
        except ValueError:
            return
        self._series, self._leak = series, leak

    def _begin_anew(self, now_us: int, *, seasons: bool) -> None:
        self._now_s = now_us // _US + (self._base_s or 0)
        self._counters.clear()
        for series in self._series.values():
            series.relearn(seasons=seasons)
        self._leak.begin()

    def _rate(self, name: str, count: float, now_us: int) -> float | None:
        """Per second, since a minute or so ago; None while that is not over, or cannot be told."""
        before = self._counters.get(name)
        passed_us = 0 if before is None else now_us - before[1]
        if before is not None and 0 <= passed_us < GAP_MIN_S * _US:
            return None
        if passed_us < 0 and -passed_us < RATE_GAP_MAX_US:
            return None  # told late
        self._counters[name] = count, now_us
        if before is None or not 0 < passed_us <= RATE_GAP_MAX_US:
            return None
        counted = count - before[0]
        if counted < 0:
            counted += COUNTER_END
            if counted > COUNTED_MAX:
                return None
        return counted * _US / passed_us


def _is_stale(series: Series, now_s: int) -> bool:
    return series.last_s is None or now_s - series.last_s > STALE_S


def _base_s(now_us: int, wall_s: float) -> int:
    wall = int(wall_s) if isfinite(wall_s) and abs(wall_s) < CLOCK_END_S else 0
    return wall - now_us // _US
