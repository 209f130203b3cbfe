"""What waits for a broker: bounded in number and size, and told in the log now and then only."""

import asyncio

import pytest

from meshward.bridges.mqtt.control.outbox import TOLD_EVERY_S, Outbox, Seldom
from meshward.bridges.mqtt.messages import Publication
from meshward.errors import LinkLostError
from tests.support.mqtt_control import Broker


def publication(number, size_bytes=0):
    return Publication("t", str(number).encode() + b"x" * size_bytes)


async def sent(outbox):
    """All that waits, as a broker gets it."""
    broker = Broker()
    count = len(outbox)
    sending = asyncio.create_task(outbox.send(broker))
    published = list(await broker.wait(count))
    sending.cancel()
    assert not len(outbox)
    return [int(each.payload.strip(b"x")) for each in published]


async def test_the_oldest_are_left_out_for_an_answer():
    outbox = Outbox("answers", 10, 1_000_000)
    for number in range(13):
        outbox.put(publication(number))
    assert outbox.left_out == 3
    assert await sent(outbox) == list(range(3, 13))


async def test_a_refusal_is_left_out_itself():
    outbox = Outbox("answers", 10, 1_000_000)
    for number in range(20):
        outbox.offer(publication(number))
    outbox.put(publication(99))
    assert outbox.left_out == 15
    assert await sent(outbox) == [0, 1, 2, 3, 4, 99]


async def test_what_waits_is_bounded_in_bytes():
    outbox = Outbox("answers", 1000, 10_000)
    for number in range(20):
        outbox.put(publication(number, 1000))
    assert await sent(outbox) == list(range(11, 20))
    outbox.put(publication(7, 20_000))
    assert not len(outbox)
    for _ in range(20):
        outbox.put(Publication("t", b"1", correlation=b"c" * 1000))
    assert len(outbox) == 9


async def test_what_could_not_be_sent_waits_for_the_next_connection():
    outbox = Outbox("answers", 10, 1_000_000)
    outbox.put(publication(1))
    broker = Broker()
    broker.lost = True
    with pytest.raises(LinkLostError):
        await outbox.send(broker)
    assert await sent(outbox) == [1]


def test_a_line_in_the_log_comes_once_a_minute_with_the_count():
    now_s = [0.0]
    seldom = Seldom(now_s=lambda: now_s[0])
    assert [seldom.count() for _ in range(5)] == [1, 0, 0, 0, 0]
    now_s[0] = TOLD_EVERY_S
    assert seldom.count() == 5
