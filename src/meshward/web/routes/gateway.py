"""The gateway itself: settings, health, readiness."""

from __future__ import annotations

import msgspec
from litestar import get, patch
from litestar.params import JSONBody

from meshward.gateway.bridge_views import BridgeView
from meshward.gateway.views import HealthView, SettingsPatch, SettingsView
from meshward.web.answers import Answer, check_match
from meshward.web.context import ApiRequest, Context
from meshward.web.problems import Refusal


class Liveness(msgspec.Struct, kw_only=True):
    """That the gateway lives; how it does, only for those who show a token."""

    ok: bool
    """Whether it answers, which it does."""
    details: HealthView | None = None


class Readiness(msgspec.Struct, kw_only=True):
    """That the mesh and the store are there."""

    ready: bool


@get("/health", summary="Show that the gateway lives", sync_to_thread=False)
def show_health(web: Context, request: ApiRequest) -> Liveness:
    """Anybody sees that it does; `details` need a token."""
    return Liveness(ok=True, details=web.service.health() if request.user else None)


@get("/ready", summary="Show whether the gateway can work", sync_to_thread=False)
def show_ready(web: Context) -> Readiness:
    """503 without the mesh or without a store that takes writes."""
    health = web.service.health()
    missing = [
        text
        for fine, text in (
            (health.mesh_connected, "no neighbour is connected"),
            (health.store_writable, "the store takes no writes"),
        )
        if not fine
    ]
    if missing:
        raise Refusal(503, " and ".join(missing))
    return Readiness(ready=True)


@get("/settings", summary="Show the settings")
async def show_settings(web: Context) -> SettingsView:
    """What can be changed while it runs, and below `fixed` what cannot."""
    return await web.service.settings()


@patch("/settings", summary="Change settings")
async def patch_settings(
    web: Context, request: ApiRequest, data: JSONBody[SettingsPatch]
) -> Answer[SettingsView]:
    """What is left out stays as it is."""

    async def change() -> SettingsView:
        async with web.changing:
            check_match(request, await web.service.settings())
            return await web.service.patch_settings(data, request.user)

    return await web.once.answer(request, change)


@get("/bridges", summary="List the bridges to other programs", sync_to_thread=False)
def list_bridges(web: Context) -> list[BridgeView]:
    """As configured, and how each does."""
    return web.service.bridges()


HANDLERS = (show_health, show_ready, show_settings, patch_settings, list_bridges)
