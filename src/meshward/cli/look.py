"""Commands that look at the mesh: topology, nodes, ping."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.options import JOIN_DEFAULTS, JoinOptions, Json, joined, parse_node_id, shortened
from meshward.cli.output import delay_text, plural, print_json, print_line
from meshward.errors import MeshwardError, UnknownNodeError

if TYPE_CHECKING:
    from meshward.records import NodeRecord


async def topology(*, json: Json = False, join: JoinOptions = JOIN_DEFAULTS) -> None:
    """Show the mesh as a tree, from our place in it.

    Example: meshward topology --connect 10.1.2.1

    With --json, prints {"node_id": OURS, "nodes": COUNT, "tree": {"nodeId": OURS, "subs": [...]}};
    the tree is written as painlessMesh writes it, and the count includes us.
    """
    async with joined(join) as (mesh, _):
        tree = mesh.topology()
    if json:
        print_json({"node_id": tree.node_id, "nodes": tree.size, "tree": tree.as_dict()})
        return
    from meshward.cli.render import print_tree  # noqa: PLC0415 loads rich

    print_tree(tree, own=tree.node_id)
    print_line(f"{plural(tree.size, 'node')}, ours included")


async def nodes(
    *,
    delay: Annotated[bool, Parameter(help="Measure the delay to each node.")] = True,
    json: Json = False,
    join: JoinOptions = JOIN_DEFAULTS,
) -> None:
    """List the nodes: parent, depth, children, one-way delay, root.

    Example: meshward nodes --connect 10.1.2.1 --no-delay
    """
    async with joined(join) as (mesh, timeout_s):
        records = mesh.nodes(include_self=True)
        others = [record.node_id for record in records if record.parent is not None]
        delays_us = await mesh.ping_all(others, timeout_s=timeout_s) if delay else None
    if json:
        print_json({"node_id": mesh.node_id, "nodes": [_entry(record, delays_us) for record in records]})
        return
    from meshward.cli.render import print_nodes  # noqa: PLC0415 loads rich

    print_nodes(records, delays_us)


async def ping(
    node: Annotated[str, Parameter(help="A node id, or `all`.")],
    /,
    *,
    json: Json = False,
    join: JoinOptions = JOIN_DEFAULTS,
) -> None:
    """Measure the one-way delay to a node, or to all of them.

    Succeeds only if every node asked has answered.

    Example: meshward ping all --connect 10.1.2.1
    """
    try:
        wanted = None if node == "all" else parse_node_id(node)
    except ValueError as error:
        raise UsageError(f"{error}, or `all`") from error
    async with joined(join) as (mesh, timeout_s):
        known = [record.node_id for record in mesh.nodes()]
        if wanted is not None and wanted not in known:
            raise UnknownNodeError(wanted, len(known))
        asked = known if wanted is None else [wanted]
        delays_us = await mesh.ping_all(asked, timeout_s=timeout_s)
    _print_delays(asked, delays_us, mesh.node_id, json=json)
    if silent := [str(other) for other in asked if other not in delays_us]:
        raise MeshwardError(
            f"{len(silent)} of {len(asked)} nodes did not answer within {timeout_s:g} s: {shortened(silent)}"
        )


def _entry(record: "NodeRecord", delays_us: dict[int, int] | None) -> dict[str, object]:
    return {
        "node_id": record.node_id,
        "parent": record.parent,
        "depth": record.depth,
        "children": list(record.children),
        "delay_us": None if delays_us is None else delays_us.get(record.node_id),
        "root": record.root,
        "time_authority": record.time_authority,
    }


def _print_delays(asked: list[int], delays_us: dict[int, int], own: int, *, json: bool) -> None:
    if json:
        pings = [{"node_id": other, "delay_us": delays_us.get(other)} for other in asked]
        print_json({"node_id": own, "asked": len(asked), "answered": len(delays_us), "pings": pings})
        return
    for other in asked:
        print_line(f"{other:>10}  {delay_text(delays_us.get(other)):>12}")
