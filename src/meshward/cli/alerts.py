"""The commands `alerts …`, but for those about silences and rules."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from meshward.cli import alerts_rules, alerts_silences
from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.gateway.health_views import AlertView

Id = Annotated[str, Parameter(help="The alert's id or its beginning, as `meshward alerts list` shows it.")]
_FLAG = Parameter(negative="", show_default=False)


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="alerts",
        help="What is wrong in the mesh: see it, take it on, silence it, and set the rules.",
        group=group,
        sort_key=sort_key,
    )
    app.command(list_, name="list")
    for command in (show, ack, unack):
        app.command(command)
    alerts_silences.add(app)
    alerts_rules.add(app)
    app.command(try_, name="test")
    return app


async def list_(
    *,
    state: Annotated[
        list[Literal["pending", "firing", "resolved"]] | None,
        Parameter(help="Only those in this state; repeat it.", negative=""),
    ] = None,
    node: Annotated[str | None, Parameter(help="Only of this node, by id or name.")] = None,
    rule: Annotated[str | None, Parameter(help="Only of this rule.")] = None,
    every: Annotated[bool, _FLAG, Parameter(name="--all", help="Also those that are over.")] = False,
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = 100,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """List alerts: those that are firing, the worst first, and those that may soon.

    Example: meshward alerts list --node "Kitchen lamp" --all
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli.lookup import ALERT_STATES, find_node  # noqa: PLC0415 as above
    from meshward.gateway.health_views import AlertView  # noqa: PLC0415 as above

    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    if every and state:
        raise UsageError("--all and --state exclude each other")
    states = ALERT_STATES if every else state
    async with gateway(at) as reached:
        node_id = None if node is None else await find_node(reached, node)
        wanted = {"state": None if states is None else list(states), "node": node_id, "rule": rule}
        alerts = await reached.every("alerts", AlertView, wanted, limit)
    if json:
        print_json({"alerts": msgspec.to_builtins(alerts)})
        return
    from meshward.cli.alerts_view import print_alerts  # noqa: PLC0415 loads rich

    filtered = bool(states or node or rule)
    print_alerts(alerts, datetime.now(UTC), filtered=filtered)


async def show(alert: Id, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Tell all of an alert: what is wrong, what to do, and why nobody is told where it is quiet.

    Example: meshward alerts show 4f7c
    """
    from meshward.cli.lookup import find_alert  # noqa: PLC0415 as `list_`
    from meshward.gateway.health_views import AlertView  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        found = await reached.get(f"alerts/{await find_alert(reached, alert)}", AlertView)
    _tell(found, json=json)


async def ack(
    alert: Id,
    /,
    *,
    note: Annotated[str, Parameter(help="What is done about it; shown with the alert.")] = "",
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Take an alert on: nobody is told of it again until it is over.

    Example: meshward alerts ack 4f7c --note "new battery on Friday"
    """
    from meshward.gateway.health_views import AckRequest  # noqa: PLC0415 as `list_`

    done = await _act(alert, "ack", at, AckRequest(note=note))
    _tell(
        done, json=json, line=f"alert {done.id} is acknowledged: nobody is told of it again until it is over"
    )


async def unack(alert: Id, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Give an alert back: people are told of it again.

    Example: meshward alerts unack 4f7c
    """
    done = await _act(alert, "unack", at)
    _tell(done, json=json, line=f"alert {done.id} is not acknowledged any more")


async def try_(*, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> int:
    """Send a test notification to every receiver, and say what came of it.

    Exit status: 0 all took it; 1 one did not, or there is none.

    Example: meshward alerts test
    """
    import msgspec  # noqa: PLC0415 as `list_`

    from meshward.gateway.health_views import TestResult  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        results = await reached.post("alert-tests", list[TestResult])
    ok = bool(results) and all(result.ok for result in results)
    if json:
        print_json({"ok": ok, "results": msgspec.to_builtins(results)})
    elif results:
        from meshward.cli.alerts_view import print_tests  # noqa: PLC0415 loads rich

        print_tests(results)
    else:
        print_line(
            "No receiver is configured, so nobody is told of alerts: add one to the configuration file."
        )
    return 0 if ok else 1


async def _act(alert: str, action: str, at: GatewayOptions, body: object = None) -> "AlertView":
    from meshward.cli.lookup import find_alert  # noqa: PLC0415 as `list_`
    from meshward.gateway.health_views import AlertView  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        return await reached.post(f"alerts/{await find_alert(reached, alert)}/{action}", AlertView, body)


def _tell(alert: "AlertView", *, json: bool, line: str = "") -> None:
    if json:
        import msgspec  # noqa: PLC0415 as `list_`

        print_json(msgspec.to_builtins(alert))
    elif line:
        print_line(printable(line))
    else:
        from meshward.cli.alerts_view import print_alert  # noqa: PLC0415 loads rich

        print_alert(alert, datetime.now(UTC))
