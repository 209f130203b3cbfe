"""Whether a row of values falls, and how fast: the test of Mann and Kendall, the slope of Theil and Sen.

Both look at the pairs of points and not at their distances from a line, so that a few values far off do not
count more than others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, sqrt
from statistics import median

Point = tuple[int, int]
"""When, in any unit, and the value."""
Z_90 = 1.645
"""Of a normal distribution, 90 % is within so many standard deviations."""
STEP_FACTOR = 3.0
"""A fall is a step where it is so many times the usual move: one in 50 is by chance."""
CORRELATION_MAX = 0.95
"""Of so few points no higher one can be told."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through points, in the units of these."""

    z: float
    """Of Mann and Kendall: below 0 for what falls; as surely as so many standard deviations."""
    slope: float
    """The median of the slopes between all pairs of points."""
    steepest: float
    """The slope is between these two with 90 % probability; falling more is steeper."""
    gentlest: float
    middle: float
    """When the middle of the points is, ..."""
    level: float
    """... and the line's value there."""

    def at(self, when: float) -> float:
        """The line's value."""
        return self.level + self.slope * (when - self.middle)


def trend(points: Sequence[Point]) -> Trend:
    """Of at least two points, each later than the one before.

    The interval is that of Sen (1968). The sum of the signs of all `n` pairs has a known standard deviation
    `s` if there is no trend. To add a slope to every point moves the sign of just those pairs whose slope it
    passes, so the slopes for which the sum would be within 1.645 `s` of zero are those from number
    (n - 1.645 s) / 2 to number (n + 1.645 s) / 2, in order of size. That is for points that are off the line
    by chance. Where neighbours are off it together, as in a daily cycle, a row tells less than its length
    says; `s` is then multiplied by √((1 + r) / (1 - r)), with r for the correlation of neighbours.
    """
    slopes = [
        (value - before) / (at - before_at)
        for index, (at, value) in enumerate(points)
        for before_at, before in points[:index]
    ]
    slopes.sort()
    signs = sum((slope > 0) - (slope < 0) for slope in slopes)
    sigma = _sigma([value for _, value in points])
    slope = median(slopes)
    middle = (points[0][0] + points[-1][0]) / 2
    residues = [value - slope * (at - middle) for at, value in points]
    level = median(residues)
    reach = Z_90 * sigma * _inflation([residue - level for residue in residues])
    first = max(0, floor((len(slopes) - reach) / 2))
    last = min(len(slopes) - 1, ceil((len(slopes) + reach) / 2))
    # The sum moves in steps of two, so one less is as likely as normal distribution says.
    z = (signs - (signs > 0) + (signs < 0)) / sigma if sigma else 0.0
    return Trend(z, slope, slopes[first], slopes[last], middle, level)


def without_steps(points: Sequence[Point], count: int) -> list[Point]:
    """The points, with up to `count` falls from one to the next taken out that are out of all proportion."""
    moves = [after - before for (_, before), (_, after) in pairwise(points)]
    usual = median([abs(move) for move in moves])
    steps = sorted(move for move in moves if move < -STEP_FACTOR * usual)[:count]
    raised, result = 0, [points[0]]
    for move, (at, value) in zip(moves, points[1:], strict=True):
        if move in steps:
            raised -= move
        result.append((at, value + raised))
    return result


def _sigma(values: Sequence[int]) -> float:
    """The standard deviation of the sum of signs where there is no trend; equal values make it less."""

    def share(count: int) -> int:
        return count * (count - 1) * (2 * count + 5)

    return sqrt((share(len(values)) - sum(map(share, Counter(values).values()))) / 18)


def _inflation(off: Sequence[float]) -> float:
    squares = sum(distance * distance for distance in off)
    products = sum(before * after for before, after in pairwise(off))
    correlation = products / squares if squares else 0.0
    # The line took some of it away.
    correlation += (2 + 4 * correlation) / len(off)
    correlation = min(CORRELATION_MAX, max(0.0, correlation))
    return sqrt((1 + correlation) / (1 - correlation))
