"""A real Home Assistant and a real broker: what it makes of what we tell. Each test has a mesh of its own."""

import asyncio
from itertools import count

import pytest
import pytest_asyncio

from tests.support.health_values import alert
from tests.support.home_service import STOCK, HomeService, bridged
from tests.support.homeassistant import KNOWS_BOTH_FORMS, home_assistant
from tests.support.mosquitto import broker, client
from tests.support.mqtt_bridges import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("homeassistant"),
    pytest.mark.timeout(120),  # the first one waits for Home Assistant
]

REPORTING = {**STOCK, "heap_free_bytes": 41_200.0, "rssi_dbm": -61.0, "temperature_c": 38.5}
KNOWN_COMPLAINTS = (
    "No device components to cleanup",  # it clears the topic once more itself, when a device goes
    "conflicting MQTT discovery message",  # told in both forms for a moment, when the form is switched
)
BOOT = "2026-11-20T08:00:00.000Z"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory):
    """A broker, and Home Assistant at it."""
    folder = tmp_path_factory.mktemp("homeassistant")
    async with broker(folder) as mosquitto, home_assistant(folder / "home", mosquitto.port) as home:
        yield mosquitto, home


@pytest.fixture(scope="module")
def numbers():
    return count(1)


@pytest.fixture
def prefix(numbers):
    """A mesh of its own, at the one broker."""
    return f"mesh{next(numbers)}"


@pytest.fixture
def ids(numbers):
    """Ids of two nodes that no other test has."""
    first = 3_000_000_000 + 10 * next(numbers)
    return first, first + 1


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def no_complaints(world):
    """Home Assistant warns of whatever it does not understand."""
    _, home = world
    await home.ask("complained")
    yield
    complaints = [text for text in await home.ask("complained") if "mqtt" in text.split(":")[0]]
    assert [text for text in complaints if not any(known in text for known in KNOWN_COMPLAINTS)] == []


def unique(node, key):
    return f"meshward_{node}_{key}"


def progress(home, states, node):
    """Of an update, in percent: versions that know one form alone show it beside the update."""
    if home.form == "device":
        return states[unique(node, "firmware")]["attributes"]["update_percentage"]
    shown = states[unique(node, "update_progress")]["state"]
    return None if shown == "unknown" else int(shown)


async def test_nodes_are_devices_with_the_entities_of_what_they_report(world, prefix, ids, tmp_path):
    mosquitto, home = world
    stock, reporting = ids
    service = HomeService(stock, reporting)
    service.join(reporting, parent=stock, depth=2, name="Kitchen", version="1.4.0", hardware="ESP32")
    service.reported[reporting] = REPORTING
    service.more[reporting] = {"boot_at": BOOT, "restarts": [BOOT]}
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        states = await home.states_when(
            **{
                unique(reporting, "heap_free_bytes"): "41200",
                unique(reporting, "rssi_dbm"): "-61",
                unique(reporting, "temperature_c"): "38.5",
                unique(reporting, "delay_ms"): "8",
                unique(reporting, "last_boot"): "2026-11-20T08:00:00+00:00",
                unique(reporting, "parent"): str(stock),
                unique(reporting, "depth"): "2",
                unique(reporting, "connectivity"): "on",
                unique(reporting, "firmware"): "off",
                unique(stock, "parent"): "gateway",
                f"meshward_bridge_{prefix}_connectivity": "on",
                f"meshward_bridge_{prefix}_nodes_online": "2",
            }
        )
        devices = await home.ask("devices")
    heap = states[unique(reporting, "heap_free_bytes")]["attributes"]
    assert heap["device_class"] == "data_size"
    assert heap["unit_of_measurement"] == "B"
    assert heap["friendly_name"] == "Kitchen Free heap"
    assert unique(stock, "heap_free_bytes") not in states
    assert unique(stock, "last_boot") not in states
    kitchen, gateway = devices[f"meshward_{reporting}"], devices[f"meshward_bridge_{prefix}"]
    assert (kitchen["name"], kitchen["model"], kitchen["version"]) == ("Kitchen", "ESP32", "1.4.0")
    assert kitchen["via"] == f"meshward_bridge_{prefix}"
    assert gateway["name"] == "Garden"
    assert gateway["via"] is None


async def test_trouble_is_a_problem_with_its_reasons(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(node, "problem"): "off"})
        service.alarm(alert("a1", node=node, rule="low_heap"))
        states = await home.states_when(**{unique(node, "problem"): "on"})
        assert states[unique(node, "problem")]["attributes"]["alerts"] == ["low_heap"]
        service.alarm(alert("a1", node=node, rule="low_heap", state="resolved"))
        await home.states_when(**{unique(node, "problem"): "off"})


async def test_a_value_that_is_too_old_is_unknown(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    service.reported[node] = REPORTING
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(node, "rssi_dbm"): "-61"})
        service.reported[node] = STOCK
        await home.states_when(**{unique(node, "rssi_dbm"): "unknown", unique(node, "delay_ms"): "8"})


async def test_a_first_report_makes_a_sensor_that_outlives_the_gateway(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(node, "delay_ms"): "8"})
        service.reported[node] = {**STOCK, "battery_percent": 77.0}
        await home.states_when(**{unique(node, "battery_percent"): "77"})
    async with bridged(HomeService(node), mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(node, "battery_percent"): "unknown", unique(node, "delay_ms"): "8"})


async def test_a_new_name_is_shown_and_entities_stay_as_they_are(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        states = await home.states_when(**{unique(node, "delay_ms"): "8"})
        before = states[unique(node, "delay_ms")]["entity_id"]
        await home.ask("rename", entity_id=before, name="Lag")
        service.change(node, name="Cellar", version="2.0.0")
        devices = await home.wait_for(
            "devices", lambda devices: devices[f"meshward_{node}"]["name"] == "Cellar"
        )
        assert devices[f"meshward_{node}"]["version"] == "2.0.0"
        states = await home.states_when(**{unique(node, "delay_ms"): "8"})
    assert states[unique(node, "delay_ms")]["entity_id"] == before
    assert states[unique(node, "delay_ms")]["attributes"]["friendly_name"] == "Lag"


async def test_who_is_away_is_unavailable(world, prefix, ids, tmp_path):
    mosquitto, home = world
    leaving, staying = ids
    service = HomeService(leaving, staying)
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(leaving, "delay_ms"): "8", unique(staying, "delay_ms"): "8"})
        service.change(leaving, online=False, depth=None)
        await home.states_when(
            **{
                unique(leaving, "delay_ms"): "unavailable",
                unique(leaving, "firmware"): "unavailable",
                unique(leaving, "connectivity"): "off",
                unique(leaving, "problem"): "off",
                unique(staying, "delay_ms"): "8",
            }
        )
    await home.states_when(
        **{
            unique(staying, "delay_ms"): "unavailable",
            unique(leaving, "connectivity"): "unavailable",
            f"meshward_bridge_{prefix}_connectivity": "off",
            f"meshward_bridge_{prefix}_nodes_online": "unavailable",
        }
    )


async def test_a_node_that_is_forgotten_is_gone(world, prefix, ids, tmp_path):
    mosquitto, home = world
    gone, staying = ids
    service = HomeService(gone, staying)
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        await home.states_when(**{unique(gone, "delay_ms"): "8", unique(staying, "delay_ms"): "8"})
        service.forget(gone)
        devices = await home.wait_for("devices", lambda devices: f"meshward_{gone}" not in devices)
        entities = await home.ask("entities")
    assert f"meshward_{staying}" in devices
    assert not [one for one in entities if one["unique_id"].startswith(f"meshward_{gone}_")]


async def test_install_updates_the_node_and_progress_is_seen(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    service.offer(node, "1.1.0", title="sensor", notes="Sleeps deeper.")
    firmware = unique(node, "firmware")
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        shown = (await home.states_when(**{firmware: "on"}))[firmware]
        told = shown["attributes"]
        assert (told["installed_version"], told["latest_version"]) == ("1.0.0", "1.1.0")
        assert (told["title"], told["release_summary"]) == ("sensor", "Sleeps deeper.")
        await home.ask("call", domain="update", service="install", data={"entity_id": shown["entity_id"]})
        await until(lambda: service.asked)
        assert [(node, "operator")] == [(asked, caller.role) for asked, caller in service.asked]
        service.progress_is(node, "downloading", 3, 10)
        await home.wait_for("states", lambda states: progress(home, states, node) == 30)
        service.running = []
        service.change(node, version="1.1.0")
        service.offer(node, "1.1.0")
        await home.states_when(**{firmware: "off"})
        await home.wait_for("states", lambda states: progress(home, states, node) is None)
        told = (await home.ask("states"))[firmware]["attributes"]
    assert told["in_progress"] is False


async def test_why_a_node_cannot_be_updated_is_shown(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    service.offer(node, "1.1.0", refusal="its role is not known", notes="x" * 400)
    firmware = unique(node, "firmware")
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        shown = (await home.states_when(**{firmware: "on"}))[firmware]
        summary = shown["attributes"]["release_summary"]
        assert summary.startswith("Cannot be updated now: its role is not known\n")
        assert len(summary) == 255
        await home.ask("call", domain="update", service="install", data={"entity_id": shown["entity_id"]})
        await until(lambda: service.asked)
        await home.states_when(**{firmware: "on"})


async def test_another_build_of_the_same_version_can_be_installed(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    service.offer(node, "1.0.0")
    service.offered[node].available = True
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        states = await home.states_when(**{unique(node, "firmware"): "on"})
    assert states[unique(node, "firmware")]["attributes"]["latest_version"] == "1.0.0 (another build)"


async def test_without_install_there_is_no_button(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    service = HomeService(node)
    service.offer(node, "1.1.0")
    async with bridged(service, mosquitto.port, tmp_path, prefix=prefix, install=False, discovery=home.form):
        states = await home.states_when(**{unique(node, "firmware"): "on"})
    install = 1  # UpdateEntityFeature.INSTALL
    assert not states[unique(node, "firmware")]["attributes"]["supported_features"] & install


async def test_what_a_broker_lost_is_told_again_when_home_assistant_starts(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    async with (
        bridged(HomeService(node), mosquitto.port, tmp_path, prefix=prefix, discovery=home.form),
        client(mosquitto.port, topics=()) as other,
    ):
        await home.states_when(**{unique(node, "delay_ms"): "8"})
        entity = f"homeassistant/sensor/meshward_{node}/delay_ms/config"
        device = f"homeassistant/device/meshward_{node}/config"
        await other.publish(device if home.form == "device" else entity, b"", retain=True)
        await home.wait_for("states", lambda states: unique(node, "delay_ms") not in states)
        await other.publish("homeassistant/status", b"online")
        await home.states_when(**{unique(node, "delay_ms"): "8"})


if KNOWS_BOTH_FORMS:

    @pytest.mark.parametrize(("before", "after"), [("device", "entities"), ("entities", "device")])
    async def test_the_form_of_discovery_can_be_switched(world, prefix, ids, tmp_path, before, after):
        mosquitto, home = world
        node, _ = ids
        entity = unique(node, "delay_ms")
        async with bridged(HomeService(node), mosquitto.port, tmp_path, prefix=prefix, discovery=before):
            first = (await home.states_when(**{entity: "8"}))[entity]["entity_id"]
        async with (
            bridged(HomeService(node), mosquitto.port, tmp_path, prefix=prefix, discovery=after),
            client(mosquitto.port, topics=()) as other,
        ):
            other_form = "device" if before == "device" else "sensor"

            async def left():
                topics = await other.retained(f"homeassistant/{other_form}/#")
                return [topic for topic in topics if str(node) in topic or prefix in topic.split("/")[2]]

            async with asyncio.timeout(20):
                while await left():  # noqa: ASYNC110 the broker tells of nothing that goes
                    await asyncio.sleep(0.2)
            states = await home.states_when(**{entity: "8", unique(node, "connectivity"): "on"})
            assert states[entity]["entity_id"] == first


async def test_entities_are_the_same_when_home_assistant_starts_again(world, prefix, ids, tmp_path):
    mosquitto, home = world
    node, _ = ids
    entity = unique(node, "delay_ms")
    folder = tmp_path / "home"
    async with bridged(HomeService(node), mosquitto.port, tmp_path, prefix=prefix, discovery=home.form):
        async with home_assistant(folder, mosquitto.port) as home:
            first = (await home.states_when(**{entity: "8"}))[entity]["entity_id"]
            await home.ask("rename", entity_id=first, name="Lag")
        async with home_assistant(folder, mosquitto.port) as home:
            again = (await home.states_when(**{entity: "8"}))[entity]
    assert again["entity_id"] == first
    assert again["attributes"]["friendly_name"] == "Lag"
