"""Firmware comes in, goes out to the boards, and is taken back: by what people read and press on the pages."""

import asyncio
import hashlib
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from meshward.firmware.synthetic import synthetic_image
from meshward.sim.behaviour import FINE, Behaviour, Behaviours
from tests.browser import acts
from tests.browser.acts import button, heading
from tests.browser.stage import set_up
from tests.integration.gateway_meshes import ended, states
from tests.integration.health_meshes import ids
from tests.support.browser import visit

NODES = 6
BEHAVIOURS = Behaviours()
#: Boards as they are in the field, with a main loop, so that bytes take their time.
STAGE = {
    "kind": "stock",
    "nodes": NODES,
    "loop_ms": 10,
    "program": acts.HASTY,
    "plan": {"behaviours": BEHAVIOURS},
}
pytestmark = pytest.mark.timeout(
    180
)  # boards restart and are asked what they run; the first one also sets the stage
FIRST = acts.image("1.0")
#: So large that there is time to look on.
LARGE = 60_000
ONE_WAVE = [{"name": "everyone", "soak_s": 0}]
TWO_WAVES = [{"name": "first", "size": "1", "soak_s": 0}, {"name": "rest", "soak_s": 0}]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def well_known(stage):
    """The boards were updated before: their roles are known, and a firmware to go back to."""
    rollout = await ended(stage.daemon, await acts.begun(stage, await acts.kept(stage, FIRST)))
    assert set(states(rollout).values()) == {"completed"}


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def boards_are_free(stage):
    yield
    await acts.end_all(stage)


def standing(page):
    """Where the page says how the rollout stands."""
    return page.locator(".standing")


async def test_a_file_that_is_dropped_goes_to_all_boards(browser, stage):
    image = acts.image("2.0", LARGE)
    someone = await acts.person(stage.daemon, "operator", "Ada")
    async with visit(browser, stage.daemon, token=someone, place="#/updates") as page:
        await acts.drop(page, ("lamp-2.0.bin", image))
        # It is shown for what it is, and not kept yet.
        new = page.get_by_role("region", name="New firmware")
        await expect(new.get_by_text("This is a firmware that boards can take.")).to_be_visible()
        for fact in ("ESP32 application", "lamp", "2.0"):
            await expect(new.get_by_role("definition").filter(has_text=exactly(fact))).to_be_visible()
        library = await stage.daemon.get("/firmware")
        assert "2.0" not in {firmware["version"] for firmware in library}
        await new.get_by_label("Notes").fill("Warmer light.")
        await button(new, "Add and update boards").click()

        # The form is filled in already; the plan tells what will happen.
        await expect(heading(page, "Update boards")).to_be_visible()
        (added,) = [one for one in await stage.daemon.get("/firmware") if one["version"] == "2.0"]
        assert added["notes"] == "Warmer light."
        assert added["added_by"].startswith("Ada ")
        plan = page.get_by_role("region", name="4. What will happen")
        await expect(plan.get_by_text("1 board first, then 2, then the other 3.")).to_be_visible()
        await expect(plan.get_by_text("Stops by itself when one of the first boards fails")).to_be_visible()
        for wave in ("canary", "early adopters", "everyone"):
            await expect(heading(plan, wave)).to_be_visible()
        await expect(plan.get_by_text("1 board, watched for 10 min")).to_be_visible()
        for term in ("Takes", "Over all links"):
            await expect(plan.get_by_role("term").filter(has_text=term)).to_be_visible()
        assert await marks(plan) == {"1": 1, "2": 2, "3": 3}
        await plan.get_by_role("button", name=re.compile("^Attic: ")).click()
        await expect(plan.get_by_role("status")).to_contain_text("Way of Attic")
        await button(plan, "Start", exact=True).click()
        await expect(heading(page, "lamp 2.0", level=1)).to_be_visible()
        rollout = acts.rollout_of(page)

        # It fills up: the bar, the tree, the table and the counts.
        bar = standing(page).get_by_role("progressbar")
        await expect(bar).not_to_have_attribute("aria-valuenow", "0")
        await expect(standing(page)).to_contain_text("6 of 6 boards run lamp 2.0.", timeout=90_000)
        await expect(bar).to_have_attribute("aria-valuenow", "100")
        tree = page.get_by_role("group", name="Boards of this rollout on the tree").first
        await expect(tree.get_by_role("button", name=": runs it")).to_have_count(NODES)
        table = page.get_by_role("table", name="Boards of this rollout and how far each is")
        await expect(table.get_by_role("row").filter(has_text="runs it")).to_have_count(NODES)
        await expect(page.get_by_text("runs it: 6", exact=True)).to_be_visible()
        await expect(page.locator(".view-head").get_by_text("completed")).to_be_visible()
    assert await acts.run_by(stage, image) == set(ids(NODES))
    (entry,) = await acts.audited(stage, action="rollout.create", subject=rollout)
    assert entry["actor"].startswith("Ada ")


def exactly(text):
    return re.compile(f"^{re.escape(text)}$")


async def marks(scope):
    """How many nodes of the tree bear which mark."""
    texts = await scope.locator("[data-node] text").all_text_contents()
    return {text: texts.count(text) for text in texts}


async def test_a_rollout_is_paused_resumed_and_goes_on_without_the_page(browser, stage):
    image = acts.image("2.1", LARGE)
    rollout = await acts.begun(stage, await acts.kept(stage, image), name="evening", waves=TWO_WAVES)
    async with visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page:
        async with acts.second_page(page) as tab:
            for one in (page, tab):
                await expect(one.locator(".view-head").get_by_text("updating")).to_be_visible()
            await button(page, "Pause").click()
            text = await acts.confirm(page, "Pause", reason="lunch")
            assert "Boards that are half-way keep their parts" in text
            await expect(page.get_by_text("Paused.", exact=True)).to_be_visible()
            await expect(tab.locator(".view-head").get_by_text("paused")).to_be_visible()
            await expect(standing(tab)).to_contain_text("Nothing is sent until somebody resumes it.")
            sent = (await stage.daemon.get(f"/rollouts/{rollout}"))["sent_bytes"]
            await button(tab, "Resume").click()
            await acts.confirm(tab, "Resume")
            assert (await stage.daemon.get(f"/rollouts/{rollout}"))["sent_bytes"] - sent < LARGE
            await expect(page.locator(".view-head").get_by_text("updating")).to_be_visible()
        await page.close()
        # Nobody looks any more: the gateway does the work.
        view = await ended(stage.daemon, rollout, 60)
        assert view["state"] == "completed"
        again = await page.context.new_page()
        await again.goto(f"{stage.daemon.endpoint()['url']}/#/updates/{rollout}")
        await expect(again.locator(".view-head").get_by_text("completed")).to_be_visible()
        await expect(standing(again)).to_contain_text("6 of 6 boards run lamp 2.1.")
    (entry,) = await acts.audited(stage, action="rollout.pause", subject=rollout)
    assert entry["detail"]["reason"] == "lunch"


async def test_on_a_phone_a_file_is_chosen_for_one_board(browser, stage, tmp_path):
    image = acts.image("2.2")
    file = tmp_path / "lamp-2.2.bin"
    file.write_bytes(image)
    async with visit(browser, stage.daemon, "operator", device="phone", place="#/updates") as page:
        async with page.expect_file_chooser() as chooser:
            await button(page, "Choose a file").click()
        await (await chooser.value).set_files(file)
        await button(page, "Add and update boards").click()
        await button(page, "Only some").click()
        boards = page.get_by_role("group", name="Only these boards")
        await button(boards, "Choose boards").click()
        await boards.get_by_role("checkbox", name="Attic").check()
        await button(page, "All at once").click()
        await expect(page.get_by_text("1 board gets it.")).to_be_visible()
        await button(page, "Start", exact=True).click()
        await expect(standing(page)).to_contain_text("1 of 1 board runs lamp 2.2.", timeout=40_000)
    assert await acts.run_by(stage, image) == {1003}


async def test_one_asks_and_another_approves(browser, stage):
    sha = await acts.kept(stage, acts.image("2.3"))
    asks = await acts.person(stage.daemon, "operator", "Asking")
    approves = await acts.person(stage.daemon, "admin", "Boss")
    async with visit(
        browser, stage.daemon, token=asks, place=f"#/updates/new?firmware={sha}&nodes=1006"
    ) as page:
        await page.get_by_text("When", exact=True).click()
        await page.get_by_label("approval first").check()
        await expect(page.get_by_text("Nothing is sent before somebody approves it.")).to_be_visible()
        await button(page, "Ask for approval").click()
        await expect(page.locator(".view-head").get_by_text("waits for approval")).to_be_visible()
        rollout = acts.rollout_of(page)
        async with visit(browser, stage.daemon, token=approves, place="#/updates") as other:
            await other.get_by_role("link", name="lamp 2.3", exact=True).click()
            await button(other, "Approve").click()
            await acts.confirm(other, "Approve", reason="fine with me")
            await expect(other.get_by_text("Approved.", exact=True)).to_be_visible()
        await expect(page.locator(".view-head").get_by_text("waits for approval")).to_be_hidden()

        # And ended before it is through.
        await acts.pick(page, "More actions", "Abort")
        text = await acts.confirm(page, "Abort")
        assert "It ends for good." in text
        await expect(page.locator(".view-head").get_by_text("aborted")).to_be_visible()
    (entry,) = await acts.audited(stage, action="rollout.approve", subject=rollout)
    assert entry["actor"].startswith("Boss ")
    assert entry["detail"]["reason"] == "fine with me"


async def test_a_wave_is_skipped_and_the_next_one_gets_its_go(browser, stage):
    image = acts.image("2.4")
    target = {"roles": ["sensor"], "nodes": [1005, 1006]}
    waves = [
        {"name": "first", "size": "1", "soak_s": 86_400},
        {"name": "rest", "soak_s": 0, "go_ahead": "manual"},
    ]
    rollout = await acts.begun(stage, await acts.kept(stage, image), target=target, waves=waves)
    async with visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page:
        await expect(page.locator(".view-head").get_by_text("watching")).to_be_visible(timeout=30_000)
        await expect(standing(page)).to_contain_text("is watched for another")
        await acts.pick(page, "More actions", "Skip this wave")
        text = await acts.confirm(page, "Skip this wave", reason="it is fine")
        assert "Boards of wave “first”" in text
        await expect(page.locator(".view-head").get_by_text("waits for your go-ahead")).to_be_visible()
        await button(page, "Go ahead").click()
        text = await acts.confirm(page, "Go ahead")
        assert "Wave “rest” begins: the firmware goes to 1 board." in text
        await expect(page.locator(".view-head").get_by_text("completed")).to_be_visible(timeout=30_000)
    assert await acts.run_by(stage, image) == {1005, 1006}


def bad(image):
    """From now on the boards restart again and again with it."""
    BEHAVIOURS.put(hashlib.md5(image).hexdigest(), Behaviour("crash-loop", 9.0))


async def mended(stage, node, image):
    """The board was started once more, and does well with it from now on."""
    before = boots(stage, node)
    BEHAVIOURS.put(hashlib.md5(image).hexdigest(), FINE)
    async with asyncio.timeout(20):
        while boots(stage, node) == before:  # noqa: ASYNC110 boards tell nobody
            await asyncio.sleep(0.1)


def boots(stage, node):
    return next(image.boots for image in stage.fleet.images() if image.node_id == node)


#: Any restart while a board is watched fails it.
STRICT = {
    "health": {"restarts_max": 0},
    "waves": [
        {"name": "canary", "size": "1", "soak_s": 6000, "success_min": "100%", "errors_max": "0"},
        {"name": "rest", "soak_s": 0},
    ],
}


async def test_a_bad_firmware_is_taken_back_and_the_page_says_why(browser, stage):
    image = acts.image("6.6")
    bad(image)
    target = {"roles": ["sensor"], "nodes": [1005, 1006]}
    sha = await acts.kept(stage, image)
    rollout = await acts.begun(stage, sha, target=target, on_failure="rollback", **STRICT)
    async with visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page:
        await expect(page.locator(".view-head").get_by_text("rolled back")).to_be_visible(timeout=70_000)
        await expect(standing(page)).to_contain_text("1 board is back on its last good firmware")
        await expect(standing(page)).to_contain_text("restart")
    assert await acts.run_by(stage, image) == set()


async def test_what_failed_gets_another_try_and_is_rolled_back_by_hand(browser, stage):
    image = acts.image("6.7")
    bad(image)
    target = {"roles": ["sensor"], "nodes": [1006]}
    sha = await acts.kept(stage, image)
    rollout = await acts.begun(stage, sha, target=target, on_failure="pause", **STRICT)
    async with visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page:
        await expect(page.locator(".view-head").get_by_text("paused")).to_be_visible(timeout=60_000)
        await expect(heading(page, "1 board does not run it")).to_be_visible()
        await mended(stage, 1006, image)
        await button(page, "Retry failed boards").click()
        text = await acts.confirm(page, "Retry failed boards")
        assert "Another try for 1 board" in text
        await expect(page.locator(".view-head").get_by_text("completed")).to_be_visible(timeout=60_000)
        assert await acts.run_by(stage, image) == {1006}
        await acts.pick(page, "More actions", "Roll back")
        await acts.confirm(page, "Roll back", reason="second thoughts")
        await expect(page.locator(".view-head").get_by_text("rolled back")).to_be_visible(timeout=40_000)
    assert await acts.run_by(stage, image) == set()


async def test_a_gateway_that_dies_goes_on_where_it_was(browser, stage):
    image = acts.image("2.5", LARGE)
    rollout = await acts.begun(stage, await acts.kept(stage, image), name="night", waves=TWO_WAVES)
    async with visit(browser, stage.daemon, place=f"#/updates/{rollout}") as page:
        page.watch.may_lose = True
        acts.gone_with_the_log_in(page)
        await expect(page.locator(".view-head").get_by_text("updating")).to_be_visible()
        await stage.daemon.kill()
        await expect(
            page.get_by_role("alert").get_by_text("No connection to the gateway since")
        ).to_be_visible()
        await expect(heading(page, "night", level=1)).to_be_visible()  # what was there stays in sight
        await acts.start_again(stage.daemon)
        await page.get_by_label("Token").fill(stage.daemon.endpoint()["token"])
        await button(page, "Log in").click()
        await expect(heading(page, "night", level=1)).to_be_visible()
        await expect(page.locator(".view-head").get_by_text("completed")).to_be_visible(timeout=50_000)
        await expect(standing(page)).to_contain_text("6 of 6 boards run lamp 2.5.")
    assert await acts.run_by(stage, image) == set(ids(NODES))


async def test_walk_20_nodes(browser, tmp_path):
    """Somebody who knows painlessMesh, and not Meshward, updates 20 boards by what the page says."""
    async with set_up(tmp_path, kind="stock", nodes=20, eager=False, program=acts.HASTY) as stage:
        daemon = stage.daemon
        async with visit(browser, daemon, None) as page:
            page.watch.expected = ["401"]
            # The address of the gateway asks for a token, and says how to get one.
            await expect(page.get_by_text("meshward token create")).to_be_visible()
            await page.get_by_label("Token").fill(daemon.endpoint()["token"])
            await button(page, "Log in").click()

            # "No board was updated from here yet. Update boards."
            await page.get_by_role("navigation", name="Views").get_by_role("link", name="Updates").click()
            await expect(
                page.get_by_text("Nothing was updated from here yet. Drop a firmware file above to begin")
            ).to_be_visible()
            image = synthetic_image(40_000, project="lamp", version="3.0")
            await acts.drop(page, ("lamp.ino.bin", image))
            await expect(page.get_by_text("This is a firmware that boards can take.")).to_be_visible()
            await button(page, "Add and update boards").click()

            # One thing cannot be known yet: the role. The page says where it stands in the sketch.
            await expect(page.get_by_text("Choose a firmware and a role.")).to_be_visible()
            await expect(page.get_by_text("mesh.initOTAReceive(")).to_be_visible()
            await page.get_by_label("Role of the boards").fill("sensor")

            # What will happen, before it does.
            plan = page.get_by_role("region", name="4. What will happen")
            await expect(
                plan.get_by_text("First 20 boards are asked what they are; that changes nothing on them.")
            ).to_be_visible()
            await expect(plan.get_by_text("1 board first, then 5, then the other 14.")).to_be_visible()
            await button(plan, "Start", exact=True).click()

            # And then it happens.
            await expect(
                page.get_by_text("It is under way. It goes on when you close this page.")
            ).to_be_visible()
            await expect(page.get_by_text("20 of 20 boards run lamp 3.0.")).to_be_visible(timeout=90_000)
        assert await acts.run_by(stage, image) == set(ids(20))
