import asyncio
import gc

import pytest

from meshward.streams import Fanout


async def test_every_open_stream_gets_every_item_in_order():
    fanout = Fanout()
    fanout.put("before anyone listens")
    first, second = fanout.open(), fanout.open()
    fanout.put(1)
    fanout.put(2)
    fanout.close()
    assert [item async for item in first] == [1, 2]
    assert [item async for item in second] == [1, 2]


async def test_a_slow_reader_loses_the_oldest_and_can_tell_how_many():
    fanout = Fanout()
    stream = fanout.open(limit=3)
    for item in range(10):
        fanout.put(item)
    fanout.close()
    assert [item async for item in stream] == [7, 8, 9]
    assert stream.dropped == 7


async def test_a_waiting_reader_wakes_for_an_item_and_for_the_end():
    fanout = Fanout()
    stream = fanout.open()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    fanout.put("item")
    assert await waiting == "item"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    fanout.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_stream_may_want_only_some_items():
    fanout = Fanout()
    stream = fanout.open(wanted=lambda item: item % 2 == 0)
    for item in range(5):
        fanout.put(item)
    fanout.close()
    assert [item async for item in stream] == [0, 2, 4]


async def test_streams_after_the_end_are_empty():
    fanout = Fanout()
    fanout.close()
    assert [item async for item in fanout.open()] == []


async def test_a_stream_nobody_holds_is_forgotten():
    fanout = Fanout()
    fanout.open()
    gc.collect()
    assert len(fanout._streams) == 0
