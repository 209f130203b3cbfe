"""Ways into the dashboard, and out of it."""

import re

import pytest
from playwright.async_api import expect

from tests.support.browser import make_token, token_of, visit

STAGE = {"nodes": 2}


async def test_a_token_lets_in_and_logging_out_ends_it(browser, stage):
    async with visit(browser, stage.daemon, None) as page:
        page.watch.expected = ["401"]
        await page.get_by_label("Token").fill(await token_of(stage.daemon, "viewer"))
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.locator("[data-link=live]")).to_be_visible()
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Log out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_a_wrong_token_is_refused_in_words(browser, stage):
    async with visit(browser, stage.daemon, None) as page:
        page.watch.expected = ["401"]
        await page.get_by_label("Token").fill("mw_wrong")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_text("unknown, expired or revoked")).to_be_visible()
        assert await page.get_by_label("Token").get_attribute("aria-invalid") == "true"


async def test_a_link_lets_in_once_and_leaves_no_trace(browser, stage):
    async with stage.daemon.api() as client:
        link = (await client.post("/session/links")).json()
    async with visit(browser, stage.daemon, None, place=link["path"]) as page:
        await expect(page.locator("[data-link=live]")).to_be_visible()
        assert link["code"] not in page.url
    async with visit(browser, stage.daemon, None, place=link["path"]) as page:
        page.watch.expected = ["401"]
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_a_link_in_a_page_that_is_open_lets_in_too(browser, stage):
    async with stage.daemon.api() as client:
        first = (await client.post("/session/links")).json()
        second = (await client.post("/session/links")).json()
    async with visit(browser, stage.daemon, None) as page:
        page.watch.expected = ["401", "WebSocket"]
        await expect(page.get_by_label("Token")).to_be_visible()
        for link in (first, second):
            await page.evaluate("(code) => (location.hash = `#/login/${code}`)", link["code"])
            await expect(page).not_to_have_url(re.compile("login"))
            await expect(page.locator("[data-link=live]")).to_be_visible()
        await page.evaluate("(code) => (location.hash = `#/login/${code}`)", first["code"])
        await expect(page.get_by_role("status").filter(has_text="link")).to_be_visible()
        await expect(page.locator("[data-link=live]")).to_be_visible()  # who was in stays in


async def test_a_token_that_is_revoked_ends_the_session(browser, stage):
    made = await make_token(stage.daemon, "viewer")
    async with visit(browser, stage.daemon, "viewer", token=made["token"]) as page:
        page.watch.expected = ["401", "WebSocket"]
        await expect(page.locator("[data-link=live]")).to_be_visible()
        async with stage.daemon.api() as client:
            await client.delete(f"/tokens/{made['id']}")
        await expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_each_role_sees_who_it_is(browser, stage, role):
    async with visit(browser, stage.daemon, role) as page:
        await page.get_by_role("button", name="Account").click()
        await expect(page.get_by_role("menuitem", name=f"({role})")).to_be_visible()
