from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from meshward.errors import RolloutError
from meshward.rollout.schedule import Windows, parse_start
from meshward.rollout.spec import Window

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def utc(text):
    return datetime.fromisoformat(text + "+00:00").timestamp()


def windows(start, end, *, days=None, zone="Europe/Berlin"):
    return Windows([Window(start=start, end=end, zone=zone, **({"days": days} if days else {}))])


def test_a_start_has_an_offset():
    assert parse_start("2026-03-01T02:00:00+01:00") == utc("2026-03-01T01:00:00")
    assert parse_start("2026-03-01T02:00Z") == utc("2026-03-01T02:00:00")


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-03-01T02:00:00", "2026-13-01T00:00:00Z", "2026-03-01"]
)
def test_what_is_no_start(text):
    with pytest.raises(RolloutError, match="date, time and offset"):
        parse_start(text)


def test_without_windows_it_is_always_open():
    always = Windows([])
    assert always.is_open(0)
    assert always.opens_at(5.5) == 5.5
    assert always.closes_at(5.5) is None


def test_a_window_opens_at_its_start_and_is_closed_at_its_end():
    night = windows("02:00", "04:30")
    start, end = berlin("2026-01-15T02:00"), berlin("2026-01-15T04:30")
    assert [night.is_open(at) for at in (start - 1, start, end - 1, end)] == [False, True, True, False]
    assert night.opens_at(start - 3600) == start
    assert night.opens_at(start + 1) == start + 1
    assert night.opens_at(end) == start + 86_400
    assert night.closes_at(start) == end
    assert night.closes_at(end) is None


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on():
    friday = windows("22:00", "03:00", days=("fri",))
    start, end = berlin("2026-01-16T22:00"), berlin("2026-01-17T03:00")  # a Friday
    assert friday.is_open(end - 1)
    assert not friday.is_open(end)
    assert not friday.is_open(start - 86_400)
    assert not friday.is_open(berlin("2026-01-16T02:00"))  # the end of Thursday's, which there is none of
    assert friday.closes_at(start + 60) == end
    assert friday.opens_at(end) == start + 7 * 86_400


def test_midnight_to_midnight_is_the_whole_day():
    weekend = windows("00:00", "00:00", days=("sat", "sun"))
    start, end = berlin("2026-01-17T00:00"), berlin("2026-01-19T00:00")
    assert weekend.opens_at(start - 5) == start
    assert weekend.is_open(end - 1)
    assert not weekend.is_open(end)
    # Two windows that touch are one.
    assert weekend.closes_at(start) == end


def test_whole_days_all_week_never_close():
    always = windows("00:00", "00:00")
    for day in ("2026-01-15T12:00", "2026-03-29T00:30", "2026-10-25T02:30"):
        assert always.is_open(berlin(day))
        assert always.closes_at(berlin(day)) is None


def test_windows_that_overlap_are_one():
    both = Windows(
        [
            Window(start="01:00", end="03:00", zone="Europe/Berlin"),
            Window(start="01:30", end="04:00", zone="UTC"),  # 02:30 to 05:00 in Berlin's winter
        ]
    )
    assert both.closes_at(berlin("2026-01-15T01:00")) == berlin("2026-01-15T05:00")


def test_a_window_keeps_to_the_wall_clock_over_a_change():
    night = windows("01:00", "05:00")
    spring, autumn = berlin("2026-03-29T01:00"), berlin("2026-10-25T01:00")
    assert spring == utc("2026-03-29T00:00:00")
    # Three hours long in spring, five in autumn; the next night's is again at one o'clock.
    assert night.closes_at(spring) == spring + 3 * 3600
    assert night.opens_at(spring + 4 * 3600) == spring + 23 * 3600
    assert autumn == utc("2026-10-24T23:00:00")
    assert night.closes_at(autumn) == autumn + 5 * 3600
    assert night.opens_at(autumn + 6 * 3600) == autumn + 25 * 3600


def test_a_start_that_the_clocks_leap_over_is_when_they_do():
    # In spring 02:00 to 03:00 is not on the clocks.
    leap = utc("2026-03-29T01:00:00")
    night = windows("02:30", "03:15")
    assert night.opens_at(leap - 60) == leap
    assert night.closes_at(leap) == leap + 15 * 60
    # A window that is all in the leap does not open on that day.
    swallowed = windows("02:10", "02:50", days=("sun",))
    assert swallowed.opens_at(leap - 60) == berlin("2026-04-05T02:10")


def test_of_an_hour_that_is_there_twice_the_first_counts():
    night = windows("02:15", "02:45")
    first, second = berlin("2026-10-25T02:15"), berlin("2026-10-25T02:15", fold=1)
    assert second == first + 3600
    assert night.is_open(first)
    assert night.closes_at(first) == first + 1800
    assert not night.is_open(second)


def test_a_whole_day_begins_where_midnight_is_leapt_over():
    # Clocks in Cairo went from 00:00 to 01:00 on a Friday in April 2025.
    friday = windows("00:00", "00:00", days=("fri",), zone="Africa/Cairo")
    leap = utc("2025-04-24T22:00:00")
    assert friday.opens_at(leap - 60) == leap
    assert friday.closes_at(leap) == leap + 23 * 3600


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ({"zone": "Europe/Atlantis"}, "not a time zone"),
        ({"zone": "../../etc/passwd"}, "not a time zone"),
        ({"zone": "Europe"}, "not a time zone"),
        ({"zone": ""}, "not a time zone"),
        ({"zone": "UTC\x00"}, "not a time zone"),
        ({"start": "24:00"}, "not a time of day"),
        ({"start": "2:00"}, "not a time of day"),
        ({"end": "02:60"}, "not a time of day"),
        ({"end": "02:00\n"}, "not a time of day"),
        ({"days": ()}, "never opens"),
        ({"days": ("monday",)}, "not a day"),
    ],
)
def test_what_is_no_window(window, problem):
    with pytest.raises(RolloutError, match=problem):
        Windows([Window(**window)])
