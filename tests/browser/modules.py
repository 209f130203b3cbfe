"""Modules of the dashboard alone, in a page of nobody: no gateway and no mesh behind it."""

from contextlib import asynccontextmanager

from tests.support.browser import Watch
from tests.support.web import fake_app, served

_CALL = """
async ([module, values]) => {
  const told = (value) =>
    value instanceof Map || value instanceof Set ? [...value].map(told)
    : Array.isArray(value) ? value.map(told)
    : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, told(one)]))
    : value;
  const m = await import(`./ui/${module}.js`);
  return told(await (%s)(m, ...values));
}
"""

NODE = {
    "id": 1,
    "name": "",
    "online": True,
    "parent": None,
    "depth": 1,
    "children": [],
    "hardware": "ESP32",
    "role": "sensor",
    "version": "1.0",
    "firmware": "",
    "tags": [],
    "excluded": False,
    "health": 100,
    "alerts": 0,
    "last_seen_at": None,
    "free_heap_bytes": None,
    "delay_ms": None,
    "update_state": None,
}


def node(**values):
    return {**NODE, **values}


@asynccontextmanager
async def workshop(browser):
    """A page that can import what the dashboard is made of, and call it."""
    app, _ = fake_app()
    async with served(app) as (host, port):
        context = await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
        try:
            yield Workshop(await context.new_page(), f"http://{host}:{port}")
        finally:
            await context.close()


class Workshop:
    """Calls functions of modules with values that JSON has; Maps and Sets come back as lists."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.watch = Watch(url, expected=["401"])  # nobody is logged in
        self.watch.on(page)

    async def open(self):
        await self.page.goto(f"{self.url}/")
        await self.page.get_by_label("Token").wait_for()
        return self

    async def run(self, module, function, *values):
        """What a JavaScript function gives of a module's exports and these values."""
        return await self.page.evaluate(_CALL % function, [module, list(values)])
