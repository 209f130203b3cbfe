import random
from math import sqrt

import pytest

from meshward.status.anomaly.trend import trend, without_steps


def points(values):
    return list(enumerate(values))


def test_a_line_is_a_line():
    line = trend(points(range(1000, 0, -50)))
    assert line.slope == line.steepest == line.gentlest == -50
    assert line.at(19) == 50
    assert line.at(25) == -250


def test_the_test_is_that_of_mann_and_kendall():
    # 45 pairs, all falling: (45 - 1) / √(10 · 9 · 25 / 18).
    assert trend(points(range(10, 0, -1))).z == pytest.approx(-44 / sqrt(125))
    assert trend(points([1, 2, 3, 4])).z == pytest.approx(5 / sqrt(4 * 3 * 13 / 18))
    assert trend(points([5] * 8)).z == 0
    # Of 6 pairs, 4 fall and 2 are equal: two groups of two take 2 · 1 · 9 each off the variance.
    assert trend(points([2, 2, 1, 1])).z == pytest.approx(-3 / sqrt((4 * 3 * 13 - 2 * 2 * 1 * 9) / 18))


def test_a_quarter_of_nonsense_does_not_bend_the_line():
    values = [10_000 - 100 * hour for hour in range(24)]
    for at in (3, 9, 14, 20, 22):
        values[at] = 100
    line = trend(points(values))
    assert line.slope == pytest.approx(-100, rel=0.1)
    assert line.at(23) == pytest.approx(7_700, rel=0.02)


def test_gaps_are_no_matter():
    line = trend([(at, 500 - 7 * at) for at in (0, 1, 2, 9, 10, 30)])
    assert line.slope == -7
    assert line.at(30) == 290


@pytest.mark.parametrize("count", [12, 24, 36])
def test_nine_of_ten_intervals_hold_the_slope(count):
    rng = random.Random(count)
    held = 0
    for _ in range(400):
        line = trend(points([round(10_000 - 40 * at + rng.gauss(0, 200)) for at in range(count)]))
        assert line.steepest <= line.slope <= line.gentlest
        held += line.steepest <= -40 <= line.gentlest
    assert 0.87 <= held / 400 <= 0.97


def test_neighbours_that_err_together_make_it_less_sure():
    apart = trend(points([1000 - 10 * at + (50 if at % 2 else -50) for at in range(32)]))
    together = trend(points([1000 - 10 * at + (50 if at // 8 in (1, 2) else -50) for at in range(32)]))
    assert together.gentlest - together.steepest > 2 * (apart.gentlest - apart.steepest)


def test_steps_are_taken_out_and_nothing_else():
    level = [1000 + move for move in (0, 5, -5, 3, -2, 4)]
    stepped = [*level, *(value - 400 for value in level), *(value - 700 for value in level)]
    assert trend(points(stepped)).z < -3.3
    flat = without_steps(points(stepped), 2)
    assert abs(trend(flat).slope) < 3
    assert max(value for _, value in flat) - min(value for _, value in flat) < 20
    assert without_steps(points(level), 2) == points(level)
    falling = points(range(1000, 0, -50))
    assert without_steps(falling, 2) == falling


def test_two_points_are_enough():
    assert trend([(0, 10), (2, 4)]).slope == -3
    assert without_steps([(0, 10), (2, 4)], 1) == [(0, 10), (2, 4)]
