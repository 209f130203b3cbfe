"""Two gateways below one prefix learn of each other, whoever came first, and notice when one is gone."""

import asyncio

import pytest

from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.rivals import Rivals
from tests.support.mqtt_bridges import OWN_ID, TOPICS, info, until

INFO = TOPICS.bridge("info")


class Gateway:
    def __init__(self, own_id=OWN_ID, **times):
        self.retained = Retained()
        self.retained.put(INFO, info(own_id))
        self.retained.put(TOPICS.node(1), b"one")
        self.told = []
        self.rivals = Rivals(TOPICS, self.retained, lambda: self.told.append(self.rivals.text), **times)
        self.sent()

    def sent(self):
        """Topics that the broker got since this was asked last."""
        topics = []
        while (publication := self.retained.take()) is not None:
            topics.append(publication.topic)
        return topics


@pytest.mark.parametrize(
    "payload",
    [
        info(OWN_ID),
        b"",
        b"garbage",
        b'{"gateway":"\xff"}',
        b'{"gateway":0}',
        b'{"gateway":555}' + b" " * 20_000,
    ],
)
async def test_nobody_else_is_seen_in_our_own_words_and_in_garbage(payload):
    gateway = Gateway()
    gateway.rivals.hear(Received(INFO, payload))
    assert (gateway.rivals.text, gateway.told, gateway.sent()) == ("", [], [])


async def test_another_is_told_once_and_answered_once():
    gateway = Gateway()
    for other in (555, 555, 666):
        gateway.rivals.hear(Received(INFO, info(other)))
    assert gateway.told == ["another gateway (555) publishes below mesh: give each mesh its own mqtt.prefix"]
    assert gateway.sent() == [INFO]


async def test_who_does_not_know_who_it_is_sees_nobody():
    gateway = Gateway()
    gateway.retained.drop(INFO)
    gateway.rivals.hear(Received(INFO, info(555)))
    assert gateway.told == []


async def test_we_tell_that_we_are_there_until_nothing_is_heard_of_the_other():
    gateway = Gateway(tell_s=0.01, gone_s=0.2)
    watching = asyncio.create_task(gateway.rivals.watch())
    try:
        await asyncio.wait_for(gateway.rivals.alone(), 1)
        gateway.rivals.meet(555)
        assert gateway.sent() == [INFO]
        await until(lambda: gateway.retained.waiting)
        assert gateway.sent() == [INFO, TOPICS.node(1)]  # what the other cleared is back
        alone = asyncio.create_task(gateway.rivals.alone())
        await until(lambda: gateway.sent() == [INFO])
        assert not alone.done()
        await asyncio.wait_for(alone, 10)
        assert (len(gateway.told), gateway.told[-1]) == (2, "")
        gateway.sent()
        await asyncio.sleep(0.05)
        assert gateway.sent() == []
        gateway.rivals.meet(666)
        assert "666" in gateway.told[-1]
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_known_other_that_comes_anew_is_answered_but_not_its_answers():
    gateway = Gateway(answer_s=0.1)
    gateway.rivals.meet(555)
    assert gateway.sent() == [INFO]
    gateway.rivals.meet(555)  # its answer to what we told
    assert gateway.sent() == []
    await asyncio.sleep(0.12)
    gateway.rivals.meet(555)
    assert gateway.sent() == [INFO]
    gateway.rivals.meet(555)
    assert gateway.sent() == []


async def test_who_comes_back_right_after_we_told_is_answered_all_the_same_once():
    gateway = Gateway(answer_s=60.0)
    gateway.rivals.meet(555)
    gateway.sent()
    gateway.rivals.note_offline()
    gateway.rivals.meet(555)
    assert gateway.sent() == [INFO]
    gateway.rivals.meet(555)
    assert gateway.sent() == []


async def test_two_that_answer_each_other_fall_silent():
    one, other = Gateway(1), Gateway(2)
    one.rivals.meet(2)
    messages = 0
    while (told := [(to, who) for to, who in ((other, one), (one, other)) if who.sent()]) and messages < 10:
        for to, who in told:
            messages += 1
            to.rivals.hear(Received(INFO, info(who.rivals.own_id)))
    assert messages <= 3


async def test_everything_is_sent_again_once_after_the_other_came_back_and_when_it_is_gone():
    everything = [INFO, TOPICS.node(1)]
    gateway = Gateway(tell_s=0.01, gone_s=0.2)
    watching = asyncio.create_task(gateway.rivals.watch())
    try:
        gateway.rivals.meet(555)
        await until(lambda: gateway.sent() == everything)
        await until(lambda: gateway.sent() == [INFO])
        gateway.rivals.note_offline()
        gateway.rivals.meet(555)
        await until(lambda: gateway.sent() == everything)
        assert gateway.rivals.text
        for _ in range(5):
            gateway.rivals.meet(555)
            await until(lambda: gateway.retained.waiting)
            assert gateway.sent() == [INFO]
        await asyncio.wait_for(gateway.rivals.alone(), 10)
        assert sorted(gateway.sent()) == sorted(everything)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
