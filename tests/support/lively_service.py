"""A gateway of which everything can be told, and which is different at every look."""

from meshward.gateway.bridge_views import ProgressView
from meshward.rollout.states import RolloutState
from meshward.status.metrics import METRICS
from tests.support.gateway_values import entries, event, rollout
from tests.support.health_values import mesh_status, node_status, seen
from tests.support.scraped_service import ScrapedService

ROLLOUT = "r-7f3a"


class LivelyService(ScrapedService):
    """Each look at the mesh is a minute of it: counters grow, and every node restarts."""

    def __init__(self):
        super().__init__(nodes=6)
        self.looks = 0
        nodes = entries({"completed": 1, "downloading": 1, "failed": 1, "pending": 2})
        self.rollouts_by_id[ROLLOUT] = rollout(RolloutState.UPDATING, nodes, id=ROLLOUT)
        self.running = [ProgressView(node=1002, rollout=ROLLOUT, state="downloading", parts_done=3, parts=4)]

    def mesh_status(self):
        self.looks += 1
        return mesh_status(*[self._status(view) for view in self.nodes_by_id.values()])

    def happened(self):
        """Events of the kinds that dashboards note."""
        of_nodes = [event(1, "restarted", kind="node.restarted", node=1001)]
        of_nodes += [event(2, "runs sensor 2.0", kind="node.completed", node=1001)]
        of_mesh = [event(3, "updating", kind="rollout.state", rollout=ROLLOUT)]
        return [*of_nodes, *of_mesh, event(4, "no neighbour", kind="mesh.lost")]

    def _status(self, view):
        looks = self.looks
        values = {
            name: min(metric.high, looks * 10.0 if metric.kind == "counter" else _middle(metric) + looks)
            for name, metric in METRICS.items()
        }
        return node_status(
            view.id,
            name=view.name,
            online=view.online,
            hardware=view.hardware,
            role=view.role,
            version=view.version,
            metrics=seen(age_s=0.0, **values),
            boots=looks,
            boot_at=f"2026-11-25T{looks % 24:02}:00:00Z",
            restarts=["2026-11-25T11:00:00Z"],
        )


def _middle(metric):
    return -70.0 if metric.unit == "dBm" else min(20_000.0, (metric.low + metric.high) / 2)
