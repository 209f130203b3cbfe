"""The part of a bridge that keeps the status of the mesh at a broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from meshward.bridges.base import Record
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile, Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_topics import StatusTopics
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Changed, Follower
from meshward.errors import MeshwardError, UnknownItemError
from meshward.gateway.health_views import NodeStatus
from meshward.gateway.service import Service

log = structlog.get_logger("meshward.bridges.mqtt")

LOOK_S = 1.0
"""What changes is told at once, but no more often."""

Identity = tuple[object, ...]


class StatusPart:
    """See `Part`. All of its work is writing to the shelf, with a broker or without."""

    def __init__(
        self,
        service: Service,
        profile: Profile,
        topics: Topics,
        retained: Retained,
        record: Record,
        told: Told,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._record = record
        self._period_s = told.period_s
        self._now_s = now_s
        self._status = StatusTopics(profile, topics, retained, told)
        self._follower = Follower(service.feed)
        self._filled = retained.promise()
        self._due = asyncio.Event()
        """Set where a period is not waited for."""
        self._was_connected = False
        self._look_for_offers = asyncio.Event()
        self._identities: dict[int, Identity] = {}
        """What offers depend on, of the nodes of the picture."""

    @property
    def filters(self) -> Sequence[str]:
        """None."""
        return ()

    async def work(self) -> None:
        """Keep the shelf up to date."""
        # The picture is there before a period is over it, which tells of every node.
        changed = await self._follower.joined()
        self._status.take(self._follower.picture, changed, self._service.topology, self._now_s())
        self._identify(changed)
        self._was_connected = self._follower.picture.mesh_connected
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._periods())
            tasks.create_task(self._watch_progress())
            tasks.create_task(self._watch_offers())

    async def run(self, session: Session) -> None:
        """Nothing: the shelf is sent by the bridge."""

    async def on_message(self, message: Received) -> None:
        """Nothing: no topic is read."""

    async def _follow(self) -> None:
        while True:
            changed = await self._follower.next()
            self._take(changed)
            await asyncio.sleep(LOOK_S)

    async def _periods(self) -> None:
        while True:
            service = self._service
            self._status.period(
                self._follower.picture,
                service.mesh_status(),
                service.health(),
                self._record.sent,
                self._record.dropped,
                self._now_s(),
            )
            self._look_for_offers.set()
            self._due.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._due.wait()

    async def _watch_progress(self) -> None:
        while True:
            self._status.progress(self._service.progress(), self._now_s())
            await asyncio.sleep(LOOK_S)

    def _take(self, changed: Changed) -> None:
        picture = self._follower.picture
        if picture.mesh_connected != self._was_connected:  # nothing of the last period holds any more
            self._was_connected = picture.mesh_connected
            self._due.set()
        missing = self._status.take(picture, changed, self._service.topology, self._now_s())
        self._status.statuses(self._statuses_of(missing), self._now_s())
        if self._identify(changed) or changed.everything or changed.rollouts or changed.events:
            self._look_for_offers.set()

    def _statuses_of(self, nodes: list[int]) -> list[NodeStatus]:
        found = []
        for node in nodes:
            try:
                found.append(self._service.node_status(node))
            except UnknownItemError:
                continue  # forgotten since
        return found

    def _identify(self, changed: Changed) -> bool:
        """Whether something is new that offers depend on."""
        nodes, news = self._follower.picture.nodes, False
        if changed.everything:
            self._identities = {}
        for node in nodes if changed.everything else changed.nodes:
            view = nodes.get(node)
            if view is None:
                self._identities.pop(node, None)
                continue
            identity = (
                *(view.online, view.hardware, view.role, view.version, view.firmware),
                *(view.excluded, view.update_state, tuple(view.tags)),
            )
            news |= self._identities.get(node) != identity
            self._identities[node] = identity
        return news

    async def _watch_offers(self) -> None:
        """By itself: they come from the store, and a slow disk must not delay who is online."""
        while True:
            await self._look_for_offers.wait()
            self._look_for_offers.clear()
            try:
                offers = await self._service.offers()
            except MeshwardError as error:  # the store is busy or broken: the next period looks again
                log.info("no look at what nodes could be updated to", reason=str(error))
            else:
                self._status.offers(offers, self._now_s())
            self._filled()
            await asyncio.sleep(LOOK_S)
