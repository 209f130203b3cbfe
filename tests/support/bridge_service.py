"""What bridges ask of the gateway, in memory: a feed that tests publish to, and answers that they set."""

from typing import Any

import msgspec

from meshward.errors import StoreError, UnknownItemError
from meshward.gateway import views
from meshward.gateway.bridge_views import NodeSample, OfferView, ProgressView
from meshward.gateway.feed import Feed
from meshward.gateway.health_views import AlertView, MeshStatus, NodeStatus
from meshward.streams import Fanout, Stream
from tests.support import gateway_values, health_values

OWN_ID = 1


class BridgeService:
    """The few use cases that status and events are made from; how often each was asked is counted."""

    def __init__(self, *nodes: views.NodeView) -> None:
        self.nodes_by_id = {node.id: node for node in nodes}
        self.alerts_by_id: dict[str, AlertView] = {}
        self.statuses: dict[int, NodeStatus] = {}
        self.offers_by_node: dict[int, OfferView] = {}
        self.runs: list[ProgressView] = []
        self.event_log: list[views.EventView] = []
        self.mesh_connected = True
        self.store_broken = False
        self.asked: dict[str, int] = {}
        self.measured: Fanout[NodeSample] = Fanout()
        self.feed = Feed("epoch-1", self._snapshot)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "own_id": OWN_ID,
            "mesh_connected": self.mesh_connected,
            "alarms": [],
            "nodes": list(self.nodes_by_id.values()),
            "rollouts": [],
            "alerts": list(self.alerts_by_id.values()),
        }

    def _count(self, what: str) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1

    # What tests do.

    def show(self, *nodes: views.NodeView) -> None:
        """Nodes as they are now."""
        self.nodes_by_id |= {node.id: node for node in nodes}
        self._publish("node", [(node.id, node) for node in nodes])

    def join(self) -> None:
        """The mesh is in sight."""
        self.mesh_connected = True
        gateway = {"mesh_connected": True, "own_id": OWN_ID, "alarms": []}
        self.feed.publish([{"kind": "gateway", "id": "gateway", "value": gateway}])

    def forget(self, node: int) -> None:
        del self.nodes_by_id[node]
        self._publish("node", [(node, None)])

    def alert(self, alert: AlertView) -> None:
        self.alerts_by_id[alert.id] = alert
        if alert.state == "resolved":
            del self.alerts_by_id[alert.id]
        self._publish("alert", [(alert.id, alert)])

    def happen(self, count: int = 1, **more: Any) -> None:
        """So many events."""
        first = self.event_log[-1].id + 1 if self.event_log else 1
        new = [gateway_values.event(first + at, f"event {first + at}", **more) for at in range(count)]
        self.event_log += new
        self._publish("event", [(event.id, event) for event in new])

    def _publish(self, kind: str, values: list[tuple[Any, Any]]) -> None:
        self.feed.publish(
            [{"kind": kind, "id": key, "value": msgspec.to_builtins(value)} for key, value in values]
        )

    # What bridges ask.

    def mesh_status(self) -> MeshStatus:
        self._count("mesh_status")
        return health_values.mesh_status(*(self._status(node) for node in self.nodes_by_id))

    def node_status(self, node_id: int) -> NodeStatus:
        self._count("node_status")
        if node_id not in self.nodes_by_id:
            raise UnknownItemError(f"node {node_id} was never seen")
        return self._status(node_id)

    def _status(self, node_id: int) -> NodeStatus:
        return self.statuses.get(node_id) or health_values.node_status(node_id)

    def topology(self) -> views.TopologyView:
        self._count("topology")
        below = [
            views.TopologyNode(id=node.id, parent=node.parent or OWN_ID, depth=node.depth or 1)
            for node in self.nodes_by_id.values()
            if node.online
        ]
        own = views.TopologyNode(id=OWN_ID, parent=None, depth=0)
        return views.TopologyView(own_id=OWN_ID, nodes=[own, *below])

    def health(self) -> views.HealthView:
        return gateway_values.health(nodes_known=len(self.nodes_by_id))

    async def offers(self) -> dict[int, OfferView]:
        self._count("offers")
        if self.store_broken:
            raise StoreError("the disk is full")
        return dict(self.offers_by_node)

    def samples(self) -> Stream[NodeSample]:
        return self.measured.open()

    def progress(self) -> list[ProgressView]:
        return list(self.runs)

    async def events(self, *, limit: int = 100, after: int | None = None) -> views.Page[views.EventView]:
        self._count("events")
        if self.store_broken:
            raise StoreError("the disk is full")
        if after is None:
            found = self.event_log[::-1]
        else:
            found = [event for event in self.event_log if event.id > after]
        return views.Page(items=found[:limit], total=len(self.event_log))
