"""A real daemon against files, peers and clients that mean harm, and against ends that come at a bad time."""

import asyncio
import contextlib
import gzip
import json
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from meshward.firmware.synthetic import synthetic_bootloader, synthetic_flash
from tests.integration.fleets import next_port
from tests.integration.gateway_meshes import (
    FIRST_ID,
    app,
    ended,
    gateway_in_mesh,
    problem,
    spec,
    until,
    upload,
)
from tests.integration.gateways import running_daemon
from tests.integration.hostile import Peer, frame
from tests.support.web import bearer

MIB = 1024 * 1024
NODES = [FIRST_ID + index for index in range(4)]
GOOD = app()
BAD = {
    "empty": b"",
    "cut short": GOOD[:-500],
    "damaged": GOOD[:9000] + bytes([GOOD[9000] ^ 0x55]) + GOOD[9001:],
    "a foreign file": b"%PDF-1.7\n" + bytes(300_000),
    "a boot loader": synthetic_bootloader(),
    "a whole flash": synthetic_flash(GOOD),
    "a gzip bomb": gzip.compress(bytes(256 * MIB)),
    "gzip within gzip": gzip.compress(gzip.compress(GOOD)),
    "a file with the magic byte only": b"\xe9" + bytes(500_000),
}
OVERRIDE = "\u202e"
BAD_TEXTS = (
    "<script>alert(1)</script>",
    f"1.0{OVERRIDE}gpj.exe",
    "v" * 10_000,
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\x00",
)


def rss_bytes(daemon):
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


def stream(daemon, query=""):
    endpoint = daemon.endpoint()
    uri = endpoint["url"].replace("http", "ws", 1) + "/api/v1/stream" + query
    return connect(uri, additional_headers=bearer(endpoint["token"]), max_size=None, proxy=None)


@contextlib.contextmanager
def half_sent_upload(daemon, said_bytes, content):
    """A connection that says it sends a firmware of so many bytes, and sends these of it."""
    endpoint = daemon.endpoint()
    head = (
        "POST /api/v1/firmware HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {endpoint['token']}",
        "Content-Type: application/octet-stream",
        f"Content-Length: {said_bytes}",
    )
    with socket.create_connection(("127.0.0.1", urlsplit(endpoint["url"]).port), timeout=10) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + content)
        yield sock


async def received(socket_):
    async with asyncio.timeout(20):
        return json.loads(await socket_.recv())


# -- files -------------------------------------------------------------------------------------


async def test_files_that_are_no_firmware_are_refused_and_memory_is_bounded(tmp_path):
    async with (
        running_daemon(tmp_path / "data", f"127.0.0.1:{next_port()}") as daemon,
        daemon.api() as client,
    ):
        assert (await upload(client, GOOD)).status_code == 201
        before = rss_bytes(daemon)
        for kind, content in BAD.items():
            detail = problem(await upload(client, content, kind), 422)
            assert "Traceback" not in detail, kind
        endless = await asyncio.gather(
            *(upload(client, zeros(200 * MIB)) for _ in range(4)), return_exceptions=True
        )
        assert all(
            isinstance(answer, httpx.HTTPError) or answer.status_code in {413, 422} for answer in endless
        )
        with half_sent_upload(daemon, 1 << 30, GOOD) as sock:
            status = await asyncio.to_thread(sock.recv, 4096)
            assert status.startswith(b"HTTP/1.1 413 ")
        packed = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
        problem(await client.post("/firmware", content=gzip.compress(GOOD), headers=packed), 415)
        problem(await client.post("/firmware", content=GOOD, headers={"Content-Type": "text/plain"}), 415)
        assert rss_bytes(daemon) - before < 200 * MIB
        assert len((await client.get("/firmware")).json()) == 1
        assert len(list((daemon.data / "firmware").iterdir())) == 1


async def zeros(size):
    """The beginning of an image, and then nothing, for long."""
    yield GOOD[:65_536].ljust(65_536, b"\0")
    for _ in range(size // 65_536):
        yield bytes(65_536)


async def test_names_of_files_are_names_and_nothing_else(tmp_path):
    async with (
        running_daemon(tmp_path / "data", f"127.0.0.1:{next_port()}") as daemon,
        daemon.api() as client,
    ):
        for number, (given, shown) in enumerate(
            {
                "../../../etc/passwd": "passwd",
                "C:\\evil\\fw.bin": "fw.bin",
                "fw%00.bin": "fw%00.bin",
                "a" * 300: "a" * 199 + "…",
                "-rf": "-rf",
            }.items()
        ):
            added = await upload(client, app(version=f"1.{number}"), given)
            assert (added.status_code, added.json()["name"]) == (201, shown)
        for given in ("..", "/", "x/.."):
            problem(await upload(client, GOOD, given), 400)
        outside = [path for path in tmp_path.rglob("*") if path.is_file() and daemon.data not in path.parents]
        assert outside == [daemon.log]
        for path in [daemon.data, *daemon.data.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


# -- the mesh ----------------------------------------------------------------------------------


async def test_texts_of_boards_arrive_clean(tmp_path):
    async with gateway_in_mesh(tmp_path / "data") as (fleet, daemon), daemon.api() as client:
        peer = await Peer.dial(fleet.plan.port)
        try:
            await peer.join(666)
            await until(daemon, "/health", lambda health: health["details"]["nodes_online"] == 5)
            for text in BAD_TEXTS:
                for node in (NODES[0], 666, 4242):
                    report = {"type": 604, "routing": 2, "dest": 0, "from": node, "fw": text, "mem": 30}
                    await peer.say(frame(**report, uptime=5, nodeName=text, event=text))
            await peer.say(frame(type=604, routing=2, dest=0, **{"from": 666}, fw=["x"], mem=-1, uptime="x"))
            await peer.say(frame(type=604, routing=2, dest=0, **{"from": 666}, fw=BAD_TEXTS[0], mem=21))
            node = await until(daemon, "/nodes/666", lambda node: node["free_heap_bytes"] == 21 * 1024)
            assert node["version"] == BAD_TEXTS[0]  # as text; pages have to show it as such
            everything = (
                (await client.get("/nodes")).text
                + (await client.get("/events", params={"limit": 1000})).text
                + daemon.log.read_text()
            )
            for unclean in (OVERRIDE, "\\u202e", "\x1b", "\\u001b", "v" * 100, "\\u0000"):
                assert unclean not in everything
            assert (await client.get("/nodes")).json()["total"] == 5  # 4242 is not in the tree
        finally:
            await peer.close()


async def test_a_neighbour_that_makes_up_nodes_is_survived(tmp_path):
    async with gateway_in_mesh(tmp_path / "data") as (fleet, daemon), daemon.api() as client:
        before = rss_bytes(daemon)
        peer = await Peer.dial(fleet.plan.port)
        try:
            for wave in range(4):
                invented = [{"nodeId": 1_000_000 + 1000 * wave + index} for index in range(900)]
                await peer.join(666, subs=invented)
                await until(
                    daemon,
                    "/health",
                    lambda health, wave=wave: health["details"]["nodes_known"] > 900 * (wave + 1),
                )
            assert rss_bytes(daemon) - before < 60 * MIB
            began_s = time.monotonic()
            assert (
                await client.get("/nodes", params={"limit": 1000, "sort": "-version,name"})
            ).status_code == 200
            assert time.monotonic() - began_s < 2
        finally:
            await peer.close()
        await until(daemon, "/health", lambda health: health["details"]["nodes_online"] == 4)
        forgotten = await client.delete("/nodes/1000001")
        assert forgotten.status_code == 204


# -- the stream --------------------------------------------------------------------------------


@pytest.mark.timeout(120)
async def test_the_stream_shows_an_update_and_goes_on_after_a_restart(tmp_path):
    data = tmp_path / "data"
    async with gateway_in_mesh(data, loop_ms=10) as (fleet, daemon):
        async with daemon.api() as client, stream(daemon) as first:
            await first.send("{}")
            snapshot = await received(first)
            assert snapshot["type"] == "snapshot"
            assert {node["id"] for node in snapshot["nodes"]} == set(NODES)
            sha256 = (await upload(client, app(size=60_000))).json()["sha256"]
            assert (await client.post("/rollouts", json=spec(sha256))).status_code == 201
            told, number = [], snapshot["n"]
            while not any(
                change["kind"] == "rollout" and change["value"]["state"] == "completed" for change in told
            ):
                delta = await received(first)
                assert delta["n"] == number + 1
                number = delta["n"]
                told += delta["changes"]
            kinds = {change["kind"] for change in told}
            assert {"rollout", "node", "event"} <= kinds
            live = {
                change["value"]["update_state"]
                for change in told
                if change["kind"] == "node" and change["value"]["rollout"] == "r1"
            }
            assert {"downloading", "rebooting"} <= live
        async with stream(daemon, f"?resume={number - 2}&epoch={snapshot['epoch']}") as resumed:
            assert (await received(resumed))["n"] == number - 1
        await daemon.kill()
        await daemon.start()
        await daemon.wait_ready()
        async with stream(daemon, f"?resume={number}&epoch={snapshot['epoch']}") as after:
            fresh = await received(after)
            assert fresh["type"] == "snapshot"
            assert fresh["epoch"] != snapshot["epoch"]
            assert [(rollout["id"], rollout["state"]) for rollout in fresh["rollouts"]] == [
                ("r1", "completed")
            ]
        assert [board.updates for board in fleet.images()] == [1] * 4


# -- ends --------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
async def test_it_stops_in_time_in_the_midst_of_everything(tmp_path):
    data = tmp_path / "data"
    async with gateway_in_mesh(data, loop_ms=10) as (_, daemon), contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(daemon.api())
        sha256 = (await upload(client, app(size=120_000))).json()["sha256"]
        await client.post("/rollouts", json=spec(sha256))
        await until(daemon, "/rollouts/r1", lambda rollout: rollout["state"] == "updating")
        for _ in range(5):
            reader = await stack.enter_async_context(stream(daemon))
            await received(reader)
        stack.enter_context(half_sent_upload(daemon, 120_000, app(size=120_000)[:100_000]))
        began_s = time.monotonic()
        while not list((data / "firmware").glob("*.incoming")):
            await asyncio.sleep(0.05)
            assert time.monotonic() - began_s < 5
        began_s = time.monotonic()
        assert await daemon.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began_s < 5
        assert list((data / "firmware").glob("*.incoming")) == []
        await daemon.start()
        await daemon.wait_ready()
        assert (await ended(daemon, "r1"))["state"] == "completed"
        assert (await daemon.get("/audit/verify"))["ok"]
        assert len(await daemon.get("/firmware")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ended_while_it_starts_it_starts_again(tmp_path, number):
    async with running_daemon(tmp_path / "data", f"127.0.0.1:{next_port()}") as daemon:
        for delay_s in (0.1, 0.5, 0.8):
            await daemon.stop(number)
            await daemon.start()
            await asyncio.sleep(delay_s)
        await daemon.stop(number)
        await daemon.start()
        await daemon.wait_ready()
        assert (await daemon.get("/audit/verify"))["ok"]
