"""What changed in the tree, of all nodes together."""

import math
from contextlib import closing

import pytest

from meshward.store import moves, nodes
from meshward.store.connection import open_connection
from tests.support.store import NOW_S


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def between(connection, start_s, end_s, limit=100, now_s=math.inf):
    found = moves.between(connection, NOW_S + start_s, NOW_S + end_s, limit, now_s=NOW_S + now_s)
    return [(move.at_s - NOW_S, move.node, move.parent, move.before) for move in found]


def test_a_move_tells_where_a_node_hung_before_also_where_that_was_long_ago(connection):
    nodes.seen(connection, [(7, 1), (8, 7)], NOW_S)
    nodes.seen(connection, [(8, 1)], NOW_S + 1000)
    nodes.left(connection, [7], NOW_S + 1010)
    nodes.seen(connection, [(7, 8)], NOW_S + 1020)
    assert between(connection, 500, 1015) == [(1000, 8, 1, 7), (1010, 7, None, 1)]
    assert between(connection, 1020, 1020) == [(1020, 7, 8, None)]
    assert between(connection, 0, 10) == [(0, 7, 1, None), (0, 8, 7, None)]
    assert between(connection, 1021, 5000) == []


def test_where_there_are_too_many_the_latest_are_given(connection):
    for step in range(10):
        nodes.seen(connection, [(7, 100 + step)], NOW_S + step)
    assert between(connection, 0, 100, limit=3) == [(step, 7, 100 + step, 99 + step) for step in (7, 8, 9)]


def test_of_a_node_that_flaps_nothing_is_made_up(connection):
    nodes.seen(connection, [(8, 1)], NOW_S)
    for step in range(nodes.PARENT_CHANGES_MAX + 50):
        nodes.seen(connection, [(7, 100 + step)], NOW_S + step)
    found = between(connection, 0, 1000, limit=1000)
    assert found[0] == (0, 8, 1, None)
    assert found[1] == (51, 7, 151, 150)
    assert len(found) == nodes.PARENT_CHANGES_MAX
    assert all(before == parent - 1 for _, node, parent, before in found if node == 7)


def test_where_the_clock_stepped_back_none_is_missing_between_two_others(connection):
    nodes.seen(connection, [(7, 1), (8, 7)], NOW_S)
    nodes.seen(connection, [(8, 1)], NOW_S + 1000)
    nodes.seen(connection, [(8, 7)], NOW_S + 500)
    nodes.left(connection, [8], NOW_S + 700)
    moved = [(500, 8, 1, 7), (500, 8, 7, 1), (700, 8, None, 7)]
    assert between(connection, 400, 2000) == moved
    assert between(connection, 400, 600) == moved[:2]
    assert between(connection, 600, 2000) == moved[2:]
    assert between(connection, 600, 800, now_s=650) == [(650, 8, None, 7)]


def test_nothing_happened_after_now(connection):
    nodes.seen(connection, [(7, 1)], NOW_S + 1000)
    assert between(connection, 400, 500, now_s=500) == [(500, 7, 1, None)]
    assert between(connection, 400, 499, now_s=500) == []
