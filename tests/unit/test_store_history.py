"""Samples in, roll-ups, and what goes."""

from contextlib import closing

import pytest

from meshward.store import history, nodes, rollups
from meshward.store.connection import open_connection
from meshward.store.history import FUTURE_MAX_S, SAMPLES_PER_MINUTE_MAX, Keep
from meshward.store.rollups import GRACE_S, HOURS, MINUTES
from tests.support.history import (
    DAY_S,
    HOUR_S,
    NODE,
    T,
    expire_all,
    points,
    put,
    roll_all,
    sample,
    steps_of_the_machine,
)

TABLES = ("sample", "sample_minute", "sample_hour", "sample_node")


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as opened:
        nodes.seen(opened, [(NODE, 1), (7, NODE)], T)
        yield opened


def counts(connection):
    return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


def steady(hours, node=NODE, start_s=0, every_s=60):
    return [
        sample(start_s + at_s, node=node, links=3, messages_sent=at_s // 2)
        for at_s in range(0, int(hours * HOUR_S), every_s)
    ]


def test_a_sample_is_there_as_soon_as_it_is_stored(connection):
    assert put(connection, sample(12.345, rssi_dbm=-60)) == 1
    assert points(connection, "rssi_dbm") == [(pytest.approx(12.345), -60.0, -60.0, -60.0, 1)]


def test_a_sample_of_the_same_moment_and_source_is_merged(connection):
    put(connection, sample(10, boots=3, uptime_s=99, rssi_dbm=-60, links=2))
    put(connection, sample(10, rssi_dbm=-61, nodes=5))
    assert counts(connection)[0] == 1
    merged = {"rssi_dbm": -61.0, "links": 2.0, "nodes": 5.0}
    assert history.latest(connection, T) == {
        NODE: {name: (value, T + 10, "telemetry") for name, value in merged.items()}
    }
    put(connection, sample(10, source="604", rssi_dbm=-70))
    assert counts(connection)[0] == 2


def test_samples_from_far_ahead_are_refused_and_those_from_long_ago_taken(connection):
    kept = put(
        connection,
        sample(FUTURE_MAX_S + 1, links=1),
        sample(FUTURE_MAX_S, links=2),
        sample(-T, links=3),
        sample(-T - 1, links=4),
        sample(float("nan"), links=5),
        sample(float("inf"), links=6),
        sample(0, links=7),
        now_s=T,
    )
    assert kept == 3
    roll_all(connection, T + 2 * DAY_S)
    expire_all(connection, T + 2 * DAY_S)
    assert [point[1] for point in points(connection, "links", 0, 2 * DAY_S) if point[4]] == [7.0, 2.0]


def test_a_flood_of_one_node_is_cut_and_the_others_are_not(connection):
    flood = [sample(1 + at / 100, links=1) for at in range(SAMPLES_PER_MINUTE_MAX + 20)]
    assert put(connection, *flood) == SAMPLES_PER_MINUTE_MAX
    assert put(connection, sample(2, node=7, links=1), sample(61, links=1)) == 2


def test_of_too_many_nodes_nothing_is_kept(connection, monkeypatch):
    monkeypatch.setattr(history, "NODES_MAX", 3)
    assert put(connection, *(sample(0, node=node, links=1) for node in range(1, 6))) == 3
    assert put(connection, sample(60, node=2, links=1), sample(60, node=5, links=1)) == 1


def test_the_latest_values_are_found_whatever_their_source(connection):
    put(
        connection,
        sample(0, rssi_dbm=-50, links=9, crashes=1),
        sample(100, source="604", rssi_dbm=-60),
        sample(200, source="mesh", online=1),
        sample(150, node=7, links=4),
        sample(160, node=7, links=5),
    )
    assert history.latest(connection, T + 50) == {
        NODE: {"rssi_dbm": (-60.0, T + 100, "604"), "online": (1.0, T + 200, "mesh")},
        7: {"links": (5.0, T + 160, "telemetry")},
    }
    assert history.latest(connection, T)[NODE]["crashes"] == (1.0, T, "telemetry")
    assert history.latest(connection, T + 500) == {}


def test_the_latest_values_of_a_long_history_cost_little(connection):
    put(connection, *steady(48))
    with steps_of_the_machine(connection) as thousands:
        history.latest(connection, T)
    assert thousands[0] < 20


def test_an_hour_is_rolled_up_once_nothing_is_waited_for_any_more(connection):
    put(connection, *steady(1.5))
    assert rollups.due(connection, T + HOUR_S + GRACE_S - 1) == []
    assert not rollups.roll_up(connection, NODE, T + HOUR_S + GRACE_S - 1)
    assert rollups.due(connection, T + HOUR_S + GRACE_S) == [NODE]
    assert rollups.roll_up(connection, NODE, T + HOUR_S + GRACE_S)
    assert rollups.due(connection, T + HOUR_S + GRACE_S) == []
    minutes = rollups.read(connection, MINUTES, NODE, 9, T, T + DAY_S)
    assert minutes == [(T + at_s, 3.0, 3.0, 3.0, 1) for at_s in range(0, HOUR_S, 60)]
    assert rollups.read(connection, HOURS, NODE, 9, T, T + DAY_S) == [(T, 3.0, 3.0, 3.0, 60)]
    assert rollups.read(connection, MINUTES, NODE, 9, T + 600, T + 720) == minutes[10:12]


def test_those_that_wait_longest_are_rolled_up_first(connection):
    put(connection, sample(7200, links=1), sample(0, node=7, links=1), sample(10_800, node=9, links=1))
    assert rollups.due(connection, T + DAY_S) == [7, NODE, 9]
    assert rollups.due(connection, T + DAY_S, limit=1) == [7]


def test_hours_without_samples_are_passed_over(connection):
    put(connection, sample(0, links=1), sample(20 * HOUR_S, links=2), now_s=T + DAY_S)
    assert roll_all(connection, T + 2 * DAY_S) == 2
    assert not rollups.roll_up(connection, NODE, T + 2 * DAY_S)
    assert not rollups.roll_up(connection, 4711, T + 2 * DAY_S)


def test_a_sample_that_comes_after_its_hour_was_rolled_up_counts_nevertheless(connection):
    put(connection, *steady(3))
    roll_all(connection, T + 2 * DAY_S)
    put(connection, sample(60, source="604", links=9), now_s=T + 3 * HOUR_S)
    before = points(connection, "links", resolution_s=3600)
    assert before[0][1:] == (pytest.approx(3 + 6 / 61), 3.0, 9.0, 61)
    assert roll_all(connection, T + 2 * DAY_S) == 3
    after = points(connection, "links", resolution_s=3600)
    assert [at_s for at_s, *_ in after] == [at_s for at_s, *_ in before] == [0, 3600, 7200]
    assert after[0][1:] == (pytest.approx(3 + 6 / 61), 3.0, 9.0, 61)


def test_a_counter_is_a_rate(connection):
    put(connection, *steady(2))
    expected = [(at_s, 0.5, 0.5, 0.5, 1) for at_s in range(60, 2 * HOUR_S, 60)]
    assert points(connection, "messages_sent", 0, 2 * HOUR_S) == expected
    roll_all(connection, T + DAY_S)
    assert points(connection, "messages_sent", 0, 2 * HOUR_S, resolution_s=60) == expected
    # Across the hour as well: the second one has no gap at its beginning.
    hours = points(connection, "messages_sent", resolution_s=3600)
    assert hours == [(0, 0.5, 0.5, 0.5, 59), (3600, 0.5, 0.5, 0.5, 60)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"boots": 1}, {"boots": 1}),
        ({"boots": 1}, {"boots": 2}),
        ({"uptime_s": 1000}, {"uptime_s": 1060}),
        ({}, {}),
    ],
    ids=["same boot", "restart", "same boot by uptime", "not known"],
)
def test_a_counter_that_fell_by_much_says_nothing(connection, before, after):
    put(connection, sample(0, messages_sent=100_000, **before), sample(60, messages_sent=40, **after))
    assert points(connection, "messages_sent") == []


@pytest.mark.parametrize("known", [({"boots": 255}, {"boots": 255}), ({"uptime_s": 500}, {"uptime_s": 558})])
def test_a_counter_that_came_round_its_end_goes_on(connection, known):
    put(
        connection,
        sample(0, bytes_sent=2**32 - 64, **known[0]),
        sample(60, bytes_sent=536, **known[1]),
    )
    assert points(connection, "bytes_sent") == [(60, 10.0, 10.0, 10.0, 1)]


def test_a_small_counter_comes_round_earlier(connection):
    put(connection, sample(0, crashes=65_535, boots=1), sample(10, crashes=4, boots=1))
    assert points(connection, "crashes") == [(10, 0.5, 0.5, 0.5, 1)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"boots": 1}, {"boots": 2}),
        ({"uptime_s": 5000}, {"uptime_s": 20}),
        ({"uptime_s": 5000}, {"uptime_s": 5001}),  # it was away for a minute, and counts from 0 again
    ],
)
def test_a_restart_is_a_gap_even_where_the_counter_grew(connection, before, after):
    put(connection, sample(0, messages_sent=5, **before), sample(60, messages_sent=50, **after))
    put(connection, sample(120, messages_sent=80, **after))
    found = points(connection, "messages_sent")
    assert [point[0] for point in found] in ([120], [])
    assert all(point[1] == 0.5 for point in found)


def test_uptimes_that_are_held_up_on_the_way_are_no_restart(connection):
    put(connection, sample(0, messages_sent=0, uptime_s=500), sample(60, messages_sent=60, uptime_s=540))
    assert points(connection, "messages_sent") == [(60, 1.0, 1.0, 1.0, 1)]


def test_sources_that_count_differently_are_told_apart(connection):
    for at_s in range(0, 240, 60):
        put(
            connection,
            sample(at_s, messages_sent=at_s),
            sample(at_s + 5, source="604", messages_sent=1_000_000 + 2 * at_s),
        )
    assert {point[1] for point in points(connection, "messages_sent")} == {1.0, 2.0}
    roll_all(connection, T + DAY_S)
    assert points(connection, "messages_sent", resolution_s=3600) == [(0, 1.5, 1.0, 2.0, 6)]


def test_nothing_is_said_of_a_counter_over_a_long_silence_or_an_instant(connection):
    put(connection, sample(0, messages_sent=0), sample(601, messages_sent=601))
    assert points(connection, "messages_sent") == []
    put(connection, sample(601.5, messages_sent=5000), sample(605, messages_sent=605))
    assert points(connection, "messages_sent") == [(605, 1.0, 1.0, 1.0, 1)]


def test_raw_samples_minutes_and_hours_go_at_their_time(connection):
    put(connection, *steady(50))
    assert roll_all(connection, T + 52 * HOUR_S) == 50
    expire_all(connection, T + 52 * HOUR_S)
    assert counts(connection) == [46 * 60, 100, 6, 1]
    expire_all(connection, T + 31 * DAY_S)
    assert counts(connection) == [0, 52, 6, 1]
    assert [point[4] for point in points(connection, "links", 0, 3 * DAY_S)] == [60] * 50
    expire_all(connection, T + 366 * DAY_S)
    assert counts(connection) == [0, 0, 4, 1]
    expire_all(connection, T + 400 * DAY_S)
    assert counts(connection) == [0, 0, 0, 0]


def test_how_long_things_are_kept_can_be_chosen(connection):
    put(connection, *steady(50))
    roll_all(connection, T + 52 * HOUR_S)
    expire_all(connection, T + 52 * HOUR_S, Keep(raw_h=4, minute_days=1, hour_days=2))
    assert counts(connection) == [2 * 60, 52, 6, 1]


def test_samples_that_are_not_rolled_up_yet_stay(connection):
    put(connection, *steady(3))
    rollups.roll_up(connection, NODE, T + DAY_S)
    rollups.roll_up(connection, NODE, T + DAY_S)
    expire_all(connection, T + 10 * DAY_S)
    # The hour before stays too: rates go on from there.
    assert counts(connection)[0] == 120
    roll_all(connection, T + 10 * DAY_S)
    assert points(connection, "messages_sent", resolution_s=3600)[-1] == (7200, 0.5, 0.5, 0.5, 60)
    expire_all(connection, T + 10 * DAY_S + HOUR_S)
    assert counts(connection)[0] == 0


def test_nothing_is_taken_of_a_time_whose_samples_are_gone(connection):
    put(connection, *steady(3))
    roll_all(connection, T + 4 * DAY_S)
    expire_all(connection, T + 4 * DAY_S)
    assert put(connection, sample(60, links=9), now_s=T + 4 * DAY_S) == 0
    assert put(connection, sample(3 * DAY_S, links=9), now_s=T + 4 * DAY_S) == 1


def test_expiry_goes_by_small_slices(connection):
    put(connection, *steady(48, every_s=20))
    put(connection, *steady(48, node=7, every_s=20))
    roll_all(connection, T + 50 * HOUR_S)
    slices = 0
    before = sum(counts(connection))
    while history.expire(connection, T + 500 * DAY_S, Keep()):
        after = sum(counts(connection))
        assert before - after < 5000
        before = after
        slices += 1
    assert slices >= 8
    assert counts(connection) == [0, 0, 0, 0]


def test_a_node_is_looked_at_once_in_an_hour(connection):
    put(connection, sample(0, links=1))
    history.expire(connection, T + 60, Keep())
    with steps_of_the_machine(connection) as thousands:
        for at_s in range(60, HOUR_S, 60):
            assert not history.expire(connection, T + at_s, Keep())
    assert thousands[0] <= 10


def test_the_history_of_a_node_that_nobody_knows_goes_after_a_day(connection):
    put(connection, *steady(2, node=4711))
    put(connection, *steady(2))
    roll_all(connection, T + DAY_S)
    expire_all(connection, T + DAY_S)
    assert len(points(connection, "links", node=4711)) == 120
    expire_all(connection, T + DAY_S + 3 * HOUR_S)
    assert points(connection, "links", node=4711) == []
    assert counts(connection)[3] == 1
    assert len(points(connection, "links")) == 120


def test_a_node_can_be_forgotten(connection):
    put(connection, *steady(2), sample(0, node=7, links=1))
    roll_all(connection, T + DAY_S)
    history.forget(connection, NODE)
    assert counts(connection) == [1, 1, 1, 1]
    assert points(connection, "links") == []
    history.forget(connection, NODE)


def test_a_clock_that_was_ahead_for_a_while_leaves_no_hole(connection):
    ahead = 40 * DAY_S
    put(connection, *steady(3, start_s=ahead), now_s=T + ahead + 3 * HOUR_S)
    roll_all(connection, T + ahead + 3 * DAY_S)
    expire_all(connection, T + ahead + 3 * DAY_S)
    # Now it is set right.
    put(connection, *steady(1, node=7), now_s=T + HOUR_S)
    expire_all(connection, T)
    assert put(connection, *steady(3), now_s=T + 3 * HOUR_S) == 180
    roll_all(connection, T + 4 * HOUR_S)
    assert [point[4] for point in points(connection, "links", resolution_s=3600)] == [60, 60, 60]
    # And when that time comes, what is told then replaces what was told before.
    assert put(connection, sample(ahead, links=8), now_s=T + ahead) == 1
    assert points(connection, "links", ahead, ahead + 60)[-1][1] == 8.0


def test_a_clock_that_jumps_ahead_leaves_a_gap(connection):
    put(connection, *steady(1))
    put(connection, *steady(1, start_s=20 * DAY_S), now_s=T + 20 * DAY_S + HOUR_S)
    roll_all(connection, T + 21 * DAY_S)
    found = points(connection, "links", 0, 21 * DAY_S, resolution_s=3600)
    assert found == [
        (0, 3.0, 3.0, 3.0, 60),
        (3600, None, None, None, 0),
        (20 * DAY_S, 3.0, 3.0, 3.0, 60),
    ]


def test_a_stored_sample_of_telemetry_takes_at_most_100_bytes(tmp_path):
    # Written as a gateway does, many nodes in turn: each one's rows grow in the middle of the tree.
    path = tmp_path / "meshward.db"
    names = ("messages_received", "messages_sent", "messages_dropped", "bytes_received", "bytes_sent")
    per_node = 200
    ids = range(2**31, 2**31 + 40)
    with closing(open_connection(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        empty_bytes = path.stat().st_size
        for minute in range(per_node):
            put(connection, *(_full(minute, node, names) for node in ids))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (path.stat().st_size - empty_bytes) / (len(ids) * per_node) <= 100


def _full(minute, node, names):
    counted = {name: 1_000_000 * (at + 1) + minute * 997 for at, name in enumerate(names)}
    gauges = {
        "heap_free_bytes": 41_216 - minute,
        "heap_min_bytes": 38_016,
        "heap_block_bytes": 22_528,
        "rssi_dbm": -67 - minute % 9,
        "loop_max_ms": 100 + minute,
        "cpu_percent": 17,
        "temperature_c": 41.5,
        "battery_percent": 88,
        "nodes": 250,
        "links": 4,
        "reconnects": 300,
    }
    return sample(
        minute * 60 + 0.123, node=node, boots=200, uptime_s=1_000_000 + minute * 60, **gauges, **counted
    )
