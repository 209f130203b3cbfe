"""What lies on the topics of status, and when it changes."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from meshward.bridges.base import Record
from meshward.bridges.mqtt import status_part
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_part import StatusPart
from meshward.bridges.mqtt.status_topics import NODE_TOPICS, StatusTopics
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Changed, Follower, Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.views import NodeView
from tests.support.bridge_service import BridgeService
from tests.support.gateway_values import health, node
from tests.support.health_values import NOW_S, alert, mesh_status, node_status, score, seen
from tests.support.mqtt_schemas import check

TOPICS = Topics("mesh")
PROFILES = ("meshward", "alteriom")


def told(profile="meshward", **more):
    values = {"mesh": "garden", "profile": profile, "period_s": 30.0, "control": False, "signed": False}
    return Told(**{**values, **more})


class Shelf:
    """The pure core, over a picture that a test changes."""

    def __init__(self, profile="meshward", *nodes):
        self.profile = profile
        self.retained = Retained()
        self.picture = Picture(own_id=1, mesh_connected=True, nodes={one.id: one for one in nodes})
        self.service = BridgeService(*nodes)
        self.status = StatusTopics(make_profile(profile), TOPICS, self.retained, told(profile))
        self.now_s = NOW_S
        self.take(everything=True)

    def take(self, **changed):
        self.service.nodes_by_id = dict(self.picture.nodes)
        return self.status.take(self.picture, Changed(**changed), self.service.topology, self.now_s)

    def period(self, *statuses):
        given = statuses or [node_status(one) for one in self.picture.nodes]
        self.status.period(self.picture, mesh_status(*given), health(), 5, 2, self.now_s)

    def sent(self):
        """What is new, by topic; each held against its schema."""
        messages = {}
        while (publication := self.retained.take()) is not None:
            value = None
            if publication.payload:
                value = check(self.profile, publication.topic, publication.payload)
            messages[publication.topic] = value
        return messages

    def at(self, topic):
        return json.loads(self.retained.get(topic))


@pytest.fixture(params=PROFILES)
def shelf(request):
    return Shelf(request.param, node(7, name="Hall"), node(8, parent=7, depth=2))


def test_everything_lies_there_after_the_first_look_and_period(shelf):
    shelf.period()
    shelf.status.offers({}, shelf.now_s)
    expected = {TOPICS.status(what) for what in ("nodes", "topology", "metrics", "alerts")}
    expected |= {TOPICS.node(one, what) for one in (7, 8) for what in NODE_TOPICS}
    expected |= {TOPICS.bridge("info"), TOPICS.bridge("health")}
    assert set(shelf.sent()) == expected


def test_nothing_is_sent_again_that_did_not_change_but_for_the_time(shelf):
    shelf.period()
    shelf.sent()
    shelf.now_s += 7
    shelf.take(nodes={7, 8}, gateway=True, alerts={"a"})
    shelf.take(everything=True)
    shelf.status.offers({}, shelf.now_s)
    shelf.status.progress([], shelf.now_s)
    assert shelf.sent() == {}


def test_between_two_periods_a_change_of_another_topic_does_not_move_its_time():
    shelf = Shelf("alteriom", node(7))
    shelf.sent()
    shelf.now_s += 5
    shelf.picture.nodes[7].name = "Hall"
    shelf.take(nodes={7})
    assert set(shelf.sent()) == {TOPICS.node(7)}
    assert shelf.at(TOPICS.node(7))["timestamp"] == "2026-11-25T12:00:05Z"
    assert shelf.at(TOPICS.node(7, "availability"))["timestamp"] == "2026-11-25T12:00:00Z"


def test_a_node_that_leaves_is_told_at_once_with_the_tree_and_the_list(shelf):
    shelf.period()
    shelf.sent()
    gone = shelf.picture.nodes[8]
    gone.online, gone.parent, gone.depth = False, None, None
    shelf.take(nodes={8})
    sent = shelf.sent()
    assert set(sent) == {
        *(TOPICS.node(8), TOPICS.node(8, "availability")),
        *(TOPICS.status("topology"), TOPICS.status("nodes")),
    }
    assert "offline" in sent[TOPICS.node(8, "availability")].values()


def test_of_a_node_that_is_away_nothing_is_sent_again_every_period(shelf):
    gone = shelf.picture.nodes[8]
    gone.online, gone.parent, gone.depth = False, None, None
    gone.last_seen_at = "2026-11-25T11:59:00Z"
    here = node_status(7)

    def away(minutes):
        reason = {f"left_the_mesh_{minutes}_min_ago": 40}
        return node_status(
            8, online=False, health=score(**reason), boot_at="2026-11-25T11:00:00Z", metrics=seen(0.0)
        )

    shelf.take(nodes={8})
    shelf.period(here, away(1))
    sent = shelf.sent()[TOPICS.node(8, "health")]
    assert sent["reasons"] == ["out of the mesh since 2026-11-25T11:59:00Z"]
    if shelf.profile == "alteriom":
        assert sent["metrics"]["uptime_s"] == 59 * 60
    shelf.now_s += 60
    shelf.period(here, away(2))
    assert TOPICS.node(8, "health") not in shelf.sent()
    gone.online = True
    shelf.take(nodes={8})
    shelf.period(here, node_status(8))
    assert "reasons" not in shelf.sent()[TOPICS.node(8, "health")]


def test_a_mesh_without_a_name_is_called_by_the_id_of_the_gateway():
    for profile in PROFILES:
        shelf = Shelf(profile)
        shelf.status = StatusTopics(make_profile(profile), TOPICS, shelf.retained, told(profile, mesh=""))
        shelf.take(everything=True)
        assert shelf.at(TOPICS.bridge("info"))["mesh"] == "mesh-1"


def test_a_delay_that_was_measured_is_no_news(shelf):
    shelf.sent()
    shelf.picture.nodes[7].delay_ms = 12.5
    shelf.take(nodes={7})
    assert shelf.sent() == {}


def test_a_node_that_was_forgotten_is_cleared_from_every_topic(shelf):
    shelf.period()
    shelf.status.offers({}, shelf.now_s)
    shelf.sent()
    del shelf.picture.nodes[8]
    shelf.take(nodes={8})
    sent = shelf.sent()
    assert {topic for topic, value in sent.items() if value is None} == {
        TOPICS.node(8, what) for what in NODE_TOPICS
    }
    assert {TOPICS.status("nodes"), TOPICS.status("topology")} <= set(sent)
    shelf.period(node_status(7), node_status(8))  # the monitor may know it a moment longer
    assert TOPICS.node(8, "health") not in shelf.retained.topics


def test_a_new_picture_without_a_node_clears_it_too(shelf):
    shelf.sent()
    shelf.picture = Picture(own_id=1, nodes={7: shelf.picture.nodes[7]})
    shelf.take(everything=True)
    assert shelf.sent()[TOPICS.node(8)] is None


def test_an_alert_changes_the_health_of_its_node_at_once(shelf):
    shelf.period()
    shelf.sent()
    for one in (
        alert("a1", node=7, rule="weak_link"),
        alert("a2", node=8, rule="silent_node", quiet="explained"),
        alert("a3", node=7, rule="low_heap", state="pending"),
    ):
        shelf.picture.alerts[one.id] = one
    shelf.take(alerts={"a1", "a2", "a3"})
    sent = shelf.sent()
    assert set(sent) == {TOPICS.status("alerts"), TOPICS.node(7, "health")}
    assert sent[TOPICS.node(7, "health")]["alerts"] == ["weak_link"]
    assert sent[TOPICS.node(7, "health")]["problem"] is True
    shelf.picture.alerts.clear()
    shelf.take(alerts={"a1"})
    assert "alerts" not in shelf.sent()[TOPICS.node(7, "health")]


def test_a_node_without_a_status_is_asked_for_and_told_between_two_periods(shelf):
    shelf.period()
    shelf.sent()
    shelf.picture.nodes[9] = node(9)
    assert shelf.take(nodes={9}) == [9]
    shelf.status.statuses([node_status(9)], shelf.now_s)
    assert TOPICS.node(9, "health") in shelf.sent()
    assert shelf.take(nodes={9}) == []


def test_the_update_topic_follows_offers_and_the_run():
    shelf = Shelf("meshward", node(7, version="1.0.0"))
    offer = OfferView(
        node=7, installed="1.0.0", latest="1.1.0", available=True, title="lamp", notes="Better."
    )
    shelf.status.offers({7: offer}, shelf.now_s)
    shelf.sent()
    shelf.picture.nodes[7].update_state, shelf.picture.nodes[7].rollout = "scheduled", "r1"
    shelf.take(nodes={7})
    run = ProgressView(node=7, rollout="r1", state="downloading", parts_done=33, parts=66)
    shelf.status.progress([run], shelf.now_s)
    assert shelf.sent()[TOPICS.node(7, "update")] == {
        "installed": "1.0.0",
        "latest": "1.1.0",
        "available": True,
        "title": "lamp",
        "notes": "Better.",
        "state": "downloading",
        "in_progress": True,
        "percent": 50,
        "rollout": "r1",
    }
    shelf.status.progress([run], shelf.now_s)
    assert shelf.sent() == {}
    shelf.picture.nodes[7].update_state = shelf.picture.nodes[7].rollout = None
    shelf.take(nodes={7})
    shelf.status.progress([], shelf.now_s)
    shelf.status.offers({}, shelf.now_s)
    assert shelf.sent()[TOPICS.node(7, "update")] == {"installed": "1.0.0", "latest": "1.0.0"}


def test_progress_of_a_node_that_is_not_shown_is_no_trouble(shelf):
    shelf.sent()
    shelf.status.progress([ProgressView(node=99, rollout="r", state="x", parts_done=0, parts=0)], NOW_S)
    assert shelf.sent() == {}


def test_the_node_list_takes_about_150_bytes_a_node():
    first = 2_886_735_001
    nodes = [
        NodeView(
            id=first + 7 * at,
            name=f"Kitchen window {at}",
            online=at % 10 > 0,
            parent=first if at else None,
            depth=2,
            version="1.10.2",
            health=97,
            alerts=at % 3,
            update_state="downloading" if at % 2 else None,
        )
        for at in range(250)
    ]
    for profile in PROFILES:
        shelf = Shelf(profile, *nodes)
        shelf.period()
        assert len(shelf.retained.get(TOPICS.status("nodes"))) / 250 < 175


# -- the part that drives it -------------------------------------------------------------------


@asynccontextmanager
async def working(service, monkeypatch, profile="meshward", period_s=3600.0):
    monkeypatch.setattr(status_part, "LOOK_S", 0.005)
    retained = Retained()
    part = StatusPart(
        service,
        make_profile(profile),
        TOPICS,
        retained,
        Record("mqtt://x", "mqtt"),
        told(profile, period_s=period_s),
    )
    task = asyncio.create_task(part.work())
    try:
        yield retained
    finally:
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 a condition of the shelf, which tells nobody
            await asyncio.sleep(0.002)


def lies(retained, topic, **values):
    def holds():
        payload = retained.get(topic)
        return payload is not None and values.items() <= json.loads(payload).items()

    return holds


async def test_the_part_fills_the_shelf_without_a_broker_and_follows_the_feed(monkeypatch):
    service = BridgeService(node(7), node(8))
    async with working(service, monkeypatch) as retained:
        async with asyncio.timeout(10):
            await retained.filled()
        assert lies(retained, TOPICS.bridge("health"), nodes=2)()
        assert lies(retained, TOPICS.node(7, "health"), health=100)()
        service.show(node(7, online=False, parent=None, depth=None), node(9))
        await until(lies(retained, TOPICS.node(7, "availability"), state="offline"))
        await until(lies(retained, TOPICS.node(9, "health"), health=100))
        service.alert(alert("a1", node=8, rule="weak_link"))
        await until(lies(retained, TOPICS.node(8, "health"), problem=True))
        service.forget(9)
        await until(lambda: retained.get(TOPICS.node(9)) is None)
        assert service.asked["mesh_status"] == 1  # however much changes


async def test_a_gateway_that_starts_tells_of_no_node_before_it_sees_the_mesh(monkeypatch):
    service = BridgeService(node(7, online=False))
    service.mesh_connected = False
    async with working(service, monkeypatch) as retained:
        for _ in range(20):
            await asyncio.sleep(0)
        assert not retained.topics
        service.show(node(7))
        service.join()
        await until(lies(retained, TOPICS.node(7, "availability"), state="online"))
        assert service.asked["mesh_status"] == 1


async def test_a_mesh_that_is_not_there_is_told_after_a_while(monkeypatch):
    monkeypatch.setattr(Follower.joined, "__defaults__", (0.02,))
    service = BridgeService(node(7, online=False))
    service.mesh_connected = False
    async with working(service, monkeypatch) as retained:
        await until(lies(retained, TOPICS.node(7, "availability"), state="offline"))
        await until(lambda: "mesh_status" in service.asked)
        before = service.asked["mesh_status"]
        service.join()
        await until(lambda: service.asked["mesh_status"] > before)  # with a period of an hour


async def test_offers_are_looked_at_again_when_something_happened_and_progress_all_the_time(monkeypatch):
    service = BridgeService(node(7))
    async with working(service, monkeypatch) as retained:
        await until(lies(retained, TOPICS.node(7, "update"), latest="1.0.0"))
        await until(lambda: service.asked.get("offers"))
        service.offers_by_node = {7: OfferView(node=7, installed="1.0.0", latest="1.1.0", available=True)}
        service.happen(kind="firmware.added")
        await until(lies(retained, TOPICS.node(7, "update"), latest="1.1.0"))
        service.runs = [ProgressView(node=7, rollout="r1", state="downloading", parts_done=1, parts=4)]
        await until(lies(retained, TOPICS.node(7, "update"), percent=25, in_progress=True))
        asked = service.asked["offers"]
        service.show(node(7, delay_ms=5.0))  # nothing that offers depend on
        service.show(node(7, name="Hall"))
        await until(lies(retained, TOPICS.node(7), name="Hall"))
        assert service.asked["offers"] == asked


async def test_a_slow_store_does_not_delay_who_is_online(monkeypatch):
    service = BridgeService(node(7))
    gate, look = asyncio.Event(), service.offers

    async def slowly():
        await gate.wait()
        return await look()

    service.offers = slowly
    service.offers_by_node = {7: OfferView(node=7, installed="1.0.0", latest="2.0.0")}
    async with working(service, monkeypatch) as retained:
        service.happen()
        service.show(node(7, role="relay"))
        await until(lies(retained, TOPICS.node(7), role="relay"))
        service.show(node(7, online=False, parent=None, depth=None))
        await until(lies(retained, TOPICS.node(7, "availability"), state="offline"))
        gate.set()
        await until(lies(retained, TOPICS.node(7, "update"), latest="2.0.0"))


async def test_a_store_that_gives_no_offers_stops_nothing(monkeypatch):
    service = BridgeService(node(7))
    service.store_broken = True
    async with working(service, monkeypatch, period_s=0.01) as retained:
        await until(lambda: service.asked.get("mesh_status", 0) > 3)
        service.store_broken = False
        service.offers_by_node = {7: OfferView(node=7, installed="1.0.0", latest="2.0.0")}
        await until(lies(retained, TOPICS.node(7, "update"), latest="2.0.0"))
