"""The commands `alerts …` about rules."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.health_views import RulePatch, RuleView

_FLAG = Parameter(negative="", show_default=False)


def add(app: App) -> None:
    """The commands into their group."""
    app.command(rules)
    app.command(rule)


async def rules(*, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """List the rules that alerts follow from, as they are in force.

    Example: meshward alerts rules
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    async with gateway(at) as reached:
        found = await _rules(reached)
    if json:
        print_json({"rules": msgspec.to_builtins(found)})
        return
    from meshward.cli.alerts_view import print_rules  # noqa: PLC0415 loads rich

    print_rules(found)


async def rule(
    name: Annotated[str, Parameter(help="The rule's name, as `meshward alerts rules` shows it.")],
    /,
    *,
    threshold: Annotated[
        str | None,
        Parameter(metavar="VALUE", help="Where it fires, in the metric's unit; 12KB is 12288.", negative=""),
    ] = None,
    clear: Annotated[
        str | None, Parameter(metavar="VALUE", help="Where it counts as over.", negative="")
    ] = None,
    for_: Annotated[
        str | None,
        Parameter(name="--for", metavar="TIME", help="How long it must be so before it fires, as 90s or 5m."),
    ] = None,
    keep: Annotated[
        str | None,
        Parameter(metavar="TIME", help="How long it must be well before it is over."),
    ] = None,
    severity: Annotated[
        Literal["info", "warning", "critical"] | None, Parameter(help="How bad it is.")
    ] = None,
    on: Annotated[bool, _FLAG, Parameter(help="Use the rule.")] = False,
    off: Annotated[bool, _FLAG, Parameter(help="Do not use the rule.")] = False,
    metric: Annotated[
        str | None, Parameter(help="For a new rule: its metric; with --threshold and --fires.")
    ] = None,
    fires: Annotated[
        Literal["above", "below"] | None, Parameter(help="For a new rule: on which side it fires.")
    ] = None,
    reset: Annotated[
        bool, _FLAG, Parameter(help="Take back what was changed by this command or the API.")
    ] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show a rule, or change it at once. A new name makes a new rule about a metric.

    Example: meshward alerts rule low_heap --threshold 12KB --for 5m
    """
    patch = _patch(
        threshold=threshold,
        clear=clear,
        for_s=for_,
        keep_firing_s=keep,
        severity=severity,
        metric=metric,
        direction=fires,
        enabled=_switch(on=on, off=off),
    )
    if reset and patch is not None:
        raise UsageError("--reset goes without other changes")
    async with gateway(at) as reached:
        if reset:
            found = await _reset(reached, name)
        else:
            found = await (_one(reached, name) if patch is None else _change(reached, name, patch))
    if json:
        import msgspec  # noqa: PLC0415 as `rules`

        print_json({"name": name, "gone": True} if found is None else msgspec.to_builtins(found))
    elif found is None:
        print_line(printable(f"rule {name} is gone"))
    else:
        from meshward.cli.alerts_view import print_rule  # noqa: PLC0415 loads rich

        print_rule(found)


async def _rules(reached: "Gateway") -> "list[RuleView]":
    from meshward.gateway.health_views import RuleView  # noqa: PLC0415 as `rules`

    return await reached.get("alert-rules", list[RuleView])


async def _one(reached: "Gateway", name: str) -> "RuleView":
    from meshward.cli.readings import did_you_mean  # noqa: PLC0415 as `rules`
    from meshward.errors import UnknownItemError  # noqa: PLC0415 as `rules`

    known = await _rules(reached)
    for found in known:
        if found.name == name:
            return found
    hint = did_you_mean(name, [found.name for found in known])
    raise UnknownItemError(f"there is no rule {name!r}; {hint}list them with `meshward alerts rules`")


async def _change(reached: "Gateway", name: str, patch: "RulePatch") -> "RuleView":
    import msgspec  # noqa: PLC0415 as `rules`

    from meshward.gateway.health_views import RuleView  # noqa: PLC0415 as `rules`

    if patch.metric is msgspec.UNSET:
        await _one(reached, name)  # or a slip of the pen would ask for a new rule
    return await reached.patch(f"alert-rules/{_segment(name)}", RuleView, patch)


async def _reset(reached: "Gateway", name: str) -> "RuleView | None":
    await _one(reached, name)
    await reached.delete(f"alert-rules/{_segment(name)}")
    return next((found for found in await _rules(reached) if found.name == name), None)


def _segment(name: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 as `rules`

    return quote(name, safe="")


def _switch(*, on: bool, off: bool) -> bool | None:
    if on and off:
        raise UsageError("--on and --off exclude each other")
    return True if on else False if off else None


def _patch(**given: str | bool | None) -> "RulePatch | None":
    """The changes; None where there are none."""
    from meshward.cli.durations import parse_duration  # noqa: PLC0415 as `rules`
    from meshward.gateway.health_views import RulePatch  # noqa: PLC0415 as `rules`

    readers = {
        "threshold": ("--threshold", _number),
        "clear": ("--clear", _number),
        "for_s": ("--for", parse_duration),
        "keep_firing_s": ("--keep", parse_duration),
    }
    changes: dict[str, object] = {}
    for field, value in given.items():
        if value is None:
            continue
        changes[field] = value
        if field in readers:
            option, read = readers[field]
            try:
                changes[field] = read(str(value))
            except ValueError as error:
                raise UsageError(f"{option}: {error}") from None
    return RulePatch(**changes) if changes else None  # type: ignore[arg-type]


def _number(text: str) -> float:
    """A number, or a size in bytes as `12KB`."""
    from math import isfinite  # noqa: PLC0415 as `rules`

    from meshward.text import parse_size  # noqa: PLC0415 as `rules`

    try:
        value = float(text)
    except ValueError:
        if not text.strip().upper().endswith("B"):
            raise ValueError(f"{text!r} is no number: write it as -75, 0.5 or 12KB") from None
        return float(parse_size(text))
    if not isfinite(value):
        raise ValueError(f"{text!r} is no number that a metric can have")
    return value
