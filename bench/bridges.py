"""What bridges cost the gateway of a large mesh, with the real programs at the other end."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.fleets import fleet_process
from bench.gateway_process import Gateway, gateway_process
from bench.settings import Settings
from bench.table import Cell, Table
from meshward.gateway.bridge_views import BridgeView
from tests.support.influx import influx_db
from tests.support.mosquitto import broker
from tests.support.prometheus import scraping

SUMMARY = "CPU share, memory and traffic of a gateway of 250 boards, by bridges"
NODES = 250
AIM_PERCENT = 3
HOUR_S = 3600
MQTT_S, SCRAPE_S, INFLUX_S = 30, 30, 60
_REST_S = 40
#: A multiple of all periods.
_QUICK_S, _FULL_S = 120, 600
#: A board sends five samples in one frame, so there are new values of every board at every period.
_LIVELY = ("--kind", "meshward", "--telemetry", "6", "--life-speed", "60")


@dataclass(frozen=True, slots=True)
class Case:
    """A gateway with some bridges."""

    words: str
    mqtt: bool = False
    home_assistant: bool = False
    all: bool = False
    """Also InfluxDB and Prometheus."""


CASES = (
    Case("no bridges"),
    Case(f"MQTT, every {MQTT_S} s", mqtt=True),
    Case("the same with Home Assistant", mqtt=True, home_assistant=True),
    Case("the same with Prometheus and InfluxDB", mqtt=True, home_assistant=True, all=True),
)


@dataclass(slots=True)
class Watched:
    """What came of a case."""

    percent: float
    """Of one core."""
    mb: float
    before: Sequence[BridgeView]
    after: Sequence[BridgeView]


def measure(settings: Settings, nodes: int = NODES, cases: Sequence[Case] = CASES) -> list[Table]:
    """Two tables: what each costs, and what goes to each program."""
    seconds = settings.seconds(_FULL_S if settings.full else _QUICK_S)
    rest_s = settings.seconds(_REST_S)
    with fleet_process(nodes, options=_LIVELY) as fleet:
        watched = [asyncio.run(_watch(case, fleet.port, nodes, rest_s, seconds)) for case in cases]
    return [_costs(cases, watched, nodes, seconds), _traffic(cases, watched, nodes, rest_s, seconds)]


async def _watch(case: Case, fleet_port: int, nodes: int, rest_s: float, seconds: float) -> Watched:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _settings(case, folder) as values:
            with gateway_process(fleet_port, nodes, values) as gateway:
                async with _scraped(case, gateway, folder):
                    await asyncio.sleep(rest_s)
                    before, cpu_s, started_s = _bridges(gateway), gateway.cpu_s(), loop.time()
                    await asyncio.sleep(seconds)
                    percent = 100 * (gateway.cpu_s() - cpu_s) / (loop.time() - started_s)
                    return Watched(percent, gateway.rss_mb(), before, _bridges(gateway))


@asynccontextmanager
async def _settings(case: Case, folder: Path) -> AsyncIterator[Mapping[str, str]]:
    """Of the gateway, with the programs that they name."""
    if not case.mqtt:
        yield {}
        return
    async with broker(folder) as mosquitto:
        values = {
            "NAME": "garden",
            "MQTT_BROKERS": f"mqtt://127.0.0.1:{mosquitto.port}",
            "MQTT_PERIOD_S": str(MQTT_S),
            "HOMEASSISTANT_ENABLED": str(case.home_assistant).lower(),
        }
        if not case.all:
            yield values
            return
        async with influx_db(folder / "influx") as database:
            yield {**values, "INFLUX_URLS": database.write_url, "INFLUX_PERIOD_S": str(INFLUX_S)}


@asynccontextmanager
async def _scraped(case: Case, gateway: Gateway, folder: Path) -> AsyncIterator[None]:
    if not case.all:
        yield
        return
    target = gateway.url.partition("://")[2]
    async with scraping(target, folder / "prometheus", token=gateway.token, every_s=SCRAPE_S):
        yield


def _bridges(gateway: Gateway) -> list[BridgeView]:
    with gateway.client() as client:
        bridges = msgspec.json.decode(client.get("/api/v1/bridges").content, type=list[BridgeView])
    failing = [bridge.text for bridge in bridges if bridge.state == "failing"]
    if failing:
        raise RuntimeError(f"a bridge does not work: {failing[0]}")
    return bridges


def _costs(cases: Sequence[Case], watched: Sequence[Watched], nodes: int, seconds: float) -> Table:
    first = watched[0]
    rows: list[Sequence[Cell]] = [
        (case.words, one.percent, one.percent - first.percent, one.mb, one.mb - first.mb)
        for case, one in zip(cases, watched, strict=True)
    ]
    columns = ("gateway", "% of one core", "% more than without", "MB", "MB more than without")
    how = (
        f"{nodes} boards that tell of themselves every 30 s, each gateway watched over {seconds:g} s, with "
        f"mosquitto, a Prometheus that scrapes every {SCRAPE_S} s, and an InfluxDB that gets values every "
        f"{INFLUX_S} s."
    )
    aim = f"Aim: under {AIM_PERCENT} % of a core for MQTT."
    return Table("What bridges cost", columns, rows, (how, aim))


def _traffic(
    cases: Sequence[Case], watched: Sequence[Watched], nodes: int, rest_s: float, seconds: float
) -> Table:
    rows: list[Sequence[Cell]] = []
    for case, one in zip(cases, watched, strict=True):
        for before, after in zip(one.before, one.after, strict=True):
            if after.sent == 0:
                continue
            hourly = [
                (now - then) * HOUR_S / seconds
                for then, now in ((before.sent, after.sent), (before.sent_bytes, after.sent_bytes))
            ]
            rows.append(
                (
                    case.words,
                    after.kind,
                    before.sent,
                    before.sent_bytes / 1000,
                    round(hourly[0]),
                    hourly[1] / 1e6,
                )
            )
    columns = ("gateway", "to", "sent at first", "kB at first", "sent an hour", "MB an hour")
    note = (
        f"Messages, scrapes or lines of the {nodes} boards; at first is until {rest_s:g} s after all were "
        "seen. Bytes are topics and payloads, scraped text, and what InfluxDB gets, compressed."
    )
    return Table("What goes to each program", columns, rows, (note,))
