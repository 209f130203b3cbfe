"""From a change to its arrival at every client of the live stream, with and without one that stalls.

The clients are one process and share its core, so most of a delay among 199 of them is their own. Between the
lines with and without the stalled one, nothing else differs.
"""

import asyncio
import contextlib
import statistics
from dataclasses import dataclass

import httpx

from bench.fleets import fleet_process
from bench.gateway_clients import Readers, stalled_client
from bench.gateway_load import percentile_99
from bench.gateway_process import Gateway, gateway_process
from bench.settings import Settings
from bench.table import Table

SUMMARY = "milliseconds from a change to 200 WebSocket clients, with and without a stalled one"
NODES = 100
READERS = 199
CHANGES_PER_S = 10
#: Shorter than the time after which the gateway cuts a stalled client off.
_MEASURE_S = 25
_WARM_UP = 5
_FIRST_ID = 1001
_PATIENCE_S = 30
#: Most that a node may have, so that a stalled client is soon behind.
_FILLERS = [f"filler-{index:02}-{'x' * 20}" for index in range(15)]


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from each change to each client, and to the last one; what the gateway took meanwhile."""

    each_s: list[float]
    last_s: list[float]
    clients: int
    cpu_percent: float
    rss_mb: float


def measure(settings: Settings, nodes: int = NODES, readers: int = READERS) -> list[Table]:
    changes = max(1, round(settings.seconds(_MEASURE_S) * CHANGES_PER_S))
    with fleet_process(nodes) as fleet, gateway_process(fleet.port, nodes) as gateway:
        before_mb = gateway.rss_mb()
        phases = asyncio.run(_phases(gateway, nodes, readers, changes))
    # Before and after the stalled one: what else the machine does changes slowly.
    base_s = statistics.median(phases[f"{readers}"].each_s + phases[f"{readers} again"].each_s)
    rows = [
        (
            words,
            delays.clients,
            1000 * statistics.median(delays.each_s),
            1000 * percentile_99(delays.each_s),
            1000 * statistics.median(delays.last_s),
            statistics.median(delays.each_s) / base_s,
            delays.cpu_percent,
            delays.rss_mb,
        )
        for words, delays in phases.items()
    ]
    columns = (
        *("clients", "connected at the end", "p50 ms", "p99 ms", "last of all, p50 ms", "p50 ratio"),
        *("gateway, % of a core", "gateway MB"),
    )
    note = (
        f"{changes} changes of a node's tags by the API, {CHANGES_PER_S} a second, from the call to the "
        f"arrival; the stalled client is not counted. The gateway of {nodes} nodes had {before_mb:.0f} MB "
        "before. Ratios are to both lines of as many clients without a stalled one; aim: 1."
    )
    return [Table("Live stream", columns, rows, (note,))]


async def _phases(gateway: Gateway, nodes: int, readers: int, changes: int) -> dict[str, Delays]:
    phases = {}
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=gateway.headers, timeout=_PATIENCE_S, trust_env=False
    ) as client:
        changer = _Changer(gateway, client, nodes)
        for words, count, stalls in (
            ("1", 1, False),
            (f"{readers}", readers, False),
            (f"{readers}, 1 stalled", readers, True),
            (f"{readers} again", readers, False),
        ):
            clients = Readers()
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(clients.connected(gateway, count))
                if stalls:
                    await stack.enter_async_context(stalled_client(gateway))
                phases[words] = await changer.delays(clients, changes)
    return phases


class _Changer:
    """Changes one node after the other."""

    def __init__(self, gateway: Gateway, client: httpx.AsyncClient, nodes: int) -> None:
        self._gateway = gateway
        self._client = client
        self._nodes = nodes
        self._number = 0

    async def delays(self, clients: Readers, changes: int) -> Delays:
        loop = asyncio.get_running_loop()
        for _ in range(_WARM_UP):
            await self._delays_of_one(clients)
        each_s, last_s = [], []
        cpu_s, started = self._gateway.cpu_s(), loop.time()
        for index in range(changes):
            await asyncio.sleep(started + index / CHANGES_PER_S - loop.time())
            delays_s = await self._delays_of_one(clients)
            each_s += delays_s
            last_s.append(max(delays_s))
        cpu_percent = 100 * (self._gateway.cpu_s() - cpu_s) / (loop.time() - started)
        details = (await self._client.get("/api/v1/health")).raise_for_status().json()["details"]
        return Delays(each_s, last_s, details["stream_clients"], cpu_percent, self._gateway.rss_mb())

    async def _delays_of_one(self, clients: Readers) -> list[float]:
        self._number += 1
        tag = f"change-{self._number}."
        clients.expect(tag)
        started = asyncio.get_running_loop().time()
        answer = await self._client.patch(
            f"/api/v1/nodes/{_FIRST_ID + self._number % self._nodes}", json={"tags": [tag, *_FILLERS]}
        )
        answer.raise_for_status()
        async with asyncio.timeout(_PATIENCE_S):
            await clients.arrived()
        return [arrival_s - started for arrival_s in clients.arrivals_s]
