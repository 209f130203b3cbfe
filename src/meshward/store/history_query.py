"""A metric over time, at the resolution that suits: from samples, roll-ups, or both."""

import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from meshward.errors import InvalidError, UnknownItemError
from meshward.status.metrics import METRICS, Metric
from meshward.store import history_values, rollups
from meshward.store.history_codec import Point
from meshward.store.rollups import HOURS, MINUTES, Grain

POINTS_MAX = 20_000
"""The most points given at once: two weeks of minutes."""
_STEPS_S = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400)
_DAY_S = 86_400
#: Rows looked at for so many points: those of several sources, of which one tells the metric.
_ROWS_PER_POINT_MAX = 4

# A gap is where so many samples in a row are missing, going by how far they are apart otherwise; within these
# bounds, as two sources may tell the same a moment apart, and as seldom samples must not hide a long silence.
_MISSED = 3
_APART_MIN_S = 60
_APART_MAX_S = 600


@dataclass(frozen=True, slots=True)
class HistorySeries:
    """A metric of a node over time."""

    resolution_s: float
    """From point to point; 0 for the samples as they came."""
    points: list[Point]
    """In their order; one that counts 0 stands for a gap, and nothing for times before and after all data."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """What there is of a node; see `history`."""

    first_ms: int
    unrolled_ms: int | None
    raw_from_ms: int
    minutes_from_s: int


def query(
    connection: sqlite3.Connection,
    node: int,
    metric: str,
    start_s: float,
    end_s: float,
    resolution_s: float | None = None,
    points_max: int = 1000,
) -> HistorySeries:
    """A metric from `start_s` on and before `end_s`; counters as rates per second.

    At the finest resolution, not finer than asked for, of which there are at most `points_max` points and
    which is kept for all of that time. Raises UnknownItemError for the metric, InvalidError for the time,
    StoreError.
    """
    known = METRICS.get(metric)
    if known is None:
        raise UnknownItemError("there is no such metric; a node's page names those that it has")
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s < end_s):
        raise InvalidError("this time ends before it begins: give a start, and an end after it")
    points_max = min(max(points_max, 2), POINTS_MAX)
    wanted_s = 0 if resolution_s is None else resolution_s
    marks = _marks(connection, node)
    if wanted_s <= 0 and _is_kept(marks.raw_from_ms, start_s, marks):
        raw = _raw(connection, node, known, start_s, end_s, points_max)
        if raw is not None:
            return HistorySeries(0, raw)
    for step_s in steps_of(wanted_s, start_s, end_s, points_max):
        if step_s % HOURS.step_s == 0 or _is_kept(marks.minutes_from_s * 1000, start_s, marks):
            grain = MINUTES if step_s % HOURS.step_s else HOURS
            points = _rolled(connection, grain, node, known, start_s // step_s * step_s, end_s, step_s, marks)
            return HistorySeries(step_s, with_gaps(points, step_s))
    raise AssertionError("days are always kept")


def steps_of(wanted_s: float, start_s: float, end_s: float, points_max: int) -> Iterator[int]:
    """Resolutions of which there are not too many points, the finest first; the last is of whole days."""
    asked_s = math.ceil(wanted_s / MINUTES.step_s) * MINUTES.step_s
    for step_s in sorted({asked_s, *_STEPS_S}):
        if (
            step_s >= max(asked_s, 1)
            and math.ceil((end_s - start_s // step_s * step_s) / step_s) <= points_max
        ):
            yield step_s
    # One point fewer, as the first day may have begun before `start_s`.
    days = math.ceil(max(wanted_s, (end_s - start_s) / (points_max - 1)) / _DAY_S)
    yield days * _DAY_S


def _marks(connection: sqlite3.Connection, node: int) -> _Marks:
    row = connection.execute(
        "SELECT first_ms, unrolled_ms, raw_from_ms, minutes_from_s FROM sample_node WHERE node = ?", (node,)
    ).fetchone()
    return _Marks(*row) if row is not None else _Marks(0, None, 0, 0)


def _is_kept(from_ms: int, start_s: float, marks: _Marks) -> bool:
    """Whether what is kept from a moment on is all there was since the start."""
    return from_ms <= max(start_s * 1000, marks.first_ms)


def _raw(
    connection: sqlite3.Connection, node: int, metric: Metric, start_s: float, end_s: float, points_max: int
) -> list[Point] | None:
    """The samples as they came; None where they are too many."""
    start_ms, end_ms = math.ceil(start_s * 1000), math.ceil(end_s * 1000)
    limit = points_max * _ROWS_PER_POINT_MAX
    (count,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM sample WHERE node = ? AND at_ms >= ? AND at_ms < ? LIMIT ?)",
        (node, start_ms, end_ms, limit + 1),
    ).fetchone()
    if count > limit:
        return None
    found = history_values.rows(connection, node, start_ms, end_ms)
    values = history_values.metric_values(found, start_ms, metric)
    points = with_gaps([(at_ms / 1000, value, value, value, 1) for at_ms, value in values], 0)
    return points if len(points) <= points_max else None


def _rolled(
    connection: sqlite3.Connection,
    grain: Grain,
    node: int,
    metric: Metric,
    start_s: float,
    end_s: float,
    step_s: int,
    marks: _Marks,
) -> list[Point]:
    """Roll-ups, and from the first hour that was not rolled up on the samples themselves."""
    rolled_end_s = end_s if marks.unrolled_ms is None else min(end_s, marks.unrolled_ms / 1000)
    points = rollups.read(connection, grain, node, metric.number, start_s, rolled_end_s)
    if rolled_end_s < end_s:
        start_ms, end_ms = round(max(start_s, rolled_end_s) * 1000), math.ceil(end_s * 1000)
        found = history_values.rows(connection, node, start_ms, end_ms)
        values = history_values.metric_values(found, start_ms, metric)
        points += history_values.by_step(values, grain.step_s)
    return points if step_s == grain.step_s else history_values.folded(points, step_s)


def with_gaps(points: list[Point], step_s: int) -> list[Point]:
    """The points with one that counts 0 in each gap between them."""
    if len(points) < 2:
        return points
    usual_s = _usual_s(points, step_s)
    longest_s = max(1.5 * step_s, _MISSED * usual_s)
    shown = points[:1]
    for before, point in pairwise(points):
        if point[0] - before[0] > longest_s:
            shown.append((before[0] + (step_s or usual_s), None, None, None, 0))
        shown.append(point)
    return shown


def _usual_s(points: list[Point], step_s: int) -> float:
    """How far samples are apart, where they come."""
    count = median(point[4] for point in points)
    apart_s = (
        step_s / count
        if step_s and count > 1
        else median(after[0] - before[0] for before, after in pairwise(points))
    )
    return min(max(apart_s, _APART_MIN_S), _APART_MAX_S)
