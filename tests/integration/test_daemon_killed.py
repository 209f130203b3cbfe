"""A rollout over real TCP and processes, with the daemon killed again and again while it runs."""

import asyncio
import os
import random
import shutil
from collections import Counter

import pytest

from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.boards import Setting, StockPlan
from meshward.sim.flash import Image
from meshward.store import audit
from meshward.store.connection import check_whole, open_connection
from tests.integration.fleets import running_fleet
from tests.integration.gateways import Daemon, run_meshward

NODES = 40
FIRST_ID = 1001
KILLS = int(os.environ.get("MESHWARD_KILLS", "8"))
OTHER_HARDWARE = range(FIRST_ID + 3, FIRST_ID + NODES, 4)
OTHER_ROLE = range(FIRST_ID + 4, FIRST_ID + NODES, 5)
IMAGES = {
    "ESP32": synthetic_image(40_000, hardware="ESP32", version="2.0"),
    "ESP8266": synthetic_image(40_000, hardware="ESP8266", version="2.0"),
}


def stock_plan():
    return StockPlan(
        hardware_of=[Setting("ESP8266", node, node) for node in OTHER_HARDWARE],
        role_of=[Setting("gate", node, node) for node in OTHER_ROLE],
    )


@pytest.mark.timeout(120 + 12 * KILLS)
async def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(tmp_path, seed):
    data = tmp_path / "data"
    files = []
    for hardware, content in IMAGES.items():
        files.append(tmp_path / f"{hardware}.bin")
        files[-1].write_bytes(content)
    async with running_fleet(
        nodes=NODES, topology="random", loop_ms=10, seed=seed, stock=stock_plan()
    ) as fleet:
        daemon = Daemon(data, f"127.0.0.1:{fleet.plan.port}")
        await daemon.start()
        await daemon.wait_ready()
        try:
            status, output, errors = await run_meshward(
                *("rollout", "create", *files, "--role", "sensor", "--yes", "--data", data),
                *("--wave", "name=canary,size=2,soak=2s,errors=0,success=100%"),
                *("--wave", "name=early,size=25%,soak=2s", "--wave", "name=everyone,soak=2s"),
                *("--on-failure", "pause", "--json"),
            )
            assert status == 0, errors + output
            await kill_again_and_again(daemon, tmp_path, seed)
            rollout = await ended(daemon)
        finally:
            await daemon.kill()
        boards = fleet.images()
    assert rollout["state"] == "completed", rollout["reason"]
    targets = {node for node in range(FIRST_ID, FIRST_ID + NODES) if node not in OTHER_ROLE}
    states = {entry["node"]: entry["state"] for entry in rollout["nodes"]}
    assert states == {
        node: "completed" if node in targets else "not_targeted" for node in range(FIRST_ID, FIRST_ID + NODES)
    }
    assert Counter(entry["wave"] for entry in rollout["nodes"] if entry["node"] in targets) == {
        0: 2,
        1: 8,
        2: 22,
    }
    assert {board.node_id: board.updates for board in boards} == {
        node: int(node in targets) for node in range(FIRST_ID, FIRST_ID + NODES)
    }
    for board in boards:
        if board.node_id in targets:
            assert board.md5 == Image.of(IMAGES[board.hardware]).md5
    check_copies(tmp_path)


async def kill_again_and_again(daemon, tmp_path, seed):
    rng = random.Random(f"{seed}/kills")
    for kill in range(KILLS):
        await asyncio.sleep(rng.uniform(0.2, 4.0))
        await daemon.kill()
        copy = tmp_path / f"copy-{kill}"
        copy.mkdir()
        for file in daemon.data.glob("meshward.db*"):
            shutil.copy(file, copy)
        await daemon.start()
        if rng.random() < 0.7:  # the others die while they start
            await daemon.wait_ready()
    if daemon.process.returncode is None:
        await daemon.wait_ready()


async def ended(daemon):
    final = {"completed", "failed", "aborted", "rolled_back", "paused"}
    while True:
        rollout = await daemon.get("/rollouts/r1")
        if rollout["state"] in final:
            return rollout
        await asyncio.sleep(0.5)


def check_copies(tmp_path):
    copies = sorted(tmp_path.glob("copy-*"))
    assert len(copies) == KILLS
    for copy in copies:
        connection = open_connection(copy / "meshward.db")
        try:
            check_whole(connection, copy, thorough=True)
            assert audit.verify(connection).ok
            assert connection.execute("SELECT count(*) FROM rollout").fetchone() == (1,)
        finally:
            connection.close()
