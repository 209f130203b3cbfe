"""Use cases of what was, and numbers for tables, over a real store and a mesh that is made up."""

import asyncio
import threading
from functools import partial

import msgspec
import pytest

from meshward.errors import InvalidError, NotPossibleError, UnknownItemError
from meshward.gateway import past_cases, shared_work
from meshward.gateway.dashboard_views import DAYS_MAX
from meshward.gateway.shown import moment
from meshward.status.samples import Sample
from meshward.store import history, mesh_history
from meshward.store.history import SampleRow
from tests.support.gateway import NOW_S, OWN_ID, Clock, hear, live, opened_service, see

DAY_S = 86_400.0
HOUR_S = 3600.0
DAY_BEGAN_S = NOW_S // DAY_S * DAY_S
HOUR_BEGAN_S = NOW_S // HOUR_S * HOUR_S


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with opened_service(tmp_path, clock, telemetry=False) as service:
        yield service


async def store(service, node, *values, metric="online", every_s=60.0, start_s=DAY_BEGAN_S):
    """Samples of a node from a moment on."""
    rows = [
        SampleRow(node, start_s + place * every_s, "mesh", {metric: value})
        for place, value in enumerate(values)
    ]
    await service.database.write(history.add, rows, service.now_s())


# -- moves -------------------------------------------------------------------------------------


async def test_who_came_moved_and_left_is_told_in_its_order(service, clock):
    await see(service, 7, 8)
    clock.s += 60
    await see(service, 7, 8, depths=[1, 2])
    clock.s += 60
    await see(service, 7)
    view = await service.moves(end_s=clock.s)
    assert view.start == moment(clock.s - DAY_S)
    assert [(move.node, move.before, move.parent) for move in view.moves] == [
        (7, None, OWN_ID),
        (8, None, OWN_ID),
        (8, OWN_ID, 7),
        (8, 7, None),
    ]
    assert [move.at for move in view.moves] == [moment(NOW_S + s) for s in (0, 0, 60, 120)]
    assert (await service.moves(start_s=clock.s - 10)).moves == view.moves[-1:]


async def test_where_there_are_too_many_moves_the_start_is_later(service, clock, monkeypatch):
    monkeypatch.setattr(past_cases, "MOVES_MAX", 3)
    for depth in (1, 2, 1, 2):
        clock.s += 60
        await see(service, 7, 8, depths=[1, depth])
    view = await service.moves()
    assert len(view.moves) == 3
    assert view.start == view.moves[0].at == moment(NOW_S + 120)


async def test_a_time_that_cannot_be_is_refused(service):
    for ask in (service.moves, lambda **span: service.mesh_history("links", **span)):
        for start_s, end_s in ((5.0, 5.0), (6.0, 5.0), (-1.0, 5.0), (float("nan"), 5.0)):
            with pytest.raises(InvalidError, match="before the end"):
                await ask(start_s=start_s, end_s=end_s)


async def test_moves_are_in_their_order_where_the_clock_stepped_back(service, clock):
    await see(service, 7, 8)
    clock.s += 1000
    await see(service, 7, 8, depths=[1, 2])
    clock.s -= 900
    assert [move.at for move in (await service.moves()).moves] == [moment(s) for s in (NOW_S, NOW_S, clock.s)]
    await see(service, 7)
    clock.s += 10
    view = await service.moves()
    assert [(move.node, move.before, move.parent) for move in view.moves[2:]] == [
        (8, OWN_ID, 7),
        (8, 7, None),
    ]
    assert [move.at for move in view.moves[2:]] == [moment(NOW_S + 100)] * 2
    assert view.end == moment(NOW_S + 110)


# -- availability ------------------------------------------------------------------------------


async def test_availability_is_per_day_and_over_all_days(service, clock):
    await see(service, 7, 8, 9)
    await store(service, 7, *[1, 0] * 30, start_s=DAY_BEGAN_S - DAY_S)
    await store(service, 7, *[1] * 60)
    await store(service, 8, 1, 1, 1, 0)
    clock.s = DAY_BEGAN_S + 2 * HOUR_S
    view = await service.availability(days=3)
    assert view.first_day == moment(DAY_BEGAN_S - 2 * DAY_S)[:10]
    assert [(one.node, one.days, one.ratio) for one in view.nodes] == [
        (7, [None, 0.5, 1.0], 0.75),
        (8, [None, None, 0.75], 0.75),
        (9, [None, None, None], None),
    ]
    assert view.mesh == [None, 0.5, 0.875]
    one = await service.availability(days=3, node=8)
    assert one.nodes == view.nodes[1:2]
    assert one.mesh == view.nodes[1].days


async def test_the_mesh_is_looked_through_again_once_there_can_be_something_new(service, clock):
    await see(service, 7)
    await store(service, 7, 1, 1, 1, 0)
    first = await service.availability(days=1)
    await store(service, 7, 0, 0, 0, 0, start_s=DAY_BEGAN_S + 600)
    assert await service.availability(days=1) is first
    assert (await service.availability(days=2)).nodes[0].ratio == 0.375
    assert (await service.availability(days=1, node=7)).nodes[0].ratio == 0.375
    clock.s += 61
    assert (await service.availability(days=1)).nodes[0].ratio == 0.375


async def test_the_mesh_is_looked_through_once_however_many_ask(service, monkeypatch):
    await see(service, 7)
    await store(service, 7, 1, 1, 1, 0)
    parts = counted(service, monkeypatch)
    views = await asyncio.gather(*(service.availability(days=1 + place % 2) for place in range(10)))
    assert len({id(view) for view in views}) == len(parts) == 2
    for days in range(1, 20):
        await service.availability(days=days)
    assert len(service._availabilities) == past_cases.AVAILABILITIES_MAX


async def test_a_gateway_that_sees_its_mesh_knows_its_availability(service, clock):
    await see(service, 7, 8)
    await live(service, clock, 300)
    await see(service, 7)
    await live(service, clock, 300)
    await see(service)
    await live(service, clock, 600)
    seven, eight = (await service.availability(days=1)).nodes
    assert seven.ratio == 1.0
    assert eight.ratio == pytest.approx(0.5, abs=0.1)


async def test_days_and_nodes_that_cannot_be_are_refused(service):
    for days in (0, -1, DAYS_MAX + 1):
        with pytest.raises(InvalidError, match="days must be from 1"):
            await service.availability(days=days)
    with pytest.raises(UnknownItemError, match="never seen"):
        await service.availability(node=9)
    view = await service.availability(days=DAYS_MAX)
    assert (view.mesh, view.nodes) == ([None] * DAYS_MAX, [])


# -- the mesh over time ------------------------------------------------------------------------


async def test_the_history_of_the_mesh_is_of_all_of_some_or_of_a_hardware(service):
    await see(service, 7, 8, 9)
    for node, delay_ms in ((7, 10.0), (8, 20.0), (9, 60.0)):
        await store(service, node, delay_ms, delay_ms, metric="delay_ms", start_s=HOUR_BEGAN_S - 600)
    service.book.views[7].hardware = service.book.views[9].hardware = "ESP32"

    async def shown(**more):
        view = await service.mesh_history("delay_ms", resolution_s=3600, **more)
        (point,) = view.points
        assert (view.unit, view.resolution_s, view.end) == ("ms", 3600, moment(NOW_S))
        return (point.low, point.median, point.high, point.total, point.nodes)

    assert await shown() == (10, 20, 60, 90, 3)
    assert await shown(nodes=[9, 8, 9]) == (20, 40, 60, 80, 2)
    assert await shown(hardware="ESP32") == (10, 35, 60, 70, 2)
    assert await shown(hardware="ESP32", nodes=[8, 9]) == (60, 60, 60, 60, 1)
    assert (await service.mesh_history("delay_ms", hardware="ESP8266")).points == []
    with pytest.raises(UnknownItemError, match="node 77 was never seen"):
        await service.mesh_history("delay_ms", nodes=[9, 77])


async def test_hardware_that_a_board_tells_counts_where_none_is_proven(service, clock):
    await see(service, 7, 8)
    await store(service, 7, 10.0, metric="delay_ms")
    service.monitor.take(Sample(7, "604", {"links": 1.0}, texts={"hardware": "ESP32"}), service.now_us())
    await live(service, clock)
    assert len((await service.mesh_history("delay_ms", hardware="ESP32")).points) == 1


async def test_many_nodes_are_read_in_parts(service, monkeypatch):
    monkeypatch.setattr(past_cases, "NODES_AT_ONCE", 3)
    ids = range(100, 110)
    await see(service, *ids)
    for node in ids:
        await store(service, node, float(node), metric="delay_ms")
    (point,) = (await service.mesh_history("delay_ms")).points
    assert (point.low, point.median, point.high, point.nodes) == (100, 104.5, 109, 10)
    assert [one.node for one in (await service.availability(days=1)).nodes] == list(ids)


def counted(service, monkeypatch):
    """What is read in the long reader, as it is begun."""
    begun, read_long = [], service.database.read_long

    def counting(fn, *args, **more):
        begun.append(fn)
        return read_long(fn, *args, **more)

    monkeypatch.setattr(service.database, "read_long", counting)
    return begun


async def test_a_question_that_is_under_way_is_answered_once_for_all(service, monkeypatch):
    await see(service, 7)
    await store(service, 7, 10.0, metric="delay_ms")
    parts = counted(service, monkeypatch)
    views = await asyncio.gather(*(service.mesh_history("delay_ms") for _ in range(5)))
    assert len(parts) == 2  # the plan, and one part
    assert len(views[0].points) == 1
    assert all(view is views[0] for view in views)
    assert await service.mesh_history("delay_ms") is not views[0]


async def test_of_a_long_time_fewer_nodes_are_read_at_once(service, monkeypatch):
    await see(service, *range(100, 110))
    for node in range(100, 110):
        await store(service, node, 10.0, metric="delay_ms")
    parts = counted(service, monkeypatch)
    monkeypatch.setattr(mesh_history, "VALUES_AT_ONCE", 2 * 1440)
    for days, count in ((1, 5), (3, 10)):
        parts.clear()
        view = await service.mesh_history(
            "delay_ms", start_s=NOW_S - days * DAY_S, resolution_s=60, points_max=5000
        )
        assert view.resolution_s == 60
        assert len(parts) == 1 + count


async def test_what_nobody_waits_for_is_not_read_to_its_end(service, monkeypatch):
    monkeypatch.setattr(past_cases, "NODES_AT_ONCE", 1)
    await see(service, *range(100, 150))
    parts = counted(service, monkeypatch)
    asking = [asyncio.create_task(service.mesh_history("delay_ms")) for _ in range(2)]
    while len(parts) < 3:  # noqa: ASYNC110 simpler than events
        await asyncio.sleep(0)
    asking[0].cancel()
    while len(parts) < 6:  # noqa: ASYNC110 for the other one
        await asyncio.sleep(0)
    asking[1].cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert len(parts) < 50
    so_far = len(parts)
    await service.database.read_long(lambda _: None)
    assert len(parts) == so_far + 1


async def test_what_takes_too_long_is_broken_off_and_says_so(service, monkeypatch):
    monkeypatch.setattr(shared_work, "WORK_S_MAX", 0.0)
    await see(service, 7)
    for ask in (service.availability, partial(service.mesh_history, "delay_ms")):
        with pytest.raises(NotPossibleError, match="takes longer than 0 s: ask for less time"):
            await ask()
    monkeypatch.undo()
    assert (await service.availability()).nodes[0].node == 7


async def test_tokens_are_looked_up_while_many_look_through_the_mesh(service):
    await see(service, *range(100, 120))
    begun, go_on = threading.Event(), threading.Event()

    def slow(_):
        begun.set()
        assert go_on.wait(30)

    blocking = asyncio.create_task(service.database.read_long(slow))
    await asyncio.to_thread(begun.wait, 30)
    asking = [
        asyncio.create_task(ask())
        for ask in (
            service.availability,
            service.moves,
            partial(service.history, 100, "delay_ms"),
            *(partial(service.mesh_history, "delay_ms", points_max=points) for points in range(10, 20)),
        )
    ]
    await asyncio.sleep(0)
    assert await service.authenticate("nonsense") is None
    assert not any(task.done() for task in asking)
    go_on.set()
    await asyncio.gather(blocking, *asking)


async def test_metrics_and_points_that_cannot_be_are_refused(service):
    with pytest.raises(UnknownItemError, match="metric"):
        await service.mesh_history("wings")
    for points in (0, 20_001):
        with pytest.raises(InvalidError, match="points must be from 1"):
            await service.mesh_history("links", points_max=points)


# -- numbers -----------------------------------------------------------------------------------


async def test_numbers_are_the_latest_values_of_what_tables_show(service, clock):
    await see(service, 7, 8)
    hear(service, 7, mem=40, uptime=100)
    service.monitor.on_probe(8, service.now_us())
    service.monitor.on_delay(8, 12_340, 0, service.now_us())
    await live(service, clock, 30)
    status = service.mesh_status()
    view = service.numbers()
    assert (view.summary, view.coverage) == (status.summary, status.coverage.text)
    assert view.health == msgspec.to_builtins(status.health)
    seven, eight = view.nodes
    assert seven.metrics["heap_free_bytes"] == 40 * 1024
    assert seven.metrics["uptime_s"] == 100
    assert seven.silent_s == 30
    assert eight.metrics["delay_ms"] == 12.3
    assert eight.metrics["moves_per_h"] == 0
    assert "online" not in eight.metrics
    assert "latency_ms" not in seven.metrics
    encoded = msgspec.json.encode(view)
    assert b'"heap_free_bytes":40960,' in encoded


async def test_restarts_of_the_last_day_are_counted(service, clock):
    await see(service, 7)
    for boots in (1, 2, 3):
        for uptime_s in (5.0, 35.0):
            service.monitor.take(
                Sample(7, "telemetry", {"links": 1.0}, boots=boots, uptime_s=uptime_s), service.now_us()
            )
            await live(service, clock, 30)
    assert service.numbers().nodes[0].reboots == 2
    clock.s += DAY_S
    assert service.numbers().nodes[0].reboots == 0


async def test_a_node_that_joins_is_there_at_once(service):
    assert service.numbers().nodes == []
    await see(service, 7)
    assert [one.node for one in service.numbers().nodes] == [7]
    await see(service, 7, 8)
    assert [one.node for one in service.numbers().nodes] == [7, 8]
