"""Metrics for Prometheus, at the address where it looks by itself."""

from __future__ import annotations

from litestar import HttpMethod, route
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from meshward.web.access import METRICS
from meshward.web.context import ApiRequest, Context
from meshward.web.problems import Refusal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format. Every version of it reads this; what OpenMetrics has besides, we do not use."""


@route(METRICS, http_method=(HttpMethod.GET, HttpMethod.HEAD), include_in_schema=False)
async def show_metrics(web: Context, request: ApiRequest) -> ASGIApp:
    """All of them, as they are now."""
    make = web.options.metrics
    if make is None:
        raise Refusal(404, "metrics are switched off: set `enabled = true` below [prometheus]")
    body = await make()
    headers = {"content-type": CONTENT_TYPE, "cache-control": "no-store", "content-length": str(len(body))}
    is_head = request.method == "HEAD"
    return ASGIResponse(body=b"" if is_head else body, headers=headers, is_head_response=is_head)


HANDLERS = (show_metrics,)
