import json

import pytest

from meshward.bridges.homeassistant.discovery import Discovery, GatewayDevice, NodeDevice
from meshward.bridges.homeassistant.entities import METRIC_OF_ID, OF_GATEWAY, node_entities
from meshward.bridges.mqtt.topics import Topics
from meshward.status.metrics import METRICS

NODE = NodeDevice(1001, "Kitchen", "ESP32", "sensor", "1.4.0")
GATEWAY = GatewayDevice("Garden", "0.1.0")
ALL = set(METRIC_OF_ID.values())
ONE_TOPIC = "homeassistant/device/meshward_1001/config"


def discovery(prefix="mesh", **more):
    return Discovery(Topics(prefix), **more)


def told(made, device=NODE, reported=ALL, gone=()):
    """Payloads by topic."""
    entities = node_entities(reported, progress=made.progress) if device is NODE else OF_GATEWAY
    return {topic: json.loads(payload) for topic, payload in made.messages(device, entities, gone).items()}


def test_a_node_is_one_message_with_all_its_entities():
    ((topic, payload),) = told(discovery()).items()
    assert topic == ONE_TOPIC
    assert payload["device"] == {
        "identifiers": ["meshward_1001"],
        "name": "Kitchen",
        "manufacturer": "painlessMesh",
        "model": "ESP32",
        "hw_version": "sensor",
        "sw_version": "1.4.0",
        "serial_number": "1001",
        "via_device": "meshward_bridge_mesh",
    }
    assert payload["origin"]["name"] == "Meshward"
    assert payload["components"]["sensor.heap_free_bytes"] == {
        "platform": "sensor",
        "unique_id": "meshward_1001_heap_free_bytes",
        "default_entity_id": "sensor.meshward_1001_heap_free_bytes",
        "name": "Free heap",
        "state_topic": "mesh/status/node/1001/health",
        "value_template": "{{ (value_json.metrics | default({})).get('heap_free_bytes', none) }}",
        "unit_of_measurement": "B",
        "device_class": "data_size",
        "state_class": "measurement",
        "entity_category": "diagnostic",
        "suggested_display_precision": 0,
    }


def test_told_entity_by_entity_each_says_whose_it_is():
    made = told(discovery(form="entities"))
    heap = made["homeassistant/sensor/meshward_1001/heap_free_bytes/config"]
    assert heap["device"]["identifiers"] == ["meshward_1001"]
    assert heap["unique_id"] == heap["object_id"] == "meshward_1001_heap_free_bytes"
    assert [place["topic"] for place in heap["availability"]] == [
        "mesh/bridge/state",
        "mesh/status/node/1001/availability",
    ]
    assert len(made) == len(node_entities(ALL, progress=False))


@pytest.mark.parametrize("form", ["device", "entities"])
def test_all_ids_are_different_and_the_same_in_both_forms(form):
    made = discovery(form=form)
    payloads = [*told(made).values(), *told(made, GATEWAY).values()]
    if form == "device":
        payloads = [one for payload in payloads for one in payload["components"].values()]
    ids = [payload["unique_id"] for payload in payloads]
    assert len(ids) == len(set(ids))
    assert {"meshward_1001_firmware", "meshward_bridge_mesh_nodes_online"} <= set(ids)


def test_a_node_is_available_with_its_gateway_alone_where_it_tells_of_being_away():
    payload = told(discovery())[ONE_TOPIC]
    assert [place["topic"] for place in payload["availability"]] == [
        "mesh/bridge/state",
        "mesh/status/node/1001/availability",
    ]
    assert payload["availability_mode"] == "all"
    for entity in ("binary_sensor.connectivity", "binary_sensor.problem", "sensor.health"):
        places = payload["components"][entity]["availability"]
        assert [place["topic"] for place in places] == ["mesh/bridge/state"]
    assert "availability" not in payload["components"]["sensor.delay_ms"]


def test_that_the_gateway_is_away_can_be_seen_while_it_is():
    (payload,) = told(discovery(), GATEWAY).values()
    assert payload["components"]["binary_sensor.connectivity"]["availability"] == []
    assert [place["topic"] for place in payload["availability"]] == ["mesh/bridge/state"]


def test_a_board_that_tells_nothing_has_no_sensors_that_stay_unknown():
    components = told(discovery(), reported=())[ONE_TOPIC]["components"]
    assert {METRIC_OF_ID.get(entity, "") for entity in components} == {""}
    assert {"update.firmware", "sensor.delay_ms", "binary_sensor.problem"} <= set(components)


def test_what_sensors_are_there_for_is_in_the_catalogue_of_metrics():
    assert ALL - {"boot_at"} <= set(METRICS)
    entities = {entity.metric: entity for entity in node_entities(ALL, progress=True) if entity.metric}
    for name, entity in entities.items():
        if name in METRICS:
            counts = METRICS[name].kind == "counter"
            assert entity.options["state_class"] == ("total_increasing" if counts else "measurement")
            assert entity.options.get("unit_of_measurement", "") == METRICS[name].unit


@pytest.mark.parametrize("install", [True, False])
def test_there_is_an_install_button_where_it_works(install):
    update = told(discovery(install=install))[ONE_TOPIC]["components"]["update.firmware"]
    assert update.get("command_topic") == ("mesh/ota/node/1001/install" if install else None)
    assert ("payload_install" in update) is install


def test_versions_that_know_no_progress_of_updates_are_not_told_of_it():
    made = told(discovery(form="entities"))
    assert (
        "update_percentage"
        not in made["homeassistant/update/meshward_1001/firmware/config"]["value_template"]
    )
    assert "homeassistant/sensor/meshward_1001/update_progress/config" in made
    assert "sensor.update_progress" not in told(discovery())[ONE_TOPIC]["components"]


def test_an_entity_that_is_gone_is_told_by_its_platform_alone():
    payload = told(discovery(), gone=["sensor.battery_percent"], reported=())[ONE_TOPIC]
    assert payload["components"]["sensor.battery_percent"] == {"platform": "sensor"}


def test_what_is_not_known_of_a_node_is_left_out():
    made = discovery().messages(NodeDevice(7, "", "", "", ""), node_entities((), progress=True))
    device = json.loads(made["homeassistant/device/meshward_7/config"])["device"]
    assert device["name"] == "Node 7"
    assert not {"model", "hw_version", "sw_version"} & set(device)


def test_gateways_of_different_prefixes_are_different_devices():
    ids = {discovery(prefix).gateway_id for prefix in ("mesh", "home/mesh", "home_mesh", "home mesh", "hömé")}
    assert len(ids) == 5
    assert all(one.isascii() and one.replace("-", "").replace("_", "").isalnum() for one in ids)
    assert discovery("mesh").gateway_id == "meshward_bridge_mesh"


def test_only_our_own_mesh_is_ours():
    ours, other = discovery("mesh"), discovery("other")
    for made in (ours, discovery(form="entities")):
        for device in (NODE, GATEWAY):
            for topic, payload in told(made, device).items():
                assert ours.is_ours(topic, json.dumps(payload).encode())
                assert not other.is_ours(topic, json.dumps(payload).encode())
    foreign = told(ours)[ONE_TOPIC]
    assert not ours.is_ours("homeassistant/device/0x00158d/config", json.dumps(foreign).encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b"[" * 100_000,
        b'{"availability":7}',
        b'{"availability":[{"topic":[]}]}',
        b"\xff",
    ],
)
def test_garbage_is_not_ours(payload):
    assert not discovery().is_ours(ONE_TOPIC, payload)


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        (ONE_TOPIC, "meshward_1001"),
        ("homeassistant/sensor/meshward_1001/heap/config", "meshward_1001"),
        ("homeassistant/sensor/heap/config", ""),
        ("homeassistant/device/a/b/config", ""),
        ("homeassistant/status", ""),
        ("homeassistant", ""),
    ],
)
def test_a_topic_of_discovery_says_which_device_it_is_about(topic, device):
    assert discovery().device_of(topic) == device
    assert discovery(prefix="mesh", form="entities").device_of(topic) == device


def test_in_a_large_house_only_our_own_entities_are_asked_for():
    filters = discovery().filters([1001])
    assert filters == (
        "homeassistant/status",
        "homeassistant/device/+/config",
        "homeassistant/+/meshward_bridge_mesh/+/config",
        "homeassistant/+/meshward_1001/+/config",
    )
