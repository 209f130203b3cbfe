"""Virtual time itself: the kernel and the clocks of the boards."""

from hypothesis import given
from hypothesis import strategies as st

from meshward.sim import Kernel
from meshward.sim.clock import LocalClock


def test_actions_run_in_order_of_time_then_of_scheduling():
    kernel = Kernel()
    seen = []
    for time_us, name in [(5, "c"), (3, "a"), (5, "d"), (3, "b")]:
        kernel.at(time_us, lambda name=name: seen.append((kernel.now_us, name)))
    kernel.run_until(10)
    assert seen == [(3, "a"), (3, "b"), (5, "c"), (5, "d")]
    assert kernel.now_us == 10


def test_time_stops_where_it_was_told_to():
    kernel = Kernel()
    seen = []
    kernel.at(11, lambda: seen.append("late"))
    kernel.run_until(10)
    assert seen == []
    assert kernel.next_us == 11


def test_an_action_may_schedule_another_for_now():
    kernel = Kernel()
    seen = []
    kernel.at(4, lambda: kernel.after(0, lambda: seen.append(kernel.now_us)))
    kernel.run_until(4)
    assert seen == [4]


def test_the_past_means_now():
    kernel = Kernel()
    kernel.run_until(10)
    seen = []
    kernel.at(3, lambda: seen.append(kernel.now_us))
    kernel.run_until(10)
    assert seen == [10]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-1000, 1000), st.integers(0, 10**10))
def test_a_local_clock_and_its_inverse_agree(base_us, local_us, drift_ppm, passed_us):
    clock = LocalClock(base_us, local_us, drift_ppm)
    wanted_us = local_us + passed_us
    world_us = clock.world_us(wanted_us)
    assert clock.local_us(world_us) >= wanted_us
    assert world_us == base_us or clock.local_us(world_us - 1) < wanted_us


def test_a_change_of_drift_makes_no_jump():
    clock = LocalClock(drift_ppm=100)
    assert clock.local_us(1_000_000) == 1_000_100
    clock.set_drift(-100, 1_000_000)
    assert clock.local_us(1_000_000) == 1_000_100
    assert clock.local_us(2_000_000) == 2_000_000
