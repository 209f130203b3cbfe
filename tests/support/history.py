"""Samples for the tests of history, and what must come of them, worked out in the plainest way."""

from contextlib import contextmanager

from meshward.store import history, rollups
from meshward.store.history import SampleRow
from tests.support.store import NOW_S

NODE = 3213549812
DAY_S = 86_400
HOUR_S = 3600
T = NOW_S // DAY_S * DAY_S
"""The beginning of a day."""


def sample(at_s, source="telemetry", node=NODE, boots=None, uptime_s=None, **values) -> SampleRow:
    """A sample so many seconds after `T`."""
    return SampleRow(node, T + at_s, source, values, boots, uptime_s)


def put(connection, *samples, now_s=None):
    """Store them, at the time of the latest where no other is given."""
    return history.add(connection, samples, max(row.at_s for row in samples) if now_s is None else now_s)


def roll_all(connection, now_s) -> int:
    """Roll up all that is due; how many hours that were."""
    hours = 0
    while due := rollups.due(connection, now_s):
        for node in due:
            hours += rollups.roll_up(connection, node, now_s)
    return hours


def expire_all(connection, now_s, keep=history.Keep()):  # noqa: B008 it is frozen
    """Drop all that is too old; how many slices it took."""
    slices = 1
    while history.expire(connection, now_s, keep):
        slices += 1
    return slices


def points(connection, metric, start_s=0, end_s=DAY_S, resolution_s=None, points_max=20_000, node=NODE):
    """What a query gives, in seconds after `T`."""
    series = history.query(connection, node, metric, T + start_s, T + end_s, resolution_s, points_max)
    return [(at_s - T, *rest) for at_s, *rest in series.points]


def by_step(values, step_s):
    """(at_s, value) put together by steps: {beginning: (mean, least, most, count)}."""
    steps = {}
    for at_s, value in values:
        steps.setdefault(at_s // step_s * step_s, []).append(value)
    return {
        at_s: (sum(found) / len(found), min(found), max(found), len(found)) for at_s, found in steps.items()
    }


@contextmanager
def steps_of_the_machine(connection):
    """Counts, in thousands, the steps of SQLite's machine within: what a statement costs, on any computer."""
    counted = [0]

    def count():
        counted[0] += 1

    connection.set_progress_handler(count, 1000)
    try:
        yield counted
    finally:
        connection.set_progress_handler(None, 0)
