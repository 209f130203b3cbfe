"""Texts of nodes to the broker, and texts and commands from there into the mesh."""

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import count

import pytest

from meshward.bridges.mqtt.control.allowance import Allowance
from meshward.bridges.mqtt.control.reception import ANSWERS_MAX
from meshward.bridges.mqtt.control.reception import WAITING_MAX as REQUESTS_MAX
from meshward.bridges.mqtt.control.requests import PAYLOAD_BYTES_MAX
from meshward.bridges.mqtt.control.signing import Signatures, sign
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.texts_part import (
    BURST,
    RATE_PER_S,
    SENDING_BURST,
    TEXT_CHARACTERS_MAX,
    WAITING_BYTES_MAX,
    WAITING_MAX,
    TextsPart,
)
from meshward.errors import NotPossibleError
from meshward.records import Message
from meshward.streams import Fanout
from tests.support.mqtt_control import TOPICS, Broker, connected

KEY = b"0123456789abcdef"


class Mesh:
    """What the part asks of a service."""

    def __init__(self):
        self.texts = Fanout()
        self.sent = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    def messages(self):
        return self.texts.open()

    async def send_message(self, node_id, text, caller):
        await self._send(("message", node_id, text, caller.name))

    async def send_command(self, node_id, command, parameters, caller):
        await self._send(("command", node_id, command, parameters, caller.name))

    async def _send(self, what):
        await self.go_on.wait()
        if what[1] == 99:
            raise NotPossibleError("node 99 is offline")
        if what[1] == 98:
            raise RuntimeError("a secret")
        self.sent.append(what)


class Kit:
    def __init__(self, mesh, part, broker):
        self.mesh, self.part, self.broker = mesh, part, broker

    def say(self, text, node=10, *, broadcast=False):
        self.mesh.texts.put(Message(node, text, broadcast))

    async def tell(self, topic, payload, **more):
        if not isinstance(payload, bytes):
            payload = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        await self.part.on_message(Received(topic, payload, **more))

    async def answer(self, topic, payload, **more):
        """What came of something that was sent."""
        before = len(self.broker.published)
        await self.tell(topic, payload, **more)
        publication = (await self.broker.wait(before + 1))[before]
        assert publication.topic == topic.removesuffix("send") + "response"
        return json.loads(publication.payload)

    async def answer_of(self, status, count):
        """Until so many answers have a status."""
        async with asyncio.timeout(10):
            while sum(f'"{status}"'.encode() in each.payload for each in self.broker.published) < count:
                await self.broker.wait(len(self.broker.published) + 1)


@asynccontextmanager
async def texts(from_nodes=True, to_nodes=True, commands=True, **options):
    mesh = Mesh()
    part = TextsPart(
        mesh,
        TOPICS,
        MeshwardProfile(),
        from_nodes=from_nodes,
        to_nodes=to_nodes,
        commands=commands,
        **options,
    )
    async with connected(part) as broker:
        await asyncio.sleep(0)  # the part opens its stream
        yield Kit(mesh, part, broker)


@pytest.fixture
async def kit():
    async with texts() as kit:
        yield kit


@pytest.mark.parametrize(
    ("allowed", "filters"),
    [
        ({"commands": False}, ["mesh/message/+/send"]),
        ({"from_nodes": False, "to_nodes": False}, ["mesh/command/+/send"]),
        ({"to_nodes": False, "commands": False}, []),
        ({}, ["mesh/message/+/send", "mesh/command/+/send"]),
    ],
)
async def test_only_what_is_allowed_is_subscribed_to(allowed, filters):
    async with texts(**allowed) as kit:
        assert list(kit.part.filters) == filters


async def test_texts_of_nodes_go_to_their_topics_in_order(kit):
    kit.say("warm\x1b[2J")
    kit.say("\U0001f600", 11, broadcast=True)
    told = [(each.topic, json.loads(each.payload), each.retain) for each in await kit.broker.wait(2)]
    assert told == [
        ("mesh/message/10", {"node": 10, "text": "warm\x1b[2J", "broadcast": False}, False),
        ("mesh/message/11", {"node": 11, "text": "\U0001f600", "broadcast": True}, False),
    ]


async def test_a_long_text_is_cut_and_half_a_character_replaced(kit):
    kit.say("x" * 100_000)
    kit.say("a\ud800b")
    first, second = (json.loads(each.payload) for each in await kit.broker.wait(2))
    assert (len(first["text"]), first["cut"]) == (TEXT_CHARACTERS_MAX, True)
    assert second == {"node": 10, "text": "a?b", "broadcast": False}


async def test_texts_wait_for_the_broker_and_the_oldest_are_left_out():
    mesh = Mesh()
    slow = Allowance(RATE_PER_S, BURST, count().__next__)  # a second between two looks
    part = TextsPart(
        mesh, TOPICS, MeshwardProfile(), from_nodes=True, to_nodes=True, commands=False, allowance=slow
    )
    away = Broker()
    away.lost = True
    async with connected(part, away):
        await asyncio.sleep(0)
        for number in range(WAITING_MAX + 7):
            mesh.texts.put(Message(10, str(number), broadcast=False))
        async with asyncio.timeout(5):
            while part.dropped < 7:  # noqa: ASYNC110 read in the part's own time
                await asyncio.sleep(0)
    async with connected(part) as broker:
        published = await broker.wait(WAITING_MAX)
    assert json.loads(published[0].payload)["text"] == "7"
    assert len(published) == WAITING_MAX


def test_a_node_that_never_stops_talking_is_slowed_down():
    now_s = [0.0]
    allowance = Allowance(RATE_PER_S, BURST, lambda: now_s[0])
    passed = 0
    for _ in range(10_000):
        now_s[0] += 0.001
        passed += allowance.take()
    assert BURST + 9 * RATE_PER_S <= passed <= BURST + 10 * RATE_PER_S + 1


async def test_a_text_goes_to_one_node_or_to_all(kit):
    assert (await kit.answer("mesh/message/10/send", "größer"))["status"] == "ok"
    await kit.answer("mesh/message/all/send", '{"not": "looked at"}')
    await kit.answer("mesh/message/4294967295/send", b"")
    assert kit.mesh.sent == [
        ("message", 10, "größer", "mqtt"),
        ("message", None, '{"not": "looked at"}', "mqtt"),
        ("message", 4294967295, "", "mqtt"),
    ]


async def test_a_command_goes_to_one_node_or_to_all(kit):
    body = {"command": 10, "parameters": {"state": True}, "transaction": "t"}
    answer = await kit.answer("mesh/command/10/send", body, correlation=b"c")
    assert (answer["status"], answer["transaction"]) == ("ok", "t")
    assert kit.broker.published[0].correlation == b"c"
    await kit.answer("mesh/command/all/send", {"command": 1})
    assert kit.mesh.sent == [("command", 10, 10, {"state": True}, "mqtt"), ("command", None, 1, {}, "mqtt")]


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("mesh/message/99/send", "x", "not_possible"),
        ("mesh/message/98/send", "x", "internal"),
        ("mesh/message/0/send", "x", "invalid"),
        ("mesh/message/4294967296/send", "x", "invalid"),
        ("mesh/message/roof/send", "x", "invalid"),
        ("mesh/message/\u0661/send", "x", "invalid"),
        ("mesh/message/10/send", b"\xff", "invalid"),
        ("mesh/message/10/send", b"x" * (PAYLOAD_BYTES_MAX + 1), "too_large"),
        ("mesh/command/10/send", "restart", "invalid"),
        ("mesh/command/10/send", {"command": 256}, "invalid"),
        ("mesh/command/10/send", {"command": 1, "target": 5}, "invalid"),
        ("mesh/command/10/send", {}, "invalid"),
        ("mesh/command/10/send", b'{"command":1,"parameters":' + b'{"a":' * 9000, "invalid"),
    ],
)
async def test_what_cannot_be_sent_is_answered_with_an_error(kit, topic, payload, code):
    answer = await kit.answer(topic, payload)
    assert (answer["status"], answer["code"]) == ("error", code)
    assert "secret" not in answer["error"]
    assert not kit.mesh.sent


async def test_what_lay_at_the_broker_is_refused(kit):
    assert (await kit.answer("mesh/message/10/send", "x", retain=True))["code"] == "retained"
    assert not kit.mesh.sent


async def test_a_place_that_is_far_too_long_is_not_answered(kit):
    await kit.tell(f"mesh/message/{'x' * 60_000}/send", "x")
    await kit.answer("mesh/message/10/send", "x")
    assert len(kit.broker.published) == 1


async def test_a_duplicate_is_sent_once(kit):
    await kit.answer("mesh/message/10/send", "x", duplicate=True)
    await kit.tell("mesh/message/10/send", "x", duplicate=True)
    await kit.answer("mesh/message/10/send", "x")
    assert len(kit.mesh.sent) == 2


async def test_a_burst_waits_for_its_turn_and_what_is_too_much_is_refused():
    async with texts(sending=Allowance(1, 1000)) as kit:
        kit.mesh.go_on.clear()
        for _ in range(2 * REQUESTS_MAX):
            await kit.tell("mesh/message/10/send", "x")
        (refused, *_) = await kit.broker.wait(1)
        assert json.loads(refused.payload)["code"] == "busy"
        kit.mesh.go_on.set()
        await kit.answer_of("ok", REQUESTS_MAX)
        assert len(kit.mesh.sent) >= REQUESTS_MAX


async def test_a_few_a_second_are_sent_over_a_while():
    now_s = [0.0]
    async with texts(sending=Allowance(2.0, SENDING_BURST, lambda: now_s[0])) as kit:
        for _ in range(int(SENDING_BURST)):
            assert (await kit.answer("mesh/command/10/send", {"command": 1}))["status"] == "ok"
        for _ in range(3):
            answer = await kit.answer("mesh/command/10/send", {"command": 1, "transaction": "t"})
            assert (answer["code"], answer["transaction"]) == ("busy", "t")
        now_s[0] += 0.5
        assert (await kit.answer("mesh/command/10/send", b"{"))["code"] == "invalid"  # takes none of it
        assert (await kit.answer("mesh/message/10/send", "x"))["status"] == "ok"
        assert (await kit.answer("mesh/message/10/send", "x"))["code"] == "busy"
        assert len(kit.mesh.sent) == SENDING_BURST + 1


async def test_refusals_push_no_text_of_a_node_out():
    mesh = Mesh()
    part = TextsPart(mesh, TOPICS, MeshwardProfile(), from_nodes=True, to_nodes=True, commands=True)
    away = Broker()
    away.lost = True
    async with connected(part, away):
        await asyncio.sleep(0)
        mesh.texts.put(Message(10, "alarm", broadcast=False))
        async with asyncio.timeout(5):
            while not len(part._texts):  # noqa: ASYNC110 read in the part's own time
                await asyncio.sleep(0)
        for _ in range(2 * WAITING_MAX):
            await part.on_message(
                Received("mesh/message/10/send", b"x", retain=True, correlation=b"c" * 65_000)
            )
    async with connected(part) as broker:
        published = await broker.wait(1 + ANSWERS_MAX // 2)
    assert part.dropped == 0
    assert broker.at("mesh/message/10")[0]["text"] == "alarm"
    assert not any(each.correlation for each in published)


async def test_texts_of_nodes_wait_within_a_size():
    mesh = Mesh()
    free = Allowance(1, WAITING_MAX)
    part = TextsPart(
        mesh, TOPICS, MeshwardProfile(), from_nodes=True, to_nodes=False, commands=False, allowance=free
    )
    working = asyncio.create_task(part.work())
    await asyncio.sleep(0)
    for _ in range(WAITING_MAX):
        mesh.texts.put(Message(10, "\x1b" * TEXT_CHARACTERS_MAX, broadcast=False))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not part.dropped:  # noqa: ASYNC110 read in the part's own time
            await asyncio.sleep(0)
    assert 0 < len(part._texts) * TEXT_CHARACTERS_MAX * 6 <= WAITING_BYTES_MAX
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_where_there_is_a_key_texts_and_commands_have_to_be_signed(tmp_path):
    async with texts(signatures=Signatures(KEY, tmp_path / "seen.json")) as kit:
        assert (await kit.answer("mesh/message/10/send", "x"))["code"] == "unsigned"
        assert (await kit.answer("mesh/command/10/send", {"command": 1}))["code"] == "unsigned"
        text = sign(KEY, "message/10", {"text": "x"})
        assert (await kit.answer("mesh/message/11/send", text))["code"] == "signature"
        assert (await kit.answer("mesh/command/10/send", text))["code"] == "signature"
        assert (await kit.answer("mesh/message/10/send", text))["status"] == "ok"
        assert (await kit.answer("mesh/message/10/send", text))["code"] == "replay"
        answer = await kit.answer("mesh/command/all/send", sign(KEY, "command/all", {"command": 1}))
        assert answer["status"] == "ok"
        assert kit.mesh.sent == [("message", 10, "x", "mqtt"), ("command", None, 1, {}, "mqtt")]
