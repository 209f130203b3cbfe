"""How often the detectors are wrong, and how early they are right, on many seeded series."""

import pytest

from bench.anomaly import BOARDS, episodes, tells, tells_of_none
from bench.anomaly_series import NOISES, STORIES
from tests.support.profiles import examples

SERIES = range(examples(6, long=200))
WEEKS = range(examples(6, long=70))
LEAKS = range(examples(4, long=100))
QUIET = [board for board in BOARDS if "noisy" not in board[0]]


@pytest.mark.parametrize("noise", NOISES)
def test_a_series_without_anomalies_shows_one_in_fifty_days_at_most(noise):
    wrong = sum(episodes(NOISES[noise], seed) for seed in SERIES)
    assert wrong <= 0.02 * 7 * len(SERIES) + 1


@pytest.mark.parametrize(("words", "size", "noise"), QUIET)
@pytest.mark.parametrize("story", STORIES)
def test_a_heap_without_a_leak_has_none(words, size, noise, story):
    assert not [seed for seed in WEEKS if tells_of_none(size, noise, story, seed)]


@pytest.mark.parametrize("story", ["steady", "cycle of ±1.5 kB"])
@pytest.mark.parametrize(
    ("size", "noise", "rate", "start_h"),
    [(28_000, 300, 400, 0), (28_000, 300, 500, 0), (180_000, 2_000, 400, 0), (180_000, 2_000, 1_500, 48)],
)
def test_a_leak_is_told_a_day_before_the_end(size, noise, rate, start_h, story):
    told = [tells(size, noise, story, rate, seed, start_h=start_h) for seed in LEAKS]
    in_time = sum(one.early_h >= 24 for one in told)
    assert in_time >= 0.95 * len(told)
    assert sum(one.held for one in told) >= 0.6 * len(told)
