"""Trying rules, looking at files, pings and last packages, over a real store and a mesh that is made up."""

import asyncio
import hashlib
import threading
from datetime import datetime

import msgspec
import pytest

from meshward.errors import FirmwareError, InvalidError, NotPossibleError, UnknownItemError
from meshward.gateway import alert_cases
from meshward.gateway.dashboard_views import FirmwareCheckView, RuleTrial
from meshward.gateway.health_views import RulePatch
from meshward.gateway.ping_book import BURST
from meshward.gateway.rule_trial import EPISODES_MAX, Episode, NodeTrial
from meshward.gateway.trial_shown import EPISODES_SHOWN, TrialTally
from meshward.gateway.views import NodePatch
from meshward.rollout.spec import Target
from meshward.rollout.states import Action
from meshward.store import history
from meshward.store.history import SampleRow
from tests.support.gateway import (
    APP,
    NOW_S,
    OPERATOR,
    Clock,
    add,
    chunks,
    hear,
    live,
    opened_service,
    see,
    spec,
    take_no_writes,
)
from tests.unit.test_gateway_cases import BAD

HEAP = "heap_free_bytes"
DAY_S = 86_400.0
MINUTE_S = 60.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with opened_service(tmp_path, clock, telemetry=False) as service:
        yield service


def files(service):
    return list(service.library.directory.iterdir())


# -- rules -------------------------------------------------------------------------------------


def low_heap(**more):
    return RuleTrial(**{"metric": HEAP, "direction": "below", "threshold": 50_000, **more})


async def remember(service, node, values, ago_s):
    """Values of a node, one a minute, from so long ago on."""
    rows = [
        SampleRow(node, NOW_S - ago_s + MINUTE_S * index, "604", {HEAP: value})
        for index, value in enumerate(values)
    ]
    rows += [SampleRow(row.node, row.at_s + 1, "mesh", {"online": 1}) for row in rows]
    await service.database.write(history.add, rows, NOW_S)


async def test_a_rule_is_tried_on_all_nodes_and_told_in_a_sentence(service):
    await see(service, 7, 8, 9)
    await service.patch_node(7, NodePatch(name="Kitchen"), OPERATOR)
    await remember(service, 7, [*[90_000] * 5, *[40_000] * 5, *[90_000] * 5, *[30_000] * 2], 3000)
    await remember(service, 8, [90_000] * 17, 3000)
    view = await service.try_rule(low_heap(for_s=60))
    assert (view.count, view.nodes, view.unit, view.resolution_s) == (2, 2, "B", MINUTE_S)
    newest, oldest = view.episodes
    assert (oldest.node, oldest.name) == (7, "Kitchen")
    assert oldest.worst == pytest.approx(40_000, abs=128)
    assert newest.until_at is None
    assert newest.worst == pytest.approx(30_000, abs=128)
    assert newest.from_at > oldest.until_at > oldest.from_at
    assert view.days == pytest.approx(3000 / DAY_S, abs=0.001)
    assert view.text == "2 times in 50 min, on 1 of 2 nodes"


async def test_it_fires_where_the_real_rule_did(service, clock):
    await see(service, 7)
    await service.patch_rule(
        "short",
        RulePatch(metric=HEAP, direction="below", threshold=50_000, for_s=60, keep_firing_s=60),
        OPERATOR,
    )
    began_s = clock.s
    for heap_kb in [80, 40, 40, 40, 80, 80, 80, 40, 80, 80]:
        hear(service, 7, mem=heap_kb, uptime=clock.s - began_s + 100)
        await live(service, clock, 60)
    page = await service.alerts(state=["firing", "resolved"], rule="short")
    assert [alert.fired_at is not None for alert in page.items] == [True]
    (episode,) = (await service.try_rule(low_heap(for_s=60, keep_firing_s=60))).episodes
    real = page.items[0]
    for one, other in ((episode.from_at, real.fired_at), (episode.until_at, real.resolved_at)):
        apart_s = abs(_seconds(one) - _seconds(other))
        assert apart_s <= MINUTE_S + 10


def _seconds(at):
    return datetime.fromisoformat(at).timestamp()


async def test_only_nodes_that_the_rule_is_about_are_looked_at(service):
    await see(service, 7, 8, 9)
    await service.patch_node(9, NodePatch(tags=["garden"]), OPERATOR)
    for node in (7, 8, 9):
        await remember(service, node, [40_000] * 3, 600)
    for trial, nodes in (
        (low_heap(), {7, 8, 9}),
        (low_heap(nodes=[7]), {7}),
        (low_heap(tags=["garden"]), {9}),
        (low_heap(nodes=[8], tags=["garden"]), {8, 9}),
    ):
        assert {one.node for one in (await service.try_rule(trial)).episodes} == nodes


async def test_a_rule_that_would_never_fire_and_one_that_nobody_tells_anything_about(service):
    await see(service, 7)
    assert (await service.try_rule(low_heap())).text == "no node told this in the last 7 days"
    await remember(service, 7, [90_000] * 10, 600)
    assert (await service.try_rule(low_heap(days=1))).text == "never in 10 min, on 1 node"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"metric": "heap"}, UnknownItemError, "no metric 'heap'"),
        ({"nodes": [99]}, UnknownItemError, "node 99"),
        ({"clear": 40_000}, InvalidError, "must be above the threshold"),
        ({"threshold": -1}, InvalidError, "never beyond -1"),
        ({"for_s": -1}, InvalidError, "for_s"),
        ({"tags": [""]}, InvalidError, "tags"),
    ],
)
async def test_a_rule_on_trial_is_checked_as_one_that_is_made(service, changes, error, text):
    await see(service, 7)
    with pytest.raises(error, match=text):
        await service.try_rule(low_heap(**changes))
    assert "trial" not in {rule.name for rule in service.rules()}


async def test_one_rule_at_a_time_is_tried_and_others_read_the_store_meanwhile(service):
    await see(service, *range(7, 27))
    for node in range(7, 27):
        await remember(service, node, [40_000] * 3, 600)
    first = asyncio.create_task(service.try_rule(low_heap()))
    await asyncio.sleep(0)
    with pytest.raises(NotPossibleError, match="another rule is being tried, which takes up to 20 s"):
        await service.try_rule(low_heap())
    await service.firmware()  # comes in between two nodes
    assert not first.done()
    assert (await first).count == 20
    cancelled = asyncio.create_task(service.try_rule(low_heap()))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert (await service.try_rule(low_heap())).count == 20
    assert service._trying is False


async def test_a_trial_that_takes_long_says_how_many_nodes_it_looked_at(service, clock, monkeypatch):
    await see(service, *range(7, 12))
    try_on = alert_cases.try_on

    async def slow(*trial):
        clock.s += 7
        return await try_on(*trial)

    monkeypatch.setattr(alert_cases, "try_on", slow)
    text = (await service.try_rule(low_heap())).text
    assert text == "none of the first 3 of 5 nodes told this in the last 7 days"
    for node, heap in zip(range(7, 12), (90_000, 40_000, 90_000, 40_000, 90_000), strict=True):
        await remember(service, node, [heap] * 10, 600)
    view = await service.try_rule(low_heap())
    assert (view.count, view.nodes) == (1, 3)
    assert view.text == "once in 10 min, on 1 of the first 3 of 5 nodes"
    assert (await service.try_rule(low_heap(threshold=10_000))).text.endswith("on the first 3 of 5 nodes")
    assert (await service.try_rule(low_heap(nodes=[7, 8]))).text.endswith("on 1 of 2 nodes")


async def test_others_read_the_store_while_a_rule_is_tried(service):
    await see(service, *range(7, 12))
    for node in range(7, 12):
        await remember(service, node, [40_000] * 3, 600)
    begun, go_on = threading.Event(), threading.Event()

    def slow(_):
        begun.set()
        assert go_on.wait(30)

    blocking = asyncio.create_task(service.database.read_long(slow))
    await asyncio.to_thread(begun.wait, 30)
    trying = asyncio.create_task(service.try_rule(low_heap()))
    await asyncio.sleep(0)
    assert await service.firmware() == []
    assert not trying.done()
    go_on.set()
    await blocking
    assert (await trying).count == 5


def test_a_node_on_which_it_fires_all_the_time_counts_as_at_least():
    tally = TrialTally(HEAP, NOW_S - 7 * DAY_S, NOW_S, 2)
    often = [Episode(NOW_S - DAY_S + index, NOW_S, 1.0) for index in range(EPISODES_MAX)]
    tally.add(7, NodeTrial(NOW_S - 7 * DAY_S, 60.0, often))
    tally.add(8, NodeTrial(NOW_S - 7 * DAY_S, 60.0, []))
    assert tally.view({}).text == f"at least {EPISODES_MAX} times in 7 days, on 1 of 2 nodes"


def test_the_newest_episodes_are_shown_and_all_are_counted():
    tally = TrialTally(HEAP, NOW_S - 7 * DAY_S, NOW_S, 5)
    for node in range(1, 6):
        begins = [NOW_S - DAY_S + 100 * index + node for index in range(300)]
        found = [Episode(begin_s, begin_s + 50, 1.0) for begin_s in begins]
        tally.add(node, NodeTrial(NOW_S - 7 * DAY_S, 60.0, found))
    view = tally.view({1: "Hall"})
    assert (view.count, len(view.episodes)) == (1500, EPISODES_SHOWN)
    begins = [one.from_at for one in view.episodes]
    assert begins == sorted(begins, reverse=True)
    assert {one.node for one in view.episodes} == {1, 2, 3, 4, 5}
    assert view.text == "1500 times in 7 days, on 5 of 5 nodes"
    assert view.days == 7


# -- files -------------------------------------------------------------------------------------


async def check(service, content, name="lamp.bin"):
    return await service.check_firmware(chunks(content), name=name)


async def test_a_file_is_shown_as_the_library_would_have_it_and_nothing_is_kept(service):
    view = await check(service, APP, "la\x1bmp.bin")
    assert view.taken
    assert (view.refusal, view.known, files(service), await service.firmware()) == ("", False, [], [])
    assert view.name == "la\N{REPLACEMENT CHARACTER}mp.bin"
    added, _ = await add(service, APP)
    shown = msgspec.structs.asdict(added)
    same = set(FirmwareCheckView.__struct_fields__) - {"name", "known", "taken", "refusal"}
    assert {name: getattr(view, name) for name in same} == {name: shown[name] for name in same}
    assert (await check(service, APP)).known
    assert len(files(service)) == 1


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "empty"])
async def test_what_would_not_be_taken_says_why(service, kind):
    view = await check(service, BAD[kind])
    assert not view.taken
    assert ": " in view.refusal
    assert view.sha256 == hashlib.sha256(BAD[kind]).hexdigest()
    assert view.size_bytes == len(BAD[kind])
    assert files(service) == []
    with pytest.raises(FirmwareError):
        await add(service, BAD[kind])


async def test_an_empty_file_and_one_that_is_too_large_are_refused(service):
    service.library._limit_bytes = 100_000
    for content, text in ((b"", "empty"), (b"\xe9" + bytes(100_000), "larger than")):
        with pytest.raises(FirmwareError, match=text):
            await check(service, content)
    assert files(service) == []


async def test_a_look_that_breaks_off_leaves_nothing(service):
    async def broken():
        yield APP[:10_000]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await service.check_firmware(broken(), name="x")
    begun = asyncio.Event()

    async def stalled():
        yield APP[:10_000]
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(service.check_firmware(stalled(), name="x"))
    await begun.wait()
    assert len(files(service)) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert files(service) == []


async def test_files_can_be_looked_at_while_the_store_takes_no_writes(service):
    await take_no_writes(service.database)
    assert (await check(service, APP)).taken


# -- nodes -------------------------------------------------------------------------------------


async def test_a_ping_is_answered_or_not(service, clock):
    await see(service, 7)
    answers = {7: 12_345}

    async def prober(node):
        clock.s += 0.5
        return answers.get(node)

    service.prober = prober
    view = await service.ping(7, OPERATOR)
    assert (view.node, view.answered, view.delay_ms, view.waited_s) == (7, True, 12.35, 0.5)
    answers.clear()
    view = await service.ping(7, OPERATOR)
    assert (view.answered, view.delay_ms) == (False, None)


async def test_who_cannot_be_asked_is_told(service):
    with pytest.raises(UnknownItemError):
        await service.ping(7, OPERATOR)
    await see(service, 7)
    with pytest.raises(NotPossibleError, match="no gateway runs"):
        await service.ping(7, OPERATOR)
    await see(service)
    with pytest.raises(NotPossibleError, match="not in the mesh"):
        await service.ping(7, OPERATOR)


async def test_who_asks_meanwhile_gets_the_same_answer_and_who_leaves_takes_none_away(service):
    await see(service, 7)
    asked = []
    answer = asyncio.get_running_loop().create_future()

    async def prober(node):
        asked.append(node)
        return await answer

    service.prober = prober
    asking = [asyncio.create_task(service.ping(7, OPERATOR)) for _ in range(30)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.wait([asking[0]])
    answer.set_result(1000)
    views = await asyncio.gather(*asking[1:])
    assert {view.delay_ms for view in views} == {1.0}
    assert asked == [7]
    await service.ping(7, OPERATOR)
    assert asked == [7, 7]


async def test_the_mesh_is_asked_so_often_at_once_and_once_a_second_in_the_long_run(service, clock):
    nodes = range(7, 7 + BURST + 2)
    await see(service, *nodes)

    async def prober(_node):
        return 1000

    service.prober = prober
    for node in nodes[:BURST]:
        assert (await service.ping(node, OPERATOR)).answered
    with pytest.raises(NotPossibleError, match="try again in 1 s"):
        await service.ping(nodes[BURST], OPERATOR)
    clock.s += 1
    assert (await service.ping(nodes[BURST], OPERATOR)).answered
    with pytest.raises(NotPossibleError, match="try again in 1 s"):
        await service.ping(nodes[BURST], OPERATOR)
    clock.s += 3600
    for _ in range(BURST):
        await service.ping(7, OPERATOR)
    with pytest.raises(NotPossibleError):
        await service.ping(7, OPERATOR)


async def test_a_node_that_is_being_updated_is_not_asked(service, clock):
    await see(service, 7, 8)

    async def prober(_node):
        return 1000

    service.prober = prober
    firmware, _ = await add(service)
    target = Target(roles=("sensor",), nodes=(7,))
    made = await service.create_rollout(spec(firmware.sha256, target=target), OPERATOR)
    async with asyncio.timeout(10):
        while not service.engine.is_updating:
            await asyncio.sleep(0)
            clock.s += 1
            service.engine.commands(1000, service.now_us())
    with pytest.raises(NotPossibleError, match="being updated"):
        await service.ping(7, OPERATOR)
    assert (await service.ping(8, OPERATOR)).answered
    await service.act(made.id, Action.PAUSE, OPERATOR)
    assert (await service.ping(7, OPERATOR)).answered


async def test_packages_are_those_of_a_known_node_and_go_with_it(service):
    with pytest.raises(UnknownItemError):
        service.packages(7)
    await see(service, 7)
    assert service.packages(7) == []
    service.last_packages.add(7, {"type": 604, "from": 7}, NOW_S)
    assert [one.type for one in service.packages(7)] == [604]
    await see(service)
    await service.forget_node(7, OPERATOR)
    await see(service, 7)
    assert service.packages(7) == []
