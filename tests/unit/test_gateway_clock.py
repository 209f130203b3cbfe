import pytest

from meshward.gateway import clock
from meshward.gateway.clock import ClockWatch


class Time:
    def __init__(self):
        self.wall = 1_780_000_000.0
        self.monotonic = 50.0

    def passes(self, seconds, jump_s=0.0):
        self.monotonic += seconds
        self.wall += seconds + jump_s


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def watch(time):
    return ClockWatch(lambda: time.wall, lambda: time.monotonic)


def test_time_that_passes_is_no_jump(time, watch):
    for _ in range(3):
        time.passes(100_000)
        assert watch.jump_s() == 0


@pytest.mark.parametrize("jump_s", [3600.0, -5.0])
def test_a_jump_is_told_once(time, watch, jump_s):
    time.passes(30, jump_s)
    assert watch.jump_s() == pytest.approx(jump_s)
    time.passes(30)
    assert watch.jump_s() == 0


def test_a_clock_that_is_slewed_does_not_jump(time, watch):
    for _ in range(100):
        time.passes(30, 0.5)
        assert watch.jump_s() == 0


@pytest.mark.parametrize(
    ("wall_s", "sane"), [(0, False), (1_700_000_000, False), (1_780_000_000, True), (5e9, False)]
)
def test_a_clock_that_was_never_set_is_known(wall_s, sane):
    assert clock.is_sane(wall_s) == sane


def test_the_kernel_is_asked_without_changing_anything():
    assert clock.is_synchronised() in {True, False, None}


def test_a_system_that_cannot_be_asked_gives_no_answer(monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: "libnowhere.so")
    assert clock.is_synchronised() is None
