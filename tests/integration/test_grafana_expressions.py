"""Every query of every dashboard, put to real databases that got what our bridges tell."""

import asyncio
import re
import time
from itertools import count

import httpx
import pytest
import pytest_asyncio

from meshward.bridges.grafana.dashboards import BOARDS
from meshward.bridges.influx.points import Points, event_line
from meshward.bridges.picture import Follower
from meshward.bridges.prometheus.exporter import Exporter
from tests.support.dashboards import asked, variables
from tests.support.influx import influx_db
from tests.support.lively_service import ROLLOUT, LivelyService
from tests.support.prometheus import scraping

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESH = "Home & garden"
CHOSEN = {"mesh": MESH, "node": "1001", "rollout": ROLLOUT, "instance": ".+"}
PROMETHEUS = CHOSEN | {"__rate_interval": "10s", "__range": "1m", "__interval": "1s"}
INFLUX = CHOSEN | {"__interval": "10s", "timeFilter": "time > now() - 1h"}
POINTS = 15
"""Enough for a moving average."""
NAMES = {board.name: board for board in BOARDS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def prometheus(tmp_path_factory):
    """It scraped a mesh of which everything can be told, some times."""
    service = LivelyService()
    exporter = Exporter(service, MESH, clock_s=count(step=60).__next__)  # each scrape is a new one
    server = await asyncio.start_server(lambda *streams: _serve(exporter, *streams), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with scraping(f"127.0.0.1:{port}", tmp_path_factory.mktemp("prometheus")) as found:
            await found.until("count_over_time(painlessmesh_mesh_connected[1m]) >= 4")
            service.mesh_connected = False
            await found.until("count_over_time(painlessmesh_mesh_connected[1m]) >= 5")
            yield found


async def _serve(exporter, reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        body = await exporter.scrape()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n"
        )
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
    finally:
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def influx(tmp_path_factory):
    """It got the points of some minutes of the same mesh."""
    service = LivelyService()
    follower, made, now_s = Follower(service.feed), Points(MESH, 60), time.time()
    follower.catch_up()
    lines = []
    for step in range(POINTS):
        at_s = now_s - (POINTS - step) * 60
        lines += made.lines(service.mesh_status(), follower.picture, service.progress(), at_s)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s - 60))
    for event in service.happened():
        event.at = moment
        lines.append(event_line(MESH, event))
    async with influx_db(tmp_path_factory.mktemp("influx")) as found:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(found.write_url, content="\n".join(lines))
            assert answer.status_code == 204, answer.text
        yield found


async def unanswered_by_prometheus(prometheus, dashboard):
    """Where a dashboard asks for what there is nothing of."""
    now_s = time.time()
    empty = []
    for one in asked(dashboard, PROMETHEUS):
        # Nobody waits two minutes here.
        text = one.text.replace("offset 2m", "offset 2s")
        found = (
            await prometheus.query(text) if one.instant else await prometheus.series(text, now_s - 30, now_s)
        )
        if not found:
            empty.append(one)
    return empty


async def unanswered_by_influx(influx, dashboard):
    return [
        one
        for one in asked(dashboard, INFLUX)
        if not any(_values(series["rows"]) for series in await influx.query(one.text))
    ]


def _values(rows):
    return [value for row in rows for name, value in row.items() if name != "time" and value is not None]


@pytest.mark.parametrize("name", NAMES)
async def test_every_expression_returns_data(prometheus, name):
    assert not await unanswered_by_prometheus(prometheus, NAMES[name].json("prometheus"))


@pytest.mark.parametrize("name", NAMES)
async def test_every_influxql_query_returns_data(influx, name):
    assert not await unanswered_by_influx(influx, NAMES[name].json("influxdb"))


async def test_a_name_that_is_wrong_is_found(prometheus, influx):
    dashboard = NAMES["node"].json("prometheus")
    panel = next(panel for panel in dashboard["panels"] if panel["title"] == "Free heap")
    panel["targets"][0]["expr"] = panel["targets"][0]["expr"].replace("heap_free", "heap_fre")
    assert [one.where for one in await unanswered_by_prometheus(prometheus, dashboard)] == ["Free heap"]

    dashboard = NAMES["node"].json("influxdb")
    panel = next(panel for panel in dashboard["panels"] if panel["title"] == "Free heap")
    panel["targets"][0]["query"] = panel["targets"][0]["query"].replace("heap_free", "heap_fre")
    assert [one.where for one in await unanswered_by_influx(influx, dashboard)] == ["Free heap"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_choice_finds_what_is_chosen(prometheus, name):
    found = {}
    for variable, text, regex in variables(NAMES[name].json("prometheus"), PROMETHEUS):
        function, inner = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
        if function == "label_values":
            metric, label = inner.rsplit(", ", 1)
            found[variable] = {one["metric"][label] for one in await prometheus.query(metric)}
        else:
            taken = re.compile(regex.strip("/").replace("(?<", "(?P<"))
            shown = [_shown(one["metric"]) for one in await prometheus.query(inner)]
            assert shown
            found[variable] = {taken.search(one)["value"] for one in shown}
            assert {taken.search(one)["text"] for one in shown} & {"node 1", "sensor 1.1.0"}
    assert found["mesh"] == {MESH}
    assert len(found["instance"]) == 1
    assert name != "node" or found["node"] == {str(1001 + at) for at in range(6)}
    assert name != "rollout" or found["rollout"] == {ROLLOUT}


def _shown(labels):
    """A series as Grafana writes it for the expression of a variable."""
    rest = {name: value for name, value in labels.items() if name != "__name__"}
    inside = ",".join(f'{name}="{value}"' for name, value in rest.items())
    return f"{labels.get('__name__', '')}{{{inside}}} 1 1"


@pytest.mark.parametrize("name", NAMES)
async def test_every_choice_finds_what_is_chosen_in_influx(influx, name):
    found = {}
    for variable, text, _ in variables(NAMES[name].json("influxdb"), INFLUX):
        found[variable] = {row["value"] for row in await influx.rows(text)}
    assert found["mesh"] == {MESH}
    assert name != "node" or found["node"] == {str(1001 + at) for at in range(6)}
    assert name != "rollout" or found["rollout"] == {ROLLOUT}
