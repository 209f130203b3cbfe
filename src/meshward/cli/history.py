"""The command `history`: a metric of a node over time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway, Params
    from meshward.gateway.health_views import HistoryView, MetricView

_POINTS = 1500
"""Enough for a screen or a page."""
_POINTS_MAX = 20_000
"""What the gateway gives at once."""
_FLAG = Parameter(negative="", show_default=False)


async def history(
    node: Annotated[str, Parameter(help="The node's id, or its name.")],
    metric: Annotated[
        str | None,
        Parameter(help="The metric, or the beginning of its name; without it, those of the node are listed."),
    ] = None,
    /,
    *,
    since: Annotated[
        str, Parameter(metavar="WHEN", help="From then, as 24h or 7d ago, 22:00, or 2026-11-26.")
    ] = "24h",
    until: Annotated[
        str | None, Parameter(metavar="WHEN", help="Until then; until now where not given.")
    ] = None,
    resolution: Annotated[
        str | None,
        Parameter(metavar="TIME", help="One point for so long, as 5m; 0 for the samples as they came."),
    ] = None,
    plot: Annotated[
        Path | None,
        Parameter(metavar="FILE", help="Draw it into a file: .png, .svg or .pdf. Needs meshward[plot]."),
    ] = None,
    csv: Annotated[bool, _FLAG, Parameter(help="Print lines of a table for other programs.")] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show a metric of a node over time: as a chart here, in a file, or as numbers.

    Counters are shown as rates per second. Times without data stay empty.

    Example: meshward history 1003 heap_free_bytes --since 7d --plot heap.png
    """
    if csv and json:
        raise UsageError("--csv and --json exclude each other")
    if metric is None and (plot or csv):
        raise UsageError("name a metric; without one, `meshward history NODE` lists those that the node has")
    if plot is not None:
        from meshward.cli.history_plot import check_plot_file  # noqa: PLC0415 a help page needs none of it

        check_plot_file(plot)
    asked = _range(since, until, resolution)
    asked["points"] = _POINTS_MAX if csv or json or resolution else _POINTS
    async with gateway(at) as reached:
        if metric is None:
            await _list(reached, node, json=json)
            return
        shown, about, name = await _history(reached, node, metric, asked)
    if plot is not None:
        from meshward.cli.history_plot import write_plot  # noqa: PLC0415 as above

        write_plot(plot, shown, about, name)
    _tell(shown, about, name, plot, csv=csv, json=json)


def _range(since: str, until: str | None, resolution: str | None) -> dict[str, str | int | list[str] | None]:
    from meshward.cli.durations import parse_duration, parse_past  # noqa: PLC0415 as `history`

    now = datetime.now().astimezone().replace(tzinfo=None)
    option = "--since"
    try:
        start = parse_past(since, now)
        option = "--until"
        end = None if until is None else parse_past(until, now)
        option = "--resolution"
        step_s = None if resolution is None else parse_duration(resolution)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if start >= (end or now.astimezone()):
        raise UsageError("--since must be before --until, and in the past")
    return {
        "start": _iso(start),
        "end": None if end is None else _iso(end),
        "resolution_s": None if step_s is None else f"{step_s:g}",
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _history(
    reached: "Gateway", node: str, metric: str, asked: "Params"
) -> "tuple[HistoryView, MetricView, str]":
    """The history, what the metric is, and the node's name."""
    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `history`
    from meshward.cli.readings import find_metric  # noqa: PLC0415 as `history`
    from meshward.gateway.health_views import HistoryView, MetricView  # noqa: PLC0415 as `history`
    from meshward.gateway.views import NodeDetail  # noqa: PLC0415 as `history`

    node_id = await find_node(reached, node)
    about = find_metric(await reached.get("metric-catalogue", list[MetricView]), metric)
    named = await reached.get(f"nodes/{node_id}", NodeDetail)
    shown = await reached.get(f"nodes/{node_id}/history", HistoryView, {**asked, "metric": about.name})
    return shown, about, named.name


async def _list(reached: "Gateway", node: str, *, json: bool) -> None:
    import msgspec  # noqa: PLC0415 as `history`

    from meshward.cli.lookup import find_node  # noqa: PLC0415 as `history`
    from meshward.gateway.health_views import MetricView, NodeStatus  # noqa: PLC0415 as `history`

    node_id = await find_node(reached, node)
    known = await reached.get(f"nodes/{node_id}/status", NodeStatus)
    catalogue = await reached.get("metric-catalogue", list[MetricView])
    if json:
        metrics = [metric for metric in catalogue if metric.name in known.metrics]
        print_json({"node": node_id, "metrics": msgspec.to_builtins(metrics)})
        return
    from meshward.cli.history_view import print_metrics  # noqa: PLC0415 loads rich

    print_metrics(known, catalogue)


def _tell(
    shown: "HistoryView", about: "MetricView", name: str, plot: Path | None, *, csv: bool, json: bool
) -> None:
    if json:
        import msgspec  # noqa: PLC0415 as `history`

        print_json({**msgspec.to_builtins(shown), **({} if plot is None else {"plot": str(plot)})})
    elif csv:
        from meshward.cli.history_view import csv_lines  # noqa: PLC0415 loads rich

        for line in csv_lines(shown):
            print_line(line)
    elif plot is not None:
        from meshward.cli.history_view import print_written  # noqa: PLC0415 loads rich

        print_written(plot, shown)
    else:
        from meshward.cli.history_view import print_history  # noqa: PLC0415 loads rich

        print_history(shown, about, name)
