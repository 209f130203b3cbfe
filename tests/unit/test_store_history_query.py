"""What is given of history, at which resolution, and what that costs."""

from contextlib import closing

import pytest

from meshward.errors import InvalidError, StoreError, UnknownItemError
from meshward.store import history, nodes, rollups
from meshward.store.connection import open_connection, open_read_only
from meshward.store.history import HistorySeries, query
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

WEEK_S = 7 * DAY_S


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as opened:
        nodes.seen(opened, [(NODE, 1)], T)
        yield opened


@pytest.fixture(scope="module")
def week():
    """A week of a node at one sample a minute, of the metrics of telemetry and of what we see ourselves."""
    with closing(open_connection(":memory:")) as connection:
        nodes.seen(connection, [(NODE, 1)], T)
        for day in range(7):
            samples = []
            for at_s in range(day * DAY_S, (day + 1) * DAY_S, 60):
                samples += [
                    sample(
                        at_s, boots=1, rssi_dbm=-60 - at_s // 60 % 7, messages_sent=at_s, links=3, nodes=20
                    ),
                    sample(at_s + 1, source="mesh", online=1, delay_ms=at_s // 60 % 50),
                ]
            put(connection, *samples)
            roll_all(connection, T + (day + 1) * DAY_S)
            expire_all(connection, T + (day + 1) * DAY_S)
        yield connection


def resolution(connection, start_s, end_s, resolution_s=None, points_max=1000):
    series = query(connection, NODE, "rssi_dbm", T + start_s, T + end_s, resolution_s, points_max)
    assert len(series.points) <= points_max
    return series.resolution_s


def test_of_a_node_without_history_there_is_nothing(connection):
    assert query(connection, 5, "links", T, T + 1) == HistorySeries(0, [])


def test_a_metric_or_time_that_cannot_be_is_refused(connection):
    with pytest.raises(UnknownItemError, match="metric"):
        query(connection, NODE, "wings", T, T + 1)
    for start_s, end_s in ((T, T), (T + 1, T), (-5, T), (float("nan"), T), (T, float("inf"))):
        with pytest.raises(InvalidError, match="give a start, and an end"):
            query(connection, NODE, "links", start_s, end_s)


@pytest.mark.parametrize(
    ("hours", "points_max", "expected_s"),
    [
        (6, 1000, 0),
        (48, 3000, 0),
        (48, 2880, 0),
        (48, 1000, 300),
        (24, 100, 900),
        (24, 1000, 300),
        (16, 1000, 0),
    ],
)
def test_the_finest_that_fits_is_given(week, hours, points_max, expected_s):
    assert resolution(week, WEEK_S - hours * HOUR_S, WEEK_S, points_max=points_max) == expected_s


def test_samples_are_not_given_of_times_whose_samples_are_gone(week):
    assert resolution(week, 0, 6 * HOUR_S) == 60
    assert resolution(week, 0, WEEK_S, points_max=20_000) == 60


@pytest.mark.parametrize(
    ("points_max", "expected_s"),
    [(10_080, 60), (10_079, 300), (2016, 300), (1000, 900), (336, 1800), (168, 3600), (100, 10_800)],
)
def test_a_week_comes_in_as_many_points_as_are_wanted(week, points_max, expected_s):
    assert resolution(week, 0, WEEK_S, points_max=points_max) == expected_s


@pytest.mark.parametrize("points_max", [2, 3, 5, 7, 8])
@pytest.mark.parametrize("days", [7, 365, 20_000])
def test_any_time_fits_into_any_number_of_points(week, points_max, days):
    step_s = resolution(week, 12_345, 12_345 + days * DAY_S, points_max=points_max)
    assert step_s % DAY_S == 0 or days == 7


@pytest.mark.parametrize(
    ("asked_s", "expected_s"),
    [
        (0, 0),
        (1, 60),
        (60, 60),
        (61, 120),
        (600, 600),
        (5400, 5400),
        (3600, 3600),
        (86_400, 86_400),
        (90_000, 90_000),
    ],
)
def test_a_resolution_can_be_asked_for(week, asked_s, expected_s):
    assert resolution(week, WEEK_S - 4 * HOUR_S, WEEK_S, asked_s) == expected_s


def test_a_resolution_that_gives_too_many_points_is_made_coarser(week):
    assert resolution(week, 0, WEEK_S, 60) == 900
    assert resolution(week, 0, WEEK_S, 600, points_max=20_000) == 600


def test_minutes_are_not_given_of_times_whose_minutes_are_gone(connection):
    put(connection, *(sample(at_s, rssi_dbm=-60) for at_s in range(0, 6 * HOUR_S, 60)))
    roll_all(connection, T + DAY_S)
    expire_all(connection, T + 29 * DAY_S)
    assert resolution(connection, 0, 6 * HOUR_S) == 60
    expire_all(connection, T + 32 * DAY_S)
    assert resolution(connection, 0, 6 * HOUR_S, 60) == 3600
    assert len(points(connection, "rssi_dbm", resolution_s=60)) == 6


def test_a_node_that_is_new_gives_what_there_is_of_it_at_the_finest(connection):
    expire_all(connection, T)
    put(connection, *(sample(at_s, rssi_dbm=-60) for at_s in range(0, HOUR_S, 60)))
    expire_all(connection, T + HOUR_S)
    assert resolution(connection, -20 * DAY_S, HOUR_S) == 0


def test_every_resolution_says_the_same(week):
    expected = {}
    for at_s in range(0, WEEK_S, 60):
        expected.setdefault(at_s // 21_600 * 21_600, []).append(-60 - at_s // 60 % 7)
    coarse = points(week, "rssi_dbm", 0, WEEK_S, resolution_s=21_600)
    assert [(at_s, low, high, count) for at_s, _, low, high, count in coarse] == [
        (at_s, min(values), max(values), len(values)) for at_s, values in expected.items()
    ]
    for (_, mean, *_), values in zip(coarse, expected.values(), strict=True):
        assert mean == pytest.approx(sum(values) / len(values))
    for step_s in (60, 300, 900, 1800, 3600, 7200, 10_800):
        fine = points(week, "rssi_dbm", 0, WEEK_S, resolution_s=step_s)
        assert sum(point[4] for point in fine) == WEEK_S // 60
        assert len(fine) == WEEK_S // step_s


def test_a_rate_is_the_same_at_every_resolution(week):
    for step_s in (0, 60, 300, 3600, 86_400):
        found = points(week, "messages_sent", 0, WEEK_S, resolution_s=step_s)
        assert {point[1:4] for point in found} == {(1.0, 1.0, 1.0)}


def test_the_first_step_is_whole_and_the_last_ends_at_the_end(week):
    found = points(week, "rssi_dbm", DAY_S + 700, DAY_S + 7500, resolution_s=3600)
    assert [(point[0], point[4]) for point in found] == [
        (DAY_S, 60),
        (DAY_S + 3600, 60),
        (DAY_S + 7200, 60),
    ]
    found = points(week, "rssi_dbm", DAY_S + 700, DAY_S + 7500, resolution_s=300)
    assert (found[0][0], found[-1][0]) == (DAY_S + 600, DAY_S + 7200)


def test_what_is_not_rolled_up_yet_is_put_together_from_samples(connection):
    values = [(at_s, float(at_s // 60 % 11)) for at_s in range(0, 5 * HOUR_S, 60)]
    put(connection, *(sample(at_s, links=value) for at_s, value in values))
    fresh = [points(connection, "links", resolution_s=step_s) for step_s in (60, 300, 3600, 10_800)]
    rollups.roll_up(connection, NODE, T + DAY_S)
    rollups.roll_up(connection, NODE, T + DAY_S)
    mixed = [points(connection, "links", resolution_s=step_s) for step_s in (60, 300, 3600, 10_800)]
    for before, after in zip(fresh, mixed, strict=True):
        assert [point[2:] for point in before] == [point[2:] for point in after]
        assert [point[1] for point in before] == pytest.approx([point[1] for point in after])
    assert len(mixed[3]) == 2


@pytest.mark.parametrize("step_s", [0, 60, 300, 900])
@pytest.mark.parametrize("is_rolled", [False, True])
def test_each_gap_is_one_point(connection, step_s, is_rolled):
    runs = [(0, 1800), (4500, 6300), (20_700, 21_600)]
    put(connection, *(sample(at_s, links=1) for start, end in runs for at_s in range(start, end, 60)))
    if is_rolled:
        roll_all(connection, T + DAY_S)
    found = points(connection, "links", resolution_s=step_s)
    gaps = [point for point in found if not point[4]]
    assert [point[0] for point in gaps] == [1800, 6300]
    assert all(point[1:] == (None, None, None, 0) for point in gaps)
    assert found == sorted(found, key=lambda point: point[0])
    assert len(found) == 2 + sum((end - start) // (step_s or 60) for start, end in runs)


def test_a_sample_that_is_missing_now_and_then_is_no_gap(connection):
    put(connection, *(sample(at_s, links=1) for at_s in range(0, 2 * HOUR_S, 60) if at_s // 60 % 7))
    for step_s in (0, 60, 300):
        assert all(point[4] for point in points(connection, "links", 0, 2 * HOUR_S, resolution_s=step_s))


def test_samples_that_come_seldom_are_not_all_gaps(connection):
    put(connection, *(sample(at_s, links=1) for at_s in range(0, DAY_S, 300)))
    for step_s in (0, 60, 300, 900):
        assert all(point[4] for point in points(connection, "links", resolution_s=step_s))


def test_a_damaged_row_is_told(week):
    with closing(open_connection(":memory:")) as connection:
        week.backup(connection)
        connection.execute("UPDATE sample_hour SET data = x'00'")
        with pytest.raises(StoreError, match="restore a backup"):
            query(connection, NODE, "rssi_dbm", T, T + WEEK_S, 3600)


@pytest.mark.parametrize("step_s", [None, 60, 300, 3600, 86_400])
def test_a_week_costs_as_many_rows_as_it_has_hours(week, step_s):
    # 168 rows of minutes or 7 of hours, and the samples of an hour or two: about 10 steps of SQLite's for each.
    with steps_of_the_machine(week) as thousands:
        query(week, NODE, "rssi_dbm", T, T + WEEK_S, step_s, 20_000)
    assert thousands[0] <= 5


def test_other_nodes_cost_nothing(connection):
    for node in range(1, 200):
        put(connection, *(sample(at_s, node=node, links=1) for at_s in range(0, 600, 60)))
    with steps_of_the_machine(connection) as thousands:
        assert len(points(connection, "links", node=100)) == 10
    assert thousands[0] <= 1


def test_a_reader_that_only_reads_can_ask(tmp_path):
    path = tmp_path / "data" / "meshward.db"
    with closing(open_connection(path)) as connection:
        put(connection, sample(0, links=1))
    with closing(open_read_only(path)) as connection:
        assert len(points(connection, "links")) == 1
        assert rollups.due(connection, T + DAY_S) == [NODE]
        assert list(history.latest(connection, T)) == [NODE]
