"""A real gateway in a real fleet: how all boards do, what they answer, what people are told, and what stays."""

import asyncio
import json
import time

import pytest

from meshward.fleet.boards import Setting
from meshward.fleet.commands import Drop, Restart
from meshward.store import history
from meshward.store.database import Database
from meshward.store.history import SampleRow
from meshward.store.layout import DATABASE
from tests.integration.gateway_meshes import app, ended, spec, until, upload
from tests.integration.gateways import run_meshward
from tests.integration.health_meshes import boards, by_node, configured, done, health_mesh, ids, said
from tests.integration.hostile import eventually
from tests.support.receivers import Hook, listening

NODES = 8
OURS = {1001, 1002, 1007, 1008}
ALTERIOM = {1003, 1004}
STOCK, PLAIN = 1005, 1006
KINDS = [
    Setting("alteriom", 1003, 1004),
    Setting("stock", STOCK, STOCK),
    Setting("plain", PLAIN, PLAIN),
]
HEAP = "heap_free_bytes"


def mixed():
    return boards(kind_of=KINDS, reports_us=[Setting(1_000_000, 1003, 1004)])


def tells_all(status):
    """Whether everybody was heard as its kind can be."""
    nodes = by_node(status)
    return (
        len(nodes) == NODES
        and all("telemetry" in nodes[node]["tells"] for node in OURS)
        and all({"604", "200", "204", "605"} <= set(nodes[node]["tells"]) for node in ALTERIOM)
        and all("delay_ms" in nodes[node]["metrics"] for node in nodes)
    )


@pytest.mark.timeout(150)
async def test_boards_of_all_kinds_are_known_asked_and_kept(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    await store_an_hour_ago(data)
    async with health_mesh(tmp_path, nodes=NODES, plan=mixed(), eager=True) as (fleet, daemon):
        began_s = time.monotonic()
        await until(daemon, "/status", tells_all, limit_s=60)
        assert time.monotonic() - began_s < 60
        check_status(await done(data, "status"))
        await check_query(data)
        await check_shared_query(daemon)
        await check_silent(fleet, daemon, data)
        await check_history(daemon, data)
        await check_alert_commands(daemon, data)
        shown = await said(data, "status")
        assert "1005" in shown
        await daemon.stop()
    await check_without_gateway(data)


async def store_an_hour_ago(data):
    async with Database(data / DATABASE) as database:
        at_s = time.time() - 3600
        rows = [SampleRow(1002, at_s + 60 * minute, "604", {HEAP: 170_000.0}) for minute in range(3)]
        await database.write(history.add, rows, time.time())


def check_status(status):
    assert status["coverage"]["nodes"] == NODES
    assert status["gateway_runs"] is True
    nodes = by_node(status)
    assert set(nodes) == set(ids(NODES))
    for node, entry in nodes.items():
        assert entry["online"]
        assert 0 <= entry["health"]["value"] <= 100
        assert "mesh" in entry["tells"]
        own = set(entry["tells"]) - {"mesh"}
        if node in OURS:
            assert "telemetry" in own
            assert entry["metrics"][HEAP]["source"] in {"telemetry", "query"}
            # Of a frame with five samples, at most, and a second each; and of the time since the last tick.
            assert entry["metrics"][HEAP]["age_s"] < 20
        elif node in ALTERIOM:
            assert own >= {"200", "204", "604", "605"}
            assert entry["metrics"][HEAP]["source"] in {"604", "204", "605", "202"}
        else:
            assert own == set()
            assert HEAP not in entry["metrics"]
        if node in OURS | ALTERIOM:
            assert 10_000 < entry["metrics"][HEAP]["value"] < 400_000
            assert 0 < entry["metrics"]["uptime_s"]["value"] < 3600
        for name, reading in entry["metrics"].items():
            assert 0 <= reading["age_s"] < 120, name
        assert entry["metrics"]["online"]["value"] == 1
        assert 0 <= entry["metrics"]["delay_ms"]["value"] < 5000
        assert entry["refused"] == 0, entry["last_refused"]
    assert nodes[1002]["parent"] == 1001


async def check_query(data):
    answer = await done(data, "query", "--deadline", "5s")
    hows = {one["node"]: one["how"] for one in answer["answers"]}
    assert hows == {
        **dict.fromkeys(OURS | ALTERIOM, "asked"),
        **dict.fromkeys((STOCK, PLAIN), "known"),
    }
    assert answer["coverage"]["answered"] == 6
    assert answer["coverage"]["text"].startswith("6 of 8 answered, oldest ")
    assert answer["coverage"]["text"].endswith("2 cannot be asked and are as last known")
    assert answer["totals"][HEAP]["count"] == 6
    assert answer["took_s"] < 5.5
    only = await done(data, "query", "1002", "1003", "--group", "heap", "--fresh")
    assert [one["node"] for one in only["answers"]] == [1002, 1003]
    assert "rssi_dbm" not in only["answers"][0]["metrics"]


async def check_shared_query(daemon):
    """Two who ask the same at one moment are answered by one question."""
    async with daemon.api() as client:
        request = {"groups": ["link"], "deadline_s": 5, "max_age_s": 10}
        answers = await asyncio.gather(*(client.post("/queries", json=request) for _ in range(2)))
        answers.append(await client.post("/queries", json=request))
        await eventually(lambda: all(answer.status_code == 200 for answer in answers))
        views = [answer.json() for answer in answers]
    assert len({view["id"] for view in views}) == 1
    assert [view["cached"] for view in views] == [False, False, True]


async def check_silent(fleet, daemon, data):
    """One that can answer, and does not, is named."""
    await fleet.apply(Drop(1008))
    await until(daemon, "/health", lambda health: health["details"]["nodes_online"] == NODES - 1)
    answer = await done(data, "query", "1002", "1008", "--deadline", "2s", "--fresh")
    assert [one["how"] for one in answer["answers"]] == ["asked", "silent"]
    assert answer["coverage"]["silent"] == [1008]
    assert answer["coverage"]["text"].endswith("1 silent: 1008")


async def check_history(daemon, data):
    assert len(check_points(await done(data, "history", "1002", HEAP))) > 5
    minutes = await daemon.get("/nodes/1002/history", metric=HEAP, resolution_s=60, points=2000)
    assert minutes["resolution_s"] == 60
    assert minutes["points"][-1][4] > 0
    rates = await daemon.get("/nodes/1001/history", metric="bytes_received")
    assert rates["unit"] == "B/s"
    assert all(point[1] >= 0 for point in rates["points"] if point[4])


def check_points(shown):
    """The points behind the gap, which is between an hour ago and now."""
    assert (shown["metric"], shown["unit"]) == (HEAP, "B")
    counts = [count for *_, count in shown["points"]]
    assert counts[0] > 0
    assert counts.count(0) == 1
    points = shown["points"][counts.index(0) + 1 :]
    now_s = time.time()
    for at_s, mean, low, high, _ in points:
        assert now_s - 300 < at_s < now_s + 1
        assert low <= mean <= high
    return points


async def check_alert_commands(daemon, data):
    """The one that left fires; it is taken on and silenced; rules are changed and take effect."""
    name = {"rule": "silent_node", "node": 1008}
    await until(daemon, "/alerts?state=firing&rule=silent_node", lambda page: page["total"] == 1, limit_s=20)
    (alert,) = (await done(data, "alerts", "list"))["alerts"]
    assert {key: alert[key] for key in name} == name
    assert "1008" in alert["text"]
    assert alert["advice"]
    acked = await done(data, "alerts", "ack", alert["id"][:6], "--note", "on my way")
    assert (acked["quiet"], acked["ack_note"], acked["state"]) == ("acknowledged", "on my way", "firing")
    async with daemon.api() as client:
        assert (await client.post(f"/alerts/{alert['id']}/unack")).json()["acked_by"] == ""
    silence = await done(data, "alerts", "silence", "1008", "--for", "2h", "--reason", "known")
    window = await done(data, "alerts", "maintenance", "1007", "--for", "1h")
    quiet = f"/alerts/{alert['id']}"
    await until(daemon, quiet, lambda shown: shown["quiet"] == "silenced", limit_s=10)
    listed = await done(data, "alerts", "silences")
    assert {one["id"] for one in listed["silences"]} == {silence["id"], window["id"]}
    await done(data, "alerts", "unsilence", silence["id"])
    await until(daemon, quiet, lambda shown: shown["quiet"] == "", limit_s=10)
    rules = {rule["name"]: rule for rule in (await done(data, "alerts", "rules"))["rules"]}
    assert (rules["silent_node"]["threshold"], rules["silent_node"]["origin"]) == (3, "file")
    async with daemon.api() as client:
        made = {"metric": HEAP, "direction": "below", "threshold": 1e7, "nodes": [1002], "for_s": 0}
        answer = await client.patch("/alert-rules/short_of_heap", json=made)
        assert answer.status_code == 200, answer.text
    await until(daemon, "/alerts?rule=short_of_heap", lambda page: page["total"] == 1, limit_s=15)
    audit = await daemon.get("/audit")
    assert {"alert.ack", "alert.unack", "silence.create", "silence.end", "rule.change"} <= {
        entry["action"] for entry in audit["items"]
    }


async def check_without_gateway(data):
    """From the data directory alone."""
    status = await done(data, "status")
    assert status["gateway_runs"] is False
    nodes = by_node(status)
    assert set(nodes) == set(ids(NODES))
    assert not any(entry["online"] for entry in nodes.values())
    assert nodes[1002]["metrics"][HEAP]["age_s"] < 300
    assert len(check_points(await done(data, "history", "1002", HEAP))) > 5
    alerts = (await done(data, "alerts", "list"))["alerts"]
    assert {(alert["rule"], alert["node"]) for alert in alerts} >= {("silent_node", 1008)}
    assert "No gateway runs now" in await said(data, "status")
    got, _, errors = await run_meshward("query", "--data", data)
    assert got == 1
    assert errors.startswith("meshward: ")


# -- who is told -------------------------------------------------------------------------------


def told(hook):
    """(status, rule, node) of all alerts that the receiver was told of, in order."""
    bodies = [json.loads(request.body) for request in hook.requests]
    assert {body["version"] for body in bodies} <= {"4"}
    return [
        (alert["status"], alert["labels"]["alertname"], alert["labels"].get("node"))
        for body in bodies
        for alert in body["alerts"]
    ]


@pytest.mark.timeout(120)
async def test_a_receiver_is_told_that_a_node_is_gone_and_that_it_is_back(tmp_path):
    hook = Hook()
    async with (
        listening(hook.serve) as port,
        health_mesh(tmp_path, nodes=5, eager=True, receivers=[f"http://127.0.0.1:{port}/hook/secret"]) as (
            fleet,
            daemon,
        ),
    ):
        results = await done(tmp_path / "data", "alerts", "test")
        assert results["ok"], results
        assert told(hook) == [("firing", "test", None)]
        hook.requests.clear()
        await fleet.apply(Drop(1005))
        await eventually(lambda: hook.requests, limit_s=30)
        (request,) = hook.requests
        body = json.loads(request.body)
        assert request.headers["content-type"] == "application/json"
        assert body["groupLabels"] == {"alertname": "silent_node", "severity": "warning"}
        (alert,) = body["alerts"]
        assert alert["labels"] == {"alertname": "silent_node", "severity": "warning", "node": "1005"}
        assert "1005 is silent" in alert["annotations"]["description"]
        assert alert["endsAt"] == "0001-01-01T00:00:00Z"
        await fleet.apply(Restart(1005))
        await eventually(lambda: len(hook.requests) == 2, limit_s=30)
        back = json.loads(hook.requests[1].body)
        assert back["status"] == "resolved"
        assert back["alerts"][0]["fingerprint"] == alert["fingerprint"]
        assert back["alerts"][0]["endsAt"] > back["alerts"][0]["startsAt"]
        assert "secret" not in json.dumps(await daemon.get("/settings"))


@pytest.mark.timeout(120)
async def test_a_parent_that_dies_is_one_message(tmp_path):
    hook = Hook()
    async with (
        listening(hook.serve) as port,
        health_mesh(
            tmp_path, nodes=9, topology="chain", eager=True, receivers=[f"http://127.0.0.1:{port}/"]
        ) as (
            fleet,
            daemon,
        ),
    ):
        await fleet.apply(Drop(1003))
        await eventually(lambda: hook.requests, limit_s=30)
        (alert,) = json.loads(hook.requests[0].body)["alerts"]
        assert alert["labels"]["alertname"] == "mesh_split"
        assert alert["labels"]["node"] == "1003"
        assert "6 nodes behind it" in alert["annotations"]["description"]
        page = await daemon.get("/alerts", state="firing")
        assert [one["behind"] for one in page["items"] if not one["quiet"]] == [list(range(1004, 1010))]
        await fleet.apply(Restart(1003))
        await eventually(lambda: len(hook.requests) == 2, limit_s=30)
        assert told(hook) == [("firing", "mesh_split", "1003"), ("resolved", "mesh_split", "1003")]


@pytest.mark.timeout(120)
async def test_a_rollout_tells_nobody_of_the_restarts_it_makes(tmp_path):
    """Though a board that is away for a second, or starts anew, would be alarming at any other time."""
    rules = """
[silent_node]
threshold = 1
updating = "1s"
keep_firing = "1s"
[reboot_loop]
threshold = 1
"""
    hook = Hook()
    plan = boards(downtime_us=3_000_000)
    async with (
        listening(hook.serve) as port,
        health_mesh(
            tmp_path, nodes=3, plan=plan, rules=rules, eager=True, receivers=[f"http://127.0.0.1:{port}/"]
        ) as (
            fleet,
            daemon,
        ),
        daemon.api() as client,
    ):
        sha256 = (await upload(client, app(size=30_000))).json()["sha256"]
        assert (await client.post("/rollouts", json=spec(sha256))).status_code == 201
        assert (await ended(daemon, "r1", 60))["state"] == "completed"
        quiet = await daemon.get("/alerts", state=["firing", "resolved"])
        assert {one["rule"] for one in quiet["items"]} & {"silent_node", "mesh_split", "reboot_loop"}
        (window,) = await daemon.get("/silences", over=True)
        assert (window["kind"], window["created_by"]) == ("maintenance", "rollout r1")
        assert set(window["nodes"]) == set(ids(3))
        assert told(hook) == []
        assert [image.updates for image in fleet.images()] == [1] * 3


@pytest.mark.timeout(60)
async def test_wrong_rules_keep_it_from_starting_and_are_named(tmp_path):
    file = configured(tmp_path, rules="[silent_node]\nthreshhold = 5\n")
    status, _, errors = await run_meshward(
        "run", "--data", tmp_path / "data", "--config", file, "--connect", "127.0.0.1:1", "--http", "off"
    )
    assert status == 2
    assert "alerts.toml line 2, silent_node.threshhold" in errors
