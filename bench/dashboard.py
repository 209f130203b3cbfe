"""The dashboard in Chromium: its weight, how soon it shows, what it costs, how smoothly the map moves.

Chromium draws in software here; the figures of a machine with a graphics processor are better.
"""

import asyncio
import json
import statistics
import time
from contextlib import asynccontextmanager

from bench.dashboard_pages import MadeUpStream, Pages, made_up_snapshot
from bench.fleets import fleet_process
from bench.gateway_process import Gateway, gateway_process
from bench.settings import Settings
from bench.table import Table

SUMMARY = "kilobytes, first paint, cost, smoothness and memory of the dashboard in Chromium"
NODES = 250
MANY = 1000
SLOW_DOWN = 4
LOADS = 5
DELTAS = 1000
_COST_S = 20
_PAN_S = 4
#: So that all of a page's values move each second.
_LIVELY = ("--kind", "meshward", "--telemetry", "1", "--life-speed", "60")
VIEWS = ("", "map", "nodes", "updates", "alerts", "settings")


def measure(settings: Settings) -> list[Table]:
    with fleet_process(NODES, options=_LIVELY) as fleet, gateway_process(fleet.port, NODES) as gateway:
        return asyncio.run(_measure(gateway, settings))


async def _measure(gateway: Gateway, settings: Settings) -> list[Table]:
    async with Pages.open(gateway.url, gateway.token) as pages:
        return [
            await _sizes(pages),
            await _paints(pages),
            await _costs(pages, settings.seconds(_COST_S)),
            await _pans(pages, gateway, settings.seconds(_PAN_S)),
            await _growth(pages, gateway),
        ]


async def _sizes(pages: Pages) -> Table:
    rows = []
    first: set[str] = set()
    for name in VIEWS:
        async with pages.page(f"#/{name}") as page:
            await page.wait_for_timeout(1500)
            ours = {path: size for path, size in page.sizes.items() if not path.startswith("/api/")}
            if not name:
                shown = await page.evaluate(
                    "performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
                )
                early = pages.first_files()
                first = early
                weight = sum(size for path, size in ours.items() if path in early)
                rows.append(
                    (
                        "first page (aim: 60)",
                        weight / 1000,
                        len([path for path in shown if path in early]) + 1,
                    )
                )
                rows.append(
                    (
                        "overview's charts, later",
                        sum(s for p, s in ours.items() if p not in early) / 1000,
                        None,
                    )
                )
            else:
                more = {path: size for path, size in ours.items() if path not in first}
                rows.append((f"and for {name}", sum(more.values()) / 1000, len(more)))
    return Table("What is loaded", ("what", "kB, compressed", "files"), rows)


async def _paints(pages: Pages) -> Table:
    """Cold: nothing of it in the browser's cache."""
    login = [await pages.paint_ms("#/", "form", SLOW_DOWN, logged_in=False) for _ in range(LOADS)]
    rows = []
    for name, sign in (
        ("overview", "#ov-sentence:not(:empty)"),
        ("map", "canvas"),
        ("nodes", "tbody tr:nth-child(8)"),
    ):
        times = [
            await pages.paint_ms("#/" if name == "overview" else f"#/{name}", sign, SLOW_DOWN)
            for _ in range(LOADS)
        ]
        rows.append(
            (name, statistics.median(times), max(times), statistics.median(times) / statistics.median(login))
        )
    rows.insert(0, ("log-in, no data", statistics.median(login), max(login), 1.0))
    note = (
        f"{NODES} nodes, {LOADS} loads each with an empty cache, a processor {SLOW_DOWN} times slowed down. "
        "Aim: overview under 1000 ms."
    )
    return Table("First useful paint", ("view", "median ms", "worst ms", "ratio to log-in"), rows, (note,))


async def _costs(pages: Pages, measure_s: float) -> Table:
    rows = []
    async with pages.page("#/login", logged_in=False) as page:
        idle = await page.busy_percent(measure_s / 2)
    rows.append(("log-in, no data", idle, None))
    for name in ("", "map", "nodes"):
        async with pages.page(f"#/{name}") as page:
            await page.wait_for_timeout(3000)
            deltas = await page.heard()
            busy = await page.busy_percent(measure_s)
            rows.append((name or "overview", busy, (await page.heard() - deltas) / measure_s))
    note = f"{NODES} nodes that change each second; how long the page's main thread is busy. Aim: under 5 %."
    return Table("Cost of a page that is looked at", ("view", "% of a core", "messages/s"), rows, (note,))


async def _pans(pages: Pages, gateway: Gateway, pan_s: float) -> Table:
    rows = []
    async with pages.page("#/login", logged_in=False) as page:
        best = await page.frames_per_s(pan_s, "() => {}")
    rows.append(("an empty page", None, best, 1.0))
    for nodes in (NODES, MANY):
        async with _made_up(pages, gateway, nodes, "#/map") as page:
            await page.wait_for_timeout(2500)
            for words, zoom in (("all in sight", 1.0), ("zoomed in", 3.0)):
                frames = await page.frames_per_s(pan_s, pages.panning(zoom))
                rows.append((f"{nodes} nodes, {words}", nodes, frames, frames / best))
    note = "Frames while the map is panned all the time. Aims: 30 at 250 nodes, 15 at 1,000."
    return Table("Panning the map", ("map", "nodes", "frames/s", "ratio to an empty page"), rows, (note,))


async def _growth(pages: Pages, gateway: Gateway) -> Table:
    rows = []
    for name in ("", "map", "nodes"):
        async with _made_up(pages, gateway, NODES, f"#/{name}") as page:
            await page.wait_for_timeout(2500)
            await page.deltas(DELTAS // 4)  # what is made once is made by now
            before = await page.heap_mb()
            started = time.perf_counter()
            await page.deltas(DELTAS)
            took_s = time.perf_counter() - started
            after = await page.heap_mb()
            rows.append((name or "overview", before, after, after - before, 1000 * took_s / DELTAS))
    note = f"{DELTAS:,} deltas of {NODES} nodes each, as fast as they are taken; after garbage is collected."
    columns = ("view", "MB before", "MB after", "MB more", "ms per delta")
    return Table("Memory", columns, rows, (note,))


@asynccontextmanager
async def _made_up(pages: Pages, gateway: Gateway, nodes: int, place: str):
    """A page whose stream is ours, with as many nodes as wanted."""
    with gateway.client() as client:
        sample = client.get("/api/v1/nodes", params={"limit": 1, "online": True}).json()["items"][0]
    snapshot = made_up_snapshot(sample, nodes)
    async with pages.page(place, stream=MadeUpStream(json.dumps(snapshot), snapshot["nodes"])) as page:
        yield page
