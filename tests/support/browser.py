"""Chromium as people use it, and what must never happen in it."""

import os
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import urlsplit

from playwright.async_api import async_playwright

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
DEVICES = {"desktop": DESKTOP, "phone": PHONE}
SCHEMES = ("light", "dark")

#: It asks nobody on the Internet for anything; as root it has no sandbox of its own.
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
#: Of a browser that is offline, or whose gateway is down, on purpose.
_LOST = (
    "net::ERR_INTERNET_DISCONNECTED",
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_CONNECTION_RESET",  # killed while it was asked
    "WebSocket connection to",
)
_IMPACTS = {"serious", "critical"}
PATIENCE_MS = 15_000


@asynccontextmanager
async def chromium():
    """A browser without a window."""
    program = os.environ.get("MESHWARD_CHROMIUM") or shutil.which("chromium")
    assert program, "no Chromium: run scripts/setup-browser, or name one with MESHWARD_CHROMIUM"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watch:
    """What went wrong in a page, as its console and its requests tell."""

    origin: str
    problems: list[str] = field(default_factory=list)
    may_lose: bool = False
    """Whether the gateway is out of reach at times, on purpose."""
    expected: list[str] = field(default_factory=list)
    """Parts of messages that a test brings about by itself, as a refusal."""

    def on(self, page):
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"error in the page: {error.stack or error}"))
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.problems.append(f"a script said {dialog.message!r}"))

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self._note(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _note(self, text):
        if any(part in text for part in self.expected):
            return
        if not (self.may_lose and any(part in text for part in _LOST)):
            self.problems.append(text)

    def _request(self, request):
        parts = urlsplit(request.url)
        if parts.scheme in {"data", "blob"}:
            return
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        if f"{scheme}://{parts.netloc}" != self.origin:
            self.problems.append(f"a request left the origin: {request.url[:200]}")


@asynccontextmanager
async def visit(browser, daemon, role="admin", *, device="desktop", scheme="light", place="#/", token=None):
    """A page, logged in and at a place; at its end nothing may have gone wrong in it.

    `role` is None for nobody, and `token` the one of somebody else than the command line.
    """
    endpoint = daemon.endpoint()
    watch = Watch(endpoint["url"])
    context = await browser.new_context(**DEVICES[device], color_scheme=scheme)
    try:
        if role is not None:
            await log_in(context, daemon, token or await token_of(daemon, role))
        page = await context.new_page()
        page.watch = watch
        watch.on(page)
        await page.goto(f"{endpoint['url']}/{place}")
        yield page
        assert watch.problems == [], watch.problems  # this file is not one that pytest explains
    finally:
        await context.close()


async def log_in(context, daemon, token):
    """The session of a browser, without its page."""
    answer = await context.request.post(f"{daemon.endpoint()['url']}/api/v1/session", data={"token": token})
    assert answer.ok, await answer.text()


async def token_of(daemon, role):
    """A token of a role: the command line's own for admins."""
    if role == "admin":
        return daemon.endpoint()["token"]
    return (await make_token(daemon, role))["token"]


async def make_token(daemon, role):
    async with daemon.api() as client:
        answer = await client.post("/tokens", json={"role": role, "name": role})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def barriers(page):
    """What axe-core finds serious or critical: rule, elements and what to do."""
    if not await page.evaluate("'axe' in window"):
        # Not as a script element: the page's policy would refuse it.
        await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in _IMPACTS
        for node in violation["nodes"]
    ]


async def is_wider_than_its_window(page):
    """Whether the page as a whole scrolls sideways."""
    return await page.evaluate("document.documentElement.scrollWidth > innerWidth")
