"""The fake service with what is told of the mesh to Prometheus and Alertmanager."""

from typing import Any

import msgspec

from meshward.gateway import views
from meshward.gateway.bridge_views import BridgeView, OfferView, ProgressView
from meshward.gateway.health_views import AlertView
from tests.support.fake_service import FakeService
from tests.support.health_values import NOW

BROKER = "mqtt://broker:1883/mesh"


class ScrapedService(FakeService):
    """Offers, runs under way and bridges are given; alerts come and go by `tell_alert`."""

    def __init__(self, nodes: int = 6) -> None:
        super().__init__(nodes)
        self.own_id = 7
        for view in self.nodes_by_id.values():
            view.firmware = "ab" * 32
            view.last_seen_at = NOW
        self.offered = {
            node_id: OfferView(node=node_id, installed="1.0", latest="1.1", available=node_id % 2 == 0)
            for node_id in self.nodes_by_id
        }
        self.running = [ProgressView(node=1002, rollout="r1", state="downloading", parts_done=3, parts=4)]
        self.bridged = [
            BridgeView(
                name=BROKER,
                kind="mqtt",
                state="up",
                since_at=NOW,
                text="connected",
                sent=12,
                waiting=3,
                dropped=2,
            )
        ]

    async def offers(self) -> dict[int, OfferView]:
        return self.offered

    def progress(self) -> list[ProgressView]:
        return self.running

    def bridges(self) -> list[BridgeView]:
        return self.bridged

    def health(self) -> views.HealthView:
        return msgspec.structs.replace(super().health(), own_id=self.own_id, uptime_s=3600.0)

    def tell_alert(self, alert: AlertView) -> None:
        """An alert is new, or not as before."""
        self.alerts_by_id[alert.id] = alert
        self.feed.publish([{"kind": "alert", "id": alert.id, "value": msgspec.to_builtins(alert)}])

    def _snapshot(self) -> dict[str, Any]:
        names = views.RolloutSummary.__struct_fields__
        open_alerts = [view for view in self.alerts_by_id.values() if view.state != "resolved"]
        return {
            "own_id": self.own_id,
            "mesh_connected": self.mesh_connected,
            "alarms": [],
            "nodes": list(self.nodes_by_id.values()),
            "rollouts": [
                views.RolloutSummary(**{name: getattr(view, name) for name in names})
                for view in self.rollouts_by_id.values()
            ],
            "alerts": open_alerts,
        }
