"""What history takes of the disk and of time."""

import random
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.settings import Settings
from bench.table import Table
from meshward.store import history, nodes, rollups
from meshward.store.connection import open_connection
from meshward.store.history import Keep, SampleRow

SUMMARY = "history: bytes per sample, size of a week, time to add, to roll up and to query"
NODES = 20
DAYS = 7
MESH_NODES = 250
"""Whose week is extrapolated."""
MESH_BYTES_AIM = 1_000_000_000
SAMPLE_BYTES_AIM = 100
QUERY_MS_AIM = 50
_SEED = 5
_DAY_S = 86_400
_START_S = 1_700_006_400.0
_QUERIES = 40
_RESOLUTIONS = (("automatic", None), ("1 min", 60), ("5 min", 300), ("1 h", 3600), ("1 day", 86_400))
#: Greatest growth of each counter in a minute.
_COUNTERS = {
    "messages_received": 60,
    "messages_sent": 30,
    "messages_dropped": 2,
    "bytes_received": 9000,
    "bytes_sent": 6000,
    "reconnects": 1,
}


class _Board:
    """Plausible values of one node, minute by minute."""

    def __init__(self, node, rng):
        self.node = node
        self._rng = rng
        self._counted = {name: rng.randrange(10**6) for name in _COUNTERS}
        self._heap_bytes = rng.randrange(20_000, 200_000)
        self._rssi_dbm = -rng.randrange(45, 85)
        self._phase_s = rng.random() * 60

    def rows(self, minute):
        rng = self._rng
        at_s = _START_S + minute * 60 + self._phase_s
        for name, most in _COUNTERS.items():
            self._counted[name] += rng.randint(0, most)
        heap_bytes = self._heap_bytes + rng.gauss(0, 1500)
        told = {
            "heap_free_bytes": heap_bytes,
            "heap_min_bytes": self._heap_bytes - 8000,
            "heap_block_bytes": heap_bytes * 0.6,
            "rssi_dbm": min(self._rssi_dbm + rng.gauss(0, 2), 0),
            "loop_max_ms": rng.expovariate(1 / 40),
            "cpu_percent": min(abs(rng.gauss(20, 6)), 100),
            "temperature_c": 40 + rng.gauss(0, 1),
            "battery_percent": 100,
            "nodes": MESH_NODES,
            "links": 4,
            **self._counted,
        }
        seen = {
            "online": 1,
            "delay_ms": rng.expovariate(1 / 30),
            "jitter_ms": rng.expovariate(1 / 10),
            "probe_loss_percent": rng.choice((0, 0, 0, 5)),
            "clock_offset_ms": rng.gauss(0, 8),
            "moves_per_h": rng.choice((0, 0, 0, 1)),
            "rejoins_per_h": 0,
        }
        return [
            SampleRow(self.node, at_s, "telemetry", told, boots=3, uptime_s=minute * 60),
            SampleRow(self.node, at_s, "mesh", seen),
        ]


def measure(settings: Settings, nodes_count: int = NODES) -> list[Table]:
    minutes = max(int(DAYS * 24 * 60 * settings.scale), 180)
    with (
        tempfile.TemporaryDirectory() as made,
        closing(open_connection(Path(made, "bench.db"))) as connection,
    ):
        # What is measured is our work; how long the disk takes to sync is its own affair.
        connection.execute("PRAGMA synchronous = OFF")
        empty_bytes = _size_bytes(connection)
        added_s, rolled_ms, expired_ms = _build(connection, nodes_count, minutes)
        used = _used_bytes(connection)
        week = (_size_bytes(connection) - empty_bytes) / minutes * DAYS * 24 * 60 / nodes_count * MESH_NODES
        samples = connection.execute("SELECT count(*) FROM sample").fetchone()[0]
        queries = _queries(connection, minutes)
        started = time.perf_counter()
        history.latest(connection, _START_S)
        latest_ms = (time.perf_counter() - started) * 1000 / nodes_count
    sizes = [
        (
            "bytes per stored sample, of 16 and of 7 values in turn",
            _in(used["sample"], samples),
            SAMPLE_BYTES_AIM,
        ),
        ("MB, raw", _in(used["sample"], 1e6), None),
        ("MB, minutes", _in(used["sample_minute"], 1e6), None),
        ("MB, hours", _in(used["sample_hour"], 1e6), None),
        (f"MB, a week of {MESH_NODES} nodes", week / 1e6, MESH_BYTES_AIM / 1e6),
        ("samples added per second", minutes * nodes_count * 2 / added_s, None),
        ("ms to roll up an hour of a node, p50", _at(rolled_ms, 0.5), None),
        ("ms to roll up an hour of a node, p99", _at(rolled_ms, 0.99), 10),
        ("ms to drop a slice of what is too old, p99", _at(expired_ms, 0.99), None),
        ("ms per node to find the latest values", latest_ms, None),
    ]
    note = (
        f"{nodes_count} nodes, {minutes / 1440:g} days, each minute 16 metrics of telemetry and 7 of the "
        f"mesh; raw kept for 48 h. Extrapolated: the week of {MESH_NODES} nodes, with all it holds."
    )
    return [
        Table("History on disk", ("what", "measured", "aim"), sizes, (note,)),
        Table(
            "Queries of one metric over all of it",
            ("resolution", "points", "p50 ms", "p99 ms", "aim ms"),
            queries,
            (f"{_QUERIES} queries each, of a counter and a gauge, all points asked for.",),
        ),
    ]


def _build(connection, nodes_count, minutes):
    rng = random.Random(_SEED)
    boards = [_Board(rng.randrange(1, 2**32), rng) for _ in range(nodes_count)]
    nodes.seen(connection, [(board.node, 1) for board in boards], _START_S)
    added_s, rolled_ms, expired_ms = 0.0, [], []
    for minute in range(minutes):
        rows = [row for board in boards for row in board.rows(minute)]
        now_s = _START_S + minute * 60 + 60
        started = time.perf_counter()
        history.add(connection, rows, now_s)
        added_s += time.perf_counter() - started
        due = rollups.due(connection, now_s)
        rolled_ms += [_ms(rollups.roll_up, connection, node, now_s) for node in due]
        if minute % 60 == 0:
            expired_ms.append(_ms(history.expire, connection, now_s, Keep()))
            while history.expire(connection, now_s, Keep()):
                pass
    return added_s, rolled_ms, expired_ms


def _queries(connection, minutes):
    found = [row[0] for row in connection.execute("SELECT node FROM sample_node")]
    end_s = _START_S + minutes * 60
    rows = []
    for name, resolution_s in _RESOLUTIONS:
        took_ms, points = [], 0
        for at in range(_QUERIES):
            node, metric = found[at % len(found)], ("heap_free_bytes", "bytes_sent")[at % 2]
            most = 1000 if resolution_s is None else 20_000
            started = time.perf_counter()
            series = history.query(connection, node, metric, _START_S, end_s, resolution_s, most)
            took_ms.append((time.perf_counter() - started) * 1000)
            points = len(series.points)
        rows.append((name, points, _at(took_ms, 0.5), _at(took_ms, 0.99), QUERY_MS_AIM))
    return rows


def _ms(fn, *args):
    started = time.perf_counter()
    fn(*args)
    return (time.perf_counter() - started) * 1000


def _at(values, share):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _size_bytes(connection):
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return pages * connection.execute("PRAGMA page_size").fetchone()[0]


def _used_bytes(connection):
    """The pages of each table; None for all where this SQLite cannot tell."""
    try:
        return dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    except sqlite3.OperationalError:
        return dict.fromkeys(("sample", "sample_minute", "sample_hour"))


def _in(size_bytes, unit):
    return None if size_bytes is None else size_bytes / unit
