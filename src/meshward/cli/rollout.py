"""The commands `rollout …`, but for `create`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from meshward.cli import rollout_create
from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json
from meshward.rollout.states import Action

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.views import RolloutView

Id = Annotated[
    str | None,
    Parameter(help="The rollout's id or its beginning; may be left out where one alone is under way."),
]
Reason = Annotated[str, Parameter(help="Why; kept in the audit log.")]
Yes = Annotated[bool, Parameter(help="Do not ask.", negative="", show_default=False)]

_ASKED = {
    Action.ABORT: "Abort rollout {id} ({name}) for good? Nodes keep what they run.",
    Action.ROLLBACK: "Bring all updated nodes of rollout {id} ({name}) back to their last good firmware?",
}


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="rollout",
        help="Update the mesh in waves, with a look at the nodes' health between them.",
        group=group,
        sort_key=sort_key,
    )
    app.command(rollout_create.create)
    app.command(list_, name="list")
    for command in (show, watch, approve, pause, resume, skip, retry, abort, rollback):
        app.command(command)
    return app


async def list_(
    *,
    state: Annotated[
        list[str] | None, Parameter(help="Only those in this state; repeat it.", negative="")
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.")] = 20,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """List rollouts and plain updates, the newest first.

    Example: meshward rollout list --state paused
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.gateway.views import RolloutSummary  # noqa: PLC0415 as above
    from meshward.rollout.states import RolloutState  # noqa: PLC0415 as above

    if unknown := [text for text in state or () if text not in set(RolloutState)]:
        raise UsageError(f"no state is called {unknown[0]!r}: {', '.join(RolloutState)}")
    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    async with gateway(at) as reached:
        rollouts = await reached.every("rollouts", RolloutSummary, {"state": state}, limit)
    if json:
        print_json({"rollouts": msgspec.to_builtins(rollouts)})
        return
    from meshward.cli.rollout_print import print_rollouts  # noqa: PLC0415 loads rich

    print_rollouts(rollouts, datetime.now(UTC))


async def show(rollout: Id = None, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Tell how a rollout stands: its waves and every node.

    Example: meshward rollout show 7f3a
    """
    async with gateway(at) as reached:
        found = await _one(reached, rollout)
    _tell(found, json=json)


async def watch(rollout: Id = None, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> int:
    """Follow a rollout until it ends, through restarts of the gateway. Ctrl-C leaves it running.

    Exit status: 0 completed; 1 failed, rolled back or aborted; 130 Ctrl-C.

    Example: meshward rollout watch
    """
    from meshward.cli.lookup import find_rollout  # noqa: PLC0415 as `list_`
    from meshward.cli.rollout_watch import follow  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        return await follow(reached, await find_rollout(reached, rollout), json=json)


async def approve(
    rollout: Id = None, /, *, reason: Reason = "", json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS
) -> None:
    """Let a rollout start, or go on with its next wave.

    Example: meshward rollout approve 7f3a
    """
    await _act(Action.APPROVE, rollout, at, reason, json=json)


async def pause(
    rollout: Id = None, /, *, reason: Reason = "", json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS
) -> None:
    """Hold a rollout where it is.

    Example: meshward rollout pause 7f3a --reason "visitors in the hall"
    """
    await _act(Action.PAUSE, rollout, at, reason, json=json)


async def resume(
    rollout: Id = None, /, *, reason: Reason = "", json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS
) -> None:
    """Go on with a paused rollout where it was.

    Example: meshward rollout resume 7f3a
    """
    await _act(Action.RESUME, rollout, at, reason, json=json)


async def skip(
    rollout: Id = None, /, *, reason: Reason = "", json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS
) -> None:
    """Leave the current wave, or its soak, as it is and go on with the next.

    Example: meshward rollout skip 7f3a
    """
    await _act(Action.SKIP, rollout, at, reason, json=json)


async def retry(
    rollout: Id = None, /, *, reason: Reason = "", json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS
) -> None:
    """Try the failed nodes of a rollout again.

    Example: meshward rollout retry 7f3a
    """
    await _act(Action.RETRY, rollout, at, reason, json=json)


async def abort(
    rollout: Id = None,
    /,
    *,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Stop a rollout for good; nodes keep what they run, and half-way ones are put back to idle.

    Example: meshward rollout abort 7f3a --yes
    """
    return await _act(Action.ABORT, rollout, at, reason, json=json, yes=yes)


async def rollback(
    rollout: Id = None,
    /,
    *,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Bring the updated nodes of a rollout back to their last good firmware.

    Example: meshward rollout rollback 7f3a --reason "the lamps flicker"
    """
    return await _act(Action.ROLLBACK, rollout, at, reason, json=json, yes=yes)


async def _act(
    action: Action, rollout: str | None, at: GatewayOptions, reason: str, *, json: bool, yes: bool = True
) -> int:
    from meshward.cli.asking import confirmed  # noqa: PLC0415 as `list_`
    from meshward.gateway.views import RolloutView  # noqa: PLC0415 as `list_`
    from meshward.text import printable  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        found = await _one(reached, rollout)
        question = _ASKED.get(action, "").format(id=found.id, name=printable(found.name))
        if not confirmed(question, yes=yes):
            return 1
        done = await reached.post(f"rollouts/{found.id}/{action.value}", RolloutView, {"reason": reason})
    _tell(done, json=json, whole=False)
    return 0


async def _one(reached: "Gateway", rollout: str | None) -> "RolloutView":
    from meshward.cli.lookup import find_rollout  # noqa: PLC0415 as `list_`
    from meshward.gateway.views import RolloutView  # noqa: PLC0415 as `list_`

    return await reached.get(f"rollouts/{await find_rollout(reached, rollout)}", RolloutView)


def _tell(rollout: "RolloutView", *, json: bool, whole: bool = True) -> None:
    import msgspec  # noqa: PLC0415 as `list_`

    from meshward.cli.rollout_print import print_rollout, print_sentence  # noqa: PLC0415 as `list_`

    if json:
        print_json(msgspec.to_builtins(rollout))
    elif whole:
        print_rollout(rollout, datetime.now(UTC))
    else:
        print_sentence(rollout)
