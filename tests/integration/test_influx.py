"""The real databases: what is written comes back by query, also after they were away."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random

import httpx
import pytest

from meshward.bridges.base import Pauses
from meshward.bridges.influx.bridge import InfluxBridge
from meshward.bridges.influx.lines import NS
from meshward.bridges.influx.points import NODE_STATES
from meshward.gateway.bridge_views import NodeSample, ProgressView
from meshward.rollout.states import RolloutState
from tests.support.gateway_values import event, rollout
from tests.support.health_values import READINGS, alert, node_status
from tests.support.influx import influx_db, victoria_metrics
from tests.support.line_server import Mesh
from tests.support.web import until

HOSTILE = 'Shed, "north" = 2\\3 \\'
HOSTILE_TAG = HOSTILE.replace("\\", "/")


def mesh_of(*nodes, ago_s=3600):
    """A mesh that began an hour ago, and has a minute with each look."""
    mesh = Mesh(*nodes)
    mesh.now_s = float(int(time.time()) - ago_s)
    return mesh


@asynccontextmanager
async def bridging(mesh, url, folder, *, period_s=0.05, **options):
    made = InfluxBridge(
        mesh, url, folder, Random(1), mesh=HOSTILE, period_s=period_s, now_s=lambda: mesh.now_s, **options
    )
    made._pauses = Pauses(Random(1), first_s=0.05, most_s=0.1)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def write_once(mesh, url, folder):
    """One look at a mesh, all of it taken."""
    async with bridging(mesh, url, folder, period_s=60) as bridge:
        await until(lambda: bridge.record.state == "up" and bridge.record.waiting == 0)
        assert bridge.record.dropped == 0
        return bridge.record.sent


def frame(node, now_s):
    """The five samples of a frame of telemetry."""
    return [
        NodeSample(node=node, at_s=now_s - ago_s, values={**READINGS, "rssi_dbm": -60.5 - ago_s // 60})
        for ago_s in (240.25, 180.25, 120.25, 60.25, 0.25)
    ]


def iso(at_s):
    return datetime.fromtimestamp(at_s, UTC).isoformat()


async def test_influxdb_gives_back_every_value_of_a_mesh_with_hostile_names(tmp_path):
    node = node_status(1001, name=HOSTILE, role=HOSTILE, hardware="ESP 32", version="1.0,0=")
    away = node_status(1002, online=False, depth=None, role="")
    mesh = mesh_of(node, away)
    start_s = mesh.now_s
    mesh.told = frame(1001, start_s)
    mesh.alerts = [alert(severity="warning")]
    mesh.log = [event(5, HOSTILE, node=1001, at=iso(start_s - 10))]
    over = rollout(RolloutState.UPDATING, name=HOSTILE)
    over.counts = {"completed": 1, "downloading": 1}
    mesh.rollouts = [over]
    mesh.at_work = [ProgressView(node=1, rollout=over.id, state="downloading", parts_done=1, parts=2)]

    async with influx_db(tmp_path / "db") as db:
        assert await write_once(mesh, db.write_url, tmp_path) == 5 + len(mesh.told)
        nodes = await db.query('SELECT * FROM "painlessmesh_node" GROUP BY "node"')
        (mesh_row,) = await db.rows('SELECT * FROM "painlessmesh_mesh"')
        (rollout_row,) = await db.rows('SELECT * FROM "painlessmesh_rollout"')
        (event_row,) = await db.rows('SELECT * FROM "painlessmesh_event"')

    first, second = nodes
    rows = {
        row["time"]: {name: value for name, value in row.items() if value is not None}
        for row in first["rows"]
    }
    for sample in mesh.told:
        row = rows.pop(round(sample.at_s * 1000) * NS // 1000)
        assert {name: row[name] for name in sample.values} == sample.values
    ((at_ns, row),) = rows.items()
    assert at_ns == int(start_s) * NS
    del row["time"]
    assert row == {
        "mesh": HOSTILE_TAG,
        "up": 1,
        "health": 100,
        "alerts": 0,
        "restarts": 0,
        "depth": 1,
        "name": HOSTILE,
        "version": "1.0,0=",
        "role": HOSTILE,
        "hardware": "ESP 32",
    }
    (away_row,) = second["rows"]
    assert (away_row["up"], away_row["role"]) == (0, None)
    assert (mesh_row["online"], mesh_row["offline"], mesh_row["alerts_warning"]) == (1, 1, 1)
    assert (rollout_row["state"], rollout_row["name"]) == ("updating", HOSTILE)
    assert rollout_row["progress_ratio"] == 0.75
    assert {state: rollout_row[state] for state in NODE_STATES if rollout_row[state]} == over.counts
    assert (event_row["text"], event_row["node"], event_row["kind"]) == (HOSTILE, "1001", "node")


@pytest.mark.parametrize("version", [1, 2])
async def test_victoria_metrics_gives_back_every_value(tmp_path, version):
    mesh = mesh_of(node_status(1001))
    start_s = mesh.now_s
    mesh.told = frame(1001, start_s)

    async with victoria_metrics(tmp_path / "db") as db:
        await write_once(mesh, db.write_url if version == 1 else db.write_url_v2, tmp_path)
        found = {
            labels["__name__"]: (labels, value)
            for labels, value in await db.query('{__name__=~"painlessmesh_.+"}', start_s)
        }

    labels, value = found["painlessmesh_node_rssi_dbm"]
    assert value == mesh.told[-1].values["rssi_dbm"]
    assert (labels["node"], labels["mesh"]) == ("1001", HOSTILE_TAG)
    for name, value in mesh.told[-1].values.items():
        assert found[f"painlessmesh_node_{name}"][1] == value
    assert found["painlessmesh_node_up"][1] == 1
    assert found["painlessmesh_mesh_online"][1] == 1


async def test_a_database_that_was_killed_gets_everything_in_order_after(tmp_path):
    mesh = mesh_of(node_status(1001, metrics={}))
    start_s = mesh.now_s

    async with influx_db(tmp_path / "db") as db, bridging(mesh, db.write_url, tmp_path) as bridge:
        await until(lambda: bridge.record.sent >= 4)
        await db.kill()
        await until(lambda: bridge.record.state == "failing" and bridge.record.waiting >= 20)
        assert "cannot be reached" in bridge.record.text
        await db.start()
        await until(lambda: bridge.record.state == "up" and bridge.record.waiting <= 2, 30)
        last_s = mesh.now_s - 120
        rows = await db.rows(f'SELECT "up" FROM "painlessmesh_node" WHERE time <= {int(last_s) * NS}')

    assert [row["time"] for row in rows] == list(range(int(start_s) * NS, int(last_s) * NS + 1, 60 * NS))
    assert bridge.record.dropped == 0


async def test_a_database_that_is_missing_is_told_and_gets_everything_once_it_is_there(tmp_path):
    mesh = mesh_of(node_status(1001, metrics={}))
    start_s = mesh.now_s

    async with (
        influx_db(tmp_path / "db", database="") as db,
        bridging(mesh, db.write_url, tmp_path) as bridge,
    ):
        await until(lambda: bridge.record.state == "failing")
        assert "database not found" in bridge.record.text
        assert "create that database" in bridge.record.text
        await db.create()
        await until(lambda: bridge.record.state == "up" and bridge.record.waiting <= 2)
        (row, *_) = await db.rows('SELECT "up" FROM "painlessmesh_node"')

    assert row["time"] == int(start_s) * NS


async def test_a_login_is_checked_by_the_database(tmp_path):
    mesh = mesh_of(node_status(1001, metrics={}))
    login = {"u": "ada", "p": "p@ss word"}

    async with influx_db(tmp_path / "db", auth=True) as db:
        async with httpx.AsyncClient() as client:
            made = await client.post(
                f"{db.url}/query", data={"q": "CREATE USER ada WITH PASSWORD 'p@ss word' WITH ALL PRIVILEGES"}
            )
        assert made.status_code == 200
        await db.create(**login)
        url = db.write_url.replace("http://", "http://ada:wrong@")
        async with bridging(mesh, url, tmp_path) as bridge:
            await until(lambda: bridge.record.state == "failing")
            assert "authorization failed" in bridge.record.text
            assert "password in its address" in bridge.record.text
        # What waited under the wrong password goes out under the right one.
        await write_once(mesh, db.write_url.replace("http://", "http://ada:p%40ss%20word@"), tmp_path)
        rows = await db.rows('SELECT "up" FROM "painlessmesh_node"', **login)

    assert len(rows) >= 2


async def test_a_field_of_another_type_is_refused_and_all_others_are_taken(tmp_path):
    mesh = mesh_of(node_status(1001, metrics={}))
    async with influx_db(tmp_path / "db") as db:
        async with httpx.AsyncClient() as client:
            spoilt = await client.post(db.write_url, content=b'painlessmesh_mesh online="many"')
        assert spoilt.status_code == 204
        async with bridging(mesh, db.write_url, tmp_path) as bridge:
            await until(lambda: bridge.record.dropped >= 2)
            assert bridge.record.state == "up"
            assert "field type conflict" in bridge.record.text
        rows = await db.rows('SELECT "up" FROM "painlessmesh_node"')

    assert len(rows) >= 2
