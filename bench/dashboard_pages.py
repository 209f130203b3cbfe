"""Chromium for the measurements of the dashboard: pages that count, and a stream that is made up."""

import contextlib
import json
import os
import re
import shutil
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from meshward.web.site_files import SITE

_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--enable-precise-memory-info"),
)
_PATIENCE_MS = 60_000
_FAN_OUT = 4
_FIRST_ID = 1001
#: Tells when something is to be seen: looked for at every frame; its painting is one frame more.
_WATCH = """(selector) => {
  window.painted = new Promise((resolve) => {
    const look = () =>
      requestAnimationFrame(document.querySelector(selector) ? () => resolve(performance.now()) : look);
    look();
  });
}"""
#: The container of the map knows its Cytoscape.
_CY = "[...document.querySelectorAll('main div')].find((one) => one._cyreg)._cyreg.cy"


class Pages:
    """A browser that knows the gateway."""

    def __init__(self, browser, url: str, token: str) -> None:
        self._browser = browser
        self._url = url
        self._token = token

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str):
        """Start the browser."""
        program = os.environ.get("MESHWARD_CHROMIUM") or shutil.which("chromium")
        if not program:
            raise RuntimeError("no Chromium: run scripts/setup-browser")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS])
            try:
                yield cls(browser, url, token)
            finally:
                await browser.close()

    @asynccontextmanager
    async def page(
        self, place: str, *, logged_in: bool = True, stream=None, slow_down: int = 1, watch: str = ""
    ):
        """A page in a context of its own, so with an empty cache."""
        context = await self._browser.new_context(viewport={"width": 1280, "height": 800})
        try:
            if logged_in:
                answer = await context.request.post(
                    f"{self._url}/api/v1/session", data={"token": self._token}
                )
                assert answer.ok, await answer.text()
            page = await context.new_page()
            page.set_default_timeout(_PATIENCE_MS)
            if stream is not None:
                await page.route_web_socket(re.compile("/api/v1/stream"), stream)
            if watch:
                await page.add_init_script(f"({_WATCH})({json.dumps(watch)})")
            devtools = await context.new_cdp_session(page)
            await devtools.send("Performance.enable")
            if slow_down > 1:
                await devtools.send("Emulation.setCPUThrottlingRate", {"rate": slow_down})
            measured = MeasuredPage(page, devtools, stream)
            await page.goto(f"{self._url}/{place}", wait_until="commit")
            yield measured
        finally:
            await context.close()

    async def paint_ms(self, place: str, sign: str, slow_down: int, *, logged_in: bool = True) -> float:
        """From the navigation's start until what `sign` selects is on the screen."""
        async with self.page(place, logged_in=logged_in, slow_down=slow_down, watch=sign) as page:
            return await page.evaluate("window.painted")

    @staticmethod
    def first_files() -> set[str]:
        """Paths of what the first page needs before it shows anything."""
        index = (SITE / "index.html").read_text()
        named = re.findall(r'(?:href|src)="(ui/[^"]+)"', index)
        return {"/", *(f"/{name}" for name in named), "/ui/style/overview.css"}

    @staticmethod
    def panning(zoom: float) -> str:
        """Moves the map a little; so much closer than when all of it is in sight."""
        return f"""(() => {{
          const cy = {_CY};
          cy.fit();
          const renderedPosition = {{ x: cy.width() / 2, y: cy.height() / 2 }};
          cy.zoom({{ level: cy.zoom() * {zoom}, renderedPosition }});
          let n = 0;
          return () => cy.panBy({{ x: (n++ % 60) < 30 ? 3 : -3, y: (n % 40) < 20 ? 2 : -2 }});
        }})()"""


class MeasuredPage:
    """A page, and what its browser tells of it."""

    def __init__(self, page, devtools, stream) -> None:
        self._page = page
        self._devtools = devtools
        self._stream = stream
        self._heard = 0
        self.sizes: dict[str, int] = {}
        page.on("requestfinished", self._finished)
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        self.evaluate = page.evaluate
        self.wait_for_timeout = page.wait_for_timeout

    async def _finished(self, request) -> None:
        with contextlib.suppress(PlaywrightError):  # the page was closed meanwhile
            sizes = await request.sizes()
            self.sizes[urlsplit(request.url).path] = sizes["responseBodySize"]

    def _frame(self, _frame) -> None:
        self._heard += 1

    async def heard(self) -> int:
        """Messages of the stream so far."""
        return self._heard

    async def busy_percent(self, measure_s: float) -> float:
        """Share of the time in which the page's main thread works."""
        before = await self._metrics()
        await self._page.wait_for_timeout(1000 * measure_s)
        after = await self._metrics()
        return (
            100
            * (after["TaskDuration"] - before["TaskDuration"])
            / (after["Timestamp"] - before["Timestamp"])
        )

    async def frames_per_s(self, measure_s: float, step: str) -> float:
        """Frames that are drawn while `step`, a function, is done before each."""
        return await self._page.evaluate(
            f"""(forMs) => new Promise((resolve) => {{
          const step = {step};
          const started = performance.now();
          let frames = 0;
          const next = () => {{
            step();
            frames += 1;
            const tookMs = performance.now() - started;
            if (tookMs < forMs) requestAnimationFrame(next);
            else resolve(frames / tookMs * 1000);
          }};
          requestAnimationFrame(next);
        }})""",
            1000 * measure_s,
        )

    async def heap_mb(self) -> float:
        """What JavaScript holds after its garbage is collected."""
        for _ in range(3):
            await self._devtools.send("HeapProfiler.collectGarbage")
        return (await self._metrics())["JSHeapUsedSize"] / 1e6

    async def deltas(self, count: int) -> None:
        """Have the made-up stream send so many, and wait until the page took them."""
        for index in range(count):
            self._stream.send_delta()
            if index % 10 == 9:  # as they come in life, between frames
                await self._page.evaluate("new Promise(requestAnimationFrame)")
        await self._page.wait_for_timeout(300)

    async def _metrics(self) -> dict[str, float]:
        told = await self._devtools.send("Performance.getMetrics")
        return {metric["name"]: metric["value"] for metric in told["metrics"]}


def made_up_snapshot(sample: dict, nodes: int) -> dict:
    """The stream's first message for a tree of so many nodes like the sample."""
    views = []
    for index in range(nodes):
        parent = None if index < _FAN_OUT else _FIRST_ID + (index - _FAN_OUT) // _FAN_OUT
        children = [
            _FIRST_ID + child
            for child in range((index + 1) * _FAN_OUT, (index + 2) * _FAN_OUT)
            if child < nodes
        ]
        views.append({
            **sample, "id": _FIRST_ID + index, "name": f"Board {index}",
            "parent": parent, "children": children, "depth": 1,
            "health": 100 - index % 60, "online": index % 50 != 49,
        })  # fmt: skip
    depth = {}
    for view in views:
        depth[view["id"]] = view["depth"] = 1 + depth.get(view["parent"], 0)
    return {
        "type": "snapshot", "epoch": "made-up", "n": 0, "own_id": 1, "mesh_connected": True, "alarms": [],
        "nodes": views, "rollouts": [], "alerts": [],
    }  # fmt: skip


class MadeUpStream:
    """Answers a page's stream with a snapshot, and then with deltas when told to; called with each socket."""

    def __init__(self, snapshot: str, nodes: list[dict]) -> None:
        self._snapshot = snapshot
        self._nodes = nodes
        self._number = 0
        self._socket = None

    def __call__(self, socket) -> None:
        self._socket = socket
        socket.on_message(lambda _message: socket.send(self._snapshot))

    def send_delta(self) -> None:
        """Another value of every node."""
        self._number += 1
        changes = [
            {
                "kind": "node",
                "id": view["id"],
                "value": {
                    **view,
                    "delay_ms": 5 + (self._number + view["id"]) % 40,
                    "free_heap_bytes": 40_000 + self._number,
                },
            }
            for view in self._nodes
        ]
        self._socket.send(json.dumps({"type": "delta", "n": self._number, "changes": changes}))
