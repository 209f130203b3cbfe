"""Status and events at a real broker: all of it is back after the broker lost it, and no event is missing."""

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random

import pytest

from meshward.bridges.base import Pauses, Record
from meshward.bridges.mqtt.bridge import MqttBridge
from meshward.bridges.mqtt.events_part import EventsPart
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_part import StatusPart
from meshward.bridges.mqtt.status_topics import NODE_TOPICS
from meshward.bridges.mqtt.topics import Topics
from tests.support.bridge_service import BridgeService
from tests.support.gateway_values import node
from tests.support.health_values import alert
from tests.support.mosquitto import broker, client
from tests.support.mqtt_bridges import running
from tests.support.mqtt_schemas import check

TOPICS = Topics("home/mesh")
PROFILES = ("meshward", "alteriom")


@asynccontextmanager
async def bridge_to(port, service, tmp_path, profile="meshward"):
    """All that tells of the mesh, over one connection."""
    shape, retained, record = make_profile(profile, "garden"), Retained(), Record("mqtt://x", "mqtt")
    told = Told(mesh="garden", profile=profile, period_s=3600.0, control=False, signed=False)
    parts = [
        StatusPart(service, shape, TOPICS, retained, record, told),
        EventsPart(service, shape, TOPICS, record, tmp_path / "bridges" / "b.json", kept=1000),
    ]
    pauses = Pauses(Random(1), first_s=0.02, most_s=0.05)
    connection = Connection("127.0.0.1", port, "meshward-test")
    bridge = MqttBridge(connection, TOPICS, shape, parts, retained, record, pauses)
    async with running(bridge):
        yield bridge


def fitting(profile, found):
    """What lies there, each message held against its schema."""
    return {topic: check(profile, topic, payload) for topic, payload in found.items()}


@pytest.mark.parametrize("profile", PROFILES)
async def test_everything_that_lies_at_the_broker_fits_its_schema(tmp_path, profile):
    service = BridgeService(node(7), node(8, parent=7, depth=2))
    service.alert(alert("a1", node=7, rule="weak_link"))
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        async with bridge_to(mosquitto.port, service, tmp_path, profile):
            await seen.wait_for(TOPICS.bridge("state"))
            await seen.wait_for(TOPICS.node(7, "update"))
            found = fitting(profile, await seen.retained("home/mesh/#"))
            service.happen(kind="node.left")
            check(profile, TOPICS.event, await seen.wait_for(TOPICS.event))
        assert len(found) == 4 + 2 * 4 + 3


async def test_a_broker_that_lost_everything_gets_it_all_again_and_takes_every_event(tmp_path):
    service = BridgeService(node(7), node(8), node(9))
    state, gone = TOPICS.bridge("state"), TOPICS.node(8, "availability")
    forgotten = [TOPICS.node(9, what) for what in NODE_TOPICS]
    async with broker(tmp_path) as mosquitto, bridge_to(mosquitto.port, service, tmp_path) as bridge:
        async with client(mosquitto.port) as seen:
            await seen.wait_for(state)
            service.happen(3)
            await seen.wait_for(TOPICS.event, lambda payload: json.loads(payload)["id"] == 3)
            before = await seen.retained("home/mesh/#")
        await mosquitto.kill()
        service.happen(200)
        service.show(node(8, online=False, parent=None, depth=None))
        service.forget(9)
        await mosquitto.restart()
        async with client(mosquitto.port) as seen:
            await seen.wait_for(gone, lambda payload: json.loads(payload) == {"state": "offline"})
            await seen.wait_for(state)
            await seen.wait_until(lambda seen: not any(map(seen.latest.get, forgotten)))
            after = await seen.retained("home/mesh/#")
        async with asyncio.timeout(10):
            while bridge.record.waiting:  # noqa: ASYNC110 of events, which tell nobody
                await asyncio.sleep(0.02)
        assert after.keys() == {topic for topic in before if "/node/9" not in topic}
        assert bridge.record.dropped == 0
        assert bridge.record.state == "up"
    # It said so of every one: the number of the last is what is kept.
    assert json.loads((tmp_path / "bridges" / "b.json").read_bytes()) == {"after": 203}


async def test_events_of_the_time_without_a_broker_come_in_order_and_none_is_missing(tmp_path):
    service = BridgeService(node(7))
    async with broker(tmp_path) as mosquitto:
        async with bridge_to(mosquitto.port, service, tmp_path), client(mosquitto.port) as seen:
            await seen.wait_for(TOPICS.bridge("state"))
            service.happen(5)
            await seen.wait_for(TOPICS.event, lambda payload: json.loads(payload)["id"] == 5)
        service.happen(250)  # the gateway is not there either
        async with client(mosquitto.port) as seen, bridge_to(mosquitto.port, service, tmp_path):
            await seen.wait_for(TOPICS.event, lambda payload: json.loads(payload)["id"] == 255)
            came = [json.loads(body)["id"] for topic, body in seen.messages if topic == TOPICS.event]
    assert came == list(range(6, 256))
