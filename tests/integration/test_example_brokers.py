"""The examples' configurations of a broker, in a real one: who may do what."""

import os
import re
import subprocess
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from tests.support.mosquitto import client
from tests.support.programs import ROOT, find, free_port, running

EXAMPLES = ROOT / "examples"
CASES = {
    "stack": (EXAMPLES / "stack/mosquitto/mosquitto.conf", EXAMPLES / "stack/mosquitto/acl"),
    "raspberry-pi": (EXAMPLES / "raspberry-pi/mosquitto.conf", EXAMPLES / "raspberry-pi/meshward.acl"),
}


@asynccontextmanager
async def example_broker(folder, name):
    """The example's broker; gives its port. Each user's password is the user's name."""
    port = free_port()
    config = written(folder, name, port)
    async with running([find("mosquitto"), "-c", config], folder / "log", port):
        yield port


def written(folder, name, port):
    """The example's configuration, with its files and port where a test may have them."""
    config, acl = CASES[name]
    rules = acl.read_text("utf-8")
    passwords, moved_acl = folder / "passwords", folder / "acl"
    for path in (passwords, moved_acl):
        path.touch(mode=0o600)
    moved_acl.write_text(rules, "utf-8")
    for user in re.findall(r"^user (\S+)$", rules, re.MULTILINE):
        subprocess.run([find("mosquitto_passwd"), "-b", passwords, user, user], check=True, timeout=30)
    moved = {
        "listener": f"{port} 127.0.0.1",
        "password_file": passwords,
        "acl_file": moved_acl,
        "persistence_location": f"{folder}/",
    }
    options = re.findall(r"^(\w+) (.*)$", config.read_text("utf-8"), re.MULTILINE)
    lines = [f"{key} {moved.get(key, value)}" for key, value in options]
    if os.getuid() == 0:
        lines.insert(1, "user root")
    made = folder / "mosquitto.conf"
    made.write_text("\n".join(lines))
    return made


def login(user, password=None):
    return {"username": user, "password": password or user}


async def arrives(sender, receiver, topic):
    """Whether what one publishes comes to the other, who is subscribed to all it may read."""
    await sender.publish(topic, b"here")
    try:
        await receiver.wait_for(topic, within_s=0.5)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("name", CASES)
async def test_the_gateway_tells_and_home_assistant_installs(tmp_path, name):
    async with (
        example_broker(tmp_path, name) as port,
        client(port, topics=("mesh/#", "homeassistant/#"), **login("meshward")) as gateway,
        client(port, topics=("mesh/#", "homeassistant/#"), **login("homeassistant")) as panel,
    ):
        assert await arrives(gateway, panel, "mesh/status/nodes")
        assert await arrives(gateway, panel, "homeassistant/device/x/config")
        assert await arrives(panel, gateway, "mesh/ota/node/1001/install")
        assert await arrives(panel, gateway, "homeassistant/status")
        assert not await arrives(panel, gateway, "mesh/ota/request/start")
        assert not await arrives(panel, gateway, "mesh/status/alerts")


@pytest.mark.parametrize("name", CASES)
async def test_nobody_else_comes_in(tmp_path, name):
    async with example_broker(tmp_path, name) as port:
        for who in ({"username": None, "password": None}, login("meshward", "wrong"), login("stranger")):
            with pytest.raises(aiomqtt.MqttError):
                async with client(port, **who):
                    pass


async def test_a_build_server_starts_updates_and_sees_no_nodes(tmp_path):
    async with (
        example_broker(tmp_path, "stack") as port,
        client(port, topics=("mesh/#",), **login("meshward")) as gateway,
        client(
            port, topics=("mesh/ota/response/#", "mesh/ota/status/#", "mesh/status/#"), **login("ci")
        ) as ci,
        client(port, topics=("mesh/#",), **login("node-red")) as flow,
    ):
        for one in (ci, flow):
            gateway.latest.clear()
            assert await arrives(one, gateway, "mesh/ota/request/start")
            assert await arrives(gateway, one, "mesh/ota/response/start")
            assert not await arrives(one, gateway, "mesh/status/nodes")
        assert await arrives(gateway, flow, "mesh/status/topology")
        assert not await arrives(gateway, ci, "mesh/status/topology")
