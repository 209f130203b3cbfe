"""The command `status`: how the mesh does, at a glance."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway


async def status(
    node: Annotated[str | None, Parameter(help="A node's id or name, to be told all of it.")] = None,
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show how the mesh does: its nodes, those in trouble first, and the rollouts under way.

    Where no gateway runs, it is what was known last.

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
    from meshward.gateway.views import NodeView, RolloutSummary  # noqa: PLC0415 as above

    health = await reached.health()
    nodes = await reached.every("nodes", NodeView)
    rollouts = await reached.every("rollouts", RolloutSummary, {"state": ACTIVE})
    if json:
        found = {"health": health, "nodes": nodes, "rollouts": rollouts, "gateway_runs": not reached.local}
        print_json(msgspec.to_builtins(found))
        return
    status_view.print_status(health, nodes, rollouts, runs=not reached.local, now=datetime.now(UTC))


async def _one(reached: "Gateway", node: str, *, json: bool) -> None:
    import msgspec  # noqa: PLC0415 as `_all`

    from meshward.cli import status_view  # noqa: PLC0415 as `_all`
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `_all`
    from meshward.gateway.views import NodeDetail  # noqa: PLC0415 as `_all`

    detail = await reached.get(f"nodes/{await find_node(reached, node)}", NodeDetail)
    if json:
        print_json(msgspec.to_builtins(detail))
        return
    status_view.print_node(detail, now=datetime.now(UTC))
