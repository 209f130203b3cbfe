"""Updates commanded over MQTT: what becomes of requests in the gateway's real service."""

import asyncio
import hashlib
import json

import pytest

from meshward.bridges.mqtt.control.reception import WORKERS
from meshward.rollout.spec import DEFAULT_WAVES
from tests.support.gateway import APP, APP_8266, OPERATOR, add, opened_service, see, spec
from tests.support.image_server import image_server
from tests.support.mqtt_control import control_of

SHA256 = hashlib.sha256(APP).hexdigest()
MD5 = hashlib.md5(APP).hexdigest()
START = {"job": "ci-1", "image": SHA256, "role": "sensor"}


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path / "data") as service:
        await add(service)
        yield service


@pytest.fixture
async def client(service, tmp_path):
    async with control_of(service, tmp_path) as client:
        yield client


@pytest.fixture
async def server():
    async with image_server() as server:
        yield server


async def rollouts(service):
    return (await service.rollouts()).items


async def test_start_begins_a_rollout_of_everybody(service, client):
    data = await client.done("start", {**START, "nodes": [10, 11], "exclude": [12], "tags": ["roof"]})
    assert (data["new"], data["job"], data["state"]) == (True, "ci-1", "scheduled")
    view = await service.rollout(data["rollout"])
    assert view.created_by == "mqtt"
    assert view.spec.images == (SHA256,)
    assert view.spec.target.roles == ("sensor",)
    assert (view.spec.target.nodes, view.spec.target.exclude) == ((10, 11), (12,))
    assert view.spec.target.tags == ("roof",)
    assert [wave.name for wave in view.spec.waves] == ["everyone"]
    assert (view.spec.waves[0].soak_s, view.spec.job, view.name) == (0.0, "ci-1", "ci-1")


async def test_the_audit_log_names_mqtt(service, client):
    await client.done("start", START)
    newest = (await service.audit()).items[0]
    assert (newest.actor, newest.action) == ("mqtt", "rollout.create")


async def test_staged_goes_in_waves_and_may_wait_for_approval(service, client):
    data = await client.done("start", {**START, "waves": "staged", "approval": True, "name": "night"})
    view = await service.rollout(data["rollout"])
    assert view.spec.waves == DEFAULT_WAVES
    assert (view.state, view.name) == ("awaiting_approval", "night")
    assert (await client.done("approve", {"job": "ci-1"}))["state"] == "scheduled"


async def test_the_first_digits_of_a_hash_are_enough(service, client):
    data = await client.done("start", {**START, "image": SHA256[:8].upper()})
    assert data["images"] == [SHA256]


async def test_the_same_job_again_is_the_same_rollout(service, client):
    first = await client.done("start", START)
    second = await client.done("start", {**START, "image": SHA256[:6], "transaction": "t2"})
    assert (second["new"], second["rollout"]) == (False, first["rollout"])
    assert len(await rollouts(service)) == 1


async def test_a_job_that_is_being_started_does_not_wait_and_holds_nothing_up(service, server, tmp_path):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def answer(writer):
        reached.set()
        await go_on.wait()
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(APP_8266)}\r\n\r\n".encode() + APP_8266)

    image = {"url": server.serve("/lamp.bin", answer), "sha256": hashlib.sha256(APP_8266).hexdigest()}
    start = {**START, "image": image}
    async with (
        control_of(service, tmp_path, [server.host]) as one,
        control_of(service, tmp_path, control=one.control) as other,
    ):
        await one.tell("mesh/ota/request/start", start)
        await reached.wait()
        for each in (one, other):
            for number in range(2 * WORKERS):
                code, words = await each.refused("start", {**start, "transaction": f"t{number}"})
                assert (code, "status" in words) == ("busy", True)
            assert (await each.done("status", {"job": "ci-1"}))["state"] == "fetching"
            assert (await each.refused("abort", {"rollout": "r99"}))[0] == "unknown"
        before = len(one.broker.published)
        go_on.set()
        first = json.loads((await one.broker.wait(before + 1))[before].payload)["data"]
        again = await other.done("start", start)
    assert (first["new"], again["new"], again["rollout"]) == (True, False, first["rollout"])
    assert server.asked == ["/lamp.bin"]
    assert len(await rollouts(service)) == 1


async def test_the_same_job_after_a_restart_is_the_same_rollout(tmp_path, server):
    whole = {
        "job": "ci-2",
        "spec": {
            "name": "n",
            "images": [SHA256[:9]],
            "target": {"roles": ["sensor"]},
            "rollback_to": [SHA256[:7]],
        },
    }
    ids = []
    for _ in range(2):
        async with opened_service(tmp_path / "data") as service:
            await add(service)
            async with control_of(service, tmp_path) as client:
                ids.append([(await client.done("start", each))["rollout"] for each in (START, whole)])
    assert ids[0] == ids[1]


async def test_another_request_under_the_same_job_is_refused(service, client):
    first = await client.done("start", START)
    for other in ({"role": "relay"}, {"waves": "staged"}, {"nodes": [10]}, {"approval": True}):
        code, words = await client.refused("start", {**START, **other})
        assert code == "conflict"
        assert first["rollout"] in words
    assert len(await rollouts(service)) == 1


async def test_a_job_of_the_api_is_known(service, client):
    made = await service.create_rollout(spec(SHA256, job="ci-1"), OPERATOR)
    assert (await client.refused("start", START))[0] == "conflict"
    assert (await client.done("status", {"job": "ci-1"}))["rollout"] == made.id


async def test_a_whole_spec_is_taken(service, client):
    body = {
        "job": "ci-3",
        "image": SHA256[:8],
        "spec": {
            "name": "whole",
            "images": [],
            "target": {"roles": ["sensor", "relay"]},
            "waves": [{"name": "one", "size": "1", "soak_s": 5}, {"name": "rest"}],
            "failure_budget": "2",
        },
    }
    data = await client.done("start", body)
    assert (data["waves"], data["roles"]) == (["one", "rest"], ["sensor", "relay"])
    assert (await client.done("start", body))["new"] is False


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"job": ""}, "invalid", "job is missing"),
        ({"job": "a b"}, "refused", "job"),
        ({"job": "x" * 101}, "refused", "job"),
        ({"role": ""}, "invalid", "role is missing"),
        ({"image": None}, "invalid", "image is missing"),
        ({"image": "xyz"}, "invalid", "SHA-256"),
        ({"image": "0" * 64}, "unknown", "firmware"),
        ({"image": "6QYCAA" * 100}, "inline_image", "never sent through the broker"),
        ({"image": 7}, "invalid", "$.image"),
        ({"data": "6QYC"}, "inline_image", "never sent through the broker"),
        ({"firmware": "6QYC"}, "inline_image", "url"),
        ({"imgae": "x"}, "invalid", "imgae"),
        ({"imgae": "x"}, "invalid", "transaction, at, job, image"),
        ({"nodes": ["10"]}, "invalid", "$.nodes[0]"),
        ({"nodes": [-1]}, "refused", "nodes"),
        ({"nodes": list(range(1, 1100))}, "invalid", "1000"),
        ({"waves": "all"}, "invalid", "all"),
        ({"transaction": "a b"}, "invalid", "transaction"),
        ({"spec": {}}, "invalid", "name"),
        ({"image": {"url": "http://127.0.0.1:1/a"}}, "invalid", "sha256"),
        (
            {"image": {"url": "http://127.0.0.1:1/a", "sha256": "0" * 63}},
            "invalid",
            "image.sha256: must be a hash of 64 hexadecimal digits",
        ),
        ({"image": {"url": "http://127.0.0.1:1/a", "sha256": "0" * 64}}, "fetch_failed", "127.0.0.1:1"),
        ({"image": {"url": "http://evil.example/a", "sha256": "0" * 64}}, "host_not_allowed", "evil.example"),
    ],
)
async def test_a_start_that_cannot_be_is_refused(service, client, change, code, words):
    body = {name: value for name, value in {**START, **change}.items() if value is not None}
    got, said = await client.refused("start", body)
    assert got == code
    assert words in said
    assert not await rollouts(service)
    assert len(await service.firmware()) == 1


async def test_fields_that_contradict_a_spec_are_named(client):
    whole = {"name": "n", "images": [SHA256], "target": {"roles": ["sensor"]}}
    code, words = await client.refused("start", {**START, "spec": whole})
    assert (code, words.partition(":")[0]) == ("invalid", "role")
    other = {"job": "j", "spec": {**whole, "job": "k"}}
    assert (await client.refused("start", other))[0] == "invalid"
    assert (await client.refused("start", {"job": "j", "image": "0" * 64, "spec": whole}))[0] == "unknown"


async def test_an_image_is_fetched_and_kept_by_its_hash(service, server, tmp_path):
    content = APP_8266
    sha256 = hashlib.sha256(content).hexdigest()
    body = {
        **START,
        "image": {"url": server.serve("/lamp.bin", content), "sha256": sha256.upper(), "name": "Lamp"},
    }
    async with control_of(service, tmp_path, [server.host]) as client:
        data = await client.done("start", body)
        assert data["images"] == [sha256]
        found = await service.firmware_one(sha256)
        assert (found.name, found.added_by) == ("Lamp", "mqtt")
        server.answers.clear()
        assert (await client.done("start", body))["new"] is False
    assert server.asked == ["/lamp.bin"]


async def test_a_wrong_hash_leaves_nothing(service, server, tmp_path):
    image = {"url": server.serve("/lamp.bin", APP_8266), "sha256": "0" * 64}
    async with control_of(service, tmp_path, [server.host]) as client:
        assert (await client.refused("start", {**START, "image": image}))[0] == "wrong_hash"
        assert [each.sha256 for each in await service.firmware()] == [SHA256]
        assert not await rollouts(service)
        image["sha256"] = hashlib.sha256(APP_8266).hexdigest()
        assert (await client.done("start", {**START, "image": image}))["new"]


async def test_check_keeps_nothing(service, server, tmp_path):
    sha256 = hashlib.sha256(APP_8266).hexdigest()
    image = {"url": server.serve("/lamp.bin", APP_8266), "sha256": sha256}
    async with control_of(service, tmp_path, [server.host]) as client:
        data = await client.done("check", {"image": image, "role": "sensor"})
        assert data["firmware"]["sha256"] == sha256
        assert (data["firmware"]["taken"], data["firmware"]["hardware"]) == (True, "ESP8266")
        assert [each.sha256 for each in await service.firmware()] == [SHA256]


async def test_check_shows_the_plan_of_what_the_library_has(service, client):
    await see(service, 10, 11)
    data = await client.done("check", START)
    assert data["plan"]["unknown"] == [10, 11]
    assert not await rollouts(service)
    assert (await client.refused("check", {**START, "role": ""}))[0] == "invalid"


async def test_actions_go_by_rollout_or_job(service, client):
    rollout = (await client.done("start", START))["rollout"]
    assert (await client.done("pause", {"rollout": rollout, "reason": "visitors"}))["state"] == "paused"
    assert (await client.done("resume", {"job": "ci-1"}))["state"] == "scheduled"
    code, words = await client.refused("approve", {"job": "ci-1"})
    assert code == "not_possible"
    assert "scheduled" in words
    aborted = await client.done("abort", {"job": "ci-1"})
    assert (aborted["state"], aborted["over"]) == ("aborted", True)
    assert (await client.refused("rollback", {"job": "ci-1"}))[0] == "not_possible"  # nobody was updated
    newest = (await service.audit()).items[0]
    assert newest.actor == "mqtt"


@pytest.mark.parametrize("body", [{}, {"rollout": "r1", "job": "ci-1"}])
async def test_an_action_is_about_one_rollout(client, body):
    assert (await client.refused("abort", body))[0] == "invalid"


@pytest.mark.parametrize(
    "body", [{"rollout": "r99"}, {"job": "none"}, {"rollout": "r\0'--"}, {"rollout": "é" * 999}]
)
async def test_an_action_about_nothing_is_refused(client, body):
    assert (await client.refused("abort", body))[0] == "unknown"


async def test_actions_are_done_in_the_order_in_which_they_come(service, client):
    rollout = (await client.done("start", START))["rollout"]
    for number in range(6):
        await client.tell(f"mesh/ota/request/{'resume' if number % 2 else 'pause'}", {"rollout": rollout})
    await client.broker.wait(7)
    assert all(answer["status"] == "ok" for answer in client.broker.at("mesh/ota/response/resume"))
    assert (await service.rollout(rollout)).state == "scheduled"


async def test_status_tells_of_one_of_a_node_and_of_all(service, client):
    await see(service, 10, 11)
    assert await client.done("status", b"") == {"rollouts": [], "fetching": []}
    rollout = (await client.done("start", START))["rollout"]
    (told,) = (await client.done("status", {}))["rollouts"]
    assert (told["rollout"], told["job"], told["images"], told["roles"]) == (
        rollout,
        "ci-1",
        [SHA256],
        ["sensor"],
    )
    one = await client.done("status", {"rollout": rollout})
    assert (one["job"], one["percent"], one["created_at"][:2]) == ("ci-1", 0, "20")
    node = await client.done("status", {"node": 10})
    assert (node["node"], node["online"]) == (10, True)
    assert (await client.refused("status", {"node": 99}))[0] == "unknown"
    assert (await client.refused("status", {"node": 10, "job": "ci-1"}))[0] == "invalid"
    await client.done("abort", {"job": "ci-1"})
    assert (await client.done("status", {}))["rollouts"] == []


async def test_status_tells_how_far_a_file_is(service, server, tmp_path):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def answer(writer):
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-length: {len(APP_8266)}\r\n\r\n".encode() + APP_8266[:10_000]
        )
        await writer.drain()
        reached.set()
        await go_on.wait()
        writer.write(APP_8266[10_000:])

    image = {"url": server.serve("/l.bin", answer), "sha256": hashlib.sha256(APP_8266).hexdigest()}
    async with control_of(service, tmp_path, [server.host]) as client:
        starting = asyncio.create_task(client.done("start", {**START, "image": image}))
        await reached.wait()
        told = await client.done("status", {"job": "ci-1"})
        assert (told["state"], told["host"]) == ("fetching", "127.0.0.1")
        assert (await client.done("status", {}))["fetching"][0]["job"] == "ci-1"
        go_on.set()
        assert (await starting)["new"]


class TestProposal:
    """The form that the ecosystem proposed."""

    @pytest.fixture
    async def asked(self, service, server, tmp_path):
        async with control_of(service, tmp_path, [server.host]) as client:
            self.url = server.serve("/lamp.bin", APP)
            yield client

    def command(self, **more):
        command = {"command": "start_ota", "role": "sensor", "hardware": "ESP32", "md5": MD5, "url": self.url}
        return {**command, **more}

    async def test_start_ota_begins_a_rollout(self, service, asked):
        options = {"broadcast": False, "compressed": False, "progressive": False}
        data = await asked.done("command", self.command(options=options))
        view = await service.rollout(data["rollout"])
        assert (view.spec.transfer.strategy, view.spec.transfer.compress) == ("sequential", "never")
        assert (view.spec.images, len(view.spec.waves)) == ((SHA256,), 1)

    async def test_progressive_goes_in_waves(self, service, asked):
        data = await asked.done("command", self.command(options={"progressive": True}))
        assert data["waves"] == [wave.name for wave in DEFAULT_WAVES]

    async def test_the_same_command_while_it_is_under_way_does_nothing(self, service, asked):
        first = await asked.done("command", self.command())
        again = await asked.done("command", self.command())
        assert (again["new"], again["rollout"]) == (False, first["rollout"])
        await asked.done("command", {"command": "cancel_ota"})
        assert (await asked.done("command", self.command()))["new"]

    async def test_a_job_is_done_once(self, service, asked):
        first = await asked.done("command", self.command(job="ci-9"))
        await asked.done("abort", {"job": "ci-9"})
        again = await asked.done("command", self.command(job="ci-9"))
        assert (again["new"], again["rollout"]) == (False, first["rollout"])
        assert (await asked.refused("command", self.command(job="ci-9", role="relay")))[0] == "conflict"

    async def test_cancel_and_rollback_are_about_the_one_under_way(self, service, asked):
        assert (await asked.refused("command", {"command": "cancel_ota"}))[0] == "not_possible"
        first = await asked.done("command", self.command())
        assert (await asked.done("command", {"command": "cancel_ota"}))["state"] == "aborted"
        code, words = await asked.refused("command", {"command": "rollback"})
        assert code == "not_possible"  # nobody was updated
        assert first["rollout"] in words

    async def test_several_under_way_have_to_be_named(self, asked):
        first = await asked.done("command", self.command())
        await asked.done("command", self.command(role="relay"))
        code, words = await asked.refused("command", {"command": "cancel_ota"})
        assert code == "invalid"
        assert first["rollout"] in words
        cancelled = await asked.done("command", {"command": "cancel_ota", "rollout": first["rollout"]})
        assert cancelled["state"] == "aborted"

    async def test_query_status_answers_and_tells_the_status_again(self, asked):
        asked.shelf.put("mesh/ota/status", b'{"status":"idle"}')
        data = await asked.done("command", {"command": "query_status"})
        assert data == {"rollouts": [], "fetching": []}
        await asked.broker.wait(2)
        told = asked.broker.published[-1]
        assert (told.topic, told.payload, told.retain) == ("mesh/ota/status", b'{"status":"idle"}', True)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"hardware": "ESP8266"}, "refused"),
            ({"md5": "0" * 32}, "wrong_hash"),
            ({"md5": "x"}, "invalid"),
            ({"sha256": "x"}, "invalid"),
            ({"md5": None}, "invalid"),
            ({"url": ""}, "invalid"),
            ({"url": "http://evil.example/x", "md5": "0" * 32}, "host_not_allowed"),
            ({"role": ""}, "invalid"),
            ({"command": "format_disk"}, "invalid"),
            ({"options": {"fast": True}}, "invalid"),
            ({"chunk": "6QYC"}, "invalid"),
            ({"data": "6QYC"}, "inline_image"),
        ],
    )
    async def test_what_cannot_be_is_refused(self, service, asked, change, code):
        assert (await asked.refused("command", self.command(**change)))[0] == code
        assert not await rollouts(service)
