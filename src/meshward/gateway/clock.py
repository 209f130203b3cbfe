"""The clock of the machine: whether it can be trusted, and whether it jumped."""

import ctypes
import ctypes.util
import time
from collections.abc import Callable

#: Older times come from a clock that was never set, as that of a Raspberry Pi without network.
SANE_FROM_S = 1_735_689_600  # 2025-01-01
SANE_UNTIL_S = 4_102_444_800  # 2100-01-01
#: NTP steps a clock that is off by more than 0.128 s, and slews it where it is less.
JUMP_S = 2.0

_TIME_ERROR = 5
_TIMEX_BYTES = 512
"""More than the kernel's `struct timex` has on any machine."""


def is_sane(wall_s: float) -> bool:
    """Whether a Unix time can be now."""
    return SANE_FROM_S <= wall_s < SANE_UNTIL_S


def is_synchronised() -> bool | None:
    """Whether the kernel says that its clock follows a time server; None where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    # All zero means: change nothing, only tell.
    state: int = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR


class ClockWatch:
    """Notices jumps of the wall clock, which moves schedules and maintenance windows."""

    def __init__(
        self, wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._ahead_s = wall_s() - monotonic_s()

    def jump_s(self) -> float:
        """How far the wall clock jumped since the last call, in seconds; 0 for less than `JUMP_S`.

        A machine that slept looks as if its clock had jumped ahead.
        """
        before_s, self._ahead_s = self._ahead_s, self._wall_s() - self._monotonic_s()
        jump_s = self._ahead_s - before_s
        return jump_s if abs(jump_s) >= JUMP_S else 0.0
