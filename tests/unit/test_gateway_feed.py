"""Snapshot and numbered deltas."""

import asyncio

import msgspec
import pytest

from meshward.gateway import feed as feeds
from meshward.gateway.feed import Feed


@pytest.fixture
def feed():
    return Feed("e1", lambda: {"nodes": []})


def change(number, size=0):
    return [{"kind": "node", "id": number, "value": "x" * size}]


def ids(deltas):
    return [msgspec.json.decode(delta)["changes"][0]["id"] for delta in deltas]


def test_deltas_are_numbered_and_nothing_is_told_of_nothing(feed):
    feed.publish([])
    assert (feed.number, feed.after(0)) == (0, [])
    feed.publish(change(1))
    feed.publish(change(2))
    assert [msgspec.json.decode(delta)["n"] for delta in feed.after(0)] == [1, 2]
    assert ids(feed.after(1)) == [2]
    assert feed.after(2) == []


def test_numbers_that_never_were_or_are_gone_need_a_snapshot(feed, monkeypatch):
    monkeypatch.setattr(feeds, "RING_DELTAS", 3)
    for number in range(1, 6):
        feed.publish(change(number))
    assert feed.after(-1) is None
    assert feed.after(1) is None
    assert ids(feed.after(2)) == [3, 4, 5]
    assert feed.after(6) is None
    number, snapshot = feed.snapshot()
    assert number == 5
    assert msgspec.json.decode(snapshot) == {"type": "snapshot", "epoch": "e1", "n": 5, "nodes": []}


def test_the_ring_is_bounded_in_bytes_also_for_one_delta_that_is_larger(feed, monkeypatch):
    monkeypatch.setattr(feeds, "RING_BYTES", 1000)
    for number in range(1, 101):
        feed.publish(change(number, 100))
        assert sum(map(len, feed._ring)) == feed._ring_bytes <= 1000
    feed.publish(change(101, 5000))
    assert feed._ring_bytes == 0
    assert feed.after(100) is None
    assert feed.after(101) == []
    feed.publish(change(102))
    assert ids(feed.after(101)) == [102]


def test_a_snapshot_is_made_once_for_each_number():
    made = []
    feed = Feed("e1", lambda: {"made": made.append(1) or len(made)})
    assert feed.snapshot() is feed.snapshot()
    feed.publish(change(1))
    feed.snapshot()
    assert len(made) == 2


async def test_readers_wait_for_news(feed):
    waiting = [asyncio.create_task(feed.wait(0)) for _ in range(3)]
    ahead = asyncio.create_task(feed.wait(1))
    await asyncio.sleep(0)
    feed.publish(change(1))
    await asyncio.gather(*waiting)
    await asyncio.sleep(0)
    assert not ahead.done()
    feed.publish(change(2))
    await ahead
