"""Connections: latency, rate, windows, and every fault they can have."""

import pytest

from meshward.sim import LinkProfile, World


class Pair:
    """Two scripted peers and the connection between them."""

    def __init__(self, **profile):
        self.world = World()
        self.a, self.b = self.world.add_raw("a"), self.world.add_raw("b")
        self.connection = self.world.dial(self.a, self.b, LinkProfile(**profile))
        self.near, self.far = self.connection.near, self.connection.far
        self.world.kernel.run_until(3 * self.connection.profile.latency_us)
        self.start_us = self.world.kernel.now_us

    def arrivals(self):
        return [(time_us - self.start_us, frame) for time_us, _, frame in self.b.frames]

    def run(self, us):
        self.world.kernel.run_until(self.world.kernel.now_us + us)


def test_a_dial_takes_a_round_trip():
    world = World()
    a, b = world.add_raw("a"), world.add_raw("b")
    world.dial(a, b, LinkProfile(latency_us=500))
    world.kernel.run_until(500)
    assert (len(a.ends), len(b.ends)) == (0, 1)
    world.kernel.run_until(1000)
    assert (len(a.ends), len(b.ends)) == (1, 1)


def test_who_does_not_listen_refuses_and_who_is_off_says_nothing():
    world = World()
    a, deaf, off = world.add_raw("a"), world.add_raw("deaf", listening=False), world.add_raw("off")
    off.alive = False
    world.dial(a, deaf, LinkProfile(latency_us=500))
    world.dial(a, off, LinkProfile(latency_us=500))
    world.run_for(20)
    assert [time_us for time_us, _ in a.closes] == [1000, 5_000_500]


def test_bytes_arrive_after_the_latency_in_order():
    pair = Pair(latency_us=700)
    pair.a.send(pair.near, b"one\0two\0thr")
    pair.a.send(pair.near, b"ee\0")
    pair.run(699)
    assert pair.arrivals() == []
    pair.run(1)
    assert pair.arrivals() == [(700, b"one"), (700, b"two"), (700, b"three")]


def test_a_rate_spreads_bytes_over_time():
    pair = Pair(latency_us=100, rate_bytes_s=10_000)
    pair.a.send(pair.near, b"x" * 99 + b"\0")
    pair.a.send(pair.near, b"y" * 49 + b"\0")
    pair.run(100_000)
    assert [time_us for time_us, _ in pair.arrivals()] == [10_100, 15_100]


def test_an_unread_window_holds_the_writer_back():
    pair = Pair(latency_us=100, window_bytes=1000)
    pair.b.end_readable = lambda end: None  # reads nothing
    pair.a.send(pair.near, b"x" * 2500)
    pair.run(10_000)
    assert pair.near.sent_bytes == 1000
    assert pair.near.room_bytes() == 0
    assert pair.far.unread_bytes == 1000
    pair.far.read()
    pair.run(99)
    assert pair.near.sent_bytes == 1000  # the news of the room is on its way
    pair.run(1)
    assert pair.near.sent_bytes == 2000


def test_more_than_the_window_is_an_error_of_the_driver():
    pair = Pair(window_bytes=10)
    with pytest.raises(ValueError, match="cannot take 11"):
        pair.near.write(b"x" * 11)


def test_a_close_comes_after_the_bytes():
    pair = Pair(latency_us=100)
    pair.a.send(pair.near, b"last words\0")
    pair.near.close()
    pair.run(1000)
    assert [frame for _, frame in pair.arrivals()] == [b"last words"]
    assert [time_us - pair.start_us for time_us, _ in pair.b.closes] == [100]
    assert not pair.connection.open


def test_a_cut_swallows_bytes_and_closes_in_silence():
    pair = Pair(latency_us=100, window_bytes=1000)
    pair.a.send(pair.near, b"under way\0")
    pair.connection.cut()
    pair.a.send(pair.near, b"x" * 3000)
    pair.near.close()
    pair.run(1_000_000)
    assert pair.arrivals() == []
    assert pair.b.closes == []
    assert pair.near.sent_bytes == 1000  # nobody acknowledges, so the window fills up


def test_a_reset_loses_the_tail_and_both_ends_see_it():
    pair = Pair(latency_us=100)
    pair.a.send(pair.near, b"read\0")
    pair.run(100)
    pair.a.send(pair.near, b"unsent tail\0")
    pair.connection.reset()
    pair.run(1000)
    assert [frame for _, frame in pair.arrivals()] == [b"read"]
    assert len(pair.a.closes) == len(pair.b.closes) == 1


def test_a_stall_delays_and_loses_nothing():
    pair = Pair(latency_us=100)
    pair.a.send(pair.near, b"one\0")
    pair.connection.stall(5000)
    pair.run(50)
    pair.a.send(pair.near, b"two\0")
    pair.run(10_000)
    assert pair.arrivals() == [(5000, b"one"), (5000, b"two")]


def test_an_open_stall_lasts_until_resume():
    pair = Pair(latency_us=100)
    pair.connection.stall()
    pair.a.send(pair.near, b"one\0")
    pair.run(60_000_000)
    assert pair.arrivals() == []
    pair.connection.resume()
    pair.run(0)
    assert pair.arrivals() == [(60_000_000, b"one")]
