"""Durations and moments, written and read."""

from datetime import UTC, datetime, timedelta

import pytest

from meshward.cli.durations import ago_text, duration_text, local_text, parse_duration, parse_start, span_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1h30m", 5400),
        (" 10M ", 600),
        ("0", 0),
        ("0s", 0),
        ("0.5s", 0.5),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10 m", "-5m", "1e3s", "10min", "1h30", "nan", "9999999d", "..s", "٣m"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration: write it as 90s, 10m|longer than ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text", "span"),
    [
        (0, "0s", "none"),
        (45, "45s", "45s"),
        (59.6, "1m 00s", "1m"),
        (192, "3m 12s", "3m 12s"),
        (600, "10m 00s", "10m"),
        (7500, "2h 05m", "2h 05m"),
        (86_400, "1d 0h", "1d"),
        (-3, "0s", "0s"),
    ],
)
def test_durations_for_people(seconds, text, span):
    assert (duration_text(seconds), span_text(seconds)) == (text, span)


def wall(text):
    """A time with offset on this machine's clock."""
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("22:00", datetime(2026, 11, 25, 22)),  # noqa: DTZ001 a clock on the wall
        ("12:00", datetime(2026, 11, 26, 12)),  # noqa: DTZ001 it is 12:00 already
        ("7:05", datetime(2026, 11, 26, 7, 5)),  # noqa: DTZ001
        ("2027-07-01T22:00", datetime(2027, 7, 1, 22)),  # noqa: DTZ001
        ("2027-07-01", datetime(2027, 7, 1)),  # noqa: DTZ001
    ],
)
def test_a_start_without_offset_is_a_time_of_this_machine(text, then):
    start = parse_start(text, datetime(2026, 11, 25, 12))  # noqa: DTZ001
    assert datetime.fromisoformat(start).tzinfo is not None
    assert wall(start) == then


def test_a_start_with_offset_stays():
    assert parse_start("2026-11-26T22:00+01:00", datetime(2026, 1, 1)) == "2026-11-26T22:00:00+01:00"  # noqa: DTZ001


@pytest.mark.parametrize("text", ["", "soon", "24:00", "12:60", "2026-13-01"])
def test_what_is_no_start_is_refused(text):
    with pytest.raises(ValueError, match="is no time: write it as 22:00"):
        parse_start(text, datetime(2026, 1, 1))  # noqa: DTZ001


def test_times_of_the_gateway_for_people():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert ago_text("2026-11-25T11:58:00Z", now) == "2m 00s ago"
    assert ago_text("2026-11-25T12:00:01Z", now) == "now"  # clocks differ
    assert ago_text(None, now) == ""
    assert (
        local_text("2026-11-25T11:58:00Z") == f"{(now - timedelta(minutes=2)).astimezone():%Y-%m-%d %H:%M:%S}"
    )
