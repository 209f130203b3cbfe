"""What each role sees and may do: what it may not is not shown, is not asked for, and is refused."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.scene import GONE, NODES, furnish, go
from tests.support.browser import visit

STAGE = {"nodes": NODES}
ROLES = ("viewer", "operator", "admin")

#: Where it is, what it is, its name, and who sees it: that role and those above.
CONTROLS = [
    ("#/", "button", "Acknowledge", "operator"),
    ("#/", "link", "Update boards", "operator"),
    ("#/", "link", "All alerts", "viewer"),
    ("#/map?node=1001", "link", "Open its page", "viewer"),
    ("#/map?node=1001", "button", "Ping", "operator"),
    ("#/nodes", "checkbox", "Select Hall", "operator"),
    ("#/nodes", "button", "CSV", "viewer"),
    ("#/nodes?q=hall", "button", "Save this view", "operator"),
    ("#/nodes/1001", "button", "Ping", "operator"),
    ("#/nodes/1001", "button", "Ask now", "operator"),
    ("#/nodes/1001", "button", "Change its name", "operator"),
    ("#/nodes/1001", "button", "Maintenance 1 h", "operator"),
    ("#/nodes/1001", "button", "More that can be done", "operator"),
    (f"#/nodes/{GONE}", "link", "Show on the map", "viewer"),
    ("#/updates", "button", "Choose a file", "operator"),
    ("#/updates", "link", "Update boards", "operator"),
    ("#/updates", "button", "More for", "viewer"),
    ("#/updates/{rollout}", "link", "Again with the same settings", "operator"),
    ("#/updates/new", "button", "Start", "operator"),
    ("#/alerts", "button", "Acknowledge", "operator"),
    ("#/alerts", "button", "Mesh maintenance 1 h", "operator"),
    ("#/alerts", "link", "Who is told", "operator"),
    ("#/alerts", "link", "Rules", "viewer"),
    ("#/alerts/silences", "button", "New silence", "operator"),
    ("#/alerts/silences", "button", "End now", "operator"),
    ("#/alerts/rules", "link", "New rule", "admin"),
    ("#/alerts/rules", "switch", "Rule Too hot", "admin"),
    ("#/alerts/rules", "link", "Edit Too hot", "admin"),
    ("#/settings", "link", "Tokens", "admin"),
    ("#/settings", "link", "Audit log", "operator"),
    ("#/settings", "link", "Backup", "admin"),
    ("#/settings", "link", "Account", "viewer"),
    ("#/settings/updates", "button", "Pause all updates", "admin"),
]
#: What only some may see leads those who write its address by hand to what they may.
PLACES = [
    *(
        "#/alerts/receivers",
        "#/alerts/rules/edit/hot",
        "#/alerts/rules/new",
        "#/settings/tokens",
        "#/settings/audit",
    ),
    *("#/settings/backup", "#/settings/updates", "#/updates/new", "#/map?show=table", "#/nodes/1001?tab=log"),
    *("#/nodes/1001?tab=charts", "#/alerts/history"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(stage):
    return await furnish(stage)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ROLES)
async def person(request, browser, stage, past):
    """A page of somebody of a role; nothing that it does by itself may be refused."""
    async with visit(browser, stage.daemon, request.param) as page:
        yield request.param, page


@pytest.mark.parametrize("place", dict.fromkeys(place for place, *_ in CONTROLS))
async def test_a_role_sees_what_it_may_do_and_nothing_else(person, past, place):
    role, page = person
    await go(page, place.format(rollout=past.rollout))
    mine = [one for one in CONTROLS if one[0] == place]
    # What is there for this role tells that all is there.
    for _, kind, name, least in sorted(mine, key=lambda one: ROLES.index(one[3])):
        found = page.get_by_role("main").get_by_role(kind, name=name)
        if ROLES.index(role) >= ROLES.index(least):
            await expect(found.first).to_be_visible()
        else:
            await expect(found).to_have_count(0)


@pytest.mark.parametrize("place", PLACES)
async def test_no_page_asks_for_what_its_reader_may_not_have(person, place):
    _, page = person
    await go(page, place)
    await expect(page.locator("[data-link=live]")).to_be_visible()
    assert page.watch.problems == []


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("PATCH", "/nodes/1001", {"name": "Hall"}, "operator"),
        ("POST", "/nodes/1001/ping", {}, "operator"),
        ("POST", "/rollouts/r1/abort", {}, "operator"),
        ("POST", "/silences", {"duration_s": 60, "rules": ["battery"]}, "operator"),
        ("PATCH", "/dashboard", {"drop_view": "none such"}, "operator"),
        ("GET", "/audit", None, "operator"),
        ("GET", "/tokens", None, "admin"),
        ("PATCH", "/alert-rules/hot", {"enabled": True}, "admin"),
        ("PATCH", "/settings", {"updates_at_once": 1}, "admin"),
        ("DELETE", "/firmware/{firmware}", None, "admin"),
    ],
)
async def test_what_is_not_shown_is_refused_as_well(person, past, method, path, body, least):
    role, page = person
    if role == "admin" and method == "DELETE":
        return  # others need it
    status = await page.evaluate(
        """async ([method, path, body]) => {
          const { csrf } = await (await fetch("api/v1/session")).json();
          const headers = { "content-type": "application/json", "x-csrf-token": csrf };
          return (await fetch(`api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })).status;
        }""",
        [method, path.format(firmware=past.firmware), body],
    )
    refused = [problem for problem in page.watch.problems if "403" in problem]
    page.watch.problems.clear()
    if ROLES.index(role) >= ROLES.index(least):
        assert status in {200, 201, 409}
        assert not refused
    else:
        assert status == 403


async def test_without_the_page_s_own_proof_nobody_changes_anything(person):
    _, page = person
    status = await page.evaluate(
        """async () => (await fetch("api/v1/nodes/1001", { method: "PATCH", body: '{"name":"x"}',
          headers: { "content-type": "application/json" } })).status"""
    )
    page.watch.problems.clear()
    assert status == 403
