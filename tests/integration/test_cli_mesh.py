"""The mesh commands as processes of their own, against a fleet of this process."""

import asyncio
import json
import os
import signal
import socket
import sys
import time

import pytest

from meshward import Mesh
from tests.integration.fleets import running_fleet
from tests.integration.hostile import HOST, eventually

OURS = "77"


_running = []


@pytest.fixture(autouse=True)
async def no_process_outlives_its_test():
    yield
    while _running:
        process = _running.pop()
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def start(*arguments, **environ):
    """A command as a new process; its output is not the terminal."""
    names = {name: value for name, value in os.environ.items() if not name.startswith(("MESHWARD_", "XDG_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "meshward",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env={**names, "HOME": "/", "COLUMNS": "80", **environ},
    )
    _running.append(process)
    return process


async def meshward(*arguments, **environ):
    """Run a command to its end: (exit status, standard output, standard error)."""
    process = await start(*arguments, **environ)
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture
async def fleet():
    async with running_fleet(nodes=5, topology="tree", fan_out=2) as fleet:
        yield fleet


@pytest.fixture
def at(fleet):
    """How to join the fleet."""
    return "--connect", f"{HOST}:{fleet.plan.port}", "--node-id", OURS


TREE = {
    "nodeId": 77,
    "subs": [
        {
            "nodeId": 1001,
            "subs": [{"nodeId": 1002, "subs": [{"nodeId": 1004}, {"nodeId": 1005}]}, {"nodeId": 1003}],
        }
    ],
}


def in_order(entry):
    """A tree with its subs in order of their ids: which of two neighbours joined first is chance."""
    subs = sorted((in_order(sub) for sub in entry.get("subs", ())), key=lambda sub: sub["nodeId"])
    return {"nodeId": entry["nodeId"], **({"subs": subs} if subs else {})}


async def test_topology(at):
    status, output, errors = await meshward("topology", *at, "--json")
    assert (status, errors) == (0, "")
    view = json.loads(output)
    assert list(view) == ["node_id", "nodes", "tree"]
    assert (view["node_id"], view["nodes"], in_order(view["tree"])) == (77, 6, TREE)
    status, output, errors = await meshward("topology", *at)
    assert (status, errors) == (0, "")
    assert output.startswith("77 (us) → 1001\n")
    assert output.endswith("6 nodes, ours included\n")


async def test_nodes(at):
    status, output, errors = await meshward("nodes", *at, "--json")
    assert (status, errors) == (0, "")
    view = json.loads(output)
    nodes = {node["node_id"]: node for node in view["nodes"]}
    assert (view["node_id"], sorted(nodes)) == (77, [77, 1001, 1002, 1003, 1004, 1005])
    assert nodes[77]["delay_us"] is None
    delay_us = nodes[1002].pop("delay_us")
    assert 0 <= delay_us < 1_000_000
    assert sorted(nodes[1002].pop("children")) == [1004, 1005]
    assert nodes[1002] == {
        "node_id": 1002,
        "parent": 1001,
        "depth": 2,
        "root": False,
        "time_authority": False,
    }
    status, output, errors = await meshward("nodes", "--no-delay", *at)
    assert (status, errors) == (0, "")
    assert "delay" not in output
    assert len(output.splitlines()) == 7


async def test_ping(fleet, at):
    status, output, errors = await meshward("ping", "all", *at, "--json")
    assert (status, errors) == (0, "")
    view = json.loads(output)
    assert (view["node_id"], view["asked"], view["answered"]) == (77, 5, 5)
    assert all(entry["delay_us"] >= 0 for entry in view["pings"])
    status, output, errors = await meshward("ping", "1005", *at)
    assert (status, errors) == (0, "")
    assert output.split()[::2] == ["1005", "ms"]


async def test_ping_fails_where_one_is_silent(fleet, at):
    fleet._by_id[1005].cut_power()
    status, output, errors = await meshward("ping", "all", *at, "--timeout", 0.5, "--json")
    assert status == 1
    assert errors == "meshward: 1 of 5 nodes did not answer within 0.5 s: 1005\n"
    assert {"node_id": 1005, "delay_us": None} in json.loads(output)["pings"]


async def test_ping_of_a_stranger_fails_at_once(at):
    status, output, errors = await meshward("ping", "99", *at)
    assert (status, output) == (1, "")
    assert errors.startswith("meshward: node 99 is not in the mesh (5 other nodes are)")


async def test_send_and_broadcast_are_heard(fleet, at):
    async with Mesh.connect(f"{HOST}:{fleet.plan.port + 4}", node_id=5) as mesh:
        messages = mesh.messages()
        assert await meshward("send", 5, "to you", *at) == (0, "sent to node 5\n", "")
        assert (await anext(messages)).text == "to you"
        status, output, _ = await meshward("broadcast", "to all", *at, "--json")
        assert status == 0
        assert sorted(json.loads(output)["confirmed"]) == [5, 1001, 1002, 1003, 1004, 1005]
        assert (await anext(messages)).text == "to all"


async def test_a_text_that_cannot_have_arrived_is_a_failure(fleet, at):
    fleet._by_id[1005].cut_power()
    status, output, errors = await meshward("send", 1005, "hello?", *at, "--timeout", 0.5)
    assert (status, output) == (1, "")
    assert "1005 did not confirm within 0.5 s" in errors


async def test_listen_prints_what_comes(fleet, at):
    listening = await start("listen", *at, "--count", 2, "--json")
    async with Mesh.connect(f"{HOST}:{fleet.plan.port + 4}", node_id=5) as mesh:
        await eventually(lambda: 77 in [node.node_id for node in mesh.nodes()])
        await mesh.send(77, "to you \x1b[2J")
        await mesh.broadcast("to all")
        output, errors = await listening.communicate()
    assert (listening.returncode, errors) == (0, b"")
    messages = [entry for entry in map(json.loads, output.splitlines()) if entry["event"] == "message"]
    assert messages == [
        {"event": "message", "from": 5, "to": 77, "text": "to you \x1b[2J"},
        {"event": "message", "from": 5, "to": None, "text": "to all"},
    ]
    assert b"\x1b" not in output


async def test_listen_shows_people_nothing_that_a_terminal_obeys(fleet, at):
    listening = await start("listen", *at, "--count", 1)
    async with Mesh.connect(f"{HOST}:{fleet.plan.port + 4}", node_id=5) as mesh:
        await eventually(lambda: 77 in [node.node_id for node in mesh.nodes()])
        await mesh.send(77, "bell \x07 and\nline")
        output, _ = await listening.communicate()
    assert "         5  us   bell \N{REPLACEMENT CHARACTER} and line\n" in output.decode()


async def test_listen_ends_cleanly_on_ctrl_c(fleet, at):
    listening = await start("listen", *at)
    async with Mesh.connect(f"{HOST}:{fleet.plan.port}", node_id=5) as mesh:
        await eventually(lambda: 77 in [node.node_id for node in mesh.nodes()])
        listening.send_signal(signal.SIGINT)
        _, errors = await listening.communicate()
        assert (listening.returncode, errors) == (130, b"")
        await eventually(lambda: 77 not in [node.node_id for node in mesh.nodes()])


async def test_ctrl_c_while_joining_is_clean():
    with socket.create_server((HOST, 0)) as silent:  # accepted by its system, answered by nobody
        joining = await start("nodes", "--connect", f"{HOST}:{silent.getsockname()[1]}")
        connection, _ = await asyncio.get_running_loop().run_in_executor(None, silent.accept)
        joining.send_signal(signal.SIGINT)
        output, errors = await joining.communicate()
    connection.close()
    assert (joining.returncode, output, errors) == (130, b"", b"")


async def test_a_reader_that_stops_reading_ends_the_command_quietly(fleet, at):
    listening = await start("listen", *at, "--json")
    async with Mesh.connect(f"{HOST}:{fleet.plan.port}", node_id=5) as mesh:
        await eventually(lambda: 77 in [node.node_id for node in mesh.nodes()])
        listening._transport.get_pipe_transport(1).close()
        await mesh.send(77, "anyone?")
        assert (await listening.wait(), await listening.stderr.read()) == (141, b"")


async def test_nodes_may_dial_a_command():
    with socket.create_server((HOST, 0)) as reserved:
        port = reserved.getsockname()[1]
    listening = await start("topology", "--listen", f"{HOST}:{port}", "--node-id", OURS, "--json")
    async with Mesh.connect(f"{HOST}:{port}", node_id=5):
        output, errors = await listening.communicate()
    assert (listening.returncode, errors) == (0, b"")
    assert json.loads(output)["tree"] == {"nodeId": 77, "subs": [{"nodeId": 5}]}


async def test_the_environment_says_how_to_join(fleet):
    environ = {"MESHWARD_CONNECT": f"{HOST}:{fleet.plan.port}", "MESHWARD_NODE_ID": "78"}
    status, output, _ = await meshward("topology", "--json", **environ)
    assert (status, json.loads(output)["node_id"]) == (0, 78)


async def test_a_mesh_that_is_not_there_is_one_line():
    with socket.create_server((HOST, 0)) as reserved:
        port = reserved.getsockname()[1]
    status, output, errors = await meshward(
        "nodes", "--connect", f"{HOST}:{port}", "--timeout", "0.3", "--json"
    )
    assert (status, output) == (1, "")
    assert errors.startswith(
        f"meshward: the mesh was not joined within 0.3 s ({HOST}:{port}: connection refused)"
    )
    assert errors.count("\n") == 1


async def test_an_id_that_is_taken_is_one_line(fleet):
    status, _, errors = await meshward("nodes", "--connect", f"{HOST}:{fleet.plan.port}", "--node-id", 1003)
    assert status == 1
    assert "with our id 1003: most likely a node with this id is in the mesh already" in errors
    assert errors.count("\n") == 1


async def test_two_commands_on_one_machine_do_not_need_ids(fleet):
    join = ("topology", "--connect", f"{HOST}:{fleet.plan.port}", "--json")
    listening = await start("listen", *join[1:])
    await eventually(lambda: len(fleet._by_id[1001].tree().ids) == 6)
    status, output, errors = await meshward(*join)
    assert (status, errors) == (0, "")
    assert json.loads(output)["nodes"] == 7
    listening.terminate()
    await listening.communicate()


async def test_all_of_a_large_mesh_is_seen_within_a_second():
    async with running_fleet(nodes=40, topology="tree") as fleet:
        port = fleet.plan.port
        started = time.monotonic()
        async with Mesh.connect(f"{HOST}:{port}", node_id=77) as mesh:
            await mesh.settle()
            assert mesh.topology().size == 41
        assert time.monotonic() - started < 1
        status, output, _ = await meshward("topology", "--connect", f"{HOST}:{port}", "--json")
        assert (status, json.loads(output)["nodes"]) == (0, 41)
