"""What the gateway is made of, who is told of alerts, and a copy of all its data."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from litestar import get

from meshward.gateway.dashboard_views import AboutView, ReceiverView
from meshward.web.access import may
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context
from meshward.web.download import Download


@get("/about", summary="Show what runs here")
async def show_about(web: Context, request: ApiRequest) -> AboutView:
    """Versions, sizes, and the libraries of gateway and page with their licences. Of the machine itself
    viewers are told nothing.
    """
    about = await web.service.about()
    if not may(request.user.role, "operator"):
        about = msgspec.structs.replace(about, system="", data="")
    return msgspec.structs.replace(about, parts=[*about.parts, *web.site.parts])


@get("/receivers", summary="List who is told of alerts", sync_to_thread=False)
def list_receivers(web: Context) -> list[ReceiverView]:
    """As configured; no secret is in it."""
    return web.service.receivers()


@get("/backup", summary="Download a backup", media_type="application/gzip")
async def download_backup(web: Context, request: ApiRequest) -> Answer[bytes]:
    """All data in one file, as `meshward restore` takes it. One at a time; making it may take minutes."""
    if request.auth is not None and request.auth.session is not None:
        web.auth.check_origin(request)  # a foreign page could not read it, but have it made again and again
    name = f"meshward-backup-{datetime.now(UTC):%Y%m%d-%H%M}.tar.gz"
    return Download(web.service.backup(request.user), name=name, media_type="application/gzip")


HANDLERS = (show_about, list_receivers, download_backup)
