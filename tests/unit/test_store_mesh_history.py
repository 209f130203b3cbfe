"""A metric of many nodes: which steps are taken, and what gaps are."""

import math
from contextlib import closing

import pytest

from meshward.errors import InvalidError, StoreError, UnknownItemError
from meshward.store import history, mesh_history, nodes
from meshward.store.connection import open_connection
from tests.support.history import DAY_S, HOUR_S, T, expire_all, put, roll_all, sample, steps_of_the_machine

NODES = (7, 8, 9)


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as opened:
        nodes.seen(opened, [(node, 1) for node in NODES], T)
        yield opened


def every(connection, step_s, *spans, node=7, **values):
    """Samples of a node at equal distances, within these spans."""
    put(
        connection,
        *(
            sample(at_s, node=node, **values)
            for start_s, end_s in spans
            for at_s in range(start_s, end_s, step_s)
        ),
        now_s=T + DAY_S,
    )


def gathered(connection, metric, start_s, end_s, resolution_s=None, points_max=300, of=NODES):
    plan = mesh_history.plan(connection, of, metric, T + start_s, T + end_s, resolution_s, points_max)
    gathering = mesh_history.Gathering(plan)
    for node in of:
        gathering.read(connection, [node])
    return plan.step_s, gathering.steps()


def test_of_nodes_without_history_there_is_nothing(connection):
    assert gathered(connection, "links", 0, HOUR_S) == (60, [])
    assert gathered(connection, "links", 0, HOUR_S, of=()) == (60, [])


def test_a_metric_or_time_that_cannot_be_is_refused(connection):
    with pytest.raises(UnknownItemError, match="metric"):
        mesh_history.plan(connection, NODES, "wings", T, T + 1)
    for start_s, end_s in ((T, T), (T + 1, T), (-5, T), (math.nan, T), (T, math.inf)):
        with pytest.raises(InvalidError, match="give a start, and an end"):
            mesh_history.plan(connection, NODES, "links", start_s, end_s)


def test_each_node_counts_once_however_often_it_tells(connection):
    every(connection, 10, (0, 300), node=7, links=2)
    every(connection, 150, (0, 300), node=8, links=6)
    every(connection, 300, (0, 300), node=9, links=1)
    step_s, (step,) = gathered(connection, "links", 0, 300, 300)
    assert (step_s, step.at_s) == (300, T)
    assert (step.low, step.median, step.high, step.total, step.nodes) == (1, 2, 6, 9, 3)


def test_counters_are_rates(connection):
    put(
        connection,
        *(sample(at_s, boots=1, messages_sent=at_s * 2) for at_s in range(0, 600, 60)),
        *(sample(at_s, node=8, boots=1, messages_sent=at_s * 3) for at_s in range(0, 600, 60)),
    )
    put(
        connection, sample(0, node=7, boots=1, messages_sent=0), sample(60, node=7, boots=1, messages_sent=60)
    )
    _, steps = gathered(connection, "messages_sent", 0, 600, 300)
    assert [(step.low, step.total, step.nodes) for step in steps] == [(1, 4, 2), (3, 3, 1)]


@pytest.mark.parametrize(
    ("hours", "resolution_s", "points_max", "expected_s"),
    [
        (1, None, 300, 60),
        (1, 0, 300, 60),
        (1, 61, 300, 120),
        (24, None, 300, 300),
        (24, 3600, 300, 3600),
        (24 * 7, None, 300, 3600),
        (24 * 30, 3 * 3600, 300, 3 * 3600),
        (24 * 365, None, 300, 2 * DAY_S),
        (24, None, 1, 12 * HOUR_S),
    ],
)
def test_the_finest_steps_that_fit_are_taken(connection, hours, resolution_s, points_max, expected_s):
    every(connection, 60, (0, 60), links=2)
    plan = mesh_history.plan(connection, NODES, "links", T, T + hours * HOUR_S, resolution_s, points_max)
    assert plan.step_s == expected_s


def test_where_minutes_are_gone_hours_are_taken(connection):
    every(connection, 60, (0, 2 * HOUR_S), links=2)
    roll_all(connection, T + DAY_S)
    expire_all(connection, T + 3 * DAY_S, history.Keep(raw_h=1, minute_days=1))
    step_s, steps = gathered(connection, "links", 0, 2 * HOUR_S, 60)
    assert step_s == 3600
    assert [(step.at_s - T, step.median) for step in steps] == [(0, 2), (3600, 2)]


def test_what_is_read_and_held_is_bounded(connection, monkeypatch):
    for node in NODES:
        every(connection, 600, (0, DAY_S), node=node, links=2)
    monkeypatch.setattr(mesh_history, "VALUES_MAX", 3 * 30)
    assert gathered(connection, "links", 0, DAY_S)[0] == 3600
    monkeypatch.undo()
    monkeypatch.setattr(mesh_history, "MINUTE_CHUNKS_MAX", 3 * 24 - 1)
    assert gathered(connection, "links", 0, DAY_S)[0] == 3600
    # What there cannot be, for it was before all samples, is nothing to be read.
    monkeypatch.setattr(mesh_history, "MINUTE_CHUNKS_MAX", 3 * 24)
    assert gathered(connection, "links", -DAY_S, DAY_S, points_max=2000)[0] == 300


def test_gaps_are_gaps_and_not_at_the_ends(connection):
    every(connection, 60, (600, 1200), (2400, 3000), node=7, links=2)
    every(connection, 60, (600, 1200), (2700, 3000), node=8, links=4)
    _, steps = gathered(connection, "links", 0, HOUR_S, 300)
    assert [(step.at_s - T, step.nodes, step.total) for step in steps] == [
        (600, 2, 6),
        (900, 2, 6),
        (1200, 0, None),
        (2400, 1, 2),
        (2700, 2, 6),
    ]
    assert steps[2] == mesh_history.MeshStep(T + 1200, None, None, None, None, 0)


def test_a_node_that_tells_seldom_makes_no_gaps(connection):
    every(connection, 600, (0, HOUR_S), node=7, links=2)
    _, steps = gathered(connection, "links", 0, HOUR_S, 60)
    assert [step.nodes for step in steps] == [1] * 6


def test_raw_samples_are_read_only_where_nothing_is_rolled_up(connection):
    for node in NODES:
        every(connection, 60, (0, DAY_S), node=node, links=2, nodes=9)
    with steps_of_the_machine(connection) as before:
        gathered(connection, "links", 0, DAY_S, 300)
    roll_all(connection, T + 2 * DAY_S)
    with steps_of_the_machine(connection) as after:
        step_s, steps = gathered(connection, "links", 0, DAY_S, 300)
    assert (step_s, len(steps)) == (300, 288)
    assert after[0] * 10 < before[0]


def test_a_damaged_row_is_told(connection):
    every(connection, 60, (0, HOUR_S), links=2)
    roll_all(connection, T + DAY_S)
    connection.execute("UPDATE sample_minute SET data = x'00'")
    with pytest.raises(StoreError, match="restore a backup"):
        gathered(connection, "links", 0, HOUR_S, 60)
