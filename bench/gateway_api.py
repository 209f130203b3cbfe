"""The node list of a large mesh, asked for while nothing happens and while an update runs.

Fleet, gateway and asker are three processes. The health route is asked beside the list: what it takes is
the server, the asker and the machine.
"""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass

import httpx

from bench.fleets import fleet_process
from bench.gateway_load import ask_steadily, summary
from bench.gateway_process import Gateway, gateway_process
from bench.settings import Settings
from bench.table import Cell, Table
from meshward.firmware.synthetic import synthetic_image

SUMMARY = "milliseconds for the node list of 250 nodes, idle and during an update"
NODES = 250
AIM_MS = 20
ROLE = "sensor"
LISTS_PER_S, HEALTHS_PER_S = 50, 25
_IDLE_S, _BUSY_S = 20, 40
_START_S = 30
_LIST, _HEALTH = "/api/v1/nodes?limit=1000", "/api/v1/health"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Boards, and an image that keeps the gateway busy with them for a while."""

    words: str
    options: tuple[str, ...]
    image_bytes: int


#: Boards with loops are the usual ones; those without ask for parts as fast as they come.
FLEETS = (
    Fleet("10 ms loops", ("--loop-ms", "10"), 400 * 1024),
    Fleet("no loops", (), 1200 * 1024),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Seconds that requests took, and what the gateway took meanwhile."""

    list_s: list[float]
    health_s: list[float]
    cpu_percent: float
    waited_percent: float


def measure(settings: Settings, nodes: int = NODES, fleets: tuple[Fleet, ...] = FLEETS) -> list[Table]:
    rows: list[list[Cell]] = []
    note = (
        f"{LISTS_PER_S} lists and {HEALTHS_PER_S} healths a second, whether answered in time or not. Ratios "
        f"are to health, idle, of the same session. Aim for the node list: p99 under {AIM_MS} ms. "
        "Waiting: of the time, how much the gateway could have run and had no core."
    )
    notes = [note]
    for fleet in fleets:
        idle, busy, states = _session(settings, nodes, fleet)
        rows += _rows(fleet, idle, busy)
        notes.append(f"{fleet.words}: while asked, nodes were {', '.join(states)}.")
    columns = (
        *("boards", "gateway", "% of a core", "% waiting", "asked for", "requests"),
        *("p50 ms", "p99 ms", "max ms", "p50 ratio", "p99 ratio"),
    )
    return [Table(f"API during an update of {nodes} boards", columns, rows, notes)]


def _session(settings: Settings, nodes: int, fleet: Fleet) -> tuple[Asked, Asked, list[str]]:
    options = ("--kind", "stock", "--role", ROLE, *fleet.options)
    with fleet_process(nodes, options=options) as process, gateway_process(process.port, nodes) as gateway:
        idle = asyncio.run(_ask(gateway, settings.seconds(_IDLE_S)))
        rollout = _push(gateway, fleet.image_bytes)
        return idle, *asyncio.run(_ask_during(gateway, rollout, settings.seconds(_BUSY_S)))


def _push(gateway: Gateway, image_bytes: int) -> str:
    """Push a firmware to all boards; the id of the rollout, which is under way."""
    with gateway.client() as client:
        image = synthetic_image(image_bytes)
        binary = {"Content-Type": "application/octet-stream"}
        firmware = client.post("/api/v1/firmware", content=image, headers=binary).raise_for_status().json()
        push = {"firmware": firmware["sha256"], "role": ROLE, "compress": "never"}
        rollout = client.post("/api/v1/updates", json=push).raise_for_status().json()
        # A gateway that just started lets the mesh settle first.
        deadline = time.monotonic() + _START_S
        while not rollout["counts"]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the update does not start: {rollout['state']} {rollout['reason']}")
            time.sleep(0.1)
            rollout = client.get(f"/api/v1/rollouts/{rollout['id']}").raise_for_status().json()
        return rollout["id"]


async def _ask_during(gateway: Gateway, rollout: str, seconds: float) -> tuple[Asked, list[str]]:
    """Ask while somebody watches the rollout, as `meshward rollout watch` does; the states seen."""
    states: Counter[str] = Counter()
    watching = asyncio.create_task(_watch(gateway, rollout, states))
    try:
        return await _ask(gateway, seconds), list(states)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _watch(gateway: Gateway, rollout: str, states: Counter[str]) -> None:
    async with _client(gateway) as client:
        while True:
            answer = await client.get(f"/api/v1/rollouts/{rollout}")
            states.update(answer.raise_for_status().json()["counts"])
            await asyncio.sleep(1)


async def _ask(gateway: Gateway, seconds: float) -> Asked:
    loop = asyncio.get_running_loop()
    cpu_s, waited_s, started = gateway.cpu_s(), gateway.waited_s(), loop.time()
    async with _client(gateway) as client:
        list_s, health_s = await asyncio.gather(
            ask_steadily(client, _LIST, LISTS_PER_S, seconds),
            # Between two lists, not at the same moment as one.
            ask_steadily(client, _HEALTH, HEALTHS_PER_S, seconds, first_s=0.5 / LISTS_PER_S),
        )
    per_s = 100 / (loop.time() - started)
    return Asked(list_s, health_s, per_s * (gateway.cpu_s() - cpu_s), per_s * (gateway.waited_s() - waited_s))


def _client(gateway: Gateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=gateway.url, headers=gateway.headers, timeout=30, trust_env=False)


def _rows(fleet: Fleet, idle: Asked, busy: Asked) -> list[list[Cell]]:
    base = summary(idle.health_s)
    rows: list[list[Cell]] = []
    for state, asked in (("idle", idle), ("updates", busy)):
        for words, taken_s in (("health", asked.health_s), ("node list", asked.list_s)):
            figures = summary(taken_s)
            ratios = figures[1] / base[1], figures[2] / base[2]
            rows.append(
                [fleet.words, state, asked.cpu_percent, asked.waited_percent, words, *figures, *ratios]
            )
    return rows
