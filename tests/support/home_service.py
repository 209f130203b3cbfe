"""A gateway in memory, and a bridge from it to a broker with a part for Home Assistant."""

from contextlib import asynccontextmanager
from random import Random

import msgspec

from meshward.bridges.base import Pauses, Record
from meshward.bridges.homeassistant.part import HomeAssistantPart
from meshward.bridges.mqtt.bridge import MqttBridge
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_part import StatusPart
from meshward.bridges.mqtt.topics import Topics
from meshward.config.bridges import HomeAssistant
from meshward.errors import NotPossibleError
from meshward.gateway.bridge_views import OfferView, ProgressView
from tests.support.fake_service import FakeService
from tests.support.gateway_values import node, rollout
from tests.support.health_values import mesh_status, node_status, seen
from tests.support.mqtt_bridges import running

OWN_ID = 7
STOCK = {"delay_ms": 8.0, "probe_loss_percent": 0.0}
"""What is known of a board that tells nothing."""


class HomeService(FakeService):
    """Nodes, what they report and what they could be updated to are the test's."""

    def __init__(self, *ids):
        super().__init__(nodes=0)
        self.reported = {}
        self.more = {}
        self.offered = {}
        self.running = []
        self.asked = []
        """Nodes whose update was asked for, and by whom."""
        for node_id in ids:
            self.join(node_id)

    def join(self, node_id, **fields):
        """A node comes, or is another one than before."""
        view = node(node_id, **{"name": f"Node of {node_id}", "parent": None, **fields})
        self.nodes_by_id[node_id] = view
        self._tell(node_id, msgspec.to_builtins(view))

    def change(self, node_id, **fields):
        """Something of a node is different."""
        self.nodes_by_id[node_id] = msgspec.structs.replace(self.nodes_by_id[node_id], **fields)
        self._tell(node_id, msgspec.to_builtins(self.nodes_by_id[node_id]))

    def forget(self, node_id):
        del self.nodes_by_id[node_id]
        self._tell(node_id, None)

    def offer(self, node_id, latest, **fields):
        installed = self.nodes_by_id[node_id].version
        self.offered[node_id] = OfferView(
            node=node_id, installed=installed, latest=latest, available=latest != installed, **fields
        )
        self.change(node_id)

    def progress_is(self, node_id, state, parts_done=0, parts=0):
        """A node in the rollout that is under way."""
        self.running = [
            ProgressView(node=node_id, rollout="r1", state=state, parts_done=parts_done, parts=parts)
        ]

    def alarm(self, alert):
        """An alert is new, or over."""
        self.feed.publish([{"kind": "alert", "id": alert.id, "value": msgspec.to_builtins(alert)}])

    def mesh_status(self):
        return mesh_status(*map(self.node_status, self.nodes_by_id))

    def node_status(self, node_id):
        view = self.nodes_by_id[node_id]
        return node_status(
            node_id,
            name=view.name,
            online=view.online,
            metrics=seen(**self.reported.get(node_id, STOCK)),
            **{"boot_at": None, **self.more.get(node_id, {})},
        )

    def progress(self):
        return self.running

    async def offers(self):
        return {
            node_id: self.offered.get(node_id)
            or OfferView(node=node_id, installed=view.version, latest=view.version)
            for node_id, view in self.nodes_by_id.items()
        }

    async def update_node(self, node_id, caller, firmware=""):
        self.asked.append((node_id, caller))
        if refusal := self.offered[node_id].refusal:
            raise NotPossibleError(refusal)
        return rollout(id="r1")

    def _tell(self, node_id, value):
        self.feed.publish([{"kind": "node", "id": node_id, "value": value}])

    def _snapshot(self):
        return {
            **super()._snapshot(),
            "rollouts": [],
            "alerts": [],
            "own_id": OWN_ID,
            "mesh_connected": self.mesh_connected,
            "alarms": [],
        }


def make_part(service, retained, path, *, prefix="mesh", mesh="Garden", **options):
    """`options` are those of the configuration, or `settle_s` and the like."""
    timing = {
        name: options.pop(name) for name in ("birth_s", "look_s", "settle_s", "now_s") if name in options
    }
    settings = HomeAssistant(enabled=True, **options)
    return HomeAssistantPart(
        service, Topics(prefix), retained, settings, path, Random(1), mesh=mesh, **timing
    )


@asynccontextmanager
async def bridged(service, port, folder, *, prefix="mesh", **options):
    """A bridge to a broker meanwhile, with quick looks at everything."""
    retained, profile, topics = Retained(), MeshwardProfile(), Topics(prefix)
    record = Record(f"mqtt://127.0.0.1:{port}/{prefix}", "mqtt")
    told = Told(mesh="Garden", profile="meshward", period_s=0.5, control=False, signed=False)
    quick = {"birth_s": 0.5, "look_s": 0.3, "settle_s": 0.3}
    parts = [
        StatusPart(service, profile, topics, retained, record, told),
        make_part(service, retained, folder / f"{prefix}.json", prefix=prefix, **{**quick, **options}),
    ]
    connection = Connection("127.0.0.1", port, f"meshward{prefix}")
    pauses = Pauses(Random(1), 0.05, 0.1)
    async with running(MqttBridge(connection, topics, profile, parts, retained, record, pauses)):
        yield record
