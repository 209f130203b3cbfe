"""What the use cases share: nothing is sent of what is not stored, and readers are told what changed."""

import asyncio
import contextlib

import msgspec
import pytest

from meshward.errors import StoreError, StoreFullError
from meshward.gateway.conductor import Conductor
from meshward.rollout.changes import NodeProven, Noted
from meshward.rollout.spec import Target
from meshward.rollout.states import Action, RolloutState
from meshward.store import audit, events, rollouts
from tests.support.gateway import (
    OPERATOR,
    Clock,
    add,
    mesh,
    opened_service,
    see,
    spec,
    take_no_writes,
)


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path) as service:
        yield service


def deltas(service, after):
    """What readers were told after a number."""
    return [
        (change["kind"], change["id"])
        for delta in service.feed.after(after)
        for change in msgspec.json.decode(delta)["changes"]
    ]


async def stored_texts(service):
    return [event.text for event in (await service.database.read(events.page)).items][::-1]


# -- keeping -----------------------------------------------------------------------------------


async def test_while_nothing_can_be_stored_the_engine_stands_still_and_no_change_is_lost(service):
    await see(service, 7)
    await take_no_writes(service.database)
    service.engine.tell(Noted("test", "first"))
    with pytest.raises(StoreError):
        await service.keep()
    assert service.engine.frozen
    assert service.engine.commands(10_000, service.now_us()) == []
    assert "updates stand still" in service.health().alarms[0]
    assert not service.health().ok
    service.engine.tell(Noted("test", "second"))
    with pytest.raises(StoreError):
        await service.keep()

    await take_no_writes(service.database, taken=True)
    await service.keep()
    assert not service.engine.frozen
    assert service.health().ok
    assert await stored_texts(service) == ["first", "second"]
    await service.keep()
    assert await stored_texts(service) == ["first", "second"]


async def test_it_goes_on_by_itself_where_there_is_nothing_to_store(service):
    await take_no_writes(service.database)
    service.engine.tell(Noted("test", "first"))
    with pytest.raises(StoreError):
        await service.keep()
    service.engine.take_changes()
    await service.keep()
    assert service.engine.frozen
    await take_no_writes(service.database, taken=True)
    await service.keep()
    assert not service.engine.frozen
    assert service.database.writable


async def test_after_a_write_of_somebody_else_failed_it_is_tried_again(service):
    """Else nothing could be begun for ever, with a disk that has long been free again."""
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.database.write(audit.append, 1.0, "me", "x", "y", {})
    with pytest.raises(StoreFullError, match="nothing can be stored"):
        service.must_be_writable()
    await service.keep()
    assert service.engine.frozen
    await take_no_writes(service.database, taken=True)
    await service.keep()
    service.must_be_writable()
    assert not service.alarms


async def test_a_bug_in_storing_loses_nothing_either(service):
    service.engine.tell(Noted("test", "fine"))
    service.engine.tell(Noted("test", None))
    with pytest.raises(TypeError):
        await service.keep()
    assert [change.text for change in service.engine.take_changes()] == ["fine", None]


async def test_it_starts_with_a_disk_that_takes_nothing(tmp_path, monkeypatch):
    async def refuse(self, *_args, **_values):
        self.problem = "full"
        raise StoreFullError("full")

    async with opened_service(tmp_path / "data") as service:
        firmware, _ = await add(service)
        await service.create_rollout(spec(firmware.sha256), OPERATOR)
    with monkeypatch.context() as patched:
        patched.setattr("meshward.store.database.Database.write", refuse)
        async with opened_service(tmp_path / "data") as again:
            again.engine.tell(Noted("test", "started"))
            with pytest.raises(StoreFullError):
                await again.keep()
            assert list(again.engine.rollouts) == ["r1"]
            assert again.engine.frozen


async def test_two_that_keep_at_once_store_everything_once(service):
    for number in range(20):
        service.engine.tell(Noted("test", f"event {number}"))
    await asyncio.gather(*(service.keep() for _ in range(5)))
    assert await stored_texts(service) == [f"event {number}" for number in range(20)]


async def test_what_was_proven_is_shown_and_known_also_where_the_node_was_forgotten_meanwhile(service):
    await see(service, 7, 8)
    service.engine.tell(NodeProven(7, "ESP32", "sensor", "ab" * 32, "proved after its restart"))
    await service.keep()
    assert service.book.views[7].hardware == "ESP32"
    assert service.engine.known[7].image == "ab" * 32
    await service._follow([NodeProven(99, "ESP32", "sensor", None, "answered")])
    assert 99 not in service.book.views


# -- people ------------------------------------------------------------------------------------


async def test_a_rollout_that_could_not_be_stored_is_none(service):
    firmware, _ = await add(service)
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.create_rollout(spec(firmware.sha256), OPERATOR)
    assert service.engine.rollouts == {}
    await take_no_writes(service.database, taken=True)
    await service.keep()
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    assert [entry.id for entry in (await service.rollouts()).items] == [made.id]
    assert [entry.action for entry in (await service.audit()).items] == ["rollout.create", "firmware.add"]


async def test_an_action_that_cannot_be_stored_is_done_once_it_can(service):
    firmware, _ = await add(service)
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.act(made.id, Action.PAUSE, OPERATOR, "later")
    assert (await service.database.read(rollouts.get, made.id)).state is RolloutState.SCHEDULED
    with pytest.raises(StoreFullError):
        await service.act(made.id, Action.PAUSE, OPERATOR, "once more")
    await take_no_writes(service.database, taken=True)
    await service.keep()
    assert (await service.database.read(rollouts.get, made.id)).state is RolloutState.PAUSED
    done = [entry for entry in (await service.audit()).items if entry.action == "rollout.pause"]
    assert [entry.actor for entry in done] == ["olga"]
    assert (await service.verify_audit()).ok


async def test_of_two_that_act_at_once_one_is_told_that_it_is_too_late(service):
    firmware, _ = await add(service)
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    answers = await asyncio.gather(
        *(service.act(made.id, Action.ABORT, OPERATOR) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == [
        "NotPossibleError",
        "NotPossibleError",
        "RolloutView",
    ]
    stored = await service.database.read(rollouts.get, made.id)
    assert stored.state is RolloutState.ABORTED


async def test_a_rollout_that_has_just_ended_is_not_brought_back_by_an_old_document(service):
    """It has left the engine, and is stored as it was before until the disk has it."""
    firmware, _ = await add(service)
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    doc = service.engine.rollouts[made.id].doc
    service.engine.act(doc, Action.ABORT, "olga", "", service.now_us())
    assert made.id not in service.engine.rollouts
    assert (await service.database.read(rollouts.get, made.id)).state is RolloutState.SCHEDULED
    with pytest.raises(Exception, match="aborted"):
        await service.act(made.id, Action.PAUSE, OPERATOR)
    assert made.id not in service.engine.rollouts


# -- what readers are told ---------------------------------------------------------------------


async def test_readers_are_told_only_of_what_changed(service):
    await see(service, 7, 8, 9)
    service.tell_readers()
    number = service.feed.number
    service.tell_readers()
    await see(service, 7, 8, 9)
    service.tell_readers()
    assert service.feed.number == number

    await see(service, 7, 8)
    service.tell_readers()
    assert deltas(service, number) == [("node", 9)]
    number = service.feed.number
    service.book.reported(7, 30_000, None)
    service.tell_readers()
    service.book.reported(7, 30_000, None)
    service.tell_readers()
    assert deltas(service, number) == [("node", 7)]
    number = service.feed.number
    await service.forget_node(9, OPERATOR)
    assert msgspec.json.decode(service.feed.after(number)[0])["changes"] == [
        {"kind": "node", "id": 9, "value": None}
    ]


async def test_rollouts_and_their_events_are_told(service):
    firmware, _ = await add(service)
    service.tell_readers()
    number = service.feed.number
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    service.tell_readers()
    assert deltas(service, number) == [("rollout", made.id)]
    number = service.feed.number
    await service.act(made.id, Action.ABORT, OPERATOR)
    service.tell_readers()
    told = deltas(service, number)
    assert ("rollout", made.id) in told
    assert ("event", 1) in told
    _, snapshot = service.feed.snapshot()
    assert [rollout["state"] for rollout in msgspec.json.decode(snapshot)["rollouts"]] == ["aborted"]


async def test_what_is_remembered_of_old_rollouts_does_not_grow(service):
    firmware, _ = await add(service)
    for _ in range(30):
        made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
        await service.act(made.id, Action.ABORT, OPERATOR)
        service.tell_readers()
    assert len(service._shown) == 21  # the latest 20, and the gateway itself


async def test_what_was_stored_is_there_after_a_restart(tmp_path):
    async with opened_service(tmp_path) as service:
        await see(service, 7)
        firmware, _ = await add(service)
        made = await service.create_rollout(spec(firmware.sha256, target=Target(roles=("a",))), OPERATOR)
        await service.act(made.id, Action.PAUSE, OPERATOR)
        epoch = service.feed.epoch
    async with opened_service(tmp_path) as again:
        assert [(view.id, view.online) for view in again.nodes()] == [(7, False)]
        assert (await again.rollout(made.id)).state == "paused"
        assert list(again.engine.rollouts) == [made.id]
        assert again.feed.epoch != epoch


# -- the conductor -----------------------------------------------------------------------------


class NoMesh:
    """A mesh that is not looked at."""


async def test_places_that_could_not_be_stored_are_stored_later(tmp_path):
    async with opened_service(tmp_path, Clock()) as service:
        conductor = Conductor(service, NoMesh())
        trees = iter([mesh(7, 8), mesh(7)])
        conductor._driver.tree = lambda: next(trees)
        await take_no_writes(service.database)
        conductor._follow_tree()
        await conductor._store_places()
        conductor._follow_tree()
        await conductor._store_places()
        assert (await service.node(7)).parents == []
        await take_no_writes(service.database, taken=True)
        await service.keep()
        await conductor._store_places()
        assert [change.parent for change in (await service.node(7)).parents] == [1]
        assert not service.book.views[8].online
        assert conductor._unstored == {}


class Rounds:
    """Some rounds of a conductor, without a mesh."""

    def __init__(self, clock, each, count=4):
        self._clock = clock
        self._each = each
        self._left = count
        self.room_bytes = 0

    @property
    def now_us(self):
        return self._clock.now_us()

    def attached(self):
        return contextlib.nullcontext(self)

    def tree(self):
        return mesh(7)

    def feed(self):
        pass

    def carry_out(self, commands):
        pass

    async def sleep(self, due_us):
        self._each()
        self._clock.s += 1
        self._left -= 1
        if not self._left:
            raise EndOfRoundsError


class EndOfRoundsError(Exception):
    pass


async def test_a_slow_disk_does_not_set_the_clock_by_which_boots_are_dated(tmp_path):
    clock = Clock()
    async with opened_service(tmp_path, clock) as service:
        conductor = Conductor(service, NoMesh())
        zeros_s = [service.monitor.zero_s]
        conductor._driver = Rounds(clock, lambda: zeros_s.append(service.monitor.zero_s))

        async def slowly():
            clock.s += 10

        service.keep = slowly
        with pytest.raises(EndOfRoundsError):
            await conductor.run()
        assert service.monitor.facts.now_us > 0
        assert zeros_s == pytest.approx([0.0] * 5, abs=0.01)


async def test_a_full_disk_does_not_end_the_conductor(tmp_path):
    async with opened_service(tmp_path, Clock()) as service:
        conductor = Conductor(service, NoMesh())
        await take_no_writes(service.database)
        await conductor._tell()
        assert not service.database.writable
