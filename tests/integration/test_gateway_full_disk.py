"""A real daemon whose disk fills while it carries out a rollout, and is freed again."""

import asyncio
import contextlib
import os
import resource
import subprocess

import pytest

from tests.integration.gateway_meshes import (
    FIRST_ID,
    app,
    ended,
    gateway_in_mesh,
    problem,
    spec,
    states,
    until,
    upload,
)
from tests.integration.gateways import run_meshward

NODES = 4
DISK_BYTES = 8 * 1024 * 1024
#: Less than the journal has by the time a rollout runs, so that it cannot grow; logs are shorter.
FILE_BYTES = 64 * 1024


class SmallDisk:
    """A disk of its own, where this user may mount one."""

    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"

    def fill(self, _daemon):
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (65_536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self, _daemon):
        self._filler.unlink()


class NoGrowth:
    """As good as a full disk for files that are long already: they cannot get longer."""

    def __init__(self, path):
        self.path = path

    def fill(self, daemon):
        _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, hard))

    def free(self, daemon):
        _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    options = f"size={DISK_BYTES},mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    yield SmallDisk(path) if mounted else NoGrowth(path)
    if mounted:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("kind", ["disk", "files"])
@pytest.mark.timeout(120)
async def test_updates_stand_still_and_go_on(disk, kind):
    if kind == "files":
        disk = NoGrowth(disk.path)
    async with gateway_in_mesh(disk.path, nodes=NODES, loop_ms=10) as (fleet, daemon), daemon.api() as client:
        sha256 = (await upload(client, app(size=150_000))).json()["sha256"]
        made = await client.post("/rollouts", json=spec(sha256))
        assert made.status_code == 201
        await until(daemon, "/rollouts/r1", lambda rollout: rollout["state"] == "updating")
        before = (await client.get("/audit/verify")).json()

        disk.fill(daemon)
        health = await until(daemon, "/health", lambda health: not health["details"]["store_writable"])
        health = await until(daemon, "/health", lambda health: health["details"]["alarms"])
        assert any("updates stand still" in alarm for alarm in health["details"]["alarms"])
        assert not health["details"]["ok"]
        status, output, errors = await run_meshward("status", "--data", disk.path)
        assert "updates stand still" in " ".join((output + errors).split())
        assert status == 0
        assert (await client.get("/ready")).status_code == 503
        for refused in (
            await client.post("/rollouts", json=spec(sha256, name="other")),
            await client.post("/rollouts/r1/abort"),
            await upload(client, app("3.0")),
            await client.post("/tokens", json={"role": "viewer"}),
            await client.patch(f"/nodes/{FIRST_ID}", json={"name": "x"}),
        ):
            assert problem(refused, refused.status_code)
            assert refused.status_code in {503, 507}
        await asyncio.sleep(1)
        boards = [(board.updates, board.md5) for board in fleet.images()]
        place = await placed(client)
        await asyncio.sleep(3)
        assert await placed(client) == place
        assert [(board.updates, board.md5) for board in fleet.images()] == boards
        for path in ("/nodes", "/rollouts/r1", "/events", "/audit", "/firmware", "/tokens", "/settings"):
            assert (await client.get(path)).status_code == 200

        disk.free(daemon)
        health = await until(daemon, "/health", lambda health: health["details"]["store_writable"])
        rollout = await ended(daemon, "r1", 60)
        assert rollout["state"] == "completed", rollout["reason"]
        assert states(rollout) == dict.fromkeys(range(FIRST_ID, FIRST_ID + NODES), "completed")
        assert [board.updates for board in fleet.images()] == [1] * NODES
        health = (await client.get("/health")).json()["details"]
        assert not any("stand still" in alarm for alarm in health["alarms"])
        after = (await client.get("/audit/verify")).json()
        assert after["ok"]
        assert after["entries"] >= before["entries"]
        assert [entry["action"] for entry in (await client.get("/audit")).json()["items"]].count(
            "rollout.create"
        ) == 1
        assert (await client.get("/tokens")).json() == []
        assert (await upload(client, app("3.0"))).status_code == 201
        await daemon.kill()
        await daemon.start()
        await daemon.wait_ready()
        assert (await daemon.get("/rollouts/r1"))["state"] == "completed"


async def placed(client):
    """How far each node is, and what was sent."""
    rollout = (await client.get("/rollouts/r1")).json()
    return [(entry["node"], entry["state"], entry["parts_done"]) for entry in rollout["nodes"]]
