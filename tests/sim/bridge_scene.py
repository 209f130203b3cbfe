"""A mesh in virtual time as bridges see it: the picture of the feed, and the status of the monitor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshnode.tree import Tree
from meshward.bridges.picture import Changed, Picture
from meshward.gateway.health_shown import alert_view, mesh_status, node_scores
from meshward.gateway.health_views import MeshStatus
from meshward.gateway.node_book import NodeBook
from meshward.gateway.views import HealthView
from tests.sim.health_scenes import OWN, HealthScene


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to tell at one moment."""

    now_s: float
    picture: Picture
    changed: Changed
    alerts: set[tuple[str, str]]
    """Ids and states that are new."""
    status: MeshStatus
    health: HealthView


class BridgeScene(HealthScene):
    """With the list of nodes that the gateway keeps."""

    def __init__(self, seed: int | str, n: int, **options: Any) -> None:
        self.book = NodeBook()
        self._alert_states: set[tuple[str, str]] = set()
        super().__init__(seed, n, **options)
        for node, known in self.identities.items():
            view = self.book.views[node]
            view.hardware, view.role, view.version = known.hardware, known.role, known.version
            view.firmware = known.firmware

    def grow(self) -> None:
        super().grow()
        tree = Tree(list(self._depths), list(self._depths.values()))
        self.book.on_tree(tree, self._begins_s + self.now_s)

    def picture(self) -> Picture:
        """Everything as it is now, without rollouts."""
        picture = Picture(own_id=OWN, mesh_connected=not self.cut, nodes=dict(self.book.views))
        names = {node: view.name for node, view in picture.nodes.items()}
        for doc in self.monitor.alerts.open_alerts():
            name = names.get(doc.node, "") if doc.node is not None else ""
            picture.alerts[doc.id] = alert_view(doc, name, maintenance=False)
        return picture

    def look(self, states: Mapping[int, tuple[str, str]]) -> Look:
        """`states`: node to rollout and state in it."""
        self._set_wall()
        self.book.in_rollouts(states)
        self.book.scored(node_scores(self.monitor))
        picture = self.picture()
        alerts = {(alert.id, alert.state) for alert in picture.alerts.values()}
        changed = Changed(
            nodes=set(self.book.changed), alerts={alert for alert, _ in alerts ^ self._alert_states}
        )
        self.book.changed.clear()
        new, self._alert_states = alerts - self._alert_states, alerts
        status = mesh_status(self.monitor)
        return Look(self.monitor.wall_s, picture, changed, new, status, self._health(picture))

    def _health(self, picture: Picture) -> HealthView:
        return HealthView(
            ok=True,
            version="0.1.0",
            uptime_s=self.now_s,
            mesh_connected=picture.mesh_connected,
            nodes_online=sum(view.online for view in picture.nodes.values()),
            nodes_known=len(picture.nodes),
            own_id=OWN,
            store_writable=True,
        )
