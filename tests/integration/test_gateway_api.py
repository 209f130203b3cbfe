"""A real daemon in a real mesh, through its API: what people do with it."""

import asyncio
import hashlib

import httpx
import pytest

from tests.integration.gateway_meshes import (
    FIRST_ID,
    app,
    ended,
    gateway_in_mesh,
    problem,
    sees,
    spec,
    states,
    until,
    upload,
)
from tests.integration.gateways import Daemon, run_meshward
from tests.support.web import bearer

NODES = [FIRST_ID + index for index in range(4)]


@pytest.fixture
async def mesh(tmp_path):
    async with gateway_in_mesh(tmp_path / "data") as (fleet, daemon), daemon.api() as client:
        yield fleet, daemon, client


async def test_from_an_upload_to_boards_that_run_it(mesh):
    fleet, daemon, client = mesh
    content = app()
    sha256 = hashlib.sha256(content).hexdigest()

    async def in_chunks():
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    added = await upload(client, in_chunks(), "../../etc/lamp.bin")
    assert added.status_code == 201, added.text
    view = added.json()
    assert (view["sha256"], view["hardware"], view["version"]) == (sha256, "ESP32", "2.0")
    assert (view["name"], view["added_by"]) == ("lamp.bin", "command line")
    assert view["inspection"]["chip"] == "ESP32"
    again = await upload(client, content)
    assert (again.status_code, again.json()["name"]) == (200, "lamp.bin")
    assert [path.name for path in (daemon.data / "firmware").iterdir()] == [f"{sha256}.bin"]

    excluded = await client.patch(
        f"/nodes/{NODES[3]}", json={"excluded": True, "exclusion_reason": "on loan", "name": "Hall"}
    )
    assert excluded.status_code == 200
    plan = (await client.post("/rollouts/plan", json=spec(sha256))).json()
    assert plan["unknown"] == NODES[:3]
    assert plan["not_targeted"] == {str(NODES[3]): "excluded from updates: on loan"}

    key = {"Idempotency-Key": "once"}
    first = await client.post("/rollouts", json=spec(sha256), headers=key)
    assert (first.status_code, first.json()["id"]) == (201, "r1")
    second = await client.post("/rollouts", json=spec(sha256), headers=key)
    assert (second.status_code, second.json()["id"]) == (201, "r1")
    assert second.headers["Idempotency-Replayed"] == "true"
    problem(await client.post("/rollouts", json=spec(sha256, name="other"), headers=key), 409)

    rollout = await ended(daemon, "r1")
    assert rollout["state"] == "completed", rollout["reason"]
    assert states(rollout) == {**dict.fromkeys(NODES[:3], "completed"), NODES[3]: "not_targeted"}
    assert {board.node_id: board.updates for board in fleet.images()} == {
        **dict.fromkeys(NODES[:3], 1),
        NODES[3]: 0,
    }
    assert (await client.get("/rollouts")).json()["total"] == 1
    nodes = {node["id"]: node for node in (await client.get("/nodes")).json()["items"]}
    assert [nodes[node]["firmware"] for node in NODES] == [sha256] * 3 + [""]
    assert {nodes[node]["role"] for node in NODES[:3]} == {"sensor"}
    assert nodes[NODES[3]]["name"] == "Hall"
    assert (await client.get(f"/firmware/{sha256[:8]}")).json()["running"] == 3

    kinds = {event["kind"] for event in (await client.get("/events", params={"limit": 1000})).json()["items"]}
    assert {"mesh.joined", "rollout.state", "node.completed"} <= kinds
    audit = (await client.get("/audit")).json()["items"]
    assert [entry["action"] for entry in audit][::-1][:3] == ["firmware.add", "node.change", "rollout.create"]
    assert {entry["actor"] for entry in audit} <= {"command line", "gateway"}
    assert (await client.get("/audit/verify")).json()["ok"]


async def test_people_stop_go_on_and_abort(mesh):
    fleet, daemon, client = mesh
    sha256 = (await upload(client, app(size=60_000))).json()["sha256"]
    made = (await client.post("/rollouts", json=spec(sha256, approval=True))).json()
    assert (made["state"], made["actions"]) == ("awaiting_approval", ["approve", "pause", "abort"])
    detail = problem(await client.post("/rollouts/r1/resume"), 409)
    assert "approve" in detail
    assert (await client.post("/rollouts/r1/approve")).json()["state"] != "awaiting_approval"
    await until(daemon, "/rollouts/r1", lambda rollout: rollout["state"] in {"surveying", "updating"})
    paused = await client.post("/rollouts/r1/pause", json={"reason": "lunch"})
    assert paused.json()["state"] == "paused"
    answers = await asyncio.gather(*(client.post("/rollouts/r1/resume") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert (await client.post("/rollouts/r1/abort")).json()["state"] == "aborted"
    await until(daemon, "/health", lambda health: health["details"]["rollouts_active"] == 0)
    problem(await client.post("/rollouts/r1/abort"), 409)
    problem(await client.post("/rollouts/r9/abort"), 404)
    problem(await client.post("/rollouts/r1/dance"), 400)
    who_did_what = [entry["action"] for entry in (await client.get("/audit")).json()["items"]]
    assert {"rollout.approve", "rollout.pause", "rollout.resume", "rollout.abort"} <= set(who_did_what)
    assert who_did_what.count("rollout.resume") == 1

    push = await client.post("/updates", json={"firmware": sha256, "role": "sensor"})
    assert push.status_code == 201, push.text
    assert (await ended(daemon, "r2"))["state"] == "completed"
    runs = (await client.get("/updates", params={"rollout": "r2"})).json()["items"]
    assert {run["kind"] for run in runs} >= {"survey", "install"}
    run = (await client.get(f"/updates/{runs[0]['id']}")).json()
    assert not run["open"]
    attempts = (await client.get("/attempts", params={"node": NODES[0], "rollout": "r2"})).json()["items"]
    assert attempts[0]["state"] in {"completed", "already_installed"}
    assert [board.updates for board in fleet.images()] == [1] * 4


async def test_push_of_the_command_line_goes_through_the_daemon(mesh, tmp_path):
    fleet, daemon, _ = mesh
    file = tmp_path / "fw.bin"
    file.write_bytes(app(size=30_000))
    status, output, errors = await run_meshward(
        "push", file, "--role", "sensor", "--data", daemon.data, "--json"
    )
    assert status == 0, errors + output
    rollouts = (await daemon.get("/rollouts"))["items"]
    assert [(rollout["state"], rollout["counts"]) for rollout in rollouts] == [
        ("completed", {"completed": 4})
    ]
    assert [board.updates for board in fleet.images()] == [1] * 4


async def test_nodes_are_told_apart_filtered_and_forgotten(mesh):
    fleet, daemon, client = mesh
    await client.patch(f"/nodes/{NODES[1]}", json={"name": "Kitchen", "tags": ["warm", "home"]})
    assert (await client.patch(f"/nodes/{NODES[1]}", json={"tags": ["Not This"]})).status_code == 422
    listed = (await client.get("/nodes", params={"tag": "warm", "online": True})).json()
    assert [node["name"] for node in listed["items"]] == ["Kitchen"]
    assert (await client.get("/nodes", params={"q": "kitch"})).json()["total"] == 1
    page = (await client.get("/nodes", params={"limit": 3, "sort": "-id"})).json()
    rest = (await client.get("/nodes", params={"limit": 3, "sort": "-id", "cursor": page["next"]})).json()
    assert [node["id"] for node in page["items"] + rest["items"]] == NODES[::-1]
    assert rest["next"] is None
    tree = (await client.get("/topology")).json()
    assert {node["id"] for node in tree["nodes"]} == {tree["own_id"], *NODES}

    detail = await client.get(f"/nodes/{NODES[1]}")
    stale = {"If-Match": '"not this one"'}
    problem(await client.patch(f"/nodes/{NODES[1]}", json={"name": "x"}, headers=stale), 412)
    assert detail.json()["parents"][0]["parent"] is not None
    problem(await client.delete(f"/nodes/{NODES[3]}"), 409)
    leaf = next(node for node in fleet._nodes if node.node_id == NODES[3])
    await leaf.shut_down()
    await sees(daemon, 3)
    assert (await client.delete(f"/nodes/{NODES[3]}")).status_code == 204
    assert (await client.get("/nodes")).json()["total"] == 3
    problem(await client.get(f"/nodes/{NODES[3]}"), 404)


async def test_lists_come_in_pages_and_events_from_a_number_on(mesh):
    _, _, client = mesh
    sha256 = (await upload(client, app())).json()["sha256"]
    for _ in range(5):
        made = (await client.post("/rollouts", json=spec(sha256, approval=True))).json()
        await client.post(f"/rollouts/{made['id']}/abort")
    for path in ("/rollouts", "/events", "/audit"):
        whole = (await client.get(path, params={"limit": 1000})).json()
        parts, cursor = [], None
        while True:
            params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            part = (await client.get(path, params=params)).json()
            assert part["total"] >= whole["total"]
            parts += part["items"]
            cursor = part["next"]
            if cursor is None:
                break
        ids = [item["id"] for item in parts]
        assert len(set(ids)) == len(ids)
        assert set(ids) >= {item["id"] for item in whole["items"]}
    assert (await client.get("/rollouts", params={"state": "completed"})).json()["total"] == 0
    newer = (await client.get("/events", params={"after": 2, "limit": 2})).json()["items"]
    assert [event["id"] for event in newer] == [3, 4]
    for path in ("/rollouts", "/updates", "/attempts"):
        problem(await client.get(path, params={"cursor": "nonsense"}), 422)
    problem(await client.get("/rollouts", params={"limit": 0}), 400)


async def test_tokens_open_what_their_role_may_until_they_are_revoked(mesh):
    _, daemon, client = mesh
    made = {
        role: (await client.post("/tokens", json={"role": role, "name": f"{role}'s"})).json()
        for role in ("viewer", "operator", "admin")
    }
    may = {"viewer": (200, 403, 403), "operator": (200, 422, 403), "admin": (200, 422, 200)}
    url = f"{daemon.endpoint()['url']}/api/v1"
    for role, expected in may.items():
        async with httpx.AsyncClient(
            base_url=url, headers=bearer(made[role]["token"]), trust_env=False
        ) as caller:
            asked = (
                await caller.get("/nodes"),
                await upload(caller, b"no firmware"),
                await caller.get("/tokens"),
            )
            assert tuple(answer.status_code for answer in asked) == expected
            assert (await client.delete(f"/tokens/{made[role]['id']}")).status_code == 200
            problem(await caller.get("/nodes"), 401)
    listed = (await client.get("/tokens")).json()
    assert all(token["revoked_at"] and "token" not in token for token in listed)
    log = daemon.log.read_text()
    everything = log + (await client.get("/audit")).text + (await client.get("/events")).text
    for token in made.values():
        assert token["token"] not in everything
    assert daemon.endpoint()["token"] not in everything


async def test_settings_take_effect_and_last(mesh):
    _, daemon, client = mesh
    assert (await client.patch("/settings", json={"updates_paused": True})).json()["updates_paused"]
    problem(await client.patch("/settings", json={"updates_at_once": 99}), 422)
    problem(await client.patch("/settings", json={"probe_every_s": True}), 400)
    sha256 = (await upload(client, app())).json()["sha256"]
    await client.post("/rollouts", json=spec(sha256))
    await asyncio.sleep(2)
    assert (await client.get("/updates")).json()["total"] == 0
    assert (await client.get("/rollouts/r1")).json()["state"] in {"scheduled", "surveying"}
    assert (await client.get("/settings")).json()["fixed"]["http.upload_max"]
    await client.patch("/settings", json={"updates_paused": False})
    assert (await ended(daemon, "r1"))["state"] == "completed"


async def test_killed_and_started_with_a_copy_of_its_data_it_knows_the_same(mesh, tmp_path):
    fleet, daemon, client = mesh
    sha256 = (await upload(client, app(size=100_000))).json()["sha256"]
    await client.post("/rollouts", json=spec(sha256))
    await client.patch(f"/nodes/{NODES[0]}", json={"name": "Hall"})
    await until(daemon, "/rollouts/r1", lambda rollout: rollout["state"] == "updating")
    await daemon.kill()
    copy = tmp_path / "copy"
    daemon.data.rename(copy)
    again = Daemon(copy, f"127.0.0.1:{fleet.plan.port}")
    await again.start()
    try:
        await again.wait_ready()
        assert {node["id"]: node["name"] for node in (await again.get("/nodes"))["items"]}[NODES[0]] == "Hall"
        assert (await ended(again, "r1"))["state"] == "completed"
        assert (await again.get("/audit/verify"))["ok"]
        assert [board.updates for board in fleet.images()] == [1] * 4
    finally:
        await again.kill()
