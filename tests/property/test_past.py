"""Availability and the history of a mesh are what the plainest way gives, whatever was rolled up by then."""

import random
from contextlib import closing
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.store import availability, mesh_history, moves, nodes
from meshward.store.connection import open_connection
from tests.support.history import DAY_S, HOUR_S, T, by_step, put, roll_all, sample
from tests.support.profiles import examples

NODES = (7, 8, 9)
DAYS = 3


@st.composite
def lives(draw, low, high, span_s=DAYS * DAY_S):
    """Samples of each node at any times: {node: [(seconds, value)]}."""
    return {
        node: [
            (at_s, float(draw(st.integers(low, high))))
            for at_s in sorted(draw(st.sets(st.integers(0, span_s - 1), max_size=25)))
        ]
        for node in NODES
    }


def stored(connection, told, rng: random.Random, **more):
    """Put samples in any order, with some rolled up in between."""
    rows = [
        sample(at_s, node=node, **more, **{name: value})
        for name, by_node in told.items()
        for node, values in by_node.items()
        for at_s, value in values
    ]
    rng.shuffle(rows)
    while rows:
        part = [rows.pop() for _ in range(min(len(rows), rng.randint(1, 20)))]
        put(connection, *part, now_s=T + DAYS * DAY_S)
        if rng.random() < 0.5:
            roll_all(connection, T + rng.randint(0, DAYS * DAY_S))


@given(lives(0, 1), st.integers(1, DAYS * DAY_S), st.randoms(use_true_random=False))
@settings(max_examples=examples(40, 3000))
def test_availability_is_the_share_of_what_was_seen(told, end_s, rng):
    with closing(open_connection(":memory:")) as connection:
        stored(connection, {"online": told}, rng, source="mesh")
        # Hours that are rolled up are over: an end within one is an end of what there is.
        end_s = rng.choice([end_s // HOUR_S * HOUR_S, DAYS * DAY_S])
        for _ in range(2):
            found = availability.by_day(connection, NODES, T, DAYS, T + end_s)
            for node in NODES:
                seen = [(at_s, value) for at_s, value in told[node] if at_s < end_s]
                days = [[value for at_s, value in seen if at_s // DAY_S == day] for day in range(DAYS)]
                assert [(day.online, day.samples) for day in found[node]] == [
                    (sum(day), len(day)) for day in days
                ]
                assert [day.share for day in found[node]] == [fmean(day) if day else None for day in days]
            roll_all(connection, T + 2 * DAYS * DAY_S)


@given(
    lives(0, 255, span_s=6 * HOUR_S),
    st.sampled_from([60, 120, 300, 420, 3600, 5400, 2 * 3600]),
    st.integers(0, 3 * HOUR_S),
    st.randoms(use_true_random=False),
)
@settings(max_examples=examples(60, 4000))
def test_each_step_spans_the_means_of_the_nodes(told, step_s, start_s, rng):
    with closing(open_connection(":memory:")) as connection:
        stored(connection, {"links": told}, rng)
        for _ in range(2):
            plan = mesh_history.plan(connection, NODES, "links", T + start_s, T + 6 * HOUR_S, step_s, 2000)
            assert plan.step_s == step_s
            gathering = mesh_history.Gathering(plan)
            for node in NODES:
                gathering.read(connection, [node])
            first_s = plan.start_s - T
            assert first_s <= start_s < first_s + step_s
            expected = {}
            for values in told.values():
                # Steps begin at multiples since 1970, not since that day.
                since = [(T + at_s, value) for at_s, value in values if at_s >= first_s]
                for at_s, (mean, *_) in by_step(since, step_s).items():
                    expected.setdefault(at_s, []).append(mean)
            found = [step for step in gathering.steps() if step.nodes]
            assert [(step.at_s, step.nodes) for step in found] == [
                (at_s, len(means)) for at_s, means in sorted(expected.items())
            ]
            for step in found:
                means = expected[step.at_s]
                assert (step.low, step.median, step.high, step.total) == pytest.approx(
                    (min(means), median(means), max(means), sum(means)), rel=1e-6
                )
            roll_all(connection, T + 2 * DAYS * DAY_S)


@given(
    st.lists(
        st.tuples(st.sampled_from(NODES), st.integers(0, 600), st.none() | st.sampled_from((1, *NODES))),
        max_size=60,
    ),
    st.integers(0, 300),
)
@settings(max_examples=examples(60, 4000))
def test_moves_undone_lead_back_also_where_the_clock_steps(story, back_to):
    with closing(open_connection(":memory:")) as connection:
        tree, trees = dict.fromkeys(NODES), [dict.fromkeys(NODES)]
        for node, at_s, parent in story:
            if parent is None:
                nodes.left(connection, [node], T + at_s)
            else:
                nodes.seen(connection, [(node, parent)], T + at_s)
            tree[node] = parent
            trees.append(dict(tree))
        now_s = T + 300
        for start_s, end_s in ((T, now_s), (T + back_to, now_s), (T, T + back_to)):
            found = moves.between(connection, start_s, end_s, 1000, now_s=now_s)
            times = [move.at_s for move in found]
            assert times == sorted(times)
            assert all(start_s <= at_s <= end_s for at_s in times)
            if end_s == now_s:
                undone = dict(tree)
                for move in reversed(found):
                    assert undone[move.node] == move.parent
                    undone[move.node] = move.before
                assert undone in trees


@given(
    st.lists(
        st.tuples(st.sampled_from(NODES), st.integers(0, 600), st.none() | st.sampled_from((1, *NODES))),
        max_size=60,
    ),
    st.integers(0, 3600),
)
@settings(max_examples=examples(60, 4000))
def test_moves_undone_from_the_end_lead_back_to_the_tree_of_any_moment(story, back_to_s):
    with closing(open_connection(":memory:")) as connection:
        at_s, tree, trees = 0, dict.fromkeys(NODES), [(0, dict.fromkeys(NODES))]
        for node, after_s, parent in story:
            at_s += 1 + after_s
            if parent is None:
                nodes.left(connection, [node], T + at_s)
            else:
                nodes.seen(connection, [(node, parent)], T + at_s)
            tree[node] = parent
            trees.append((at_s, dict(tree)))
        found = moves.between(connection, T, T + at_s, 1000)
        for move in reversed(found):
            if move.at_s - T <= back_to_s:
                break
            assert tree[move.node] == move.parent
            tree[move.node] = move.before
        assert tree == [was for moment_s, was in trees if moment_s <= back_to_s][-1]
