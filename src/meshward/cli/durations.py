"""Durations and moments as people write and read them."""

import re
from datetime import UTC, datetime, timedelta

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:[.][0-9]{1,6})?[smhd])+")
_PIECE = re.compile(r"([0-9.]+)([smhd])")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DURATION_MAX_S = 10 * 365 * 86400


def parse_duration(text: str) -> float:
    """Seconds, written as `90s`, `10m`, `1.5h`, `2d` or `1h30m`; and `0`. Raises ValueError."""
    written = text.strip().lower()
    if written == "0":
        return 0.0
    if not _DURATION.fullmatch(written):
        raise ValueError(f"{text!r} is not a duration: write it as 90s, 10m, 1.5h or 2d")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PIECE.findall(written))
    if seconds > _DURATION_MAX_S:
        raise ValueError(f"{text!r} is longer than ten years")
    return seconds


def parse_start(text: str, now: datetime) -> str:
    """A moment as ISO 8601 with its offset: `2026-11-26T22:00+01:00`, or `22:00` for the next such time.

    Without an offset it is a time on this machine's clock, as `now` is, which has no zone. Raises ValueError.
    """
    if clock := _CLOCK.fullmatch(text.strip()):
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        at = at if at > now else at + timedelta(days=1)
    else:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text!r} is no time: write it as 22:00 or 2026-11-26T22:00+01:00") from None
    # The offset comes last: it may be another one on that day.
    return (at if at.tzinfo is not None else at.astimezone()).isoformat()


def parse_past(text: str, now: datetime) -> datetime:
    """A moment that is over, with its zone: `24h` for so long ago, `22:00` for the last such time, or a date
    as `2026-11-26` or `2026-11-26T22:00+01:00`.

    Without an offset it is a time on this machine's clock, as `now` is, which has no zone. Raises ValueError.
    """
    written = text.strip()
    if _DURATION.fullmatch(written.lower()):
        return now.astimezone() - timedelta(seconds=parse_duration(written))
    if clock := _CLOCK.fullmatch(written):
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return (at if at <= now else at - timedelta(days=1)).astimezone()
    try:
        return datetime.fromisoformat(written).astimezone()
    except (ValueError, OverflowError):  # the year 1 has no zones
        raise ValueError(
            f"{text!r} is no time: write it as 24h for so long ago, 22:00, 2026-11-26 or "
            "2026-11-26T22:00+01:00"
        ) from None


def parse_at(text: str) -> datetime:
    """A time of the gateway's."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def seconds_since(text: str | None, now: datetime) -> float | None:
    """From a time of the gateway's to now, at least 0; None where there is none."""
    return None if text is None else max(0.0, (now - parse_at(text)).total_seconds())


def duration_text(seconds: float) -> str:
    """The two largest units of a duration: `45s`, `3m 12s`, `2h 05m`, `3d 4h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def span_text(seconds: float) -> str:
    """A duration that somebody chose, without the units that are zero: `10m`, `1h 30m`, `none`."""
    return (
        duration_text(seconds).replace(" 00s", "").replace(" 00m", "").replace(" 0h", "")
        if seconds
        else "none"
    )


def age_text(seconds: float | None) -> str:
    """How old something is: `now`, `45s`, `3m 12s`; "" where that is not known."""
    if seconds is None:
        return ""
    return "now" if seconds < 1 else duration_text(seconds)


def ago_text(text: str | None, now: datetime) -> str:
    """How long ago a time of the gateway's was; "" where there is none."""
    seconds = seconds_since(text, now)
    if seconds is None:
        return ""
    return "now" if seconds < 2 else f"{duration_text(seconds)} ago"


def local_text(text: str | None) -> str:
    """A time of the gateway's on the clock of this machine: `2026-11-26 22:00:05`."""
    return "" if text is None else parse_at(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
