"""Rolling samples up: each closed hour of a node into minutes, and into one hour of its day.

Late samples are waited for; one that comes later still makes its hour be rolled up again (see `history.add`).
"""

# ruff: noqa: S608 what is put into statements are names of tables of this file

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from meshward.store import history_values
from meshward.store.history_codec import Point, pack_chunk, unpack_chunk, unpack_means
from meshward.store.transaction import transaction

GRACE_S = 600
"""How long after its end an hour is rolled up: batches of telemetry arrive up to 5 minutes late."""

_HOUR_S = 3600
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Grain:
    """A table of roll-ups: steps of a metric, so many in a row."""

    table: str
    step_s: int
    steps: int

    @property
    def chunk_s(self) -> int:
        """What a row holds."""
        return self.step_s * self.steps


MINUTES = Grain("sample_minute", 60, 60)
HOURS = Grain("sample_hour", _HOUR_S, 24)


def due(connection: sqlite3.Connection, now_s: float, limit: int = 1000) -> list[int]:
    """Nodes with an hour to be rolled up, those that wait longest first."""
    rows = connection.execute(
        "SELECT node FROM sample_node WHERE unrolled_ms <= ? ORDER BY unrolled_ms, node LIMIT ?",
        (_closed_ms(now_s), limit),
    )
    return [row[0] for row in rows]


def roll_up(connection: sqlite3.Connection, node: int, now_s: float) -> bool:
    """Roll up the earliest closed hour of a node; True where there was one. Raises StoreError.

    What was rolled up of that hour before is replaced.
    """
    with transaction(connection):
        row = connection.execute("SELECT unrolled_ms FROM sample_node WHERE node = ?", (node,)).fetchone()
        if row is None or row[0] is None or row[0] > _closed_ms(now_s):
            return False
        start_s = row[0] // 1000
        end_ms = (start_s + _HOUR_S) * 1000
        found = history_values.rows(connection, node, row[0], end_ms)
        for number, values in history_values.all_values(found, row[0]).items():
            minutes = history_values.by_step(values, MINUTES.step_s)
            _write(connection, MINUTES, node, number, start_s, minutes)
            (hour,) = history_values.by_step(values, HOURS.step_s)
            _set_hour(connection, node, number, hour)
        connection.execute(
            "UPDATE sample_node SET unrolled_ms = "
            "(SELECT at_ms / ?3 * ?3 FROM sample WHERE node = ?1 AND at_ms >= ?2 ORDER BY at_ms LIMIT 1) "
            "WHERE node = ?1",
            (node, end_ms, _HOUR_S * 1000),
        )
    return True


def read(
    connection: sqlite3.Connection, grain: Grain, node: int, metric: int, start_s: float, end_s: float
) -> list[Point]:
    """The steps of a metric that begin from `start_s` on and before `end_s`. Raises StoreError."""
    rows = connection.execute(
        f"SELECT start_s, data FROM {grain.table} "
        "WHERE node = ? AND metric = ? AND start_s > ? AND start_s < ? ORDER BY start_s",
        (node, metric, start_s - grain.chunk_s, end_s),
    )
    points: list[Point] = []
    for chunk_start_s, data in rows:
        chunk = unpack_chunk(data, chunk_start_s, grain.step_s, grain.steps)
        if chunk_start_s < start_s or chunk_start_s + grain.chunk_s > end_s:
            chunk = [point for point in chunk if start_s <= point[0] < end_s]
        points += chunk
    return points


def read_means(
    connection: sqlite3.Connection, grain: Grain, node: int, metric: int, start_s: float, end_s: float
) -> Iterator[tuple[int, float, int]]:
    """As `read`, but less, and faster: beginning, mean, and how many values. Raises StoreError."""
    rows = connection.execute(
        f"SELECT start_s, data FROM {grain.table} "
        "WHERE node = ? AND metric = ? AND start_s > ? AND start_s < ? ORDER BY start_s",
        (node, metric, start_s - grain.chunk_s, end_s),
    )
    for chunk_start_s, data in rows:
        counts, means = unpack_means(data, grain.steps)
        filled = iter(means)
        at_s = chunk_start_s
        for count in counts:
            if count:
                mean = next(filled)
                if start_s <= at_s < end_s:
                    yield at_s, mean, count
            at_s += grain.step_s


def _closed_ms(now_s: float) -> int:
    """The latest beginning of an hour that nothing is waited for any more."""
    return round((now_s - GRACE_S - _HOUR_S) * 1000)


def _set_hour(connection: sqlite3.Connection, node: int, metric: int, hour: Point) -> None:
    start_s = int(hour[0]) // _DAY_S * _DAY_S
    others = read(connection, HOURS, node, metric, start_s, start_s + _DAY_S)
    points = sorted([*(point for point in others if point[0] != hour[0]), hour])
    _write(connection, HOURS, node, metric, start_s, points)


def _write(
    connection: sqlite3.Connection, grain: Grain, node: int, metric: int, start_s: int, points: list[Point]
) -> None:
    connection.execute(
        f"REPLACE INTO {grain.table} VALUES (?, ?, ?, ?)",
        (node, metric, start_s, pack_chunk(points, start_s, grain.step_s, grain.steps)),
    )
