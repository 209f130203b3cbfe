"""The command `status`: how the mesh does, at a glance."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway

_ALERTS_MAX = 500
"""Alerts that are counted; a mesh with more has one problem, not so many."""


async def status(
    node: Annotated[str | None, Parameter(help="A node's id or name, to be told all of it.")] = None,
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show how the mesh does: its alerts, its nodes, those in trouble first, and rollouts under way.

    Each node has a score of its health, from 0 to 100; with NODE, the score is explained. Values
    that are older than five minutes are dim. Where no gateway runs, it is what was known last.

    Example: meshward status
    """
    async with gateway(at) as reached:
        if node is not None:
            await _one(reached, node, json=json)
        else:
            await _all(reached, json=json)


async def _all(reached: "Gateway", *, json: bool) -> None:
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli import status_view  # noqa: PLC0415 as above
    from meshward.cli.lookup import ACTIVE  # noqa: PLC0415 as above
    from meshward.gateway.health_views import AlertView, MeshStatus  # noqa: PLC0415 as above
    from meshward.gateway.views import NodeView, RolloutSummary  # noqa: PLC0415 as above

    health = await reached.health()
    mesh = await reached.get("status", MeshStatus)
    nodes = {view.id: view for view in await reached.every("nodes", NodeView)}
    alerts = await reached.every("alerts", AlertView, {"state": "firing"}, _ALERTS_MAX)
    rollouts = await reached.every("rollouts", RolloutSummary, {"state": ACTIVE})
    if json:
        told = msgspec.to_builtins(mesh)
        # What is listed of a node, and over it what is known of its health.
        told["nodes"] = [
            {**(msgspec.to_builtins(nodes[entry.node]) if entry.node in nodes else {}), **shown}
            for entry, shown in zip(mesh.nodes, told["nodes"], strict=True)
        ]
        beside = {"gateway": health, "alerts": alerts, "rollouts": rollouts}
        print_json({**told, **msgspec.to_builtins(beside), "gateway_runs": not reached.local})
        return
    status_view.print_status(
        mesh, nodes, health, alerts, rollouts, runs=not reached.local, now=datetime.now(UTC)
    )


async def _one(reached: "Gateway", node: str, *, json: bool) -> None:
    import msgspec  # noqa: PLC0415 as `_all`

    from meshward.cli import node_status_view  # noqa: PLC0415 as `_all`
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `_all`
    from meshward.gateway.health_views import AlertView, MetricView, NodeStatus  # noqa: PLC0415 as `_all`
    from meshward.gateway.views import NodeDetail  # noqa: PLC0415 as `_all`

    node_id = await find_node(reached, node)
    detail = await reached.get(f"nodes/{node_id}", NodeDetail)
    known = await reached.get(f"nodes/{node_id}/status", NodeStatus)
    if json:
        print_json({**msgspec.to_builtins(detail), **msgspec.to_builtins(known)})
        return
    alerts = await reached.every("alerts", AlertView, {"state": "firing", "node": node_id}, _ALERTS_MAX)
    catalogue = await reached.get("metric-catalogue", list[MetricView])
    node_status_view.print_node(detail, known, alerts, catalogue, now=datetime.now(UTC))
