"""Delay measurements: asked, answered, matched, bounded."""

import pytest

from meshnode.delays import EXPIRY_US, Delays
from meshnode.events import DelayMeasured, PackageReceived
from meshnode.limits import Limits
from meshnode.node import NoRoute, QueueFull
from tests.support.network import Network
from tests.support.subject import SECOND_US, Subject, frame


@pytest.fixture
def subject():
    subject = Subject(1000)
    subject.join("a", 7, 71)
    return subject


def reply(node_id, t0, t1, t2, kind=2):
    return frame(type=3, dest=1000, msg={"type": kind, "t0": t0, "t1": t1, "t2": t2}, **{"from": node_id})


def answer_of(node_id, t0):
    return {"type": 3, "dest": 1000, "from": node_id, "msg": {"type": 2, "t0": t0, "t1": 0, "t2": 0}}


def ask(subject, node_id=71):
    subject.node.measure_delay(node_id, subject.now_us)
    subject.settle()
    return subject.packages("a", 3)[-1]["msg"]["t0"]


def test_a_request_travels_as_a_single(subject):
    t0 = ask(subject)
    assert t0 == subject.node.time_us(subject.now_us)
    assert subject.packages("a") == [{"type": 3, "dest": 71, "from": 1000, "msg": {"type": 1, "t0": t0}}]


def test_the_delay_is_half_the_trip_less_the_handling(subject):
    t0 = ask(subject)
    subject.advance(10_000)
    subject.say("a", reply(71, t0, 123_000_000, 123_004_000))
    assert subject.events(DelayMeasured) == [DelayMeasured(71, 3000, 123_000_000 - (t0 + 3000))]


def test_the_peers_clock_may_wrap_in_between(subject):
    t0 = ask(subject)
    subject.advance(10_000)
    subject.say("a", reply(71, t0, (1 << 32) - 1000, 3000))
    assert subject.events(DelayMeasured) == [DelayMeasured(71, 3000, -1000 - (t0 + 3000))]


def test_our_mesh_time_may_move_in_between(subject):
    t0 = ask(subject)
    subject.node.clock.adjust(50_000_000)
    subject.advance(10_000)
    subject.say("a", reply(71, t0, 5000, 5000))
    assert subject.events(DelayMeasured) == [DelayMeasured(71, 5000, 5000 - (t0 + 50_000_000 + 5000))]


def test_a_node_with_our_time_is_off_by_nothing(subject):
    t0 = ask(subject)
    subject.advance(8000)
    subject.say("a", reply(71, t0, t0 + 3000, t0 + 5000))
    assert subject.events(DelayMeasured) == [DelayMeasured(71, 3000, 0)]


def test_the_offset_is_the_shorter_way_round():
    for ahead_us in (2_000_000_000, -2_000_000_000):
        delays = Delays(1000, 10)
        delays.asked(7, 100, 0)
        message = {"type": 2, "t0": 100, "t1": (600 + ahead_us) % 2**32, "t2": (600 + ahead_us) % 2**32}
        package = {"type": 3, "dest": 1000, "from": 7, "msg": message}
        assert delays.receive(package, 1100, 1000) == (None, DelayMeasured(7, 500, ahead_us))


def test_an_answer_counts_once(subject):
    t0 = ask(subject)
    for _ in range(3):
        subject.say("a", reply(71, t0, 5, 5))
    assert len(subject.events(DelayMeasured)) == 1


def test_only_the_node_that_was_asked_can_answer(subject):
    t0 = ask(subject)
    subject.say("a", reply(7, t0, 5, 5))
    subject.say("a", reply(71, t0 + 1, 5, 5))
    assert subject.told == []
    subject.say("a", reply(71, t0, 5, 5))
    assert len(subject.events(DelayMeasured)) == 1


def test_several_questions_are_told_apart(subject):
    first, second = ask(subject, 7), ask(subject, 71)
    subject.advance(1000)
    third = ask(subject, 71)
    subject.advance(1000)
    for node_id, t0 in ((71, third), (7, first), (71, second)):
        subject.say("a", reply(node_id, t0, 5, 5))
    assert subject.events(DelayMeasured) == [
        DelayMeasured(71, 500, 5 - (third + 500)),
        DelayMeasured(7, 1000, 5 - (first + 1000)),
        DelayMeasured(71, 1000, 5 - (second + 1000)),
    ]


def test_an_answer_after_a_minute_is_too_late(subject):
    early, late = Delays(1000, 10), Delays(1000, 10)
    for delays in (early, late):
        delays.asked(7, 5, 100)
    middle_us = (EXPIRY_US - 1) // 2
    time_us = 5 + EXPIRY_US - 1
    measured = DelayMeasured(7, middle_us, -(5 + middle_us) - 1)
    assert early.receive(answer_of(7, 5), time_us, 100 + EXPIRY_US - 1) == (None, measured)
    assert late.receive(answer_of(7, 5), time_us + 1, 100 + EXPIRY_US) == (None, None)


def test_the_oldest_question_is_given_up_first():
    delays = Delays(1000, 3)
    for t0 in range(5):
        delays.asked(7, t0, t0)
    answered = [t0 for t0 in range(5) if delays.receive(answer_of(7, t0), 0, 10)[1] is not None]
    assert answered == [2, 3, 4]


def test_questions_are_bounded_by_the_limit():
    subject = Subject(1000, limits=Limits(delay_requests=4))
    subject.join("a", 7)
    asked = []
    for _ in range(6):
        asked.append(ask(subject, 7))
        subject.advance(10)
    for t0 in asked:
        subject.say("a", reply(7, t0, 5, 5))
    assert len(subject.events(DelayMeasured)) == 4


def test_a_question_to_a_stranger_is_not_asked(subject):
    with pytest.raises(NoRoute):
        subject.node.measure_delay(55, subject.now_us)
    assert subject.node._delays._asked == []


def test_a_question_that_finds_no_room_is_not_asked():
    subject = Subject(1000, limits=Limits(queue_bytes=1000))
    subject.join("a", 7)
    subject.node.send({"type": 9, "dest": 7, "msg": "x" * 950}, subject.now_us)
    with pytest.raises(QueueFull):
        subject.node.measure_delay(7, subject.now_us)
    assert subject.node._delays._asked == []


def test_a_question_is_answered_with_our_time(subject):
    subject.say("a", frame(type=3, dest=1000, msg={"type": 1, "t0": 42}, **{"from": 71}))
    time_us = subject.node.time_us(subject.now_us)
    assert subject.packages("a") == [
        {"type": 3, "dest": 71, "from": 1000, "msg": {"type": 2, "t0": 42, "t1": time_us, "t2": time_us}}
    ]
    assert subject.events(PackageReceived) == []


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"msg": 5},
        {"from": 71},
        {"from": 71, "msg": {}},
        {"from": 71, "msg": {"type": 1}},
        {"from": 71, "msg": {"type": 1, "t0": "x"}},
        {"from": 71, "msg": {"type": 2, "t0": 1}},
        {"from": 71, "msg": {"type": 3, "t0": 1}},
        {"from": None, "msg": {"type": 1, "t0": 1}},
        {"from": 55, "msg": {"type": 1, "t0": 1}},
        {"from": 1000, "msg": {"type": 1, "t0": 1}},
    ],
    ids=str,
)
def test_odd_questions_and_answers_are_ignored(subject, package):
    subject.say("a", frame(type=3, dest=1000, **package))
    assert subject.heard == {}
    assert subject.told == []


def test_over_several_hops():
    network = Network(latency_us=3000)
    network.chain(1, 2, 3, 4)
    for node_id in (2, 3, 4):
        network.nodes[1].measure_delay(node_id, network.now_us)
    network.run_for(SECOND_US)
    assert network.events(1, DelayMeasured) == [
        DelayMeasured(2, 3000),
        DelayMeasured(3, 6000),
        DelayMeasured(4, 9000),
    ]
