"""What is kept of a node's health, and the reckoning over it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import median
from typing import TypeVar

import msgspec

T = TypeVar("T")

SAMPLES_MAX = 16
"""Of each kind, before the update and after: the newest tell enough, and a record stays under 2 KB."""
DELAY_SAMPLES_MIN = 3
"""One slow answer is no slow node."""
HEAP_SAMPLES_MIN = 6
"""Below that a falling heap may be chance."""
FALLING_STEPS_MIN = 0.8
"""Part of the steps that go down, where a heap leaks."""
FALL_MIN = 0.02
"""A heap that lost less than this part of itself is not worth a judgement."""

HeapSample = tuple[int, int]
"""When it was reported, in µs, and free bytes."""


class HealthRecord(msgspec.Struct, kw_only=True):
    """A node's presence, and what was measured of it before its update and after."""

    up_since_us: int | None = None
    """Since when it is in the mesh; a time in which nobody could see it is taken out. None: never seen."""
    away_since_us: int | None = None
    """Since when it is out of the mesh; None while it is in, or nobody can see."""
    away_own: bool = False
    """Whether it left by itself: its parent was still there."""
    left_us: int | None = None
    """Its latest absence that no reported restart was put down to yet."""
    returned_us: int | None = None
    absence_counted: bool = False
    """Whether the latest absence is among the drops."""
    restarted_us: int | None = None
    """The latest restart that only a report told of."""
    drops: int = 0
    """Restarts, and falls out of the mesh of its own, since its update."""
    updated_us: int | None = None
    """When it proved that it runs the image; None where nothing is to be judged."""
    reported_us: int | None = None
    reported_uptime_s: float | None = None
    """As it reported last, at `reported_us`."""
    delays_before_us: list[int] = []
    delays_after_us: list[int] = []
    heaps_before: list[HeapSample] = []
    heaps_after: list[HeapSample] = []

    @property
    def delays_us(self) -> list[int]:
        """Delays of what it runs now."""
        return self.delays_before_us if self.updated_us is None else self.delays_after_us

    @property
    def heaps(self) -> list[HeapSample]:
        """Free heap of what it runs now."""
        return self.heaps_before if self.updated_us is None else self.heaps_after

    def current_delay_us(self) -> float | None:
        """The middle one of its latest delays."""
        latest = self.delays_us[-DELAY_SAMPLES_MIN:]
        return median(latest) if latest else None

    def begin_after(self, now_us: int) -> None:
        """What was measured so far becomes the baseline of what is measured from now on."""
        self.delays_before_us = (self.delays_before_us + self.delays_after_us)[-SAMPLES_MAX:]
        self.heaps_before = (self.heaps_before + self.heaps_after)[-SAMPLES_MAX:]
        self.delays_after_us, self.heaps_after = [], []
        # What it did before explains nothing from now on.
        self.left_us = self.returned_us = self.restarted_us = None
        self.reported_us = self.reported_uptime_s = None
        self.updated_us, self.drops = now_us, 0

    def take_out(self, unseen_us: int, now_us: int) -> None:
        """A time in which nobody could see the node counts neither for it nor against it."""
        if self.up_since_us is not None:
            self.up_since_us = min(now_us, self.up_since_us + unseen_us)
        if self.updated_us is not None:
            self.updated_us = min(now_us, self.updated_us + unseen_us)


def push_sample(samples: list[T], sample: T) -> None:
    """Add the newest sample, and let the oldest go."""
    samples.append(sample)
    del samples[:-SAMPLES_MAX]


def heap_empty_in_s(heaps: Sequence[HeapSample]) -> float | None:
    """When a steadily falling heap will be used up; None where it does not fall, or where that is not sure.

    The slope is the middle one of all pairs (Theil-Sen), which stray values do not move. A heap that falls at
    first and then levels off, as after a start, is judged by its later half.
    """
    if len(heaps) < HEAP_SAMPLES_MIN:
        return None
    steps = [later[1] < earlier[1] for earlier, later in pairwise(heaps)]
    lost_bytes = heaps[0][1] - heaps[-1][1]
    if sum(steps) < FALLING_STEPS_MIN * len(steps) or lost_bytes < FALL_MIN * heaps[0][1]:
        return None
    slope = max(_bytes_per_s(heaps), _bytes_per_s(heaps[len(heaps) // 2 :]))
    return heaps[-1][1] / -slope if slope < 0 else None


def _bytes_per_s(heaps: Sequence[HeapSample]) -> float:
    slopes = [
        (later[1] - earlier[1]) * 1e6 / (later[0] - earlier[0])
        for earlier, later in combinations(heaps, 2)
        if later[0] > earlier[0]
    ]
    return median(slopes) if slopes else 0.0
