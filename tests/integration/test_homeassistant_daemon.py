"""A virtual fleet in a real Home Assistant, by way of a real gateway and broker."""

import pytest
import pytest_asyncio

from meshward.fleet.commands import Drop
from tests.integration.gateway_meshes import (
    FIRST_ID,
    app,
    ended,
    gateway_in_mesh,
    spec,
    states,
    upload,
)
from tests.support.homeassistant import home_assistant
from tests.support.mosquitto import broker

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("homeassistant"),
    pytest.mark.timeout(120),  # the first one waits for Home Assistant, a fleet and an update of all of it
]

UPDATED, OTHER, LEAVING = FIRST_ID, FIRST_ID + 1, FIRST_ID + 2
IMAGE_BYTES = 60_000
UNDER_WAY = {"pending", "scheduled", "downloading", "verifying", "rebooting"}
CONFIGURATION = """
name = "Garden"
[updates]
probe_every_s = 5
[mqtt]
brokers = "mqtt://127.0.0.1:{port}"
period_s = 1
[homeassistant]
enabled = true
discovery = "{form}"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """A fleet, the gateway in it, and Home Assistant: all nodes run 1.0, and there is a 2.0."""
    folder = tmp_path_factory.mktemp("home")
    config = folder / "meshward.toml"
    async with broker(folder) as mosquitto, home_assistant(folder / "home", mosquitto.port) as home:
        config.write_text(CONFIGURATION.format(port=mosquitto.port, form=home.form))
        async with gateway_in_mesh(folder / "data", "--config", config, nodes=3) as (fleet, daemon):
            await install_everywhere(daemon, app("1.0", IMAGE_BYTES))
            async with daemon.api() as api:
                assert (await upload(api, app("2.0", IMAGE_BYTES))).status_code == 201
            yield fleet, daemon, home


async def install_everywhere(daemon, image):
    async with daemon.api() as api:
        firmware = (await upload(api, image)).json()["sha256"]
        made = (await api.post("/rollouts", json=spec(firmware))).json()
    assert set(states(await ended(daemon, made["id"])).values()) == {"completed"}


def firmware(node):
    return f"meshward_{node}_firmware"


def can_be_updated(states, node):
    shown = states.get(firmware(node), {"state": ""})
    return shown["state"] == "on" and shown["attributes"]["in_progress"] is False


def is_in_progress(home, states, node):
    if home.form == "device":
        return states[firmware(node)]["attributes"]["in_progress"]
    return states[f"meshward_{node}_update_state"]["state"] in UNDER_WAY


async def test_install_updates_that_node_alone_and_progress_is_seen(world):
    _, daemon, home = world
    shown = await home.wait_for(
        "states", lambda now: all(can_be_updated(now, node) for node in (UPDATED, OTHER))
    )
    told = shown[firmware(UPDATED)]
    assert told["attributes"]["installed_version"] == "1.0"
    assert told["attributes"]["latest_version"] == "2.0"
    assert told["attributes"]["title"] == "lamp"
    await home.ask("call", domain="update", service="install", data={"entity_id": told["entity_id"]})
    await home.wait_for("states", lambda now: is_in_progress(home, now, UPDATED))
    shown = await home.states_when(**{firmware(UPDATED): "off", firmware(OTHER): "on"})
    assert shown[firmware(UPDATED)]["attributes"]["installed_version"] == "2.0"
    assert shown[firmware(OTHER)]["attributes"]["installed_version"] == "1.0"
    latest = (await daemon.get("/rollouts"))["items"][0]
    done = await ended(daemon, latest["id"])
    assert done["state"] == "completed"
    assert [node for node, state in states(done).items() if state != "not_targeted"] == [UPDATED]
    assert done["created_by"] == "home assistant"


async def test_a_gateway_that_is_killed_makes_everything_unavailable_until_it_is_back(world):
    _, daemon, home = world
    delay = f"meshward_{OTHER}_delay_ms"
    devices = await home.ask("devices")
    before = {one["unique_id"]: one["entity_id"] for one in await home.ask("entities")}
    await home.wait_for("states", lambda now: now[delay]["state"] not in {"unknown", "unavailable"})
    await daemon.kill()
    await home.states_when(
        **{delay: "unavailable", firmware(OTHER): "unavailable", "meshward_bridge_mesh_connectivity": "off"}
    )
    await daemon.start()
    await daemon.wait_ready()
    await home.wait_for(
        "states", lambda now: now[delay]["state"] not in {"unknown", "unavailable"}, within_s=30
    )
    assert {one["unique_id"]: one["entity_id"] for one in await home.ask("entities")} == before
    assert (await home.ask("devices")).keys() == devices.keys()


async def test_a_node_that_left_and_is_forgotten_is_gone(world):
    fleet, daemon, home = world
    await home.states_when(**{f"meshward_{LEAVING}_connectivity": "on"})
    await fleet.apply(Drop(LEAVING))
    await home.states_when(
        **{f"meshward_{LEAVING}_connectivity": "off", f"meshward_{LEAVING}_delay_ms": "unavailable"}
    )
    async with daemon.api() as api:
        assert (await api.delete(f"/nodes/{LEAVING}")).status_code == 204
    await home.wait_for("devices", lambda devices: f"meshward_{LEAVING}" not in devices)
    assert f"meshward_{OTHER}" in await home.ask("devices")
