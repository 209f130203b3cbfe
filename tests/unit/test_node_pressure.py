"""Queues: what waits for a slow neighbour, who is held back, and what happens when one jams."""

import pytest

from meshnode.events import LinkClosed, PackageReceived
from meshnode.limits import Limits
from meshnode.node import QueueFull
from tests.support.network import Network
from tests.support.subject import MILLISECOND_US, SECOND_US, Subject, frame, hello

QUEUE_BYTES = 10_000
CHUNK = frame(type=9, dest=8, msg="x" * 950)  # about 1 KB
ANSWERS = {"a": 7, "b": 8, "c": 9}


@pytest.fixture
def subject():
    """Neighbours 7, 8 and 9 on links a, b and c; all quiet."""
    subject = Subject(1000, limits=Limits(queue_bytes=QUEUE_BYTES))
    for link, node_id in ANSWERS.items():
        subject.join(link, node_id)
    subject.advance(20 * MILLISECOND_US)
    answer(subject, *ANSWERS)
    subject.forget()
    return subject


def answer(subject, *links):
    for link in links:
        subject.say(link, hello(ANSWERS[link], kind=6))


def fill(subject, link="a"):
    """Feed frames for 8 from a link until it is paused; how many."""
    for number in range(1, 1000):
        subject.say(link, CHUNK)
        if subject.node.paused(link):
            return number
    raise AssertionError("never paused")


def live_on(subject, seconds, *links):
    """Time passes, and the neighbours on these links answer and read what they are sent."""
    for _ in range(seconds):
        subject.advance(SECOND_US)
        for link in links:
            if link not in subject.closed():
                answer(subject, link)


# -- own packages ----------------------------------------------------------------------------


def test_an_own_package_that_finds_no_room_raises(subject):
    subject.deaf.add("b")
    sent = 0
    with pytest.raises(QueueFull):
        for _ in range(1000):
            subject.node.send({"type": 9, "dest": 8, "msg": "x" * 950}, subject.now_us)
            sent += 1
    assert QUEUE_BYTES - 1100 < subject.node.backlog("b") <= QUEUE_BYTES
    assert subject.node.backlog("b") == sent * 991
    subject.node.send({"type": 9, "dest": 9, "msg": "others go on"}, subject.now_us)
    subject.read("b")
    subject.node.send({"type": 9, "dest": 8, "msg": "again"}, subject.now_us)


def test_a_broadcast_that_finds_no_room_on_one_link_is_queued_on_none(subject):
    subject.deaf |= {"a", "b", "c"}
    fill(subject)
    before = [subject.node.backlog(link) for link in "abc"]
    with pytest.raises(QueueFull):
        subject.node.send({"type": 8, "dest": 0, "msg": "x"}, subject.now_us)
    assert [subject.node.backlog(link) for link in "abc"] == before


def test_the_backlog_shrinks_as_bytes_leave(subject):
    subject.node.send({"type": 9, "dest": 8, "msg": "x" * 950}, subject.now_us)
    size_bytes = subject.node.backlog("b")
    assert len(subject.node.data_to_send("b", 100)) == 100
    assert subject.node.backlog("b") == size_bytes - 100
    assert subject.node.pending() == ["b"]
    assert len(subject.node.data_to_send("b", 10_000)) == size_bytes - 100
    assert subject.node.backlog("b") == 0
    assert subject.node.pending() == []


# -- holding feeders back --------------------------------------------------------------------


def test_a_full_queue_pauses_the_link_that_fills_it_and_no_other(subject):
    subject.deaf.add("b")
    fed = fill(subject)
    assert fed * len(CHUNK) > QUEUE_BYTES >= (fed - 1) * len(CHUNK)
    assert [subject.node.paused(link) for link in "abc"] == [True, False, False]
    subject.say("c", CHUNK)
    assert subject.node.paused("c"), "each link that fills it"


def test_a_link_that_feeds_other_queues_is_not_paused(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.say("c", frame(type=9, dest=7, msg="x"))
    assert not subject.node.paused("c")
    assert len(subject.packages("a", 9)) == 1


def test_a_paused_link_goes_on_when_the_queue_is_half_empty(subject):
    subject.deaf.add("b")
    fill(subject)
    taken = 0
    while subject.node.paused("a"):
        taken += len(subject.node.data_to_send("b", 500))
    assert abs(subject.node.backlog("b") - QUEUE_BYTES // 2) <= len(CHUNK)
    assert taken >= QUEUE_BYTES // 2


def test_a_link_that_goes_down_holds_nobody_back(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.hang_up("b")
    assert not subject.node.paused("a")


def test_frames_already_read_when_a_link_is_paused_are_kept(subject):
    subject.deaf.add("b")
    subject.say("a", CHUNK * 30)
    assert subject.node.paused("a")
    assert subject.node.backlog("b") == 30 * len(CHUNK)
    subject.read("b")
    assert len(subject.packages("b", 9)) == 30


def test_frames_leave_in_order_and_none_is_lost_while_a_queue_drains(subject):
    subject.deaf.add("b")
    fed = got = 0
    while got < 100:
        while not subject.node.paused("a") and fed < 100:
            subject.say("a", frame(type=9, dest=8, msg=fed, fill="x" * 900))
            fed += 1
        subject.room_bytes = 2000
        subject.deaf.discard("b")
        subject.read("b")
        got = len(subject.packages("b", 9))
        subject.deaf.add("b")
    assert [package["msg"] for package in subject.packages("b", 9)] == list(range(100))
    assert subject.node.relay.dropped_frames == 0


# -- jams ------------------------------------------------------------------------------------


def test_after_3_s_a_jammed_queue_drops_and_lets_its_feeders_go(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.advance(3 * SECOND_US - 1)
    assert subject.node.paused("a")
    subject.advance(1)
    assert not subject.node.paused("a")
    before = subject.node.backlog("b")
    subject.say("a", CHUNK)
    assert not subject.node.paused("a")
    assert subject.node.backlog("b") == before
    assert subject.node.relay.dropped_frames == 1
    with pytest.raises(QueueFull):
        subject.node.send({"type": 9, "dest": 8}, subject.now_us)


def test_a_dropping_queue_takes_frames_again_when_half_empty(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.advance(3 * SECOND_US)
    while subject.node.backlog("b") > QUEUE_BYTES // 2 - 1000:
        subject.node.data_to_send("b", 1000)
    before = subject.node.backlog("b")
    subject.say("a", CHUNK)
    assert subject.node.backlog("b") == before + len(CHUNK)
    assert subject.node.relay.dropped_frames == 0


def test_a_stuck_link_is_probed_and_closed_while_the_others_live_on(subject):
    subject.deaf.add("b")
    fill(subject)
    jammed_us = subject.now_us
    subject.advance(3 * SECOND_US)
    live_on(subject, 15, "a", "c")
    assert subject.events(LinkClosed) == [LinkClosed("b", "silent: node sync unanswered for 10 s")]
    assert subject.now_us - jammed_us < 20 * SECOND_US
    subject.forget()
    subject.say("a", frame(type=9, dest=9, msg="x"))
    assert len(subject.packages("c", 9)) == 1
    live_on(subject, 200, "a", "c")
    assert subject.closed() == []


def test_a_slow_link_that_still_answers_is_kept(subject):
    """A board that moves a little all the time jams for long, and is no dead one."""
    subject.deaf.add("b")
    for _ in range(60):
        for _ in range(30):
            if not subject.node.paused("a"):
                subject.say("a", CHUNK)
        subject.node.data_to_send("b", 1000)
        subject.advance(SECOND_US)
        answer(subject, "a", "b", "c")
    assert subject.closed() == []
    assert subject.node.relay.dropped_frames > 0


def test_a_paused_links_answer_is_waited_for_because_we_do_not_read_it(subject):
    """The answer lies unread while we hold the link back; that is our doing, not silence."""
    subject.advance(SECOND_US)
    subject.node.handle_deadline(subject.now_us)
    subject.hang_up("c")  # news: the others are asked
    subject.advance(20 * MILLISECOND_US)
    asked_us = subject.now_us
    answer(subject, "b")
    subject.advance(9 * SECOND_US)
    subject.deaf.add("b")
    fill(subject)
    subject.run_until(asked_us + 10 * SECOND_US + MILLISECOND_US)
    assert subject.node.paused("a")
    assert subject.closed() == []
    subject.read("b")
    assert not subject.node.paused("a")
    answer(subject, "a")
    live_on(subject, 5, "a", "b")
    assert subject.closed() == []


def test_a_link_is_not_called_silent_at_the_moment_it_may_speak_again(subject):
    """Paused until just before its answer was due: the driver has not read it yet."""
    subject.advance(SECOND_US)
    subject.hang_up("c")
    subject.advance(20 * MILLISECOND_US)
    asked_us = subject.now_us
    answer(subject, "b")
    subject.advance(8 * SECOND_US)
    subject.deaf.add("b")
    fill(subject)
    subject.run_until(asked_us + 10 * SECOND_US - MILLISECOND_US)
    subject.read("b")
    assert not subject.node.paused("a")
    subject.run_until(asked_us + 10 * SECOND_US + MILLISECOND_US)
    assert subject.closed() == []
    answer(subject, "a")
    live_on(subject, 5, "a", "b")
    assert subject.closed() == []


def test_a_held_back_link_that_then_stays_silent_is_closed(subject):
    subject.advance(SECOND_US)
    subject.hang_up("c")
    subject.advance(20 * MILLISECOND_US)
    answer(subject, "b")
    subject.advance(8 * SECOND_US)
    subject.deaf.add("b")
    fill(subject)
    subject.advance(SECOND_US)
    subject.deaf.discard("b")
    subject.read("b")
    live_on(subject, 6, "b")
    assert subject.closed() == ["a"]


def test_what_held_a_link_back_before_it_was_asked_is_no_excuse(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.deaf.discard("b")
    subject.read("b")
    assert not subject.node.paused("a")
    subject.hang_up("c")
    subject.advance(20 * MILLISECOND_US)
    answer(subject, "b")
    subject.advance(10 * SECOND_US - 1)
    assert subject.closed() == []
    subject.advance(1)
    assert subject.closed() == ["a"]


def test_a_link_that_is_paused_when_it_is_asked_has_an_excuse(subject):
    subject.deaf.add("b")
    fill(subject)
    subject.hang_up("c")
    subject.advance(20 * MILLISECOND_US)
    assert len(subject.packages("a", 5)) == 1
    subject.deaf.discard("b")
    subject.read("b")
    answer(subject, "b")
    subject.advance(11 * SECOND_US)
    assert subject.closed() == []
    subject.advance(SECOND_US)
    assert subject.closed() == ["a"]


def broadcast(subject, fill_bytes=950):
    return subject.node.send({"type": 8, "dest": 0, "msg": "x" * fill_bytes}, subject.now_us)


def broadcast_until_full(subject):
    with pytest.raises(QueueFull):
        for _ in range(1000):
            assert broadcast(subject) == 3
            subject.settle()


def test_a_dead_branch_does_not_silence_our_broadcasts_for_longer_than_3_s(subject):
    subject.deaf.add("b")
    broadcast_until_full(subject)
    subject.forget()
    subject.advance(3 * SECOND_US - 1)
    with pytest.raises(QueueFull):
        broadcast(subject)
    subject.advance(1)
    assert broadcast(subject) == 2
    subject.settle()
    assert (len(subject.packages("a", 8)), len(subject.packages("c", 8))) == (1, 1)
    assert subject.node.relay.dropped_frames == 1
    with pytest.raises(QueueFull):
        subject.node.send({"type": 9, "dest": 8}, subject.now_us)


def test_with_all_links_jammed_a_broadcast_is_refused(subject):
    subject.deaf |= {"a", "b", "c"}
    broadcast_until_full(subject)
    subject.advance(3 * SECOND_US)
    with pytest.raises(QueueFull):
        broadcast(subject)


def test_a_link_stuck_with_our_own_packages_is_probed_and_closed(subject):
    subject.deaf.add("b")
    broadcast_until_full(subject)
    subject.advance(3 * SECOND_US)
    live_on(subject, 12, "a", "c")
    assert subject.closed() == ["b"]
    assert broadcast(subject) == 2


def test_a_slow_neighbour_gets_all_of_our_own_packages(subject):
    """We wait for it as long as it moves; only frames of others, who cannot wait, are dropped."""
    subject.deaf.add("b")
    broadcast_until_full(subject)
    sent = subject.node.backlog("b") // 991 + 1
    for _ in range(60):
        subject.node.data_to_send("b", 300)
        subject.advance(SECOND_US)
        answer(subject, "a", "b", "c")
        try:
            sent += broadcast(subject) == 3
        except QueueFull:
            pass
    assert sent > 20
    assert subject.node.relay.dropped_frames == 0
    assert subject.closed() == []


# -- several nodes ---------------------------------------------------------------------------


def test_a_flood_through_a_chain_holds_the_sender_back_and_loses_nothing():
    network = Network(window_bytes=2000, limits=Limits(queue_bytes=4000))
    first, second, _ = network.chain(1, 2, 3, 4)
    second.clogged = True
    sent = 0
    for _ in range(300):
        try:
            network.nodes[1].send({"type": 9, "dest": 4, "msg": sent, "fill": "x" * 200}, network.now_us)
            sent += 1
        except QueueFull:
            pass
        network.settle()
    assert sent < 100, "the queue of 2 fills, 2 stops reading, the queue of 1 fills"
    assert network.nodes[2].paused(first.ends[0]) or network.nodes[2].paused(first.ends[1])
    second.clogged = False
    network.run_for(SECOND_US)
    got = [event.package["msg"] for event in network.events(4, PackageReceived)]
    assert got == list(range(sent))
