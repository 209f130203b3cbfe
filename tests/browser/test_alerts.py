"""Boards fall silent, people are told why, and say that they see to it."""

import csv
import io
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from meshward.fleet.commands import Drop, Restart
from tests.browser import acts
from tests.browser.acts import button, heading
from tests.browser.stage import set_up
from tests.integration.gateway_meshes import sees, until
from tests.support.browser import visit
from tests.support.receivers import Hook, listening

NODES = 6
#: Each board hangs below the one before it.
STAGE = {"nodes": NODES, "topology": "chain"}
pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def alarm(stage, name, node):
    """A rule that fires on a node as long as this lasts, whatever the node does."""
    rule = {
        "metric": "heap_free_bytes",
        "direction": "below",
        "threshold": 1e7,
        "nodes": [node],
        "for_s": 0,
        "keep_firing_s": 0,
    }
    async with stage.daemon.api() as client:
        answer = await client.patch(f"/alert-rules/{name}", json=rule)
        assert answer.status_code == 200, answer.text
        await until(stage.daemon, f"/alerts?state=firing&rule={name}", lambda page: page["total"] == 1)
        try:
            yield
        finally:
            await client.delete(f"/alert-rules/{name}")
            for silence in (await client.get("/silences")).json():
                await client.delete(f"/silences/{silence['id']}")


@asynccontextmanager
async def switched_off(stage, node):
    await stage.fleet.apply(Drop(node))
    try:
        yield
    finally:
        await stage.fleet.apply(Restart(node))
        await sees(stage.daemon, NODES)


def card(page, text):
    return page.get_by_role("main").get_by_role("listitem").filter(has_text=text).first


async def tab_of(page, name):
    await page.get_by_role("navigation", name="Alerts").get_by_role("link", name=name).click()


async def test_a_board_that_goes_takes_those_behind_it_along_in_one_alert(browser, stage):
    async with visit(browser, stage.daemon, place="#/alerts") as page, acts.second_page(page) as tab:
        async with switched_off(stage, 1003):
            split = card(page, "Attic")
            await expect(split).to_be_visible(timeout=30_000)
            await button(split, "3 boards behind it").click()
            for name in ("Garage", "Garden", "Cellar"):
                await expect(split.get_by_role("link", name=name)).to_be_visible()
            loud = [
                one for one in (await stage.daemon.get("/alerts?state=firing"))["items"] if not one["quiet"]
            ]
            assert [(one["node"], one["behind"]) for one in loud] == [(1003, [1004, 1005, 1006])]

            await button(split, "Acknowledge").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("Note").fill("On my way with a ladder")
            await button(dialog, "Acknowledge").click()
            await expect(split.get_by_text("On my way with a ladder")).to_be_visible()
            # In the other tab as well, and nobody is told again.
            theirs = card(tab, "Attic")
            await expect(theirs.get_by_text("On my way with a ladder")).to_be_visible()
            await expect(theirs.get_by_text("acknowledged", exact=True)).to_be_visible()
        await expect(card(page, "Attic")).to_be_hidden(timeout=30_000)


async def test_what_is_over_is_in_the_history_and_in_a_file(browser, stage):
    async with alarm(stage, "history_rule", 1002):
        pass
    await until(stage.daemon, "/alerts?state=resolved&rule=history_rule", lambda page: page["total"] >= 1)
    async with visit(browser, stage.daemon, "viewer", place="#/alerts/history?rule=history_rule") as page:
        table = page.get_by_role("table", name="History")
        await expect(table.get_by_role("link", name="Kitchen").first).to_be_visible()
        async with page.expect_download() as coming:
            await button(page, "CSV").click()
        path = await (await coming.value).path()
        await expect(page.get_by_text(re.compile("alerts? saved"))).to_be_visible()
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert {row["rule"] for row in rows} == {"history_rule"}
    assert {(row["node"], row["name"]) for row in rows} == {("1002", "Kitchen")}
    assert all(row["resolved_at"] >= row["since_at"] for row in rows)


@pytest.mark.parametrize("hours", [1, 4])
async def test_an_alert_is_silenced_and_told_again(browser, stage, hours):
    async with (
        alarm(stage, f"silenced_{hours}", 1004),
        visit(browser, stage.daemon, "operator", place="#/alerts") as page,
    ):
        mine = card(page, f"silenced_{hours}")
        await acts.pick_in(mine, "Silence: ", re.compile(f"^\\s*{hours} h, this rule on this board"))
        await expect(page.get_by_text(f"Silenced for {hours} h.")).to_be_visible()
        await expect(mine.get_by_text("silenced", exact=True)).to_be_visible()
        (silence,) = await stage.daemon.get("/silences")
        assert lasts(silence) == timedelta(hours=hours)
        assert (silence["nodes"], silence["rules"]) == ([1004], [f"silenced_{hours}"])
        await button(mine, "End silence").click()
        await acts.confirm(page, "End now")
        await expect(mine.get_by_text("silenced", exact=True)).to_be_hidden()
        assert await stage.daemon.get("/silences") == []


def lasts(silence):
    begins, ends = (datetime.fromisoformat(silence[key]) for key in ("starts_at", "ends_at"))
    return timedelta(seconds=round((ends - begins).total_seconds()))


async def test_a_silence_lasts_until_a_time_that_is_checked(browser, stage):
    async with (
        alarm(stage, "until_then", 1004),
        visit(browser, stage.daemon, "operator", place="#/alerts") as page,
    ):
        mine = card(page, "until_then")
        await acts.pick_in(mine, "Silence: ", "Until …")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Until", exact=True).fill("2020-01-01T12:00")
        await button(dialog, "Silence", exact=True).last.click()
        await expect(
            dialog.get_by_text("Choose a time after the start, and not in the past.")
        ).to_be_visible()
        zone = await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        assert zone == "UTC"
        end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
        await dialog.get_by_label("Until", exact=True).fill(end.strftime("%Y-%m-%dT%H:%M"))
        await dialog.get_by_label("Reason").fill("the roof is being mended")
        await button(dialog, "Silence", exact=True).last.click()
        await expect(mine.get_by_text("silenced", exact=True)).to_be_visible()
        (silence,) = await stage.daemon.get("/silences")
        assert datetime.fromisoformat(silence["ends_at"]) == end
        await tab_of(page, "Silences")
        await expect(page.get_by_text("the roof is being mended")).to_be_visible()
        await button(page, "End now").click()
        await acts.confirm(page, "End now")
        await expect(page.get_by_text("Nothing is kept quiet.")).to_be_visible()


async def test_maintenance_takes_one_click(browser, stage):
    async with (
        alarm(stage, "kept_quiet", 1005),
        visit(browser, stage.daemon, "operator", place="#/alerts") as page,
    ):
        mine = card(page, "kept_quiet")
        await button(mine, "Maintenance 1 h").click()
        await expect(mine.get_by_text("maintenance", exact=True)).to_be_visible()
        (window,) = await stage.daemon.get("/silences")
        assert (window["kind"], window["nodes"], lasts(window)) == ("maintenance", [1005], timedelta(hours=1))
        await button(mine, "End silence").click()
        await acts.confirm(page, "End now")
        await expect(mine.get_by_text("maintenance", exact=True)).to_be_hidden()

        await button(page, "Mesh maintenance 1 h").click()
        await acts.confirm(page, "Mesh maintenance 1 h")
        whole = page.get_by_text("Maintenance of the whole mesh until")
        await expect(whole).to_be_visible()
        await button(page, "End now").click()
        await acts.confirm(page, "End now")
        await expect(whole).to_be_hidden()


async def test_a_rule_is_tried_changed_and_taken_back(browser, stage):
    async with visit(browser, stage.daemon, place="#/alerts/rules") as page:
        await page.get_by_role("link", name="Edit Weak link").click()
        threshold = page.get_by_label("Threshold")
        before = await threshold.input_value()
        # As it would be with a limit that every board is beyond.
        await threshold.fill("-10")
        await page.get_by_label("Fires after").fill("0")
        await button(page, "Try it on the last 7 days").click()
        trial = page.get_by_role("region", name="What would it have fired on?")
        await expect(trial.get_by_role("status")).to_have_text(
            re.compile(r"^\d+ times? in .*, on \d of \d nodes$")
        )
        episodes = trial.get_by_role("table", name="When it would have fired")
        await expect(episodes.get_by_role("row").nth(1)).to_be_visible()
        await expect(trial.get_by_text("of measurements are there so far")).to_be_visible()
        # And with one that none is.
        await threshold.fill("-119")
        await expect(episodes).to_be_hidden()
        await expect(trial.get_by_role("status")).not_to_contain_text("times")
        await button(page, "Save").click()
        await expect(page.get_by_text("Weak link is changed.")).to_be_visible()
        (rule,) = [one for one in await stage.daemon.get("/alert-rules") if one["name"] == "weak_link"]
        assert (rule["threshold"], rule["origin"]) == (-119, "api")

        await page.get_by_role("link", name="Edit Weak link").click()
        await button(page, "Take back changes").click()
        await acts.confirm(page, "Take back changes")
        await expect(page.get_by_text("Weak link: what was changed is taken back.")).to_be_visible()
        await page.get_by_role("link", name="Edit Weak link").click()
        await expect(page.get_by_label("Threshold")).to_have_value(before)


async def test_a_rule_of_ones_own_is_made_and_fires(browser, stage):
    async with visit(browser, stage.daemon, place="#/alerts/rules") as page:
        await page.get_by_role("link", name="New rule").click()
        await button(page, "Make the rule").click()
        await expect(page.get_by_text("Choose what is measured.")).to_be_visible()
        await page.get_by_label("Name").fill("short of memory")
        await page.get_by_label("What is measured").select_option("heap_free_bytes")
        await button(page, "below").click()
        await page.get_by_label("Threshold").fill("a lot")
        await expect(page.get_by_text("Give a number.")).to_be_visible()
        await page.get_by_label("Threshold").fill("10000000")
        await page.get_by_label("Fires after").fill("0")
        only = page.get_by_label("Only these boards")
        await only.fill("1001")
        await only.press("Enter")
        await button(page, "Make the rule").click()
        await expect(page.get_by_text("short_of_memory is made, and watches from now on.")).to_be_visible()
        await tab_of(page, "Open")
        await expect(card(page, "short_of_memory")).to_be_visible(timeout=30_000)
        await expect(card(page, "short_of_memory").get_by_role("link", name="Hall")).to_be_visible()

        await page.goto(f"{page.url.split('#')[0]}#/alerts/rules/edit/short_of_memory")
        await button(page, "Take back").click()
        text = await acts.confirm(page, "Take back")
        assert "its alerts end" in text
        await expect(page.get_by_role("main").get_by_text("short_of_memory", exact=True)).to_have_count(0)


async def test_an_operator_reads_rules_and_changes_none(browser, stage):
    async with visit(browser, stage.daemon, "operator", place="#/alerts/rules") as page:
        await expect(heading(page, re.compile("^Weak link"))).to_be_visible()
        for address in ("new", "edit/weak_link"):
            await page.goto(f"{page.url.split('#')[0]}#/alerts/rules/{address}")
            await expect(heading(page, re.compile("^Weak link"))).to_be_visible()
            await expect(page.get_by_role("switch")).to_have_count(0)
            await expect(page.get_by_label("Threshold")).to_have_count(0)
        await expect(page.get_by_role("link", name="Edit")).to_have_count(0)


async def test_receivers_are_tried(browser, stage, tmp_path):
    async with visit(browser, stage.daemon, "operator", place="#/alerts/receivers") as page:
        await expect(heading(page, "Nobody is told yet")).to_be_visible()
    hook = Hook()
    async with (
        listening(hook.serve) as port,
        set_up(tmp_path, nodes=2, receivers=[f"http://127.0.0.1:{port}/hook/secret"]) as other,
        visit(browser, other.daemon, "operator", place="#/alerts/receivers") as page,
    ):
        await expect(page.get_by_text(f"webhook 127.0.0.1:{port}")).to_be_visible()
        await button(page, "Send a test").click()
        await expect(page.get_by_text("arrived")).to_be_visible()
        assert "secret" not in await page.content()
    assert len(hook.requests) == 1
