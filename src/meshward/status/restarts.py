"""Restarts of a node, told from its uptimes and its boot counter, each once whoever tells it.

Each source of uptimes is compared with itself: sketches count in odd units, and packages take their time. A
restart is one where an uptime is too low to go on from the one before, and low enough for a start since then.

Nothing proves who sent a package. Where an uptime goes on after it was told to have ended, there are two
voices: the restart is taken back, and for a while only the voice that was there first is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESTARTS_MAX = 20
SOURCES_MAX = 16
"""More than there are kinds of packages."""
WRAP_S = 4_294_967.296
"""Boards that count milliseconds in 32 bits start again at 0 after 49.7 days; some report that in seconds."""
LATE_S = 30.0
"""A report may come so much late, through a mesh that carries an update."""
JITTER_S = 2.0
TWICE_S = 10.0
"""A package may come twice within this time, round a ring; later the same uptime is that of another life."""
DRIFT = 0.001
"""Boards' clocks are off by far less."""
DOUBT_US = 600_000_000
"""How long a second voice is not believed after the first was heard last."""
EARLIER_S = 2.0
"""Uptimes come in whole seconds and a little late: what they say of the boot differs by so much."""


@dataclass(slots=True)
class _Told:
    """What a source told last."""

    measured_us: int
    uptime_s: float
    """With the wraps of its counter added."""
    wraps: int = 0
    is_old: bool = False
    """Whether it is from before the gateway's start, whose clock may have been wrong since."""

    def fits(self, uptime_s: float, measured_us: int) -> bool:
        """Whether an uptime goes on from here."""
        elapsed_s = (measured_us - self.measured_us) / 1e6
        total_s = uptime_s + self.wraps * WRAP_S
        return elapsed_s >= 0 and abs(total_s - self.uptime_s - elapsed_s) <= JITTER_S + DRIFT * elapsed_s


class Restarts:
    """Of one node."""

    __slots__ = ("_before", "_boots", "_doubted_us", "_last", "_tellers", "at_us", "booted_us", "count")

    def __init__(self) -> None:
        self.at_us: list[int] = []
        """When it booted, the latest last."""
        self.count = 0
        """All that were told since the gateway started: never less than before."""
        self.booted_us: int | None = None
        """When it booted, by its uptime; it stays where later uptimes say nearly the same."""
        self._tellers: set[str] = set()
        """The sources that told of the latest."""
        self._last: dict[str, _Told] = {}
        self._boots: int | None = None
        self._before: dict[str, _Told] = {}
        """Where each source stood before it told of a restart: whether that goes on shows who lied."""
        self._doubted_us: dict[str, int] = {}
        """When the first of two voices was heard last."""

    def is_doubtful(self, source: str, uptime_s: float | None, measured_us: int) -> bool:
        """Whether this is a second voice that speaks in the node's name; to be asked before `take`."""
        before = self._before.get(source)
        if uptime_s is None or before is None or (self.at_us and measured_us < self.at_us[-1]):
            return False
        last = self._last.get(source)
        if before.fits(uptime_s, measured_us) and not (last and last.fits(uptime_s, measured_us)):
            self._take_back(source, before)
            self._doubted_us[source] = measured_us
            return False
        doubted_us = self._doubted_us.get(source)
        if doubted_us is None or measured_us - doubted_us > DOUBT_US:
            self._doubted_us.pop(source, None)
            return False
        if last is not None and last.fits(uptime_s, measured_us):
            self._doubted_us[source] = measured_us
            return False
        return True

    def take(self, source: str, uptime_s: float | None, boots: int | None, measured_us: int) -> bool:
        """What a source tells; whether that is a restart which was not known yet."""
        if self.at_us and measured_us < self.at_us[-1]:
            return False  # of the life before
        last = self._last.get(source)
        booted_us: int | None = None
        if uptime_s is not None:
            if last is not None and _went_back(last, uptime_s, measured_us):
                booted_us = max(last.measured_us, measured_us - int(uptime_s * 1e6))
                before = self._before.get(source)
                if before is None or measured_us - before.measured_us > DOUBT_US:
                    self._before[source] = last
                self._last[source] = _Told(measured_us, uptime_s)
            else:
                self._go_on(source, last, uptime_s, measured_us)
        if boots is not None:
            if self._boots not in (None, boots) and booted_us is None:
                booted_us = measured_us - int(min(uptime_s or 0.0, 1e9) * 1e6)
            self._boots = boots
        return booted_us is not None and self._note(source, booted_us, uptime_s or 0.0)

    def uptime_s(self, source: str, told_s: float) -> float:
        """An uptime as a source tells it, without the wraps of its counter."""
        last = self._last.get(source)
        return told_s if last is None else told_s + last.wraps * WRAP_S

    def restore(self, at_us: Sequence[int]) -> None:
        """What was known before."""
        self.at_us = sorted(at_us)[-RESTARTS_MAX:]

    def restore_uptime(self, source: str, uptime_s: float, measured_us: int) -> None:
        """The last uptime that was known before."""
        self._last[source] = _Told(measured_us, uptime_s, is_old=True)
        self.booted_us = measured_us - int(uptime_s * 1e6)

    def up_for(self, uptime_s: float, measured_us: int, *, anew: bool) -> None:
        """Its uptime, without wraps, by whoever is believed; `anew`: after a restart."""
        booted_us = measured_us - int(uptime_s * 1e6)
        before_us = self.booted_us
        if anew or before_us is None or not -EARLIER_S <= (booted_us - before_us) / 1e6 <= LATE_S:
            self.booted_us = booted_us

    def _go_on(self, source: str, last: _Told | None, uptime_s: float, measured_us: int) -> None:
        if last is None:
            if len(self._last) < SOURCES_MAX:
                self._last[source] = _Told(measured_us, uptime_s)
        elif measured_us >= last.measured_us:
            wraps = last.wraps + _wrapped(last, uptime_s, measured_us)
            self._last[source] = _Told(measured_us, uptime_s + wraps * WRAP_S, wraps)

    def _take_back(self, source: str, before: _Told) -> None:
        """What was told of a restart since then was a lie."""
        self.at_us = [at_us for at_us in self.at_us if at_us < before.measured_us]
        self._last[source] = before

    def _note(self, source: str, booted_us: int, uptime_s: float) -> bool:
        tolerance_us = int((LATE_S + DRIFT * min(uptime_s, 1e9)) * 1e6)
        if self.at_us and source not in self._tellers and booted_us - self.at_us[-1] <= tolerance_us:
            self._tellers.add(source)
            return False
        self.count += 1
        self.at_us.append(booted_us)
        self.at_us.sort()
        del self.at_us[:-RESTARTS_MAX]
        self._tellers = {source}
        return True


def _went_back(last: _Told, uptime_s: float, measured_us: int) -> bool:
    elapsed_s = (measured_us - last.measured_us) / 1e6
    if elapsed_s < 0 or _wrapped(last, uptime_s, measured_us):
        return False
    expected_s = last.uptime_s + elapsed_s
    total_s = uptime_s + last.wraps * WRAP_S
    is_less = (
        total_s < last.uptime_s - JITTER_S
        or (total_s <= last.uptime_s and elapsed_s > TWICE_S)
        or (not last.is_old and total_s < expected_s - LATE_S - DRIFT * elapsed_s)
    )
    # A report that was long under way is old, and no sign of a start; what lost half of its uptime is one.
    started_since = uptime_s <= elapsed_s * (1 + DRIFT) + LATE_S or uptime_s < last.uptime_s / 2
    return is_less and started_since


def _wrapped(last: _Told, uptime_s: float, measured_us: int) -> bool:
    """Whether the counter came to its end since the last time."""
    elapsed_s = (measured_us - last.measured_us) / 1e6
    expected_s = last.uptime_s + elapsed_s
    total_s = uptime_s + (last.wraps + 1) * WRAP_S
    return abs(total_s - expected_s) <= LATE_S + DRIFT * elapsed_s
