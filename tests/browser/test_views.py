"""Every view, on a desk and on a phone, in light and dark: nothing goes wrong, nothing is cut, everybody gets in."""

import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.scene import GONE, NODES, flaws, furnish, settled
from tests.support.browser import DEVICES, SCHEMES, barriers, visit

STAGE = {"nodes": NODES}
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
#: Barriers are looked for in each view on these, and on all for those that are seen most.
THOROUGH = {("desktop", "light"), ("phone", "dark")}
MOST_SEEN = {"overview", "map", "nodes", "updates", "alerts"}


@dataclass(frozen=True)
class View:
    """A place, what to do there, and a text that is there then: the name of something with a role, or any."""

    place: str
    sign: str
    role: str | None = None
    do: Callable[[Page], Awaitable[None]] | None = None

    def found(self, page):
        sign = re.compile(self.sign)
        found = page.get_by_role(self.role, name=sign) if self.role else page.get_by_text(sign)
        return found.first


async def opens(page, name):
    await page.get_by_role("button", name=name).first.click()


async def help_opens(page):
    await page.get_by_role("main").focus()
    await page.keyboard.press("?")


async def account_opens(page):
    await opens(page, "Account")


async def acknowledge_opens(page):
    await opens(page, "Acknowledge")


async def silence_opens(page):
    await opens(page, "New silence")


async def tries(page):
    await opens(page, "Try it on the last 7 days")


async def selects(page):
    await page.get_by_role("checkbox", name="Select Hall").click()


async def columns_open(page):
    await opens(page, "Columns")


async def token_opens(page):
    await opens(page, "New token")


async def details_open(page):
    await opens(page, "More for")
    await page.get_by_role("menuitem", name="What it is").click()


VIEWS = {
    "overview": View("#/", "What needs you", "heading"),
    "map": View("#/map", "Map of the mesh", "application"),
    "map-layered": View("#/map?layout=layered&badge=version", "Map of the mesh", "application"),
    "map-node": View("#/map?node=1001", "Node Hall", "complementary"),
    "map-found": View("#/map?q=garden&focus=1005&level=well", "Show all again"),
    "map-table": View("#/map?show=table", "The mesh as a tree", "treegrid"),
    "map-replay": View("#/map?time={now}", "The last 24 hours", "region"),
    "nodes": View("#/nodes", "Kitchen", "link"),
    "nodes-selected": View("#/nodes", "1 selected", do=selects),
    "nodes-filtered": View("#/nodes?q=nowhere&level=bad&version=9", "No board fits these filters."),
    "node": View("#/nodes/1001", "Values", "heading"),
    "node-gone": View(f"#/nodes/{GONE}", "these are its last values"),
    "node-charts": View("#/nodes/1002?tab=charts&range=1h", "Time shown", "group"),
    "node-tree": View("#/nodes/1002?tab=tree", "Its parents so far", "heading"),
    "node-updates": View("#/nodes/1005?tab=updates", "Updates of this board, newest first", "table"),
    "node-alerts": View(f"#/nodes/{GONE}?tab=alerts", "Open alerts", "heading"),
    "node-log": View("#/nodes/1002?tab=log", "Last packages", "heading"),
    "node-unknown": View("#/nodes/999", "There is no board 999."),
    "updates": View("#/updates", "Rollouts that are over", "table"),
    "updates-details": View("#/updates", "SHA-256", do=details_open),
    "updates-new": View("#/updates/new?firmware={firmware}", "gets it.|get it together.|boards? first"),
    "updates-over": View("#/updates/{rollout}", "Boards of this rollout and how far each is"),
    "alerts": View("#/alerts", "Critical|Warnings", "heading"),
    "alerts-acknowledge": View("#/alerts", "Acknowledge this alert", "dialog", do=acknowledge_opens),
    "alerts-history": View("#/alerts/history", "Acknowledged by"),
    "alerts-silences": View("#/alerts/silences", "the sun shines on it"),
    "alerts-silence-new": View("#/alerts/silences", "New silence", "dialog", do=silence_opens),
    "alerts-rules": View("#/alerts/rules", "Built in", "heading"),
    "alerts-rule": View("#/alerts/rules/edit/hot", "times in|time in|never|Nothing|none", do=tries),
    "alerts-rule-new": View("#/alerts/rules/new", "Make the rule", "button"),
    "alerts-receivers": View("#/alerts/receivers", "Nobody is told yet", "heading"),
    "settings-updates": View("#/settings/updates", "Updates as a whole", "heading"),
    "settings-tokens": View("#/settings/tokens", "wall screen"),
    "settings-token-new": View("#/settings/tokens", "New token", "dialog", do=token_opens),
    "settings-audit": View("#/settings/audit", "Is the log whole", "heading"),
    "settings-bridges": View("#/settings/bridges", "Bridges to other programs", "heading"),
    "settings-backup": View("#/settings/backup", "Put one back", "heading"),
    "settings-account": View("#/settings/account", "Logged in as", "heading"),
    "settings-about": View("#/settings/about", "Libraries of the gateway", "heading"),
    "keys": View("#/settings/bridges", "Keyboard shortcuts", "dialog", do=help_opens),
    "menu": View("#/settings/bridges", "Log out", "menuitem", do=account_opens),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(stage):
    return await furnish(stage)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DEVICES)
async def desk(request, browser, stage, past):
    """The page of somebody who is logged in, on a device; it goes from view to view as people do."""
    async with visit(browser, stage.daemon, device=request.param) as page:
        yield request.param, page


@pytest.mark.parametrize("name", VIEWS)
async def test_a_view_is_whole(desk, past, name):
    device, page = desk
    view = VIEWS[name]
    page.watch.expected = ["404"] if name == "node-unknown" else []
    await page.emulate_media(color_scheme=SCHEMES[0])
    await page.evaluate(
        "place => (location.hash = place)",
        view.place.format(rollout=past.rollout, firmware=past.firmware, now=int(time.time())),
    )
    if view.do:
        await settled(page)
        await view.do(page)
    await expect(view.found(page)).to_be_visible()
    await settled(page)
    try:
        assert await flaws(page) == []
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await keep_picture(page, name, device, scheme)
            if name in MOST_SEEN or (device, scheme) in THOROUGH:
                assert await barriers(page) == [], scheme
        assert page.watch.problems == []
    finally:
        page.watch.problems.clear()
        await leave(page)


async def leave(page):
    """Close what was opened, and what was told, and go where nothing of the next view is."""
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.evaluate("location.hash = '#/settings/account'")
    await expect(page.get_by_role("heading", name="Logged in as")).to_be_visible()
    await page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("device", DEVICES)
async def test_the_way_in_is_whole(browser, stage, device, scheme):
    async with visit(browser, stage.daemon, None, device=device, scheme=scheme) as page:
        page.watch.expected = ["401"]
        await expect(page.get_by_label("Token")).to_be_visible()
        await keep_picture(page, "login", device, scheme)
        assert await flaws(page) == []
        assert await barriers(page) == []


async def keep_picture(page, name, device, scheme):
    """A screenshot for people to look at, where they ask for it."""
    if os.environ.get("MESHWARD_SCREENSHOTS"):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}-{device}-{scheme}.png")
