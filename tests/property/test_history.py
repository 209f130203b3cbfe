"""History is what was told, in whatever order it came and whenever it was rolled up."""

import random
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.errors import StoreError
from meshward.status.metrics import BY_NUMBER, METRICS
from meshward.store.connection import open_connection
from meshward.store.history_codec import (
    metrics_of,
    pack_chunk,
    pack_sample,
    unpack_chunk,
    unpack_means,
    unpack_sample,
    unpack_value,
)
from tests.support.history import DAY_S, HOUR_S, T, by_step, points, put, roll_all, sample
from tests.support.profiles import examples

SPAN_S = 5 * HOUR_S


def values_of(metric):
    if metric.kind == "counter":
        return st.integers(int(metric.low), int(metric.high)).map(float)
    return st.floats(metric.low, metric.high)


samples = st.sets(st.sampled_from(sorted(METRICS))).flatmap(
    lambda names: st.fixed_dictionaries({name: values_of(METRICS[name]) for name in sorted(names)})
)
float32 = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def chunks(draw):
    """Points of some of 60 steps, as single precision has them."""
    found = []
    for step in sorted(draw(st.sets(st.integers(0, 59)))):
        count = draw(st.integers(1, 5))
        low, mean, high = sorted(draw(st.tuples(float32, float32, float32)))
        found.append((600 + step * 60, *((mean, low, high) if count > 1 else (mean, mean, mean)), count))
    return found


@st.composite
def days(draw):
    """Samples of one metric at any times within some hours, at most one at a moment: [(seconds, value)]."""
    moments = draw(st.lists(st.integers(0, SPAN_S - 1), unique=True, min_size=1, max_size=60))
    return [(at_s, float(draw(st.integers(0, 255)))) for at_s in sorted(moments)]


@given(samples, st.none() | st.integers(0, 255), st.none() | st.floats(0, 2**32))
@settings(max_examples=examples(300, 50_000))
def test_a_sample_comes_back_within_half_a_quantum(values, boots, uptime_s):
    data = pack_sample(values, boots, uptime_s)
    back = unpack_sample(data)
    assert (back.boots, back.uptime_s) == (boots, None if uptime_s is None else int(uptime_s))
    assert {BY_NUMBER[number].name for number in back.values} == set(values)
    assert metrics_of(data) == sum(1 << number for number in back.values)
    for name, value in values.items():
        metric = METRICS[name]
        near = 0 if metric.kind == "counter" else metric.quantum * 0.500_001
        assert abs(back.values[metric.number] - value) <= near
        assert unpack_value(data, metric) == (back.values[metric.number], back.boots, back.uptime_s)
        # What is stored again, as merging does, stays what it is.
    again = {BY_NUMBER[number].name: value for number, value in back.values.items()}
    kept = {name: value for name, value in again.items() if METRICS[name].low <= value <= METRICS[name].high}
    assert unpack_sample(pack_sample(kept, None, None)).values == {
        METRICS[name].number: value for name, value in kept.items()
    }


@given(chunks())
@settings(max_examples=examples(200, 20_000))
def test_a_chunk_comes_back_as_it_was(found):
    packed = pack_chunk(found, 600, 60, 60)
    assert unpack_chunk(packed, 600, 60, 60) == found
    counts, means = unpack_means(packed, 60)
    assert [count for count in counts if count] == [point[4] for point in found]
    assert list(means) == [point[1] for point in found]


@given(st.binary(max_size=200))
@settings(max_examples=examples(300, 100_000))
def test_any_bytes_are_read_or_refused(data):
    for read in (
        unpack_sample,
        metrics_of,
        lambda data: unpack_value(data, METRICS["links"]),
        lambda data: unpack_chunk(data, 0, 60, 60),
        lambda data: unpack_means(data, 60),
    ):
        try:
            read(data)
        except StoreError:
            pass


def assert_is(found, expected):
    """Points without gaps are those that were worked out plainly."""
    found = [point for point in found if point[4]]
    assert [(at_s, low, high, count) for at_s, _, low, high, count in found] == [
        (at_s, low, high, count) for at_s, (_, low, high, count) in sorted(expected.items())
    ]
    for at_s, mean, *_ in found:
        assert mean == pytest.approx(expected[at_s][0], rel=1e-6)


@given(days(), st.randoms(use_true_random=False))
@settings(max_examples=examples(40, 3000))
def test_roll_ups_are_what_the_plainest_way_gives_whatever_the_order(day, rng: random.Random):
    shuffled = rng.sample(day, len(day))
    with closing(open_connection(":memory:")) as connection:
        while shuffled:
            part = [shuffled.pop() for _ in range(min(len(shuffled), rng.randint(1, 20)))]
            put(connection, *(sample(at_s, links=value) for at_s, value in part), now_s=T + DAY_S)
            if rng.random() < 0.5:
                roll_all(connection, T + rng.randint(0, DAY_S))
        for _ in range(2):  # with some of it rolled up, and with all
            for step_s in (60, 300, 3600, 7200, DAY_S):
                assert_is(points(connection, "links", resolution_s=step_s), by_step(day, step_s))
            assert_is(points(connection, "links"), by_step(day, 1))
            roll_all(connection, T + 2 * DAY_S)


@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 2**31), st.booleans()), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
@settings(max_examples=examples(40, 3000))
def test_rates_are_what_was_counted_over_restarts_and_wraps(steps, rng: random.Random):
    at_s, boots, total = 0, 0, rng.randrange(2**32)
    told = [(at_s, boots, total)]
    expected = []
    for after_s, grown, has_restarted in steps:
        at_s += after_s
        boots = (boots + has_restarted) % 256
        total = grown if has_restarted else (total + grown) % 2**32
        told.append((at_s, boots, total))
        if not has_restarted and after_s <= 600 and at_s < SPAN_S:
            expected.append((at_s, grown / after_s))
    rows = [sample(at_s, boots=boots, bytes_sent=total) for at_s, boots, total in told if at_s < SPAN_S]
    rng.shuffle(rows)
    with closing(open_connection(":memory:")) as connection:
        put(connection, *rows, now_s=T + DAY_S)
        for _ in range(2):
            for step_s in (60, 3600):
                found = [point for point in points(connection, "bytes_sent", resolution_s=step_s) if point[4]]
                plain = sorted(by_step(expected, step_s).items())
                assert [(point[0], point[4]) for point in found] == [(at, row[3]) for at, row in plain]
                for point, (_, row) in zip(found, plain, strict=True):
                    assert point[1:4] == pytest.approx(row[:3], rel=1e-6)
            roll_all(connection, T + 2 * DAY_S)


@given(days())
@settings(max_examples=examples(40, 3000))
def test_gaps_stand_between_runs_and_nowhere_else(day):
    with closing(open_connection(":memory:")) as connection:
        put(connection, *(sample(at_s, links=value) for at_s, value in day), now_s=T + DAY_S)
        for step_s in (0, 60, 900, 3600):
            found = points(connection, "links", resolution_s=step_s)
            counts = [point[4] for point in found]
            assert counts[0]
            assert counts[-1]
            assert all(before or after for before, after in pairwise(counts))
            starts = [point[0] for point in found]
            assert starts == sorted(set(starts))
            for before, after in pairwise(found):
                is_far = after[0] - before[0] > max(1800, 1.5 * step_s)
                assert not (before[4] and after[4] and is_far)
