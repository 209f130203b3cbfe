"""The commands `alerts …` about silences and maintenance windows."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.gateway.health_views import NewSilence, SilenceView

_USUAL = "4h"
_FLAG = Parameter(negative="", show_default=False)

Nodes = Annotated[
    tuple[str, ...],
    Parameter(help="Only alerts about these nodes, by id or name.", negative="", show_default=False),
]
Tags = Annotated[
    list[str] | None, Parameter(help="Only alerts about nodes with this tag; repeat it.", negative="")
]
For = Annotated[str | None, Parameter(name="--for", metavar="TIME", help="How long, as 30m, 4h or 2d.")]
Until = Annotated[
    str | None,
    Parameter(metavar="WHEN", help="Until then, as 22:00 or 2026-11-26T22:00+01:00, instead of --for."),
]
Reason = Annotated[str, Parameter(help="Why; shown with it.", show_default=False)]


def add(app: App) -> None:
    """The commands into their group."""
    app.command(silence)
    app.command(list_, name="silences")
    app.command(unsilence)
    app.command(maintenance)


async def silence(
    nodes: Nodes = (),
    /,
    *,
    rule: Annotated[
        list[str] | None, Parameter(help="Only alerts of this rule; repeat it.", negative="")
    ] = None,
    tag: Tags = None,
    everything: Annotated[bool, _FLAG, Parameter(name="--all", help="All alerts.")] = False,
    for_: For = None,
    until: Until = None,
    reason: Reason = "",
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Tell nobody of some alerts for a while: for 4 hours where no time is given.

    It is about alerts that fit everything named. They are still found and listed.

    Example: meshward alerts silence "Kitchen lamp" --rule weak_link --for 2d
    """
    if everything == bool(nodes or rule or tag):
        raise UsageError("say which alerts: by nodes, --rule or --tag, or --all for all of them")
    from meshward.gateway.health_views import NewSilence  # noqa: PLC0415 a help page needs none of it

    new = NewSilence(rules=rule or [], tags=tag or [], reason=reason)
    usual = None if until else _USUAL
    await _create(new, nodes, for_ or usual, until, None, at, json=json)


async def maintenance(
    nodes: Nodes = (),
    /,
    *,
    tag: Tags = None,
    for_: For = None,
    until: Until = None,
    start: Annotated[
        str | None, Parameter(metavar="WHEN", help="From then, as --until; from now where not given.")
    ] = None,
    reason: Reason = "",
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Say that somebody works on nodes, or on the whole mesh: nobody is told of their alerts meanwhile.

    Updates do that by themselves for the nodes that they restart.

    Example: meshward alerts maintenance "Kitchen lamp" --start 22:00 --for 1h --reason "new battery"
    """
    if for_ is None and until is None:
        raise UsageError("say how long: --for 1h, or --until 22:00")
    from meshward.gateway.health_views import NewSilence  # noqa: PLC0415 as `silence`

    new = NewSilence(kind="maintenance", tags=tag or [], reason=reason)
    await _create(new, nodes, for_, until, start, at, json=json)


async def list_(
    *,
    over: Annotated[bool, _FLAG, Parameter(help="Also those of the last 30 days that are over.")] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """List silences and maintenance windows, also those that updates opened.

    Example: meshward alerts silences
    """
    import msgspec  # noqa: PLC0415 as `silence`

    from meshward.gateway.health_views import SilenceView  # noqa: PLC0415 as `silence`

    async with gateway(at) as reached:
        silences = await reached.get("silences", list[SilenceView], {"over": "true"} if over else None)
    if json:
        print_json({"silences": msgspec.to_builtins(silences)})
        return
    from meshward.cli.alerts_view import print_silences  # noqa: PLC0415 loads rich

    print_silences(silences)


async def unsilence(
    silence: Annotated[
        str, Parameter(help="Its id or its beginning, as `meshward alerts silences` shows it.")
    ],
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """End a silence or a maintenance window before its time.

    Example: meshward alerts unsilence 4f7c
    """
    from meshward.cli.lookup import find_silence  # noqa: PLC0415 as `silence`
    from meshward.gateway.health_views import SilenceView  # noqa: PLC0415 as `silence`

    async with gateway(at) as reached:
        ended = await reached.delete_for(f"silences/{await find_silence(reached, silence)}", SilenceView)
    _tell(ended, f"{ended.kind} {ended.id} is over", json=json)


async def _create(
    new: "NewSilence",
    nodes: tuple[str, ...],
    for_: str | None,
    until: str | None,
    start: str | None,
    at: GatewayOptions,
    *,
    json: bool,
) -> None:
    from meshward.cli.lookup import find_nodes  # noqa: PLC0415 as `silence`
    from meshward.gateway.health_views import SilenceView  # noqa: PLC0415 as `silence`

    _set_times(new, for_, until, start)
    async with gateway(at) as reached:
        new.nodes = await find_nodes(reached, nodes)
        made = await reached.post("silences", SilenceView, new)
    if json:
        _tell(made, "", json=True)
        return
    from meshward.cli.alerts_view import silence_sentence  # noqa: PLC0415 loads rich

    _tell(made, silence_sentence(made), json=False)


def _set_times(new: "NewSilence", for_: str | None, until: str | None, start: str | None) -> None:
    from meshward.cli.durations import parse_duration, parse_start  # noqa: PLC0415 as `silence`

    if for_ is not None and until is not None:
        raise UsageError("--for and --until exclude each other")
    now = datetime.now().astimezone().replace(tzinfo=None)
    option = "--start"
    try:
        new.starts_at = None if start is None else parse_start(start, now)
        option = "--until"
        new.ends_at = None if until is None else parse_start(until, now)
        option = "--for"
        new.duration_s = None if for_ is None else parse_duration(for_)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if new.duration_s == 0:
        raise UsageError("--for: it must be longer than nothing")


def _tell(silence: "SilenceView", line: str, *, json: bool) -> None:
    if json:
        import msgspec  # noqa: PLC0415 as `silence`

        print_json(msgspec.to_builtins(silence))
    else:
        print_line(printable(line))
