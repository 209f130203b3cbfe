import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from meshward.bridges.homeassistant import part as part_module
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.retained import Retained
from tests.support.home_service import HomeService, make_part
from tests.support.mqtt_bridges import until

INSTALL = "mesh/ota/node/1001/install"
TOPIC = "homeassistant/device/meshward_1001/config"
QUICK = {"birth_s": 0.02, "look_s": 0.02, "settle_s": 0.01}


@pytest.fixture
def service():
    made = HomeService(1001, 1002)
    made.offer(1001, "1.1.0")
    return made


@asynccontextmanager
async def working(service, tmp_path, shelf=None, **options):
    """A part at work, and its shelf."""
    shelf = Retained() if shelf is None else shelf
    part = make_part(service, shelf, tmp_path / "entities.json", **{**QUICK, **options})
    task = asyncio.create_task(part.work())
    await until(lambda: shelf.get(TOPIC) or task.done())
    try:
        yield part, shelf
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def emptied(shelf):
    """Topics that waited to be sent."""
    topics = []
    while (publication := shelf.take()) is not None:
        topics.append(publication.topic)
    return topics


async def test_the_install_button_updates_that_node_in_the_name_of_home_assistant(service, tmp_path):
    async with working(service, tmp_path) as (part, _):
        await part.on_message(Received(INSTALL, b"install"))
        await until(lambda: service.asked)
    ((node, caller),) = service.asked
    assert (node, caller.name, caller.role) == (1001, "home assistant", "operator")


@pytest.mark.parametrize(
    "message",
    [
        Received(INSTALL, b"install", retain=True),
        Received(INSTALL, b""),
        Received(INSTALL, b"INSTALL"),
        Received("mesh/ota/node/1009/install", b"install"),
        Received("mesh/ota/node/-1/install", b"install"),
        Received("mesh/ota/node//install", b"install"),
        Received("mesh/ota/node/1001/1001/install", b"install"),
        Received("mesh/ota/node/\N{ARABIC-INDIC DIGIT ONE}/install", b"install"),
        Received(f"mesh/ota/node/{'9' * 60_000}/install", b"install"),
        Received("mesh/ota/node/install", b"install"),
    ],
)
async def test_other_messages_install_nothing(service, tmp_path, message):
    async with working(service, tmp_path) as (part, _):
        await part.on_message(message)
        await part.on_message(Received("mesh/ota/node/1002/install", b"install"))
        service.offer(1002, "1.1.0")
        await until(lambda: service.asked)
    assert [node for node, _ in service.asked] == [1002]


async def test_what_cannot_be_updated_is_logged_and_others_go_on(service, tmp_path):
    service.offer(1001, "1.1.0", refusal="its role is not known")
    service.offer(1002, "1.1.0")
    with capture_logs() as logs:
        async with working(service, tmp_path) as (part, _):
            await part.on_message(Received(INSTALL, b"install"))
            await part.on_message(Received("mesh/ota/node/1002/install", b"install"))
            await until(lambda: len(service.asked) == 2)
            await until(lambda: any("rollout" in entry for entry in logs))
    assert [entry["reason"] for entry in logs if "reason" in entry] == ["its role is not known"]


async def test_without_install_nobody_listens_for_it(service, tmp_path):
    with_it = make_part(service, Retained(), tmp_path / "a.json")
    without = make_part(service, Retained(), tmp_path / "b.json", install=False)
    assert "mesh/ota/node/+/install" in with_it.filters
    assert "mesh/ota/node/+/install" not in without.filters
    assert "homeassistant/status" in without.filters


async def test_when_home_assistant_starts_everything_is_told_again(service, tmp_path):
    async with working(service, tmp_path) as (part, shelf):
        shelf.put("mesh/bridge/state", b"online")
        emptied(shelf)
        await part.on_message(Received("homeassistant/status", b"online"))
        await until(lambda: shelf.waiting)
        assert emptied(shelf) == list(shelf.topics)


@pytest.mark.parametrize(
    "message",
    [
        Received("homeassistant/status", b"online", retain=True),
        Received("homeassistant/status", b"offline"),
        Received("homeassistant/status", b"\xff"),
    ],
)
async def test_other_words_of_home_assistant_are_no_birth(service, tmp_path, message):
    async with working(service, tmp_path, birth_s=0.0) as (part, shelf):
        emptied(shelf)
        await part.on_message(message)
        for _ in range(10):
            await asyncio.sleep(0)
        assert shelf.waiting == 0


async def test_changes_of_the_mesh_reach_the_shelf(service, tmp_path):
    async with working(service, tmp_path) as (_, shelf):
        service.change(1001, name="Cellar")
        await until(lambda: b'"Cellar"' in shelf.get(TOPIC))
        service.join(1003)
        await until(lambda: shelf.get("homeassistant/device/meshward_1003/config"))
        service.reported[1001] = {"battery_percent": 80.0}
        await until(lambda: b"battery_percent" in shelf.get(TOPIC))
        service.forget(1001)
        await until(lambda: shelf.get(TOPIC) is None)


async def test_devices_of_unknown_nodes_are_left_alone_at_first(service, tmp_path):
    now_s = 0.0
    payload = b'{"availability":[{"topic":"mesh/bridge/state"}]}'
    lost = "homeassistant/device/meshward_1009/config"
    async with working(service, tmp_path, now_s=lambda: now_s) as (part, shelf):
        emptied(shelf)
        await part.on_message(Received(lost, payload, retain=True))
        await asyncio.sleep(0.05)
        assert lost not in emptied(shelf)
        now_s = part_module.UNKNOWN_S
        await until(lambda: shelf.waiting)
        assert emptied(shelf) == [lost]


async def test_all_that_brokers_can_send_does_no_harm(service, tmp_path):
    async with working(service, tmp_path) as (part, shelf):
        emptied(shelf)
        for topic in (
            "",
            "/",
            TOPIC,
            "homeassistant/device//config",
            "homeassistant/status",
            INSTALL,
            "a/+/#",
        ):
            for payload in (b"", b"{}", b"\xff", b"[" * 50_000, b'{"availability":[{}]}'):
                for retain in (True, False):
                    await part.on_message(Received(topic, payload, retain))
        await asyncio.sleep(0.05)
        assert (emptied(shelf), service.asked) == ([], [])
