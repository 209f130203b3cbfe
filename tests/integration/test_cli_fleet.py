"""The command `fleet`, and the demo, as processes of their own."""

import asyncio
import json
import os
import shlex
import signal
import sys

import pytest

from meshward import Mesh
from tests.integration.fleets import next_port, running_fleet
from tests.integration.hostile import HOST, eventually


class Fleet:
    """A `meshward fleet` process."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    async def line(self):
        async with asyncio.timeout(20):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def tell(self, command):
        self.process.stdin.write(f"{command}\n".encode())
        await self.process.stdin.drain()

    async def end(self):
        """(exit status, the rest of standard output, standard error), once it ends by itself."""
        output, errors = await self.process.communicate()
        return self.process.returncode, output.decode(), errors.decode()


@pytest.fixture
async def start():
    """Starts fleets; none outlives the test."""
    fleets = []

    async def start(*arguments, port=None, stdin=asyncio.subprocess.PIPE, shell=""):
        port = next_port() if port is None else port
        command = [sys.executable, "-m", "meshward", "fleet", "--port", str(port), *map(str, arguments)]
        process = await asyncio.create_subprocess_exec(
            *(["sh", "-c", f"exec {shlex.join(command)} {shell}"] if shell else command),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        fleets.append(Fleet(process, port))
        return fleets[-1]

    yield start
    for fleet in fleets:
        if fleet.process.returncode is None:
            fleet.process.kill()
            await fleet.process.communicate()


async def test_a_fleet_says_when_it_is_ready_and_obeys(start):
    fleet = await start("--nodes", 6, "--topology", "chain", "--first-id", 500)
    ready = await fleet.line()
    assert ready.startswith(f"ready nodes=6 port={fleet.port} first_id=500 seconds=")
    async with Mesh.connect(f"{HOST}:{fleet.port + 2}", node_id=1) as mesh:
        assert mesh.nodes()[0].node_id == 502
        await fleet.tell("drop 505")
        assert await fleet.line() == "drop 505"
        assert (await fleet.line()).startswith("converged nodes=5 seconds=")
        await eventually(lambda: len(mesh.nodes()) == 5)
        await fleet.tell("reparent 504 500")
        assert await fleet.line() == "reparent 504 500"
        assert (await fleet.line()).startswith("converged nodes=5 seconds=")
        await fleet.tell("restart 505")
        assert await fleet.line() == "restart 505"
        await eventually(lambda: len(mesh.nodes()) == 6)
    assert (await fleet.line()).startswith("converged nodes=6 seconds=")
    await fleet.tell("drop")
    assert await fleet.line() == "error: drop needs node ids, as in `drop 1005`"
    await fleet.tell("drop 7")
    assert await fleet.line() == "error: no node 7 in this fleet; it has 500 to 505"
    await fleet.tell("tree")
    assert await fleet.line() == "500"
    await fleet.tell("help")
    await fleet.tell("quit")
    status, output, errors = await fleet.end()
    assert (status, errors) == (0, "")
    assert "reparent ID PARENT" in output


async def test_the_end_of_input_is_not_the_end_of_the_fleet(start):
    fleet = await start("--nodes", 3, stdin=asyncio.subprocess.DEVNULL)
    await fleet.line()
    async with Mesh.connect(f"{HOST}:{fleet.port}", node_id=1) as mesh:
        await mesh.ping(1003)
    fleet.process.send_signal(signal.SIGTERM)
    assert await fleet.end() == (0, "", "")


async def test_a_fleet_runs_with_input_closed(start):
    fleet = await start("--nodes", 3, shell="<&-")
    assert (await fleet.line()).startswith("ready nodes=3")
    async with Mesh.connect(f"{HOST}:{fleet.port}", node_id=1) as mesh:
        await mesh.ping(1003)
    fleet.process.terminate()
    assert await fleet.end() == (0, "", "")


async def test_commands_may_come_from_a_file(start, tmp_path):
    (tmp_path / "commands").write_text("drop 1003\n# then\ntree\nquit")
    with (tmp_path / "commands").open() as commands:
        fleet = await start("--nodes", 3, "--topology", "star", stdin=commands)
    status, output, errors = await fleet.end()
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].startswith("ready ")
    assert lines[1] == "drop 1003"
    assert lines[2].startswith("1001")


async def test_ctrl_c_ends_a_fleet_cleanly(start):
    fleet = await start("--nodes", 3)
    await fleet.line()
    fleet.process.send_signal(signal.SIGINT)
    assert await fleet.end() == (130, "", "")


async def test_changes_by_the_clock_and_json(start):
    fleet = await start(
        *("--nodes", 4, "--topology", "chain", "--json"),
        *("--drop-at", "1004:0.1", "--reparent-at", "1003:1001:0.4", "--restart-at", "1004:0.7"),
    )
    entries = []
    while not entries or entries[-1].get("meshes") != [[1001, 1002, 1003, 1004]] or len(entries) < 5:
        entries.append(json.loads(await fleet.line()))
    seconds = entries[0].pop("seconds")
    assert seconds < 20
    assert entries[0] == {"event": "ready", "nodes": 4, "port": fleet.port, "first_id": 1001}
    changes = [entry for entry in entries[1:] if entry["event"] != "converged"]
    assert changes == [
        {"event": "drop", "node_id": 1004},
        {"event": "reparent", "node_id": 1003, "parent_id": 1001},
        {"event": "restart", "node_id": 1004},
    ]
    await fleet.tell("tree")
    (tree,) = json.loads(await fleet.line())["trees"]
    assert sorted(sub["nodeId"] for sub in tree["subs"]) == [1002, 1003]
    await fleet.tell("quit")
    assert (await fleet.end())[0] == 0


async def test_a_fleet_of_stock_boards_tells_what_they_run(start, tmp_path):
    report = tmp_path / "report.json"
    flags = ("--kind", "stock", "--role", "sensor", "--role-of", "1002:gate", "--report", report)
    fleet = await start("--nodes", 2, *flags)
    await fleet.line()
    factory = "md5=ab900f0f690ff54abe2910683dbed1b4 size=12 boots=1 updates=0"
    lines = [
        f"image node=1001 {factory} role=sensor hardware=ESP32 on=yes",
        f"image node=1002 {factory} role=gate hardware=ESP32 on=yes",
    ]
    await fleet.tell("images")
    assert [await fleet.line(), await fleet.line()] == lines
    await fleet.tell("report")
    assert await fleet.line() == f"report {report}"
    assert json.loads(report.read_text())["1002"]["role"] == "gate"
    await fleet.tell("drop-link 1002")
    assert await fleet.line() == "drop-link 1002"
    report.unlink()
    fleet.process.send_signal(signal.SIGINT)
    status, output, errors = await fleet.end()
    assert (status, errors) == (130, "")
    assert output.splitlines()[-2:] == lines
    assert json.loads(report.read_text()).keys() == {"1001", "1002"}


async def test_images_as_json_and_of_plain_nodes(start):
    fleet = await start("--nodes", 2, "--json", "--kind", "stock", "--hardware", "ESP8266")
    plain = await start("--nodes", 2)
    await fleet.line()
    await fleet.tell("images")
    entry = json.loads(await fleet.line())
    assert entry["event"] == "images"
    assert entry["nodes"]["1001"]["hardware"] == "ESP8266"
    await plain.line()
    await plain.tell("images")
    assert (await plain.line()).startswith("error: these are plain nodes")
    await plain.tell("report")
    assert (await plain.line()).startswith("error: there is no report file")


async def test_a_port_in_use_is_one_line(start):
    async with running_fleet(nodes=2) as other:
        fleet = await start(port=other.plan.port)
        status, output, errors = await fleet.end()
    assert (status, output) == (1, "")
    assert errors.startswith(f"meshward: cannot listen on port {other.plan.port} (")
    assert errors.count("\n") == 1


@pytest.mark.timeout(240)
async def test_the_demo_ends_by_itself_with_all_boards_updated_in_three_waves():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshward.demo"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"},
    )
    output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    lines = output.decode().splitlines()
    assert "20 nodes, all of them online" in output.decode()
    assert [line for line in lines if line.startswith("wave ") and line.endswith(" passed")] == [
        "wave 1 (canary) passed",
        "wave 2 (early adopters) passed",
        "wave 3 (everyone) passed",
    ]
    assert any(
        line.startswith("rollout r1 completed after ") and line.endswith("; 20 completed") for line in lines
    )
    assert any(line.startswith("whole: ") for line in lines), "the audit log"
    stock = next(line for line in lines if line.startswith("painlessMesh's own sender needs"))
    assert 100 < float(stock.split(" and ")[1].split()[0]) < 300, "seconds from a board"
