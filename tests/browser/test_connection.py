"""What a page does when something between it and the boards is lost, and when several look at once."""

import json
import signal
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from meshward.fleet.commands import Drop
from tests.browser.scene import done, fires, go, settled
from tests.browser.stage import set_up
from tests.integration.gateway_meshes import until
from tests.support.browser import token_of, visit

STAGE = {"nodes": 6}


class Frames:
    """What the page's streams were told, and what it said to them."""

    def __init__(self, page):
        self.streams = []
        page.on("websocket", self._opened)

    def _opened(self, socket):
        told, said = [], []
        self.streams.append((told, said))
        socket.on("framereceived", lambda text: told.append(json.loads(text)))
        socket.on("framesent", lambda text: said.append(json.loads(text)))


def live(page):
    return expect(page.locator("[data-link=live]"))


def alarm(page, text):
    return page.get_by_role("banner").get_by_role("alert").filter(has_text=text)


@asynccontextmanager
async def lossy(browser, daemon, role="admin", **more):
    """A page that may lose its gateway."""
    async with visit(browser, daemon, role, **more) as page:
        page.watch.may_lose = True
        yield page


async def test_a_browser_that_was_offline_catches_up_without_loading_anew(browser, stage):
    async with lossy(browser, stage.daemon, place="#/nodes") as page:
        await live(page).to_be_visible()
        frames = Frames(page)
        await page.reload()
        await live(page).to_be_visible()
        await settled(page)
        await page.evaluate("window.same = true")
        await page.context.set_offline(True)
        await expect(alarm(page, "This browser is offline")).to_be_visible()
        await expect(page.locator("[data-link=down]")).to_be_visible()
        await expect(page.get_by_role("link", name="Kitchen").first).to_be_visible()  # what was known stays
        await stage.patch(1003, name="Orangery")
        await page.context.set_offline(False)
        await live(page).to_be_visible()
        await expect(page.get_by_role("link", name="Orangery").first).to_be_visible()
        await expect(alarm(page, "offline")).to_have_count(0)
        assert await page.evaluate("window.same"), "it was not loaded anew"
        (first, _), *_, (last, said) = frames.streams
        assert first[0]["type"] == "snapshot"
        assert said[0]["epoch"] == first[0]["epoch"]
        assert last
        assert {message["type"] for message in last} <= {"delta", "alive"}, (
            "few were missed: no second snapshot"
        )


async def test_a_gateway_that_was_killed_is_waited_for_and_leads_back_to_the_view(browser, tmp_path):
    async with (
        set_up(tmp_path, nodes=2) as stage,
        lossy(browser, stage.daemon, place="#/nodes/1002?tab=tree") as page,
    ):
        page.watch.expected = ["401"]
        await expect(page.get_by_role("heading", name="Its parents so far")).to_be_visible()
        await stage.daemon.kill()
        await expect(alarm(page, "No connection to the gateway since")).to_be_visible()
        await expect(page.get_by_role("heading", level=1, name="Kitchen")).to_be_visible()
        await again(stage.daemon, page)
        await expect(
            page.get_by_text("You are logged out. Log in to come back to where you were.")
        ).to_be_visible()
        await page.get_by_label("Token").fill(await token_of(stage.daemon, "admin"))
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", level=1, name="Kitchen")).to_be_visible()
        await expect(page.get_by_role("heading", name="Its parents so far")).to_be_visible()
        await live(page).to_be_visible()
        assert page.url.endswith("#/nodes/1002?tab=tree")


async def again(daemon, page):
    """Start a gateway that was killed, at the address that the page knows."""
    at = daemon._arguments.index("127.0.0.1:0")
    daemon._arguments[at] = page.watch.origin.removeprefix("http://")
    await daemon.start()
    await daemon.wait_ready()


async def test_a_mesh_that_is_gone_is_told_and_what_was_known_stays(browser, tmp_path):
    async with (
        set_up(tmp_path, nodes=3) as stage,
        lossy(browser, stage.daemon, place="#/map?show=table") as page,
    ):
        await settled(page)
        await expect(alarm(page, "sees no node of the mesh")).to_have_count(0)
        await stage.fleet.close()
        await expect(alarm(page, "sees no node of the mesh")).to_be_visible(timeout=20_000)
        await expect(page.get_by_role("link", name="Kitchen").first).to_be_visible()
        await live(page).to_be_visible()  # it is the mesh that is gone, not the gateway


@pytest.mark.timeout(90)
async def test_a_gateway_that_froze_is_told_as_quiet_and_goes_on(browser, tmp_path):
    async with set_up(tmp_path, nodes=2) as stage, lossy(browser, stage.daemon) as page:
        await live(page).to_be_visible()
        stage.daemon.process.send_signal(signal.SIGSTOP)
        try:
            await expect(page.locator("[data-link=silent]")).to_be_visible(timeout=17_000)
            await expect(alarm(page, "has gone quiet")).to_be_visible()
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
        finally:
            stage.daemon.process.send_signal(signal.SIGCONT)
        await live(page).to_be_visible()
        await expect(alarm(page, "quiet")).to_have_count(0)


async def test_what_one_page_changes_another_shows(browser, stage):
    async with (
        visit(browser, stage.daemon, place="#/nodes/1002") as mine,
        visit(browser, stage.daemon, "viewer", place="#/nodes?cols=tags") as theirs,
    ):
        await settled(theirs)
        await mine.get_by_role("button", name="Change its name").click()
        await mine.get_by_label("Its name").fill("Scullery")
        await mine.get_by_role("button", name="Save").click()
        await expect(theirs.get_by_role("link", name="Scullery").first).to_be_visible()
        await mine.get_by_role("button", name="More that can be done").click()
        await mine.get_by_role("menuitem", name="Edit tags").click()
        await mine.get_by_role("dialog").get_by_label("Tags").fill("scoured")
        await mine.get_by_role("button", name="Save").click()
        await expect(
            theirs.get_by_role("row").filter(has_text="Scullery").get_by_text("scoured")
        ).to_be_visible()
        assert (
            await theirs.get_by_role("checkbox", name="Select").count() == 0
        )  # of another role all the same


async def test_an_acknowledgement_and_what_is_kept_for_all_show_elsewhere(browser, stage):
    await stage.fleet.apply(Drop(1006))
    await until(stage.daemon, "/alerts?state=firing", lambda page: fires(page, 1006))
    async with (
        visit(browser, stage.daemon, "operator", place="#/alerts") as mine,
        visit(browser, stage.daemon, "viewer", place="#/alerts") as theirs,
    ):
        await settled(theirs)
        await mine.get_by_role("button", name="Acknowledge").first.click()
        await mine.get_by_role("dialog").get_by_label("Note").fill("gone to fetch it")
        await mine.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
        await expect(theirs.get_by_text("gone to fetch it")).to_be_visible()
        await go(mine, "#/nodes?q=hall")
        await go(theirs, "#/nodes")
        await mine.get_by_role("button", name="Save this view").click()
        await mine.get_by_role("dialog").get_by_label("Name").fill("The hall")
        await mine.get_by_role("dialog").get_by_role("button", name="Save").click()
        await expect(
            theirs.get_by_role("navigation", name="Saved views").get_by_role("button", name="The hall")
        ).to_be_visible()
        await go(theirs, "#/map?node=1001")
        await expect(theirs.get_by_role("complementary", name="Node Hall")).to_be_visible()
        await expect(theirs.get_by_role("button", name="Put back")).to_have_count(0)
        async with stage.daemon.api() as client:
            await done(client.patch("/dashboard", json={"positions": {"1001": [150.0, 80.0]}}))
        await expect(theirs.get_by_role("button", name="Put back")).to_be_visible()


async def test_who_could_not_be_logged_out_is_told_so(browser, stage):
    async with lossy(browser, stage.daemon, "operator") as page:
        await live(page).to_be_visible()
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Log out").click()
        await expect(page.get_by_text("You are still logged in.")).to_be_visible()
        await expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        await page.context.set_offline(False)


async def test_logging_out_in_one_tab_ends_the_other_too(browser, stage):
    async with visit(browser, stage.daemon, "operator") as page:
        page.watch.expected = ["401"]
        other = await page.context.new_page()
        await other.goto(f"{page.watch.origin}/#/nodes/1001")
        await live(other).to_be_visible()
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Log out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await expect(other.get_by_label("Token")).to_be_visible(timeout=15_000)
        await expect(other.get_by_text("You are logged out.")).to_be_visible()
        await expect(other.get_by_text("Hall")).to_have_count(0)  # nothing of the mesh is left to be read
