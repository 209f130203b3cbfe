"""Updates commanded over a real broker only: a real daemon, virtual boards, the firmware over local HTTP."""

import asyncio
import hashlib
import json
import secrets
from contextlib import asynccontextmanager

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from meshward.bridges.mqtt.control.signing import sign
from meshward.fleet.boards import StockPlan
from tests.integration.fleets import running_fleet
from tests.integration.gateway_meshes import FIRST_ID, app, sees
from tests.integration.gateways import running_daemon
from tests.support.image_server import image_server
from tests.support.mosquitto import broker, client

APP = app()
SHA256 = hashlib.sha256(APP).hexdigest()
LIMIT = 64 * 1024
KEY = "0123456789abcdef0123456789abcdef"


class Pipeline:
    """A program that knows nothing but the broker."""

    def __init__(self, mqtt, key=None):
        self.mqtt = mqtt
        self._key = key

    async def ask(self, action, body):
        """The answer with our transaction in it."""
        transaction = secrets.token_hex(8)
        body = {**body, "transaction": transaction}
        await self.send(action, sign(self._key.encode(), action, body) if self._key else json.dumps(body))
        return await self.answer(action, transaction)

    async def send(self, action, payload, **more):
        topic = "mesh/ota/command" if action == "command" else f"mesh/ota/request/{action}"
        await self.mqtt.publish(topic, payload, **more)

    async def answer(self, action, transaction):
        topic = f"mesh/ota/response/{action}"
        payload = await self.mqtt.wait_for(
            topic, lambda payload: json.loads(payload).get("transaction") == transaction, within_s=20
        )
        return json.loads(payload)

    async def done(self, action, body):
        answer = await self.ask(action, body)
        assert answer["status"] == "ok", answer
        return answer["data"]

    async def refused(self, action, body):
        answer = await self.ask(action, body)
        assert answer["status"] == "error", answer
        return answer["code"]

    async def status(self, word):
        """What lies there in the proposal's form, once it is this."""
        payload = await self.mqtt.wait_for(
            "mesh/ota/status", lambda payload: json.loads(payload).get("status") == word, within_s=20
        )
        return json.loads(payload)

    async def over(self, rollout):
        """What lies at the topic of a rollout, once it is over."""
        topic = f"mesh/ota/status/{rollout}"
        payload = await self.mqtt.wait_for(
            topic, lambda payload: json.loads(payload).get("over"), within_s=40
        )
        return json.loads(payload)


@asynccontextmanager
async def pipeline(tmp_path, hosts, *, key=None, nodes=20):
    """Yields a pipeline, and the daemon."""
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as mqtt:
        config = tmp_path / "meshward.toml"
        config.write_text(
            f'[mqtt]\nbrokers = ["mqtt://127.0.0.1:{mosquitto.port}"]\ncontrol = true\n'
            f'image_hosts = {json.dumps(hosts)}\nimage_max = "64KB"\nmessages = true\ncommands = true\n'
        )
        if key is not None:
            path = tmp_path / "mqtt.key"
            path.write_text(key)
            path.chmod(0o600)
            config.write_text(config.read_text() + 'control_key_file = "mqtt.key"\n')
        stock = StockPlan(downtime_us=300_000)
        async with (
            running_fleet(nodes=nodes, stock=stock) as fleet,
            running_daemon(tmp_path / "data", f"127.0.0.1:{fleet.plan.port}", "--config", config) as daemon,
        ):
            await sees(daemon, nodes)
            await mqtt.wait_for("mesh/bridge/state", lambda payload: b"online" in payload)
            yield Pipeline(mqtt, key), daemon


async def test_an_image_updates_twenty_boards_commanded_over_mqtt_only(tmp_path):
    async with image_server() as server, pipeline(tmp_path, [server.host]) as (ci, daemon):
        image = {"url": server.serve("/lamp.bin", APP), "sha256": SHA256}
        start = {"job": "ci-1234", "image": image, "role": "sensor"}
        started, again = await asyncio.gather(_patiently(ci, start), _other(ci, start))
        assert {started["new"], again["new"]} == {True, False}
        assert started["rollout"] == again["rollout"]
        told = await ci.over(started["rollout"])
        assert (told["state"], told["job"], told["percent"]) == ("completed", "ci-1234", 100), told
        assert told["counts"] == {"completed": 20}
        status = await ci.done("status", {"job": "ci-1234"})
        assert {each["node"] for each in status["nodes"]} == set(range(FIRST_ID, FIRST_ID + 20))
        await _shows_progress(ci, started["rollout"])
        # Also when it asks again afterwards, and after the gateway was killed.
        assert (await ci.done("start", start))["new"] is False
        await daemon.kill()
        await ci.mqtt.wait_for("mesh/bridge/state", lambda payload: b"offline" in payload)
        await daemon.start()
        await ci.mqtt.wait_for("mesh/bridge/state", lambda payload: b"online" in payload, within_s=20)
        repeated = await ci.done("start", start)
        assert (repeated["new"], repeated["rollout"]) == (False, started["rollout"])
        assert server.asked == ["/lamp.bin"]
        assert len((await daemon.get("/rollouts"))["items"]) == 1
        lying = await ci.mqtt.retained("mesh/ota/#")
        assert set(lying) == {"mesh/ota/status", f"mesh/ota/status/{started['rollout']}"}


async def _other(ci, start):
    """The same request under another transaction, without waiting on the first one's answer."""
    body = {**start, "transaction": "other"}
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "mesh/ota/response/ci/other"
    properties.CorrelationData = b"\x00other"
    while True:
        ci.mqtt.latest.pop("mesh/ota/response/ci/other", None)
        await ci.send("start", json.dumps(body), properties=properties)
        answer = json.loads(await ci.mqtt.wait_for("mesh/ota/response/ci/other", within_s=20))
        if answer.get("code") != "busy":
            return answer["data"]


async def _patiently(ci, start):
    """What the answer says, asked anew as long as the same job is being started by another request."""
    while (answer := await ci.ask("start", start)).get("code") == "busy":
        pass
    return answer["data"]


async def _shows_progress(ci, rollout):
    payloads = [
        json.loads(payload) for topic, payload in ci.mqtt.messages if topic == f"mesh/ota/status/{rollout}"
    ]
    percents = [each["percent"] for each in payloads]
    assert percents == sorted(percents)
    assert len(set(percents)) > 1
    proposed = [json.loads(payload) for topic, payload in ci.mqtt.messages if topic == "mesh/ota/status"]
    assert [proposed[0]["status"], proposed[-1]["status"]] == ["idle", "completed"]
    assert proposed[-1]["updated_nodes"] == proposed[-1]["total_nodes"] == 20
    assert "in_progress" in {each["status"] for each in proposed}


async def test_what_must_not_be_is_refused_at_the_response_topic(tmp_path):
    async with (
        image_server() as server,
        image_server() as elsewhere,
        pipeline(tmp_path, [server.host], nodes=2) as (ci, daemon),
    ):
        huge = server.raw("/huge.bin", b"HTTP/1.1 200 OK\r\n\r\n", *[b"\xe9" * LIMIT] * 2, hold=True)
        away = server.redirect("/away.bin", elsewhere.serve("/lamp.bin", APP))
        other = server.serve("/other.bin", app("3.0"))
        for url, code in (
            (other, "wrong_hash"),
            (huge, "image_too_large"),
            (elsewhere.url("/lamp.bin"), "host_not_allowed"),
            ("http://169.254.169.254/latest", "host_not_allowed"),
            (away, "redirect"),
            ("file:///etc/passwd", "invalid"),
            (server.url("/gone.bin"), "fetch_failed"),
        ):
            start = {"job": "ci-1", "image": {"url": url, "sha256": SHA256}, "role": "sensor"}
            assert await ci.refused("start", start) == code
        assert (
            await ci.refused("start", {"job": "ci-1", "image": "6QYCAA" * 999, "role": "sensor"})
            == "inline_image"
        )
        assert not elsewhere.asked
        assert (await daemon.get("/firmware"), (await daemon.get("/rollouts"))["items"]) == ([], [])
        assert not [path for path in (daemon.data / "bridges").glob("*") if path.suffix != ".json"]
        await _talks(ci, daemon)
        # A request that lies at the broker is not obeyed when we come back to it.
        await ci.send("abort", json.dumps({"rollout": "r1"}), retain=True)
        await ci.mqtt.wait_for("mesh/ota/response/abort", lambda payload: b"unknown" in payload)
        await daemon.kill()
        await daemon.start()
        await ci.mqtt.wait_for(
            "mesh/ota/response/abort", lambda payload: json.loads(payload)["code"] == "retained", within_s=20
        )


async def _talks(ci, daemon):
    """Texts and commands go into the mesh, as the audit log has it, or are answered with an error."""
    for way, payload in (("message", "hello"), ("command", '{"command": 1}')):
        for place, word in ((FIRST_ID, b'"ok"'), ("all", b'"ok"'), (7, b'"unknown"')):
            await ci.mqtt.publish(f"mesh/{way}/{place}/send", payload)
            await ci.mqtt.wait_for(f"mesh/{way}/{place}/response", lambda answer, word=word: word in answer)
    audit = (await daemon.get("/audit"))["items"]
    assert [entry["action"] for entry in audit[:4]] == ["command.send"] * 2 + ["message.send"] * 2
    assert {entry["actor"] for entry in audit[:4]} == {"mqtt"}


async def test_signed_commands_only_and_each_once(tmp_path):
    async with (
        image_server() as server,
        pipeline(tmp_path, [server.host], key=KEY, nodes=2) as (ci, daemon),
    ):
        image = {"url": server.serve("/lamp.bin", APP), "sha256": SHA256}
        start = {"job": "ci-1", "image": image, "role": "sensor"}
        await ci.send("start", json.dumps({**start, "transaction": "x"}))
        answer = await ci.mqtt.wait_for("mesh/ota/response/start", lambda payload: b"unsigned" in payload)
        assert json.loads(answer)["status"] == "error"
        rollout = (await ci.done("start", start))["rollout"]
        await ci.done("abort", {"rollout": rollout})
        assert (await ci.over(rollout))["state"] == "aborted"
        seen = sign(KEY.encode(), "check", {"image": SHA256, "role": "sensor", "transaction": "seen"})
        for code in (None, "replay"):
            await ci.send("check", seen)
            await ci.mqtt.wait_for(
                "mesh/ota/response/check", lambda payload, code=code: json.loads(payload).get("code") == code
            )
        await daemon.kill()
        await daemon.start()
        await ci.mqtt.wait_until(
            lambda mqtt: [topic for topic, _ in mqtt.messages].count("mesh/bridge/state") >= 3
        )
        ci.mqtt.latest.clear()
        await ci.send("check", seen)
        await ci.mqtt.wait_for(
            "mesh/ota/response/check", lambda payload: json.loads(payload).get("code") == "replay"
        )
        audit = (await daemon.get("/audit"))["items"]
        assert {entry["actor"] for entry in audit if entry["action"] == "rollout.create"} == {"mqtt"}


async def test_the_proposals_form_starts_and_cancels(tmp_path):
    async with image_server() as server, pipeline(tmp_path, [server.host], nodes=2) as (ci, _daemon):
        command = {
            "command": "start_ota",
            "role": "sensor",
            "hardware": "ESP32",
            "md5": hashlib.md5(APP).hexdigest(),
            "url": server.serve("/sensor-v2.0.bin", APP),
            "options": {"broadcast": True, "compressed": True, "progressive": False},
        }
        await ci.send("command", json.dumps(command))
        status = await ci.status("in_progress")
        assert status["rollouts"][0]["rollout"] == "r1"
        assert 0 <= status["progress"] < 100
        await ci.send("command", '{"command": "cancel_ota"}')
        assert (await ci.status("cancelled"))["rollout"] == "r1"
        ci.mqtt.latest.clear()
        await ci.send("command", '{"command": "query_status"}')
        await ci.mqtt.wait_for("mesh/ota/response/command", lambda payload: b'"rollouts"' in payload)
        await ci.status("cancelled")
