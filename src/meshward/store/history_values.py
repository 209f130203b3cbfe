"""From stored samples to values over time: gauges as they are, counters as rates per second."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshward.status.metrics import BY_NUMBER, Metric
from meshward.store.history_codec import Point, unpack_sample, unpack_value

RATE_ACROSS_MAX_S = 600
"""Between samples further apart than that nothing is said of a counter: it is a gap."""
_RATE_ACROSS_MIN_S = 1
#: Uptimes of one boot grow like our time, within this and this share of it: packages are held up on the way.
_UPTIME_TOLERANCE_S = 30
_UPTIME_TOLERANCE_SHARE = 0.02

Row = tuple[int, int, bytes]
"""A stored sample: Unix milliseconds, number of its source, and the sample."""
Value = tuple[int, float]
"""Unix milliseconds, and a value."""


class Tally:
    """What is kept of several values."""

    __slots__ = ("count", "high", "low", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")

    def add(self, mean: float, low: float, high: float, count: int) -> None:
        """Count further values in."""
        self.count += count
        self.total += mean * count
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def point(self, at_s: float) -> Point:
        """All of them as one step."""
        # What was added up may be off by its last digit, and must not fall outside.
        mean = min(max(self.total / self.count, self.low), self.high)
        return (at_s, mean, self.low, self.high, self.count)


class _Reading(NamedTuple):
    """A counter at one moment."""

    at_ms: int
    value: float
    boots: int | None
    uptime_s: int | None


def rows(connection: sqlite3.Connection, node: int, start_ms: int, end_ms: int) -> Iterator[Row]:
    """Samples from `start_ms` on and before `end_ms`, after those by which their rates are known."""
    return iter(
        connection.execute(
            "SELECT at_ms, source, data FROM sample WHERE node = ? AND at_ms >= ? AND at_ms < ? "
            "ORDER BY at_ms, source",
            (node, start_ms - RATE_ACROSS_MAX_S * 1000, end_ms),
        )
    )


def all_values(found: Iterator[Row], start_ms: int) -> dict[int, list[Value]]:
    """The values of every metric from `start_ms` on, by the numbers of the metrics. Raises StoreError."""
    values: dict[int, list[Value]] = {}
    before: dict[tuple[int, int], _Reading] = {}
    for at_ms, source, data in found:
        sample = unpack_sample(data)
        for number, stored in sample.values.items():
            metric = BY_NUMBER[number]
            value: float | None = stored
            if metric.kind == "counter":
                reading = _Reading(at_ms, stored, sample.boots, sample.uptime_s)
                value = _rate(metric, before, (source, number), reading)
            if value is not None and at_ms >= start_ms:
                values.setdefault(number, []).append((at_ms, value))
    return values


def metric_values(found: Iterator[Row], start_ms: int, metric: Metric) -> list[Value]:
    """The values of one metric from `start_ms` on. Raises StoreError."""
    values = []
    before: dict[tuple[int, int], _Reading] = {}
    for at_ms, source, data in found:
        unpacked = unpack_value(data, metric)
        if unpacked is None:
            continue
        value: float | None = unpacked[0]
        if metric.kind == "counter":
            value = _rate(metric, before, (source, metric.number), _Reading(at_ms, *unpacked))
        if value is not None and at_ms >= start_ms:
            values.append((at_ms, value))
    return values


def by_step(values: Sequence[Value], step_s: int) -> list[Point]:
    """Values put together by steps, which begin at multiples of `step_s`."""
    tallies: dict[int, Tally] = {}
    for at_ms, value in values:
        start_s = at_ms // 1000 // step_s * step_s
        tally = tallies.get(start_s)
        if tally is None:
            tally = tallies[start_s] = Tally()
        tally.add(value, value, value, 1)
    return [tally.point(start_s) for start_s, tally in tallies.items()]


def folded(points: Sequence[Point], step_s: int) -> list[Point]:
    """Points in their order, put together by longer steps; points of one step become one as well."""
    tallies: dict[int, Tally] = {}
    for at_s, mean, low, high, count in points:
        start_s = int(at_s) // step_s * step_s
        tally = tallies.get(start_s)
        if tally is None:
            tally = tallies[start_s] = Tally()
        assert mean is not None
        assert low is not None
        assert high is not None
        tally.add(mean, low, high, count)
    return [tally.point(start_s) for start_s, tally in tallies.items()]


def _rate(
    metric: Metric, before: dict[tuple[int, int], _Reading], key: tuple[int, int], reading: _Reading
) -> float | None:
    """How fast a counter grew since the reading before, which `reading` replaces; None where it is not known.

    Counters of several sources are told apart by `key`: they may count differently.
    """
    last = before.get(key)
    if last is None:
        before[key] = reading
        return None
    seconds = (reading.at_ms - last.at_ms) / 1000
    if seconds < _RATE_ACROSS_MIN_S:
        return None  # a few packets within nearly no time would look like a flood
    before[key] = reading
    if seconds > RATE_ACROSS_MAX_S:
        return None
    same_boot = _is_same_boot(last, reading, seconds)
    grown = reading.value - last.value
    if same_boot is False:
        return None
    if grown < 0:
        # Smaller than before: it came round its end, or began anew.
        grown += metric.high + 1
        if not same_boot or grown > metric.high / 2:
            return None
    return grown / seconds


def _is_same_boot(last: _Reading, reading: _Reading, seconds: float) -> bool | None:
    """Whether a node did not restart between two readings; None where nothing is known of it."""
    if last.boots is not None and reading.boots is not None:
        return last.boots == reading.boots
    if last.uptime_s is None or reading.uptime_s is None:
        return None
    tolerance_s = _UPTIME_TOLERANCE_S + seconds * _UPTIME_TOLERANCE_SHARE
    return reading.uptime_s >= max(last.uptime_s, last.uptime_s + seconds - tolerance_s)
