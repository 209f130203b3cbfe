"""A rule on trial: what it is held against, and what comes of it; as the engine has it: tests/property."""

import pytest

from meshward.gateway import trial_run
from meshward.gateway.rule_trial import (
    EPISODES_MAX,
    Episode,
    Sight,
    absences,
    episodes,
    is_ever_met,
    judged,
    smoothed,
)
from meshward.status.alerts.rules import RuleBook
from meshward.status.metrics import METRICS
from meshward.store import node_steps
from meshward.store.connection import open_connection
from meshward.store.database import Database
from meshward.store.history import Keep
from tests.support.history import DAY_S, HOUR_S, NODE, T, expire_all, put, roll_all, sample

HEAP = "heap_free_bytes"
MINUTE_S = 60


@pytest.fixture
def connection(tmp_path):
    with open_connection(tmp_path / "m.db") as connection:
        yield connection
    connection.close()


def rule(metric=HEAP, direction="below", threshold=10_000, **more):
    book = RuleBook()
    book.patch("trial", {"metric": metric, "direction": direction, "threshold": threshold, **more})
    return book.by_name["trial"]


def minutes(*values, start_s=0):
    """A step a minute; none where the value is None."""
    return [
        (start_s + MINUTE_S * index, MINUTE_S, value, 1)
        for index, value in enumerate(values)
        if value is not None
    ]


def tried(made, steps, absent=(), end_s=None):
    end_s = steps[-1][0] + MINUTE_S if end_s is None else end_s
    return [(one.from_s, one.until_s, one.worst) for one in episodes(made, steps, absent, end_s)]


def test_it_fires_once_met_for_long_enough_and_ends_once_clear_for_long_enough():
    made = rule(clear=12_000, for_s=90, keep_firing_s=120)
    steps = minutes(20, 20, 9, 8, 7, 11, 13, 13, 13, 13)
    thousands = [(at_s, length_s, value * 1000, count) for at_s, length_s, value, count in steps]
    assert tried(made, thousands) == [(120 + 90, 360 + 120, 7000)]


def test_a_blip_shorter_than_the_rule_waits_is_none():
    assert tried(rule(for_s=90), minutes(20_000, 9_000, 20_000, 20_000, 9_000, 20_000)) == []
    assert tried(rule(for_s=30), minutes(20_000, 9_000, 20_000)) == [(90, 120, 9_000)]


def test_what_would_fire_now_has_no_end():
    assert tried(rule(), minutes(20_000, 9_000, 4_000, 9_500)) == [(60, None, 4_000)]
    assert tried(rule("temperature_c", "above", 80), minutes(70, 81, 99, 85)) == [(60, None, 99)]


def test_a_gap_of_the_gateway_neither_fires_nor_ends():
    made = rule(for_s=600)
    off = [(5 * MINUTE_S, 20 * HOUR_S, Sight.NONE)]
    steps = minutes(*[9_000] * 5) + minutes(*[9_000] * 3, start_s=20 * HOUR_S)
    assert tried(made, steps, off) == []
    steps += minutes(*[9_000] * 3, start_s=20 * HOUR_S + 180)
    (found,) = tried(made, steps, off)
    assert found[0] == pytest.approx(20 * HOUR_S + 300, abs=10)  # five minutes before it, five after
    assert tried(rule(), steps, off) == [(0, None, 9_000)]


def test_a_node_that_leaves_does_not_fire_any_more():
    made = rule(for_s=300)
    steps = minutes(9_000, 9_000)
    assert tried(made, steps, end_s=600) == [(300, None, 9_000)]  # the value counts for ten minutes
    assert tried(made, steps, [(120, HOUR_S, Sight.AWAY)], end_s=600) == []


def test_an_alert_without_data_ends_after_an_hour():
    (found,) = tried(rule(), minutes(9_000), end_s=5 * HOUR_S)
    assert found[1] == pytest.approx(HOUR_S + 600, abs=MINUTE_S)


def test_boards_that_tell_seldom_are_not_stale_between_two_reports():
    steps = [(1800 * index, MINUTE_S, 9_000, 1) for index in range(20)]
    # How seldom that is shows with the second value.
    assert tried(rule(for_s=3 * HOUR_S), steps) == [(1800 + 3 * HOUR_S, None, 9_000)]


def test_what_comes_and_goes_is_one_episode_as_for_people():
    values = [9_000 if index % 4 < 2 else 20_000 for index in range(60)]
    alternating = tried(rule(), minutes(*values))
    assert 1 <= len(alternating) < 8


def test_hours_fire_within():
    steps = [(HOUR_S * index, HOUR_S, value, 60) for index, value in enumerate([20_000, 9_000, 20_000])]
    assert tried(rule(for_s=600), steps) == [(HOUR_S + 600, 2 * HOUR_S, 9_000)]


def test_rates_are_judged_over_the_last_few_readings():
    rates = [(0, 60, 0.0, 1), (60, 60, 8.0, 1), (120, 60, 0.0, 1), (180, 60, 0.0, 1), (240, 60, 0.0, 1)]
    assert [step[2] for step in smoothed([*rates, (300, 60, 0.0, 1)])] == [0, 4, 8 / 3, 2, 2, 0]
    assert [step[2] for step in smoothed([(0, 60, 1.0, 6), (60, 60, 5.0, 6)])] == [1, 5]


def test_a_clock_is_off_on_either_side():
    offsets = minutes(20.0, -1500.0, -1500.0, 10.0)
    off = rule("clock_offset_ms", "above", 1000)
    assert tried(off, judged(off, offsets)) == [(60, 180, 1500)]
    behind = rule("clock_offset_ms", "below", -1000)
    assert tried(behind, judged(behind, offsets)) == [(60, 180, -1500)]
    assert not is_ever_met(off, judged(off, minutes(999.0, -999.0)))


def test_episodes_beyond_the_most_are_not_looked_for():
    steps = minutes(*[9_000 if index % 15 == 0 else 20_000 for index in range(15 * (EPISODES_MAX + 5))])
    found = episodes(rule(), steps, [], steps[-1][0])
    assert len(found) == EPISODES_MAX
    assert all(one.until_s is not None for one in found)
    assert found[-1].from_s == 15 * MINUTE_S * (EPISODES_MAX - 1)
    few = steps[: 15 * 3]
    assert len(episodes(rule(), few, [], few[-1][0])) == 3


def test_absences_are_what_was_seen_of_a_node():
    online = minutes(*[1.0] * 5, *[0.0] * 5, *[1.0] * 5, *[None] * 10, 0.0, 1.0)
    assert absences(online, 0, 27 * MINUTE_S) == [
        (300, 600, Sight.AWAY),
        (900, 1500, Sight.NONE),
        (1500, 1560, Sight.AWAY),
    ]
    assert absences([], 0, 600) == [(0, 600, Sight.NONE)]
    assert absences(minutes(1.0, None, None, 1.0), 0, 300) == []


def store_a_day(connection, values, days=1):
    """A value a minute, and that the node is in the mesh; rolled up as far as it can be."""
    for day in range(days):
        rows = [
            sample(day * DAY_S + at_s, "604", **{HEAP: values(day * DAY_S + at_s)})
            for at_s in range(0, DAY_S, 60)
        ]
        rows += [sample(day * DAY_S + at_s, "mesh", online=1) for at_s in range(5, DAY_S, 60)]
        put(connection, *rows, now_s=T + (day + 1) * DAY_S)
        roll_all(connection, T + (day + 1) * DAY_S)


async def try_on(path, *trial):
    async with Database(path / "m.db") as database:
        return await trial_run.try_on(database, NODE, *trial)


async def test_a_trial_reads_what_is_rolled_up_and_what_is_not_yet(connection, tmp_path):
    low = {(3 * HOUR_S, 3 * HOUR_S + 600), (DAY_S - 900, DAY_S - 300)}
    store_a_day(connection, lambda at_s: 9_000 if any(a <= at_s < b for a, b in low) else 20_000)
    (unrolled_ms,) = connection.execute("SELECT unrolled_ms FROM sample_node").fetchone()
    assert unrolled_ms / 1000 < T + DAY_S - 900
    trial = await try_on(tmp_path, rule(for_s=120), T + 120, T + DAY_S)
    assert (trial.first_s, trial.resolution_s) == (T, MINUTE_S)
    assert [(one.from_s - T, one.until_s - T) for one in trial.episodes] == [
        (begin_s + 120, end_s) for begin_s, end_s in sorted(low)
    ]
    assert trial.episodes[0].worst == pytest.approx(9_000, abs=128)


async def test_where_minutes_are_gone_it_reads_hours(connection, tmp_path):
    store_a_day(connection, lambda at_s: 9_000 if 5 * HOUR_S <= at_s < 7 * HOUR_S else 20_000, days=3)
    expire_all(connection, T + 3 * DAY_S, Keep(raw_h=24, minute_days=1, hour_days=365))
    trial = await try_on(tmp_path, rule(for_s=120), T, T + 3 * DAY_S)
    assert (trial.first_s, trial.resolution_s) == (T, HOUR_S)
    assert trial.episodes == [Episode(T + 5 * HOUR_S + 120, T + 7 * HOUR_S, pytest.approx(9_000, abs=128))]


async def test_what_is_read_in_parts_is_as_if_it_were_read_at_once(connection, tmp_path, monkeypatch):
    store_a_day(connection, lambda at_s: 9_000 if at_s // 2000 % 2 else 20_000, days=3)
    expire_all(connection, T + 3 * DAY_S, Keep(raw_h=24, minute_days=1, hour_days=365))
    at_once = await try_on(tmp_path, rule(), T + 120, T + 3 * DAY_S)
    assert len(at_once.episodes) > 20
    monkeypatch.setattr(trial_run, "PART_S", 5 * HOUR_S)
    assert await try_on(tmp_path, rule(), T + 120, T + 3 * DAY_S) == at_once


def test_steps_are_in_order_without_any_twice(connection):
    store_a_day(connection, lambda at_s: at_s / 60 + 1_000, days=3)
    expire_all(connection, T + 3 * DAY_S, Keep(raw_h=24, minute_days=1, hour_days=365))
    steps = list(node_steps.read(connection, NODE, METRICS[HEAP], T + HOUR_S + 7, T + 3 * DAY_S))
    begins = [at_s for at_s, _, _, _ in steps]
    assert begins == sorted(set(begins))
    assert begins[0] == T + HOUR_S
    assert {length_s for _, length_s, _, _ in steps} == {HOUR_S, MINUTE_S}
    assert all(
        after >= before + step[1] for before, after, step in zip(begins, begins[1:], steps, strict=False)
    )
    assert sum(length_s for _, length_s, _, _ in steps) == 3 * DAY_S - HOUR_S


async def test_a_node_without_history_has_no_values(connection, tmp_path):
    assert (await try_on(tmp_path, rule(), T, T + DAY_S)).first_s is None
    put(connection, sample(0, "604", rssi_dbm=-60))
    assert (await try_on(tmp_path, rule(), T, T + DAY_S)).first_s is None
