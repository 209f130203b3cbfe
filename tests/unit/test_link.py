"""One neighbour: lanes, room, timers."""

import pytest

from meshnode.limits import Limits
from meshnode.link import ANSWER_TIMEOUT_US, FIRST_SYNC_US, SYNC_INTERVAL_US, Link
from meshnode.tree import Tree

NOW_US = 1_000_000


def link(*, dialed: bool = True, **limits: int) -> Link:
    return Link("handle", dialed, Limits(**limits), NOW_US)


def node_sync(_link, is_request) -> bytes:
    return b"request\0" if is_request else b"reply\0"


def everything(one: Link, room_bytes: int) -> list[bytes]:
    """What leaves, take by take."""
    taken = []
    while one.has_data():
        taken.append(one.take(room_bytes, node_sync))
    assert one.take(room_bytes, node_sync) == b""
    return taken


# -- who it is -------------------------------------------------------------------------------


def test_a_new_link_knows_nobody():
    new = link()
    assert new.node_id == 0
    assert new.tree is None
    assert not new.has_data()
    assert new.backlog_bytes == 0


def test_a_tree_makes_the_neighbour_known():
    one = link()
    one.adopt_tree(Tree([7, 8], [0, 1]))
    assert one.node_id == 7
    assert one.tree_text == '{"nodeId":7,"subs":[{"nodeId":8}]}'


# -- lanes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["request", "reply", "time", "data"])
def test_each_lane_alone_is_something_to_send(what):
    one = link()
    one.request_wanted = what == "request"
    one.reply_wanted = what == "reply"
    if what == "time":
        one.queue_sync(b"time\0")
    if what == "data":
        one.queue_data(b"data\0")
    assert one.has_data()
    assert one.take(3, node_sync) == what.encode()[:3]
    assert one.has_data(), "the rest of it"
    assert one.take(100, node_sync) == what.encode()[3:] + b"\0"
    assert not one.has_data()


@pytest.mark.parametrize("room_bytes", [1, 2, 3, 5, 7, 8, 13, 1000])
def test_the_sync_lane_goes_first_whatever_the_room(room_bytes):
    one = link()
    one.queue_data(b"data1\0")
    one.queue_data(b"data2\0")
    one.queue_sync(b"time\0")
    one.request_wanted = one.reply_wanted = True
    taken = everything(one, room_bytes)
    assert b"".join(taken) == b"time\0reply\0request\0data1\0data2\0"
    assert all(len(data) == room_bytes for data in taken[:-1])
    assert 0 < len(taken[-1]) <= room_bytes


@pytest.mark.parametrize("room_bytes", [1, 2, 3, 4])
def test_a_sync_frame_never_goes_inside_another_frame(room_bytes):
    one = link()
    one.queue_data(b"0123456789\0")
    one.queue_data(b"data2\0")
    first = one.take(room_bytes, node_sync)
    one.queue_sync(b"time\0")
    one.request_wanted = True
    rest = b"".join(everything(one, room_bytes))
    assert first + rest == b"0123456789\0time\0request\0data2\0"


def test_no_room_takes_nothing():
    one = link()
    one.queue_data(b"data\0")
    assert one.take(0, node_sync) == b""
    assert everything(one, 100) == [b"data\0"]


def test_a_node_sync_frame_is_built_when_it_leaves():
    one = link()
    one.request_wanted = True
    built = []

    def build(which, is_request):
        built.append((which, is_request))
        return b"fresh\0"

    assert one.has_data()
    assert built == []
    assert one.take(100, build) == b"fresh\0"
    assert built == [(one, True)]
    assert not one.has_data()


def test_wanting_twice_sends_once():
    one = link()
    one.request_sync(NOW_US)
    one.request_sync(NOW_US + 5)
    one.reply_wanted = True
    one.reply_wanted = True
    assert everything(one, 100) == [b"reply\0request\0"]


def test_time_sync_frames_are_bounded():
    one = link(sync_frames=3)
    for number in range(5):
        one.queue_sync(b"%d\0" % number)
    assert one.dropped_frames == 2
    assert everything(one, 100) == [b"0\x001\x002\x00"]


def test_the_backlog_counts_all_that_waits():
    one = link()
    one.queue_data(b"x" * 100)
    one.queue_data(b"y" * 50)
    one.queue_sync(b"z" * 10)
    assert (one.data_bytes, one.backlog_bytes) == (150, 160)
    one.take(10, node_sync)
    assert (one.data_bytes, one.backlog_bytes) == (150, 150)
    one.take(30, node_sync)
    assert (one.data_bytes, one.backlog_bytes) == (50, 120), "a frame under way still waits in part"
    one.take(70, node_sync)
    assert (one.data_bytes, one.backlog_bytes) == (50, 50)
    one.take(1000, node_sync)
    assert (one.data_bytes, one.backlog_bytes) == (0, 0)
    assert one.taken_bytes == 160


# -- timers ----------------------------------------------------------------------------------


def test_the_dialing_side_syncs_at_once_the_other_after_10_s():
    assert link(dialed=True).next_deadline_us() == NOW_US
    assert link(dialed=False).next_deadline_us() == NOW_US + FIRST_SYNC_US


def test_a_sync_request_starts_both_timers():
    one = link()
    one.request_sync(NOW_US)
    assert one.sync_due_us == NOW_US + SYNC_INTERVAL_US
    assert one.answer_due_us == NOW_US + ANSWER_TIMEOUT_US
    assert one.next_deadline_us() == NOW_US + ANSWER_TIMEOUT_US


def test_asking_again_does_not_give_a_silent_neighbour_more_time():
    one = link()
    one.request_sync(NOW_US)
    one.request_sync(NOW_US + 9_000_000)
    assert one.answer_due_us == NOW_US + ANSWER_TIMEOUT_US
    assert one.sync_due_us == NOW_US + 9_000_000 + SYNC_INTERVAL_US


@pytest.mark.parametrize("earliest", ["sync", "answer", "time", "stall"])
def test_the_next_deadline_is_the_earliest_timer(earliest):
    one = link()
    due_us = {"sync": 50, "answer": 60, "time": 70, "stall": 80, earliest: 10}
    one.sync_due_us = due_us["sync"]
    one.answer_due_us = due_us["answer"]
    one.time_sync.due_us = due_us["time"]
    one.stall_due_us = due_us["stall"]
    assert one.next_deadline_us() == 10
