"""A small real fleet with a real gateway in it."""

import asyncio
from contextlib import asynccontextmanager

from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.boards import StockPlan
from tests.integration.fleets import running_fleet
from tests.integration.gateways import running_daemon

FIRST_ID = 1001
FINAL = {"completed", "failed", "aborted", "rolled_back"}


def app(version="2.0", size=20_000, hardware="ESP32"):
    return synthetic_image(size, hardware=hardware, project="lamp", version=version)


@asynccontextmanager
async def gateway_in_mesh(data, *arguments, nodes=4, loop_ms=None, **stock):
    """Yields the fleet and the daemon, which sees all of it."""
    plan = {"nodes": nodes, "loop_ms": loop_ms, "stock": StockPlan(downtime_us=300_000, **stock)}
    async with (
        running_fleet(**plan) as fleet,
        running_daemon(data, f"127.0.0.1:{fleet.plan.port}", *arguments) as daemon,
    ):
        await sees(daemon, nodes)
        yield fleet, daemon


async def sees(daemon, nodes):
    """Wait until so many nodes are in the mesh."""
    await until(daemon, "/health", lambda health: health["details"]["nodes_online"] == nodes)


async def until(daemon, path, condition, limit_s=30):
    """What is answered, once it is as wanted."""
    async with asyncio.timeout(limit_s):
        while not condition(answer := await daemon.get(path)):  # noqa: ASYNC110 asks another process
            await asyncio.sleep(0.1)
    return answer


async def ended(daemon, rollout_id, limit_s=40):
    """A rollout, once it is over or stands still."""
    return await until(
        daemon, f"/rollouts/{rollout_id}", lambda rollout: rollout["state"] in {*FINAL, "paused"}, limit_s
    )


async def upload(client, content, name="fw.bin", **more):
    return await client.post(
        "/firmware",
        content=content,
        headers={"Content-Type": "application/octet-stream", "X-Filename": name},
        **more,
    )


def spec(*images, **changes):
    """A rollout of one wave, without soak."""
    values = {
        "name": "trial",
        "images": list(images),
        "target": {"roles": ["sensor"]},
        "waves": [{"name": "everyone", "soak_s": 0}],
        "on_failure": "pause",
    }
    return {**values, **changes}


def states(rollout):
    return {entry["node"]: entry["state"] for entry in rollout["nodes"]}


def problem(answer, status):
    """The detail of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document["detail"]
