"""Use cases of health, and what of it is kept, over a real store and a mesh that is made up."""

import asyncio
import contextlib

import msgspec
import pytest

from meshward.errors import InvalidError, NotPossibleError, StoreError, UnknownItemError
from meshward.gateway.health_views import QueryRequest
from meshward.gateway.rollout_watch import surroundings, under_way
from meshward.gateway.shown import moment
from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.states import RolloutState
from meshward.status.asking.voices import Voice
from meshward.status.samples import Sample
from meshward.store import events, history
from tests.support.gateway import (
    NOW_S,
    OPERATOR,
    Clock,
    add,
    hear,
    live,
    opened_service,
    see,
    spec,
    take_no_writes,
)

HEAP = "heap_free_bytes"
KB = 1024


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with opened_service(tmp_path, clock, telemetry=False) as service:
        yield service


async def history_of(service, node, metric, **more):
    view = await service.history(node, metric, **more)
    return [point.mean for point in view.points if point.count]


# -- states ------------------------------------------------------------------------------------


async def test_the_status_says_who_told_what_and_how_old_it_is(service, clock):
    await see(service, 7, 8)
    hear(service, 7, mem=40, uptime=100, fw="2.0")
    await live(service, clock, 12)
    status = service.mesh_status()
    assert [node.node for node in status.nodes] == [7, 8]
    seven, eight = status.nodes
    assert (seven.tells, eight.tells) == (["604", "mesh"], ["mesh"])
    reading = seven.metrics[HEAP]
    assert (reading.value, reading.source) == (40 * KB, "604")
    assert 5 <= reading.age_s <= 12
    assert seven.version == "2.0"
    assert status.coverage.text.startswith("1 of 2 heard, oldest ")
    assert service.node_status(7) == seven


async def test_all_who_ask_within_one_look_share_one_status(service, clock):
    await see(service, 7)
    await live(service, clock, 6)
    status = service.mesh_status()
    assert service.mesh_status() is status
    await live(service, clock, 1)
    assert service.mesh_status() is not status


async def test_the_status_of_a_node_that_was_never_seen_is_refused(service):
    with pytest.raises(UnknownItemError, match="never seen"):
        service.node_status(9)


async def test_a_node_that_only_the_list_knows_is_shown_as_one_of_which_nothing_is_known(service, clock):
    await see(service, 7, 8)
    await see(service, 7)
    service.monitor.forget(8)
    await live(service, clock)
    shown = service.node_status(8)
    assert (shown.node, shown.online, shown.metrics) == (8, False, {})


async def test_what_people_and_updates_know_of_a_node_reaches_the_monitor(service, clock):
    firmware, _ = await add(service)
    await see(service, 7)
    service.book.views[7].name = "Hall"
    service.book.views[7].firmware = firmware.sha256
    surroundings(service, {firmware.sha256: firmware.md5})
    await live(service, clock, 6)
    facts = service.monitor.facts.nodes[7]
    assert (facts.name, facts.firmware_md5, facts.updating) == ("Hall", firmware.md5, False)


@pytest.mark.parametrize(
    ("rollout", "state", "wave", "expected"),
    [
        (RolloutState.UPDATING, NodeState.VERIFYING, 0, [7]),
        (RolloutState.UPDATING, NodeState.COMPLETED, 0, []),
        (RolloutState.SOAKING, NodeState.COMPLETED, 0, [7]),
        (RolloutState.SOAKING, NodeState.COMPLETED, 1, []),
        (RolloutState.COMPLETED, NodeState.COMPLETED, 0, []),
    ],
)
def test_nodes_are_under_way_while_they_may_restart(rollout, state, wave, expected):
    doc = RolloutDoc(
        id="r1", spec=spec("ab" * 32), state=rollout, nodes=[NodeEntry(node=7, wave=wave, state=state)]
    )
    assert under_way(doc, {}) == expected


# -- keeping -----------------------------------------------------------------------------------


async def test_what_could_not_be_stored_is_stored_later_and_once(service, clock):
    await see(service, 7)
    await take_no_writes(service.database)
    hear(service, 7, mem=40, uptime=100)
    with pytest.raises(StoreError):
        await service.keep_health()
    await live(service, clock, 3)  # nothing is tried while the store does not take it
    hear(service, 7, mem=41, uptime=103)
    await take_no_writes(service.database, taken=True)
    await service.keep()
    await live(service, clock, 1)
    assert await history_of(service, 7, HEAP, resolution_s=0) == [40 * KB, 41 * KB]


async def test_what_is_measured_is_told_of_once_as_it_comes_whether_or_not_it_can_be_stored(service, clock):
    await see(service, 7)
    samples = service.samples()
    hear(service, 7, mem=40)
    first_s = clock.s
    await take_no_writes(service.database)
    clock.s += 1
    service.monitor.take(Sample(7, "telemetry", {HEAP: 39.0 * KB}, age_us=0), service.now_us())
    service.monitor.take(Sample(7, "telemetry", {HEAP: 38.0 * KB}, age_us=500_000), service.now_us())
    service.database.problem = ""
    with contextlib.suppress(StoreError):
        await service.keep_health()
    await take_no_writes(service.database, taken=True)
    await service.keep_health()
    samples.close()
    told = [(one.node, one.values[HEAP]) async for one in samples if HEAP in one.values]
    assert told == [(7, 40 * KB), (7, 39 * KB), (7, 38 * KB)]
    assert first_s == NOW_S


async def test_a_restart_is_told_of_once_and_is_in_the_history(service, clock):
    await see(service, 7)
    hear(service, 7, mem=40, uptime=5000)
    await live(service, clock, 60)
    hear(service, 7, mem=41, uptime=3)
    await live(service, clock, 2)
    page = await service.database.read(events.page, kind="node.restarted")
    assert [(event.node, event.severity) for event in page.items] == [(7, "warning")]
    view = await service.history(7, HEAP)
    assert "restart" in [note.kind for note in view.notes]
    assert any(
        change["kind"] == "event" and change["value"]["kind"] == "node.restarted"
        for delta in service.feed.after(0)
        for change in msgspec.json.decode(delta)["changes"]
    )


async def test_a_board_that_makes_up_restarts_does_not_fill_the_log(service, clock):
    await see(service, 7)
    for number in range(40):
        hear(service, 7, mem=40, uptime=1 + number % 2 * 100_000)
        await live(service, clock, 1)
    page = await service.database.read(events.page, kind="node.restarted")
    assert 1 <= page.total <= 5


async def test_after_a_restart_it_goes_on_with_what_it_knew(tmp_path, clock):
    async with opened_service(tmp_path, clock) as service:
        await see(service, 7, 8, depths=[1, 2])
        hear(service, 8, mem=40, uptime=100, fw="2.0")
        await live(service, clock, 70)
        hear(service, 8, mem=40, uptime=2)
        await live(service, clock, 2)
        await see(service, 7)
        await live(service, clock, 5)
    clock.s += 100
    async with opened_service(tmp_path, clock) as service:
        eight = service.node_status(8)
        assert eight.metrics[HEAP].value == 40 * KB
        assert 105 <= eight.metrics[HEAP].age_s <= 110
        assert not eight.online
        assert eight.silent_s >= 100
        facts = service.monitor.facts.nodes[8]
        assert len(facts.restarts_us) == 1
        assert facts.last_parent == 7


async def test_the_moment_of_its_boot_stays_whatever_a_report_was_late(service, clock):
    await see(service, 7, 8)
    booted_at = None
    for _ in range(6):
        hear(service, 7, mem=40, uptime=int(clock.s - NOW_S) + 1000)
        await live(service, clock, 10)
        clock.s += 0.7
        shown = service.node_status(7)
        booted_at = booted_at or shown.boot_at
        assert (shown.boot_at, shown.boots) == (booted_at, 0)
    assert booted_at == moment(NOW_S - 1000)
    assert service.node_status(8).boot_at is None


async def test_each_restart_moves_the_boot_and_is_counted(service, clock):
    await see(service, 7)
    hear(service, 7, mem=40, uptime=5000)
    for restarts in range(1, 25):
        await live(service, clock, 15)
        hear(service, 7, mem=40, uptime=3)
        clock.s += 0.75  # else it is looked at no more than twice a second
        shown = service.node_status(7)
        assert shown.boots == restarts
        assert shown.boot_at == moment(clock.s - 3.75)
    assert len(shown.restarts) == 20


async def test_the_moment_of_its_boot_follows_a_wall_clock_that_was_set(tmp_path, clock):
    wall = Clock()
    async with opened_service(tmp_path, clock, telemetry=False) as service:
        service.now_s = wall.now_s
        await see(service, 7)
        wall.s = clock.s + 0.4
        hear(service, 7, mem=40, uptime=100)
        assert service.node_status(7).boot_at == moment(NOW_S - 100)
        clock.s += 10
        wall.s = clock.s + 3600
        assert service.node_status(7).boot_at == moment(NOW_S + 3600 - 100)


async def test_a_mesh_that_was_just_joined_is_shown_at_once(service, clock):
    await live(service, clock, 2)
    assert service.mesh_status().nodes == []
    await see(service, 7, 8)
    assert [node.node for node in service.mesh_status().nodes] == [7, 8]


# -- history -----------------------------------------------------------------------------------


async def test_counters_are_rates_and_times_without_data_stay_empty(service, clock):
    await see(service, 7)
    for received in (100, 160, 220):
        hear(service, 7, mem=40, uptime=clock.s % 1000 + 100, rxPkts=received, msgRx=received)
        await live(service, clock, 60)
    assert service.metrics()[0].unit == "B"
    view = await service.history(7, "messages_received", resolution_s=0)
    assert view.unit == "/s"
    assert all(point.mean == pytest.approx(1, rel=0.2) for point in view.points)


@pytest.mark.parametrize(
    ("node", "metric", "more", "error"),
    [
        (9, HEAP, {}, UnknownItemError),
        (7, "heap", {}, UnknownItemError),
        (7, HEAP, {"start_s": 20.0, "end_s": 10.0}, InvalidError),
        (7, HEAP, {"points_max": 0}, InvalidError),
        (7, HEAP, {"points_max": 10**9}, InvalidError),
    ],
)
async def test_history_that_cannot_be_is_refused(service, node, metric, more, error):
    await see(service, 7)
    with pytest.raises(error):
        await service.history(node, metric, **more)


# -- questions ---------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def boards(service, clock, *answering):
    """Boards that answer, in a mesh whose time passes quickly; yields what is sent."""
    sent = []

    async def run():
        while True:
            for package in await live(service, clock, 1):
                sent.append(package)
                for node in answering:
                    if package["type"] == 710 and package.get("dest", node) == node:
                        answer = {"q": package["q"], "m": {HEAP: 30_000 + node}, "up": 50, "role": "sensor"}
                        hear(service, node, type=711, routing=1, **answer)
            await asyncio.sleep(0.005)

    running = asyncio.create_task(run())
    try:
        yield sent
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_question_tells_who_answered_who_is_silent_and_who_cannot_be_asked(service, clock):
    await see(service, 7, 8, 9)
    hear(service, 9, mem=40, uptime=100)
    service.monitor.voices.heard(8, 711, is_report=False)
    service.monitor.voices._voices[9] = Voice.NONE
    async with boards(service, clock, 7):
        view = await service.query(QueryRequest(deadline_s=3))
    assert {one.node: one.how for one in view.answers} == {7: "asked", 8: "silent", 9: "known"}
    known = view.answers[2].metrics[HEAP]
    assert (known.value, known.source, view.answers[2].answered) == (40 * KB, "604", False)
    assert known.age_s >= 1
    assert view.coverage.answered == 1
    assert view.coverage.silent == [8]
    assert view.coverage.text.endswith("1 silent: 8, 1 cannot be asked and is as last known")
    total = view.totals[HEAP]
    assert (total.count, total.low, total.lowest, total.highest) == (1, 30_007, 7, 7)
    assert not view.cached


async def test_who_asks_the_same_shares_the_answer(service, clock):
    await see(service, 7, 8)
    async with boards(service, clock, 7, 8) as sent:
        request = QueryRequest(deadline_s=5)
        first, second = await asyncio.gather(service.query(request), service.query(request))
        third = await service.query(QueryRequest(deadline_s=5, max_age_s=300))
        fresh = await service.query(QueryRequest(deadline_s=5, max_age_s=0))
    assert first.id == second.id == third.id != fresh.id
    assert [view.cached for view in (first, second, third, fresh)] == [False, False, True, False]
    assert len({package["q"] for package in sent}) == 2


async def test_of_named_nodes_those_that_are_away_are_silent_and_not_asked(service, clock):
    await see(service, 7, 8)
    await see(service, 7)
    async with boards(service, clock, 7) as sent:
        for _ in range(3):
            view = await service.query(QueryRequest(nodes=[8, 7], deadline_s=5, max_age_s=0))
            assert {one.node: one.how for one in view.answers} == {7: "asked", 8: "silent"}
            assert (view.coverage.nodes, view.coverage.silent) == (2, [8])
        alone = await service.query(QueryRequest(nodes=[8], deadline_s=1))
    assert not [package for package in sent if package.get("dest") == 8]
    assert (alone.coverage.nodes, alone.coverage.silent, alone.cached) == (1, [8], False)
    assert service.monitor.voices.of(8) is Voice.UNKNOWN


async def test_a_node_that_is_removed_while_it_is_asked_is_left_out_of_the_answer(service, clock):
    await see(service, 7, 8)
    asking = asyncio.create_task(service.query(QueryRequest(deadline_s=2)))
    await asyncio.sleep(0)
    await see(service, 7)
    await service.forget_node(8, OPERATOR)
    async with boards(service, clock, 7):
        view = await asking
    assert [one.node for one in view.answers] == [7]
    assert view.coverage.nodes == 1


async def test_in_a_mesh_without_others_a_question_is_answered_by_nobody(service):
    await see(service, 7)
    await see(service)
    service.mesh_connected = True
    view = await service.query(QueryRequest())
    assert (view.answers, view.coverage.nodes) == ([], 0)


async def test_an_answer_that_is_shared_has_the_time_of_its_question(service, clock):
    await see(service, 7)
    asked_s = clock.s
    async with boards(service, clock, 7):
        first = await service.query(QueryRequest(deadline_s=5))
    clock.s = asked_s + 100
    second = await service.query(QueryRequest(deadline_s=5, max_age_s=300))
    assert (second.id, second.cached) == (first.id, True)
    assert first.asked_at == second.asked_at == moment(asked_s)


async def test_who_joins_a_longer_question_waits_no_longer_than_it_said(service, clock):
    await see(service, 7)
    service.monitor.voices.heard(7, 711, is_report=False)
    long = asyncio.create_task(service.query(QueryRequest(deadline_s=10)))
    await asyncio.sleep(0)
    short = asyncio.create_task(service.query(QueryRequest(deadline_s=1)))
    await asyncio.sleep(0)
    clock.s += 1
    view = await short
    assert (view.took_s, view.coverage.silent) == (1.0, [7])
    assert not long.done()
    async with boards(service, clock, 7):
        assert (await long).id == view.id


async def test_of_a_role_only_those_who_have_it_are_told_of(service, clock):
    await see(service, 7, 8)
    service.book.views[8].role = "gate"
    async with boards(service, clock, 7):
        view = await service.query(QueryRequest(role="sensor", deadline_s=2))
        assert [one.node for one in view.answers] == [7]
    with pytest.raises(NotPossibleError, match="no node of role 'pump'"):
        service.book.views[7].role = "sensor"
        await service.query(QueryRequest(role="pump"))


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (QueryRequest(deadline_s=0.1), InvalidError, "deadline_s must be from 1 to 10"),
        (QueryRequest(max_age_s=1e9), InvalidError, "max_age_s"),
        (QueryRequest(nodes=[9]), UnknownItemError, "never seen"),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(service, request_, error, words):
    await see(service, 7)
    with pytest.raises(error, match=words):
        await service.query(request_)


async def test_without_a_mesh_nobody_is_asked(service):
    with pytest.raises(NotPossibleError, match="not in the mesh"):
        await service.query(QueryRequest())


async def test_too_many_questions_at_once_are_refused(service):
    await see(service, *range(100, 140))
    asking = [
        asyncio.create_task(service.query(QueryRequest(nodes=[node], deadline_s=1)))
        for node in range(100, 116)
    ]
    await asyncio.sleep(0)
    with pytest.raises(NotPossibleError, match="too many questions"):
        await service.query(QueryRequest(nodes=[139], deadline_s=1))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_samples_of_a_node_that_was_removed_go_with_it(service, clock):
    await see(service, 7, 8)
    hear(service, 8, mem=40, uptime=10)
    await live(service, clock, 2)
    await see(service, 7)
    await service.forget_node(8, OPERATOR)
    await live(service, clock, 5)
    assert 8 not in service.monitor.facts.nodes
    latest = await service.database.read(history.latest, 0.0)
    assert 8 not in latest
