"""A real daemon in a real mesh: one board is offered an update and takes it, and texts arrive."""

import asyncio

import pytest

from meshward.mesh import Mesh
from tests.integration.gateway_meshes import (
    FIRST_ID,
    app,
    ended,
    gateway_in_mesh,
    problem,
    states,
    until,
    upload,
)

NODES = [FIRST_ID + index for index in range(4)]
OTHER_ID = 4242


@pytest.fixture
async def mesh(tmp_path):
    async with gateway_in_mesh(tmp_path / "data") as (fleet, daemon), daemon.api() as client:
        yield fleet, daemon, client


async def offer_of(daemon, node):
    return {offer["node"]: offer for offer in await daemon.get("/offers")}[node]


async def test_one_board_takes_the_update_that_it_is_offered(mesh):
    fleet, daemon, client = mesh
    node, *others = NODES
    offer = await offer_of(daemon, node)
    assert (offer["installed"], offer["available"]) == ("", False)
    assert offer["refusal"].startswith("its role and hardware are not known yet")
    problem(await client.post(f"/nodes/{node}/update", json={}), 409)

    first = (await upload(client, app("1.0"), "lamp-1.0.bin")).json()["sha256"]
    pushed = await client.post("/updates", json={"firmware": first, "role": "sensor", "job": "first"})
    assert (await ended(daemon, pushed.json()["id"]))["state"] == "completed"
    problem(await client.post("/updates", json={"firmware": first, "role": "sensor", "job": "first"}), 409)
    second = (await upload(client, app("1.1"), "lamp-1.1.bin")).json()["sha256"]
    offer = await offer_of(daemon, node)
    assert (offer["installed"], offer["latest"], offer["firmware"]) == ("1.0", "1.1", second)
    assert (offer["available"], offer["refusal"]) == (True, "")

    made = await client.post(f"/nodes/{node}/update", json={})
    assert made.status_code == 201, made.text
    rollout = await ended(daemon, made.json()["id"])
    assert rollout["state"] == "completed", rollout["reason"]
    assert {n: state for n, state in states(rollout).items() if state == "completed"} == {node: "completed"}
    assert {board.node_id: board.updates for board in fleet.images()} == {node: 2, **dict.fromkeys(others, 1)}
    offer = await offer_of(daemon, node)
    assert (offer["installed"], offer["available"]) == ("1.1", False)
    assert (await offer_of(daemon, others[0]))["available"]
    problem(await client.post(f"/nodes/{node}/update", json={}), 409)


async def test_a_text_reaches_the_node_that_it_is_for(mesh):
    fleet, daemon, client = mesh
    async with Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=OTHER_ID) as other:
        texts = other.messages()
        await until(
            daemon, f"/nodes?q={OTHER_ID}", lambda page: [node["online"] for node in page["items"]] == [True]
        )
        sent = await client.post(f"/nodes/{OTHER_ID}/message", json={"text": "hello"})
        assert sent.status_code == 204, sent.text
        async with asyncio.timeout(10):
            message = await anext(texts)
        assert (message.text, message.broadcast) == ("hello", False)
    entry = (await client.get("/audit")).json()["items"][0]
    assert (entry["action"], entry["subject"], entry["detail"]) == (
        *("message.send", str(OTHER_ID)),
        {"text": "hello"},
    )
