"""The command `events`: what happened in the mesh and the gateway."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_event

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.views import EventView

_POLL_S = 0.5
_AT_ONCE = 500


async def events(
    *,
    follow: Annotated[
        bool,
        Parameter(help="Go on with what happens from now, until Ctrl-C.", negative="", show_default=False),
    ] = False,
    node: Annotated[str | None, Parameter(help="Only of this node, by id or name.")] = None,
    rollout: Annotated[
        str | None, Parameter(help="Only of this rollout, by its id or its beginning.")
    ] = None,
    kind: Annotated[str | None, Parameter(help="Only of this kind, as the second column names it.")] = None,
    severity: Annotated[
        Literal["info", "warning", "error"] | None,
        Parameter(help="Only of this severity."),
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = 50,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show what happened, the newest last.

    With --json, an object a line.

    Example: meshward events --follow --severity warning
    """
    from meshward.cli.lookup import find_node, find_rollout  # noqa: PLC0415 a help page needs none of it
    from meshward.gateway.views import EventView  # noqa: PLC0415 as above

    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    async with gateway(at) as reached:
        wanted: dict[str, str | int | list[str] | None] = {
            "node": None if node is None else await find_node(reached, node),
            "rollout": None if rollout is None else await find_rollout(reached, rollout),
            "kind": kind,
            "severity": severity,
        }
        newest = await reached.every("events", EventView, wanted, limit)
        for event in reversed(newest):
            _show(event, json=json)
        if follow:
            await _follow(reached, wanted, newest[0].id if newest else 0, json=json)


async def _follow(
    reached: "Gateway", wanted: dict[str, str | int | list[str] | None], last: int, *, json: bool
) -> None:
    """Show events as they come, through restarts of the gateway."""
    import asyncio  # noqa: PLC0415 as `events`

    from meshward.cli.gateway_client import TokenRefusedError, UnreachableError  # noqa: PLC0415 as `events`
    from meshward.errors import GatewayError  # noqa: PLC0415 as `events`
    from meshward.gateway.views import EventView, Page  # noqa: PLC0415 as `events`

    if reached.local:
        raise GatewayError("no gateway runs, so nothing more happens: start one with `meshward run`")
    while True:
        try:
            page = await reached.get("events", Page[EventView], {**wanted, "after": last, "limit": _AT_ONCE})
        except (UnreachableError, TokenRefusedError) as error:
            moved = await reached.find_again()
            if isinstance(error, TokenRefusedError) and not moved:
                raise
            await asyncio.sleep(_POLL_S)
            continue
        for event in page.items:
            _show(event, json=json)
            last = event.id
        if len(page.items) < _AT_ONCE:
            await asyncio.sleep(_POLL_S)


def _show(event: "EventView", *, json: bool) -> None:
    if json:
        import msgspec  # noqa: PLC0415 as `events`

        print_event("happened", **msgspec.to_builtins(event))
        return
    from rich.text import Text  # noqa: PLC0415 loads rich

    from meshward.cli.durations import local_text  # noqa: PLC0415 as `events`
    from meshward.cli.states import SEVERITY_STYLES  # noqa: PLC0415 as `events`
    from meshward.cli.tables import print_text  # noqa: PLC0415 loads rich
    from meshward.text import printable  # noqa: PLC0415 as `events`

    line = Text(f"{local_text(event.at)}  ", style="dim")
    line.append(f"{printable(event.kind)}  ", style="")
    line.append(printable(event.text), style=SEVERITY_STYLES.get(event.severity, "not dim"))
    print_text(line)
