"""Keeps on the shelf what Home Assistant has to be told; without any waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshward.bridges.homeassistant.discovery import (
    MOVE,
    Device,
    Discovery,
    GatewayDevice,
    NodeDevice,
    node_id,
)
from meshward.bridges.homeassistant.entities import METRIC_OF_ID, OF_GATEWAY, Entity, node_entities
from meshward.bridges.homeassistant.memory import Memory
from meshward.bridges.mqtt.retained import Retained
from meshward.gateway.health_views import NodeStatus
from meshward.gateway.views import NodeView

FOUND_MAX = 20_000
"""Topics of discovery at the broker that are looked at: 500 nodes, told entity by entity."""


class Devices:
    """The devices as Home Assistant knows them."""

    def __init__(self, discovery: Discovery, retained: Retained, memory: Memory) -> None:
        self._discovery = discovery
        self._retained = retained
        self._memory = memory
        self._topics: dict[str, list[str]] = {}
        """Topics on the shelf by device: of nodes that the gateway knows."""
        self._looks: dict[str, Device] = {}
        """What the devices look like there."""
        self._again: set[str] = set()
        """Devices to be told once more, when what waits was sent."""
        self._found: dict[str, None] = {}
        """Ours at the broker, and not on the shelf when it was found."""
        self._moving: list[str] = []
        """Topics of the other form whose entities are to be let go of."""
        self._moved: list[str] = []
        """The same, when the devices were told in our form since: nothing is to lie there any more."""

    def gateway(self, device: GatewayDevice) -> None:
        """The gateway: before all nodes, for these are shown as connected by it."""
        self._tell(device, OF_GATEWAY)

    def node(self, view: NodeView) -> None:
        """A node, as it is shown now."""
        device = NodeDevice(view.id, view.name, view.hardware, view.role, _version(view))
        if self._looks.get(node_id(view.id)) != device:
            self._tell(device, self._entities(view.id))

    def reports(self, status: NodeStatus) -> None:
        """How a node does: a value that it never told of before gets an entity."""
        device_id = node_id(status.node)
        device = self._looks.get(device_id)
        if device is None:
            return
        entities = self._entities(status.node, status)
        if {entity.id for entity in entities} != self._memory.given(device_id):
            self._tell(device, entities)

    def keep_only(self, nodes: Iterable[int]) -> None:
        """Nodes that are not among these were forgotten: their devices go."""
        kept = {self._discovery.gateway_id, *map(node_id, nodes)}
        for device_id in {*self._topics, *self._memory.devices} - kept:
            self._memory.forget(device_id)
            self._looks.pop(device_id, None)
            self._again.discard(device_id)
            for topic in self._topics.pop(device_id, []):
                self._retained.drop(topic)

    def found(self, topic: str, payload: bytes) -> None:
        """Something lies at the broker where discovery does."""
        if topic in self._retained.topics or len(self._found) >= FOUND_MAX:
            return
        moving = payload == MOVE and self._discovery.device_of(topic) in self._topics
        if moving or self._discovery.is_ours(topic, payload):
            self._found[topic] = None

    def move_other_form(self) -> None:
        """What was told in the form that is not used any more goes over to the one that is.

        Home Assistant takes no entity from two topics. So it has to let go of the old ones, then be told of
        the devices, and then the old topics can go.
        """
        for topic in [topic for topic in self._found if self._discovery.is_other_form(topic)]:
            device_id = self._discovery.device_of(topic)
            if device_id in self._topics:
                del self._found[topic]
                self._retained.put(topic, MOVE)
                self._moving.append(topic)
                self._again.add(device_id)

    def clear_unknown(self) -> None:
        """What is of nodes, or is about entities, that are not known."""
        found, self._found = self._found, {}
        for topic in found:
            self._retained.clear(topic)  # unless it is on the shelf by now

    def settle(self) -> None:
        """What can be told only when the broker took what was told before."""
        if self._retained.waiting:
            return
        for topic in self._moved:
            self._retained.drop(topic)
        self._moved, self._moving = self._moving, []
        again, self._again = self._again, set()
        for device_id in sorted(again, key=lambda device_id: device_id != self._discovery.gateway_id):
            device = self._looks[device_id]
            self._tell(device, self._entities(device.node) if isinstance(device, NodeDevice) else OF_GATEWAY)
            for topic in self._topics[device_id]:
                self._retained.send_again(topic)  # also where it did not change

    def _entities(self, node: int, status: NodeStatus | None = None) -> list[Entity]:
        """What a node reports, and ever reported."""
        reported = {METRIC_OF_ID.get(entity, "") for entity in self._memory.given(node_id(node))}
        if status is not None:
            reported |= status.metrics.keys()
            if status.boot_at is not None:
                reported.add("boot_at")
        return node_entities(reported, progress=self._discovery.progress)

    def _tell(self, device: Device, entities: Iterable[Entity]) -> None:
        device_id = self._discovery.device_id(device)
        entities = list(entities)
        given = frozenset(entity.id for entity in entities)
        gone = self._memory.given(device_id) - given
        messages = self._discovery.messages(device, entities, sorted(gone))
        if gone:
            self._again.add(device_id)  # then without them: each is taken away once
        self._put(device_id, messages)
        self._looks[device_id] = device
        self._memory.give(device_id, given)

    def _put(self, device_id: str, messages: Mapping[str, bytes]) -> None:
        for topic in self._topics.get(device_id, []):
            if topic not in messages:
                self._retained.drop(topic)
        for topic, payload in messages.items():
            self._retained.put(topic, payload)
        self._topics[device_id] = list(messages)


def _version(view: NodeView) -> str:
    return view.version or view.firmware[:12]
