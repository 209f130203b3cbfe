"""The commands `node …`: what a user says of nodes."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.gateway.views import NodeDetail

Node = Annotated[str, Parameter(help="The node's id, or its name.")]


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="node", help="Name and tag nodes, and leave them out of updates.", group=group, sort_key=sort_key
    )
    app.command(list_, name="list")
    for command in (name, tag, exclude, include, forget):
        app.command(command)
    return app


async def list_(
    *,
    role: Annotated[str | None, Parameter(help="Only nodes of this role.")] = None,
    tag: Annotated[
        list[str] | None, Parameter(help="Only nodes with this tag; repeat it.", negative="")
    ] = None,
    offline: Annotated[
        bool, Parameter(help="Only nodes that are away.", negative="", show_default=False)
    ] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """List all nodes that were ever seen, with their tags.

    Example: meshward node list --role sensor
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli.status_view import print_node_list  # noqa: PLC0415 as above
    from meshward.gateway.views import NodeView  # noqa: PLC0415 as above

    async with gateway(at) as reached:
        nodes = await reached.every("nodes", NodeView)
    wanted = [
        node
        for node in nodes
        if role in {None, node.role} and set(tag or ()) <= set(node.tags) and not (offline and node.online)
    ]
    if json:
        print_json({"nodes": msgspec.to_builtins(wanted)})
    else:
        print_node_list(wanted)


async def name(
    node: Node,
    new: Annotated[str, Parameter(help='Its new name; "" for none.')],
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Give a node a name.

    Example: meshward node name 3213549812 "Kitchen lamp"
    """
    changed = await _patch(node, at, name=new)
    _tell(
        changed,
        f"node {changed.id} is called {new!r} now" if new else f"node {changed.id} has no name now",
        json,
    )


async def tag(
    node: Node,
    changes: Annotated[
        tuple[str, ...],
        Parameter(allow_leading_hyphen=True, help="+TAG to add one, -TAG to remove one.", negative=""),
    ],
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Add tags to a node, or remove them. Updates can be limited to nodes with a tag.

    Options go before the changes.

    Example: meshward node tag "Kitchen lamp" +indoors -test
    """
    for change in changes:
        if change[:1] not in {"+", "-"} or change[1:2] in {"", "-", "+"}:
            raise UsageError(f"{change!r} is no change of tags: write +TAG or -TAG, and options before them")
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `list_`
    from meshward.gateway.views import NodeDetail, NodePatch  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        path = f"nodes/{await find_node(reached, node)}"
        tags = dict.fromkeys((await reached.get(path, NodeDetail)).tags)
        for change in changes:
            if change[0] == "+":
                tags[change[1:]] = None
            else:
                tags.pop(change[1:], None)
        changed = await reached.patch(path, NodeDetail, NodePatch(tags=list(tags)))
    _tell(changed, f"tags of node {changed.id}: {', '.join(changed.tags) or 'none'}", json)


async def exclude(
    node: Node,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; shown wherever the node is left out.")] = "",
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Leave a node out of every update from now on.

    Example: meshward node exclude 3213549812 --reason "on the roof, weak battery"
    """
    changed = await _patch(node, at, excluded=True, exclusion_reason=reason)
    _tell(changed, f"node {changed.id} is left out of updates", json)


async def include(node: Node, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Let a node take part in updates again.

    Example: meshward node include 3213549812
    """
    changed = await _patch(node, at, excluded=False, exclusion_reason="")
    _tell(changed, f"node {changed.id} takes part in updates", json)


async def forget(node: Node, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Drop a node that is gone for good from the list; what happened to it stays recorded.

    Example: meshward node forget 3213549812
    """
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        node_id = await find_node(reached, node)
        await reached.delete(f"nodes/{node_id}")
    if json:
        print_json({"id": node_id, "forgotten": True})
    else:
        print_line(f"node {node_id} is forgotten; it is listed again when it is seen again")


async def _patch(node: str, at: GatewayOptions, **fields: Any) -> "NodeDetail":
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `list_`
    from meshward.gateway.views import NodeDetail, NodePatch  # noqa: PLC0415 as `list_`

    patch: NodePatch = NodePatch(**fields)
    async with gateway(at) as reached:
        return await reached.patch(f"nodes/{await find_node(reached, node)}", NodeDetail, patch)


def _tell(node: "NodeDetail", line: str, json: bool) -> None:
    if json:
        import msgspec  # noqa: PLC0415 as `list_`

        print_json(msgspec.to_builtins(node))
    else:
        print_line(printable(line))
