"""The health of the mesh and its nodes: what is known now, what was, and what nodes answer when asked."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, QueryParameter

from meshward.gateway.health_views import (
    DEADLINE_S,
    MAX_AGE_S_MAX,
    POINTS_MAX,
    HistoryView,
    MeshStatus,
    MetricView,
    NodeStatus,
    QueryRequest,
    QueryView,
)
from meshward.web.checks import TEXT_CHARACTERS_MAX, check_nodes, check_range, check_texts, moment_s
from meshward.web.context import Context, NodeId
from meshward.web.problems import refusal_of_field

RESOLUTION_S_MAX = 366 * 86_400
GROUPS_MAX = 20

MetricName = Annotated[str, QueryParameter(max_length=TEXT_CHARACTERS_MAX)]
Moment = Annotated[
    str | None,
    QueryParameter(max_length=40, description="ISO 8601 with its offset, or Unix seconds."),
]
Resolution = Annotated[
    float | None,
    QueryParameter(
        ge=0,
        le=RESOLUTION_S_MAX,
        description="Seconds of one point, 0 for the samples as they came; else the finest that fits.",
    ),
]
Points = Annotated[int, QueryParameter(ge=1, le=POINTS_MAX, description="So many at most.")]


@get("/status", summary="Show the health of the mesh", sync_to_thread=False)
def show_status(web: Context) -> MeshStatus:
    """All nodes, those in trouble first. Every value has its source and its age."""
    return web.service.mesh_status()


@get("/nodes/{node_id:int}/status", summary="Show the health of a node", sync_to_thread=False)
def show_node_status(web: Context, node_id: NodeId) -> NodeStatus:
    """All that is known of one node's health."""
    return web.service.node_status(node_id)


@get("/nodes/{node_id:int}/history", summary="Show a metric over time")
async def show_history(
    web: Context,
    node_id: NodeId,
    metric: MetricName,
    start: Moment = None,
    end: Moment = None,
    resolution_s: Resolution = None,
    points: Points = 1000,
) -> HistoryView:
    """The last 24 hours where no time is given. A point is `[at_s, mean, low, high, count]`, null in a gap;
    counters are rates per second.
    """
    start_s = None if start is None else moment_s("start", start, 400)
    end_s = None if end is None else moment_s("end", end, 400)
    if start_s is not None and end_s is not None and not start_s < end_s:
        raise refusal_of_field("end", "must be after `start`")
    return await web.service.history(
        node_id, metric, start_s=start_s, end_s=end_s, resolution_s=resolution_s, points_max=points
    )


@get("/metric-catalogue", summary="List the metrics", sync_to_thread=False)
def list_metrics(web: Context) -> list[MetricView]:
    """What can be known of a node: names, units, and what they mean."""
    return web.service.metrics()


@post("/queries", summary="Ask nodes", status_code=200)
async def ask_nodes(web: Context, data: JSONBody[QueryRequest | None] = None) -> QueryView:
    """The answer comes after `deadline_s` at the latest, or when all have answered. Without a body, all nodes
    are asked for everything. Boards that cannot be asked are answered for from what is known.
    """
    request = data or QueryRequest()
    check_nodes("nodes", request.nodes)
    check_texts("groups", request.groups, GROUPS_MAX)
    if request.role:
        check_texts("role", [request.role])
    check_range("deadline_s", request.deadline_s, *DEADLINE_S)
    check_range("max_age_s", request.max_age_s, 0, MAX_AGE_S_MAX)
    return await web.service.query(request)


HANDLERS = (show_status, show_node_status, show_history, list_metrics, ask_nodes)
