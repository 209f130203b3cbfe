"""A real Home Assistant with its MQTT integration, obeying a test: run by its own Python, in its own environment.

    python homeassistant_core.py DIRECTORY BROKER_PORT

Every line of standard input is a request, as {"do": "states"}; its answer is a line of standard output.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from homeassistant import config_entries, core, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.const import __version__
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component

COMPLAINTS_MAX = 1000


class Complaints(logging.Handler):
    """What Home Assistant warned of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        if len(self.texts) < COMPLAINTS_MAX:
            self.texts.append(self.format(record))


class Home:
    """What a test can ask for."""

    def __init__(self, hass, complaints):
        self.hass = hass
        self.complaints = complaints

    async def version(self):
        return __version__

    async def states(self):
        """Of all entities, by unique id."""
        unique_ids = {entity["entity_id"]: entity["unique_id"] for entity in await self.entities()}
        return {
            unique_ids[state.entity_id]: {
                "state": state.state,
                "attributes": dict(state.attributes),
                "entity_id": state.entity_id,
            }
            for state in self.hass.states.async_all()
            if state.entity_id in unique_ids
        }

    async def entities(self):
        return [
            {
                "entity_id": entity.entity_id,
                "unique_id": entity.unique_id,
                "device": entity.device_id,
                "category": entity.entity_category,
                "disabled": entity.disabled,
            }
            for entity in entity_registry.async_get(self.hass).entities.values()
        ]

    async def devices(self):
        """All devices, by their identifier."""
        devices = device_registry.async_get(self.hass).devices
        identifiers = {device.id: min(device.identifiers)[1] for device in devices.values()}
        return {
            identifiers[device.id]: {
                "id": device.id,
                "name": device.name,
                "model": device.model,
                "version": device.sw_version,
                "via": identifiers.get(device.via_device_id),
            }
            for device in devices.values()
        }

    async def rename(self, entity_id, name):
        """As a user does it."""
        entity_registry.async_get(self.hass).async_update_entity(entity_id, name=name)

    async def call(self, domain, service, data):
        await self.hass.services.async_call(domain, service, data, blocking=True)

    async def complained(self):
        """What it warned of since the last question."""
        texts, self.complaints.texts = self.complaints.texts, []
        return texts


async def start(directory, port, complaints):
    """Home Assistant with nothing but what MQTT needs, connected to a broker of this machine, the same each
    time it is started in a directory.
    """
    hass = core.HomeAssistant(directory)
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await loader.async_get_custom_components(hass)
    await async_load_base_functionality(hass)
    hass.auth = await auth_manager_from_config(hass, [{"type": "homeassistant"}], [])
    assert await async_setup_component(hass, "homeassistant", {})
    hass.config.components.add("http")  # its server; MQTT wants it for uploads of certificates only
    hass.config.components.add("file_upload")
    known = bool(hass.config_entries.async_entries("mqtt"))
    if known:
        assert await async_setup_component(hass, "mqtt", {})
    await hass.async_start()
    if not known:
        await connect(hass, port)
    await hass.async_block_till_done()
    return Home(hass, complaints)


async def connect(hass, port):
    """As a user does it, once."""
    flow = await hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
    made = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"broker": "127.0.0.1", "port": port}
    )
    assert made["type"] == "create_entry", made


async def obey(home):
    reader = asyncio.StreamReader(limit=1 << 20)
    await home.hass.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tell("ready")
    while line := await reader.readline():
        request = json.loads(line)
        try:
            tell(await getattr(home, request.pop("do"))(**request))
        except Exception as error:  # noqa: BLE001 whatever it is, the test is told
            tell({"error": f"{type(error).__name__}: {error}"})


def tell(answer):
    sys.stdout.write(json.dumps(answer, default=str) + "\n")
    sys.stdout.flush()


async def main():
    complaints = Complaints()
    Path(sys.argv[1], "configuration.yaml").touch()  # noqa: ASYNC240 nothing else runs yet
    complaints.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.getLogger().addHandler(complaints)
    home = await start(sys.argv[1], int(sys.argv[2]), complaints)
    await obey(home)
    await home.hass.async_stop(force=True)


asyncio.run(main())
