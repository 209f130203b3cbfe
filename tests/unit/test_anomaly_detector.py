import json
import random

import pytest

from meshward.status.anomaly.detector import NodeDetector
from meshward.status.anomaly.watched import WATCHED, ways
from meshward.status.facts import Anomaly

WALL_S = 1_700_000_000.0
MIN_US = 60_000_000
DAY_MIN = 1440


class Played:
    """A detector that is told of a node once a minute."""

    def __init__(self, **usual):
        self.detector = NodeDetector()
        self.usual = {"heap_free_bytes": 40_000.0, "rssi_dbm": -60.0, "loop_max_ms": 12.0, **usual}
        self.now_us = 5_000_000
        self._counts = {}

    @property
    def wall_s(self):
        return WALL_S + self.now_us // 1_000_000

    def play(self, minutes, *, counts=None, **other):
        for _ in range(minutes):
            self.now_us += MIN_US
            for name, step in (counts or {}).items():
                self._counts[name] = (self._counts.get(name, 2**32 - 5000) + step) % 2**32
            self.detector.on_values({**self.usual, **other, **self._counts}, self.now_us, self.wall_s)
        return self

    @property
    def metrics(self):
        return {anomaly.metric for anomaly in self.detector.anomalies(self.now_us)}


def test_metrics_that_are_unlike_themselves_are_told():
    played = Played().play(300)
    assert played.metrics == set()
    began_us = played.now_us + MIN_US
    played.play(5, rssi_dbm=-85.0)
    (anomaly,) = played.detector.anomalies(played.now_us)
    assert anomaly == Anomaly("rssi_dbm", -85.0, -60.0, 1.0, began_us)


def test_counters_are_watched_as_rates_across_their_wrap():
    played = Played().play(300, counts={"messages_received": 60})
    assert played.metrics == set()
    played.play(5, counts={"messages_received": 600})
    (anomaly,) = played.detector.anomalies(played.now_us)
    assert (anomaly.metric, anomaly.value, anomaly.usual) == ("messages_received", 10.0, 1.0)


def test_a_counter_that_begins_anew_is_no_rate():
    played = Played().play(300, counts={"bytes_sent": 6000})
    for _ in range(10):
        played._counts["bytes_sent"] = 0
        assert played.play(2, counts={"bytes_sent": 6000}).metrics == set()


@pytest.mark.parametrize("what", ["on_restart", "on_update"])
def test_after_a_restart_or_an_update_everything_is_learnt_anew(what):
    played = Played().play(300).play(10, rssi_dbm=-90.0)
    getattr(played.detector, what)(played.now_us)
    assert played.metrics == set()
    assert played.play(200, rssi_dbm=-90.0).play(10, rssi_dbm=-20.0).metrics == set()
    assert played.play(60, rssi_dbm=-90.0).play(10, rssi_dbm=-20.0).metrics == {"rssi_dbm"}


def test_leaks_are_told_and_begin_anew_with_a_restart():
    played = Played()
    for minute in range(20 * 60):
        played.play(1, heap_free_bytes=28_000 - minute * 10 + 50 * (minute % 5))
    leak = played.detector.leak(played.now_us)
    assert leak.bytes_per_h == pytest.approx(600, rel=0.1)
    played.detector.on_restart(played.now_us)
    assert played.detector.leak(played.now_us) is None


def test_what_is_not_told_any_more_is_not_unusual():
    played = Played().play(300).play(5, rssi_dbm=-90.0)
    played.usual.pop("rssi_dbm")
    assert played.play(14).metrics == {"rssi_dbm"}
    assert played.play(2).metrics == set()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, -1.0])
def test_nonsense_is_left_out(value):
    played = Played().play(300, heap_free_bytes=value, unheard_of=1.0, nodes=5.0)
    assert played.detector._series.keys() == {"rssi_dbm", "loop_max_ms"}
    json.dumps(played.detector.snapshot(), allow_nan=False)


@pytest.mark.parametrize("wall_s", [0.0, float("nan"), float("inf"), -5.0, 1e300])
def test_a_wall_clock_that_is_not_set_is_no_matter(wall_s):
    detector = NodeDetector()
    for minute in range(300):
        value = -60.0 if minute < 290 else -90.0
        detector.on_values({"rssi_dbm": value}, minute * MIN_US, wall_s if minute < 100 else WALL_S)
    (anomaly,) = detector.anomalies(299 * MIN_US)
    assert anomaly.since_us == 290 * MIN_US


def lively(seed, days=8):
    rng = random.Random(seed)
    detector = NodeDetector()
    counts = dict.fromkeys((one.name for one in WATCHED if one.is_counter), 0)
    for minute in range(days * DAY_MIN):
        for name in counts:
            counts[name] += (
                0 if name == "messages_dropped" else rng.randrange(20, 30) * (50 if "bytes" in name else 1)
            )
        values = {
            "heap_free_bytes": 40_000 + 128 * rng.randrange(-4, 4),
            "heap_block_bytes": 22_000 + 128 * rng.randrange(-1, 2),
            "rssi_dbm": rng.gauss(-60, 2),
            "loop_max_ms": 12 + rng.expovariate(0.5),
            "cpu_percent": rng.gauss(20, 2),
            "temperature_c": 40 + 0.5 * rng.randrange(2),
            "delay_ms": 20 + rng.expovariate(0.2),
            "jitter_ms": rng.expovariate(0.2),
            "probe_loss_percent": 0.0,
        }
        detector.on_values({**values, **counts}, minute * MIN_US, WALL_S)
    return detector


def test_a_snapshot_is_small_and_plain():
    detector = lively(1)
    assert len(detector._series) == 14
    text = json.dumps(detector.snapshot(), allow_nan=False)
    assert len(text) < 6000
    after = NodeDetector()
    after.restore(json.loads(text), 8 * DAY_MIN * MIN_US, WALL_S + 8 * DAY_MIN * 60)
    assert after.snapshot()["series"] == detector.snapshot()["series"]


def test_it_goes_on_after_a_restart_of_the_gateway():
    played = Played().play(300).play(5, rssi_dbm=-90.0)
    saved = json.loads(json.dumps(played.detector.snapshot()))
    after = NodeDetector()
    after.restore(saved, 7_000_000, played.wall_s + 60)
    (anomaly,) = after.anomalies(7_000_000)
    assert anomaly.since_us == 7_000_000 - 5 * MIN_US


def test_a_snapshot_of_yesterday_or_of_tomorrow_is_left_out():
    played = Played().play(300).play(5, rssi_dbm=-90.0)
    saved = played.detector.snapshot()
    for off_s, warm in ((23 * 3600, True), (25 * 3600, False), (-1800, True), (-2 * 3600, False)):
        after = NodeDetector()
        after.restore(saved, 0, played.wall_s + off_s)
        assert bool(after._series) == warm


def damaged(saved, path, value):
    copy = json.loads(json.dumps(saved))
    at = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return copy


PATHS = [
    *(("at_s",), ("series",), ("leak",), ("series", "rssi_dbm")),
    *(("series", "rssi_dbm", part) for part in range(12)),
    *(("leak", part) for part in range(8)),
]


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_a_damaged_snapshot_is_taken_or_left_and_breaks_nothing(path):
    played = Played().play(300).play(600, rssi_dbm=-90.0)
    saved = played.detector.snapshot()
    odd = ["", "x", "1:1:AA==", "0/", -1, 2**31, 10**30, -(10**30), 0.5, [], [1], ["a"] * 3, {}, None, True]
    for value in [
        *odd,
        float("nan"),
        float("inf"),
        [float("nan")] * 3,
        [1, float("inf"), 2.0],
        [10**30, 1.0, 1.0],
    ]:
        after = Played()
        after.now_us = played.now_us
        after.detector.restore(damaged(saved, path, value), played.now_us, played.wall_s)
        after.play(30, rssi_dbm=-90.0).play(3, rssi_dbm=-20.0)
        after.detector.leak(after.now_us)
        json.dumps(after.detector.snapshot(), allow_nan=False)


@pytest.mark.parametrize("saved", [None, 5, "x", [], {}, {"at_s": 1}, {"at_s": WALL_S, "series": {"x": []}}])
def test_what_is_no_snapshot_begins_anew(saved):
    detector = NodeDetector()
    detector.restore(saved, 0, WALL_S)
    assert not detector._series
    assert detector.anomalies(0) == ()
    assert detector.leak(0) is None


def of(*metrics):
    return [Anomaly(metric, 1, 0, 1, 0) for metric in metrics]


def test_metrics_of_one_family_are_one_way_to_be_unlike_itself():
    assert ways(of("heap_free_bytes", "loop_max_ms", "delay_ms")) == 3
    assert ways(of("heap_free_bytes", "heap_block_bytes", "delay_ms", "jitter_ms", "latency_ms")) == 2
    assert ways(of("messages_received", "messages_sent", "bytes_received", "bytes_sent")) == 1
    assert ways(of("rssi_dbm", "probe_loss_percent", "loss_percent", "unheard_of")) == 2
    assert ways([]) == 0
