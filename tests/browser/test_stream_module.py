"""The page's end of the live stream, against a gateway that is made up: resumes, waits longer each time, gives up."""

import asyncio
import json

import pytest_asyncio

from tests.browser.modules import workshop

FOLLOW = """
async () => {
  Math.random = () => 0.5; // which adds nothing to how long it waits
  const stream = await import("./ui/app/stream.js");
  window.told = { taken: [], refused: 0, heard: 0, closed: 0, link: () => stream.link.value };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      // In the next task: after the page's own listener.
      this.addEventListener("message", () => queueMicrotask(() => (told.heard += 1)));
      this.addEventListener("close", () => queueMicrotask(() => (told.closed += 1)));
    }
  };
  told.stop = stream.follow({ take: (message) => told.taken.push(message.n), onRefused: () => (told.refused += 1) });
}
"""
SNAPSHOT = {"type": "snapshot", "n": 7, "epoch": "e1", "nodes": []}
WAITS_MS = [500, 1000, 2000, 4000, 8000, 10_000, 10_000]


class Gateway:
    """What the page connects to; it keeps what each connection said. Time in the page stands still unless moved."""

    def __init__(self, page):
        self.page = page
        self.sockets = []
        self.said = []
        self.hangs_up = False
        self.never_answers = False
        self.session_status = 401  # nobody is logged in, so the page itself follows no stream

    async def connected(self, socket):
        self.sockets.append(socket)
        if self.never_answers:
            await asyncio.Event().wait()
        socket.on_message(lambda text: self.said.append(json.loads(text)))
        if self.hangs_up:
            await socket.close(code=1011)

    async def session(self, route):
        await route.fulfill(status=self.session_status, json={})

    async def held_sessions(self):
        """Answer no question for the session any more; gives a list that those asked come to."""
        held = []

        async def hold(route):
            held.append(route)

        await self.page.route("**/api/v1/session", hold)
        return held

    async def followed(self):
        self.session_status = 200
        await self.page.evaluate(FOLLOW)
        await self.said_all(1)

    async def tell(self, **message):
        """Send something, and wait until it was heard."""
        before = await self.value("told.heard")
        self.sockets[-1].send(json.dumps(message))
        await until(lambda: self.value("told.heard"), before + 1)

    async def hang_up(self, code=1001):
        await self.sockets[-1].close(code=code)
        await until(self.link, "down")

    async def value(self, expression):
        return await self.page.evaluate(expression)

    async def link(self):
        return await self.value("told.link()")

    async def passes(self, milliseconds):
        await self.page.clock.run_for(milliseconds)

    async def said_all(self, count):
        """Wait until so many connections have said what they want."""
        async with asyncio.timeout(10):
            while len(self.said) < count:  # noqa: ASYNC110 another process connects
                await asyncio.sleep(0.01)
        assert len(self.said) == count


async def until(ask, wanted):
    """Wait until a question is answered as wanted."""
    async with asyncio.timeout(10):
        while await ask() != wanted:  # noqa: ASYNC110 asks another process
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(browser):
    async with workshop(browser) as shop:
        page, gateway = shop.page, Gateway(shop.page)
        await page.clock.install(time=0)
        await page.route_web_socket("**/api/v1/stream", gateway.connected)
        await page.route("**/api/v1/session", gateway.session)
        await shop.open()
        await page.clock.pause_at(3_600)
        await gateway.followed()
        yield gateway


async def test_it_resumes_where_it_was(gateway):
    assert gateway.said == [{}]
    await gateway.tell(**SNAPSHOT)
    await gateway.tell(type="delta", n=8, changes=[])
    assert await gateway.link() == "live"
    await gateway.hang_up()
    await gateway.passes(500)
    await gateway.said_all(2)
    assert gateway.said[1] == {"resume": 8, "epoch": "e1"}
    await gateway.tell(**{**SNAPSHOT, "n": 3, "epoch": "e2"})
    await gateway.hang_up()
    await gateway.passes(500)
    await gateway.said_all(3)
    assert gateway.said[2] == {"resume": 3, "epoch": "e2"}
    assert await gateway.value("told.taken") == [7, 8, 3]


async def test_it_waits_longer_each_time_and_not_for_ever(gateway):
    gateway.hangs_up = True
    await gateway.sockets[-1].close(code=1001)
    await until(gateway.link, "down")
    for count, wait_ms in enumerate(WAITS_MS, 2):
        await gateway.passes(wait_ms - 1)
        assert len(gateway.sockets) == count - 1
        await gateway.passes(1)
        async with asyncio.timeout(10):
            while len(gateway.sockets) < count:  # noqa: ASYNC110 another process connects
                await asyncio.sleep(0.01)
        await until(lambda: gateway.value("told.closed"), count)


async def test_what_is_heard_makes_it_hopeful_again(gateway):
    for count in range(2, 6):
        await gateway.tell(type="alive")
        await gateway.hang_up()
        await gateway.passes(500)
        await gateway.said_all(count)


async def test_an_ended_session_ends_it(gateway):
    await gateway.sockets[-1].close(code=4401)
    await until(lambda: gateway.value("told.refused"), 1)
    await gateway.passes(60_000)
    assert len(gateway.sockets) == 1


async def test_a_session_that_ended_meanwhile_ends_it(gateway):
    gateway.session_status = 401
    await gateway.hang_up()
    await gateway.passes(500)
    await until(lambda: gateway.value("told.refused"), 1)
    await gateway.passes(60_000)
    assert len(gateway.sockets) == 1


async def test_silence_is_told_and_then_ended(gateway):
    await gateway.tell(**SNAPSHOT)
    await gateway.passes(11_000)
    assert await gateway.link() == "live"
    await gateway.passes(3_000)
    assert await gateway.link() == "silent"
    await gateway.tell(type="alive")
    assert await gateway.link() == "live"
    await gateway.passes(22_000)
    await gateway.said_all(2)
    assert gateway.said[1] == {"resume": 7, "epoch": "e1"}


async def test_a_browser_that_is_offline_knows_at_once(gateway):
    await gateway.tell(**SNAPSHOT)
    await gateway.value("dispatchEvent(new Event('offline'))")
    assert await gateway.link() == "down"
    await gateway.value("dispatchEvent(new Event('online'))")
    await gateway.said_all(2)
    await gateway.tell(type="delta", n=8, changes=[])
    assert await gateway.link() == "live"
    assert await gateway.value("told.taken") == [7, 8]


async def test_after_a_long_time_away_the_new_connection_may_be_quiet_at_first(gateway):
    await gateway.tell(**SNAPSHOT)
    await gateway.hang_up()
    gateway.hangs_up = True
    await gateway.passes(25_000)
    gateway.hangs_up = False
    before = len(gateway.said)
    while len(gateway.said) == before:
        await gateway.passes(1000)
        await asyncio.sleep(0.01)
    count = len(gateway.sockets)
    await gateway.passes(6_000)
    await gateway.tell(type="alive")
    assert await gateway.link() == "live"
    assert len(gateway.sockets) == count


async def test_a_connection_that_is_never_made_is_given_up(gateway):
    gateway.never_answers = True
    await gateway.hang_up()
    await gateway.passes(500)
    await sockets(gateway, 2)
    await gateway.passes(8_000)
    assert len(gateway.sockets) == 2
    gateway.never_answers = False
    await gateway.passes(3_000)  # noticed within a second, and tried again after one
    await gateway.said_all(2)
    await gateway.tell(type="alive")
    assert await gateway.link() == "live"


async def test_a_session_that_is_asked_for_in_vain_is_not_waited_for_for_ever(gateway):
    held = await gateway.held_sessions()
    await gateway.hang_up()
    await gateway.passes(500)
    await until(lambda: count(held), 1)
    await gateway.passes(8_000)
    await gateway.said_all(2)


async def test_who_stopped_hears_no_more(gateway):
    await gateway.tell(**SNAPSHOT)
    await gateway.hang_up()
    held = await gateway.held_sessions()
    await gateway.passes(500)
    await until(lambda: count(held), 1)
    await gateway.value("told.stop()")
    assert await gateway.link() == "connecting"
    async with gateway.page.expect_response("**/api/v1/session"):
        await held[0].fulfill(status=401, json={})
    await gateway.passes(60_000)
    assert await gateway.value("told.refused") == 0
    assert len(gateway.sockets) == 1
    assert await gateway.link() == "connecting"


async def count(held):
    return len(held)


async def sockets(gateway, wanted):
    """Wait until so many connections were begun."""
    await until(lambda: count(gateway.sockets), wanted)
