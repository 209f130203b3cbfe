"""Discovery: the topics and payloads that make devices and entities in Home Assistant."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from meshward.bridges.homeassistant.entities import Entity
from meshward.bridges.mqtt.topics import Topics

Form = Literal["device", "entities"]
INSTALL = b"install"
"""Payload by which Home Assistant asks for an update."""

MOVE = b'{"migrate_discovery":true}'
"""For topics of the other form: Home Assistant lets go of their entities, and keeps what people set."""

_PLATFORMS = ("binary_sensor", "sensor", "update")
_STATE = "{{ value_json.state }}"


@dataclass(frozen=True, slots=True)
class NodeDevice:
    """What Home Assistant shows of a node as a device."""

    node: int
    name: str
    hardware: str
    role: str
    version: str


@dataclass(frozen=True, slots=True)
class GatewayDevice:
    """What it shows of the gateway."""

    mesh: str
    """What the mesh is called."""
    version: str
    """Of Meshward."""


Device = NodeDevice | GatewayDevice


@dataclass(frozen=True, slots=True)
class Discovery:
    """Makes topics and payloads for the mesh below a prefix of a broker."""

    topics: Topics
    prefix: str = "homeassistant"
    """Home Assistant's, where it looks for discovery."""
    form: Form = "device"
    install: bool = True
    """Whether update entities have an Install button."""

    @property
    def progress(self) -> bool:
        """Whether update entities may tell of progress: versions that know devices know that too."""
        return self.form == "device"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it is there."""
        return f"{self.prefix}/status"

    def filters(self, nodes: Iterable[int]) -> tuple[str, ...]:
        """Where Home Assistant says that it is there, and where discovery lies at the broker.

        That of all programs which tell entity by entity is thousands of messages in a large house. So with
        "device" only what may be left of ours is asked for, from before the form was switched.
        """
        devices = f"{self.prefix}/device/+/config"
        if self.form == "entities":
            return (
                self.birth,
                devices,
                *(f"{self.prefix}/{platform}/+/+/config" for platform in _PLATFORMS),
            )
        ids = [self.gateway_id, *map(node_id, nodes)]
        return (self.birth, devices, *(f"{self.prefix}/+/{device_id}/+/config" for device_id in ids))

    @property
    def gateway_id(self) -> str:
        """The gateway's id as a device: it belongs to the topics, so that another gateway takes its place."""
        prefix = self.topics.prefix
        slug = re.sub(r"[^A-Za-z0-9-]", "_", prefix)
        if slug != prefix:
            slug += f"_{zlib.crc32(prefix.encode()):08x}"
        return f"meshward_bridge_{slug}"

    def device_id(self, device: Device) -> str:
        """Its id in Home Assistant."""
        return node_id(device.node) if isinstance(device, NodeDevice) else self.gateway_id

    def messages(
        self, device: Device, entities: Iterable[Entity], gone: Iterable[str] = ()
    ) -> dict[str, bytes]:
        """Payloads by topic. `gone`: ids of entities that it had, which are to be taken away; with the form
        "entities" their topics are just not among these.
        """
        device_id = self.device_id(device)
        about = self._about(device)
        if self.form == "entities":
            return {
                f"{self.prefix}/{entity.platform}/{device_id}/{entity.key}/config": msgspec.json.encode(
                    {**self._entity(device, entity), **about, **self._availability(device, entity)}
                )
                for entity in entities
            }
        components: dict[str, Any] = {entity_id: _nothing(entity_id) for entity_id in gone}
        for entity in entities:
            component = {"platform": entity.platform, **self._entity(device, entity)}
            if entity.offline:
                component |= self._availability(device, entity)
            components[entity.id] = component
        whole = {**about, **self._availability(device), "components": components}
        return {f"{self.prefix}/device/{device_id}/config": msgspec.json.encode(whole)}

    def is_other_form(self, topic: str) -> bool:
        """Whether a topic of discovery is of the form that is not used."""
        return self._is_of_device(topic) != (self.form == "device")

    def device_of(self, topic: str) -> str:
        """The id of the device that a topic of discovery is about."""
        levels = topic.removeprefix(self.prefix + "/").split("/")
        return levels[1] if len(levels) == (3 if self._is_of_device(topic) else 4) else ""

    def is_ours(self, topic: str, payload: bytes) -> bool:
        """Whether discovery at the broker is of this mesh, maybe from long ago."""
        if not self.device_of(topic).startswith("meshward_"):
            return False
        try:
            seen = msgspec.json.decode(payload, type=_Seen)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return self.topics.bridge("state") in {
            seen.state_topic,
            *(place.topic for place in seen.availability),
        }

    def _is_of_device(self, topic: str) -> bool:
        return topic.startswith(f"{self.prefix}/device/")

    def _about(self, device: Device) -> dict[str, Any]:
        identifiers = {"identifiers": [self.device_id(device)]}
        origin = {"name": "Meshward"}
        if isinstance(device, GatewayDevice):
            about = {
                **identifiers,
                "name": device.mesh,
                "manufacturer": "Meshward",
                "model": "painlessMesh gateway",
                "sw_version": device.version,
            }
            return {"device": about, "origin": {**origin, "sw_version": device.version}}
        told = {"model": device.hardware, "hw_version": device.role, "sw_version": device.version}
        about = {
            **identifiers,
            "name": device.name or f"Node {device.node}",
            "manufacturer": "painlessMesh",
            "serial_number": str(device.node),
            "via_device": self.gateway_id,
            **{name: value for name, value in told.items() if value},
        }
        return {"device": about, "origin": origin}

    def _availability(self, device: Device, entity: Entity | None = None) -> dict[str, Any]:
        places = []
        offline = entity is not None and entity.offline
        if isinstance(device, NodeDevice) or not offline:
            places.append(self.topics.bridge("state"))
        if isinstance(device, NodeDevice) and not offline:
            places.append(self.topics.node(device.node, "availability"))
        return {
            "availability": [
                {
                    "topic": place,
                    "value_template": _STATE,
                    "payload_available": "online",
                    "payload_not_available": "offline",
                }
                for place in places
            ],
            "availability_mode": "all",
        }

    def _entity(self, device: Device, entity: Entity) -> dict[str, Any]:
        unique_id = f"{self.device_id(device)}_{entity.key}"
        topic = self._topic(device, entity)
        told: dict[str, Any] = {
            "unique_id": unique_id,
            "default_entity_id": f"{entity.platform}.{unique_id.lower()}",
            "name": entity.name,
            "state_topic": topic,
            "value_template": entity.template,
            **entity.options,
        }
        if self.form == "entities":
            told["object_id"] = unique_id  # what versions before 2025.10 call it
        if entity.attributes:
            told |= {"json_attributes_topic": topic, "json_attributes_template": entity.attributes}
        if entity.platform == "update" and isinstance(device, NodeDevice) and self.install:
            told |= {
                "command_topic": self.topics.node_update(device.node),
                "payload_install": INSTALL.decode(),
                "qos": 1,
            }
        return told

    def _topic(self, device: Device, entity: Entity) -> str:
        if isinstance(device, NodeDevice):
            return self.topics.node(device.node, entity.what)
        if entity.what == "metrics":
            return self.topics.status(entity.what)
        return self.topics.bridge(entity.what)


def node_id(node: int) -> str:
    """A node's id as a device."""
    return f"meshward_{node}"


def _nothing(entity_id: str) -> Mapping[str, str]:
    return {"platform": entity_id.partition(".")[0]}


class _Place(msgspec.Struct):
    topic: str = ""


class _Seen(msgspec.Struct):
    availability: list[_Place] = []
    state_topic: str = ""
