"""A metric of many nodes over time, put together step by step: of each its mean, of these what they span.

From roll-ups, and from the samples themselves where these are not rolled up yet, as in `history_query`. Read
node by node, so that whoever waits for the store gets at it in between.
"""

import math
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from meshward.errors import InvalidError, UnknownItemError
from meshward.status.metrics import METRICS, Metric
from meshward.store import history_values, rollups
from meshward.store.history_codec import Point
from meshward.store.history_query import steps_of, with_gaps
from meshward.store.rollups import HOURS, MINUTES, Grain

VALUES_MAX = 1_000_000
"""Means held at once, of all nodes and steps: 8 MB."""
VALUES_AT_ONCE = 50_000
"""Roll-ups read in one go: some 50 ms, so that others get at the store in between."""
MINUTE_CHUNKS_MAX = 50_000
"""Hours of nodes read minute by minute: a second or two of work. Beyond that hours do."""


@dataclass(frozen=True, slots=True)
class MeshStep:
    """Least, median, most and sum of the nodes' means; None in a gap, where no node told anything."""

    at_s: float
    low: float | None
    median: float | None
    high: float | None
    total: float | None
    nodes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read."""

    metric: Metric
    start_s: int
    """Of the first step."""
    end_s: float
    step_s: int
    unrolled_s: dict[int, float]
    """By node: from when on it is not rolled up. Nodes without history are left out."""


def plan(
    connection: sqlite3.Connection,
    nodes: Sequence[int],
    metric: str,
    start_s: float,
    end_s: float,
    resolution_s: float | None = None,
    points_max: int = 300,
) -> Plan:
    """Which steps to take: the finest, not finer than asked for, of which there are at most `points_max`,
    and fewer where nodes are very many. Never finer than a minute.

    Raises UnknownItemError for the metric, InvalidError for the time, StoreError.
    """
    known = METRICS.get(metric)
    if known is None:
        raise UnknownItemError("there is no such metric; the catalogue of metrics names those that there are")
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s < end_s):
        raise InvalidError("this time ends before it begins: give a start, and an end after it")
    marks = _marks(connection, nodes)
    points_max = max(2, min(points_max, VALUES_MAX // max(1, len(marks))))
    from_s = max(start_s, min((first_s for first_s, _, _ in marks.values()), default=0.0))
    has_minutes = all(minutes_s <= max(start_s, first_s) for first_s, _, minutes_s in marks.values())
    if len(marks) * (end_s - from_s) / MINUTES.chunk_s > MINUTE_CHUNKS_MAX:
        has_minutes = False
    step_s = next(
        step_s
        for step_s in steps_of(max(resolution_s or 0, 1), start_s, end_s, points_max)
        if has_minutes or step_s % HOURS.step_s == 0
    )
    first_step_s = int(start_s // step_s * step_s)
    unrolled_s = {node: unrolled_s for node, (_, unrolled_s, _) in marks.items()}
    return Plan(known, first_step_s, end_s, step_s, unrolled_s)


class Gathering:
    """The steps of a plan, filled by some nodes after the other."""

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self._grain = HOURS if made.step_s % HOURS.step_s == 0 else MINUTES
        self._values: dict[int, array[float]] = {}
        """By step: the means of the nodes that told something in it."""
        self._counts: dict[int, int] = {}
        """By step: how many samples that were."""

    @property
    def nodes_at_once(self) -> int:
        """How many nodes to add in one go, see VALUES_AT_ONCE."""
        values = (self.plan.end_s - self.plan.start_s) / self._grain.step_s
        return max(1, int(VALUES_AT_ONCE / values))

    def read(self, connection: sqlite3.Connection, nodes: Sequence[int]) -> None:
        """Add nodes. Raises StoreError."""
        made = self.plan
        for node in nodes:
            if node not in made.unrolled_s:
                continue
            found = means(
                connection, self._grain, node, made.metric, made.start_s, made.end_s, made.unrolled_s[node]
            )
            for place, (total, count) in _by_step(found, made.start_s, made.step_s).items():
                if place not in self._values:
                    self._values[place], self._counts[place] = array("d"), 0
                self._values[place].append(total / count)
                self._counts[place] += count

    def steps(self) -> list[MeshStep]:
        """What came of it, in order; one step without values stands for a gap between others."""
        made = self.plan
        # A node's own samples tell how far these are apart, and so what is a gap.
        points: list[Point] = [
            (
                made.start_s + place * made.step_s,
                *(None, None, None),
                max(1, round(self._counts[place] / len(self._values[place]))),
            )
            for place in sorted(self._values)
        ]
        return [self._step(point[0], point[4]) for point in with_gaps(points, made.step_s)]

    def _step(self, at_s: float, count: int) -> MeshStep:
        if not count:
            return MeshStep(at_s, None, None, None, None, 0)
        values = self._values[int(at_s - self.plan.start_s) // self.plan.step_s]
        return MeshStep(at_s, min(values), median(values), max(values), math.fsum(values), len(values))


def means(
    connection: sqlite3.Connection,
    grain: Grain,
    node: int,
    metric: Metric,
    start_s: float,
    end_s: float,
    unrolled_s: float,
) -> Iterator[tuple[float, float, int]]:
    """Beginning, mean and count of a metric's roll-ups, then of each sample that is not rolled up yet.

    Raises StoreError.
    """
    rolled_end_s = min(end_s, unrolled_s)
    rolled = rollups.read_means(connection, grain, node, metric.number, start_s, rolled_end_s)
    if rolled_end_s >= end_s:
        return iter(rolled)
    start_ms, end_ms = round(max(start_s, rolled_end_s) * 1000), math.ceil(end_s * 1000)
    found = history_values.rows(connection, node, start_ms, end_ms)
    values = history_values.metric_values(found, start_ms, metric)
    return chain(rolled, ((at_ms / 1000, value, 1) for at_ms, value in values))


def unrolled_s(connection: sqlite3.Connection, nodes: Sequence[int]) -> dict[int, float]:
    """From when on nodes are not rolled up, infinity where all is; without those that have no history."""
    return {node: unrolled_s for node, (_, unrolled_s, _) in _marks(connection, nodes).items()}


def _marks(connection: sqlite3.Connection, nodes: Sequence[int]) -> dict[int, tuple[float, float, float]]:
    """Of nodes with history in Unix seconds: its beginning, what is not rolled up, and what has minutes."""
    wanted = set(nodes)
    rows = connection.execute("SELECT node, first_ms, unrolled_ms, minutes_from_s FROM sample_node")
    return {
        node: (first_ms / 1000, math.inf if unrolled_ms is None else unrolled_ms / 1000, minutes_s)
        for node, first_ms, unrolled_ms, minutes_s in rows
        if node in wanted
    }


def _by_step(
    found: Iterator[tuple[float, float, int]], start_s: int, step_s: int
) -> dict[int, tuple[float, int]]:
    """Sum and count by the number of the step."""
    steps: dict[int, tuple[float, int]] = {}
    for at_s, mean, count in found:
        place = int(at_s - start_s) // step_s
        total, counted = steps.get(place, (0.0, 0))
        steps[place] = (total + mean * count, counted + count)
    return steps
