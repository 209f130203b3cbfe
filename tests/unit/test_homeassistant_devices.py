import json

import pytest

from meshward.bridges.homeassistant import devices as devices_module
from meshward.bridges.homeassistant.devices import Devices
from meshward.bridges.homeassistant.discovery import MOVE, Discovery, GatewayDevice
from meshward.bridges.homeassistant.memory import Memory
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from tests.support.gateway_values import node
from tests.support.health_values import node_status, seen

TOPIC = "homeassistant/device/meshward_1001/config"
HEAP = "sensor.heap_free_bytes"


class Shelf(Retained):
    """What a broker was sent, in order."""

    def send(self):
        sent = []
        while (publication := self.take()) is not None:
            sent.append((publication.topic, publication.payload))
        return sent

    def components(self, topic=TOPIC):
        return json.loads(self.get(topic))["components"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bridges" / "entities.json"


def make(path, shelf=None, **more):
    """Devices as after a start, and their shelf and memory."""
    shelf = shelf or Shelf()
    memory = Memory(path)
    memory.load()
    made = Devices(Discovery(Topics("mesh"), **more), shelf, memory)
    made.gateway(GatewayDevice("Garden", "0.1.0"))
    return made, shelf, memory


def reporting(**metrics):
    return node_status(1001, metrics=seen(**metrics), boot_at=None)


def test_the_gateway_comes_first(path):
    made, shelf, _ = make(path)
    made.node(node(1001))
    assert [topic for topic, _ in shelf.send()] == ["homeassistant/device/meshward_bridge_mesh/config", TOPIC]


def test_nothing_is_told_again_while_nothing_changes(path):
    made, shelf, _ = make(path)
    made.node(node(1001))
    made.reports(reporting(heap_free_bytes=40_000.0))
    shelf.send()
    made.node(node(1001, delay_ms=8.0, online=False))
    made.reports(reporting(heap_free_bytes=41_000.0))
    made.settle()
    assert shelf.send() == []


def test_a_new_name_is_told_under_the_same_ids(path):
    made, shelf, _ = make(path)
    made.node(node(1001, name="Kitchen"))
    before = {one["unique_id"] for one in shelf.components().values()}
    made.node(node(1001, name="Cellar"))
    assert json.loads(shelf.get(TOPIC))["device"]["name"] == "Cellar"
    assert {one["unique_id"] for one in shelf.components().values()} == before


def test_a_value_that_was_never_told_before_gets_an_entity_which_stays(path):
    made, shelf, memory = make(path)
    made.node(node(1001))
    assert HEAP not in shelf.components()
    made.reports(reporting(heap_free_bytes=40_000.0))
    assert HEAP in shelf.components()
    made.reports(reporting())
    made.node(node(1001, name="Cellar"))
    assert HEAP in shelf.components()
    memory.save()

    made, shelf, _ = make(path)
    made.node(node(1001))
    assert HEAP in shelf.components()


def test_a_report_of_a_node_that_is_not_told_of_changes_nothing(path):
    made, shelf, _ = make(path)
    shelf.send()
    made.reports(reporting(heap_free_bytes=40_000.0))
    assert shelf.send() == []


def test_a_node_that_is_forgotten_is_taken_away_and_its_entities_are_forgotten(path):
    made, shelf, memory = make(path)
    made.node(node(1001))
    made.node(node(1002))
    shelf.send()
    made.keep_only([1002])
    assert shelf.send() == [(TOPIC, b"")]
    assert "meshward_1001" not in memory.devices
    assert {"meshward_1002", "meshward_bridge_mesh"} <= set(memory.devices)


def test_an_entity_that_is_gone_is_taken_away_once(path):
    made, shelf, memory = make(path)
    memory.give("meshward_1001", frozenset({"binary_sensor.of_an_older_version"}))
    made.node(node(1001))
    assert shelf.components()["binary_sensor.of_an_older_version"] == {"platform": "binary_sensor"}
    made.settle()
    assert "binary_sensor.of_an_older_version" in shelf.components()  # the broker has not taken it yet
    shelf.send()
    made.settle()
    assert "binary_sensor.of_an_older_version" not in shelf.components()
    assert [topic for topic, _ in shelf.send()] == [TOPIC]
    made.settle()
    assert shelf.send() == []


def lying_there(node_id, **more):
    """Discovery of an earlier run: payloads by topic."""
    shelf = Shelf()
    made = Devices(Discovery(Topics("mesh"), **more), shelf, Memory(shelf))
    made.node(node(node_id))
    return dict(shelf.send())


def test_what_is_told_of_a_node_that_is_not_known_is_cleared(path):
    made, shelf, _ = make(path)
    for topic, payload in lying_there(1002).items():
        made.found(topic, payload)
    made.found("homeassistant/device/meshward_9/config", b'{"availability":[{"topic":"other/bridge/state"}]}')
    made.node(node(1001))
    shelf.send()
    made.clear_unknown()
    assert shelf.send() == [("homeassistant/device/meshward_1002/config", b"")]
    made.clear_unknown()
    assert shelf.send() == []


def test_what_was_found_before_it_was_known_again_is_left_alone(path):
    made, shelf, _ = make(path)
    for topic, payload in lying_there(1001).items():
        made.found(topic, payload)
    made.node(node(1001))
    shelf.send()
    made.clear_unknown()
    assert shelf.send() == []


@pytest.mark.parametrize(("before", "after"), [("entities", "device"), ("device", "entities")])
def test_the_other_form_is_let_go_of_before_ours_is_told_again_and_then_cleared(path, before, after):
    made, shelf, _ = make(path, form=after)
    made.node(node(1001))
    ours = {topic for topic, _ in shelf.send() if "meshward_1001" in topic}
    old = lying_there(1001, form=before)
    for topic, payload in old.items():
        made.found(topic, payload)
    made.move_other_form()
    made.settle()
    assert shelf.send() == [(topic, MOVE) for topic in old]
    made.settle()
    assert {topic for topic, payload in shelf.send() if payload.startswith(b"{")} == ours
    made.settle()
    assert shelf.send() == [(topic, b"") for topic in old]
    made.settle()
    assert shelf.send() == []


def test_what_was_let_go_of_when_the_gateway_ended_is_cleared_by_the_next(path):
    made, shelf, _ = make(path)
    made.node(node(1001))
    made.found("homeassistant/sensor/meshward_1001/delay_ms/config", MOVE)
    made.found("homeassistant/sensor/meshward_1009/delay_ms/config", MOVE)
    for _ in range(3):
        shelf.send()
        made.move_other_form()
        made.settle()
    made.clear_unknown()
    assert shelf.send() == [("homeassistant/sensor/meshward_1001/delay_ms/config", b"")]


def test_a_broker_full_of_rubbish_is_not_remembered_whole(path, monkeypatch):
    monkeypatch.setattr(devices_module, "FOUND_MAX", 10)
    made, shelf, _ = make(path)
    shelf.send()
    payload = lying_there(1001)[TOPIC]
    for number in range(100):
        made.found(f"homeassistant/device/meshward_{number}/config", payload)
    made.clear_unknown()
    assert len(shelf.send()) == 10


@pytest.mark.parametrize("content", [b"", b"{", b'{"devices":[]}', b'{"devices":{"a":7}}', b"\xff\xfe"])
def test_a_memory_that_cannot_be_read_is_begun_anew(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    made, _, memory = make(path)
    made.node(node(1001))
    memory.save()
    again = Memory(path)
    again.load()
    assert "update.firmware" in again.given("meshward_1001")


def test_a_disk_that_takes_nothing_holds_nothing_up(path):
    path.parent.write_bytes(b"a file where a folder should be")
    made, shelf, memory = make(path)
    made.node(node(1001))
    memory.save()
    memory.save()
    path.parent.unlink()
    memory.save()
    again = Memory(path)
    again.load()
    assert "meshward_1001" in again.devices
    assert shelf.get(TOPIC)
