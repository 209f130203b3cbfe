"""The table of boards and the page of each: found, sorted, kept as a view, changed, and told about."""

import csv
import io
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from meshward.fleet.commands import Drop, Reparent, Restart
from tests.browser import acts
from tests.browser.acts import button, heading
from tests.browser.stage import NAMES
from tests.integration.gateway_meshes import sees, until
from tests.integration.health_meshes import ids
from tests.support.browser import visit

NODES = 6
STAGE = {"nodes": NODES}
pytestmark = pytest.mark.timeout(120)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def as_at_first(stage):
    """All boards are there, named as ever, without tags and views."""
    await sees(stage.daemon, NODES)
    yield
    async with stage.daemon.api() as client:
        for view in (await client.get("/dashboard")).json()["views"]:
            await client.patch("/dashboard", json={"drop_view": view["name"]})
        for node in ids(NODES):
            plain = {"name": NAMES[node], "tags": [], "excluded": False, "exclusion_reason": ""}
            await client.patch(f"/nodes/{node}", json=plain)


def rows(page):
    return page.get_by_role("table", name="Boards of the mesh").locator("tbody tr[data-key]")


async def names(page):
    """Of the table, in its order."""
    return [text.strip() for text in await rows(page).get_by_role("rowheader").all_inner_texts()]


def ticked(page, name):
    return page.get_by_role("checkbox", name=f"Select {name}", exact=True)


async def test_boards_are_found_and_filtered_and_the_address_says_how(browser, stage):
    await stage.patch(1003, tags=["roof"])
    await stage.patch(1005, tags=["roof", "south"])
    async with visit(browser, stage.daemon, "viewer", place="#/nodes") as page:
        await expect(rows(page)).to_have_count(NODES)
        search = page.get_by_label("Search boards")
        await search.fill("kitch")
        await expect(rows(page)).to_have_count(1)
        assert await names(page) == ["Kitchen"]
        await search.fill("no such board")
        await expect(page.get_by_text("No board fits these filters.")).to_be_visible()
        await button(page, "Show all boards").click()
        await expect(rows(page)).to_have_count(NODES)

        await page.get_by_role("combobox", name="Tag", exact=True).select_option("roof")
        await button(page, "Name", exact=True).click()
        await expect(rows(page)).to_have_count(2)
        down = page.get_by_role("columnheader", name="Name")
        await expect(down).to_have_attribute("aria-sort", "ascending")
        await button(down, "Name").click()
        await expect(down).to_have_attribute("aria-sort", "descending")
        assert await names(page) == ["Garden", "Attic"]
        # The link shows the same to somebody else.
        async with acts.second_page(page) as tab:
            await expect(rows(tab)).to_have_count(2)
            assert await names(tab) == ["Garden", "Attic"]
            await expect(tab.get_by_role("combobox", name="Tag", exact=True)).to_have_value("roof")
        await button(page, "Clear filters").click()
        await expect(rows(page)).to_have_count(NODES)


async def test_the_slash_key_leads_to_the_search(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/nodes") as page:
        await expect(rows(page)).to_have_count(NODES)
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search boards")).to_be_focused()


async def test_a_view_with_its_columns_is_kept_for_all(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/nodes") as page:
        await expect(rows(page)).to_have_count(NODES)
        await button(page, "Columns").click()
        dialog = page.get_by_role("dialog")
        for column in await dialog.get_by_role("checkbox").all():
            await column.uncheck()
        for column in ("Id", "Uptime"):
            await dialog.get_by_label(column, exact=True).check()
        await button(dialog, "Show these").click()
        heads = page.get_by_role("columnheader").filter(has_text=re.compile(r"\w"))
        await expect(heads).to_have_count(3)
        await page.get_by_label("Search boards").fill("gar")
        await expect(rows(page)).to_have_count(2)
        await button(page, "Save this view").click()
        await page.get_by_role("dialog").get_by_label("Name").fill("Outside")
        await button(page.get_by_role("dialog"), "Save").click()
        await expect(page.get_by_text("The view Outside is saved.")).to_be_visible()
    async with visit(browser, stage.daemon, "viewer", place="#/nodes") as page:
        await expect(rows(page)).to_have_count(NODES)
        await button(page, "Outside", exact=True).click()
        await expect(rows(page)).to_have_count(2)
        await expect(page.get_by_role("columnheader").filter(has_text=re.compile(r"\w"))).to_have_count(3)
        await expect(button(page, "Delete the view Outside")).to_have_count(0)


async def test_many_are_tagged_at_once_and_who_fails_stays_selected(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/nodes") as page:
        page.watch.expected = ["409 ("]
        await page.route(
            "**/api/v1/nodes/1004",
            lambda route: (
                route.fulfill(
                    status=409,
                    content_type="application/problem+json",
                    body='{"status": 409, "title": "Conflict", "detail": "it is busy"}',
                )
                if route.request.method == "PATCH"
                else route.continue_()
            ),
        )
        for name in ("Attic", "Garage", "Garden"):
            await ticked(page, name).check()
        bar = page.get_by_role("region", name="With the selected boards")
        await expect(bar.get_by_text("3 selected")).to_be_visible()
        await button(bar, "Add tag").click()
        await page.get_by_role("dialog").get_by_label("Tag").fill("upstairs")
        await button(page.get_by_role("dialog"), "Add tag").click()
        await expect(page.get_by_text("2 boards have the tag.")).to_be_visible()
        await expect(bar.get_by_role("alert")).to_contain_text(
            "1 board was not changed; it is still selected."
        )
        await expect(bar.get_by_role("alert")).to_contain_text("it is busy")
        await expect(ticked(page, "Garage")).to_be_checked()
        await expect(ticked(page, "Attic")).not_to_be_checked()
        tagged = {
            node["id"] for node in (await stage.daemon.get("/nodes"))["items"] if "upstairs" in node["tags"]
        }
        assert tagged == {1003, 1005}

        await page.unroute("**/api/v1/nodes/1004")
        await button(bar, "Leave out of updates").click()
        text = await acts.confirm(page, "Leave out of updates", reason="being repaired")
        assert "It gets no update, of any rollout" in text
        await expect(page.get_by_text("1 board is left out of updates.")).to_be_visible()
        # Who is left out already keeps the reason.
        for name in ("Garage", "Attic"):
            await ticked(page, name).check()
        await button(bar, "Leave out of updates").click()
        text = await acts.confirm(page, "Leave out of updates", reason="another")
        assert "1 of the selected is left out already" in text
        await expect(ticked(page, "Attic")).not_to_be_checked()
    reasons = {1004: "being repaired", 1003: "another"}
    for node, reason in reasons.items():
        told = await stage.daemon.get(f"/nodes/{node}")
        assert (told["excluded"], told["exclusion_reason"]) == (True, reason)


async def test_the_tab_key_stops_at_one_row_and_its_links(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/nodes") as page:
        await expect(rows(page)).to_have_count(NODES)
        reached = """() => [...document.querySelectorAll(".data-table tbody :is(tr, a, button, input)")]
          .filter((one) => one.tabIndex >= 0).map((one) => one.closest("tr").rowIndex)"""
        assert set(await page.evaluate(reached)) == {1}
        await rows(page).first.focus()
        await page.keyboard.press("ArrowDown")
        await expect(rows(page).nth(1)).to_be_focused()
        assert set(await page.evaluate(reached)) == {2}


async def test_the_csv_holds_what_is_shown(browser, stage):
    await stage.patch(1002, name='=Kitchen, "large"')
    known = {node["id"]: node for node in (await stage.daemon.get("/nodes"))["items"]}
    async with visit(browser, stage.daemon, "viewer", place="#/nodes?cols=id,level,depth&sort=id") as page:
        await expect(rows(page)).to_have_count(NODES)
        async with page.expect_download() as coming:
            await button(page, "CSV").click()
        text = (await (await coming.value).path()).read_text(encoding="utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == ["Name", "Id", "State", "Hops"]
    assert [int(row["Id"]) for row in table] == list(ids(NODES))
    assert [int(row["Hops"]) for row in table] == [known[node]["depth"] for node in ids(NODES)]
    # No spreadsheet takes a name for a formula.
    assert table[1]["Name"] == '\'=Kitchen, "large"'


async def test_a_board_is_renamed_tagged_and_left_out(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/nodes/1006") as page:
        await expect(heading(page, "Cellar", level=1)).to_be_visible()
        await button(page, "Change its name").click()
        await page.get_by_label("Its name").fill("Wine cellar")
        await button(page, "Save").click()
        await expect(heading(page, "Wine cellar", level=1)).to_be_visible()
        await expect(button(page, "Change its name")).to_be_focused()
        await acts.pick(page, "More that can be done", "Edit tags")
        await page.get_by_role("dialog").get_by_label("Tags").fill("cold wet!")
        await button(page, "Save").click()
        await expect(page.get_by_text("“wet!” is no tag")).to_be_visible()
        await page.get_by_role("dialog").get_by_label("Tags").fill("cold wet")
        await button(page, "Save").click()
        await expect(page.get_by_role("link", name="cold")).to_be_visible()
        await acts.pick(page, "More that can be done", "Leave out of updates")
        await acts.confirm(page, "Leave out of updates", reason="the flash is worn")
        await expect(page.get_by_text("Left out of updates: the flash is worn")).to_be_visible()
    node = await stage.daemon.get("/nodes/1006")
    assert (node["name"], node["tags"], node["excluded"]) == ("Wine cellar", ["cold", "wet"], True)


async def test_a_board_is_pinged_and_asked(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/nodes/1005") as page:
        await button(page, "Ping").click()
        await expect(page.get_by_text(re.compile(r"^It answered: [\d.,]+ ms one way\.$"))).to_be_visible()
        await button(page, "Ask now").click()
        await expect(
            page.get_by_text(re.compile("^It answered within .*; its values are new"))
        ).to_be_visible()
        values = page.get_by_role("table", name="Values")
        await expect(values.get_by_role("rowheader").first).to_be_visible()
        await expect(heading(page, "In the mesh, the last 30 days")).to_be_visible()
        await expect(page.get_by_role("img", name=re.compile("^In the mesh: "))).to_be_visible()
    async with visit(browser, stage.daemon, "viewer", place="#/nodes/1005") as page:
        await expect(heading(page, "Garden", level=1)).to_be_visible()
        await expect(button(page, "Ping")).to_have_count(0)


async def test_charts_show_what_was_and_what_happened(browser, stage):
    await stage.fleet.apply(Restart(1006))
    await sees(stage.daemon, NODES)
    await until(
        stage.daemon,
        "/nodes/1006/history?metric=uptime_s",
        lambda shown: any(note["kind"] in {"restart", "left", "joined"} for note in shown["notes"]),
    )
    async with visit(browser, stage.daemon, "viewer", place="#/nodes/1006?tab=charts&range=1h") as page:
        heap = page.get_by_role("group", name=re.compile("^Chart: .*heap", re.IGNORECASE)).or_(
            page.get_by_role("img", name=re.compile("^Chart: .*heap", re.IGNORECASE))
        )
        await expect(heap.first).to_be_visible()
        await expect(page.locator(".uplot").first).to_be_visible()
        marks = page.get_by_role("group", name="Marks on the charts")
        await expect(
            marks.get_by_label(re.compile(r"^. (Restart|Left the mesh|Joined the mesh) [1-9]")).first
        ).to_be_visible()
        # The time shown stands in the address, and is there again after a reload.
        await button(page, "6 h", exact=True).click()
        await expect(page).to_have_url(re.compile("range=6h"))
        await button(page, "Closer").first.click()
        await expect(page).to_have_url(re.compile(r"from=\d+"))
        await page.reload()
        await expect(button(page, "As at first")).to_be_visible()
        await button(page, "As at first").click()
        await expect(page).not_to_have_url(re.compile("from="))
        await (
            page.get_by_label("Compare with all ESP32 boards")
            .or_(page.get_by_label("Compare with all boards"))
            .check()
        )
        await expect(page).to_have_url(re.compile("peers=yes"))
        await expect(
            page.get_by_text(re.compile(r"^Median of \d boards", re.IGNORECASE)).first
        ).to_be_visible()


async def test_charts_whose_metrics_are_not_told_are_asked_for_again(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/nodes/1006?tab=charts") as page:
        page.watch.expected = ["ERR_FAILED"]
        await page.route("**/metric-catalogue*", lambda route: route.abort())
        await page.reload()
        await expect(page.get_by_text("The gateway cannot be reached.").first).to_be_visible()
        await page.unroute("**/metric-catalogue*")
        await button(page, "Try again").click()
        await expect(page.locator(".uplot").first).to_be_visible()


async def test_the_log_shows_its_packages(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/nodes/1004?tab=log") as page:
        packages = page.get_by_role("group").filter(has_text="telemetry").first
        await expect(packages).to_be_visible()
        if await packages.get_attribute("open") is None:  # the newest is open by itself, whatever it is
            await packages.locator("summary").click()
        await expect(packages.get_by_text('"from": 1004')).to_be_visible()


async def test_it_remembers_the_parents_it_had(browser, stage):
    before = await stage.daemon.get("/nodes/1006")
    other = next(node for node in ids(NODES) if node not in {1006, before["parent"]})
    await stage.fleet.apply(Reparent(1006, other))
    try:
        await until(stage.daemon, "/nodes/1006", lambda node: node["online"] and node["parent"] == other)
        async with visit(browser, stage.daemon, "viewer", place="#/nodes/1006?tab=tree") as page:
            table = page.get_by_role("table", name="Its parents so far")
            now = table.get_by_role("row").filter(has_text="until now")
            await expect(now).to_contain_text(NAMES[other])
            await expect(
                table.get_by_role("row").filter(has_text=NAMES[before["parent"]]).first
            ).to_be_visible()
    finally:
        await stage.fleet.apply(Reparent(1006, before["parent"]))
        await until(
            stage.daemon, "/nodes/1006", lambda node: node["online"] and node["parent"] == before["parent"]
        )


async def test_a_board_that_is_away_is_forgotten_and_its_page_says_so(browser, stage):
    leaf = max(node["id"] for node in (await stage.daemon.get("/nodes"))["items"] if not node["children"])
    async with visit(browser, stage.daemon, place=f"#/nodes/{leaf}") as page:
        page.watch.expected = ["404 ("]
        await button(page, "More that can be done").click()
        await expect(page.get_by_role("menuitem", name="Edit tags")).to_be_visible()
        await expect(page.get_by_role("menuitem", name="Forget this board")).to_have_count(0)
        await page.keyboard.press("Escape")
        await stage.fleet.apply(Drop(leaf))
        try:
            await expect(page.get_by_text("not in the mesh").first).to_be_visible(timeout=30_000)
            await acts.pick(page, "More that can be done", "Forget this board")
            text = await acts.confirm(page, "Forget this board")
            assert "Its updates and events stay in the history." in text
            await expect(page).to_have_url(re.compile("#/nodes$"))
            await expect(rows(page)).to_have_count(NODES - 1)
            await page.goto(f"{page.url.split('#')[0]}#/nodes/{leaf}")
            await expect(page.get_by_text(f"There is no board {leaf}.")).to_be_visible()
        finally:
            await stage.fleet.apply(Restart(leaf))
            await sees(stage.daemon, NODES)
