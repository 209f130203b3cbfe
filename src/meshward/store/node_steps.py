"""A metric of one node over a long time, step by step, each as fine as it is kept."""

import math
import sqlite3
from collections.abc import Iterator

from meshward.status.metrics import Metric
from meshward.store import history_values, rollups
from meshward.store.rollups import HOURS, MINUTES

Step = tuple[float, float, float, int]
"""Unix seconds of its beginning, its length in seconds, the mean of its values, and how many there are."""


def read(
    connection: sqlite3.Connection, node: int, metric: Metric, start_s: float, end_s: float
) -> Iterator[Step]:
    """The steps from the hour of `start_s` on and before `end_s`, in their order; none where no value is.

    Minutes, and where these are gone already hours; counters as rates per second. Raises StoreError.
    """
    row = connection.execute(
        "SELECT unrolled_ms, minutes_from_s FROM sample_node WHERE node = ?", (node,)
    ).fetchone()
    if row is None:
        return
    start_s = start_s // HOURS.step_s * HOURS.step_s
    rolled_end_s = end_s if row[0] is None else min(end_s, row[0] / 1000)
    minutes_s = max(start_s, row[1])
    for at_s, mean, count in rollups.read_means(
        connection, HOURS, node, metric.number, start_s, min(minutes_s, rolled_end_s)
    ):
        yield at_s, HOURS.step_s, mean, count
    for at_s, mean, count in rollups.read_means(
        connection, MINUTES, node, metric.number, minutes_s, rolled_end_s
    ):
        yield at_s, MINUTES.step_s, mean, count
    if rolled_end_s < end_s:
        start_ms, end_ms = round(max(start_s, rolled_end_s) * 1000), math.ceil(end_s * 1000)
        found = history_values.rows(connection, node, start_ms, end_ms)
        values = history_values.metric_values(found, start_ms, metric)
        for begin_s, average, _low, _high, count in history_values.by_step(values, MINUTES.step_s):
            assert average is not None
            yield begin_s, MINUTES.step_s, average, count
