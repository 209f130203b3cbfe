"""The history of nodes' metrics: samples as they came, to be rolled up by `rollups`; the oldest go.

Of each node the table `sample_node` tells when its samples begin (`first_ms`), which hour is the first to be
rolled up (`unrolled_ms`, none where all are), from when on all samples (`raw_from_ms`) and all minutes
(`minutes_from_s`) are there, and in which hour it was last looked at for what is too old (`expired_s`).
"""

# ruff: noqa: S608 what is put into statements are names of tables of this file

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshward.status.metrics import BY_NUMBER
from meshward.store.history_codec import metrics_of, pack_sample, source_name, source_number, unpack_sample
from meshward.store.history_query import HistorySeries, query
from meshward.store.transaction import transaction

__all__ = ["HistorySeries", "Keep", "SampleRow", "add", "expire", "forget", "latest", "query"]

FUTURE_MAX_S = 86_400
"""Samples from further ahead are refused: their clock is wrong."""
NODES_MAX = 10_000
"""Of more nodes at a time nothing is kept, as in `nodes`: a mesh can make up ids."""
SAMPLES_PER_MINUTE_MAX = 60
"""Of one node, whatever their source; what is above that is a flood, and not kept."""

_HOUR_S = 3600
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_DAY_S = 86_400
_NEVER = 2**53
#: Looked through for the last values of a node.
_LATEST_SAMPLES_MAX = 1000
#: Deleted at once, about: some 10 ms, so that nobody waits.
_DELETED_AT_ONCE = 2000
#: Looked at in one slice, about 40 statements each.
_NODES_AT_ONCE = 10
#: Of a node that is not known (any more) the history goes after that: it may come to be known a little later.
_UNKNOWN_KEPT_S = 86_400


@dataclass(frozen=True, slots=True)
class SampleRow:
    """What was told of a node at one moment."""

    node: int
    at_s: float
    """When it was measured."""
    source: str
    """As in `status.samples`."""
    values: Mapping[str, float]
    boots: int | None = None
    """Low byte of its boot counter. It and the uptime tell whether counters began anew."""
    uptime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long history is kept."""

    raw_h: float = 48
    """Samples as they came."""
    minute_days: float = 30
    hour_days: float = 365


def add(connection: sqlite3.Connection, samples: Sequence[SampleRow], now_s: float) -> int:
    """Store samples, in any order, and tell how many were kept.

    One of the same node, moment and source as another is merged into it. Not kept are those from too far
    ahead, of times whose samples are gone already, and of nodes that send too many or are too many.
    """
    with transaction(connection):
        return sum(_add(connection, sample, now_s) for sample in samples)


def latest(connection: sqlite3.Connection, since_s: float) -> dict[int, dict[str, tuple[float, float, str]]]:
    """The last value of every metric of every node, with its Unix seconds and its source.

    As far as it is from since then, and among the node's last 1,000 samples: half a day or so.
    """
    nodes = [row[0] for row in connection.execute("SELECT node FROM sample_node ORDER BY node")]
    found = {node: _latest(connection, node, since_s) for node in nodes}
    return {node: values for node, values in found.items() if values}


def forget(connection: sqlite3.Connection, node: int) -> None:
    """Drop all history of a node."""
    with transaction(connection):
        for table in ("sample", "sample_minute", "sample_hour", "sample_node"):
            connection.execute(f"DELETE FROM {table} WHERE node = ?", (node,))


def expire(connection: sqlite3.Connection, now_s: float, keep: Keep) -> bool:
    """Drop some of what is too old, and of nodes that nobody knows; True while there is more to drop.

    Samples that are not rolled up yet stay, as do those before them that their rates are known by.
    """
    hour_s = _floor(now_s, _HOUR_S)
    nodes = connection.execute(
        "SELECT node FROM sample_node WHERE expired_s <> ? ORDER BY expired_s, node LIMIT ?",
        (hour_s, _NODES_AT_ONCE),
    ).fetchall()
    deleted = 0
    with transaction(connection):
        for (node,) in nodes:
            deleted += _expire_node(connection, node, now_s, keep, _DELETED_AT_ONCE - deleted)
            if deleted >= _DELETED_AT_ONCE:
                return True
            connection.execute("UPDATE sample_node SET expired_s = ? WHERE node = ?", (hour_s, node))
    return len(nodes) == _NODES_AT_ONCE


def _latest(connection: sqlite3.Connection, node: int, since_s: float) -> dict[str, tuple[float, float, str]]:
    values: dict[str, tuple[float, float, str]] = {}
    seen = 0
    rows = connection.execute(
        "SELECT at_ms, source, data FROM sample WHERE node = ? AND at_ms >= ? "
        "ORDER BY at_ms DESC, source DESC LIMIT ?",
        (node, round(since_s * 1000), _LATEST_SAMPLES_MAX),
    )
    for at_ms, source, data in rows:
        present = metrics_of(data)
        if not present & ~seen:
            continue
        seen |= present
        for number, value in unpack_sample(data).values.items():
            values.setdefault(BY_NUMBER[number].name, (value, at_ms / 1000, source_name(source)))
    return values


def _add(connection: sqlite3.Connection, sample: SampleRow, now_s: float) -> bool:
    if not 0 <= sample.at_s <= now_s + FUTURE_MAX_S:
        return False
    at_ms = round(sample.at_s * 1000)
    hour_ms = at_ms // _HOUR_MS * _HOUR_MS
    marks = connection.execute(
        "SELECT first_ms, unrolled_ms, raw_from_ms FROM sample_node WHERE node = ?", (sample.node,)
    ).fetchone()
    if marks is None:
        if connection.execute("SELECT count(*) FROM sample_node").fetchone()[0] >= NODES_MAX:
            return False
        connection.execute(
            "INSERT INTO sample_node (node, first_ms, unrolled_ms) VALUES (?, ?, ?)",
            (sample.node, at_ms, hour_ms),
        )
    else:
        first_ms, unrolled_ms, raw_from_ms = marks
        if at_ms < raw_from_ms or _is_flood(connection, sample.node, at_ms):
            return False
        if at_ms < first_ms or unrolled_ms is None or hour_ms < unrolled_ms:
            # What was rolled up already is so again, to its end: rates go on from hour to hour.
            connection.execute(
                "UPDATE sample_node SET first_ms = min(first_ms, ?2), "
                "unrolled_ms = min(coalesce(unrolled_ms, ?3), ?3) WHERE node = ?1",
                (sample.node, at_ms, hour_ms),
            )
    _put(connection, sample, at_ms)
    return True


def _is_flood(connection: sqlite3.Connection, node: int, at_ms: int) -> bool:
    minute_ms = at_ms // _MINUTE_MS * _MINUTE_MS
    count = connection.execute(
        "SELECT count(*) FROM sample WHERE node = ? AND at_ms >= ? AND at_ms < ?",
        (node, minute_ms, minute_ms + _MINUTE_MS),
    ).fetchone()[0]
    return int(count) >= SAMPLES_PER_MINUTE_MAX


def _put(connection: sqlite3.Connection, sample: SampleRow, at_ms: int) -> None:
    values, boots, uptime_s = sample.values, sample.boots, sample.uptime_s
    key = (sample.node, at_ms, source_number(sample.source))
    data = pack_sample(values, boots, uptime_s)
    added = connection.execute("INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?)", (*key, data))
    if added.rowcount:
        return
    (before,) = connection.execute(
        "SELECT data FROM sample WHERE node = ? AND at_ms = ? AND source = ?", key
    ).fetchone()
    stored = unpack_sample(before)
    merged = {BY_NUMBER[number].name: value for number, value in stored.values.items()} | dict(values)
    data = pack_sample(
        merged,
        stored.boots if boots is None else boots,
        stored.uptime_s if uptime_s is None else uptime_s,
    )
    connection.execute("REPLACE INTO sample VALUES (?, ?, ?, ?)", (*key, data))


def _expire_node(connection: sqlite3.Connection, node: int, now_s: float, keep: Keep, budget: int) -> int:
    """How many rows were deleted: some more than the budget where there is more to delete."""
    raw_ms = _floor(now_s - keep.raw_h * _HOUR_S, _HOUR_S) * 1000
    minutes_s = _floor(now_s - keep.minute_days * _DAY_S, _DAY_S)
    hours_s = _floor(now_s - keep.hour_days * _DAY_S, _DAY_S)
    (unrolled_ms,) = connection.execute(
        "SELECT unrolled_ms FROM sample_node WHERE node = ?", (node,)
    ).fetchone()
    if _is_unknown(connection, node, now_s):
        raw_ms = minutes_s = hours_s = _NEVER
    elif unrolled_ms is not None:
        raw_ms = min(raw_ms, unrolled_ms - _HOUR_MS)
    # First of all, as deleting may take several slices: what is half gone counts as gone. These marks only
    # grow, unless the clock was set back: then all that comes from now on is there.
    connection.execute(
        "UPDATE sample_node SET raw_from_ms = max(?2, min(raw_from_ms, ?3)), "
        "minutes_from_s = max(?4, min(minutes_from_s, ?5)) WHERE node = ?1",
        (node, raw_ms, _floor(now_s, _HOUR_S) * 1000, minutes_s, _floor(now_s, _DAY_S)),
    )
    deleted = connection.execute(
        # The bound is the first row that is beyond the budget.
        "DELETE FROM sample WHERE node = ?1 AND at_ms < min(?2, coalesce("
        "(SELECT at_ms FROM sample WHERE node = ?1 ORDER BY at_ms LIMIT 1 OFFSET ?3), ?2))",
        (node, raw_ms, budget),
    ).rowcount
    for table, before_s in (("sample_minute", minutes_s), ("sample_hour", hours_s)):
        for metric in range(len(BY_NUMBER)):
            if deleted >= budget:
                return deleted
            deleted += connection.execute(
                f"DELETE FROM {table} WHERE node = ? AND metric = ? AND start_s < ?", (node, metric, before_s)
            ).rowcount
    if _is_empty(connection, node):
        connection.execute("DELETE FROM sample_node WHERE node = ?", (node,))
    return deleted


def _is_unknown(connection: sqlite3.Connection, node: int, now_s: float) -> bool:
    """Whether a node was forgotten, or never known, and did not just begin to send."""
    (unknown,) = connection.execute(
        "SELECT NOT EXISTS (SELECT 1 FROM node WHERE id = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM sample WHERE node = ?1 AND at_ms > ?2)",
        (node, round((now_s - _UNKNOWN_KEPT_S) * 1000)),
    ).fetchone()
    return bool(unknown)


def _is_empty(connection: sqlite3.Connection, node: int) -> bool:
    (empty,) = connection.execute(
        "SELECT NOT EXISTS (SELECT 1 FROM sample WHERE node = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM sample_minute WHERE node = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM sample_hour WHERE node = ?1)",
        (node,),
    ).fetchone()
    return bool(empty)


def _floor(at_s: float, step_s: int) -> int:
    return int(at_s // step_s * step_s)
