"""Boards and neighbours that mean harm, against a real gateway: what they send costs little, and is told."""

import asyncio
import json
import re
import time

import pytest

from meshward.fleet.boards import Setting
from meshward.sim.stories import Story
from tests.integration.gateway_meshes import until
from tests.integration.gateways import run_meshward
from tests.integration.health_meshes import boards, by_node, health_mesh, ids
from tests.integration.hostile import Peer, frame
from tests.integration.test_gateway_hostile import rss_bytes

MIB = 1024 * 1024
HOSTILE = 1011
INTRUDER = 666
RULES = """
[strange_packages]
for = "2s"
"""
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
OVERRIDE = "\u202e"
BAD_TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    f"1.0{OVERRIDE}gpj.exe",
    "x" * 10_000,
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\x00\r\n# HELP",
)


def strange(page):
    """The alerts of strange packages, by the node that is named; None for none."""
    return {alert["node"]: alert for alert in page["items"] if alert["rule"] == "strange_packages"}


async def check_responsive(daemon):
    began_s = time.monotonic()
    assert (await daemon.get("/health"))["ok"]
    assert time.monotonic() - began_s < 1


async def check_clean(daemon, data):
    """What is shown is valid JSON and printable text of a bounded size, whatever was sent."""
    for path in ("/status", "/nodes?limit=1000", "/alerts", "/events?limit=1000", f"/nodes/{HOSTILE}/status"):
        async with daemon.api() as client:
            text = (await client.get(path)).text
        assert len(text) < 3 * MIB, path
        json.loads(text, parse_constant=pytest.fail)
        for written in (r"\u001b", r"\u0000", r"\u202e", OVERRIDE, "\x1b", "x" * 500):
            assert written not in text, (path, written)
    for command in (("status",), ("status", str(HOSTILE)), ("alerts", "list"), ("query", "--deadline", "2s")):
        status, output, errors = await run_meshward(*command, "--data", data)
        assert (status, errors) == (0, ""), command
        assert not CONTROL.search(output), command
        assert len(output) < 100_000
        assert max(map(len, output.splitlines())) <= 400, command


@pytest.mark.timeout(120)
async def test_a_hostile_board_is_survived_and_named(tmp_path):
    data = tmp_path / "data"
    plan = boards(stories=[Setting(Story("hostile", 60.0), HOSTILE, HOSTILE)], reports_us=[])
    async with health_mesh(tmp_path, nodes=11, plan=plan, rules=RULES) as (_, daemon):
        before = rss_bytes(daemon)
        page = await until(daemon, "/alerts?state=firing", lambda page: HOSTILE in strange(page), limit_s=40)
        assert str(HOSTILE) in strange(page)[HOSTILE]["text"]
        began_s = time.monotonic()
        while time.monotonic() - began_s < 5:
            await check_responsive(daemon)
            await asyncio.sleep(0.2)
        assert rss_bytes(daemon) - before < 40 * MIB
        status = await daemon.get("/status")
        nodes = by_node(status)
        assert set(nodes) == set(ids(11))  # none of the names it made up
        assert nodes[HOSTILE]["refused"] > 50
        assert nodes[HOSTILE]["last_refused"]
        await check_clean(daemon, data)


@pytest.mark.timeout(120)
async def test_a_neighbour_that_floods_and_lies_is_survived_and_named(tmp_path):
    data = tmp_path / "data"
    async with health_mesh(tmp_path, nodes=11, plan=boards(reports_us=[]), rules=RULES) as (fleet, daemon):
        before = rss_bytes(daemon)
        peer = await Peer.dial(fleet.plan.port)
        try:
            await peer.join(INTRUDER)
            await until(daemon, "/health", lambda health: health["details"]["nodes_online"] == 12)
            flood = asyncio.create_task(send_everything(peer))
            page = await until(
                daemon, "/alerts?state=firing", lambda page: INTRUDER in strange(page), limit_s=40
            )
            await check_responsive(daemon)
            assert not flood.done()
            assert rss_bytes(daemon) - before < 40 * MIB
            flood.cancel()
            await asyncio.gather(flood, return_exceptions=True)
            assert set(strange(page)) <= {INTRUDER, None}
            nodes = by_node(await daemon.get("/status"))
            assert set(nodes) == {*ids(11), INTRUDER}
            told = nodes[INTRUDER]
            assert len(told["texts"]) <= 16
            assert all(len(text) <= 200 for text in told["texts"].values())
            assert all("name_" not in name for name in told["metrics"])
            assert told["metrics"].get("heap_free_bytes", {"value": 1})["value"] >= 0
            await check_clean(daemon, data)
            await check_restart_events(daemon)
        finally:
            await peer.close()


async def check_restart_events(daemon):
    """It says with every package that it restarted, and does not fill the log with that."""
    page = await daemon.get("/events", kind="node.restarted", node=INTRUDER, limit=1000)
    assert len(page["items"]) < 15


async def send_everything(peer):
    """As fast as it is taken."""
    number = 0
    while True:
        number += 1
        base = {"type": 604, "routing": 2, "dest": 0, "from": INTRUDER}
        text = BAD_TEXTS[number % len(BAD_TEXTS)]
        await peer.say(frame(**base, uptime=number % 2 * 1000, mem=20, fw=text, fwMD5=text, wifi=text))
        await peer.say(frame(**{**base, "from": 3_000_000_000 + number % 10_000}, uptime=1, mem=1))
        await peer.say(
            frame(
                **{**base, "type": 202}, **{f"name_{index}": index for index in range(50)}, device_name=text
            )
        )
        for value in ("NaN", "Infinity", "-1e400", "1e999", "9" * 300):
            await peer.say(
                json.dumps({**base, "type": 204, "heap": "@", "mem": "@"}).replace('"@"', value).encode()
                + b"\0"
            )
        await peer.say(frame(**{**base, "type": 712, "d": text}))
        await peer.say(
            frame(**{**base, "type": 711, "q": number, "m": {text: 1, "rssi_dbm": 500}, "role": text})
        )
        if number % 50 == 0:
            names = {f"name_{index}": index for index in range(10_000)}
            await peer.say(frame(**base, **names))
        await asyncio.sleep(0.02)
