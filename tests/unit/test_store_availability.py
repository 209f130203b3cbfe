"""How much of the time nodes were in the mesh: what counts, and what that costs."""

from contextlib import closing

import pytest

from meshward.store import availability, history, nodes
from meshward.store.connection import open_connection
from tests.support.history import DAY_S, HOUR_S, T, expire_all, put, roll_all, sample, steps_of_the_machine


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as opened:
        nodes.seen(opened, [(7, 1), (8, 1)], T)
        yield opened


def looked_at(connection, start_s, end_s, *away, node=7):
    """The gateway's samples of a node, which was in the mesh but in these spans."""
    put(
        connection,
        *(
            sample(
                at_s,
                source="mesh",
                node=node,
                online=not any(from_s <= at_s < until_s for from_s, until_s in away),
            )
            for at_s in range(start_s, end_s, 60)
        ),
    )


def shares(connection, days=1, end_s=None, first_day=0, node=7):
    found = availability.by_day(
        connection, [node], T + first_day * DAY_S, days, T + (days * DAY_S if end_s is None else end_s)
    )
    return [day.share for day in found[node]]


def test_the_share_is_of_what_was_looked_at(connection):
    looked_at(connection, 0, DAY_S, (6 * HOUR_S, 9 * HOUR_S))
    assert shares(connection) == [1 - 3 / 24]
    assert shares(connection, end_s=12 * HOUR_S) == [1 - 3 / 12]


def test_time_without_a_gateway_counts_for_nothing(connection):
    looked_at(connection, 0, 6 * HOUR_S, (0, HOUR_S))
    looked_at(connection, 3 * DAY_S - HOUR_S, 3 * DAY_S)
    assert shares(connection, days=3) == [1 - 1 / 6, None, 1]
    roll_all(connection, T + 4 * DAY_S)
    assert shares(connection, days=3) == [1 - 1 / 6, None, 1]


def test_days_before_a_node_was_known_and_nodes_without_history_are_not_known(connection):
    looked_at(connection, DAY_S, 2 * DAY_S)
    assert shares(connection, days=3) == [None, 1, None]
    assert shares(connection, days=2, node=8) == [None, None]
    assert shares(connection, days=2, node=99) == [None, None]


def test_what_boards_tell_themselves_is_no_sample_of_presence(connection):
    looked_at(connection, 0, HOUR_S, (0, HOUR_S // 2))
    put(connection, *(sample(at_s, links=3) for at_s in range(0, HOUR_S, 10)))
    assert shares(connection) == [0.5]


def test_days_are_known_for_as_long_as_hours_are_kept(connection):
    for day in range(3):
        looked_at(connection, day * DAY_S, day * DAY_S + HOUR_S, (day * DAY_S, day * DAY_S + 900))
    roll_all(connection, T + 4 * DAY_S)
    expire_all(connection, T + 4 * DAY_S, history.Keep(raw_h=1, minute_days=1, hour_days=3))
    assert shares(connection, days=3) == [None, 0.75, 0.75]


def test_a_month_is_read_from_the_hours(connection):
    """Samples are many times as many: what is rolled up is not read again."""
    for day in range(5):
        looked_at(connection, day * DAY_S, (day + 1) * DAY_S)
    with steps_of_the_machine(connection) as before:
        shares(connection, days=5)
    roll_all(connection, T + 6 * DAY_S)
    with steps_of_the_machine(connection) as after:
        assert shares(connection, days=5) == [1] * 5
    assert after[0] * 10 < before[0]
