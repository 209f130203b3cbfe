"""Metrics in Prometheus' text format, made when they are asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from meshward.bridges.base import Record
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Follower
from meshward.bridges.prometheus.families import families
from meshward.bridges.prometheus.scene import Scene
from meshward.errors import MeshwardError
from meshward.gateway.bridge_views import BridgeView, OfferView
from meshward.gateway.health_views import MetricView
from meshward.gateway.service import Service

KEPT_S = 1.0
"""Several that scrape at the same time get the same text."""
OFFERS_KEPT_S = 30.0
"""Which firmware is meant for whom changes seldom, and takes a look into the database."""
LATELY_S = 300.0
"""Who scrapes less often than every five minutes hardly scrapes at all."""
STEP_S = 5.0
"""The start of the gateway is told anew where the clock was set by more than this."""


class ScrapeRecord(Record):
    """How the scraping goes. That nobody does is no failure: we cannot know whether somebody should."""

    def __init__(
        self, now_s: Callable[[], float] = time.time, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("/metrics", "prometheus", now_s=now_s, clock_s=clock_s)
        self.text = "nobody scraped it yet"
        self._scraped_s = 0.0

    def scraped(self, size_bytes: int) -> None:
        """Somebody took everything once."""
        self._scraped_s = self._clock_s()
        self.took(1, size_bytes)
        self.up("scraped")

    def view(self) -> BridgeView:
        """As it is shown."""
        ago_s = self._clock_s() - self._scraped_s
        if self.state == "up" and ago_s > LATELY_S:
            self.state, self._since_s = "starting", self._scraped_s
        if self.sent:
            self.text = f"scraped {ago_s:.0f} s ago" if self.state == "up" else "nobody scrapes it any more"
        return super().view()


class Exporter:
    """The bridge to Prometheus, which comes and takes."""

    def __init__(
        self,
        service: Service,
        mesh: str,
        *,
        now_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`mesh`: its name, "" for one of our own id."""
        self._scrapes = ScrapeRecord(now_s, clock_s)
        self.record: Record = self._scrapes
        self._service = service
        self._mesh = mesh
        self._now_s = now_s
        self._clock_s = clock_s
        self._follower = Follower(service.feed)
        self._one = asyncio.Lock()
        self._body = b""
        self._made_s = -KEPT_S
        self._offers: Mapping[int, OfferView] = {}
        self._offered_s = -OFFERS_KEPT_S
        self._started_s = 0.0

    async def run(self) -> None:
        """Nothing is to be done: others come to us."""
        await asyncio.Event().wait()

    async def scrape(self) -> bytes:
        """Everything, as of now or of less than a second ago."""
        async with self._one:
            if self._clock_s() - self._made_s >= KEPT_S:
                self._body = await self._make()
                self._made_s = self._clock_s()
            body = self._body
        self._scrapes.scraped(len(body))
        return body

    async def _make(self) -> bytes:
        await self._look_at_offers()
        scene = self._scene()
        catalogue = {metric.name: metric for metric in self._service.metrics()}
        # A thousand nodes take tenths of a second: the mesh does not wait for them.
        return await asyncio.to_thread(_write, scene, catalogue)

    async def _look_at_offers(self) -> None:
        if self._clock_s() - self._offered_s < OFFERS_KEPT_S:
            return
        self._offered_s = self._clock_s()
        try:
            self._offers = await self._service.offers()
        except MeshwardError:
            self._offers = {}  # the database takes no reads: everything else is still to be told

    def _scene(self) -> Scene:
        self._follower.catch_up()
        picture, health, now_s = self._follower.picture, self._service.health(), self._now_s()
        started_s = now_s - health.uptime_s
        if abs(started_s - self._started_s) > STEP_S:
            self._started_s = round(started_s)
        return Scene(
            now_s=now_s,
            mesh=mesh_name(self._mesh, picture.own_id),
            own_id=picture.own_id,
            started_s=self._started_s,
            health=health,
            status=self._service.mesh_status(),
            nodes=dict(picture.nodes),
            alerts=list(picture.alerts.values()),
            rollouts=list(picture.rollouts.values()),
            progress=self._service.progress(),
            offers={node: offer for node, offer in self._offers.items() if node in picture.nodes},
            bridges=self._service.bridges(),
        )


class _Collector(Collector):
    def __init__(self, scene: Scene, catalogue: Mapping[str, MetricView]) -> None:
        self._scene = scene
        self._catalogue = catalogue

    def collect(self) -> Iterator[Metric]:
        return families(self._scene, self._catalogue)


def _write(scene: Scene, catalogue: Mapping[str, MetricView]) -> bytes:
    return generate_latest(_Collector(scene, catalogue))
