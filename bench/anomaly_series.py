"""Seeded courses of metrics, as boards might show them: what the detectors are tried on."""

import math
import random
from collections.abc import Callable, Iterator

DAY_MIN = 1440
WEEK_MIN = 7 * DAY_MIN
HEAP_STEP_MIN = 5
"""Minutes between two values of a heap: its medians are of ten minutes."""


def gaussian(rng: random.Random) -> Iterator[float]:
    while True:
        yield rng.gauss(0, 1)


def heavy_tailed(rng: random.Random) -> Iterator[float]:
    """Student's t with 4 degrees of freedom."""
    while True:
        yield rng.gauss(0, 1) / math.sqrt(rng.gammavariate(2, 2) / 4)


def wandering(rng: random.Random, memory: float) -> Iterator[float]:
    """Autoregressive: each value is `memory` of the one before, and noise."""
    value = 0.0
    noise = math.sqrt(1 - memory * memory)
    while True:
        value = memory * value + rng.gauss(0, noise)
        yield value


def daily(rng: random.Random) -> Iterator[float]:
    """A cycle of a day, three times as high as the heavy-tailed noise on it is wide."""
    phase = rng.uniform(0, 2 * math.pi)
    for minute, noise in enumerate(heavy_tailed(rng)):
        yield 3 * math.sin(phase + 2 * math.pi * minute / DAY_MIN) + noise


NOISES: dict[str, Callable[[random.Random], Iterator[float]]] = {
    "gaussian": gaussian,
    "heavy tail (t4)": heavy_tailed,
    "AR(0.8)": lambda rng: wandering(rng, 0.8),
    "AR(0.95)": lambda rng: wandering(rng, 0.95),
    "daily cycle + t4": daily,
}


class Heap:
    """The free heap of a board; `at` is asked for rising minutes since its boot."""

    def __init__(
        self, rng: random.Random, board_bytes: int, noise_bytes: float, story: str = "steady"
    ) -> None:
        self._rng = rng
        self._board_bytes = board_bytes
        self._noise = wandering(rng, 0.9)
        self._noise_bytes = noise_bytes
        self._story = STORIES[story](rng, board_bytes)

    def at(self, minute: float) -> float:
        """Now and then much of it is in use for a moment."""
        peak = self._rng.uniform(0, 0.4) * self._board_bytes if self._rng.random() < 0.01 else 0.0
        noise = self._noise_bytes * next(self._noise)
        return max(0.0, self._board_bytes + noise - self._story(minute) - peak)


def _steady(rng, board_bytes):
    del rng, board_bytes
    return lambda minute: 0 * minute


def _cycle(rng, board_bytes):
    del board_bytes
    phase = rng.uniform(0, 2 * math.pi)
    return lambda minute: 1500 * math.sin(phase + 2 * math.pi * minute / DAY_MIN)


def _allocation(rng, board_bytes):
    at_min, size = rng.uniform(300, WEEK_MIN - 300), rng.uniform(0.1, 0.35) * board_bytes
    return lambda minute: size if minute > at_min else 0.0


def _two_allocations(rng, board_bytes):
    first, second = _allocation(rng, board_bytes), _allocation(rng, board_bytes)
    return lambda minute: (first(minute) + second(minute)) / 2


def _saw_tooth(rng, board_bytes):
    del board_bytes
    period_min, depth = rng.uniform(5, 240), rng.uniform(1400, 5600)
    return lambda minute: depth * (minute / period_min % 1)


def _settling(rng, board_bytes):
    time_min = rng.uniform(5, 60)
    return lambda minute: 0.2 * board_bytes * (1 - math.exp(-minute / time_min))


#: What a heap may do without a leak: bytes in use beyond the usual, by the minute.
STORIES = {
    "steady": _steady,
    "cycle of ±1.5 kB": _cycle,
    "one allocation": _allocation,
    "two allocations": _two_allocations,
    "saw-tooth": _saw_tooth,
    "settling": _settling,
}
