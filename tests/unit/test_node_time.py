"""Time sync between nodes: when it starts, who gives the time, how it spreads."""

import pytest

from meshnode.clock import difference_us
from meshnode.events import TimeAdjusted
from tests.support.network import Network
from tests.support.subject import SECOND_US, START_US, Subject, frame, hello

TAKE_MY_TIME, REQUEST, REPLY = 0, 1, 2


def messages(subject, link):
    return [package["msg"] for package in subject.packages(link, 4)]


def kinds(subject, link):
    return [message["type"] for message in messages(subject, link)]


def time_sync(node_id, **message):
    return frame(type=4, dest=1000, msg=message, **{"from": node_id})


def answer(subject, link, node_id, ahead_us):
    """The peer answers our latest request, its clock `ahead_us` ahead, in no time."""
    request = messages(subject, link)[-1]
    assert request["type"] == REQUEST
    t1 = (request["t0"] + ahead_us - 500) % (1 << 32)
    subject.say(link, time_sync(node_id, type=REPLY, t0=request["t0"], t1=t1, t2=(t1 + 1000) % (1 << 32)))


@pytest.fixture
def subject():
    return Subject(1000)


# -- who starts, when ------------------------------------------------------------------------


def test_the_dialing_side_starts_when_it_knows_its_neighbour(subject):
    """As recorded in join_as_access_point: type 4 straight after the reply."""
    subject.dial("a")
    assert kinds(subject, "a") == []
    subject.say("a", hello(7, kind=6))
    subject.advance(0)
    assert subject.times_us("a", 4) == [START_US]


def test_the_accepting_side_starts_after_10_s(subject):
    subject.join("a", 7)
    subject.advance(10 * SECOND_US - 1)
    assert kinds(subject, "a") == []
    subject.advance(1)
    assert subject.times_us("a", 4) == [START_US + 10 * SECOND_US]


@pytest.mark.parametrize(
    ("node_id", "subs", "first"),
    [
        (7, (), TAKE_MY_TIME),
        (2000, (), REQUEST),
        (7, (8,), REQUEST),
        (2000, (8, (9, 10)), REQUEST),
    ],
    ids=["equal, we have the higher id", "equal, we have the lower id", "larger", "much larger"],
)
def test_the_smaller_side_asks_and_the_other_offers(subject, node_id, subs, first):
    subject.dial("a")
    subject.say("a", hello(node_id, *subs, kind=6))
    subject.advance(0)
    assert kinds(subject, "a") == [first]
    assert subject.packages("a", 4)[0] | {"msg": 0} == {"type": 4, "dest": node_id, "from": 1000, "msg": 0}


def test_our_side_counts_all_that_is_behind_our_other_links(subject):
    subject.join("b", 20, 21, 22)
    subject.dial("a")
    subject.say("a", hello(2000, 2001, 2002, kind=6))
    subject.advance(0)
    assert kinds(subject, "a") == [TAKE_MY_TIME], "four nodes here, three there"


def test_a_time_authority_offers_its_time_to_the_largest_mesh():
    subject = Subject(1000, time_authority=True)
    subject.dial("a")
    subject.say("a", hello(2000, *range(1, 50), kind=6))
    subject.advance(0)
    assert kinds(subject, "a") == [TAKE_MY_TIME]


def test_a_neighbour_with_time_authority_is_asked(subject):
    subject.join("b", 20, 21)
    subject.dial("a")
    subject.say("a", hello(7, kind=6, hasTimeAuthority=True))
    subject.advance(0)
    assert kinds(subject, "a") == [REQUEST]


# -- taking the time -------------------------------------------------------------------------


def test_told_to_take_the_time_we_ask_for_it(subject):
    subject.join("a", 7)
    subject.say("a", time_sync(7, type=TAKE_MY_TIME))
    assert messages(subject, "a") == [{"type": REQUEST, "t0": subject.node.time_us(subject.now_us)}]


def test_a_time_authority_does_not_take_the_time_of_one_without():
    """A stock node leaves the flag out of its answers, and may think that the larger side gives the time."""
    subject = Subject(1000, time_authority=True)
    subject.join("a", 2000, 2001)
    subject.say("a", time_sync(2000, type=TAKE_MY_TIME))
    assert messages(subject, "a") == []


def test_of_two_time_authorities_one_still_takes_the_time():
    subject = Subject(1000, time_authority=True)
    subject.join("a", 2000, hasTimeAuthority=True)
    subject.say("a", time_sync(2000, type=TAKE_MY_TIME))
    assert kinds(subject, "a") == [REQUEST]


def test_it_asks_every_200_ms_until_it_is_accurate_and_then_every_60_s(subject):
    subject.dial("a")
    subject.say("a", hello(2000, kind=6))
    subject.advance(0)
    begin_us = subject.now_us
    for ahead_us in (3_000_000, 6000, -5000, 4999):
        answer(subject, "a", 2000, ahead_us)
        subject.say("a", hello(2000, kind=6))
        subject.advance(200_000)
    assert subject.times_us("a", 4) == [begin_us + number * 200_000 for number in range(4)]
    subject.say("a", hello(2000))
    subject.advance(61 * SECOND_US)
    assert subject.times_us("a", 4)[4:] == [begin_us + 600_000 + 60 * SECOND_US]
    assert subject.events(TimeAdjusted) == [
        TimeAdjusted(3_000_000),
        TimeAdjusted(6000),
        TimeAdjusted(-5000),
        TimeAdjusted(4999),
    ]


def test_the_mesh_time_moves_and_small_steps_are_softened(subject):
    subject.dial("a")
    subject.say("a", hello(2000, kind=6))
    subject.advance(0)
    before_us = subject.node.time_us(subject.now_us)
    answer(subject, "a", 2000, -2_000_000)
    assert difference_us(subject.node.time_us(subject.now_us), before_us) == -2_000_000
    subject.advance(200_000)
    answer(subject, "a", 2000, 400)
    assert subject.events(TimeAdjusted)[-1] == TimeAdjusted(100)
    subject.say("a", hello(2000))
    subject.advance(60 * SECOND_US)
    answer(subject, "a", 2000, 0)
    assert len(subject.events(TimeAdjusted)) == 2, "nothing moved, nothing to tell"


def test_an_unbelievable_answer_is_thrown_away_and_asked_for_again(subject):
    subject.dial("a")
    subject.say("a", hello(2000, kind=6))
    subject.advance(0)
    (request,) = messages(subject, "a")
    subject.advance(100_000)
    subject.say("a", time_sync(2000, type=REPLY, t0=request["t0"], t1=5_000_000, t2=5_000_010))
    assert subject.events(TimeAdjusted) == []
    subject.advance(200_000)
    assert subject.times_us("a", 4) == [START_US, START_US + 300_000]


def test_an_answer_nobody_asked_for_moves_nothing(subject):
    subject.join("a", 2000)
    subject.say("a", time_sync(2000, type=REPLY, t0=1, t1=900_000_000, t2=900_000_010))
    assert subject.events(TimeAdjusted) == []


def test_a_neighbour_that_does_not_answer_is_asked_again_after_10_s(subject):
    subject.dial("a")
    subject.say("a", hello(2000, kind=6))
    subject.advance(25 * SECOND_US)
    assert subject.times_us("a", 4) == [START_US + number * 10 * SECOND_US for number in range(3)]


def after_a_round(subject, link, node_id, *ahead_us):
    """We ask and are answered until we are accurate; what was sent to others meanwhile is left in `heard`."""
    for offset_us in ahead_us:
        answer(subject, link, node_id, offset_us)
        subject.advance(200_000)


def test_a_new_time_is_offered_at_once_to_those_that_take_ours_and_only_when_it_is_new(subject):
    subject.join("b", 7)
    subject.dial("a")
    subject.say("a", hello(2000, 2001, 2002, 2003, kind=6))
    subject.advance(0)
    subject.forget()
    subject.advance(0)
    subject.say("a", time_sync(2000, type=TAKE_MY_TIME))
    after_a_round(subject, "a", 2000, 3_000_000, 0)
    assert kinds(subject, "b") == [TAKE_MY_TIME], "once the round is finished"
    for _ in range(3):
        subject.say("a", time_sync(2000, type=TAKE_MY_TIME))
        after_a_round(subject, "a", 2000, 0)
    assert kinds(subject, "b") == [TAKE_MY_TIME], "nothing moved"
    subject.say("a", time_sync(2000, type=TAKE_MY_TIME))
    after_a_round(subject, "a", 2000, 2)
    assert kinds(subject, "b") == [TAKE_MY_TIME] * 2


def test_a_new_time_is_not_offered_to_whoever_gave_it(subject):
    """Even where we thought that it would take ours."""
    subject.join("a", 7)
    subject.say("a", time_sync(7, type=TAKE_MY_TIME))
    after_a_round(subject, "a", 7, 3000)
    subject.advance(SECOND_US)
    assert kinds(subject, "a") == [REQUEST]


def test_a_new_time_is_not_offered_to_those_whose_time_we_take(subject):
    subject.join("a", 7, hasTimeAuthority=True)
    subject.join("b", 8, hasTimeAuthority=True)
    subject.say("a", time_sync(7, type=TAKE_MY_TIME))
    after_a_round(subject, "a", 7, 3000)
    subject.advance(SECOND_US)
    assert kinds(subject, "b") == []


# -- giving the time -------------------------------------------------------------------------


def test_a_request_is_answered_at_once_and_puts_our_own_off_by_60_s(subject):
    subject.join("a", 7)
    subject.advance(SECOND_US)
    subject.say("a", time_sync(7, type=REQUEST, t0=42))
    (reply,) = messages(subject, "a")
    assert (reply["type"], reply["t0"]) == (REPLY, 42)
    assert (reply["t1"] + reply["t2"]) // 2 == subject.node.time_us(subject.now_us)
    subject.forget()
    subject.say("a", hello(7))
    subject.advance(60 * SECOND_US - 1)
    assert kinds(subject, "a") == []
    subject.advance(1)
    assert kinds(subject, "a") == [TAKE_MY_TIME]


@pytest.mark.parametrize(
    "message", [None, {}, [], "x", {"type": 1}, {"type": 1, "t0": -1}, {"type": "x"}, {"type": 9}]
)
def test_odd_messages_are_ignored(subject, message):
    subject.join("a", 7)
    subject.say("a", frame(type=4, msg=message))
    subject.say("a", frame(type=4))
    assert subject.heard == {}
    assert subject.told == []
    assert subject.node.links() == [("a", 7)]


def test_time_sync_is_never_passed_on(subject):
    subject.join("a", 7)
    subject.join("b", 8)
    subject.advance(SECOND_US)
    subject.forget()
    subject.say("a", frame(type=4, dest=8, routing=2, msg={"type": REQUEST, "t0": 1}, **{"from": 7}))
    assert list(subject.heard) == ["a"]


# -- the whole mesh --------------------------------------------------------------------------


def clocks_us(network):
    return [node.time_us(network.now_us) for node in network.nodes.values()]


def spread_us(network):
    first, *others = clocks_us(network)
    differences = [difference_us(other, first) for other in others]
    return max(0, *differences) - min(0, *differences)


def chain(*offsets_us, authority=None):
    network = Network(latency_us=2000)
    for index, offset_us in enumerate(offsets_us):
        network.add(index + 1, clock_offset_us=offset_us, time_authority=index + 1 == authority)
        if index:
            network.connect(index + 1, index)
            network.run_for(100_000)
    return network


def test_all_clocks_of_a_mesh_come_together():
    network = chain(0, 1_000_000_000, -2_000_000_000, 77, 123_456_789, (1 << 32) - 1)
    network.run_for(120 * SECOND_US)
    assert spread_us(network) < 5000


def test_clocks_come_together_across_the_wrap():
    network = chain(-5_000_000, 0, 5_000_000)
    network.run_for(120 * SECOND_US)
    assert spread_us(network) < 5000


def test_a_time_authority_gives_the_time_to_all_and_keeps_its_own():
    network = chain(10, 1_000_000_000, 2_000_000_000, 500_000_000, authority=4)
    network.run_for(120 * SECOND_US)
    assert network.nodes[4].time_us(network.now_us) == (network.now_us + 500_000_000) % (1 << 32)
    assert spread_us(network) < 5000
    assert network.events(4, TimeAdjusted) == []


def test_a_newcomers_time_spreads_in_seconds_when_it_brings_the_larger_mesh():
    network = chain(0, 0, 0)
    other = [11, 12, 13, 14]
    for node_id in other:
        network.add(node_id, clock_offset_us=900_000_000)
        if node_id > 11:
            network.connect(node_id, node_id - 1)
            network.run_for(100_000)
    network.run_for(60 * SECOND_US)
    network.connect(3, 11)
    network.run_for(5 * SECOND_US)
    assert spread_us(network) < 5000
    assert abs(difference_us(network.nodes[1].time_us(0), 900_000_000)) < 5000
