import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.status.anomaly.detector import NodeDetector
from meshward.status.anomaly.packed import pack, pack_times, unpack, unpack_times
from meshward.status.anomaly.peers import COMPARED, outliers
from meshward.status.anomaly.trend import trend, without_steps
from meshward.status.anomaly.watched import WATCHED
from meshward.status.facts import Fact, NodeFacts
from meshward.status.metrics import METRICS
from tests.support.profiles import examples
from tests.support.strategies import json_values

MIN_S = 60
WALL_S = 1_700_000_000
NAMES = ("heap_free_bytes", "rssi_dbm", "messages_received", "bytes_sent", "temperature_c")
int32 = st.integers(-(2**31), 2**31 - 1)

any_values = st.dictionaries(
    st.sampled_from(list(METRICS)) | st.text(max_size=5),
    st.floats() | st.integers(-(2**40), 2**40) | st.floats(-120, 40_000),
    max_size=4,
)
#: (seconds passed, how often, what is told)
any_time = st.integers(-(2**70), 2**70) | st.integers(-20_000, 20_000) | st.sampled_from([60, 600, 3600])
stretches = st.lists(st.tuples(any_time, st.integers(1, 30), any_values), max_size=12)
#: (minutes, lowest value, how far it goes up and down, change an hour)
courses = st.lists(
    st.tuples(st.integers(1, 400), st.integers(-80, 60_000), st.integers(0, 9), st.integers(-900, 200)),
    min_size=1,
    max_size=4,
)


def told(course, start_min):
    """What is told minute by minute: (minute, values)."""
    minute = start_min
    for minutes, low, swing, per_h in course:
        for at in range(minutes):
            minute += 1
            level = low + minute % (swing + 1) + per_h * at / 60
            yield minute, dict.fromkeys(NAMES[1:], min(level, 0.0) if low < 0 else level) | {NAMES[0]: level}


@settings(max_examples=examples(150, long=5000))
@given(stretches, st.floats(), st.sampled_from(["", "restart", "update", "restore"]), json_values)
def test_whatever_is_told_and_whenever_nothing_breaks_and_nothing_grows(parts, wall_s, what, junk):
    detector, now_us = NodeDetector(), 0
    for passed_s, times, values in parts:
        for _ in range(times):
            now_us += passed_s * 1_000_000
            detector.on_values(values, now_us, wall_s)
        if what == "restart":
            detector.on_restart(now_us)
        elif what == "update":
            detector.on_update(now_us)
        elif what == "restore":
            detector.restore(junk, now_us, wall_s)
        for anomaly in detector.anomalies(now_us):
            assert all(map(math.isfinite, (anomaly.value, anomaly.usual, anomaly.spread)))
        leak = detector.leak(now_us)
        assert leak is None or 0 <= leak.hours_low <= leak.hours_left <= leak.hours_high
    assert len(detector._series) <= len(WATCHED)
    json.dumps(detector.snapshot(), allow_nan=False)


@settings(max_examples=examples(40, long=2000))
@given(courses, courses, st.integers(0, 10**12), st.integers(0, 100))
def test_a_restored_detector_goes_on_as_the_one_that_was_saved(before, after, start_us, wall_off_s):
    one = NodeDetector()
    last = 0
    for minute, values in told(before, 0):
        last = minute
        one.on_values(values, start_us + minute * 60_000_000, WALL_S + minute * MIN_S)
    now_us, wall_s = start_us + last * 60_000_000, WALL_S + last * MIN_S
    saved = json.loads(json.dumps(one.snapshot()))
    two = NodeDetector()
    two.restore(saved, now_us, wall_s)
    assert json.loads(json.dumps(two.snapshot())) == saved
    # Counters are not saved: their next rate is known one value later.
    skipped = [name for name in NAMES if METRICS[name].kind == "counter"]
    for minute, values in told(after, last):
        rest = {name: value for name, value in values.items() if name not in skipped}
        at_us, at_s = start_us + minute * 60_000_000, WALL_S + minute * MIN_S + wall_off_s
        for detector in (one, two):
            detector.on_values(rest, at_us, at_s)
        assert one.anomalies(at_us) == two.anomalies(at_us)
        assert one.leak(at_us) == two.leak(at_us)
    assert one.snapshot() == two.snapshot()


@given(st.lists(int32, max_size=300))
def test_packed_rows_come_back(numbers):
    assert unpack(pack(numbers)) == numbers


@given(st.sets(st.integers(0, 2**31 - 1), max_size=100), st.integers(0, 10**15))
def test_packed_times_come_back(times, off):
    row = sorted(time + off for time in times)
    assert unpack_times(pack_times(row)) == row


@given(
    st.text(max_size=40)
    | st.builds("{}:{}:{}".format, int32, st.integers(-1, 6), st.text("AB+/=9z", max_size=20))
)
def test_other_texts_are_rows_or_refused(text):
    for read in (unpack, unpack_times):
        try:
            numbers = read(text)
        except ValueError:
            continue
        assert all(isinstance(number, int) for number in numbers)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 10**6)), min_size=2, max_size=40),
    st.integers(0, 10**6),
)
def test_a_trend_moves_with_its_points(steps, up):
    points, at = [], 0
    for step, value in steps:
        at += step
        points.append((at, value))
    line = trend(points)
    assert line.steepest <= line.slope <= line.gentlest
    moved = trend([(at + 7, value + up) for at, value in points])
    assert math.isclose(moved.z, line.z)
    assert math.isclose(moved.slope, line.slope)
    assert math.isclose(moved.at(9), line.at(2) + up, abs_tol=1e-3)
    mirrored = trend([(at, -value) for at, value in points])
    assert math.isclose(mirrored.z, -line.z)
    flat = without_steps(points, 3)
    assert [at for at, _ in flat] == [at for at, _ in points]
    assert all(after >= before for (_, before), (_, after) in zip(points, flat, strict=True))


facts = st.builds(
    lambda node, age_s, depth, hardware, values: NodeFacts(
        node,
        hardware=hardware,
        version="1",
        online=True,
        depth=depth,
        metrics={name: Fact(value, age_s, "mesh") for name, value in values.items()},
    ),
    st.integers(1, 30),
    st.floats(0, 1200),
    st.integers(0, 5),
    st.sampled_from(["ESP32", "ESP8266"]),
    st.dictionaries(st.sampled_from([one.name for one in COMPARED]), st.floats(0, 100), max_size=3),
)


@given(st.lists(facts, max_size=30, unique_by=lambda one: one.node))
def test_outliers_are_fewer_than_half_of_their_group(nodes):
    found = outliers(nodes)
    assert found.keys() <= {node.node for node in nodes}
    for name in {outlier.metric for some in found.values() for outlier in some}:
        with_it = [node for node in nodes if name in node.metrics]
        odd = [node for node, some in found.items() if name in {outlier.metric for outlier in some}]
        assert 2 * len(odd) < len(with_it)
