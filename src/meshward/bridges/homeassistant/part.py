"""The part of a bridge by which Home Assistant shows the mesh, and can install updates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from time import monotonic

import structlog

from meshward.bridges.homeassistant.devices import Devices
from meshward.bridges.homeassistant.discovery import INSTALL, Discovery, GatewayDevice
from meshward.bridges.homeassistant.memory import Memory
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Changed, Follower
from meshward.config.bridges import HomeAssistant
from meshward.errors import MeshwardError
from meshward.gateway.service import Caller, Service

log = structlog.get_logger("meshward.bridges.homeassistant")

LOOK_S = 30.0
"""How soon a value that a node never told before gets an entity."""
SETTLE_S = 2.0
BIRTH_S = 30.0
"""Home Assistant is told everything anew at some time within this after it started: it is busy then, and
other programs tell it too.
"""
UNKNOWN_S = 600.0
"""Devices of nodes that are not known are taken away so long after the start: a gateway that lost its data
meets its nodes again, and people would lose what they set for them.
"""
_CALLER = Caller("home assistant", "operator")


class HomeAssistantPart:
    """See `Part`. It needs the payloads of the profile "meshward"."""

    def __init__(
        self,
        service: Service,
        topics: Topics,
        retained: Retained,
        settings: HomeAssistant,
        path: Path,
        rng: Random,
        *,
        mesh: str = "",
        birth_s: float = BIRTH_S,
        look_s: float = LOOK_S,
        settle_s: float = SETTLE_S,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        """`path`: where it is kept which entities there are; `mesh`: what the mesh is called."""
        self._service = service
        self._topics = topics
        self._retained = retained
        self._install = settings.install
        self._rng = rng
        self._mesh = mesh
        self._birth_s = birth_s
        self._look_s = look_s
        self._settle_s = settle_s
        self._now_s = now_s
        self._discovery = Discovery(topics, settings.prefix, settings.discovery, settings.install)
        self._memory = Memory(path)
        self._devices = Devices(self._discovery, retained, self._memory)
        self._follower = Follower(service.feed)
        self._wanted: dict[int, None] = {}
        """Nodes to be updated, of those that the gateway knows."""
        self._asked = asyncio.Event()
        self._born = asyncio.Event()

    @property
    def filters(self) -> Sequence[str]:
        """Home Assistant's birth, discovery as it lies at the broker, and the Install buttons."""
        install = (self._topics.node_update("+"),) if self._install else ()
        nodes = [node.id for node in self._service.nodes()]
        return (*self._discovery.filters(nodes), *install)

    async def work(self) -> None:
        """Keep discovery on the shelf, and obey."""
        await asyncio.to_thread(self._memory.load)
        self._take(self._follower.catch_up())
        self._look_once()  # at once, so that devices are not told twice
        try:
            async with asyncio.TaskGroup() as tasks:
                for task in (self._follow, self._look, self._settle, self._update, self._greet):
                    tasks.create_task(task())
        finally:
            self._memory.save()

    async def run(self, session: Session) -> None:
        """Nothing: the shelf is sent by the bridge."""

    async def on_message(self, message: Received) -> None:
        """A command, a birth, or discovery that lies at the broker."""
        if message.topic == self._discovery.birth:
            # One that lay there is older than our connection, which began with telling everything.
            if message.payload == b"online" and not message.retain:
                self._born.set()
        elif (node := self._node_to_install(message.topic)) is not None:
            self._want(node, message)
        elif message.retain and message.payload:
            self._devices.found(message.topic, message.payload)

    def _node_to_install(self, topic: str) -> int | None:
        before, after = self._topics.node_update("+").split("+")
        digits = topic[len(before) : -len(after)]
        if topic != f"{before}{digits}{after}" or not (digits.isascii() and digits.isdecimal()):
            return None
        return int(digits[:20])

    def _want(self, node: int, message: Received) -> None:
        if message.retain or message.payload != INSTALL:
            return  # what lay at the broker was pressed long ago, maybe twice
        if node not in self._follower.picture.nodes:
            log.warning("Home Assistant asked for the update of a node that is not known", node=node)
            return
        self._wanted[node] = None
        self._asked.set()

    async def _follow(self) -> None:
        while True:
            self._take(await self._follower.next())
            # Home Assistant may lose a part of what it is told of a device while it is busy with that device.
            await asyncio.sleep(self._settle_s)

    def _take(self, changed: Changed) -> None:
        nodes = self._follower.picture.nodes
        if changed.everything:
            self._devices.gateway(GatewayDevice(self._mesh or "Mesh", self._service.health().version))
        for node in sorted(nodes if changed.everything else changed.nodes & nodes.keys()):
            self._devices.node(nodes[node])
        if changed.everything or changed.nodes - nodes.keys():
            self._devices.keep_only(nodes)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            self._look_once()

    def _look_once(self) -> None:
        for status in self._service.mesh_status().nodes:
            self._devices.reports(status)

    async def _settle(self) -> None:
        started_s = self._now_s()
        while True:
            await asyncio.sleep(self._settle_s)
            self._devices.settle()
            self._devices.move_other_form()
            if self._now_s() - started_s >= UNKNOWN_S:
                self._devices.clear_unknown()
            unsaved = self._memory.unsaved()
            if unsaved is not None:
                await asyncio.to_thread(self._memory.write, unsaved)

    async def _update(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._wanted:
                node = next(iter(self._wanted))
                del self._wanted[node]
                await self._update_one(node)

    async def _update_one(self, node: int) -> None:
        try:
            rollout = await self._service.update_node(node, _CALLER)
        except MeshwardError as error:  # the entity shows why, as long as it stays so
            log.warning("Home Assistant asked for an update that cannot be", node=node, reason=str(error))
        else:
            log.info("Home Assistant asked for an update", node=node, rollout=rollout.id)

    async def _greet(self) -> None:
        while True:
            await self._born.wait()
            await asyncio.sleep(self._birth_s * self._rng.random())
            self._born.clear()
            self._retained.send_all()
