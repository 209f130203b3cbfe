"""Nodes and the tree they form."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from meshward.gateway.bridge_views import NodeMessage, NodeUpdate, OfferView
from meshward.gateway.dashboard_views import PackageView, PingView
from meshward.gateway.views import NodeDetail, NodePatch, NodeView, Page, RolloutView, TopologyView
from meshward.web.answers import Answer, check_match
from meshward.web.context import ApiRequest, Context, Cursor, Limit, NodeId, OptionalText
from meshward.web.lists import NodeFilter, page_nodes, sort_nodes

Tags = Annotated[list[str] | None, QueryParameter(name="tag", max_items=20)]
Search = Annotated[str, QueryParameter(max_length=100)]
Sort = Annotated[str, QueryParameter(max_length=200, description="Fields, as `-online,name`; `-` turns it.")]


@get("/nodes", summary="List nodes", sync_to_thread=False)
def list_nodes(
    web: Context,
    online: FromQuery[bool | None] = None,
    excluded: FromQuery[bool | None] = None,
    role: OptionalText = None,
    hardware: OptionalText = None,
    version: OptionalText = None,
    tags: Tags = None,
    q: Search = "",
    sort: Sort = "id",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[NodeView]:
    """Nodes of the mesh, in it now or once seen. `q` looks in names and ids."""
    wanted = NodeFilter(
        online=online,
        excluded=excluded,
        role=role,
        hardware=hardware,
        version=version,
        tags=tags or (),
        q=q,
    )
    nodes = [node for node in web.service.nodes() if wanted.fits(node)]
    return page_nodes(sort_nodes(nodes, sort), limit, cursor)


@get("/nodes/{node_id:int}", summary="Show a node and its history")
async def show_node(web: Context, node_id: NodeId) -> NodeDetail:
    """One node, with its parents and its updates."""
    return await web.service.node(node_id)


@patch("/nodes/{node_id:int}", summary="Name, tag or exclude a node")
async def patch_node(
    web: Context, request: ApiRequest, node_id: NodeId, data: JSONBody[NodePatch]
) -> Answer[NodeDetail]:
    """What is left out stays as it is."""

    async def change() -> NodeDetail:
        async with web.changing:
            check_match(request, await web.service.node(node_id))
            return await web.service.patch_node(node_id, data, request.user)

    return await web.once.answer(request, change)


@delete("/nodes/{node_id:int}", summary="Forget a node that is offline")
async def forget_node(web: Context, request: ApiRequest, node_id: NodeId) -> Answer[None]:
    """Its updates and events stay."""
    return await web.once.answer(request, lambda: web.service.forget_node(node_id, request.user), status=204)


@get("/nodes/{node_id:int}/packages", summary="Show a node's last packages", sync_to_thread=False)
def list_packages(web: Context, node_id: NodeId) -> list[PackageView]:
    """The last few that name it as their sender, newest first; without parts of firmware and requests for
    them.
    """
    return web.service.packages(node_id)


@post("/nodes/{node_id:int}/ping", summary="Measure a node's delay", status_code=200)
async def ping_node(web: Context, request: ApiRequest, node_id: NodeId) -> PingView:
    """Asks it now, and waits up to 5 s for the answer."""
    return await web.service.ping(node_id, request.user)


@get("/offers", summary="List what nodes could be updated to")
async def list_offers(web: Context) -> list[OfferView]:
    """For every node what it runs, the newest firmware meant for it, and why it cannot have that now."""
    offers = await web.service.offers()
    return [offers[node] for node in sorted(offers)]


@post("/nodes/{node_id:int}/update", summary="Update one node", status_code=201)
async def update_node(
    web: Context, request: ApiRequest, node_id: NodeId, data: JSONBody[NodeUpdate]
) -> Answer[RolloutView]:
    """To what it is offered, or to a firmware of the library: a rollout of this node alone. The same again,
    while that is under way, gives that one.
    """
    return await web.once.answer(
        request, lambda: web.service.update_node(node_id, request.user, data.firmware), status=201
    )


@post("/nodes/{node_id:int}/message", summary="Send a text to a node", status_code=204)
async def send_message(
    web: Context, request: ApiRequest, node_id: NodeId, data: JSONBody[NodeMessage]
) -> Answer[None]:
    """As painlessMesh's `sendSingle`. The mesh does not confirm that it arrives."""
    return await web.once.answer(
        request, lambda: web.service.send_message(node_id, data.text, request.user), status=204
    )


@get("/topology", summary="Show the mesh as a tree", sync_to_thread=False)
def show_topology(web: Context) -> TopologyView:
    """The tree, flat: our own node first, parents before their children."""
    return web.service.topology()


HANDLERS = (
    *(list_nodes, show_node, patch_node, forget_node, list_packages, ping_node),
    *(list_offers, update_node, send_message, show_topology),
)
