import random

import pytest

from meshward.status.anomaly.robust import VALUES_MIN, WINDOW_MIN, Series
from meshward.status.anomaly.seasons import Seasons
from meshward.status.anomaly.watched import BY_NAME

HOUR_MIN = 60
DAY_MIN = 24 * HOUR_MIN
NOISE = (-2, -1, 0, 1, 2, 1, 0, -1)


class Played:
    """A series of -60 dBm and a little noise, one value a minute, but for what is played."""

    def __init__(self, name="rssi_dbm", usual=-60.0):
        self.series = Series(BY_NAME[name])
        self.usual = usual
        self.minute = 0

    def play(self, minutes, off=0.0, step=1):
        for _ in range(0, minutes, step):
            self.series.on_value(self.usual + off + NOISE[self.minute % len(NOISE)], self.minute * 60)
            self.minute += step
        return self

    @property
    def unusual(self):
        return self.series.since_s is not None


def test_what_stays_off_is_told_with_what_was_usual():
    played = Played().play(300).play(2, -20)
    assert not played.unusual
    played.play(1, -20)
    series = played.series
    assert series.since_s == 300 * 60
    assert series.usual == -60
    assert series.spread == pytest.approx(1.48, abs=0.1)
    assert -83 < series.value < -77


def test_one_or_two_values_far_off_are_nothing():
    played = Played().play(300)
    for _ in range(20):
        assert not played.play(1, -40).play(1).play(1, 40).play(4).unusual


def test_nothing_is_told_before_four_hours_are_known():
    played = Played().play(WINDOW_MIN - 10)
    assert not played.series.is_warm
    assert not played.play(9, -30).unusual
    assert Played().play(WINDOW_MIN + 1).series.is_warm


def test_it_ends_with_five_usual_values_in_a_row():
    played = Played().play(300).play(4, -20)
    assert played.play(4).unusual
    assert played.play(1, -20).play(4).unusual
    assert not played.play(1).unusual


def test_another_level_becomes_usual_after_hours():
    played = Played().play(300).play(60, -20)
    assert played.unusual
    assert played.series.usual == -60, "as it was before"
    assert not played.play(180, -20).unusual


def test_what_is_not_worth_a_mark_gets_none():
    assert not Played().play(300).play(60, -6).unusual, "fading"
    heap = Played("heap_free_bytes", 200_000)
    assert not heap.play(300).play(60, -9_000).unusual, "less than 5 %"
    assert heap.play(60, -19_000).unusual


def test_a_metric_that_never_moves_may_flicker():
    series = Series(BY_NAME["temperature_c"])
    for minute in range(1000):
        series.on_value(40.5 if minute % 10 > 6 else 40.0, minute * 60)
        assert series.since_s is None


def test_values_within_a_minute_count_once():
    often, seldom = Series(BY_NAME["rssi_dbm"]), Series(BY_NAME["rssi_dbm"])
    for second in range(0, 5 * 3600, 5):
        value = -60.0 if second < 4.9 * 3600 else -90.0
        if second % 60 in (0, 5, 20, 45):
            often.on_value(value, second)
        if second % 60 == 0:
            seldom.on_value(value, second)
    assert often.since_s is not None
    assert often.saved() == seldom.saved()


@pytest.mark.parametrize("every_min", [1, 2, 5, 10, 15])
def test_rare_values_are_judged_as_well(every_min):
    played = Played().play(max(WINDOW_MIN, VALUES_MIN * every_min) + 60, step=every_min)
    assert played.series.is_warm
    assert played.play(3 * every_min, -20, step=every_min).unusual


def test_after_a_silence_of_hours_it_learns_anew():
    played = Played().play(300)
    played.minute += 119
    assert played.play(10).series.is_warm
    played.minute += 121
    assert not played.play(WINDOW_MIN - 10, -20).series.is_warm
    assert not played.play(20, -20).unusual


def test_values_told_late_are_left_out_and_a_clock_set_back_begins_anew():
    played = Played().play(300)
    before = played.series.saved()
    played.series.on_value(0.0, 250 * 60)
    assert played.series.saved() == before
    played.series.on_value(0.0, 200 * 60)
    assert not played.series.is_warm


def test_what_happens_every_day_at_that_hour_is_usual():
    played = Played()
    played.play(3 * HOUR_MIN).play(HOUR_MIN, -20).play(20 * HOUR_MIN)
    assert not played.unusual
    played.play(3 * HOUR_MIN)
    assert not played.play(HOUR_MIN, -20).unusual, "an hour like yesterday's"
    assert played.play(5 * HOUR_MIN).play(5, -20).unusual, "no such hour yesterday"


def test_relearning_keeps_the_hours_of_the_day_if_it_is_told_to():
    for forget in (False, True):
        played = Played().play(6 * HOUR_MIN).play(HOUR_MIN, -20).play(DAY_MIN - 7 * HOUR_MIN)
        played.series.relearn(seasons=forget)
        assert not played.play(6 * HOUR_MIN).unusual
        assert played.play(10, -20).unusual == forget


def test_what_it_keeps_has_a_bound():
    series, rng = Series(BY_NAME["delay_ms"]), random.Random(1)
    for at_s in range(0, 15 * 86_400, 50):
        series.on_value(rng.uniform(0, 60_000), at_s)
    assert 240 <= len(series._levels) <= 260
    assert len(series._seasons.rows()[0]) <= 7 * 24 + 2


def test_hours_of_a_week_are_known_and_no_older_ones():
    seasons = Seasons()
    for hour in range(10 * 24):
        seasons.put(hour, 100 * (hour // 24))
    assert seasons.knows(450, 10 * 24 + 3, 50), "four and five days ago"
    assert not seasons.knows(250, 10 * 24 + 3, 50), "seven and eight days ago"
    assert len(seasons.rows()[0]) == 7 * 24 + 2
    seasons.put(50 * 24, 1)
    assert seasons.rows() == ([50 * 24], [1])


def test_of_many_days_one_is_chance_and_two_are_a_habit():
    seasons = Seasons()
    for day in range(7):
        seasons.put(day * 24 + 5, 100 if day in (2, 3) else 50)
    assert seasons.knows(100, 7 * 24 + 5, 4)
    assert seasons.knows(100, 7 * 24 + 6, 4), "an hour later is near enough"
    assert not seasons.knows(100, 7 * 24 + 7, 4)
    assert not seasons.knows(75, 7 * 24 + 5, 4)
    assert not Seasons().knows(0, 0, 1)
