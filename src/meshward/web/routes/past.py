"""What was: moves in the tree, availability, and metrics of many nodes; and the latest values for tables."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from meshward.gateway.dashboard_views import (
    DAYS_MAX,
    AvailabilityView,
    MeshHistoryView,
    MovesView,
    NumbersView,
)
from meshward.web.checks import check_nodes, moment_s
from meshward.web.context import Context, OptionalNode, OptionalText
from meshward.web.problems import refusal_of_field
from meshward.web.routes.health import RESOLUTION_S_MAX, MetricName, Moment, Points

NODES_NAMED_MAX = 500
"""More do not fit into an address; all are meant where none is named."""

Days = Annotated[int, QueryParameter(ge=1, le=DAYS_MAX, description="So many, with today.")]
NodeIds = Annotated[
    list[int] | None,
    QueryParameter(max_items=NODES_NAMED_MAX, description="Of these nodes; else of all."),
]
Step = Annotated[
    float | None,
    QueryParameter(
        ge=0,
        le=RESOLUTION_S_MAX,
        description="Seconds of one step, no less than a minute; else the finest that fits.",
    ),
]


@get("/moves", summary="Show what changed in the tree")
async def show_moves(web: Context, start: Moment = None, end: Moment = None) -> MovesView:
    """Who joined, left or got another parent, oldest first; in the last 24 hours where no time is given."""
    start_s, end_s = _span(start, end)
    return await web.service.moves(start_s=start_s, end_s=end_s)


@get("/availability", summary="Show how much nodes were in the mesh")
async def show_availability(web: Context, days: Days = 30, node: OptionalNode = None) -> AvailabilityView:
    """Day by day, in UTC. Time in which the gateway did not run, or saw no mesh, does not count."""
    return await web.service.availability(days=days, node=node)


@get("/mesh-history", summary="Show a metric of many nodes over time")
async def show_mesh_history(
    web: Context,
    metric: MetricName,
    start: Moment = None,
    end: Moment = None,
    resolution_s: Step = None,
    points: Points = 300,
    node: NodeIds = None,
    hardware: OptionalText = None,
) -> MeshHistoryView:
    """The last 24 hours where no time is given. A point is `[at_s, low, median, high, total, nodes]` over the
    means of the nodes, null in a gap; counters are rates per second. Telemetry may be minutes on its way, so
    fewer nodes are in the latest points.
    """
    start_s, end_s = _span(start, end)
    check_nodes("node", node or ())
    return await web.service.mesh_history(
        metric,
        start_s=start_s,
        end_s=end_s,
        resolution_s=resolution_s,
        points_max=points,
        nodes=node or (),
        hardware=hardware or "",
    )


@get("/numbers", summary="Show the latest values", sync_to_thread=False)
def show_numbers(web: Context) -> NumbersView:
    """Of all nodes, without ages and sources: what tables show."""
    return web.service.numbers()


def _span(start: str | None, end: str | None) -> tuple[float | None, float | None]:
    start_s = None if start is None else moment_s("start", start, 400)
    end_s = None if end is None else moment_s("end", end, 400)
    if start_s is not None and end_s is not None and not start_s < end_s:
        raise refusal_of_field("end", "must be after `start`")
    return start_s, end_s


HANDLERS = (show_moves, show_availability, show_mesh_history, show_numbers)
