"""Leaving: nothing that was sent is lost, nothing is left running, nobody can hold it up."""

import asyncio
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshnode.driver_events import LinkLost
from meshnode.node import MeshNode
from meshnode.runner import Runner
from tests.integration.hostile import HOST, Peer, eventually, unanswering_listener
from tests.support import micropython


@pytest.fixture(autouse=True)
async def nothing_left():
    """No task and no socket outlives a closed runner."""
    tasks_before = asyncio.all_tasks() - {asyncio.current_task()}
    sockets_before = open_sockets()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - {asyncio.current_task()} <= tasks_before
    gc.collect()
    assert open_sockets() <= sockets_before


def open_sockets() -> int:
    return sum(target(link).startswith("socket:") for link in Path("/proc/self/fd").iterdir())


def target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # the one that lists them
        return ""


async def pair():
    """Node 2 has dialed node 1, whose events are returned as well."""
    told = []
    listening = Runner(MeshNode(1), on_event=told.append)
    dialing = Runner(MeshNode(2))
    dialing.dial([(HOST, await listening.listen(HOST, 0))])
    await eventually(lambda: listening.node.nodes() and dialing.node.nodes())
    return listening, dialing, told


async def test_closing_what_was_never_used():
    await Runner(MeshNode(1)).close()


async def test_closing_twice():
    listening, dialing, _ = await pair()
    await listening.close()
    await listening.close()
    await dialing.close()


async def test_both_at_once():
    listening, dialing, _ = await pair()
    await asyncio.gather(listening.close(), dialing.close())


async def test_peer_learns_of_it_at_once():
    listening, dialing, told = await pair()
    await dialing.close()
    await eventually(lambda: listening.node.nodes() == [], 1)
    assert [type(event) for event in told].count(LinkLost) == 1
    assert dialing.connections == []
    await listening.close()


async def test_what_was_sent_before_arrives():
    listening, dialing, told = await pair()
    for number in range(500):
        await dialing.send_when_room({"type": 9, "dest": 1, "msg": [number, "x" * 1000]})
    await dialing.close()
    await eventually(lambda: any(isinstance(event, LinkLost) for event in told))
    numbers = [event.package["msg"][0] for event in told if hasattr(event, "package")]
    assert numbers == list(range(500))
    await listening.close()


async def test_what_waits_for_a_slow_peer_arrives():
    """Bytes lie in every buffer on the way."""
    runner = Runner(MeshNode(1))
    peer = await Peer.dial(await runner.listen(HOST, 0), receive_buffer_bytes=4096)
    await peer.join(9)
    await eventually(runner.node.links)
    sent = 0
    while runner.backlog() < 80_000:
        runner.send({"type": 9, "dest": 9, "msg": [sent, "x" * 2000]})
        sent += 1
    await runner.close(flush_s=5)
    assert numbers_heard(peer) == list(range(sent))
    await peer.close()


async def test_what_the_system_still_holds_arrives():
    """The system throws it away when the peer says something that nobody will read any more."""
    runner = Runner(MeshNode(1))
    peer = await Peer.dial(await runner.listen(HOST, 0), receive_buffer_bytes=4096)
    await peer.join(9)
    await eventually(runner.node.links)
    peer.stop_reading()
    for number in range(20):
        runner.send({"type": 9, "dest": 9, "msg": [number, "x" * 2000]})
    assert runner.backlog() == 0
    closing = asyncio.create_task(runner.close())
    for _ in range(5):
        await asyncio.sleep(0.01)
        await peer.say(b"not of interest any more\0")
    peer.read_again()
    await closing
    await eventually(lambda: peer.hung_up)
    assert numbers_heard(peer) == list(range(20))
    await peer.close()


def numbers_heard(peer):
    return [package["msg"][0] for package in peer.frames if package["type"] == 9]


async def test_peer_that_does_not_read_holds_nothing_up():
    runner = Runner(MeshNode(1))
    peer = await Peer.dial(await runner.listen(HOST, 0), receive_buffer_bytes=4096)
    await peer.join(9)
    await eventually(runner.node.links)
    peer.stop_reading()
    while runner.backlog() < 50_000:
        runner.send({"type": 9, "dest": 9, "msg": "x" * 2000})
    started = time.monotonic()
    await runner.close(flush_s=0.05)
    assert time.monotonic() - started < 2
    await peer.close()


async def test_peer_that_does_not_hang_up_holds_nothing_up():
    runner = Runner(MeshNode(1))
    port = await runner.listen(HOST, 0)
    _reader, writer = await asyncio.open_connection(HOST, port)
    await eventually(lambda: runner.connections)
    await runner.close()
    assert runner.connections == []
    writer.close()
    await writer.wait_closed()


async def test_closing_while_dialing():
    listener, fillers = unanswering_listener()
    runner = Runner(MeshNode(1))
    runner.dial([listener.getsockname()])
    await asyncio.sleep(0.01)
    await asyncio.wait_for(runner.close(), 2)
    for sock in (listener, *fillers):
        sock.close()


async def test_closing_while_waiting_to_dial_again():
    runner = Runner(MeshNode(1))
    runner.dial([(HOST, 1)])
    await asyncio.sleep(0.01)
    await asyncio.wait_for(runner.close(), 2)


async def test_closing_while_callers_arrive():
    runner = Runner(MeshNode(1))
    port = await runner.listen(HOST, 0)
    peers = [await Peer.dial(port) for _ in range(10)]
    await runner.close()
    await eventually(lambda: all(peer.hung_up for peer in peers))
    for peer in peers:
        await peer.close()


async def test_nothing_is_told_any_more_after_closing():
    listening, dialing, told = await pair()
    told.clear()
    await listening.close()
    assert told == []
    await dialing.close()


async def test_port_is_free_again():
    first = Runner(MeshNode(1))
    port = await first.listen(HOST, 0)
    peer = await Peer.dial(port)
    await eventually(lambda: first.connections)
    await first.close()
    second = Runner(MeshNode(1))
    assert await second.listen(HOST, port) == port
    await second.close()
    await peer.close()


def test_program_that_ends_without_closing_is_quiet():
    """asyncio.run() cancels what is left: no warning, no traceback."""
    script = """
import asyncio
from meshnode.node import MeshNode
from meshnode.runner import Runner

async def main():
    listening, dialing = Runner(MeshNode(1)), Runner(MeshNode(2))
    dialing.dial([("127.0.0.1", await listening.listen("127.0.0.1", 0))])
    while not dialing.node.nodes():
        await asyncio.sleep(0.01)
    print(dialing.node.nodes())

asyncio.run(main())
"""
    done = run_python(script)
    assert done.stdout.split() == ["[1]"]


def test_listener_survives_running_out_of_files():
    script = """
import asyncio, os, resource
from meshnode.events import LinkReady
from meshnode.node import MeshNode
from meshnode.runner import Runner

async def main():
    joined = asyncio.Event()
    runner = Runner(MeshNode(1), on_event=lambda event: type(event) is LinkReady and joined.set())
    port = await runner.listen("127.0.0.1", 0)
    limit = len(os.listdir("/proc/self/fd")) + 4
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(port, flush=True)
    await joined.wait()
    print("joined", flush=True)
    await runner.close()

asyncio.run(main())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = int(process.stdout.readline())

    async def crowd():
        peers = [await Peer.dial(port) for _ in range(30)]
        await asyncio.sleep(0.1)
        for peer in peers:
            await peer.close()
        late = await Peer.dial(port)
        await late.join(9)
        await eventually(lambda: 6 in late.kinds())
        await late.close()

    asyncio.run(crowd())
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert 1 <= errors.count("out of system resource") <= 5
    assert output.split() == ["joined"]


def environment():
    return {**os.environ, "PYTHONPATH": str(micropython.SOURCE)}


def run_python(script):
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert not done.stderr
    return done
