"""Every query of every dashboard, put to real databases that got what our bridges tell."""

import asyncio
import copy
import re
import time
from itertools import count

import httpx
import pytest
import pytest_asyncio

from meshward.bridges.grafana.dashboards import BOARDS
from meshward.bridges.influx.points import Points, event_line, sample_lines
from meshward.bridges.picture import Follower, Picture
from meshward.bridges.prometheus.exporter import Exporter
from meshward.gateway.bridge_views import NodeSample
from tests.support.dashboards import asked, variables
from tests.support.health_values import mesh_status, node_status
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
    follower, made, now_s = Follower(service.feed), Points(MESH), time.time()
    follower.catch_up()
    lines = []
    for step in range(POINTS):
        at_s = now_s - (POINTS - step) * 60
        status = service.mesh_status()
        lines += made.lines(status, follower.picture, service.progress(), at_s)
        lines += sample_lines(MESH, [_sample(node, at_s) for node in status.nodes])
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s - 60))
    for event in service.happened():
        event.at = moment
        lines.append(event_line(MESH, event))
    async with influx_db(tmp_path_factory.mktemp("influx")) as found:
        await _write(found, lines)
        yield found


async def _write(influx, lines):
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(influx.write_url, content="\n".join(lines))
    assert answer.status_code == 204, answer.text


async def another(influx, name, lines):
    """Another database there, with these lines."""
    made = copy.copy(influx)
    made.name = name
    await made.create(name)
    await _write(made, lines)
    return made


def question(board, title):
    """What is asked for a panel."""
    return [one.text for one in asked(NAMES[board].json("influxdb"), INFLUX) if one.where == title][-1]


def _sample(node, at_s):
    values = {name: reading.value for name, reading in node.metrics.items()}
    return NodeSample(node=node.node, at_s=at_s, values=values)


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


async def test_of_a_gateway_that_died_ten_minutes_ago_nothing_is_shown_as_now(influx):
    at_s = time.time() - 600
    lines = Points(MESH).lines(mesh_status(node_status(1001)), Picture(own_id=7), [], at_s)
    dead = await another(influx, "dead", lines)
    assert await dead.query('SELECT last("online") FROM "painlessmesh_mesh"')

    for name in ("fleet", "node"):
        dashboard = NAMES[name].json("influxdb")
        tiles = {panel["title"] for panel in dashboard["panels"] if panel["type"] in {"stat", "table"}}
        answered = tiles - {one.where for one in await unanswered_by_influx(dead, dashboard)}
        assert not answered


async def test_the_weakest_of_all_nodes_is_shown_and_not_of_those_that_told_last(influx):
    now_s = time.time()
    told = ((1001, 15 * 60, -90.0), (1002, 2, -50.0), (1002, 20 * 60, -95.0), (1003, 30 * 60, -99.0))
    samples = [
        NodeSample(node=node, at_s=now_s - ago_s, values={"rssi_dbm": rssi, "heap_free_bytes": -100 * rssi})
        for node, ago_s, rssi in told
    ]
    uneven = await another(influx, "uneven", sample_lines(MESH, samples))

    (weakest,) = await uneven.rows(question("fleet", "Weakest link"))
    (least,) = await uneven.rows(question("fleet", "Least free heap"))

    assert (weakest["min"], least["min"]) == (-90.0, 5000.0)


async def test_a_node_is_one_row_with_its_own_words_and_with_what_became_known_later(influx):
    now_s = time.time()
    lines = [
        *sample_lines(MESH, [NodeSample(node=1001, at_s=now_s - 600, values={"rssi_dbm": -70.0})]),
        *sample_lines(MESH, [NodeSample(node=1001, at_s=now_s - 1800, values={"delay_ms": 8.0})]),
    ]
    for ago_s, role in ((120, ""), (60, "sensor")):
        status = mesh_status(node_status(1001, name="Shed", role=role))
        lines += Points(MESH).lines(status, Picture(own_id=7), [], now_s - ago_s)
    later = await another(influx, "later", lines)

    (series,) = await later.query(question("fleet", "Nodes"))

    assert series["tags"] == {"node": "1001"}
    (row,) = series["rows"]
    shown = {name: row[name] for name in ("Name", "Role", "State", "Signal", "Delay")}
    assert shown == {"Name": "Shed", "Role": "sensor", "State": 1, "Signal": -70, "Delay": 8}
