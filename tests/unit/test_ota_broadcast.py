"""One sweep to all: never more on the way than was allowed."""

from meshward.ota.broadcast import FENCE_TRIES, SENTINELS_MAX, BroadcastSweep
from meshward.ota.commands import Fence
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts

OFFER = Offer("0" * 32, "ESP32", "sensor")
PARTS = Parts(bytes(100_000), 1024)
BACKLOG = 8192
HOPS = 3


def sweep(candidates=(1, 2, 3, 4, 5, 6), **options):
    return BroadcastSweep(
        OFFER, PARTS, 0xFFFF0001, candidates, 0, backlog_bytes=BACKLOG, hops=HOPS, **options
    )


def split(commands):
    parts = [c.package["partNo"] for c in commands if not isinstance(c, Fence)]
    return parts, [c.node_id for c in commands if isinstance(c, Fence)]


def finish(one, now_us=1000, room=10**9):
    """Answer every fence a moment later; all parts in order and the most that was ever on the way."""
    sent, most = [], 0
    while not one.done:
        parts, fences = split(one.commands(room, now_us))
        sent += parts
        most = max(most, one.sent_bytes - one.passed_bytes)
        assert parts or fences or one.done, "it stands still"
        now_us += 1000
        for node_id in fences:
            one.on_fence(node_id, now_us, 1000)
    return sent, most


def test_every_part_goes_out_once_and_never_more_is_on_the_way_than_allowed():
    sent, most = finish(sweep(announced_bytes=2000))
    assert sent == list(range(len(PARTS)))
    assert most <= BACKLOG + HOPS * PARTS.frame_bytes()


def test_it_can_begin_in_the_middle():
    assert finish(sweep(first=90))[0] == list(range(90, len(PARTS)))


def test_it_waits_for_the_slowest_sentinel():
    one = sweep()
    for now_us in range(0, 1_000_000, 10_000):
        for node_id in split(one.commands(10**9, now_us))[1]:
            if node_id != 3:
                one.on_fence(node_id, now_us + 1, 1)
    assert one.passed_bytes == 0
    assert one.sent_bytes <= BACKLOG + HOPS * PARTS.frame_bytes()


def test_an_answer_to_an_earlier_question_does_not_count():
    one = sweep(announced_bytes=500)
    one.commands(10**9, 1_000_000)
    one.on_fence(1, 1_010_000, 700_000)
    assert one._sentinels[1].passed_bytes == 0
    one.on_fence(1, 1_020_000, 20_000)
    assert one._sentinels[1].passed_bytes > 0


def test_a_lost_measurement_is_repeated_and_lets_nothing_more_out():
    one = sweep(announced_bytes=500)
    one.commands(10**9, 0)
    before = one.sent_bytes
    now_us = one.next_deadline_us()
    one.handle_deadline(now_us)
    parts, fences = split(one.commands(10**9, now_us))
    assert not parts
    assert sorted(fences) == [1, 2, 3, 4]
    assert one.lost_fences == 4
    assert one.sent_bytes == before


def test_a_sentinel_that_stays_silent_or_leaves_is_replaced():
    one = sweep(announced_bytes=500)
    one.forget(2)
    assert set(one._sentinels) == {1, 3, 4, 5}
    one.commands(10**9, 0)
    for _ in range(4 * FENCE_TRIES):
        if 1 not in one._sentinels:
            break
        now_us = one.next_deadline_us()
        for node_id in (3, 4, 5):
            one.on_fence(node_id, now_us, 1)
        one.handle_deadline(now_us)
        one.commands(0, now_us)
    assert set(one._sentinels) == {3, 4, 5, 6}
    assert len(one._sentinels) == SENTINELS_MAX
    assert one.lost_fences == FENCE_TRIES


def test_with_nobody_left_to_listen_it_is_over():
    one = sweep((1, 2))
    one.commands(10**9, 0)
    one.forget(1)
    one.forget(2)
    assert one.commands(10**9, 5) == []
    assert one.done


def test_a_node_that_returns_may_be_measured_again():
    one = sweep((1,))
    one.remember(2)
    one.forget(1)
    assert set(one._sentinels) == {2}
    one.commands(10**9, 0)
    assert not one.done
