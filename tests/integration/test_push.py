"""The commands `push` and `verify` on small fleets of stock boards, over real TCP."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import pytest

from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.boards import Losses, Setting, StockPlan
from meshward.sim.flash import FACTORY_IMAGE, Image
from tests.integration.fleets import running_fleet
from tests.integration.hostile import eventually

#: Enough for a transfer of some seconds at 511 bytes every 10 ms, so that it can be interrupted.
APP = synthetic_image(60_000)
MD5 = Image.of(APP).md5
PARTS = 59
SLOW = {"loop_ms": 10, "bytes_per_loop": 511}


@pytest.fixture
def command(tmp_path):
    """Runs `meshward push` or `verify` of APP; its journals are the test's own."""
    (tmp_path / "app.bin").write_bytes(APP)

    @contextlib.asynccontextmanager
    async def command(verb, fleet, *arguments):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "meshward", verb, str(tmp_path / "app.bin"), "--role", "sensor"),
            *("--connect", f"127.0.0.1:{fleet.plan.port}", "--part-size", "1024", *map(str, arguments)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "80"},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    return command


@pytest.fixture
def run(command):
    """(exit status, standard output, standard error) of a command that ends by itself."""

    async def run(verb, fleet, *arguments):
        async with command(verb, fleet, *arguments) as process, asyncio.timeout(50):
            output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()

    return run


def stock_fleet(nodes=3, slow=True, **plan):
    return running_fleet(nodes=nodes, topology="chain", stock=StockPlan(**plan), **(SLOW if slow else {}))


def journals(tmp_path):
    return list((tmp_path / "meshward" / "updates").glob("*"))


def states(report):
    return {entry["node"]: entry["state"] for entry in report["nodes"]}


async def under_way(fleet):
    """Wait until the last node of the fleet has some parts, and lacks some."""
    node = fleet._nodes[-1]
    await eventually(lambda: node.stock.receiver.part > 30, limit_s=30)
    assert node.stock.receiver.part < PARTS - 10


async def test_the_report_says_how_each_board_ended(run, tmp_path):
    plan = {"role_of": [Setting("gate", 1002, 1002)], "lose_parts": [Setting(Losses((17, 18)), 1003, 1003)]}
    async with stock_fleet(**plan) as fleet:
        status, output, errors = await run("push", fleet, "--json")
        assert (status, errors) == (0, "")
        running = [(image.md5, image.boots) for image in fleet.images()]
    assert running == [(MD5, 2), (FACTORY_IMAGE.md5, 1), (MD5, 2)]
    report = json.loads(output)
    assert report.keys() >= {
        *("strategy", "image", "seconds", "floor_seconds", "efficiency"),
        *("bytes_sent", "bytes_all_links", "nodes"),
    }
    assert report["strategy"] == "broadcast"
    assert (report["image"]["md5"], report["image"]["size_bytes"]) == (MD5, len(APP))
    assert states(report) == {1001: "completed", 1002: "not_targeted", 1003: "completed"}
    for entry in report["nodes"]:
        assert sorted(entry) == ["attempts", "node", "reason", "repaired_parts", "seconds", "state"]
    whole, other, repaired = report["nodes"]
    assert (whole["reason"], whole["repaired_parts"], whole["attempts"]) == (None, 0, 1)
    assert (other["seconds"], other["attempts"]) == (None, 0)
    assert "not of role 'sensor'" in other["reason"]
    assert (repaired["repaired_parts"], repaired["attempts"]) == (PARTS - 17, 2)
    assert report["bytes_sent"] < report["bytes_all_links"]
    assert 0 < report["floor_seconds"] <= report["seconds"] < 20
    assert journals(tmp_path) == []


async def test_boards_that_run_the_image_are_left_alone(run):
    async with stock_fleet(2, slow=False) as fleet:
        for node in fleet._nodes:
            node.stock.flash.md5_file = node.stock.receiver.running_md5 = MD5
        status, output, errors = await run("push", fleet)
        assert [image.boots for image in fleet.images()] == [1, 1]
    assert (status, errors) == (0, "")
    assert sorted(output.splitlines()[:2]) == [
        f"node {node_id} already_installed" for node_id in (1001, 1002)
    ]
    assert output.splitlines()[2] == "2 already_installed"


async def test_who_does_not_run_it_is_named(run):
    async with stock_fleet(2, slow=False, role_of=[Setting("gate", 1002, 1002)]) as fleet:
        status, output, _ = await run("verify", fleet)
    assert status == 1
    assert output.splitlines() == [
        "node 1001 failed: does not run this image",
        "node 1002 not_targeted: not of role 'sensor' on ESP32, or takes no updates",
        "1 failed, 1 not_targeted",
    ]


async def test_a_dry_run_sends_nothing(run, tmp_path):
    async with stock_fleet(3, slow=False) as fleet:
        status, output, _ = await run("push", fleet, "--dry-run", "--exclude", 1002, "--json")
        assert {image.md5 for image in fleet.images()} == {FACTORY_IMAGE.md5}
    planned = json.loads(output)
    assert status == 0
    assert planned["targets"] == [1001, 1003]
    assert planned["not_targeted"] == [{"node": 1002, "reason": "left out by choice"}]
    assert planned["bytes_busiest_link"] > len(APP) * 4 / 3
    assert journals(tmp_path) == []


async def test_killed_in_the_middle_it_goes_on_where_the_boards_are(command, run):
    async with stock_fleet() as fleet:
        async with command("push", fleet) as process:
            await under_way(fleet)
            process.kill()
            await process.communicate()
        status, output, errors = await run("push", fleet, "--resume", "--json")
        assert {image.md5 for image in fleet.images()} == {MD5}
    report = json.loads(output)
    assert (status, errors) == (0, "")
    assert states(report) == dict.fromkeys((1001, 1002, 1003), "completed")
    # 59 frames of 1560 bytes are a whole image, 92 KB without a single question.
    assert report["bytes_sent"] < len(APP) * 1.3


async def test_ctrl_c_stops_in_good_order_and_the_same_command_goes_on(command, run, tmp_path):
    async with stock_fleet(2) as fleet:
        async with command("push", fleet) as process:
            await under_way(fleet)
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(10):
                output, errors = await process.communicate()
        assert process.returncode == 130
        assert errors.decode().startswith("meshward: stopped; ")
        assert errors.count(b"\n") == 1
        assert b"2 cancelled" in output
        assert len(journals(tmp_path)) == 1
        status, output, _ = await run("push", fleet)
    assert status == 0
    assert output.startswith("going on with the update of ")
    assert "2 completed" in output
    assert journals(tmp_path) == []


async def test_where_nobody_is_updated_the_exit_status_is_1(run, tmp_path):
    async with stock_fleet(2, slow=False, role="gate") as fleet:
        status, output, _ = await run("push", fleet)
    assert status == 1
    assert "nobody to update: no node answers as role 'sensor' on ESP32" in output.splitlines()
    assert journals(tmp_path) == []


async def test_boards_of_2019_are_updated_too(run):
    async with stock_fleet(2, slow=False, upstream_2019=True) as fleet:
        status, output, _ = await run("push", fleet, "--json")
        running = {image.md5 for image in fleet.images()}
    assert status == 0, output
    assert states(json.loads(output)) == {1001: "completed", 1002: "completed"}
    assert running == {MD5}
