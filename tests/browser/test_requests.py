"""What the page asks of a gateway that is made up: one at a time, once only, and by the gateway's clock."""

import asyncio

import pytest_asyncio

from tests.browser.modules import workshop

#: A component that shows what it asks for, every second.
SHOW = """
async () => {
  const { html, render } = await import("./ui/app/dom.js");
  const { useAsk } = await import("./ui/app/ask.js");
  const place = document.createElement("div");
  document.body.append(place);
  function Shown() {
    window.asked = useAsk("/numbers", {}, { everyMs: 1000 });
    return null;
  }
  render(html`<${Shown} />`, place);
}
"""
SHOWN = """() => [window.asked?.value?.n ?? null, window.asked?.error?.message ?? null,
  window.asked?.stale?.message ?? null]"""
SNAPSHOT = {
    "type": "snapshot",
    "n": 1,
    "epoch": "e",
    "own_id": 9,
    "mesh_connected": True,
    "alarms": [],
    "nodes": [],
    "rollouts": [],
    "alerts": [],
}


class Gateway:
    """Answers in order, each when it is told to; time in the page stands still unless moved."""

    def __init__(self, page):
        self.page = page
        self.asked = []

    async def hold(self, route):
        self.asked.append(route)

    async def answer(self, status=200, **body):
        await self.asked[-1].fulfill(status=status, json=body)

    async def asked_for(self, count):
        async with asyncio.timeout(10):
            while len(self.asked) < count:  # noqa: ASYNC110 another process asks
                await asyncio.sleep(0.01)
        assert len(self.asked) == count

    async def shows(self, *wanted):
        async with asyncio.timeout(10):
            while await self.page.evaluate(SHOWN) != list(wanted):  # noqa: ASYNC110 asks another process
                await asyncio.sleep(0.01)

    async def passes(self, milliseconds):
        await self.page.clock.run_for(milliseconds)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(browser):
    async with workshop(browser) as shop:
        shop.watch.expected = ["401", "403", "503", "404"]
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(shop):
    gateway = Gateway(shop.page)
    await shop.page.clock.install()
    await shop.page.route("**/api/v1/numbers", gateway.hold)
    await shop.open()
    await shop.page.clock.pause_at("2099-01-01")
    await shop.page.evaluate(SHOW)
    await gateway.passes(200)  # what a component does follows its painting
    await gateway.asked_for(1)
    return gateway


async def test_a_slow_answer_is_waited_for(gateway):
    await gateway.passes(5000)
    await gateway.asked_for(1)
    await gateway.answer(n=1)
    await gateway.shows(1, None, None)
    await gateway.passes(1000)
    await gateway.asked_for(2)


async def test_an_answer_that_never_comes_is_given_up(gateway):
    await gateway.passes(31_000)
    await gateway.shows(None, "The gateway cannot be reached.", None)
    await gateway.passes(1000)
    await gateway.asked_for(2)
    await gateway.answer(n=2)
    await gateway.shows(2, None, None)


async def test_wishes_while_it_is_asked_are_granted_once(gateway):
    for _ in range(3):
        await gateway.page.evaluate("window.asked.reload()")
    await gateway.asked_for(1)
    await gateway.answer(n=1)
    await gateway.asked_for(2)
    await gateway.answer(n=2)
    await gateway.shows(2, None, None)
    await gateway.asked_for(2)


async def test_a_value_that_is_no_fresh_one_says_so(gateway):
    await gateway.answer(n=1)
    await gateway.shows(1, None, None)
    await gateway.passes(1000)
    await gateway.asked_for(2)
    await gateway.answer(503, detail="busy")
    await gateway.shows(1, "busy", "busy")
    await gateway.passes(1000)
    await gateway.asked_for(3)
    await gateway.answer(n=2)
    await gateway.shows(2, None, None)


async def test_all_is_asked_again_when_the_stream_began_anew(gateway, shop):
    await gateway.answer(n=1)
    await gateway.shows(1, None, None)
    await shop.run("app/state", "(m, snapshot) => m.take(snapshot)", SNAPSHOT)
    await gateway.asked_for(1)  # the first one tells nothing new
    await shop.run("app/state", "(m, snapshot) => m.take(snapshot)", SNAPSHOT)
    await gateway.asked_for(2)


async def test_a_page_that_comes_back_into_sight_asks_at_once(gateway):
    await gateway.answer(n=1)
    await gateway.shows(1, None, None)
    see = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); "
    see += "document.dispatchEvent(new Event('visibilitychange')); }"
    await gateway.page.evaluate(see, True)
    await gateway.passes(10_000)
    await gateway.asked_for(1)
    await gateway.page.evaluate(see, False)
    await gateway.asked_for(2)


# -- changes ------------------------------------------------------------------------------------

POST = """
(m, status, ...bodies) => Promise.all(bodies.map((body) => m.post("/rollouts", body).then(() => 200, (e) => e.status)))
"""


class Changes:
    """Keeps what was sent, and answers as it is told."""

    def __init__(self, page):
        self.sent = []
        self.statuses = []
        self.page = page

    async def take(self, route):
        headers = route.request.headers
        self.sent.append((headers.get("idempotency-key"), headers.get("x-csrf-token")))
        status = self.statuses.pop(0) if self.statuses else 200
        await (route.abort() if status == 0 else route.fulfill(status=status, json={"detail": "no"}))


@pytest_asyncio.fixture(loop_scope="module")
async def changes(shop):
    changes = Changes(shop.page)
    await shop.page.route("**/api/v1/rollouts", changes.take)
    await shop.open()
    shop.watch.may_lose = True
    shop.watch.expected.append("ERR_FAILED")
    await shop.run("app/api", "(m) => void (m.session.value = { name: 'a', role: 'viewer', csrf: 'old' })")
    return changes


async def test_what_had_no_answer_is_sent_again_under_its_key(shop, changes):
    changes.statuses = [0, 503, 409, 200, 200]
    for body in ({"a": 1}, {"a": 1}, {"a": 1}, {"a": 1}, {"a": 1}):
        await shop.run("app/api", POST, None, body)
    keys = [key for key, _ in changes.sent]
    assert keys[0] == keys[1] == keys[2] == keys[3]
    assert keys[4] != keys[3]  # once it was done it is another wish


async def test_other_content_has_another_key(shop, changes):
    changes.statuses = [0, 200]
    await shop.run("app/api", POST, None, {"a": 1})
    await shop.run("app/api", POST, None, {"a": 2})
    assert len({key for key, _ in changes.sent}) == 2


async def test_after_another_log_in_of_this_browser_a_change_is_sent_once_more(shop, changes):
    session = {"name": "b", "role": "operator", "csrf": "new"}
    await shop.page.route("**/api/v1/session", lambda route: route.fulfill(json=session))
    changes.statuses = [403, 200]
    assert await shop.run("app/api", POST, None, {"a": 1}) == [200]
    assert [csrf for _, csrf in changes.sent] == ["old", "new"]
    assert await shop.run("app/api", "(m) => m.may('operator')")


async def test_a_refusal_stays_one(shop, changes):
    session = {"name": "a", "role": "viewer", "csrf": "old"}
    await shop.page.route("**/api/v1/session", lambda route: route.fulfill(json=session))
    changes.statuses = [403, 200]
    assert await shop.run("app/api", POST, None, {"a": 1}) == [403]
    assert len(changes.sent) == 1


async def test_only_who_was_logged_out_is_logged_out(shop, changes):
    answers = [("abort", None), ("fulfill", 204)]

    async def session(route):
        how, status = answers.pop(0)
        await (route.abort() if how == "abort" else route.fulfill(status=status))

    await shop.page.route("**/api/v1/session", session)
    leave = "(m) => m.logOut().then(() => null, (e) => e.message).then((why) => [why, m.session.value?.name ?? null])"
    assert await shop.run("app/api", leave) == ["The gateway cannot be reached.", "a"]
    assert await shop.run("app/api", leave) == [None, None]


# -- the gateway's clock ------------------------------------------------------------------------

AHEAD = """
(m, heard) => heard.map(([aheadMs, askedMsAgo]) => {
  const now = Date.now();
  const told = new Date(Math.floor((now + aheadMs) / 1000) * 1000).toUTCString();
  m.learnTime(told, now - askedMsAgo);
  return Math.round((m.gatewayMs() - Date.now()) / 100) / 10;
})
"""


async def test_times_are_told_by_the_gateways_clock(shop):
    await shop.open()
    right, behind, again, slow, ahead = await shop.run(
        "app/format", AHEAD, [[0, 10], [300_000, 10], [300_000, 10], [300_000, 9000], [-300_000, 10]]
    )
    assert right == 0  # a clock that is right stays as it is
    assert 298.9 <= behind <= 300.1
    assert again == behind == slow  # nor does it jump
    assert -300.1 <= ahead <= -297.9
    assert await shop.run(
        "app/format", "(m) => (m.learnTime(null, 0), m.learnTime('x', 0), m.ago(null))"
    ) == ("\N{EN DASH}")
