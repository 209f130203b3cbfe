"""Frames from link to link: queues, back-pressure, echoes."""

import pytest

from meshnode.limits import Limits
from meshnode.link import Link
from meshnode.relay import ECHO_US, STALL_US, QueueFull, Relay

NOW_US = 1_000_000
LIMITS = Limits(queue_bytes=1000, broadcast_marks=64)


@pytest.fixture
def relay():
    return Relay(LIMITS)


@pytest.fixture
def links():
    return [Link(name, True, LIMITS, NOW_US) for name in "abc"]


def no_sync(_link, _is_request):
    raise AssertionError("nobody wanted a node sync frame")


def drain(relay, link, size_bytes=1 << 20):
    return relay.take(link, size_bytes, no_sync)


def test_a_frame_goes_to_all_targets_but_its_source(relay, links):
    a, b, c = links
    relay.relay(b, links, b"frame", NOW_US)
    assert relay.pending() == ["a", "c"]
    assert drain(relay, a) == b"frame\0"
    assert drain(relay, c) == b"frame\0"
    assert drain(relay, b) == b""
    assert relay.pending() == []
    assert relay.relayed_frames == 2


def test_pending_keeps_its_order(relay, links):
    for link in (links[2], links[0], links[1], links[2]):
        link.reply_wanted = True
        relay.mark(link)
    assert relay.pending() == ["c", "a", "b"]


def test_a_link_stays_pending_until_it_is_empty(relay, links):
    relay.send(links[:1], b"0123456789\0", NOW_US)
    assert drain(relay, links[0], 4) == b"0123"
    assert relay.pending() == ["a"]
    assert drain(relay, links[0], 7) == b"456789\0"
    assert relay.pending() == []


# -- own frames ------------------------------------------------------------------------------


def test_own_frames_fill_a_queue_up_to_its_limit(relay, links):
    relay.send(links[:1], b"x" * 600, NOW_US)
    relay.send(links[:1], b"x" * 400, NOW_US)
    assert links[0].data_bytes == 1000
    with pytest.raises(QueueFull):
        relay.send(links[:1], b"x", NOW_US)
    assert links[0].data_bytes == 1000


def test_an_empty_queue_takes_a_frame_of_any_size(relay, links):
    relay.send(links[:1], b"x" * 5000, NOW_US)
    assert links[0].data_bytes == 5000


def test_one_full_queue_keeps_an_own_broadcast_from_all(relay, links):
    relay.send(links[2:], b"x" * 900, NOW_US)
    with pytest.raises(QueueFull):
        relay.send(links, b"x" * 101, NOW_US)
    assert [link.data_bytes for link in links] == [0, 0, 900]
    assert relay.pending() == ["c"]
    relay.send(links, b"x" * 100, NOW_US)
    assert [link.data_bytes for link in links] == [100, 100, 1000]


def test_own_frames_are_refused_where_every_queue_drops(relay, links):
    links[0].dropping = True
    with pytest.raises(QueueFull):
        relay.send(links[:1], b"x", NOW_US)
    assert relay.pending() == []


def test_an_own_broadcast_leaves_out_a_jammed_link(relay, links):
    links[0].dropping = True
    assert relay.send(links, b"x", NOW_US) == 2
    assert relay.pending() == ["b", "c"]
    assert (links[0].dropped_frames, relay.dropped_frames) == (1, 1)


def test_own_frames_alone_also_find_a_jam(relay, links):
    a = links[0]
    relay.send([a], b"x" * 1000, NOW_US)
    with pytest.raises(QueueFull):
        relay.send([a], b"x", NOW_US)
    assert a.stall_due_us == NOW_US + STALL_US
    assert relay.handle_stall(a, NOW_US + STALL_US) is True
    assert a.dropping


def test_a_slow_link_that_own_frames_keep_full_is_no_jam(relay, links):
    a = links[0]
    relay.send([a], b"x" * 1000, NOW_US)
    with pytest.raises(QueueFull):
        relay.send([a], b"x", NOW_US)
    drain(relay, a, 100)
    assert relay.handle_stall(a, NOW_US + STALL_US) is False
    assert not a.dropping
    assert a.stall_due_us == NOW_US + 2 * STALL_US


# -- back-pressure ---------------------------------------------------------------------------


def fill(relay, source, target, size_bytes):
    relay.relay(source, (target,), b"x" * (size_bytes - 1), NOW_US)


def test_a_full_queue_pauses_the_link_that_fills_it(relay, links):
    a, b, _ = links
    fill(relay, a, b, 1000)
    assert a.pauses == 0
    fill(relay, a, b, 2)
    assert a.pauses == 1
    assert b.stall_due_us == NOW_US + STALL_US
    fill(relay, a, b, 500)
    assert a.pauses == 1, "once is enough"
    assert b.feeders == [a]


def test_feeders_go_on_when_the_queue_is_half_empty(relay, links):
    a, b, c = links
    for _ in range(5):
        fill(relay, a, b, 250)
    fill(relay, c, b, 250)
    assert (a.pauses, c.pauses) == (1, 1)
    drain(relay, b, 750)
    assert b.data_bytes == 750
    assert (a.pauses, c.pauses) == (1, 1)
    drain(relay, b, 249)
    assert b.data_bytes == 500, "the frame under way has left the queue"
    assert (a.pauses, c.pauses) == (0, 0)
    assert b.feeders == []
    assert b.stall_due_us is None


def test_a_link_paused_by_two_waits_for_both(relay, links):
    a, b, c = links
    relay.relay(a, [b, c], b"x" * 1500, NOW_US)
    assert a.pauses == 2
    drain(relay, b)
    assert a.pauses == 1
    drain(relay, c)
    assert a.pauses == 0


def test_a_jammed_queue_lets_its_feeders_go_and_drops(relay, links):
    a, b, _ = links
    fill(relay, a, b, 1500)
    assert relay.handle_stall(b, NOW_US) is True, "not a byte has left it"
    assert (a.pauses, b.dropping, b.stall_due_us) == (0, True, None)
    fill(relay, a, b, 100)
    assert (b.data_bytes, b.dropped_frames, relay.dropped_frames) == (1500, 1, 1)
    assert a.pauses == 0
    assert relay.relayed_frames == 1


def test_what_left_before_a_queue_filled_does_not_count(relay, links):
    a, b, _ = links
    fill(relay, a, b, 900)
    drain(relay, b, 1)
    fill(relay, a, b, 900)
    fill(relay, a, b, 200)
    assert a.pauses == 1
    assert relay.handle_stall(b, NOW_US) is True


def test_a_queue_that_moved_since_it_filled_is_not_stuck(relay, links):
    a, b, _ = links
    fill(relay, a, b, 900)
    fill(relay, a, b, 900)
    drain(relay, b, 1)
    assert relay.handle_stall(b, NOW_US) is False


def test_a_dropping_queue_takes_frames_again_when_half_empty(relay, links):
    a, b, _ = links
    for _ in range(6):
        fill(relay, a, b, 250)
    relay.handle_stall(b, NOW_US)
    drain(relay, b, 500)
    assert b.dropping
    drain(relay, b, 500)
    assert not b.dropping
    fill(relay, a, b, 100)
    assert b.data_bytes == 600


def test_a_link_that_is_gone_holds_nobody_back(relay, links):
    a, b, _ = links
    fill(relay, a, b, 1500)
    relay.forget(b)
    assert a.pauses == 0
    assert relay.pending() == []


# -- echoes ----------------------------------------------------------------------------------


def test_a_broadcast_that_comes_by_two_links_is_an_echo(relay, links):
    a, b, _ = links
    assert not relay.is_echo(a, b"one", False, NOW_US)
    assert not relay.is_echo(a, b"two", False, NOW_US)
    assert relay.is_echo(b, b"one", False, NOW_US)
    assert relay.is_echo(b, b"two", False, NOW_US + 1000)
    assert not relay.is_echo(b, b"three", False, NOW_US + 1000)


def test_the_same_words_may_be_said_again_and_again(relay, links):
    assert not any(relay.is_echo(links[0], b"ping", False, NOW_US + 1000 * n) for n in range(100))


def test_in_a_known_ring_the_same_link_brings_echoes_too(relay, links):
    """A frame that was on its way when its marks were forgotten comes by the same link each time."""
    assert not relay.is_echo(links[0], b"one", True, NOW_US)
    assert relay.is_echo(links[0], b"one", True, NOW_US + 1000)
    assert relay.is_echo(links[0], b"one", True, NOW_US + 2000)


def test_echoes_are_known_for_2_s_and_forgotten_after_4(relay, links):
    a, b, _ = links
    relay.is_echo(a, b"first", False, NOW_US)
    relay.is_echo(a, b"one", False, NOW_US + ECHO_US - 1)
    assert relay.is_echo(b, b"one", False, NOW_US + 2 * ECHO_US - 2)
    assert not relay.is_echo(b, b"one", False, NOW_US + 4 * ECHO_US)
    assert not relay.is_echo(a, b"last", False, NOW_US + 4 * ECHO_US)
    assert not relay.is_echo(b, b"last", False, NOW_US + 1000 * ECHO_US)


def test_what_is_remembered_of_broadcasts_is_bounded(relay, links):
    a, b, _ = links
    for number in range(10_000):
        assert not relay.is_echo(a, b"%d" % number, False, NOW_US)
    assert len(relay._recent) + len(relay._before) <= 128
    assert relay.is_echo(b, b"9950", False, NOW_US)


def test_echoes_are_forgotten_with_a_link(relay, links):
    a, b, c = links
    relay.is_echo(a, b"one", False, NOW_US)
    relay.forget(c)
    assert not relay.is_echo(b, b"one", False, NOW_US)
