"""Parts of the web API that need no request: buckets, sessions, lists, names."""

import pytest

from meshward.web.access import may
from meshward.web.buckets import KEYS_MAX, Buckets
from meshward.web.lists import SORT_FIELDS, page_nodes, sort_nodes
from meshward.web.problems import Refusal
from meshward.web.routes.firmware import clean_name
from meshward.web.sessions import IDLE_S, SESSIONS_MAX, Sessions
from tests.support.fake_service import node


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate():
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b") == 0.0
    clock.now = 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.5]
    clock.now = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_the_table_of_buckets_does_not_grow_and_keeps_who_is_active():
    buckets = Buckets(0.001, 1, Clock())
    buckets.take("first")
    for number in range(KEYS_MAX - 1):
        buckets.take(str(number))
    assert buckets.take("first") > 0
    buckets.take("one more")
    assert len(buckets) == KEYS_MAX


def test_a_session_ends_when_idle_but_not_while_used():
    clock = Clock()
    sessions = Sessions(clock)
    cookie, session = sessions.start("secret")
    for _ in range(3):
        clock.now += IDLE_S - 1
        assert sessions.find(cookie) is session
    clock.now += IDLE_S + 1
    assert not sessions.alive(session)
    assert sessions.find(cookie) is None
    assert session.ended


def test_sessions_do_not_pile_up():
    sessions = Sessions(Clock())
    first, kept = sessions.start("a")
    oldest, dropped = sessions.start("b")
    sessions.find(first)
    for number in range(SESSIONS_MAX - 1):
        sessions.start(f"c{number}")
    assert len(sessions) == SESSIONS_MAX
    assert sessions.find(first) is kept
    assert sessions.find(oldest) is None
    assert dropped.ended


def test_sessions_differ():
    sessions = Sessions(Clock())
    (one, first), (two, second) = sessions.start("a"), sessions.start("a")
    assert one != two
    assert not first.csrf_fits(second.csrf)
    assert not first.csrf_fits("")
    assert first.csrf_fits(first.csrf)
    sessions.end(one)
    assert sessions.find(one) is None
    assert sessions.find(two) is second


def test_roles_cover_those_below():
    assert [may("operator", needed) for needed in ("viewer", "operator", "admin")] == [True, True, False]


def test_a_page_goes_on_where_its_last_node_was_even_if_that_went():
    nodes = [node(number) for number in range(1, 11)]
    first = page_nodes(nodes, 4, None)
    assert [view.id for view in first.items] == [1001, 1002, 1003, 1004]
    earlier = [node(0), *nodes]  # somebody joined before it
    assert page_nodes(earlier, 4, first.next).items[0].id == 1005
    gone = [view for view in nodes if view.id != 1004]
    assert page_nodes(gone, 4, first.next).items[0].id == 1006
    assert page_nodes(nodes[:4], 4, first.next).items == []
    assert page_nodes(nodes[:4], 4, None).next is None


@pytest.mark.parametrize("field", SORT_FIELDS)
def test_every_field_sorts_both_ways_with_the_unknown_last(field):
    nodes = [node(number) for number in range(1, 11)]
    for key in (field, f"-{field}"):
        values = [getattr(view, field) for view in sort_nodes(nodes, key)]
        known = [value for value in values if value is not None]
        assert values == known + [None] * (len(values) - len(known))
        assert known == sorted(known, reverse=key.startswith("-"))


def test_too_many_keys_to_sort_by():
    with pytest.raises(Refusal):
        sort_nodes([], ",".join(["id"] * 6))


@pytest.mark.parametrize("name", [".", "..", "/", "a/../..", "\\", " / "])
def test_names_that_are_paths_only(name):
    with pytest.raises(Refusal):
        clean_name(name)


def test_a_long_name_is_cut():
    assert len(clean_name("x" * 1000)) == 200
