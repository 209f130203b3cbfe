import re

import pytest
from playwright.async_api import expect

from tests.support.browser import DEVICES, SCHEMES, barriers, is_wider_than_its_window, visit

STAGE = {"nodes": 6}
LOGIC = "import('./ui/views/overview/logic.js')"
DAYS = "import('./ui/app/days.js')"
ROLLOUTS = "import('./ui/app/rollouts.js')"


async def logic(page, call, value=None, module=LOGIC):
    """What a function of the page's own gives, called as `call` in the module."""
    return await page.evaluate(f"async (value) => {{ const m = await {module}; return {call}; }}", value)


def node(number, **values):
    return {"id": number, "online": True, "parent": None, "depth": 1, "version": "", "health": 100} | values


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("device", DEVICES)
async def test_it_says_how_the_mesh_is(browser, stage, device, scheme):
    async with visit(browser, stage.daemon, "viewer", device=device, scheme=scheme) as page:
        await expect(page.get_by_role("heading", level=1)).to_contain_text("of 6 boards well")
        await expect(page.get_by_role("img", name="Health of the mesh")).to_contain_text("of 100")
        for name in ("What needs you", "Updates", "Firmware versions", "In the mesh", "What happened"):
            await expect(page.get_by_role("heading", level=2, name=name)).to_be_visible()
        await expect(page.get_by_role("heading", name="Delay and traffic")).to_be_visible()
        assert not await is_wider_than_its_window(page)
        assert await barriers(page) == []


async def test_who_may_not_update_is_not_offered_it(browser, stage):
    async with visit(browser, stage.daemon, "viewer") as page:
        await expect(page.get_by_role("heading", name="Updates")).to_be_visible()
        await expect(page.get_by_role("link", name="Update boards")).to_have_count(0)
    async with visit(browser, stage.daemon, "operator") as page:
        await expect(page.get_by_role("link", name="Update boards")).to_be_visible()


async def test_letters_lead_to_the_views_and_can_be_switched_off(browser, stage):
    async with visit(browser, stage.daemon) as page:
        await expect(page.locator("[data-link=live]")).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        assert await barriers(page) == []
        await page.get_by_label("Use these shortcuts").uncheck()
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.evaluate("localStorage.clear()")
        await page.reload()
        await expect(page.locator("[data-link=live]")).to_be_visible()
        await page.keyboard.press("g")
        await page.keyboard.press("o")
        await expect(page).to_have_url(page.url.split("#")[0] + "#/")


async def test_what_is_gone_to_gets_the_focus(browser, stage):
    async with visit(browser, stage.daemon) as page:
        await expect(page.locator("[data-link=live]")).to_be_visible()
        assert await page.evaluate("document.activeElement === document.body")
        await page.get_by_role("link", name="Settings", exact=True).press("Enter")
        await expect(page).to_have_title(re.compile("^Settings"))
        await expect(page.locator("main")).to_be_focused()


async def test_after_a_session_that_ended_one_comes_back_to_the_same_place(browser, stage):
    async with visit(browser, stage.daemon, place="#/nodes?q=Hall") as page:
        page.watch.expected = ["401", "WebSocket"]
        await expect(page.locator("[data-link=live]")).to_be_visible()
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Log out").click()
        await expect(page.get_by_text("come back to where you were")).to_be_visible()
        await page.get_by_label("Token").fill(stage.daemon.endpoint()["token"])
        await page.get_by_role("button", name="Log in").click()
        await expect(page.locator("[data-link=live]")).to_be_visible()
        assert page.url.endswith("#/nodes?q=Hall")


async def test_versions_are_counted_the_most_frequent_first(browser, stage):
    async with visit(browser, stage.daemon) as page:
        versions = ["2.0", "2.0", "1.9", "1.10", "", "3", "4"]
        nodes = [node(number, version=version) for number, version in enumerate(versions)]
        found = await logic(page, "m.byVersion(value, 3)", nodes)
        assert [(one["version"], one["count"], one["rest"]) for one in found] == [
            ("2.0", 2, 0),
            ("1.9", 1, 0),
            ("", 3, 3),
            ("", 1, 0),
        ]
        assert sum(one["share"] for one in found) == pytest.approx(1)
        assert await logic(page, "m.byVersion([])") == []


async def test_who_hangs_on_whom_is_counted_even_in_a_circle(browser, stage):
    async with visit(browser, stage.daemon) as page:
        tree = [
            node(1),
            node(2, parent=1),
            node(3, parent=2),
            node(4, parent=2),
            node(5, online=False, parent=1),
        ]
        assert await logic(page, "[...m.countBehind(value)].sort()", tree) == [[1, 3], [2, 2]]
        circle = [node(1, parent=2), node(2, parent=1)]
        assert await logic(page, "[...m.countBehind(value)].sort()", circle) == [[1, 1], [2, 1]]


async def test_boards_in_trouble_are_those_that_no_alert_names(browser, stage):
    async with visit(browser, stage.daemon) as page:
        nodes = [node(1, health=10), node(2, health=20), node(3, health=30), node(4, online=False, health=0)]
        nodes += [node(5, health=None), node(6)]
        firing = [{"node": 1, "behind": [2]}]
        assert await logic(
            page, "m.inTrouble(value.nodes, value.firing)", {"nodes": nodes, "firing": firing}
        ) == [4, 3]
        assert await logic(page, "m.inTrouble(value, [], 2)", nodes) == [4, 1]


async def test_a_rollout_that_waits_for_people_comes_first(browser, stage):
    async with visit(browser, stage.daemon) as page:
        rollouts = [
            {"id": number, "state": state, "created_at": f"2026-01-0{number}", "ended_at": ended}
            for number, state, ended in [
                (1, "awaiting_go", None),
                (2, "updating", None),
                (3, "completed", "2026-01-04"),
                (4, "failed", "2026-01-05"),
            ]
        ]
        split = await logic(page, "m.splitRollouts(value)", rollouts)
        assert [one["id"] for one in split["active"]] == [1, 2]
        assert split["last"]["id"] == 4
        counts = {"completed": 2, "already_installed": 1, "failed": 1, "not_targeted": 9, "scheduled": 4}
        rollout = {"state": "updating", "counts": counts}
        assert await logic(page, "m.tally(value)", rollout, module=ROLLOUTS) == {
            "good": 3,
            "bad": 1,
            "total": 8,
            "share": 3 / 8,
        }


async def test_days_are_levelled_and_summed_up(browser, stage):
    async with visit(browser, stage.daemon) as page:
        levels = await logic(
            page, "value.map(m.levelOfShare)", [1, 0.999, 0.9989, 0.95, 0.9, 0, None], module=DAYS
        )
        assert levels == ["well", "well", "warn", "warn", "bad", "bad", "unknown"]
        assert await logic(page, "m.overDays(value)", [None, 1, 0.5], module=DAYS) == {
            "mean": 0.75,
            "worst": 2,
            "known": 2,
        }
        nothing = await logic(page, "m.overDays(value)", [None], module=DAYS)
        assert nothing == {"mean": None, "worst": None, "known": 0}
        morning = "m.awayS(0.5, m.dayMs('2026-11-25', 0), m.dayMs('2026-11-25', 0) + 3600000)"
        assert await logic(page, morning, module=DAYS) == 1800


async def test_events_of_both_ways_are_told_once(browser, stage):
    async with visit(browser, stage.daemon) as page:
        events = [{"id": number} for number in range(6)]
        value = {"streamed": events[3:], "asked": events[:5]}
        found = await logic(page, "m.latest(value.streamed, value.asked, 4)", value)
        assert [event["id"] for event in found] == [5, 4, 3, 2]
