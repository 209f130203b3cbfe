"""Choices and notes that several dashboards have."""

from __future__ import annotations

from meshward.bridges.grafana.board import Note, Variable
from meshward.bridges.grafana.measures import NODE, THE_NODE
from meshward.bridges.grafana.panels import stat
from meshward.bridges.grafana.queries import MINE, NOW, Asked, Query, node_series, points, series

_OF_MESH = 'WHERE "mesh" =~ /^$mesh$/'

MESH = Variable(
    "mesh",
    "Mesh",
    {
        "prometheus": "label_values(painlessmesh_gateway_info, mesh)",
        "influxdb": 'SHOW TAG VALUES FROM "painlessmesh_node" WITH KEY = "mesh"',
    },
)
INSTANCE = Variable(
    "instance",
    "Gateway",
    {"prometheus": 'label_values(painlessmesh_gateway_info{mesh="$mesh"}, instance)'},
    all_of_them=True,
)
NODES = Variable(
    "node",
    "Node",
    {
        "prometheus": f"query_result({node_series('info')})",
        "influxdb": f'SHOW TAG VALUES FROM "painlessmesh_node" WITH KEY = "node" {_OF_MESH}',
    },
    # A node without a name has no such label, and is shown by its id.
    regex=r'/(?:[{,]name="(?<text>[^"]+)",)?node="(?<value>\d+)"/',
)
ROLLOUTS = Variable(
    "rollout",
    "Rollout",
    {
        "prometheus": f"query_result(last_over_time({series('ota_rollout_info')}[$__range]))",
        "influxdb": f'SHOW TAG VALUES FROM "painlessmesh_rollout" WITH KEY = "rollout" {_OF_MESH}',
    },
    regex=r'/(?:[{,]name="(?<text>[^"]+)",)?rollout="(?<value>[^"]+)"/',
)

GATEWAY = stat(
    "Gateway",
    Asked(
        (Query(f"min(up{{{MINE}}})"),),
        (Query(points('last("online") * 0 + 1', measurement="mesh", by="", within=NOW)),),
    ),
    "Whether the gateway is heard of. Where not, nothing here is of now: `meshward doctor` on its machine "
    "finds out why.",
    words=((0, "down", "red"), (1, "up", "green")),
)


def happened(kind: str, *, to_node: bool = False) -> str:
    """InfluxQL: events of a kind, of the mesh or of the node that is chosen."""
    where = f"\"kind\" = '{kind}'" + (f" AND {THE_NODE}" if to_node else "")
    return points('"text"', measurement="event", where=where, by="")


UNDER_WAY = 'state!~"completed|aborted|rolled_back|failed"'
ROLLOUT_STEPS = Note(
    "Rollouts",
    "blue",
    {
        "prometheus": f"max by (rollout, name, state) ({series('ota_rollout_info', UNDER_WAY)})",
        "influxdb": happened("rollout.state"),
    },
    "{{name}}: {{state}}",
)
MESH_LOST = Note(
    "Mesh out of reach",
    "red",
    {"prometheus": f"{series('mesh_connected')} == 0", "influxdb": happened("mesh.lost")},
    "The gateway has no neighbour",
)
NODE_RESTARTS = Note(
    "Restarts",
    "orange",
    {
        "prometheus": f"increase({node_series('boots_total', NODE)}[2m]) > 0",
        "influxdb": happened("node.restarted", to_node=True),
    },
    "Restarted",
)
_INFO = node_series("info", NODE)
NODE_UPDATES = Note(
    "Updates",
    "blue",
    {
        # For two minutes after it is another.
        "prometheus": f"max by (version, firmware) ({_INFO} unless {_INFO} offset 2m)",
        "influxdb": happened("node.completed", to_node=True),
    },
    "Runs {{version}} {{firmware}}",
)
