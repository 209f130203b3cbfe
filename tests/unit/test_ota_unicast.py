"""The transfer to one node: window, repair, and what makes it give up."""

import pytest

from meshward.ota.commands import Fence, Send
from meshward.ota.frames import DataRequest, Offer
from meshward.ota.parts import Parts
from meshward.ota.unicast import GIVE_UP_AFTER, Unicast

OFFER = Offer("0" * 32, "ESP32", "sensor")
IMAGE = bytes(100_000)
ROOM = 10**9


class Talk:
    """A transfer, what it sent, and a clock."""

    def __init__(self, part_bytes=1024, **options):
        self.now_us = 0
        self.unicast = Unicast(1001, OFFER, Parts(IMAGE, part_bytes), 0, **options)

    def sent(self):
        """Since the last call: part numbers, "offer" and "fence"."""
        names = []
        for command in self.unicast.commands(ROOM, self.now_us):
            if isinstance(command, Send):
                names.append(command.package.get("partNo", "offer"))
            else:
                assert command == Fence(1001)
                names.append("fence")
        return names

    def ask(self, part, after_us=20_000):
        self.now_us += after_us
        self.unicast.on_request(DataRequest(OFFER.md5, part), self.now_us)
        return self.sent()

    def time_out(self):
        """Nothing comes, not even an answer to the fence."""
        names = self.deadline()
        return names + self.deadline() if names == ["fence"] else names

    def deadline(self):
        self.now_us = self.unicast.next_deadline_us()
        self.unicast.handle_deadline(self.now_us)
        return self.sent()


def test_it_begins_with_the_offer_and_a_small_window():
    assert Talk().sent() == ["offer", 0, 1, 2, 3]


def test_the_window_grows_while_answers_come_as_fast_and_never_beyond_its_limit():
    talk = Talk(window_max=6)
    talk.sent()
    most = 0
    for part in range(1, 80):
        talk.ask(part, after_us=20_000 if part == 1 else 100)
        most = max(most, talk.unicast._next - part)
    assert most == 6


def test_the_window_shrinks_when_answers_come_later():
    talk = Talk()
    talk.sent()
    for part in range(1, 20):
        talk.ask(part)
    before = talk.unicast._window
    for part in range(20, 40):
        talk.ask(part, after_us=200_000)
    assert talk.unicast._window < before


def test_after_a_lost_part_all_from_it_on_are_sent_again_once_the_way_is_known_to_be_empty():
    talk = Talk()
    talk.sent()
    talk.ask(1)
    assert talk.deadline() == ["fence"]
    assert talk.sent() == []
    talk.unicast.on_fence(talk.now_us + 1000)
    again = talk.sent()
    assert again[0] == 1
    assert "offer" not in again
    assert talk.unicast.resent_parts >= 3


def test_an_answer_to_somebody_elses_measurement_changes_nothing():
    talk = Talk()
    talk.sent()
    talk.unicast.on_fence(1)
    assert talk.sent() == []


def test_when_only_answers_were_lost_one_part_more_makes_the_node_answer():
    talk = Talk()
    assert talk.sent()[-1] == 3
    assert talk.time_out() == ["fence", 0, 1, 2, 3, 4]
    talk.ask(5)
    assert talk.unicast.acked == 5


def test_the_image_is_offered_again_to_a_node_that_stays_silent():
    talk = Talk()
    talk.sent()
    assert "offer" not in talk.time_out() + talk.time_out()
    assert "offer" in talk.time_out()


def test_it_gives_up_with_a_reason():
    talk = Talk()
    talk.sent()
    for _ in range(GIVE_UP_AFTER):
        assert talk.unicast.failure is None
        talk.time_out()
    assert talk.unicast.failure == "no answer at part 0 of 98"
    assert talk.unicast.next_deadline_us() is None
    assert not talk.unicast.is_stuck


def test_large_parts_that_do_not_get_through_are_given_up_sooner():
    talk = Talk(part_bytes=3072)
    talk.sent()
    for _ in range(4):
        talk.time_out()
    assert talk.unicast.wants_small
    assert talk.unicast.failure


def test_a_forgotten_timer_that_asks_for_the_first_part_restarts_nothing():
    talk = Talk()
    talk.sent()
    for part in range(1, 10):
        talk.ask(part)
    assert talk.ask(0) == [0]
    assert talk.unicast.acked == 9
    talk.ask(10)
    assert (talk.unicast.acked, talk.unicast.restarts) == (10, 0)


def test_a_node_that_takes_the_first_part_again_did_restart():
    talk = Talk()
    talk.sent()
    for part in range(1, 10):
        talk.ask(part)
    talk.ask(0)
    assert talk.ask(1)[0] == 1
    assert (talk.unicast.acked, talk.unicast.restarts) == (1, 1)


def test_one_that_starts_over_at_the_same_part_again_and_again_is_stuck():
    talk = Talk()
    talk.sent()
    for _ in range(3):
        for part in range(1, 6):
            talk.ask(part)
        talk.ask(0)
        talk.ask(1)
    assert talk.unicast.is_stuck
    assert "slot" in talk.unicast.failure


def test_an_old_receiver_gets_an_offer_before_each_part():
    talk = Talk(is_2019=True)
    assert talk.sent() == ["offer", "offer", 0]
    assert talk.ask(1) == ["offer", 1]
    assert talk.ask(2) == ["offer", 2]


def test_the_stock_way_sends_one_part_and_waits():
    talk = Talk(window_max=0)
    assert talk.sent() == ["offer"]
    assert talk.ask(0) == [0]
    assert talk.ask(1) == [1]
    assert talk.deadline() == []
    assert talk.ask(1) == [1]


def test_all_parts_are_sent_once_the_last_is_the_only_one_left():
    talk = Talk(start=97)
    assert talk.sent() == ["offer", 97]
    assert talk.unicast.sent_all
    assert talk.unicast.next_deadline_us() is None
    assert talk.ask(97) == [97]


@pytest.mark.parametrize("part", [99, 10**9])
def test_a_part_that_does_not_exist_is_not_looked_for(part):
    talk = Talk()
    talk.sent()
    assert talk.ask(part) == []
