"""Use cases of alerts, and how people are told of them, over a real store and a mesh that is made up."""

import asyncio
import contextlib

import msgspec
import pytest

from meshward.config import Receiver
from meshward.errors import (
    ConflictError,
    DeliveryError,
    InvalidError,
    NotPossibleError,
    StoreError,
    UnknownItemError,
)
from meshward.gateway import health_keeper
from meshward.gateway.health_keeper import HealthKeeper
from meshward.gateway.health_views import NewSilence, RulePatch
from meshward.gateway.health_views import TestResult as ResultOfTest
from meshward.status.alerts.notify import NotifySettings
from meshward.store import alerts, audit
from meshward.store.history import Keep
from tests.support.gateway import OPERATOR, Clock, hear, live, opened_service, see, take_no_writes

HEAP = "heap_free_bytes"
SHORT = RulePatch(metric=HEAP, direction="below", threshold=50_000, for_s=0)
HOOK = Receiver("hook", "webhook", "warning", "http://127.0.0.1:1/")
OTHER = Receiver("other", "webhook", "critical", "http://127.0.0.1:2/")


@pytest.fixture
def clock():
    return Clock()


def opened(path, clock, *receivers):
    notify = NotifySettings(0, 1, receivers={receiver.name: receiver.lowest for receiver in receivers})
    return opened_service(path, clock, telemetry=False, notify=notify)


@pytest.fixture
async def service(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        yield service


async def short_of_heap(service, clock, *nodes):
    """Alerts of these nodes, by a rule of one's own."""
    nodes = nodes or (7,)
    await see(service, *nodes)
    await service.patch_rule("short", SHORT, OPERATOR)
    for node in nodes:
        hear(service, node, mem=40, uptime=100)
    await live(service, clock, 6)
    return (await service.alerts(state=["firing"], rule="short")).items


async def audited(service):
    page = await service.database.read(audit.page)
    return [(entry.actor, entry.action, entry.detail) for entry in page.items][::-1]


# -- what people do ----------------------------------------------------------------------------


async def test_an_alert_is_listed_told_of_and_in_the_event_log(service, clock):
    (alert,) = await short_of_heap(service, clock)
    assert (alert.node, alert.state, alert.value, alert.threshold) == (7, "firing", 40 * 1024, 50_000)
    assert await service.alert(alert.id) == alert
    assert (await service.alerts()).total == 1
    assert (await service.alerts(state=["resolved"])).total == 0
    assert (await service.alerts(node=8)).total == 0
    fired = [event for event in (await service.events(limit=10)).items if event.kind == "alert.firing"]
    assert [(event.node, event.text) for event in fired] == [(7, alert.text)]
    service.tell_readers()
    assert alerts_told(service)[-1]["id"] == alert.id


def alerts_told(service, after=0):
    """What readers were told of alerts."""
    return [
        change["value"]
        for delta in service.feed.after(after)
        for change in msgspec.json.decode(delta)["changes"]
        if change["kind"] == "alert"
    ]


async def test_on_a_full_disk_readers_are_told_of_alerts_that_begin_and_end_and_once(service, clock):
    await see(service, 7)
    await service.patch_rule("short", SHORT, OPERATOR)
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.patch_rule("hot", RulePatch(threshold=60.0), OPERATOR)
    hear(service, 7, mem=40, uptime=100)
    await live(service, clock, 6)
    (alert,) = (await service.alerts(state=["firing"])).items
    service.tell_readers()
    service.tell_readers()
    assert [(one["id"], one["state"]) for one in alerts_told(service)] == [(alert.id, "firing")]
    before = service.feed.number
    while (await service.alerts()).items:
        hear(service, 7, mem=90, uptime=200)
        await live(service, clock, 10)
        service.tell_readers()
    assert alerts_told(service, before)[-1]["state"] == "resolved"
    before = service.feed.number
    await freed(service)
    service.tell_readers()
    assert alerts_told(service, before) == []
    assert (await service.alert(alert.id)).state == "resolved"


async def test_of_an_alert_that_did_not_change_nothing_is_told(service, clock):
    await short_of_heap(service, clock)
    service.tell_readers()
    before = service.feed.number
    for doc in service.monitor.alerts.open_alerts():
        service.monitor.alerts._save(doc)
    service.tell_readers()
    assert alerts_told(service, before) == []


async def test_who_takes_an_alert_on_is_stored_and_can_give_it_back(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        (alert,) = await short_of_heap(service, clock)
        acked = await service.ack_alert(alert.id, "on\nmy way", OPERATOR)
        assert (acked.acked_by, acked.ack_note, acked.quiet) == ("olga", "on my way", "acknowledged")
        assert ("olga", "alert.ack", {"note": "on\nmy way"}) in await audited(service)
    async with opened(tmp_path, clock) as service:
        assert (await service.alert(alert.id)).acked_by == "olga"
        given_back = await service.unack_alert(alert.id, OPERATOR)
        assert (given_back.acked_by, given_back.quiet) == ("", "")
    async with opened(tmp_path, clock) as service:
        (again,) = (await service.alerts()).items
        assert (again.id, again.fingerprint, again.acked_by) == (alert.id, alert.fingerprint, "")


async def test_what_is_no_alert_cannot_be_taken_on(service):
    for act in (service.ack_alert("none", "", OPERATOR), service.unack_alert("none", OPERATOR)):
        with pytest.raises(UnknownItemError):
            await act
    with pytest.raises(UnknownItemError):
        await service.alert("none")


async def test_silences_and_windows_are_stored_and_end(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        (alert,) = await short_of_heap(service, clock)
        silence = await service.create_silence(NewSilence(rules=["short"], duration_s=600), OPERATOR)
        await live(service, clock, 6)
        assert (await service.alert(alert.id)).quiet == "silenced"
        assert (silence.state, silence.created_by) == ("active", "olga")
    async with opened(tmp_path, clock) as service:
        assert [one.id for one in await service.silences()] == [silence.id]
        assert (await service.alert(alert.id)).silence == silence.id
        ended = await service.end_silence(silence.id, OPERATOR)
        assert (ended.state, ended.ended_by) == ("over", "olga")
        window = await service.create_silence(
            NewSilence(kind="maintenance", nodes=[7], duration_s=60), OPERATOR
        )
        await see(service, 7)
        await live(service, clock, 6)
        assert (await service.alert(alert.id)).quiet == "maintenance"
        await live(service, clock, 60)
        assert (await service.alert(alert.id)).quiet == ""
        assert await service.silences() == []
        assert {one.id for one in await service.silences(over=True)} == {silence.id, window.id}
        with pytest.raises((UnknownItemError, ConflictError)):
            await service.end_silence(window.id, OPERATOR)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewSilence(), "say either how long"),
        (NewSilence(duration_s=60, ends_at="2030-01-01T00:00:00Z"), "say either how long"),
        (NewSilence(duration_s=-1), "must end after its start"),
        (NewSilence(duration_s=1e9), "within 366 days"),
        (NewSilence(ends_at="2099-01-01T00:00:00Z"), "within 366 days"),
        (NewSilence(duration_s=float("nan")), "must end after its start"),
        (NewSilence(ends_at="2001-01-01T00:00:00Z"), "in the future"),
        (NewSilence(ends_at="tomorrow"), "ends_at must be a time"),
        (NewSilence(starts_at="x", duration_s=60), "starts_at must be a time"),
        (NewSilence(rules=["low_heep"], duration_s=60), "no rule 'low_heep'"),
    ],
)
async def test_a_silence_that_cannot_be_is_refused(service, new, words):
    with pytest.raises(InvalidError, match=words):
        await service.create_silence(new, OPERATOR)
    assert await service.silences() == []


# -- rules -------------------------------------------------------------------------------------


async def test_rules_that_were_changed_stay_so_until_they_are_reset(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        usual = {rule.name: rule for rule in service.rules()}
        changed = await service.patch_rule("hot", RulePatch(threshold=70.0), OPERATOR)
        assert (changed.threshold, changed.origin) == (70, "api")
        both = await asyncio.gather(
            service.patch_rule("battery", RulePatch(enabled=False), OPERATOR),
            service.patch_rule("short", SHORT, OPERATOR),
        )
        assert both[1].custom
    async with opened(tmp_path, clock) as service:
        rules = {rule.name: rule for rule in service.rules()}
        assert rules["hot"] == changed
        assert not rules["battery"].enabled
        assert rules["short"] == both[1]
        assert await service.reset_rule("hot", OPERATOR) == usual["hot"]
        assert await service.reset_rule("short", OPERATOR) is None
        with pytest.raises(UnknownItemError):
            await service.reset_rule("short", OPERATOR)
    async with opened(tmp_path, clock) as service:
        rules = {rule.name: rule for rule in service.rules()}
        assert rules["hot"] == usual["hot"]
        assert "short" not in rules
        assert not rules["battery"].enabled
        actions = [action for _, action, _ in await audited(service)]
        assert actions == ["rule.change"] * 3 + ["rule.reset"] * 2


@pytest.mark.parametrize(
    ("name", "patch"),
    [
        ("hot", RulePatch(metric="rssi_dbm")),
        ("hot", RulePatch(threshold=float("nan"))),
        ("new", RulePatch(threshold=3.0)),
        ("New rule", SHORT),
        ("new", RulePatch(metric="heap", direction="below", threshold=3.0)),
    ],
)
async def test_a_rule_that_cannot_be_is_refused(service, name, patch):
    before = service.rules()
    with pytest.raises(InvalidError):
        await service.patch_rule(name, patch, OPERATOR)
    assert service.rules() == before


# -- a disk that takes nothing -----------------------------------------------------------------


async def test_on_a_full_disk_alerts_are_shown_and_nothing_is_changed(service, clock):
    (alert,) = await short_of_heap(service, clock)
    await service.patch_rule("hot", RulePatch(threshold=70.0), OPERATOR)
    before = service.rules()
    await take_no_writes(service.database)
    hear(service, 7, mem=41, uptime=120)
    assert (await service.alerts()).total == 1
    assert (await service.alert(alert.id)).id == alert.id
    assert await service.silences() == []
    service.database.problem = ""  # as if nothing had been tried yet
    for change in (RulePatch(threshold=60.0), SHORT):
        with pytest.raises(StoreError):
            await service.patch_rule("hot" if change is not SHORT else "brief", change, OPERATOR)
        service.database.problem = ""
    with pytest.raises(StoreError):
        await service.reset_rule("hot", OPERATOR)
    assert service.rules() == before
    with pytest.raises(StoreError):  # now it is known
        await service.ack_alert(alert.id, "", OPERATOR)
    assert (await service.alert(alert.id)).acked_by == ""


async def full(service):
    """As on a disk that takes nothing, and where nobody knows of it yet."""
    await take_no_writes(service.database)
    service.database.problem = ""


async def freed(service):
    await take_no_writes(service.database, taken=True)
    service.database.problem = ""
    await service.keep_health()


async def test_a_silence_that_could_not_be_stored_keeps_nothing_quiet_and_can_be_made_again(service, clock):
    (alert,) = await short_of_heap(service, clock)
    await full(service)
    with pytest.raises(StoreError):
        await service.create_silence(NewSilence(rules=["short"], duration_s=600), OPERATOR)
    await freed(service)
    await live(service, clock, 6)
    assert (await service.alert(alert.id)).quiet == ""
    assert await service.silences() == []
    again = await service.create_silence(NewSilence(rules=["short"], duration_s=600), OPERATOR)
    assert [one.id for one in await service.silences()] == [again.id]


async def test_a_silence_whose_end_could_not_be_stored_goes_on(service, clock):
    (alert,) = await short_of_heap(service, clock)
    silence = await service.create_silence(NewSilence(rules=["short"], duration_s=600), OPERATOR)
    await full(service)
    with pytest.raises(StoreError):
        await service.end_silence(silence.id, OPERATOR)
    await freed(service)
    await live(service, clock, 6)
    assert await service.silences() == [silence]
    assert (await service.alert(alert.id)).quiet == "silenced"
    assert (await service.end_silence(silence.id, OPERATOR)).state == "over"


async def test_an_acknowledgement_is_as_it_was_where_the_change_could_not_be_stored(service, clock):
    (alert,) = await short_of_heap(service, clock)
    await full(service)
    with pytest.raises(StoreError):
        await service.ack_alert(alert.id, "mine", OPERATOR)
    assert (await service.alert(alert.id)).acked_by == ""
    await freed(service)
    before = await service.ack_alert(alert.id, "first", OPERATOR)
    clock.s += 10
    await full(service)
    with pytest.raises(StoreError):
        await service.ack_alert(alert.id, "second", OPERATOR)
    service.database.problem = ""
    with pytest.raises(StoreError):
        await service.unack_alert(alert.id, OPERATOR)
    assert await service.alert(alert.id) == before
    await freed(service)
    stored = await service.database.read(alerts.get, alert.id)
    assert (stored.acked_by, stored.ack_note) == ("olga", "first")


async def test_on_a_full_disk_nothing_is_sent_as_a_test(service):
    async def tester():
        raise AssertionError("sent, and not noted")

    service.tester = tester
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.database.write(lambda connection: connection.execute("DELETE FROM event"))
    with pytest.raises(StoreError):
        await service.test_alerts(OPERATOR)


async def test_reading_alerts_and_silences_writes_nothing_and_is_as_of_now(service, clock):
    (first,) = await short_of_heap(service, clock)
    await take_no_writes(service.database)
    hear(service, 7, mem=30, uptime=130)
    service.monitor.alerts.ack(first.id, "olga", "", clock.s)
    for shown in (
        await service.alert(first.id),
        (await service.alerts()).items[0],
        (await service.alerts(state=["firing", "resolved"])).items[0],
    ):
        assert shown.acked_by == "olga"
    assert await service.silences() == []
    assert service.database.writable


async def test_open_alerts_are_listed_in_parts_newest_first_also_where_they_could_not_be_stored(
    service, clock
):
    await see(service, *range(10, 17))
    await service.patch_rule("short", SHORT, OPERATOR)
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.database.write(lambda connection: connection.execute("DELETE FROM event"))
    for node in range(10, 17):
        hear(service, node, mem=40, uptime=100)
        await live(service, clock, 6)
    whole = await service.alerts(rule="short")
    assert [alert.node for alert in whole.items] == [16, 15, 14, 13, 12, 11, 10]
    assert (whole.total, whole.next) == (7, None)
    assert await service.alert(whole.items[3].id) == whole.items[3]
    parts, cursor = [], None
    while not parts or cursor is not None:
        page = await service.alerts(rule="short", limit=3, before=cursor)
        assert page.total == 7
        parts.append([alert.node for alert in page.items])
        cursor = page.next
    assert parts == [[16, 15, 14], [13, 12, 11], [10]]
    assert (await service.alerts(state=["firing"], node=12)).total == 1
    for odd in ("x", "3", "nan_a", "inf_", "9" * 400):
        with pytest.raises(InvalidError, match="no cursor"):
            await service.alerts(before=odd)


async def test_what_a_failed_write_held_does_not_come_after_what_is_newer(service, clock):
    (alert,) = await short_of_heap(service, clock)
    await take_no_writes(service.database)
    service.monitor.alerts.ack(alert.id, "olga", "first", clock.s)
    failing = asyncio.create_task(service.keep_health())
    await asyncio.sleep(0)
    with pytest.raises(StoreError):
        await failing
    service.monitor.alerts.ack(alert.id, "olga", "second", clock.s)
    await take_no_writes(service.database, taken=True)
    await service.keep()
    await service.keep_health()
    assert (await service.database.read(alerts.get, alert.id)).ack_note == "second"


# -- telling people ----------------------------------------------------------------------------


class Courier:
    """Notes what it is given, and what is stored at that moment."""

    def __init__(self, service, fail=0, takes=None):
        self.service = service
        self.fail = fail
        self.takes = takes
        self.tried = []
        self.given = []
        self.at_once = self.most_at_once = 0

    async def deliver(self, notification, receiver):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            stored = await self.service.database.read(alerts.load_open, 0.0)
            assert notification.id in {doc.id for doc in stored.notifications}
            told = {doc.fingerprint for doc in stored.alerts if doc.told_s is not None}
            assert {alert.fingerprint for alert in notification.alerts} <= told
            self.tried.append((notification.id, receiver.name))
            if self.takes is not None:
                await self.takes.wait()
            if self.fail:
                self.fail -= 1
                raise DeliveryError("not now")
            self.given.append((notification.id, receiver.name))
        finally:
            self.at_once -= 1

    async def test(self, receivers):
        return [ResultOfTest(receiver=receiver.name, ok=True, text="taken") for receiver in receivers]


@contextlib.asynccontextmanager
async def keeper(service, courier, monkeypatch, *receivers):
    monkeypatch.setattr(health_keeper, "FLUSH_S", 0.01)
    keeper = HealthKeeper(service, courier, receivers, Keep())
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 any condition
            await asyncio.sleep(0.005)


async def waiting(service):
    await service.database.probe(0.0)  # what was begun before is done then
    return (await service.database.read(alerts.load_open, 0.0)).notifications


async def test_people_are_told_of_what_is_stored_and_once(tmp_path, clock, monkeypatch):
    async with opened(tmp_path, clock, HOOK, OTHER) as service:
        await short_of_heap(service, clock)
        courier = Courier(service)
        async with keeper(service, courier, monkeypatch, HOOK, OTHER):
            await until(lambda: courier.given)
            await live(service, clock, 10)
            await asyncio.sleep(0.05)
        assert [name for _, name in courier.given] == ["hook"]  # the other is told of critical ones only
        assert await waiting(service) == []
    async with opened(tmp_path, clock, HOOK, OTHER) as service:
        courier = Courier(service)
        async with keeper(service, courier, monkeypatch, HOOK, OTHER):
            await see(service, 7)
            await live(service, clock, 10)
            await asyncio.sleep(0.05)
        assert courier.tried == []


async def test_what_was_not_taken_is_tried_again_also_after_a_restart(tmp_path, clock, monkeypatch):
    async with opened(tmp_path, clock, HOOK) as service:
        await short_of_heap(service, clock)
        courier = Courier(service, fail=2)
        async with keeper(service, courier, monkeypatch, HOOK):
            await until(lambda: len(courier.tried) == 1)
            await asyncio.sleep(0.05)
            assert len(courier.tried) == 1  # not at once
            clock.s += 6
            await until(lambda: len(courier.tried) == 2)
        (doc,) = await waiting(service)
        assert (doc.pending, doc.last_error) == ({"hook": 2}, "not now")
    clock.s += 60
    async with opened(tmp_path, clock, HOOK) as service:
        courier = Courier(service)
        async with keeper(service, courier, monkeypatch, HOOK):
            await until(lambda: courier.given)
        assert courier.given == courier.tried == [(doc.id, "hook")]


async def test_slow_receivers_hold_up_nobody_for_long(tmp_path, clock, monkeypatch):
    receivers = [Receiver(f"hook {number}", "webhook", "warning", "http://x/") for number in range(20)]
    async with opened(tmp_path, clock, *receivers) as service:
        await short_of_heap(service, clock)
        courier = Courier(service, takes=asyncio.Event())
        async with keeper(service, courier, monkeypatch, *receivers):
            await until(lambda: len(courier.tried) == 20)
            courier.takes.set()
            await until(lambda: len(courier.given) == 20)  # without the clock moving
        assert len(set(courier.given)) == 20


async def test_a_receiver_that_is_gone_from_the_configuration_is_waited_for_no_more(
    tmp_path, clock, monkeypatch
):
    async with opened(tmp_path, clock, HOOK) as service:
        await short_of_heap(service, clock)
        await live(service, clock, 2)
    async with opened(tmp_path, clock) as service:
        assert len(await waiting(service)) == 1
        async with keeper(service, Courier(service), monkeypatch):
            await until(lambda: not service.monitor.alerts.notifier.outbox)
        assert await waiting(service) == []


async def test_people_are_told_also_when_nothing_can_be_stored(tmp_path, clock, monkeypatch):
    class Unchecked(Courier):
        async def deliver(self, notification, receiver):
            self.given.append((notification.id, receiver.name))

    async with opened(tmp_path, clock, HOOK) as service:
        await see(service, 7)
        await service.patch_rule("short", SHORT, OPERATOR)
        await take_no_writes(service.database)
        with pytest.raises(StoreError):
            await service.database.write(lambda connection: connection.execute("DELETE FROM event"))
        hear(service, 7, mem=40, uptime=100)
        await live(service, clock, 6)
        courier = Unchecked(service)
        async with keeper(service, courier, monkeypatch, HOOK):
            await until(lambda: courier.given)


async def test_a_test_is_sent_to_all_and_noted(tmp_path, clock, monkeypatch):
    async with opened(tmp_path, clock, HOOK, OTHER) as service:
        with pytest.raises(NotPossibleError, match="meshward run"):
            await service.test_alerts(OPERATOR)
        service.tester = HealthKeeper(service, Courier(service), (HOOK, OTHER), Keep()).test
        assert [result.receiver for result in await service.test_alerts(OPERATOR)] == ["hook", "other"]
        assert await audited(service) == [("olga", "alert.test", {"hook": "taken", "other": "taken"})]


async def test_what_was_measured_up_to_the_end_is_kept(tmp_path, clock, monkeypatch):
    async with opened(tmp_path, clock) as service:
        await see(service, 7)
        async with keeper(service, Courier(service), monkeypatch):
            monkeypatch.setattr(health_keeper, "FLUSH_S", 1000)
            await asyncio.sleep(0.05)
            hear(service, 7, mem=40, uptime=100)
        clock.s += 1
        view = await service.history(7, HEAP)
        assert [point.mean for point in view.points] == [40 * 1024]
        assert 7 in await service.database.read(alerts.load_records)
