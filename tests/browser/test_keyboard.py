"""Everything without a pointer: what can be reached, is seen to be reached, and does what its key says."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.scene import GONE, NODES, furnish, go, settled
from tests.integration.gateway_meshes import app
from tests.support.browser import token_of, visit

STAGE = {"nodes": NODES}

#: What has the focus, as somebody who cannot see would be told.
FOCUSED = """
() => {
  const at = document.activeElement;
  const label = at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
  return `${at.tagName.toLowerCase()} ${label.trim().replace(/\\s+/g, " ").slice(0, 80)}`;
}
"""
#: The looks of all that Tab reaches, without and with the focus; gives those that look alike.
UNSEEN_FOCUS = """
async () => {
  const looks = (element) => {
    // Rows and shapes show it by what is in them.
    const parts = [element, ...[...element.querySelectorAll("th, td, circle")].slice(0, 12)].map((part) => getComputedStyle(part));
    return parts.map(({ outlineStyle, outlineWidth, boxShadow, backgroundColor, borderColor, stroke, strokeWidth, display }) =>
      [outlineStyle !== "none" && outlineWidth, boxShadow, backgroundColor, borderColor, stroke, strokeWidth, display].join("|")).join();
  };
  const alike = [];
  const sights = 'a[href], button:not(:disabled), input, select, textarea, summary, [tabindex="0"]';
  for (const element of document.querySelectorAll(sights)) {
    if (!element.checkVisibility({ visibilityProperty: true }) || element.closest("[hidden]") || element.tabIndex < 0) continue;
    document.activeElement?.blur();
    const before = looks(element);
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== element) continue;
    if (looks(element) === before) alike.push(element.outerHTML.slice(0, 160));
  }
  document.activeElement?.blur();
  return alike;
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(stage):
    return await furnish(stage)


async def press(page, *keys):
    for key in keys:
        await page.keyboard.press(key)


async def tab_to(page, wanted, key="Tab", most=80):
    """Press Tab until something of this name has the focus."""
    passed = []
    for _ in range(most):
        await page.keyboard.press(key)
        passed.append(await page.evaluate(FOCUSED))
        if wanted in passed[-1]:
            return
    raise AssertionError(f"Tab never came to {wanted!r}, but to {passed}")


async def test_logging_in_and_out(browser, stage):
    async with visit(browser, stage.daemon, None) as page:
        page.watch.expected = ["401"]
        await expect(page.get_by_label("Token")).to_be_focused()
        await page.keyboard.insert_text(await token_of(stage.daemon, "viewer"))
        await press(page, "Enter")
        await expect(page.locator("[data-link=live]")).to_be_visible()
        await tab_to(page, "Account")
        await press(page, "Enter")
        await expect(page.get_by_role("menuitem").first).to_be_focused()
        await press(page, "End")
        await expect(page.get_by_role("menuitem", name="Log out")).to_be_focused()
        await press(page, "Enter")
        await expect(page.get_by_label("Token")).to_be_focused()


async def test_the_first_thing_leads_past_the_navigation(browser, stage):
    async with visit(browser, stage.daemon, place="#/settings/account") as page:
        await settled(page)
        await press(page, "Tab")
        assert await page.evaluate(FOCUSED) == "a Skip to the content"
        box = await page.get_by_role("link", name="Skip to the content").bounding_box()
        assert box["x"] >= 0, "it is in sight once it has the focus"
        await press(page, "Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await press(page, "Tab")
        assert await page.evaluate("document.activeElement.closest('main') !== null")


async def test_two_letters_lead_to_a_view(browser, stage):
    async with visit(browser, stage.daemon, place="#/settings/account") as page:
        for view in ("map", "nodes", "updates", "alerts", "settings", "overview"):
            await settled(page)
            await press(page, "g", view[0])
            link = page.get_by_role("navigation", name="Views").get_by_role("link", name=view.capitalize())
            await expect(link).to_have_attribute("aria-current", "page")
            await expect(page.get_by_role("main")).to_be_focused()


async def test_a_menu_is_walked_by_arrows_and_gives_the_focus_back(browser, stage):
    async with visit(browser, stage.daemon) as page:
        await settled(page)
        button = page.get_by_role("button", name="Account")
        await button.focus()
        await press(page, "Enter")
        items = page.get_by_role("menuitem")
        await expect(items.first).to_be_focused()
        await press(page, "ArrowUp")
        await expect(items.last).to_be_focused()
        await press(page, "ArrowDown", "ArrowDown")
        await expect(items.nth(1)).to_be_focused()
        await press(page, "Escape")
        await expect(items).to_have_count(0)
        await expect(button).to_be_focused()


async def test_a_dialog_keeps_the_focus_and_gives_it_back(browser, stage, past):
    async with visit(browser, stage.daemon, place=f"#/nodes/{GONE}") as page:
        await settled(page)
        button = page.get_by_role("button", name="Maintenance 1 h")
        await button.focus()
        await press(page, "Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        for key in ("Tab", "Shift+Tab"):
            for _ in range(8):
                await press(page, key)
                # Past its last control the browser's own are next, never the page behind it.
                assert await page.evaluate(
                    "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
                )
        await press(page, "Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(button).to_be_focused()


async def test_the_list_of_shortcuts_can_switch_them_off(browser, stage):
    async with visit(browser, stage.daemon, place="#/nodes") as page:
        await settled(page)
        await page.get_by_role("main").focus()
        await press(page, "?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        await page.get_by_role("checkbox", name="Use these shortcuts").focus()
        await press(page, "Space", "Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await press(page, "g", "m", "?")
        assert page.url.endswith("#/nodes")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_nodes_are_sorted_selected_tagged_and_opened(browser, stage, past):
    async with visit(browser, stage.daemon, place="#/nodes") as page:
        await settled(page)
        await press(page, "/")
        await expect(page.get_by_role("searchbox", name="Search boards")).to_be_focused()
        await page.keyboard.insert_text("1")
        await tab_to(page, "button Version")
        header = page.get_by_role("columnheader", name="Version")
        for order in ("ascending", "descending"):
            await press(page, "Enter")
            await expect(header).to_have_attribute("aria-sort", order)
        await page.get_by_role("row").filter(has=page.get_by_role("link", name="Kitchen")).first.focus()
        await press(page, "Space", "Shift+ArrowDown", "ArrowDown", "Space")
        await expect(page.get_by_text("2 selected")).to_be_visible()
        await tab_to(page, "Add tag", "Shift+Tab")
        await press(page, "Enter")
        await expect(page.get_by_role("dialog").get_by_label("Tag")).to_be_focused()
        await page.keyboard.insert_text("attic-row")
        await press(page, "Enter")
        await expect(page.get_by_text("2 boards have the tag.")).to_be_visible()
        await page.get_by_role("row").nth(1).focus()
        await press(page, "Enter")
        await expect(page.get_by_role("navigation", name="Parts of this page")).to_be_visible()


async def test_the_map_is_walked_along_the_tree(browser, stage, past):
    async with visit(browser, stage.daemon, place="#/map") as page:
        await settled(page)
        await tab_to(page, "Map of the mesh")
        await press(page, "ArrowDown")
        await expect(page.get_by_role("complementary", name="Node Hall")).to_be_visible()
        await press(page, "ArrowDown", "ArrowRight")
        await expect(page.get_by_role("complementary", name="Node Attic")).to_be_visible()
        await press(page, "ArrowUp", "f")
        await expect(page.get_by_text("Only a node and its neighbours are in focus.")).to_be_visible()
        await press(page, "Escape", " ", "+", "-", "0")
        await press(page, "Enter")
        await expect(page.get_by_role("heading", level=1, name="Hall")).to_be_visible()


async def test_the_table_of_the_map_folds_and_unfolds(browser, stage, past):
    async with visit(browser, stage.daemon, place="#/map?show=table") as page:
        await settled(page)
        hall = page.get_by_role("row").filter(has=page.get_by_role("link", name="Hall"))
        await hall.focus()
        await press(page, "ArrowLeft")
        await expect(hall).to_have_attribute("aria-expanded", "false")
        await expect(page.get_by_role("link", name="Attic")).to_have_count(0)
        await press(page, "ArrowRight")
        await expect(hall).to_have_attribute("aria-expanded", "true")
        await press(page, "ArrowDown", "ArrowLeft", "ArrowLeft")
        await press(page, "End", " ")
        await expect(page.get_by_text("hops,")).to_be_visible()
        await press(page, "Home", "Enter")
        await expect(page.get_by_role("heading", level=1, name="Hall")).to_be_visible()


async def test_an_alert_is_acknowledged(browser, stage, past):
    async with visit(browser, stage.daemon, place=f"#/alerts?node={GONE}") as page:
        await settled(page)
        await tab_to(page, "button Acknowledge")
        await press(page, "Enter")
        await expect(page.get_by_role("dialog").get_by_label("Note")).to_be_focused()
        await page.keyboard.insert_text("I look at it")
        await press(page, "Enter")
        await expect(page.get_by_text("I look at it")).to_be_visible()
        await expect(page.get_by_role("button", name="Take back")).to_be_visible()


async def test_a_file_is_chosen_and_a_rollout_started(browser, stage, past):
    async with visit(browser, stage.daemon, place="#/updates") as page:
        await settled(page)
        page.on("filechooser", lambda _: None)  # the browser has to know in time that somebody waits for it
        await tab_to(page, "button Choose a file")
        async with page.expect_file_chooser() as choosing:
            await press(page, "Enter")
        await (await choosing.value).set_files(
            {"name": "new.bin", "mimeType": "application/octet-stream", "buffer": app("3.0")}
        )
        await expect(page.get_by_text("This is a firmware that boards can take.")).to_be_visible()
        await tab_to(page, "Add and update boards")
        await press(page, "Enter")
        await expect(page.get_by_role("heading", level=1, name="Update boards")).to_be_visible()
        await settled(page)
        await tab_to(page, "All at once")
        await press(page, "Enter")
        start = page.get_by_role("button", name="Start", exact=True)
        await expect(start).to_be_enabled()
        await expect(page.get_by_text("get it together")).to_be_visible()
        await tab_to(page, "button Start", most=120)
        await press(page, "Enter")
        await expect(page.get_by_text("It is under way.")).to_be_visible()
    rollouts = await stage.daemon.get("/rollouts")
    assert rollouts["items"][0]["name"] == "lamp 3.0"
    async with stage.daemon.api() as client:
        await client.post(f"/rollouts/{rollouts['items'][0]['id']}/abort")


SEEN = [
    *(
        "#/",
        "#/map?node=1001",
        "#/map?show=table",
        "#/nodes",
        "#/nodes/1001",
        "#/nodes/1002?tab=charts",
        "#/updates",
    ),
    *(
        "#/updates/new",
        "#/updates/r1",
        "#/alerts",
        "#/alerts/history",
        "#/alerts/rules",
        "#/alerts/rules/edit/hot",
    ),
    *("#/settings/updates", "#/settings/tokens", "#/settings/audit", "#/settings/account"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(browser, stage, past):
    async with visit(browser, stage.daemon) as page:
        yield page


@pytest.mark.parametrize("place", SEEN)
async def test_what_has_the_focus_looks_like_it(page, place):
    await go(page, place)
    await press(page, "Tab")  # from now on the browser takes the keyboard for what is used
    assert await page.evaluate(UNSEEN_FOCUS) == []
