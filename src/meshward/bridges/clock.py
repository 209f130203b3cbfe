"""Whether this machine knows the time: some have no clock of their own, and start in 1970."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshward.bridges.base import Record

SET_FROM_S = 1_735_689_600.0
"""2025-01-01: this program is younger, so an earlier time is that of a clock that nobody set yet."""
LOOK_EVERY_S = 5.0


def is_set(now_s: float) -> bool:
    """Whether a Unix time can be now. What is written with another one stays in databases for good."""
    return now_s >= SET_FROM_S


async def until_set(record: Record, now_s: Callable[[], float]) -> None:
    """Wait for a clock that is set, and tell that we do; at once where it is."""
    while not is_set(now_s()):
        record.failing("waits: the clock of this machine is not set; let it reach a time server")
        await asyncio.sleep(LOOK_EVERY_S)
