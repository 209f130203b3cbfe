"""The command `dashboard`: a browser that is logged in."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.errors import GatewayError

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway, Place


async def dashboard(
    *,
    print_only: Annotated[
        bool,
        Parameter(
            name="--print", negative="", show_default=False, help="Only print the link, and open no browser."
        ),
    ] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Open the dashboard in a browser that is logged in as you are here.

    The link is good for 5 minutes and for one browser. On a machine without a screen, open it on another
    one that reaches the gateway.

    Example: meshward dashboard

    Example: meshward dashboard --print --url https://pi.local:8080 --token-file ~/.meshward-token
    """
    from meshward.cli.gateway_client import Gateway  # noqa: PLC0415 a help page needs none of it
    from meshward.gateway.dashboard_views import LoginLink  # noqa: PLC0415 as above

    place = at.place()
    if place is None:
        raise GatewayError(
            f"no gateway runs for {at.directory()}: start one with `meshward run`, or say where it is with "
            "--data DIR or --url URL"
        )
    async with Gateway.at(place, at.place) as gateway:
        base = await _page(gateway, place)
        link = await gateway.post("session/links", LoginLink)
    url = f"{base}/{link.path}"
    if json:
        print_json({"url": url, "expires_in_s": link.expires_in_s})
        return
    print_line(url)
    print_line(f"This link logs one browser in, once, within the next {link.expires_in_s / 60:.0f} minutes.")
    if not print_only and _has_screen():
        import webbrowser  # noqa: PLC0415 only here

        if not webbrowser.open(url):
            print_line("No browser could be opened: open the link yourself.")


async def _page(gateway: "Gateway", place: "Place") -> str:
    """Where a browser finds the page: a gateway of this machine knows by what address people reach it."""
    if not place.is_own:
        return place.url
    from meshward.gateway.views import SettingsView  # noqa: PLC0415 as `dashboard`

    fixed = (await gateway.get("settings", SettingsView)).fixed
    outside = fixed.get("alerts.external_url")
    return str(outside).rstrip("/") if outside else f"{place.url}{fixed.get('http.root_path') or ''}"


def _has_screen() -> bool:
    """Whether a browser would show up; the text browsers that are tried without a screen cannot."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
