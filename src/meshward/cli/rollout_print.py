"""What the commands about rollouts print, once."""

import sys
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from meshward.cli.durations import ago_text, duration_text, local_text, span_text
from meshward.cli.options import shortened
from meshward.cli.output import plural
from meshward.cli.rollout_view import Moment, elapsed_s, heading, node_lines, stage_row, stages
from meshward.cli.states import GOOD, STATE_STYLES, counts_text, state_words
from meshward.cli.tables import Cell, Column, print_facts, print_table, print_text
from meshward.cli.written import window_text
from meshward.gateway.views import FirmwareView, RolloutPlan, RolloutSummary, RolloutView
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import RolloutState
from meshward.text import printable

_LIST = (
    Column("id"),
    Column("name", matters=8, flexible=True),
    Column("state"),
    Column("wave", matters=4),
    Column("nodes", matters=6),
    Column("created", matters=5, right=True),
    Column("by", matters=2),
)
_PLAN = (
    Column("wave"),
    Column("nodes", right=True),
    Column("soak", right=True),
    Column("starts"),
    Column("who", flexible=True),
)


def print_rollouts(rollouts: Sequence[RolloutSummary], now: datetime) -> None:
    """A table of rollouts."""
    if not rollouts:
        print_text("There are no rollouts: begin one with `meshward rollout create FILE --role ROLE`.")
        return
    print_table(_LIST, [_list_row(rollout, now) for rollout in rollouts])


def _list_row(rollout: RolloutSummary, now: datetime) -> list[Cell]:
    done = sum(count for state, count in rollout.counts.items() if state in GOOD)
    targets = sum(count for state, count in rollout.counts.items() if state != "not_targeted")
    return [
        rollout.id,
        rollout.name,
        Text(rollout.state.replace("_", " "), style=STATE_STYLES.get(rollout.state, "cyan")),
        f"{min(rollout.wave + 1, len(rollout.wave_names))}/{len(rollout.wave_names)}",
        f"{done}/{targets}" if targets else "",
        ago_text(rollout.created_at, now),
        rollout.created_by,
    ]


def print_rollout(rollout: RolloutView, now: datetime) -> None:
    """A rollout with its waves and every node."""
    console = Console(highlight=False)
    for line in heading(Moment(rollout, 0.0, [], now)):
        console.print(line)
    print_facts(_facts(rollout))
    console.print(stage_row(stages(rollout), framed=False))
    for drawn in node_lines(rollout, room=len(rollout.nodes) + 1):
        console.print(drawn)
    if others := rollout.counts.get("not_targeted"):
        print_text(f"{plural(others, 'node')} not meant; --json tells why")


def _facts(rollout: RolloutView) -> list[tuple[str, Cell]]:
    target = rollout.spec.target
    return [
        ("created", f"{local_text(rollout.created_at)} by {rollout.created_by}"),
        ("starts", local_text(rollout.spec.start_at)),
        ("windows", "; ".join(window_text(window) for window in rollout.spec.windows)),
        ("firmware", ", ".join(image[:12] for image in rollout.spec.images)),
        ("roles", ", ".join(target.roles)),
        ("tags", ", ".join(target.tags)),
        ("notes", rollout.spec.notes),
    ]


def print_sentence(rollout: RolloutView) -> None:
    """How a rollout stands, in one line."""
    reason = f": {rollout.reason}" if rollout.reason else ""
    print_text(f"rollout {rollout.id} {state_words(rollout.state)}{reason}")


def print_outcome(rollout: RolloutView) -> None:
    """How a rollout ended, in one line, and why."""
    style = STATE_STYLES.get(rollout.state, "")
    line = Text(f"rollout {rollout.id} {state_words(rollout.state)}", style=style)
    elapsed = elapsed_s(rollout, datetime.fromisoformat(rollout.ended_at or rollout.created_at))
    if elapsed is not None and rollout.ended_at is not None:
        line.append(f" after {duration_text(elapsed)}", style="")
    line.append(f"; {counts_text(rollout.counts)}" if rollout.counts else "", style="")
    print_text(line)
    if rollout.failure and rollout.state != RolloutState.COMPLETED:
        print_text(printable(rollout.failure))


def print_left(rollout_id: str) -> None:
    """Somebody stopped watching."""
    print(  # noqa: T201
        f"meshward: the rollout goes on; see it again with `meshward rollout watch {rollout_id}`",
        file=sys.stderr,
    )


def print_plan(spec: RolloutSpec, plan: RolloutPlan, firmware: Sequence[FirmwareView]) -> None:
    """What a rollout would do."""
    for image in firmware:
        print_text(
            f"{image.sha256[:12]} {image.name}: {image.what}, for {image.hardware or 'unknown hardware'}"
        )
    print_table(_PLAN, _plan_rows(spec, plan))
    if plan.already_installed:
        print_text(f"{plural(len(plan.already_installed), 'node')} run it already")
    if plan.unknown:
        print_text(f"{plural(len(plan.unknown), 'node')} not known well enough: asked when it starts")
    if plan.not_targeted:
        print_text(f"{plural(len(plan.not_targeted), 'node')} not meant")
    for hardware, sha256 in plan.rollback.items():
        print_text(_way_back(hardware, sha256))
    if plan.bytes_all_links:
        megabytes = plan.bytes_all_links / 1e6
        print_text(
            f"{megabytes:.2f} MB over all links, about {duration_text(plan.estimated_s)} without soaks"
        )
    for warning in plan.warnings:
        print_text(Text(f"warning: {printable(warning)}", style="yellow"))


def _plan_rows(spec: RolloutSpec, plan: RolloutPlan) -> list[list[Cell]]:
    manual = {wave.name for wave in spec.waves if wave.go_ahead == "manual"}
    return [
        [
            wave.name,
            str(len(wave.nodes)),
            span_text(wave.soak_s),
            "by hand" if wave.name in manual else "by itself",
            shortened([str(node) for node in wave.nodes]),
        ]
        for wave in plan.waves
    ]


def _way_back(hardware: str, sha256: str) -> Text:
    if sha256:
        return Text(f"{printable(hardware)} nodes can be brought back to {sha256[:12]}")
    words = f"{printable(hardware)} nodes have no way back: name their last good firmware with --rollback-to"
    return Text(words, style="yellow")
