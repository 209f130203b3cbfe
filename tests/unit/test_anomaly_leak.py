import random

import pytest

from meshward.status.anomaly.leak import HEAP_FLOOR_BYTES, LeakWatch

HOUR_S = 3600
EVERY_S = 120


class Board:
    """A heap with a little noise."""

    def __init__(self, heap_bytes=28_000):
        self.watch = LeakWatch()
        self.heap_bytes = heap_bytes
        self.now_s = 1_000_000
        self.rng = random.Random(1)

    def play(self, hours, bytes_per_h=0.0):
        for _ in range(round(hours * HOUR_S / EVERY_S)):
            self.now_s += EVERY_S
            self.heap_bytes -= bytes_per_h * EVERY_S / HOUR_S
            self.watch.on_value(self.heap_bytes + self.rng.gauss(0, 300), self.now_s)
        return self

    @property
    def leak(self):
        return self.watch.leak(self.now_s)


def test_a_steady_heap_has_no_leak():
    assert Board().play(80).leak is None


def test_a_leak_is_told_with_what_is_left():
    board = Board().play(24, 400)
    leak = board.leak
    left_h = (board.heap_bytes - HEAP_FLOOR_BYTES) / 400
    assert leak.bytes_per_h == pytest.approx(400, rel=0.1)
    assert leak.hours_left == pytest.approx(left_h, abs=3)
    assert leak.hours_low < left_h < leak.hours_high


def test_hours_left_run_down_between_values():
    board = Board().play(24, 400)
    now, later = board.leak, board.watch.leak(board.now_s + HOUR_S)
    assert later.hours_left == pytest.approx(now.hours_left - 1)
    assert later.hours_low == pytest.approx(now.hours_low - 1)


@pytest.mark.parametrize(
    ("heap_bytes", "rate", "within_h"), [(40_000, 4_000, 5), (180_000, 15_000, 5), (28_000, 800, 7)]
)
def test_what_is_fast_is_told_soon(heap_bytes, rate, within_h):
    board = Board(heap_bytes).play(10)
    assert board.leak is None
    assert board.play(within_h, rate).leak is not None


def test_what_takes_weeks_is_not_told_before_it_is_near():
    board = Board(180_000).play(240, 400)
    assert board.leak is None
    assert board.play(440 - 240 - 60, 400).leak is not None


@pytest.mark.parametrize("drop", [3_000, 8_000, 12_000])
def test_an_allocation_is_no_leak(drop):
    board = Board().play(30)
    board.heap_bytes -= drop
    for _ in range(40):
        assert board.play(1).leak is None


def test_two_allocations_are_none_either():
    board = Board().play(30)
    for _ in range(2):
        board.heap_bytes -= 4_000
        for _ in range(7):
            assert board.play(1).leak is None


def test_a_saw_tooth_that_was_seen_before_is_none():
    board, late = Board(), []
    for day in range(6):
        for _ in range(20):
            board.play(1, 300)
            if day >= 2 and board.leak:
                late.append(board.now_s)
        board.heap_bytes += 6_000
    assert not late


def test_it_ends_when_the_heap_is_freed():
    board = Board().play(24, 400)
    board.heap_bytes += 9_000
    assert board.play(0.5).leak is None
    assert board.play(24).leak is None


def test_it_stays_for_hours_when_the_heap_falls_no_more_and_then_ends():
    board = Board().play(24, 400)
    assert board.play(2).leak is not None
    assert board.play(24).leak is None


def test_it_stays_while_a_cycle_goes_up():
    board = Board().play(30, 400)
    assert board.play(4, 50).leak is not None


def test_a_restart_begins_anew():
    board = Board().play(24, 400)
    board.watch.begin()
    assert board.leak is None
    assert board.play(3, 400).leak is None


def test_of_a_silent_board_none_is_told():
    board = Board().play(24, 400)
    assert board.watch.leak(board.now_s + 2 * HOUR_S) is not None
    assert board.watch.leak(board.now_s + 2 * HOUR_S + 1) is None


def test_the_first_half_hour_after_a_boot_does_not_count():
    board = Board(40_000).play(0.5, 20_000)
    assert not board.watch._tens
    for _ in range(40):
        assert board.play(1).leak is None


def test_what_a_board_tells_too_often_does_not_count():
    watch = LeakWatch()
    for at_s in range(40_000):
        watch.on_value(20_000.0, at_s)
        assert len(watch._values) <= 20
    assert len(watch._tens) == 36


def test_what_it_keeps_has_a_bound():
    board = Board().play(200)
    assert len(board.watch._tens) == 36
    assert len(board.watch._hours) == 72


def test_after_days_of_silence_nothing_of_before_counts():
    board = Board().play(24, 400)
    board.now_s += 4 * 24 * HOUR_S
    assert board.play(0.1).leak is None
    assert not board.watch._hours


def test_it_goes_on_from_what_was_saved():
    board = Board().play(20, 500)
    other = Board()
    other.watch = LeakWatch.restored(board.watch.saved())
    other.heap_bytes, other.now_s = board.heap_bytes, board.now_s
    other.rng.setstate(board.rng.getstate())
    for _ in range(12):
        assert other.leak == board.leak is not None
        board.play(1, 500)
        other.play(1, 500)
    assert LeakWatch().saved() is None
