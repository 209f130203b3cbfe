"""Events reach a broker in order and once, over breaks and restarts, and what is too old is left out."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from meshward.bridges.base import Record
from meshward.bridges.mqtt import events_part
from meshward.bridges.mqtt.event_cursor import EventCursor
from meshward.bridges.mqtt.events_part import EventsPart
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import LinkLostError
from tests.support.bridge_service import BridgeService

TOPICS = Topics("mesh")


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    for name in ("TOGETHER_S", "SAVE_S", "RETRY_S"):
        monkeypatch.setattr(events_part, name, 0.001)


@pytest.fixture
def service():
    return BridgeService()


@pytest.fixture
def record():
    return Record("mqtt://x", "mqtt")


class Broker:
    """Takes events while it is up; `holds` keeps it from saying so."""

    def __init__(self):
        self.offered = 0
        self.taken = []
        self.publications = []
        self.lose_after = None
        self.holds = None
        self.refusals = []
        """Reason codes for the next that are offered."""

    @property
    def ids(self):
        return [event["id"] for event in self.taken]

    async def publish(self, publication):
        if self.lose_after is not None and len(self.taken) >= self.lose_after:
            raise LinkLostError("gone")
        self.offered += 1
        if self.holds is not None:
            await self.holds.wait()
        if self.refusals:
            return self.refusals.pop(0)
        self.publications.append(publication)
        self.taken.append(json.loads(publication.payload))
        return None


class Bridge:
    """A part at work, and connections to the broker."""

    def __init__(self, part):
        self.part = part

    @asynccontextmanager
    async def connected(self, broker):
        task = asyncio.create_task(self.part.run(broker))
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, LinkLostError):
                await task


@asynccontextmanager
async def working(service, record, path, kept=1000, qos=1):
    part = EventsPart(service, make_profile("meshward"), TOPICS, record, path, kept=kept, qos=qos)
    task = asyncio.create_task(part.work())
    await until(lambda: part._looked)
    try:
        yield Bridge(part)
    finally:
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 of conditions that tell nobody
            await asyncio.sleep(0.001)


async def test_the_first_start_begins_with_now_and_not_with_all_that_ever_was(service, record, tmp_path):
    service.happen(5)
    broker = Broker()
    async with working(service, record, tmp_path / "b.json") as bridge, bridge.connected(broker):
        service.happen(2, kind="node.left", node=7)
        await until(lambda: len(broker.taken) == 2)
    assert broker.ids == [6, 7]
    assert (broker.publications[0].topic, broker.publications[0].retain, broker.publications[0].qos) == (
        "mesh/event",
        False,
        1,
    )
    assert broker.taken[0] == {
        "id": 6,
        "at": "2026-11-25T12:00:00Z",
        "kind": "node.left",
        "severity": "info",
        "text": "event 6",
        "node": 7,
    }


async def test_what_happens_while_the_broker_is_away_is_sent_in_order_afterwards(service, record, tmp_path):
    broker = Broker()
    async with working(service, record, tmp_path / "b.json") as bridge:
        service.happen(250)
        await until(lambda: bridge.part.waiting == 250)
        assert record.view().waiting == 250
        async with bridge.connected(broker):
            await until(lambda: len(broker.taken) == 250)
        service.happen(3)
        async with bridge.connected(broker):
            await until(lambda: len(broker.taken) == 253)
    assert broker.ids == list(range(1, 254))
    assert (record.dropped, record.view().waiting) == (0, 0)


async def test_a_link_that_breaks_in_the_middle_loses_nothing(service, record, tmp_path):
    broker = Broker()
    broker.lose_after = 3
    async with working(service, record, tmp_path / "b.json") as bridge:
        service.happen(6)
        async with bridge.connected(broker) as task:
            with pytest.raises(LinkLostError):
                await task
        broker.lose_after = None
        async with bridge.connected(broker):
            await until(lambda: len(broker.taken) == 6)
    assert broker.ids == [1, 2, 3, 4, 5, 6]


async def test_an_event_counts_as_taken_only_when_the_broker_says_so(service, record, tmp_path):
    path, broker = tmp_path / "b.json", Broker()
    async with working(service, record, path) as bridge:
        broker.holds = asyncio.Event()
        service.happen(1)
        await until(lambda: bridge.part.waiting == 1)
        async with bridge.connected(broker):
            await until(lambda: broker.offered)
        assert bridge.part.waiting == 1
    assert json.loads(path.read_bytes()) == {"after": 0}


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97])
async def test_an_event_that_the_broker_has_no_room_for_is_offered_until_it_has(
    service, record, tmp_path, code
):
    path, broker = tmp_path / "b.json", Broker()
    broker.refusals = [code] * 5
    async with working(service, record, path) as bridge:
        service.happen(2)
        async with bridge.connected(broker):
            await until(lambda: len(broker.taken) == 2)
    assert (broker.offered, broker.ids, record.dropped) == (7, [1, 2], 0)
    assert json.loads(path.read_bytes()) == {"after": 2}


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95])
async def test_an_event_that_the_broker_forbids_is_not_offered_again(service, record, tmp_path, code):
    broker = Broker()
    broker.refusals = [code]
    async with working(service, record, tmp_path / "b.json") as bridge:
        service.happen(2)
        async with bridge.connected(broker):
            await until(lambda: broker.taken)
    assert (broker.offered, broker.ids) == (2, [2])


async def test_an_event_that_the_broker_never_takes_holds_up_the_others_for_a_while_only(
    service, record, tmp_path, monkeypatch
):
    monkeypatch.setattr(events_part, "TRIES", 4)
    broker = Broker()
    broker.refusals = [0x80] * 4
    async with working(service, record, tmp_path / "b.json") as bridge:
        service.happen(2)
        async with bridge.connected(broker):
            await until(lambda: broker.taken)
    assert (broker.offered, broker.ids, record.dropped) == (5, [2], 1)


async def test_a_restart_goes_on_where_it_was(service, record, tmp_path):
    path, broker = tmp_path / "sub" / "b.json", Broker()
    async with working(service, record, path) as bridge, bridge.connected(broker):
        service.happen(3)
        await until(lambda: len(broker.taken) == 3)
    service.happen(4)
    async with working(service, record, path) as bridge, bridge.connected(broker):
        await until(lambda: len(broker.taken) == 7)
    assert broker.ids == [1, 2, 3, 4, 5, 6, 7]
    assert [one.name for one in path.parent.iterdir()] == ["b.json"]


async def test_of_too_many_the_oldest_are_left_out_and_counted(service, record, tmp_path):
    broker = Broker()
    async with working(service, record, tmp_path / "b.json", kept=10) as bridge:
        service.happen(25)
        await until(lambda: bridge.part.waiting == 10)
        assert record.dropped == 15
        service.happen(5)
        await until(lambda: record.dropped == 20)
        async with bridge.connected(broker):
            await until(lambda: bridge.part.waiting == 0)
    assert broker.ids == list(range(21, 31))


async def test_none_is_left_out_while_the_broker_is_there(service, record, tmp_path):
    broker = Broker()
    async with working(service, record, tmp_path / "b.json", kept=0) as bridge, bridge.connected(broker):
        await asyncio.sleep(0)
        service.happen(300)
        await until(lambda: len(broker.taken) == 300)
    assert record.dropped == 0


async def test_a_store_from_a_backup_goes_on_at_its_newest(service, record, tmp_path):
    path, broker = tmp_path / "b.json", Broker()
    path.write_text('{"after": 500}')
    service.happen(20)
    async with working(service, record, path) as bridge, bridge.connected(broker):
        service.happen(1)
        await until(lambda: broker.taken)
    assert broker.ids == [21]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"after": -1}', b'{"after": "x"}', b"\xff\xfe", b"1" * 10_000, b'{"after": 1e400}'],
)
async def test_after_a_damaged_file_the_newest_are_sent_maybe_again(service, record, tmp_path, content):
    path, broker = tmp_path / "b.json", Broker()
    path.write_bytes(content)
    service.happen(5)
    async with working(service, record, path, kept=3) as bridge, bridge.connected(broker):
        await until(lambda: broker.taken)
        service.happen(1)
        await until(lambda: len(broker.taken) == 4)
    assert broker.ids == [3, 4, 5, 6]
    assert json.loads(path.read_bytes()) == {"after": 6}


async def test_a_store_that_gives_nothing_for_a_while_is_asked_again(service, record, tmp_path):
    broker = Broker()
    async with working(service, record, tmp_path / "b.json") as bridge, bridge.connected(broker):
        service.store_broken = True
        service.happen(3)
        asked = service.asked["events"]
        await until(lambda: service.asked["events"] > asked + 3)
        assert broker.taken == []
        service.store_broken = False
        await until(lambda: len(broker.taken) == 3)


async def test_numbers_that_the_store_has_no_more_are_passed_over(service, record, tmp_path):
    path, broker = tmp_path / "b.json", Broker()
    path.write_text('{"after": 2}')
    service.happen(10)
    del service.event_log[:6]
    async with working(service, record, path) as bridge, bridge.connected(broker):
        await until(lambda: bridge.part.waiting == 0)
    assert broker.ids == [7, 8, 9, 10]
    assert record.dropped == 4


async def test_where_the_store_has_nothing_more_what_comes_meanwhile_is_not_passed_over(
    service, record, tmp_path
):
    broker, asked = Broker(), asyncio.Event()
    read, gate = service.events, asyncio.Event()

    async def slowly(*, limit=100, after=None):
        page = await read(limit=limit, after=after)
        if after is not None and not page.items:
            asked.set()
            await gate.wait()
        return page

    service.happen(3)
    async with working(service, record, tmp_path / "b.json") as bridge:
        service.happen(2)
        await until(lambda: bridge.part.waiting == 2)
        log, service.event_log = service.event_log, []
        service.events = slowly
        async with bridge.connected(broker):
            await asked.wait()
            service.event_log = log
            service.happen(2)
            await until(lambda: bridge.part.waiting == 4)
            del service.event_log[:5]
            gate.set()
            await until(lambda: len(broker.taken) == 2)
    assert broker.ids == [6, 7]
    assert record.dropped == 2


async def test_other_changes_than_events_do_not_trouble_the_store(service, record, tmp_path):
    async with working(service, record, tmp_path / "b.json"):
        asked = service.asked["events"]
        for _ in range(20):
            service.feed.publish([{"kind": "node", "id": 7, "value": None}])
            await asyncio.sleep(0.001)
        assert service.asked["events"] == asked


def test_what_is_kept_is_on_the_disk_before_it_takes_the_place_of_the_last(tmp_path, monkeypatch):
    path, steps = tmp_path / "b.json", []
    monkeypatch.setattr("os.fsync", lambda number: steps.append(path.exists()))
    cursor = EventCursor(path)
    cursor.after = 5
    cursor.save()
    assert steps == [False]
    assert path.exists()


def test_a_disk_that_takes_nothing_is_survived_and_tried_again(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cursor = EventCursor(blocked / "b.json")
    cursor.load()
    cursor.after = 5
    cursor.save()
    blocked.unlink()
    cursor.save()
    fresh = EventCursor(blocked / "b.json")
    fresh.load()
    assert fresh.after == 5
