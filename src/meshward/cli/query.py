"""The command `query`: ask nodes how they are, now."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import plural, print_json

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.health_views import QueryRequest, QueryView

_FLAG = Parameter(negative="", show_default=False)
_TICK_S = 0.25


async def query(
    nodes: Annotated[
        tuple[str, ...],
        Parameter(help="Only these nodes, by id or name; all where none is given.", show_default=False),
    ] = (),
    /,
    *,
    role: Annotated[str | None, Parameter(help="Only nodes of this role.")] = None,
    group: Annotated[
        list[Literal["heap", "link", "traffic", "power", "firmware"]] | None,
        Parameter(help="Ask for these values only; repeat it.", negative=""),
    ] = None,
    deadline: Annotated[str, Parameter(metavar="TIME", help="Wait so long for answers.")] = "8s",
    fresh: Annotated[
        bool, _FLAG, Parameter(help="Ask anew, also where somebody was answered just now.")
    ] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Ask nodes how they are, and put their answers together.

    Boards that cannot be asked are shown as they were known last. Exit status: 0 somebody answered,
    1 nobody did.

    Example: meshward query --role sensor --group heap
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli.durations import parse_duration  # noqa: PLC0415 as above
    from meshward.cli.lookup import find_nodes  # noqa: PLC0415 as above
    from meshward.gateway.health_views import MetricView, QueryRequest  # noqa: PLC0415 as above

    if nodes and role:
        raise UsageError("give nodes or --role, not both")
    try:
        deadline_s = parse_duration(deadline)
    except ValueError as error:
        raise UsageError(f"--deadline: {error}") from None
    request = QueryRequest(role=role or "", groups=group or [], deadline_s=deadline_s)
    if fresh:
        request.max_age_s = 0.0
    async with gateway(at) as reached:
        request.nodes = await find_nodes(reached, nodes)
        answer = await _ask(reached, request)
        catalogue = [] if json else await reached.get("metric-catalogue", list[MetricView])
    if json:
        print_json(msgspec.to_builtins(answer))
    else:
        from meshward.cli.query_view import print_query  # noqa: PLC0415 loads rich

        print_query(answer, catalogue)
    return 0 if answer.coverage.answered else 1


async def _ask(reached: "Gateway", request: "QueryRequest") -> "QueryView":
    """Ask, and show on a terminal that it takes its time."""
    import asyncio  # noqa: PLC0415 as `query`
    import time  # noqa: PLC0415 as `query`

    from rich.console import Console  # noqa: PLC0415 loads rich

    from meshward.gateway.health_views import QueryView  # noqa: PLC0415 as `query`

    begun_s = time.monotonic()
    whom = plural(len(request.nodes), "node") if request.nodes else "the nodes"
    console = Console(stderr=True)

    async def tick() -> None:
        with console.status(f"asking {whom} …") as shown:
            while True:
                await asyncio.sleep(_TICK_S)
                passed_s = time.monotonic() - begun_s
                shown.update(f"asking {whom} … {passed_s:.0f} of at most {request.deadline_s:.0f} s")

    ticker = asyncio.create_task(tick()) if console.is_terminal else None
    try:
        return await reached.post("queries", QueryView, request, takes_s=request.deadline_s)
    finally:
        if ticker is not None:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
