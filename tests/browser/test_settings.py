"""Settings: all updates held back, tokens, the audit log, backups, what runs here, and who sees what."""

import os

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser import acts
from tests.browser.acts import button, heading
from tests.browser.stage import NAMES
from tests.integration.gateway_meshes import ended
from tests.integration.gateways import run_meshward
from tests.support.browser import visit

STAGE = {"nodes": 3, "kind": "stock"}
pytestmark = pytest.mark.timeout(120)  # the first one also sets the stage


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_is_under_way(stage):
    yield
    await acts.end_all(stage)
    async with stage.daemon.api() as client:
        await client.patch("/settings", json={"updates_paused": False})


def tabs(page):
    return page.get_by_role("main").get_by_role("navigation").get_by_role("link")


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("viewer", ["Bridges", "Account", "About"]),
        ("operator", ["Updates", "Audit log", "Bridges", "Account", "About"]),
        ("admin", ["Updates", "Tokens", "Audit log", "Bridges", "Backup", "Account", "About"]),
    ],
)
async def test_each_role_sees_what_it_may(browser, stage, role, shown):
    async with visit(browser, stage.daemon, role, place="#/settings") as page:
        await expect(tabs(page)).to_have_text(shown)
        may = button(page, "Pause all updates")
        if role == "operator":
            await expect(page.get_by_text("Updates run as their rollouts say.")).to_be_visible()
        await expect(may).to_have_count(int(role == "admin"))
        # What is not shown is not to be had by its address either.
        await page.goto(f"{page.url.split('#')[0]}#/settings/tokens")
        await expect(button(page, "New token")).to_have_count(int(role == "admin"))


async def test_nothing_starts_while_all_updates_are_paused(browser, stage):
    sha = await acts.kept(stage, acts.image("1.0"))
    async with visit(browser, stage.daemon, place="#/settings/updates") as page:
        await button(page, "Pause all updates").click()
        text = await acts.confirm(page, "Pause all updates")
        assert "Nothing is sent to any board until you let updates go on." in text
        await expect(
            page.get_by_text("Nothing is sent to any board, whoever made the rollout")
        ).to_be_visible()
        rollout = await acts.begun(stage, sha, target={"roles": ["sensor"], "nodes": [1003]})
        async with acts.second_page(page) as tab:
            await tab.goto(f"{tab.url.split('#')[0]}#/updates")
            await expect(tab.get_by_text("All updates are held back")).to_be_visible()
            await tab.goto(f"{tab.url.split('#')[0]}#/updates/{rollout}")
            await expect(heading(tab, "trial", level=1)).to_be_visible()
            await expect(tab.get_by_text("All updates are held back")).to_be_visible()
        assert (await stage.daemon.get(f"/rollouts/{rollout}"))["sent_bytes"] == 0
        await button(page, "Let updates go on").click()
        await expect(page.get_by_text("Updates run as their rollouts say.")).to_be_visible()
        assert (await ended(stage.daemon, rollout))["state"] == "completed"


async def test_numbers_are_checked_saved_and_kept(browser, stage):
    async with visit(browser, stage.daemon, place="#/settings/updates") as page:
        once = page.get_by_label("Updates at once")
        await once.fill("99")
        await expect(page.get_by_text("From 1 to 16.")).to_be_visible()
        await expect(button(page, "Save")).to_be_disabled()
        await once.fill("2")
        await button(page, "Save").click()
        await expect(page.get_by_text("Saved, and in force.")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Updates at once")).to_have_value("2")
    assert (await stage.daemon.get("/settings"))["updates_at_once"] == 2


async def test_a_token_is_shown_once_lets_in_and_is_revoked(browser, stage):
    async with visit(browser, stage.daemon, place="#/settings/tokens") as page:
        await button(page, "New token").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill("Grace")
        await button(dialog, "operator").click()
        await button(dialog, "Make the token").click()
        await expect(page.get_by_text("This is shown once and never again.")).to_be_visible()
        secret = await page.get_by_label("Token", exact=True).input_value()
        assert secret.startswith("mw_")
        await button(page, "I have kept it").click()
        await expect(page.get_by_text("This is shown once")).to_be_hidden()
        assert secret not in await page.content()

        async with visit(browser, stage.daemon, token=secret) as theirs:
            theirs.watch.expected = ["401", "WebSocket"]
            await expect(theirs.locator("[data-link=live]")).to_be_visible()
            await button(page, "Revoke Grace").click()
            text = await acts.confirm(page, "Revoke")
            assert "everybody who is logged in with it is logged out" in text
            await expect(theirs.get_by_label("Token")).to_be_visible()
        await expect(page.get_by_role("row", name="Grace")).to_have_count(0)
        await page.get_by_label("Also revoked and expired ones").check()
        await expect(page.get_by_role("row", name="Grace").get_by_text("revoked")).to_be_visible()


async def test_the_audit_log_says_who_did_what_and_is_checked(browser, stage):
    await stage.patch(1002, name="Pantry")
    await stage.patch(1002, name=NAMES[1002])
    async with visit(browser, stage.daemon, "operator", place="#/settings/audit") as page:
        await page.get_by_label("Text anywhere").fill("Pantry")
        row = page.get_by_role("row").filter(has_text="Pantry")
        await expect(row).to_have_count(1)
        await expect(row.get_by_text("node.")).to_be_visible()
        await button(page, "Check it").click()
        await expect(page.get_by_text("The log is whole.")).to_be_visible()
        head = await page.get_by_label("Head: the hash of the newest entry").input_value()
    assert head == (await stage.daemon.get("/audit/verify"))["head"]


async def test_a_backup_comes_down_and_is_put_back(browser, stage, tmp_path):
    sha = await acts.kept(stage, acts.image("4.0"))
    async with visit(browser, stage.daemon, place="#/settings/backup") as page:
        async with page.expect_download() as coming:
            await button(page, "Download a backup").click()
        file = tmp_path / (await coming.value).suggested_filename
        await (await coming.value).save_as(file)
        assert file.name.endswith(".tar.gz")
    status, output, errors = await run_meshward("restore", file, "--data", tmp_path / "again")
    assert status == 0, output + errors
    found = {name for _, _, files in os.walk(tmp_path / "again") for name in files}
    assert any(sha in name for name in found), found


async def test_a_backup_that_is_refused_or_breaks_off_is_told(browser, stage):
    async with visit(browser, stage.daemon, place="#/settings/backup") as page:
        page.watch.expected = ["409 (", "ERR_FAILED"]
        problem = '{"status": 409, "title": "Conflict", "detail": "a backup is being made already"}'
        await page.route("**/backup", lambda route: route.fulfill(status=409, body=problem))
        await button(page, "Download a backup").click()
        await expect(page.get_by_text("a backup is being made already")).to_be_visible()
        await page.unroute("**/backup")
        await page.route("**/backup", lambda route: route.abort())
        await button(page, "Download a backup").click()
        await expect(page.get_by_text("broke off before the backup was whole")).to_be_visible()
        await expect(button(page, "Download a backup")).to_be_enabled()


async def test_what_runs_here_is_told_with_versions_and_licences(browser, stage):
    about = await stage.daemon.get("/about")
    async with visit(browser, stage.daemon, "viewer", place="#/settings/about") as page:
        await expect(heading(page, f"Meshward {about['version']}")).to_be_visible()
        ours = page.get_by_role("table", name="Libraries of this page")
        for library in ("preact", "cytoscape", "uplot"):
            (part,) = [one for one in about["parts"] if one["name"].lower() == library]
            row = ours.get_by_role("row", name=f"{part['name']} {part['version']} MIT", exact=True)
            await expect(row).to_be_visible()
        await expect(
            page.get_by_role("table", name="Libraries of the gateway").get_by_role("row")
        ).not_to_have_count(1)


@pytest.mark.parametrize(("choice", "theme"), [("dark", "dark"), ("light", "light")])
async def test_chosen_colours_are_there_before_anything_is_painted(browser, stage, choice, theme):
    other = {"dark": "light", "light": "dark"}[theme]
    async with visit(browser, stage.daemon, "viewer", scheme=other, place="#/settings/account") as page:
        await button(page, choice, exact=True).click()
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
        # Noted as soon as there is a body to paint.
        await page.add_init_script(
            """new MutationObserver((_, watch) => {
                 if (!document.body) return;
                 watch.disconnect();
                 window.themeAtFirst = document.documentElement.dataset.theme;
               }).observe(document, {childList: true, subtree: true})"""
        )
        await page.reload()
        assert await page.evaluate("window.themeAtFirst") == theme
        await expect(button(page, choice, exact=True)).to_have_attribute("aria-pressed", "true")
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        chosen = await page.evaluate(ground)
        await button(page, "as the system", exact=True).click()
        assert await page.evaluate(ground) != chosen


def bridge(kind, state, text, **more):
    return {
        "name": f"{kind}://broker.example:1883",
        "kind": kind,
        "state": state,
        "text": text,
        "since_at": "2026-11-25T12:00:00Z",
        "sent": 31204,
        "sent_bytes": 4_400_000,
        "waiting": 0,
        "dropped": 0,
        "extras": [],
        **more,
    }


async def test_bridges_are_shown_as_the_gateway_tells(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/settings/bridges") as page:
        await expect(heading(page, "/metrics")).to_be_visible()
        await expect(page.get_by_text("nobody scraped it yet")).to_be_visible()


@pytest.mark.parametrize("device", ["desktop", "phone"])
async def test_bridges_that_fail_say_why_and_break_nothing(browser, stage, device):
    long = "refused: " + "/no/spaces/anywhere" * 20
    bridges = [
        bridge("mqtt", "failing", long, waiting=12, dropped=7, extras=["home assistant", "control"]),
        bridge("influx", "up", "<b>writes</b>"),
    ]
    async with visit(browser, stage.daemon, "viewer", device=device, place="#/") as page:
        await page.route("**/api/v1/bridges", lambda route: route.fulfill(json=bridges))
        await page.evaluate("location.hash = '#/settings/bridges'")
        failing = page.get_by_role("listitem").filter(has=heading(page, "mqtt://broker.example:1883"))
        await expect(failing).to_contain_text("does not work")
        await expect(failing).to_contain_text(long)
        await expect(failing).to_contain_text("Waiting to be sent")
        await expect(failing).to_contain_text("home assistant")
        await expect(page.get_by_text("<b>writes</b>")).to_be_visible()
        width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
