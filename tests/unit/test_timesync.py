"""Time sync with one neighbour: who gives the time, what is asked when, what is believed."""

import pytest

from meshnode import timesync
from meshnode.clock import MeshClock
from meshnode.timesync import REPLY, REQUEST, TAKE_MY_TIME, TimeSync, adopts
from meshnode.wire import WireError

WRAP = 1 << 32


@pytest.mark.parametrize(
    ("ours", "peers", "adopt"),
    [
        # (nodes on our side, id, authority), the peer's likewise
        ((1, 7, False), (2, 5, False), True),
        ((2, 5, False), (1, 7, False), False),
        ((3, 5, False), (3, 7, False), True),
        ((3, 7, False), (3, 5, False), False),
        ((1, 5, True), (100, 7, False), False),
        ((100, 7, False), (1, 5, True), True),
        ((1, 5, True), (2, 7, True), True),
        ((2, 5, True), (2, 7, True), True),
        ((2, 7, True), (2, 5, True), False),
    ],
)
def test_who_adopts(ours, peers, adopt):
    assert adopts(*ours, *peers) is adopt


@pytest.mark.parametrize("authorities", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (5, 1)])
def test_one_side_of_each_link_adopts_and_the_other_does_not(authorities, sizes):
    here = (sizes[0], 1001, authorities[0])
    there = (sizes[1], 1002, authorities[1])
    assert adopts(*here, *there) is not adopts(*there, *here)


class Exchange:
    """One TimeSync against a peer whose clock is `ahead_us` ahead of ours, over a line with a latency."""

    def __init__(
        self, ahead_us: int = 0, latency_us: int = 500, handling_us: int = 100, local_us: int = 10**6
    ):
        self.sync = TimeSync()
        self.clock = MeshClock()
        self.ahead_us = ahead_us
        self.latency_us = latency_us
        self.handling_us = handling_us
        self.now_us = local_us

    def ask(self) -> dict:
        request = self.sync.begin(True, self.clock, self.now_us)
        assert request["type"] == REQUEST
        return request

    def reply(self, t0: int) -> dict:
        """What the peer answers, and the time it takes to arrive."""
        self.now_us += self.latency_us
        t1 = self.now_us + self.ahead_us
        self.now_us += self.handling_us
        t2 = self.now_us + self.ahead_us
        self.now_us += self.latency_us
        return {"type": REPLY, "t0": t0, "t1": t1 % WRAP, "t2": t2 % WRAP}

    def take(self, message: dict):
        return self.sync.receive(message, self.clock, self.now_us)

    def round(self):
        return self.take(self.reply(self.ask()["t0"]))


def test_the_giver_says_so_and_the_taker_asks():
    sync, clock = TimeSync(), MeshClock(50)
    assert sync.due_us is None
    assert sync.begin(False, clock, 1000) == {"type": TAKE_MY_TIME}
    assert sync.due_us == 1000 + timesync.FIRST_INTERVAL_US
    assert sync.begin(True, clock, 2000) == {"type": REQUEST, "t0": 2050}
    assert sync.due_us == 2000 + timesync.FIRST_INTERVAL_US


def test_told_to_take_the_time_a_node_asks_for_it():
    sync = TimeSync()
    assert sync.receive({"type": TAKE_MY_TIME}, MeshClock(), 777) == (
        {"type": REQUEST, "t0": 777},
        None,
        False,
    )


def test_a_request_is_answered_with_our_time_around_the_moment():
    sync = TimeSync()
    answer, step, finished = sync.receive({"type": REQUEST, "t0": 42}, MeshClock(10), 1_000_000)
    assert (step, finished) == (None, False)
    assert answer["t0"] == 42
    assert answer["type"] == REPLY
    assert (answer["t1"] + answer["t2"]) / 2 == 1_000_010
    assert answer["t2"] - answer["t1"] == timesync.HANDLING_US
    assert sync.due_us == 1_000_000 + timesync.INTERVAL_US


def test_an_answer_at_the_wrap_stays_in_32_bits():
    for now_us in (0, 999, 1000, WRAP - 1, WRAP - 1000, WRAP - 999):
        answer, _, _ = TimeSync().receive({"type": REQUEST, "t0": 1}, MeshClock(), now_us)
        assert 0 <= answer["t1"] < WRAP
        assert 0 <= answer["t2"] < WRAP
        assert (answer["t1"] + 1000) % WRAP == now_us % WRAP
        assert (answer["t2"] - 1000) % WRAP == now_us % WRAP


@pytest.mark.parametrize("ahead_us", [5000, -5000, 1_000_000, -1_000_000, 2_000_000_000])
def test_far_clocks_are_asked_again_after_200_ms(ahead_us):
    exchange = Exchange(ahead_us)
    answer, offset, finished = exchange.round()
    assert (answer, offset, finished) == (None, ahead_us, False)
    assert exchange.sync.due_us == exchange.now_us + 200_000


@pytest.mark.parametrize("ahead_us", [0, 1, 4999, -4999])
def test_near_clocks_are_left_alone_for_60_s(ahead_us):
    exchange = Exchange(ahead_us)
    answer, offset, finished = exchange.round()
    assert (answer, offset, finished) == (None, ahead_us, True)
    assert exchange.sync.due_us == exchange.now_us + 60_000_000


def test_an_exchange_across_the_wrap():
    exchange = Exchange(ahead_us=-3_000_000, local_us=WRAP - 600)
    assert exchange.round() == (None, -3_000_000, False)


def test_a_slow_exchange_is_not_believed_and_repeated():
    exchange = Exchange(ahead_us=1_000_000, latency_us=500, handling_us=11)  # 1011 us > 85 * 11 us
    assert exchange.round() == (None, None, False)
    assert exchange.sync.due_us == exchange.now_us + 200_000
    exchange.handling_us = 12  # 1012 us < 85 * 12 us
    assert exchange.round() == (None, 1_000_000, False)


def test_after_many_slow_exchanges_it_asks_less_often():
    exchange = Exchange(latency_us=500, handling_us=1)
    waits = []
    for _ in range(timesync.OUTLIERS_MAX + 2):
        exchange.round()
        waits.append(exchange.sync.due_us - exchange.now_us)
    assert waits == [200_000] * timesync.OUTLIERS_MAX + [10_000_000] * 2


def test_one_good_exchange_brings_the_patience_back():
    exchange = Exchange(ahead_us=10_000, latency_us=500, handling_us=1)
    for _ in range(timesync.OUTLIERS_MAX):
        exchange.round()
    exchange.handling_us = 100
    exchange.round()
    exchange.handling_us = 1
    exchange.round()
    assert exchange.sync.due_us == exchange.now_us + 200_000


def test_nobody_moves_our_clock_unasked():
    exchange = Exchange(ahead_us=10_000)
    assert exchange.take(exchange.reply(12345)) == (None, None, False)
    assert exchange.sync.due_us is None


def test_an_answer_counts_once():
    exchange = Exchange(ahead_us=10_000)
    reply = exchange.reply(exchange.ask()["t0"])
    assert exchange.take(reply)[1] == 10_000
    assert exchange.take(reply) == (None, None, False)


def test_only_the_latest_requests_are_remembered():
    exchange = Exchange(ahead_us=10_000)
    asked = []
    for _ in range(5):
        asked.append(exchange.ask()["t0"])
        exchange.now_us += 10
    assert exchange.take(exchange.reply(asked[0])) == (None, None, False)
    assert exchange.take(exchange.reply(asked[1]))[1] is not None


def test_an_answer_to_a_question_asked_before_the_clock_moved_counts_from_the_moved_clock():
    exchange = Exchange(ahead_us=1_000_000)
    first, second = exchange.ask()["t0"], exchange.ask()["t0"]
    exchange.clock.adjust(exchange.take(exchange.reply(first))[1])
    answer, offset, finished = exchange.take(exchange.reply(second))
    assert answer is None
    assert finished, "a second step of the same size would put the clock a second ahead"
    assert abs(offset) < 1000


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": None},
        {"type": "x"},
        {"type": -1},
        {"type": REQUEST},
        {"type": REQUEST, "t0": -1},
        {"type": REQUEST, "t0": WRAP},
        {"type": REPLY},
        {"type": REPLY, "t0": 1.5, "t1": 1, "t2": 1},
    ],
)
def test_garbage_is_a_wire_error(message):
    with pytest.raises(WireError):
        TimeSync().receive(message, MeshClock(), 0)


def test_an_answer_without_times_is_a_wire_error():
    exchange = Exchange()
    with pytest.raises(WireError):
        exchange.take({"type": REPLY, "t0": exchange.ask()["t0"]})


@pytest.mark.parametrize("kind", [3, 7, 4294967295])
def test_unknown_kinds_are_ignored(kind):
    assert TimeSync().receive({"type": kind}, MeshClock(), 0) == (None, None, False)


def test_numbers_may_come_as_text():
    answer, _, _ = TimeSync().receive({"type": "1", "t0": "42"}, MeshClock(), 0)
    assert answer["t0"] == 42


def test_offers_out_of_turn_are_bounded():
    """In a ring each of them would come round as the next."""
    sync = TimeSync()
    at_us = 1_000_000
    assert [sync.may_offer(at_us + number) for number in range(10)] == [True] * 8 + [False] * 2
    assert not sync.may_offer(at_us + timesync.OFFER_SPAN_US - 1)
    assert sync.may_offer(at_us + timesync.OFFER_SPAN_US)
    assert not sync.may_offer(at_us + timesync.OFFER_SPAN_US)
