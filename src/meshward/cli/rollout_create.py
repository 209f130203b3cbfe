"""The command `rollout create`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.views import FirmwareView, RolloutPlan
    from meshward.rollout.spec import RolloutSpec

_WHAT = Group("What and to whom", sort_key=1)
_WAVES = Group("Waves", sort_key=1.1)
_FAILURE = Group("When it goes wrong", sort_key=1.2)
_WHEN = Group("When", sort_key=1.3)
_HOW = Group("How", sort_key=1.4)


def _texts(group: Group, words: str, metavar: str) -> Parameter:
    return Parameter(group=group, help=words, metavar=metavar, n_tokens=1, negative="", show_default=False)


def _flag(group: Group, words: str) -> Parameter:
    return Parameter(group=group, help=words, negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CreateOptions:
    """What a rollout is to do; what is left out is as in the file of --spec, or usual."""

    role: Annotated[
        list[str] | None, _texts(_WHAT, "The boards' role, as in their sketch; repeat it.", "ROLE")
    ] = None
    nodes: Annotated[
        list[str] | None, _texts(_WHAT, "Only these nodes, by id or name; apart by commas.", "NODES")
    ] = None
    exclude: Annotated[list[str] | None, _texts(_WHAT, "Not these nodes.", "NODES")] = None
    tag: Annotated[list[str] | None, _texts(_WHAT, "Only nodes with this tag; repeat it.", "TAG")] = None
    version: Annotated[
        list[str] | None, _texts(_WHAT, "Only nodes that run this version; repeat it.", "VERSION")
    ] = None
    name: Annotated[str | None, Parameter(group=_WHAT, help="A name for it; from the image if none.")] = None
    notes: Annotated[str | None, Parameter(group=_WHAT, help="What to remember about it.")] = None
    spec: Annotated[
        Path | None,
        Parameter(
            group=_WHAT, metavar="FILE", help="All of it from a TOML or JSON file; options go before it."
        ),
    ] = None
    wave: Annotated[
        list[str] | None,
        _texts(
            _WAVES,
            "A wave, as 'name=early,size=25%,soak=10m,errors=1,go=manual', with success=90%, "
            "nodes=1001+1002, batch=5, growth=2, sample=3 and classes=failed+lost as well; repeat it. "
            "Canary, 25 % and everyone if none.",
            "WAVE",
        ),
    ] = None
    canary: Annotated[
        str | None,
        Parameter(
            group=_WAVES, metavar="AMOUNT", help="The first wave: 2, 5% or nodes=1001+1002; 0 for none."
        ),
    ] = None
    soak: Annotated[
        str | None,
        Parameter(group=_WAVES, metavar="TIME", help="How long each wave is watched, as 90s, 10m or 1.5h."),
    ] = None
    manual: Annotated[bool, _flag(_WAVES, "Each wave after the first waits for a go-ahead.")] = False
    budget: Annotated[
        str | None,
        Parameter(
            group=_FAILURE, metavar="AMOUNT", help="Errors among all nodes that stop it. [default: 10%]"
        ),
    ] = None
    on_failure: Annotated[
        Literal["rollback", "pause"] | None,
        Parameter(group=_FAILURE, help="What follows a failed gate. [default: rollback]"),
    ] = None
    rollback_to: Annotated[
        list[str] | None,
        _texts(
            _FAILURE,
            "The last good firmware, a file or SHA-256, one for each hardware; else what nodes ran.",
            "FILE-OR-SHA",
        ),
    ] = None
    approval: Annotated[bool, _flag(_WHEN, "Wait for somebody's approval first.")] = False
    start: Annotated[
        str | None, Parameter(group=_WHEN, metavar="TIME", help="As 22:00 or 2026-11-26T22:00+01:00.")
    ] = None
    window: Annotated[
        list[str] | None,
        _texts(_WHEN, "Update only then, as 'mon-fri 22:00-05:00 Europe/Berlin'; repeat it.", "WINDOW"),
    ] = None
    wait_absent: Annotated[
        str | None,
        Parameter(group=_WHEN, metavar="TIME", help="Wait so long for nodes that were not seen, as 12h."),
    ] = None
    late_joiners: Annotated[
        bool | None, Parameter(group=_WHEN, help="Update nodes that join while it runs too.")
    ] = None
    strategy: Annotated[
        Literal["auto", "broadcast", "sequential", "stock"] | None,
        Parameter(group=_HOW, help="How the bytes get there; see `push --help`."),
    ] = None
    chip: Annotated[
        str | None, Parameter(group=_HOW, help="The boards' chip: refuses images for another one.")
    ] = None
    force: Annotated[bool, _flag(_HOW, "Set aside what may be set aside of a refusal.")] = False


async def create(
    images: Annotated[
        tuple[str, ...],
        Parameter(
            help="Firmware: files, or SHA-256s of the library; one for each hardware.", show_default=False
        ),
    ] = (),
    /,
    *,
    options: CreateOptions = CreateOptions(),
    dry_run: Annotated[bool, _flag(_HOW, "Show the plan, begin nothing.")] = False,
    watch: Annotated[bool, _flag(_HOW, "Follow it until it ends.")] = False,
    yes: Annotated[bool, _flag(_HOW, "Do not ask.")] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Begin a rollout: shows who is in which wave, asks, and prints its id.

    Files are put into the gateway's library first. The usual waves are a canary (5 %), early
    adopters (25 %) and everyone; each is watched before the next begins.

    Example: meshward rollout create firmware.bin --role sensor --canary 1 --soak 10m --watch
    """
    from meshward.cli.asking import confirmed  # noqa: PLC0415 a help page needs none of it
    from meshward.gateway.views import RolloutPlan, RolloutView  # noqa: PLC0415 as above

    async with gateway(at) as reached:
        spec, firmware = await _spec(reached, images, options, quiet=json)
        if dry_run or not json:
            plan = await reached.post("rollouts/plan", RolloutPlan, spec)
            _show(spec, plan, firmware, json=json)
        if dry_run:
            return 0
        if not confirmed("Begin it?", yes=yes or json, default=True):
            return 1
        made = await reached.post("rollouts", RolloutView, spec)
        if json and not watch:
            import msgspec  # noqa: PLC0415 as above

            print_json(msgspec.to_builtins(made))
        elif not json:
            print_line(f"rollout {made.id}: {printable(made.name)}")
            _say_when(local=reached.local)
        if watch:
            from meshward.cli.rollout_watch import follow  # noqa: PLC0415 as above

            return await follow(reached, made.id, json=json)
    return 0


async def _spec(
    reached: "Gateway", images: tuple[str, ...], options: CreateOptions, *, quiet: bool
) -> "tuple[RolloutSpec, list[FirmwareView]]":
    """What is asked for, with all firmware in the library."""
    from meshward.cli.firmware_upload import in_library  # noqa: PLC0415 as `create`
    from meshward.cli.lookup import node_names  # noqa: PLC0415 as `create`
    from meshward.cli.rollout_spec import Given, build, read_spec  # noqa: PLC0415 as `create`

    base = {} if options.spec is None else read_spec(options.spec)
    named = list(images) or base.get("images", [])
    if not named:
        raise UsageError("name the firmware: a file, or the SHA-256 of one in the library")
    given = Given(
        options, base, await node_names(reached), datetime.now(UTC).astimezone().replace(tzinfo=None)
    )
    build(given, images=["0" * 64], rollback_to=[], name="checked before anything is uploaded")

    async def library(texts: list[str]) -> "list[FirmwareView]":
        return [
            await in_library(reached, text, force=options.force, chip=options.chip, quiet=quiet)
            for text in texts
        ]

    firmware = await library(named)
    back = await library(options.rollback_to or base.get("rollback_to", []))
    name = " ".join(filter(None, (firmware[0].project, firmware[0].version))) or firmware[0].name
    spec = build(
        given,
        images=[image.sha256 for image in firmware],
        rollback_to=[image.sha256 for image in back],
        name=name,
    )
    return spec, firmware


def _show(spec: "RolloutSpec", plan: "RolloutPlan", firmware: "list[FirmwareView]", *, json: bool) -> None:
    import msgspec  # noqa: PLC0415 as `create`

    if json:
        print_json({"spec": msgspec.to_builtins(spec), "plan": msgspec.to_builtins(plan)})
        return
    from meshward.cli.rollout_print import print_plan  # noqa: PLC0415 loads rich

    print_plan(spec, plan, firmware)


def _say_when(*, local: bool) -> None:
    if local:
        print_line("no gateway runs now: it begins when `meshward run` does")
