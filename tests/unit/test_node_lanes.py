"""Sync frames go before data, and nobody makes us queue more than its limit of either."""

import pytest

from meshnode.limits import Limits
from tests.support.subject import MILLISECOND_US, SECOND_US, Subject, frame, hello

QUEUE_BYTES = 10_000


@pytest.fixture
def subject():
    """Neighbours 7 and 8 on links a and b, quiet."""
    subject = Subject(1000, limits=Limits(queue_bytes=QUEUE_BYTES))
    subject.join("a", 7)
    subject.join("b", 8)
    subject.advance(SECOND_US)
    subject.say("a", hello(7, kind=6))
    subject.forget()
    return subject


@pytest.mark.parametrize("room_bytes", [1, 7, 100, 511, 900])
def test_sync_frames_overtake_data_but_never_cut_a_frame(subject, room_bytes):
    subject.deaf.add("b")
    for number in range(9):
        subject.say("a", frame(type=9, dest=8, msg=number, fill="x" * 900))
    subject.room_bytes = room_bytes
    first = subject.node.data_to_send("b", room_bytes)
    subject.say("b", hello(8))
    subject.say("b", frame(type=4, msg={"type": 1, "t0": 5}, **{"from": 8}))
    subject.join("d", 20)
    subject.advance(20 * MILLISECOND_US)
    subject._partial["b"] = first
    subject.read("b")
    kinds = [package["type"] for package in subject.packages("b")]
    assert kinds == [9, 4, 6, 5] + [9] * 8


def test_asking_for_the_time_faster_than_one_reads_is_bounded(subject):
    subject.deaf.add("b")
    for number in range(1000):
        subject.say("b", frame(type=4, msg={"type": 1, "t0": number}, **{"from": 8}))
    assert subject.node.backlog("b") < 3000
    subject.read("b")
    assert [package["msg"]["t0"] for package in subject.packages("b", 4)] == list(range(16))


def test_asking_for_the_tree_faster_than_one_reads_costs_one_answer(subject):
    subject.deaf.add("b")
    for _ in range(1000):
        subject.say("b", hello(8))
    assert subject.node.backlog("b") == 0
    subject.read("b")
    assert len(subject.packages("b", 6)) == 1


def test_asking_for_delays_faster_than_one_reads_is_bounded(subject):
    subject.deaf.add("b")
    for number in range(1000):
        subject.say("b", frame(type=3, dest=1000, msg={"type": 1, "t0": number}, **{"from": 8}))
    assert subject.node.backlog("b") <= QUEUE_BYTES
    assert not subject.node.paused("b"), "what it does not read is its own loss"
