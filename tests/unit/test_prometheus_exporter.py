"""What /metrics says of the mesh, and what it costs."""

import asyncio

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from meshward.bridges.prometheus.exporter import LATELY_S, OFFERS_KEPT_S, Exporter
from meshward.bridges.prometheus.table import EXPORTED
from meshward.bridges.values import MEASURED_FRESH_S, TOLD_FRESH_S
from meshward.errors import StoreError
from meshward.gateway.bridge_views import ProgressView
from meshward.status.metrics import METRICS
from tests.support import gateway_values
from tests.support.health_values import NOW_S, node_status, readings, seen
from tests.support.scraped_service import BROKER, ScrapedService

HOSTILE = 'a"b\\c\n\u202ed' + "x" * 10_000


class Clock:
    """Both clocks, set by the tests."""

    def __init__(self):
        self.wall_s = NOW_S
        self.s = 1000.0

    def goes_on(self, by_s):
        self.wall_s += by_s
        self.s += by_s


@pytest.fixture
def service():
    return ScrapedService()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def exporter(service, clock):
    return Exporter(service, "garden", now_s=lambda: clock.wall_s, clock_s=lambda: clock.s)


async def samples(exporter):
    """All samples: values by name and labels, the labels in the order of their names."""
    found = {}
    for family in text_string_to_metric_families((await exporter.scrape()).decode()):
        for sample in family.samples:
            key = (sample.name.removeprefix("painlessmesh_"), *sorted(sample.labels.items()))
            assert key not in found
            assert sample.timestamp is None
            found[key] = sample.value
    return found


def of_node(found, node_id):
    """Names of what is said of one node."""
    return {key[0] for key in found if ("node", str(node_id)) in key[1:]}


async def test_values_have_base_units_and_no_label_but_the_node(service, exporter):
    service.statuses[1001] = node_status(
        1001,
        metrics=readings(
            cpu_percent=57.0, delay_ms=8.1, heap_fragmentation_percent=12.0, pressure_hpa=1013.2
        ),
    )
    found = await samples(exporter)
    node = ("node", "1001")
    assert found["node_cpu_usage_ratio", node] == 0.57
    assert found["node_latency_seconds", node] == 0.0081
    assert found["node_heap_fragmentation_ratio", node] == 0.12
    assert found["node_pressure_pascals", node] == 101_320.0
    assert found["node_heap_free_bytes", node] == 41_216.0
    assert found["node_messages_received_total", node] == 10_482.0
    readings_told = {f"node_{one.name}{'_total' if one.counter else ''}" for one in EXPORTED.values()}
    assert all(len(key) == 2 for key in found if key[0] in readings_told)


async def test_every_metric_exported_is_one_of_the_catalogue_and_has_its_kind(service, exporter):
    assert EXPORTED.keys() <= METRICS.keys()
    assert all(exported.counter == (METRICS[name].kind == "counter") for name, exported in EXPORTED.items())
    everything = {name: METRICS[name].high / 2 if METRICS[name].high else -50.0 for name in METRICS}
    service.statuses[1001] = node_status(1001, metrics=readings(**everything))
    told = of_node(await samples(exporter), 1001)
    assert told >= {f"node_{one.name}{'_total' if one.counter else ''}" for one in EXPORTED.values()}


async def test_counters_that_start_over_are_told_as_they_are(service, exporter, clock):
    for sent in (100.0, 200.0, 3.0):
        service.statuses[1001] = node_status(1001, metrics=readings(messages_sent=sent))
        clock.goes_on(15.0)
        assert (await samples(exporter))["node_messages_sent_total", ("node", "1001")] == sent


async def test_what_a_board_told_long_ago_is_left_out(service, exporter, clock):
    told, measured = {"node_messages_sent_total", "node_heap_free_bytes"}, {"node_latency_seconds"}
    for age_s, left in (
        (TOLD_FRESH_S, told | measured),
        (TOLD_FRESH_S + 1, measured),
        (MEASURED_FRESH_S + 1, set()),
    ):
        service.statuses[1001] = node_status(1001, metrics=readings(age_s) | seen(age_s))
        clock.goes_on(15.0)
        assert of_node(await samples(exporter), 1001) & (told | measured) == left


async def test_a_node_that_is_away_keeps_its_identity_and_in_the_first_day_its_health(
    service, exporter, clock
):
    away = of_node(await samples(exporter), 1005)
    identity = {"node_info", "node_up", "node_last_seen_timestamp_seconds"}
    assert away == {
        *identity,
        "node_alerts",
        "node_boots_total",
        "node_health_score",
        "node_update_available",
    }
    clock.goes_on(24 * 3600.0 + 1)
    found = await samples(exporter)
    assert of_node(found, 1005) - {"node_update_available"} == identity
    assert found["node_up", ("node", "1005")] == 0.0
    assert found["node_last_seen_timestamp_seconds", ("node", "1005")] == NOW_S
    assert found["node_last_seen_timestamp_seconds", ("node", "1001")] == clock.wall_s


async def test_a_node_that_is_forgotten_is_gone(service, exporter, clock):
    await exporter.scrape()
    del service.nodes_by_id[1005]
    service.feed.publish([{"kind": "node", "id": 1005, "value": None}])
    clock.goes_on(15.0)
    assert of_node(await samples(exporter), 1005) == set()


async def test_the_tree_is_told_by_parents_and_depths(service, exporter):
    service.nodes_by_id[1002].parent = 1001
    found = await samples(exporter)
    assert found["node_parent_info", ("node", "1001"), ("parent", "7")] == 1.0
    assert found["node_parent_info", ("node", "1002"), ("parent", "1001")] == 1.0
    assert found["node_depth", ("node", "1002")] == 3.0
    assert "node_parent_info" not in of_node(found, 1005)


async def test_restarts_are_counted_and_the_boot_is_a_moment(service, exporter):
    service.statuses[1001] = node_status(1001, boots=3, boot_at="2026-11-25T10:30:00.400Z")
    found = await samples(exporter)
    assert found["node_boots_total", ("node", "1001")] == 3.0
    assert found["node_boot_time_seconds", ("node", "1001")] == NOW_S - 5400.0
    assert "node_boot_time_seconds" not in of_node(found, 1002)


async def test_texts_of_boards_and_people_break_nothing(service, exporter):
    service.nodes_by_id[1001].name = HOSTILE
    service.nodes_by_id[1001].version = HOSTILE
    body = (await exporter.scrape()).decode()
    (line,) = (
        line for line in body.splitlines() if 'node_info{firmware="abababababab"' in line and "a\\" in line
    )
    assert len(line) < 500
    found = await samples(exporter)
    (key,) = (key for key in found if key[0] == "node_info" and ("node", "1001") in key)
    name = dict(key[1:])["name"]
    assert name.startswith('a"b\\c \ufffdd')
    assert len(name) == 100


async def test_updates_and_rollouts(service, exporter):
    service.rollouts_by_id["r1"] = gateway_values.rollout(
        gateway_values.RolloutState.UPDATING,
        gateway_values.entries({"completed": 2, "downloading": 1}),
        id="r1",
    )
    found = await samples(exporter)
    assert found["ota_rollouts", ("state", "updating")] == 1.0
    assert found["ota_rollouts", ("state", "failed")] == 0.0
    info = ("ota_rollout_info", ("name", "sensor 1.1.0"), ("rollout", "r1"), ("state", "updating"))
    assert found[info] == 1.0
    assert found["ota_rollout_nodes", ("rollout", "r1"), ("state", "completed")] == 2.0
    assert found["ota_update_progress_ratio", ("node", "1002")] == 0.75
    assert found["node_update_available", ("node", "1002")] == 1.0
    assert found["node_update_available", ("node", "1001")] == 0.0


async def test_only_nodes_that_are_at_work_on_an_update_have_a_progress(service, exporter):
    service.running = [
        ProgressView(node=1001 + at, rollout="r1", state=state, parts_done=1, parts=4)
        for at, state in enumerate(("downloading", "verifying", "pending", "completed", "failed"))
    ]
    found = await samples(exporter)
    nodes = {dict(key[1:])["node"] for key in found if key[0] == "ota_update_progress_ratio"}
    assert nodes == {"1001", "1002"}


async def test_it_is_told_when_a_rollout_was_over(service, exporter):
    states = gateway_values.RolloutState
    service.rollouts_by_id["r1"] = gateway_values.rollout(states.UPDATING, id="r1")
    service.rollouts_by_id["r2"] = gateway_values.rollout(
        states.FAILED, id="r2", ended_at="2026-11-25T11:00:00.600Z"
    )
    found = await samples(exporter)
    ended = {key: value for key, value in found.items() if key[0] == "ota_rollout_ended_timestamp_seconds"}
    assert ended == {("ota_rollout_ended_timestamp_seconds", ("rollout", "r2")): NOW_S - 3599.0}


async def test_the_mesh_and_the_gateway(service, exporter):
    service.store_writable = False
    found = await samples(exporter)
    assert (found["nodes", ("state", "online")], found["nodes", ("state", "offline")]) == (5.0, 1.0)
    assert found["alerts", ("severity", "critical"), ("state", "firing")] == 2.0
    assert found["alerts", ("severity", "info"), ("state", "pending")] == 0.0
    assert found["mesh_connected",] == 1.0
    assert found["gateway_store_writable",] == 0.0
    assert found["gateway_info", ("mesh", "garden"), ("own_id", "7"), ("version", "0")] == 1.0
    bridge = (("bridge", BROKER), ("kind", "mqtt"))
    assert [
        found[f"bridge_{name}", *bridge] for name in ("up", "waiting", "sent_total", "dropped_total")
    ] == [
        1.0,
        3.0,
        12.0,
        2.0,
    ]


async def test_the_start_of_the_gateway_stays_but_for_a_clock_that_is_set(service, exporter, clock):
    async def start():
        return (await samples(exporter))["gateway_start_time_seconds",]

    assert await start() == NOW_S - 3600.0
    health = service.health()
    for passed_s, wall_s in ((60.0, 60.9), (120.0, 119.2)):
        service.health = lambda s=passed_s: msgspec.structs.replace(health, uptime_s=3600.0 + s)
        clock.wall_s, clock.s = NOW_S + wall_s, 1000.0 + passed_s
        assert await start() == NOW_S - 3600.0
    clock.wall_s += 7200.0
    clock.s += 15.0
    assert await start() == pytest.approx(NOW_S + 3600.0, abs=2)


async def test_those_who_scrape_at_the_same_time_get_the_same_text(service, exporter, clock):
    looks = 0
    look = service.mesh_status

    def counted():
        nonlocal looks
        looks += 1
        return look()

    service.mesh_status = counted
    bodies = await asyncio.gather(*(exporter.scrape() for _ in range(5)))
    assert (looks, len(set(bodies))) == (1, 1)
    clock.goes_on(1.0)
    await exporter.scrape()
    assert looks == 2
    assert exporter.record.sent == 6


async def test_one_who_goes_away_in_the_middle_leaves_the_others_their_text(exporter):
    first = asyncio.create_task(exporter.scrape())
    second = asyncio.create_task(exporter.scrape())
    await asyncio.sleep(0)
    first.cancel()
    assert b"painlessmesh_node_up" in await second


async def test_without_a_database_everything_else_is_told(service, exporter, clock):
    async def broken():
        raise StoreError("the disk is gone")

    offers, service.offers = service.offers, broken
    found = await samples(exporter)
    assert "node_update_available" not in of_node(found, 1002)
    assert found["node_up", ("node", "1002")] == 1.0
    service.offers = offers
    clock.goes_on(OFFERS_KEPT_S)
    assert "node_update_available" in of_node(await samples(exporter), 1002)


async def test_it_is_shown_when_it_was_scraped_last(exporter, clock):
    shown = exporter.record.view()
    assert (shown.name, shown.kind, shown.state) == ("/metrics", "prometheus", "starting")
    assert shown.text == "nobody scraped it yet"
    body = await exporter.scrape()
    clock.goes_on(15.0)
    shown = exporter.record.view()
    assert (shown.state, shown.text, shown.sent) == ("up", "scraped 15 s ago", 1)
    assert shown.sent_bytes == len(body)
    clock.goes_on(LATELY_S)
    shown = exporter.record.view()
    assert (shown.state, shown.text) == ("starting", "nobody scrapes it any more")
    assert exporter.record.failing_s == 0.0
    await exporter.scrape()
    assert exporter.record.view().state == "up"
