"""A mesh with a past: what views show when something has happened, and texts that mean harm."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import expect

from meshward.fleet.commands import Drop, Restart
from tests.integration.gateway_meshes import app, ended, spec, until, upload

LOOKS = (Path(__file__).parent / "looks.js").read_text().split("\n", 1)[1]
NODES = 9
GONE = 1008
"""A leaf that left: its alert fires."""
SEEN_TO = 1007
"""Another one, whose alert somebody acknowledged."""
BACK = 1009
"""One that left and came back: its alert is over."""


@dataclass
class Past:
    """What happened, by its ids."""

    rollout: str
    firmware: str
    alert: str


async def furnish(stage) -> Past:
    """Tags, firmware, a rollout that ended, alerts, a silence, a token, a saved view and a position.

    Updates are of boards that nobody hangs on: alerts behind those would keep quiet.
    """
    async with stage.daemon.api() as client:
        await stage.fleet.apply(Drop(BACK))
        for node, tags in ((1001, ["greenhouse"]), (1002, ["greenhouse", "south"])):
            await stage.patch(node, tags=tags)
        await stage.patch(1003, excluded=True, exclusion_reason="a spare part is on its way")
        firmware = await added(client, app("2.0"), "lamp-2.0.bin")
        await added(client, app("2.1"), "lamp-2.1-with-a-rather-long-name-that-somebody-gave-it.bin")
        rollout = await done(
            client.post("/rollouts", json=spec(firmware, name="Lamps to 2.0", target=target(1005, 1006))),
            201,
        )
        silence = {"rules": ["hot"], "nodes": [1001], "duration_s": 3600, "reason": "the sun shines on it"}
        await done(client.post("/silences", json=silence), 201)
        await done(client.post("/tokens", json={"role": "viewer", "name": "wall screen"}), 201)
        view = {"name": "South side", "query": "tag=south&sort=-heap"}
        positions = {"1004": [220.0, -140.0]}
        await done(client.patch("/dashboard", json={"save_view": view, "positions": positions}))
        await until(stage.daemon, "/alerts?state=firing", lambda page: fires(page, BACK))
        await stage.fleet.apply(Restart(BACK))
        await asyncio.gather(*[stage.fleet.apply(Drop(node)) for node in (GONE, SEEN_TO)])
        await until(stage.daemon, "/alerts?state=firing", lambda page: fires(page, GONE, SEEN_TO))
        page = await stage.daemon.get("/alerts?state=firing")
        alert = next(one["id"] for one in page["items"] if one["node"] == SEEN_TO)
        await done(client.post(f"/alerts/{alert}/ack", json={"note": "I am on my way there"}))
        await ended(stage.daemon, rollout["id"])
        await until(stage.daemon, "/alerts?state=resolved", lambda page: page["items"])
    return Past(rollout=rollout["id"], firmware=firmware, alert=alert)


def fires(page, *nodes):
    return {alert["node"] for alert in page["items"]} >= set(nodes)


def target(*nodes):
    return {"roles": ["sensor"], "nodes": list(nodes)}


async def added(client, content, name, **params):
    """The hash of a firmware that is in the library now."""
    return (await done(upload(client, content, name, params=params), 201))["sha256"]


async def done(asked, status=200):
    """The body of an answer."""
    answer = await asked
    assert answer.status_code == status, answer.text
    return answer.json()


async def flaws(page):
    """What is wrong with how a page looks: texts cut, controls too small or on each other, headings out of order."""
    touch = await page.evaluate("matchMedia('(pointer: coarse)').matches")
    return await page.evaluate(f"({LOOKS})", {"touch": touch})


async def settled(page):
    """Wait until nothing is being loaded any more, and all of it is painted."""
    await expect(page.locator("main h1")).to_have_count(1)
    await expect(page.locator(".loading")).to_have_count(0)
    await page.evaluate(
        "document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"
    )


async def go(page, place):
    """To another view, as by a link, once its code is there."""
    await page.evaluate(
        """async (place) => {
          const { viewOf } = await import("./ui/app/views.js");
          const view = viewOf(place.split(/[/?]/)[1] ?? "");
          location.hash = place;
          await view.load();
        }""",
        place,
    )
    await settled(page)
