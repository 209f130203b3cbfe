"""The gateway with all its bridges, killed and starved: nothing is lost, and the mesh does not notice."""

import asyncio
import json
import signal
import time
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import pytest_asyncio

from meshward.fleet.commands import Drop, Restart
from tests.integration.fleets import running_fleet
from tests.integration.gateway_meshes import FIRST_ID, app, ended, sees, spec, until, upload
from tests.integration.gateways import Daemon, run_meshward, running_daemon
from tests.integration.health_meshes import boards, ids
from tests.support.influx import InfluxDb, influx_db
from tests.support.mosquitto import Mosquitto, broker, client
from tests.support.programs import free_port
from tests.support.prometheus import Prometheus, scraping

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bridges-daemon")]

NODES = 6
LEAVING, FORGOTTEN, RENAMED, UPDATED = FIRST_ID + 2, FIRST_ID + 3, FIRST_ID + 4, FIRST_ID + 5
"""Leaves of the tree, so that no other node leaves with them."""
STATE, EVENT = "mesh/bridge/state", "mesh/event"
LYING = {
    "mesh/ota/status",
    *(f"mesh/bridge/{what}" for what in ("state", "info", "health")),
    *(f"mesh/status/{what}" for what in ("nodes", "topology", "metrics", "alerts")),
    *(
        f"mesh/status/node/{node}{what}"
        for node in range(FIRST_ID, FIRST_ID + NODES)
        for what in ("", "/health", "/availability", "/update")
    ),
    *(
        f"homeassistant/device/meshward_{device}/config"
        for device in ("bridge_mesh", *range(FIRST_ID, FIRST_ID + NODES))
    ),
}
"""What is retained at the broker; and below mesh/ota/status what became of rollouts."""
KINDS = {"mqtt", "prometheus", "influx"}
STOP_S = 5.0
ANSWER_S = 1.0
"""Longest that the API may take on a busy machine; what waits for a frozen broker waits 15 s."""
HOLE_S = 3.0
"""Longest between values that are written each second, on a busy machine."""
CONFIGURATION = """
name = "Garden"
[updates]
probe_every_s = 5
[mqtt]
period_s = 1
[influx]
period_s = 1
"""


@dataclass
class World:
    """A fleet, a gateway in it with all bridges, and the programs at their other ends."""

    fleet: object
    daemon: Daemon
    mosquitto: Mosquitto
    influx: InfluxDb
    prometheus: Prometheus | None = None
    away: set = field(default_factory=set)
    """Nodes that a test switched off."""

    async def whole(self):
        """Everything runs, and is connected."""
        for program in (self.mosquitto, self.influx):
            if not program.program.runs:
                await program.start()
        self.mosquitto.thaw()
        if self.daemon.process.returncode is not None:
            await self.daemon.start()
            await self.daemon.wait_ready()
        for node in list(self.away):
            await self.switch_on(node)
        await sees(self.daemon, NODES)
        await self.bridge("mqtt", "up", waiting=0)
        await self.bridge("influx", "up")
        async with client(self.mosquitto.port) as seen:
            await all_lies_there(seen)

    async def switch_off(self, node):
        """Until the gateway knows."""
        self.away.add(node)
        await self.fleet.apply(Drop(node))
        await sees(self.daemon, NODES - len(self.away))

    async def switch_on(self, node):
        """Until the gateway knows."""
        await self.fleet.apply(Restart(node))
        self.away.remove(node)
        await sees(self.daemon, NODES - len(self.away))

    async def bridge(self, kind, state, **values):
        """The view of a bridge, once it is so."""
        await until(
            self.daemon, "/bridges", lambda bridges: fits(of_kind(bridges, kind), state=state, **values)
        )

    async def newest_event(self):
        return (await self.daemon.get("/events", limit=1))["items"][0]["id"]

    async def events_after(self, number):
        return (await self.daemon.get("/events", after=number, limit=500))["items"]


async def all_lies_there(seen):
    """Wait for it; nothing else may."""
    async with asyncio.timeout(20):
        while (lying := await topics_at(seen)) != LYING:
            assert lying <= LYING
            await asyncio.sleep(0.1)


async def topics_at(seen):
    return {topic for topic in await seen.retained() if not topic.startswith("mesh/ota/status/")}


def of_kind(bridges, kind):
    (found,) = (bridge for bridge in bridges if bridge["kind"] == kind)
    return found


def fits(bridge, **values):
    return all(bridge[name] == value for name, value in values.items())


def events(seen):
    """Ids of the events that came, each once, in their order."""
    return list(
        dict.fromkeys(json.loads(payload)["id"] for topic, payload in seen.messages if topic == EVENT)
    )


def has_events(numbers):
    return lambda seen: set(numbers) <= set(events(seen))


def state_of(payload):
    return json.loads(payload)["state"] if payload else "forgotten"


def is_online(payload):
    return state_of(payload) == "online"


def is_offline(payload):
    return state_of(payload) == "offline"


def availability(node):
    return f"mesh/status/node/{node}/availability"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bridges")
    (folder / "meshward.toml").write_text(CONFIGURATION)
    async with (
        broker(folder) as mosquitto,
        influx_db(folder / "influx") as influx,
        running_fleet(nodes=NODES, stock=boards()) as fleet,
        running_daemon(
            folder / "data",
            f"127.0.0.1:{fleet.plan.port}",
            *("--config", folder / "meshward.toml", "--homeassistant"),
            *("--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}", "--influx", influx.write_url),
            http=f"127.0.0.1:{free_port()}",  # the same after each start, for Prometheus
        ) as daemon,
    ):
        async with daemon.api() as api:
            made = await api.post("/tokens", json={"name": "prometheus", "role": "viewer"})
        assert made.status_code == 201, made.text
        target = daemon.endpoint()["url"].partition("://")[2]
        async with scraping(target, folder / "prometheus", token=made.json()["token"]) as prometheus:
            yield World(fleet, daemon, mosquitto, influx, prometheus)


@pytest_asyncio.fixture(loop_scope="module")
async def world(started):
    await started.whole()
    return started


async def test_after_kill_the_broker_tells_the_last_will_and_everything_is_back_with_the_gateway(world):
    before = await world.newest_event()
    async with client(world.mosquitto.port) as seen:
        await seen.wait_for(STATE, is_online)
        await world.daemon.kill()
        await seen.wait_for(STATE, is_offline)
        await world.daemon.start()
        await world.daemon.wait_ready()
        await seen.wait_for(STATE, is_online, within_s=20)
        for node in ids(NODES):
            await seen.wait_for(availability(node), is_online)
        await world.bridge("mqtt", "up", waiting=0)
        happened = [event["id"] for event in await world.events_after(before)]
        assert happened
        await seen.wait_until(has_events(happened))
        came = [number for number in events(seen) if number > before]
        assert came[: len(happened)] == happened
        await all_lies_there(seen)
    await world.prometheus.until(f'up == 1 and on() painlessmesh_nodes{{state="online"}} == {NODES}')


async def test_an_empty_broker_gets_all_that_lies_there_and_every_event_of_the_outage_in_order(world):
    before = await world.newest_event()
    await world.bridge("mqtt", "up", waiting=0)
    await world.mosquitto.kill()
    await world.bridge("mqtt", "failing")

    await world.switch_off(LEAVING)
    await world.switch_on(LEAVING)
    await world.switch_off(LEAVING)
    async with world.daemon.api() as api:
        assert (await api.patch(f"/nodes/{RENAMED}", json={"name": "Pond"})).status_code == 200
    missed = await until(world.daemon, f"/events?after={before}", lambda page: len(page["items"]) >= 3)
    assert [event["kind"] for event in missed["items"]] == ["node.left", "node.joined", "node.left"]

    # The gateway must not be there before those who want to see all of it.
    world.daemon.process.send_signal(signal.SIGSTOP)
    await world.mosquitto.start()
    async with client(world.mosquitto.port) as seen:
        world.daemon.process.send_signal(signal.SIGCONT)
        await seen.wait_for(STATE, is_online, within_s=20)
        await seen.wait_for(availability(LEAVING), is_offline)
        await all_lies_there(seen)
        assert json.loads(seen.latest[f"mesh/status/node/{RENAMED}"])["name"] == "Pond"
        await world.switch_on(LEAVING)
        await seen.wait_for(availability(LEAVING), is_online)
        numbers = [event["id"] for event in await world.events_after(before)]
        assert len(numbers) > len(missed["items"])
        await seen.wait_until(has_events(numbers))
        assert events(seen)[: len(numbers)] == numbers
    bridge = of_kind(await world.daemon.get("/bridges"), "mqtt")
    assert bridge["dropped"] == 0


async def test_a_node_that_is_forgotten_vanishes_from_broker_and_metrics_until_it_comes_again(world):
    one = f'painlessmesh_node_up{{node="{FORGOTTEN}"}}'
    await world.prometheus.until(f"{one} == 1")
    async with client(world.mosquitto.port) as seen:
        assert mentions(await seen.retained(), FORGOTTEN)
        await world.switch_off(FORGOTTEN)
        await world.prometheus.until(f"{one} == 0")
        async with world.daemon.api() as api:
            assert (await api.delete(f"/nodes/{FORGOTTEN}")).status_code == 204
        await world.prometheus.until(f"absent({one}) and on() painlessmesh_nodes")
        async with asyncio.timeout(10):
            while mentions(lying := await seen.retained(), FORGOTTEN):  # noqa: ASYNC110 asks the broker
                await asyncio.sleep(0.1)
        assert mentions(lying, LEAVING)
        assert await world.prometheus.query(f'{{node="{FORGOTTEN}"}}') == []
        await world.switch_on(FORGOTTEN)
        await seen.wait_for(availability(FORGOTTEN), is_online)
    await world.prometheus.until(f"{one} == 1")


def mentions(lying, node):
    """Topics of a node, and what else names it by its id."""
    words = str(node)
    lists = ("mesh/status/nodes", "mesh/status/topology")
    return [topic for topic in lying if words in topic] + [
        topic for topic in lists if words.encode() in lying[topic]
    ]


async def test_values_come_back_from_influxdb_as_the_gateway_and_prometheus_have_them(world):
    status = await until(world.daemon, "/status", lambda status: all(map(tells, status["nodes"])))
    depths = {node["node"]: node["depth"] for node in status["nodes"]}
    await world.prometheus.until(f"count(painlessmesh_node_heap_free_bytes) == {NODES}")
    for node in ids(NODES):
        row = await latest(world, node)
        assert (row["up"], row["depth"]) == (1, depths[node])
        assert row["depth"] == await world.prometheus.value(f'painlessmesh_node_depth{{node="{node}"}}')
    (row,) = await world.influx.rows(
        'SELECT last("online") AS "online", "connected" FROM "painlessmesh_mesh"'
    )
    assert (row["online"], row["connected"]) == (NODES, 1)


def tells(node):
    return "heap_free_bytes" in node["metrics"]


async def latest(world, node):
    """What was written last of a node, once that is what the gateway has: new values come all the time."""
    fields = 'last("up") AS "up", last("depth") AS "depth", last("heap_free_bytes") AS "heap"'
    which = f"\"mesh\" = 'Garden' AND \"node\" = '{node}'"
    async with asyncio.timeout(20):
        while True:
            rows = await world.influx.rows(f'SELECT {fields} FROM "painlessmesh_node" WHERE {which}')
            status = await world.daemon.get(f"/nodes/{node}/status")
            if rows and rows[0]["heap"] == status["metrics"]["heap_free_bytes"]["value"]:
                return rows[0]
            await asyncio.sleep(0.2)


async def test_the_command_tells_of_a_broker_that_is_away_and_what_to_do(world):
    status, output, errors = await run_meshward("bridges", "--data", world.daemon.data, COLUMNS="120")
    assert (status, errors) == (0, "")
    assert "failing" not in output
    assert "connected with MQTT 5" in output
    await world.mosquitto.kill()
    reason = f"nothing takes connections at 127.0.0.1:{world.mosquitto.port}"
    await until(world.daemon, "/bridges", lambda bridges: reason in of_kind(bridges, "mqtt")["text"])
    status, output, errors = await run_meshward("bridges", "--data", world.daemon.data, COLUMNS="120")
    assert (status, errors) == (1, "")
    (row,) = (line for line in output.splitlines() if "failing" in line)
    assert f"mqtt://127.0.0.1:{world.mosquitto.port}" in row
    assert reason in " ".join(output.split())
    status, output, _ = await run_meshward("bridges", "--json", "--data", world.daemon.data)
    states = {bridge["kind"]: bridge["state"] for bridge in json.loads(output)["bridges"]}
    assert status == 1
    assert states.keys() == KINDS
    assert [kind for kind, state in states.items() if state == "failing"] == ["mqtt"]


async def test_a_frozen_broker_and_a_dead_database_do_not_disturb_the_mesh(world):
    before, began_s = await world.newest_event(), time.time()
    async with client(world.mosquitto.port) as seen:
        world.mosquitto.freeze()
        await world.influx.kill()
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(longest_answer_s(world.daemon, asked := asyncio.Event()))
            await world.bridge("influx", "failing")
            await update(world.daemon, UPDATED)
            asked.set()
        assert asking.result() < ANSWER_S
        happened = await world.events_after(before)
        assert {event["node"] for event in happened if event["kind"] == "node.left"} <= {UPDATED}
        await world.bridge("influx", "failing")
        ended_s = time.time()
        world.mosquitto.thaw()
        await world.influx.start()
        await seen.wait_until(has_events(event["id"] for event in happened), within_s=20)
    await world.bridge("influx", "up", waiting=0)
    times_s = [time_s for time_s in await written_s(world.influx) if began_s <= time_s <= ended_s]
    assert times_s[0] - began_s < HOLE_S
    assert max(later - earlier for earlier, later in pairwise(times_s)) < HOLE_S
    assert ended_s - times_s[-1] < HOLE_S


async def longest_answer_s(daemon, ended):
    """How long the API took at most, until then."""
    longest_s = 0.0
    async with daemon.api() as api:
        while not ended.is_set():
            for path in ("/nodes", "/bridges", "/status"):
                asked_s = time.monotonic()
                assert (await api.get(path)).status_code == 200
                longest_s = max(longest_s, time.monotonic() - asked_s)
            await asyncio.sleep(0.05)
    return longest_s


async def update(daemon, node):
    """A rollout on that node, until it is done."""
    async with daemon.api() as api:
        firmware = (await upload(api, app())).json()["sha256"]
        made = await api.post("/rollouts", json=spec(firmware, target={"roles": ["sensor"], "nodes": [node]}))
    assert made.status_code == 201, made.text
    rollout = await ended(daemon, made.json()["id"])
    assert rollout["state"] == "completed", rollout["reason"]


async def written_s(influx):
    """When values of the mesh were written, in order."""
    return [row["time"] / 1e9 for row in await influx.rows('SELECT "online" FROM "painlessmesh_mesh"')]


async def test_a_stop_waits_for_no_frozen_broker(world):
    async with client(world.mosquitto.port) as seen:
        await seen.wait_for(STATE, is_online)
        world.mosquitto.freeze()
        asked_s = time.monotonic()
        assert await world.daemon.stop() == 0
        assert time.monotonic() - asked_s < STOP_S
        world.mosquitto.thaw()
        await seen.wait_for(STATE, is_offline)
