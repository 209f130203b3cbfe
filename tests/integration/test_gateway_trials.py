"""A real daemon in a real mesh: a node is asked for its delay, its packages are shown, files are looked at."""

import asyncio

import pytest

from meshward.fleet.commands import Drop, Kill
from tests.integration.gateway_meshes import app, problem, until
from tests.integration.health_meshes import boards, health_mesh, ids
from tests.support.web import bearer

NODES = 5
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
async def mesh(tmp_path):
    async with health_mesh(tmp_path, nodes=NODES, plan=boards()) as (fleet, daemon), daemon.api() as client:
        yield fleet, daemon, client


async def test_nodes_are_asked_and_what_they_say_is_shown(mesh):
    fleet, daemon, client = mesh
    answers = await asyncio.gather(*(client.post(f"/nodes/{node}/ping") for node in [*ids(NODES)] * 3))
    for answer in answers:
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert view["answered"]
        assert 0 <= view["delay_ms"] < 1000 * view["waited_s"] <= 5000
    # As every measurement it is the node's latest, and none that was answered counts as lost.
    for node in ids(NODES):
        shown = await until(daemon, f"/nodes/{node}", lambda shown: shown["delay_ms"] is not None)
        assert shown["delay_ms"] < 5000
    status = await until(
        daemon, "/status", lambda status: all("delay_ms" in node["metrics"] for node in status["nodes"])
    )
    losses = [node["metrics"].get("probe_loss_percent") for node in status["nodes"]]
    assert {loss["value"] for loss in losses if loss is not None} <= {0}

    packages = await until(
        daemon, f"/nodes/{ids(NODES)[0]}/packages", lambda shown: {604, 712} <= {one["type"] for one in shown}
    )
    assert all(one["package"]["from"] == ids(NODES)[0] for one in packages)
    assert [one["at"] for one in packages] == sorted((one["at"] for one in packages), reverse=True)
    assert {one["what"] for one in packages if one["type"] == 712} == {"telemetry"}

    await check_nodes_that_cannot_answer(fleet, daemon, client, *ids(NODES)[-2:])


async def check_nodes_that_cannot_answer(fleet, daemon, client, silent, gone):
    await fleet.apply(Kill(silent))  # its links stay open for a while
    view = (await client.post(f"/nodes/{silent}/ping")).json()
    assert (view["answered"], view["delay_ms"]) == (False, None)
    assert view["waited_s"] > 0
    await fleet.apply(Drop(gone))
    await until(daemon, f"/nodes/{gone}", lambda shown: not shown["online"])
    assert "not in the mesh" in problem(await client.post(f"/nodes/{gone}/ping"), 409)


async def test_a_file_is_looked_at_and_nothing_of_it_stays(mesh):
    _, daemon, client = mesh
    content = app()
    looked = await client.post(
        "/firmware/check", content=content, headers=BINARY, params={"name": "lamp.bin"}
    )
    assert looked.status_code == 200, looked.text
    assert (looked.json()["taken"], looked.json()["version"]) == (True, "2.0")
    refused = await client.post("/firmware/check", content=b"%PDF-1.7" + bytes(100_000), headers=BINARY)
    assert "not a firmware image" in refused.json()["refusal"]
    assert await daemon.get("/firmware") == []
    assert list((daemon.data / "firmware").iterdir()) == []
    assert problem(await client.post("/firmware/check", content=b"", headers=BINARY), 422)


async def test_a_rule_is_tried_on_what_was_just_measured(mesh):
    _, daemon, client = mesh
    await until(
        daemon, "/status", lambda status: all("heap_free_bytes" in n["metrics"] for n in status["nodes"])
    )
    trial = {"metric": "heap_free_bytes", "direction": "below", "threshold": 60_000_000, "days": 1}

    async with asyncio.timeout(20):
        while (shown := (await client.post("/alert-rules/try", json=trial)).json())["nodes"] < NODES:  # noqa: ASYNC110 asks another process
            await asyncio.sleep(0.2)
    assert shown["count"] == NODES
    assert {one["node"] for one in shown["episodes"]} == set(ids(NODES))
    assert all(one["until_at"] is None for one in shown["episodes"])


async def test_the_dashboard_is_kept(mesh):
    _, daemon, client = mesh
    place = {"positions": {str(ids(NODES)[0]): [10, -20]}}
    assert (await client.patch("/dashboard", json=place)).json()["positions"] == place["positions"]
    assert (await client.get("/dashboard", headers=bearer("wrong"))).status_code == 401
    await daemon.stop()
    await daemon.start()
    await daemon.wait_ready()
    assert (await daemon.get("/dashboard"))["positions"] == place["positions"]
