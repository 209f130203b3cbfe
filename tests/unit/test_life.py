"""Lives of virtual boards: plausible, seeded, and the same kind of life however often one looks."""

from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.health.metrics import COUNTER
from meshnode.health.metrics import METRICS as WIRE
from meshward.sim.life import NAMES, WALL_S, Life
from meshward.sim.stories import KINDS, Story
from meshward.sim.traces import DAY_S, DAYS, day, trace
from meshward.status.metrics import METRICS
from tests.support.profiles import examples

HOUR_US = 3_600_000_000
COUNTERS = [metric.name for metric in WIRE if metric.kind == COUNTER]


def named(values):
    return dict(zip(NAMES, values, strict=True))


def column(readings, name):
    return [reading[NAMES.index(name)] for reading in readings]


def life(*stories, node_id=1001, hardware="ESP32", **options):
    return Life(node_id, hardware, stories=[Story.read(text) for text in stories], **options)


def lives(count, *stories, **options):
    return [life(*stories, node_id=1001 + index, **options) for index in range(count)]


def test_a_reading_has_all_metrics_and_none_for_what_a_board_has_not():
    esp32 = named(life(seed=1).read(60_000_000))
    esp8266 = named(life(seed=1, hardware="ESP8266", parent_id=None).read(60_000_000))
    assert [name for name, value in esp32.items() if value is None] == ["battery_percent"]
    assert esp8266["temperature_c"] is None
    assert esp8266["rssi_dbm"] is None
    assert 24_000 < esp8266["heap_free_bytes"] < 32_000
    assert 170_000 < esp32["heap_free_bytes"] < 190_000


def test_some_boards_have_a_battery_that_the_sun_charges():
    powered = [reading for each in lives(60) if (reading := trace(each, DAY_S, 3600))[0][7] is not None]
    assert 5 <= len(powered) <= 25
    for readings in powered:
        levels = column(readings, "battery_percent")
        assert max(levels[14:20]) == pytest.approx(max(levels), abs=4), "before the night"
        assert min(levels) > 30
        assert max(levels) - min(levels) > 20


def test_equal_seeds_live_equal_lives_and_others_other_ones():
    first, same, other = (trace(life(seed=seed), 7200) for seed in (1, 1, 2))
    assert first == same
    assert first != other
    assert trace(life(node_id=1002, seed=1), 7200) != first


@settings(max_examples=examples(60, long=5000))
@given(
    seed=st.integers(0, 1000),
    hardware=st.sampled_from(["ESP32", "ESP8266"]),
    kinds=st.sets(st.sampled_from(KINDS), max_size=4),
    steps_us=st.lists(st.integers(0, 10 * HOUR_US), min_size=1, max_size=40),
    restarts=st.sets(st.integers(0, 40), max_size=3),
    speed=st.sampled_from([1.0, 60.0, 0.1]),
)
def test_any_reading_is_possible_and_counters_only_grow(seed, hardware, kinds, steps_us, restarts, speed):
    board = Life(7, hardware, seed=seed, stories=[Story.read(kind) for kind in kinds], speed=speed)
    now_us = 0
    before = None
    for index, step_us in enumerate(steps_us):
        if index in restarts:
            now_us = 0
            board.restart(0)
            before = None
        now_us += step_us
        values = named(board.read(now_us))
        for name, value in values.items():
            assert value is None or METRICS[name].low <= value <= METRICS[name].high, name
        assert values["heap_block_bytes"] <= values["heap_free_bytes"]
        assert values["heap_min_bytes"] <= values["heap_free_bytes"] + 1
        if before is not None:
            assert all(values[name] >= before[name] for name in COUNTERS)
            assert values["heap_min_bytes"] <= before["heap_min_bytes"]
        before = values


def test_a_moment_that_has_passed_counts_as_now():
    board = life()
    now = named(board.read(HOUR_US))
    then = named(board.read(HOUR_US // 2))
    assert {name: then[name] for name in COUNTERS} == {name: now[name] for name in COUNTERS}
    assert named(board.read(2 * HOUR_US))["messages_received"] > now["messages_received"]


def means(every_s, take, seconds=DAY_S):
    return mean(take(trace(each, seconds, every_s)) for each in lives(12, seed=5))


@pytest.mark.parametrize("name", ["messages_received", "bytes_sent"])
def test_how_often_one_looks_does_not_change_how_much_is_counted(name):
    often, seldom = (means(every_s, lambda readings: column(readings, name)[-1]) for every_s in (20, 300))
    assert often == pytest.approx(seldom, rel=0.1)


def test_how_often_one_looks_does_not_change_how_long_the_loops_are():
    often, seldom = (
        means(every_s, lambda readings: median(column(readings, "loop_max_ms")), 2 * 3600)
        for every_s in (2, 60)
    )
    assert often == pytest.approx(seldom, rel=0.25)


def test_loop_times_have_a_heavy_tail():
    loops_ms = [ms for each in lives(5) for ms in column(trace(each, DAY_S), "loop_max_ms")]
    assert max(loops_ms) > 8 * median(loops_ms)
    assert max(loops_ms) <= 900


def test_traffic_heap_and_warmth_follow_the_day():
    night, afternoon = [], []
    for each in lives(30):
        readings = trace(each, DAY_S, 600)
        for found, hour in ((night, 3), (afternoon, 15)):
            at = slice(hour * 6 - 3, hour * 6 + 3)
            heap, warmth = column(readings, "heap_free_bytes"), column(readings, "temperature_c")
            received = column(readings, "messages_received")[at]
            found.append((mean(heap[at]), mean(warmth[at]), received[-1] - received[0]))
    by_hour = [[mean(row) for row in zip(*found, strict=True)] for found in (night, afternoon)]
    heaps, warmths, traffics = zip(*by_hour, strict=True)
    assert heaps[0] - heaps[1] == pytest.approx(3000, abs=400)
    assert warmths[1] - warmths[0] == pytest.approx(6, abs=1)
    assert traffics[1] > 2 * traffics[0]


def test_the_time_of_day_is_that_of_the_wall_clock():
    morning = life()
    shifted = life(wall_s=WALL_S + 12 * 3600)
    assert morning._day(3 * 3600) == pytest.approx(-shifted._day(3 * 3600))


def test_a_calm_board_gives_no_cause_for_alarm():
    for hardware in ("ESP32", "ESP8266"):
        for each in lives(20, hardware=hardware):
            readings = trace(each, 3 * DAY_S, 300)
            assert min(column(readings, "rssi_dbm")) > -83
            assert max(column(readings, "loop_max_ms")) < 1000
            assert max(column(readings, "cpu_percent")) < 60
            assert min(column(readings, "heap_min_bytes")) > (20_000 if hardware == "ESP8266" else 150_000)
            assert max(value or 0 for value in column(readings, "temperature_c")) < 60
            assert column(readings, "messages_dropped")[-1] < 20


def test_signal_depends_on_who_the_parent_is():
    def signal(parent_id):
        return median(column(trace(life(parent_id=parent_id), 8 * 3600), "rssi_dbm"))

    signals = {parent_id: signal(parent_id) for parent_id in range(1002, 1022)}
    assert max(signals.values()) - min(signals.values()) > 12
    board = life(parent_id=1002)
    before = median(column(trace(board, 3600), "rssi_dbm"))
    far = max(signals, key=lambda parent_id: abs(signals[parent_id] - before))
    board.parent_id = far
    after = median(column(trace(board, 3600, start_us=HOUR_US), "rssi_dbm"))
    assert after == pytest.approx(signals[far], abs=5)
    assert board.read(3 * HOUR_US)[3] is not None
    board.parent_id = None
    assert board.read(4 * HOUR_US)[3] is None


# What the stories make of it.


@pytest.mark.parametrize("bytes_per_h", [400, 800, 3000])
def test_a_leak_takes_so_much_an_hour(bytes_per_h):
    heap = column(trace(life(f"leak:{bytes_per_h}"), 24 * 3600), "heap_free_bytes")
    assert (median(heap[:60]) - median(heap[-60:])) / 23 == pytest.approx(bytes_per_h, abs=60)


def test_a_leak_ends_when_the_heap_is_used_up():
    board = life("leak:10000", hardware="ESP8266")
    end_us = board.exhausted_us()
    assert 2.5 * HOUR_US < end_us < 2.75 * HOUR_US
    board.read(HOUR_US)
    assert board.exhausted_us() == pytest.approx(end_us, abs=10)
    assert named(board.read(end_us))["heap_free_bytes"] < 4500
    board.restart(1000)
    assert board.exhausted_us() == pytest.approx(end_us + 1000, abs=10)
    assert named(board.read(1_000_000))["heap_free_bytes"] > 24_000
    assert life().exhausted_us() is None


def test_a_fast_life_leaks_within_minutes():
    board = life("leak:800", speed=60.0)
    slow = life("leak:800")
    assert board.exhausted_us() == pytest.approx(slow.exhausted_us() / 60, rel=1e-6)
    first, last = (named(board.read(now_us))["heap_free_bytes"] for now_us in (HOUR_US // 60, HOUR_US))
    assert first - last == pytest.approx(59 * 800, abs=5000)


def test_a_weak_link_a_hot_chip_and_a_busy_board():
    calm, told = (trace(life(*stories), 8 * 3600) for stories in ((), ("weak:-93", "hot", "busy")))
    assert median(column(told, "rssi_dbm")) == pytest.approx(-93, abs=3)
    assert min(column(told, "temperature_c")) > 70 > max(column(calm, "temperature_c"))
    assert min(column(told, "cpu_percent")) > 60
    assert median(column(told, "loop_max_ms")) > 10 * median(column(calm, "loop_max_ms"))
    assert column(told, "messages_received")[-1] > 10 * column(calm, "messages_received")[-1]
    assert column(told, "messages_dropped")[-1] > 100
    assert life("hot", hardware="ESP8266").read(1)[6] > 70, "it would not show otherwise"


def test_a_board_that_flaps_reconnects_so_often():
    reconnects = [column(trace(each, DAY_S), "reconnects")[-1] for each in lives(10, "flap:20")]
    assert mean(reconnects) == pytest.approx(480, rel=0.1)
    assert mean(column(trace(each, 10 * DAY_S, 3600), "reconnects")[-1] for each in lives(20)) < 3


# Restarts.


def test_a_restart_begins_counting_anew_and_ages_no_further():
    board = life("leak:2000")
    before = named(board.read(24 * HOUR_US))
    board.restart(5)
    after = named(board.read(60_000_005))
    assert all(after[name] < before[name] for name in COUNTERS if before[name] > 100)
    assert after["heap_free_bytes"] > before["heap_free_bytes"] + 40_000
    assert after["heap_min_bytes"] > before["heap_min_bytes"]


def test_time_off_counts_for_the_time_of_day():
    board = life(speed=2.0)
    board.restart(0, WALL_S)
    board.read(HOUR_US)
    assert board._wall_s == pytest.approx(WALL_S + 2 * 3600)
    board.restart(0, WALL_S + 4 * 3600)
    assert board._wall_s == pytest.approx(WALL_S + 8 * 3600)
    board.restart(0, WALL_S)  # the clock was set back
    assert board._wall_s == pytest.approx(WALL_S + 8 * 3600)


def test_a_life_begins_when_its_board_is_first_started():
    board = life()
    board.restart(7, WALL_S + 1e6)
    assert board._wall_s == WALL_S + 1e6
    assert named(board.read(7))["messages_received"] == 0


# Traces.


@pytest.mark.parametrize("kind", DAYS)
def test_days_of_a_kind_are_reproducible(kind):
    readings = day(kind, every_s=60)
    assert len(readings) == 1440
    assert readings == day(kind, every_s=60)
    assert readings != day(kind, every_s=60, seed=2)
