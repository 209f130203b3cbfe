"""Requests as they come from a broker: twice, retained, too many, too large, garbage, while it is away."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshward.bridges.mqtt.control.control import Control
from meshward.bridges.mqtt.control.part import ControlPart
from meshward.bridges.mqtt.control.recent import ANSWERS_BYTES_MAX, REMEMBERED_MAX, Recent
from meshward.bridges.mqtt.control.reception import ANSWERS_MAX, CORRELATION_BYTES_MAX, WAITING_MAX, WORKERS
from meshward.bridges.mqtt.control.requests import PAYLOAD_BYTES_MAX
from meshward.bridges.mqtt.control.signing import Signatures, sign
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.retained import Retained
from meshward.rollout.states import Action
from tests.support.gateway import OPERATOR, add, opened_service, spec
from tests.support.mqtt_control import TOPICS, Broker, connected, control_of

KEY = b"0123456789abcdef"


class Counting:
    """A service that counts what is asked of it, and does nothing."""

    def __init__(self, service):
        self._service = service
        self.acts = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    def __getattr__(self, name):
        return getattr(self._service, name)

    async def act(self, rollout, action, caller, reason=""):
        self.acts.append((rollout, action.value, caller.name, reason))
        await self.go_on.wait()
        if rollout == "broken":
            raise RuntimeError("a secret")

    async def rollout(self, rollout):
        return await self._service.rollout("r1")


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path / "data") as service:
        firmware, _ = await add(service)
        await service.create_rollout(spec(firmware.sha256), OPERATOR)
        yield Counting(service)


@pytest.fixture
async def client(service, tmp_path):
    async with control_of(service, tmp_path) as client:
        yield client


def signed(action, body, **more):
    return sign(KEY, action, {**body, **more})


async def test_the_topics_are_those_of_requests(client):
    assert list(client.part.filters) == ["mesh/ota/request/+", "mesh/ota/command"]


async def test_transaction_and_correlation_are_given_back(client):
    answer = await client.ask("pause", {"rollout": "r1", "transaction": "t-1"}, correlation=b"\x01\xff")
    assert (answer["status"], answer["transaction"]) == ("ok", "t-1")
    assert client.broker.published[0].correlation == b"\x01\xff"
    wrong = await client.ask("pause", {"transaction": "t-2", "what": 1}, correlation=b"2")
    assert (wrong["status"], wrong["transaction"]) == ("error", "t-2")
    assert client.broker.published[1].correlation == b"2"
    assert not any(each.retain for each in client.broker.published)


async def test_the_answer_goes_to_the_topic_that_was_asked_for_as_well(client):
    await client.tell("mesh/ota/request/status", {}, response_topic="mesh/ota/response/ci/7")
    topics = [each.topic for each in await client.broker.wait(2)]
    assert topics == ["mesh/ota/response/status", "mesh/ota/response/ci/7"]


@pytest.mark.parametrize(
    "topic",
    [
        "mesh/ota/response/status",
        "mesh/ota/response",
        "mesh/status/nodes",
        "mesh/ota/request/abort",
        "homeassistant/x",
        "mesh/ota/response/#",
        "mesh/ota/response/+",
        "mesh/ota/response/\0",
        "mesh/ota/response/" + "x" * 500,
        "",
    ],
)
async def test_answers_go_nowhere_else(client, topic):
    await client.ask("status", {}, response_topic=topic)
    assert [each.topic for each in client.broker.published] == ["mesh/ota/response/status"]


async def test_what_lay_at_the_broker_is_refused(client, service):
    code, words = await client.refused("pause", {"rollout": "r1"}, retain=True)
    assert code == "retained"
    assert "without" in words
    assert (await client.refused("command", {"command": "cancel_ota"}, retain=True))[0] == "retained"
    assert not service.acts


async def test_a_message_that_comes_twice_is_done_once_and_answered_twice(client, service):
    first = await client.ask("pause", {"rollout": "r1"})
    again = await client.ask("pause", {"rollout": "r1"}, duplicate=True)
    assert again == first
    assert len(service.acts) == 1


async def test_a_duplicate_that_was_never_seen_is_done(client, service):
    await client.done("pause", {"rollout": "r1"}, duplicate=True)
    assert len(service.acts) == 1


async def test_a_duplicate_of_what_is_worked_on_is_not_done(client, service):
    service.go_on.clear()
    await client.tell("mesh/ota/request/pause", {"rollout": "r1"})
    await client.tell("mesh/ota/request/pause", {"rollout": "r1"}, duplicate=True)
    service.go_on.set()
    await client.broker.wait(1)
    await client.done("status", {})
    assert len(service.acts) == 1


async def test_the_same_transaction_is_done_once(client, service):
    body = {"rollout": "r1", "transaction": "t"}
    assert await client.ask("pause", body) == await client.ask("pause", body)
    assert len(service.acts) == 1
    assert (await client.refused("pause", {"rollout": "r2", "transaction": "t"}))[0] == "conflict"
    await client.done("resume", body)
    assert len(service.acts) == 2


async def test_who_asks_again_while_it_is_worked_on_is_answered_too(client, service):
    service.go_on.clear()
    body = {"rollout": "r1", "transaction": "t"}
    for correlation in (b"1", b"2", b"3"):
        await client.tell("mesh/ota/request/pause", body, correlation=correlation)
    service.go_on.set()
    await client.broker.wait(3)
    assert {each.correlation for each in client.broker.published} == {b"1", b"2", b"3"}
    assert len({each.payload for each in client.broker.published}) == 1
    assert len(service.acts) == 1


async def test_the_same_request_without_a_transaction_is_a_new_one(client, service):
    await client.done("pause", {"rollout": "r1"})
    await client.done("pause", {"rollout": "r1"})
    assert len(service.acts) == 2


async def test_what_failed_can_be_tried_again_with_its_transaction(client):
    body = {"rollout": "broken", "transaction": "t"}
    assert (await client.refused("pause", body))[0] == "internal"
    assert (await client.refused("pause", body))[0] == "internal"


async def test_a_question_is_answered_anew(client, service):
    body = {"transaction": "t"}
    assert len((await client.done("status", body))["rollouts"]) == 1
    await service._service.act("r1", Action.ABORT, OPERATOR)
    assert (await client.done("status", body))["rollouts"] == []


async def test_an_error_of_our_own_is_answered_without_what_it_says(client):
    code, words = await client.refused("pause", {"rollout": "broken"})
    assert code == "internal"
    assert "secret" not in words
    await client.done("status", {})


@pytest.mark.parametrize("action", ["skip", "START", "a" * 99, "\u202e", "unknown", "command"])
async def test_actions_that_there_are_not_are_refused(client, action):
    await client.tell(f"mesh/ota/request/{action}", {})
    (answer,) = await client.broker.wait(1)
    known = action in {"skip", "unknown"}
    assert answer.topic == f"mesh/ota/response/{action if known else 'unknown'}"
    assert json.loads(answer.payload)["code"] == "unknown_action"


@pytest.mark.parametrize(
    "payload",
    [
        b"x" * (PAYLOAD_BYTES_MAX + 1),
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"job":' + b"[" * 60_000,
        b'{"transaction":"' + b"t" * 60_000 + b'"}',
        b'{"rollout":"\\ud800"}',
        b'{"reason":"' + b"r" * 1001 + b'"}',
        b'{"rollout":1e400}',
        b'{"rollout":NaN}',
        b"\0",
    ],
)
@pytest.mark.parametrize("action", ["start", "abort", "command"])
async def test_garbage_is_answered_with_an_error(client, action, payload):
    code, _ = await client.refused(action, payload)
    assert code in {"invalid", "too_large"}
    assert len(client.broker.published[-1].payload) < 2000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    topic=st.sampled_from(["mesh/ota/command", "mesh/ota/request/start", "mesh/ota/request/x"]),
    payload=st.one_of(
        st.binary(max_size=200),
        st.dictionaries(
            st.sampled_from(["job", "image", "spec", "command"]), st.none() | st.text() | st.floats()
        )
        .map(json.dumps)
        .map(str.encode),
    ),
)
async def test_any_bytes_give_an_answer(client, topic, payload):
    before = len(client.broker.published)
    await client.part.on_message(Received(topic, payload))
    assert len(await client.broker.wait(before + 1)) == before + 1


async def test_a_burst_waits_for_its_turn_and_what_is_too_much_is_refused(client, service):
    service.go_on.clear()
    for number in range(WORKERS):
        await client.tell("mesh/ota/request/pause", {"rollout": f"r{number}"})
    async with asyncio.timeout(10):
        while client.waiting:  # noqa: ASYNC110 taken by workers in their own time
            await asyncio.sleep(0)
    for number in range(WAITING_MAX):
        await client.tell("mesh/ota/request/resume", {"rollout": f"r{number}"})
    answer = await client.ask("status", {"transaction": "t"})
    assert (answer["code"], answer["transaction"]) == ("busy", "t")
    service.go_on.set()
    await client.broker.wait(WORKERS + WAITING_MAX + 1)
    assert {each["status"] for each in client.broker.at("mesh/ota/response/resume")} == {"ok"}
    await client.done("status", {})


async def test_what_waits_is_bounded_in_bytes(client, service):
    service.go_on.clear()
    payload = b" " * (PAYLOAD_BYTES_MAX - 100) + b'{"rollout": "r1"}'
    for _ in range(WAITING_MAX):
        await client.tell("mesh/ota/request/pause", payload)
    (answer, *_) = await client.broker.wait(1)
    assert json.loads(answer.payload)["code"] == "busy"


async def test_answers_wait_for_the_broker_and_refusals_push_none_out(service):
    part = ControlPart(Control(service, None), TOPICS, MeshwardProfile(), Retained())
    away = Broker()
    away.lost = True
    async with connected(part, away) as broker:
        await part.on_message(Received("mesh/ota/request/pause", b'{"rollout":"r1","transaction":"real"}'))
        async with asyncio.timeout(10):
            while not len(part._reception._answers):  # noqa: ASYNC110 given by a worker in its own time
                await asyncio.sleep(0)
        for number in range(ANSWERS_MAX + 5):
            await part.on_message(Received("mesh/ota/request/pause", str(number).encode(), retain=True))
        assert not broker.published
    async with connected(part) as broker:
        published = await broker.wait(ANSWERS_MAX // 2)
    assert len(published) == ANSWERS_MAX // 2
    assert json.loads(published[0].payload)["transaction"] == "real"


async def test_a_long_correlation_is_not_given_back(client):
    await client.ask("status", {}, correlation=b"c" * CORRELATION_BYTES_MAX)
    await client.ask("status", {}, correlation=b"c" * (CORRELATION_BYTES_MAX + 1))
    assert [len(each.correlation or b"") for each in client.broker.published] == [CORRELATION_BYTES_MAX, 0]


@pytest.mark.parametrize("retain", [True, False])
async def test_a_refusal_gives_the_transaction_back(client, service, tmp_path, retain):
    answer = await client.ask("pause", {"transaction": "t", "what": 1}, retain=retain)
    assert answer["transaction"] == "t"
    async with control_of(service, tmp_path, signatures=Signatures(KEY, tmp_path / "seen.json")) as other:
        answer = await other.ask("pause", signed("abort", {"transaction": "t"}), retain=retain)
        assert (answer["code"], answer["transaction"]) == ("retained" if retain else "signature", "t")


async def test_what_was_answered_is_remembered_within_limits(client):
    for number in range(REMEMBERED_MAX + 10):
        client.part._recent.begin("pause", f"t{number}", bytes([number % 256]) * 32)
    assert len(client.part._recent._kept) == REMEMBERED_MAX


def test_answers_are_remembered_within_a_size():
    recent = Recent()
    for number in range(40):
        kept = recent.begin("pause", f"t{number}", number.to_bytes(32))
        recent.end(kept, b"x" * 100_000, failed=False)
    held = {id(kept): kept for kept in recent._kept.values()}
    assert 0 < sum(len(kept.payload) for kept in held.values()) <= ANSWERS_BYTES_MAX
    assert recent.of_transaction("pause", "t39", (39).to_bytes(32)) is not None
    assert recent.of_transaction("pause", "t0", bytes(32)) is None
    again = recent.begin("pause", "t39", (39).to_bytes(32))
    recent.forget(again)
    assert recent.again("pause", (39).to_bytes(32)) is None


async def test_answers_to_questions_are_not_kept(client):
    await client.done("status", {"transaction": "t"})
    await client.done("command", {"command": "query_status", "transaction": "t"})
    assert not client.part._recent._kept


async def test_only_signed_requests_are_obeyed_where_there_is_a_key(service, tmp_path):
    signatures = Signatures(KEY, tmp_path / "seen.json")
    async with control_of(service, tmp_path, signatures=signatures) as client:
        assert (await client.refused("pause", {"rollout": "r1"}))[0] == "unsigned"
        assert (await client.refused("status", {}))[0] == "unsigned"
        assert (await client.refused("pause", signed("abort", {"rollout": "r1"})))[0] == "signature"
        assert (await client.refused("command", {"command": "cancel_ota"}))[0] == "unsigned"
        assert not service.acts
        payload = signed("pause", {"rollout": "r1"}, transaction="t")
        answer = await client.ask("pause", payload)
        assert (answer["status"], answer["transaction"]) == ("ok", "t")
        assert (await client.refused("pause", payload))[0] == "replay"
        assert len(service.acts) == 1
        again = await client.ask("pause", payload, duplicate=True)
        assert again == answer
        assert (await client.done("command", signed("command", {"command": "query_status"})))["rollouts"]


async def test_what_one_broker_brought_is_not_obeyed_from_another(service, tmp_path):
    signatures = Signatures(KEY, tmp_path / "seen.json")
    async with (
        control_of(service, tmp_path, signatures=signatures) as one,
        control_of(service, tmp_path, signatures=signatures, control=one.control) as other,
    ):
        payload = signed("pause", {"rollout": "r1"})
        await one.done("pause", payload)
        assert (await other.refused("pause", payload))[0] == "replay"


async def test_a_signed_request_without_a_key_here_is_told(client):
    code, words = await client.refused("pause", signed("pause", {"rollout": "r1"}))
    assert code == "unsigned_here"
    assert "control_key_file" in words


async def test_what_is_given_up_with_the_bridge_can_be_asked_for_again(service, tmp_path):
    service.go_on.clear()
    payload = {"rollout": "r1", "transaction": "t"}
    async with control_of(service, tmp_path) as client:
        await client.tell("mesh/ota/request/pause", payload)
        async with asyncio.timeout(10):
            while not service.acts:  # noqa: ASYNC110 done by a worker in its own time
                await asyncio.sleep(0)
    assert not client.part._recent._kept
    service.go_on.set()
    async with connected(client.part, client.broker):
        await client.done("pause", payload)
    assert len(service.acts) == 2
