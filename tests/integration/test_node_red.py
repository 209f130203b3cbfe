"""The example flow in a real Node-RED, on a real broker."""

import json

import pytest
import pytest_asyncio

from meshward.fleet.boards import StockPlan
from tests.integration.fleets import running_fleet
from tests.integration.gateway_meshes import app, sees, upload
from tests.integration.gateways import running_daemon
from tests.support.mosquitto import broker, client
from tests.support.node_red import node_red

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHA = "ab" * 32
ALERT = {
    "id": "a1",
    "rule": "leak",
    "severity": "warning",
    "text": "Roof loses heap",
    "since_at": "2026-11-25T12:00:00Z",
}
NODES = {
    "count": 2,
    "online": 1,
    "nodes": [
        {"id": 1001, "name": "Roof <b>", "online": True, "version": "1.2", "health": 90},
        {"id": 1002, "online": False, "alerts": 1},
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory):
    """A broker, a client of it in the gateway's place, and Node-RED."""
    folder = tmp_path_factory.mktemp("node-red")
    async with (
        broker(folder) as mosquitto,
        client(mosquitto.port, topics=("mesh/ota/request/#",)) as gateway,
        node_red(folder / "node-red", mosquitto.port) as red,
    ):
        yield red, gateway


async def tell(gateway, topic, payload, *, retain=False):
    await gateway.publish(f"mesh/{topic}", json.dumps(payload), retain=retain)


def texts(messages):
    return [message["text"] for message in messages]


async def test_an_alert_becomes_one_message_and_its_end_another(stage):
    red, gateway = stage
    quiet = ALERT | {"id": "a2", "text": "somebody knows", "quiet": "acknowledged"}
    for _ in range(2):
        await tell(gateway, "status/alerts", {"count": 2, "alerts": [ALERT, quiet]}, retain=True)
    await tell(gateway, "status/alerts", {"count": 0, "alerts": []}, retain=True)
    messages = await red.until("/mesh/messages", lambda found: "Over: Roof loses heap" in texts(found))
    assert texts(messages).count("Roof loses heap") == 1
    assert "somebody knows" not in texts(messages)
    assert messages[-1]["topic"] == "painlessMesh: warning"


async def test_what_is_left_out_of_a_long_list_is_not_over(stage):
    red, gateway = stage
    first, second = (ALERT | {"id": name, "text": f"test of {name}"} for name in ("b1", "b2"))
    await tell(gateway, "status/alerts", {"count": 1, "alerts": [first]})
    await tell(gateway, "status/alerts", {"count": 2, "alerts": [second]})
    messages = await red.until("/mesh/messages", lambda found: "test of b2" in texts(found))
    assert "test of b1" in texts(messages)
    assert "Over: test of b1" not in texts(messages)


async def test_a_warning_is_a_message_and_news_are_none(stage):
    red, gateway = stage
    for kind, severity in (("node.joined", "info"), ("alert.firing", "warning"), ("node.left", "warning")):
        await tell(gateway, "event", {"id": 1, "kind": kind, "severity": severity, "text": f"test of {kind}"})
    messages = await red.until("/mesh/messages", lambda found: "test of node.left" in texts(found))
    assert not {"test of node.joined", "test of alert.firing"} & set(texts(messages))


async def test_garbage_on_the_topics_does_no_harm(stage):
    red, gateway = stage
    for topic in (
        "status/alerts",
        "event",
        "status/nodes",
        "bridge/state",
        "ota/response/start",
        "ota/status/x",
    ):
        for payload in (b"", b"\xff\xfe", b"{", b"null", b"7", b"[]", b'{"alerts": 7, "nodes": {}}'):
            await gateway.publish(f"mesh/{topic}", payload)
    await tell(gateway, "event", {"id": 2, "kind": "node.left", "severity": "warning", "text": "still here"})
    await red.until("/mesh/messages", lambda found: "still here" in texts(found))
    assert "TypeError" not in red.program.log.read_text()


async def test_the_page_shows_the_nodes(stage):
    red, gateway = stage
    await tell(gateway, "bridge/state", {"state": "online"}, retain=True)
    await tell(gateway, "status/nodes", NODES, retain=True)
    page = ""
    while "1 of 2 nodes online" not in page:
        page = (await red.get("/mesh")).text
    assert "Roof &lt;b&gt;" in page
    assert '<td class="offline">offline' in page
    assert page.count("<tr>") == 3


async def test_an_update_is_asked_for_and_followed_to_its_end(stage):
    red, gateway = stage
    answer = await red.client.post("/mesh/update", json={"image": SHA, "role": "sensor", "job": "job-1"})
    assert (answer.status_code, answer.json()) == (202, {"job": "job-1", "look": "/mesh/updates"})
    asked = json.loads(await gateway.wait_for("mesh/ota/request/start"))
    assert len(asked.pop("transaction")) == 16
    assert asked == {"image": SHA, "role": "sensor", "job": "job-1"}

    started = {"rollout": "r1", "new": True}
    await tell(gateway, "ota/response/start", {"status": "ok", "data": started, "transaction": "job-1"})
    for state, percent in (("updating", 40), ("completed", 100)):
        progress = {"rollout": "r1", "job": "job-1", "name": "sensor 1.3", "state": state, "percent": percent}
        await tell(gateway, "ota/status/r1", progress, retain=True)
    updates = await red.until(
        "/mesh/updates", lambda found: found["rollouts"].get("r1", {}).get("state") == "completed"
    )
    assert updates["answers"][0]["data"] == started
    messages = await red.until("/mesh/messages", lambda found: "sensor 1.3: completed" in texts(found))
    assert "sensor 1.3: updating" not in texts(messages)

    await gateway.publish("mesh/ota/status/r1", b"", retain=True)
    await red.until("/mesh/updates", lambda found: "r1" not in found["rollouts"])


async def test_a_refused_update_is_a_message(stage):
    red, gateway = stage
    refusal = {
        "status": "error",
        "error": "there is no firmware abc",
        "code": "unknown",
        "transaction": "job-2",
    }
    await tell(gateway, "ota/response/start", refusal)
    messages = await red.until("/mesh/messages", lambda found: refusal["error"] in texts(found))
    assert messages[0]["topic"] == "painlessMesh: update refused"


@pytest.mark.parametrize("body", [{}, {"image": SHA}, {"role": "sensor"}, [], "text"])
async def test_an_update_without_image_or_role_is_refused(stage, body):
    red, _ = stage
    answer = await red.client.post("/mesh/update", json=body)
    assert answer.status_code == 400


async def test_a_form_of_another_site_starts_nothing(stage):
    red, _ = stage
    answer = await red.client.post("/mesh/update", data={"image": SHA, "role": "sensor"})
    assert answer.status_code == 415
    plain = {"content-type": "text/plain"}
    answer = await red.client.post(
        "/mesh/update", content=json.dumps({"image": SHA, "role": "sensor"}), headers=plain
    )
    assert answer.status_code == 415


async def test_an_update_that_the_flow_starts_completes_on_a_real_gateway(tmp_path):
    mqtt = {"MESHWARD_MQTT_CONTROL": "true", "MESHWARD_MQTT_PERIOD_S": "1"}
    async with (
        broker(tmp_path) as mosquitto,
        running_fleet(nodes=3, loop_ms=None, stock=StockPlan(downtime_us=300_000)) as fleet,
        running_daemon(
            tmp_path / "data",
            f"127.0.0.1:{fleet.plan.port}",
            *("--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}"),
            **mqtt,
        ) as daemon,
        node_red(tmp_path / "node-red", mosquitto.port) as red,
    ):
        await sees(daemon, 3)
        async with client(mosquitto.port) as seen:
            await seen.wait_for("mesh/bridge/state", lambda payload: b"online" in payload)
        async with daemon.api() as api:
            firmware = (await upload(api, app())).json()
        answer = await red.client.post(
            "/mesh/update", json={"image": firmware["sha256"], "role": "sensor", "job": "lamp-2.0"}
        )
        assert answer.status_code == 202
        updates = await red.until(
            "/mesh/updates",
            lambda found: [one["state"] for one in found["rollouts"].values()] == ["completed"],
            within_s=40,
        )
        assert updates["answers"][0]["status"] == "ok"
        (rollout,) = updates["rollouts"].values()
        assert (rollout["job"], rollout["updated"], rollout["percent"]) == ("lamp-2.0", 3, 100)
        assert "3 of 3 nodes online" in (await red.get("/mesh")).text
