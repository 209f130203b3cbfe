"""What the dashboard keeps for all who look at it."""

from __future__ import annotations

from litestar import get, patch
from litestar.params import JSONBody

from meshward.gateway.dashboard_views import DashboardPatch, DashboardView
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context


@get("/dashboard", summary="Show what the dashboard keeps")
async def show_dashboard(web: Context) -> DashboardView:
    """Where nodes were put on the map, and saved views of the table of nodes."""
    return await web.service.dashboard()


@patch("/dashboard", summary="Change what the dashboard keeps")
async def patch_dashboard(
    web: Context, request: ApiRequest, data: JSONBody[DashboardPatch]
) -> Answer[DashboardView]:
    """What is left out stays as it is: two who move different nodes lose nothing."""
    return await web.once.answer(request, lambda: web.service.patch_dashboard(data, request.user))


HANDLERS = (show_dashboard, patch_dashboard)
