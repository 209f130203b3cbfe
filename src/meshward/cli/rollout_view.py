"""A rollout on a terminal, as a picture of a moment. Knows no clock and asks nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from meshward.cli.durations import duration_text, parse_at, seconds_since, span_text
from meshward.cli.output import plural
from meshward.cli.states import GOOD, SEVERITY_STYLES, STATE_STYLES, TROUBLE, counts_text, state_words
from meshward.gateway.views import EventView, NodeEntryView, RolloutSummary, RolloutView
from meshward.rollout.states import FINAL, RolloutState
from meshward.text import printable

_STAGE_WIDTH_MIN = 19
"""Columns of a wave's frame; where waves do not fit beside each other, each takes a line."""
_FRAME_HEIGHT = 5
_TALL = 20
"""Lines from which on frames are drawn."""
_EVENTS = 3
_NODES_MIN = 5
"""Lines of nodes that matter more than events."""
_NAME = 16
_RANKS = (
    *(
        "failed",
        "lost",
        "unreachable",
        "rolled_back",
        "cancelled",
        "rolling_back",
        "downloading",
        "rebooting",
    ),
    *("verifying", "paused", "scheduled", "pending", "completed", "already_installed"),
)
_MARKS = {"passed": "✔", "skipped": "↷", "failed": "✘", "now": "●", "later": "○"}
_STAGE_STYLES = {"passed": "green", "skipped": "yellow", "failed": "red", "now": "cyan", "later": "dim"}


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of a rollout now."""

    rollout: RolloutView
    age_s: float
    """How long ago the gateway said so."""
    events: Sequence[EventView]
    now: datetime
    trouble: str = ""
    """Why it may have gone on meanwhile: the gateway does not answer."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A wave in the row of waves."""

    name: str
    word: str
    """passed, skipped, failed, now or later."""
    done: int
    total: int
    text: str


def screen(moment: Moment, width: int, height: int) -> RenderableType:
    """Everything, in at most `height` lines."""
    rollout = moment.rollout
    head = heading(moment)[: max(1, height // 6)]
    framed = height >= _TALL and len(rollout.spec.waves) * _STAGE_WIDTH_MIN <= width
    row = stage_row(stages(rollout, moment.age_s), framed=framed)
    foot = footer(moment)
    row_height = _FRAME_HEIGHT if framed else len(rollout.spec.waves)
    room = height - len(head) - row_height - len(foot) - 2  # the table's titles, and the cursor
    tail = (
        [event_line(event) for event in moment.events[-_EVENTS:]] if room >= _NODES_MIN + _EVENTS + 1 else []
    )
    lines = node_lines(rollout, max(2, room - len(tail) - 1))
    return Group(*head, row, *lines, *([""] if tail else []), *tail, *foot)


def heading(moment: Moment) -> list[Text]:
    """Name, state and time; then why."""
    rollout = moment.rollout
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(printable(rollout.name, 40), style="bold")
    line.append(f"  {state_words(rollout.state)}", style=STATE_STYLES.get(rollout.state, "cyan"))
    elapsed = elapsed_s(rollout, moment.now)
    if elapsed is not None:
        line.append(f"  {duration_text(elapsed)}", style="dim")
    line.append(f"  {rollout.id}", style="dim")
    lines = [line]
    if moment.trouble:
        lines.append(Text(moment.trouble, style="bold yellow", no_wrap=True, overflow="ellipsis"))
    if rollout.failure:
        lines.append(_cut(f"gate: {printable(rollout.failure)}", "red"))
    if rollout.reason and rollout.reason != rollout.failure:
        lines.append(_cut(printable(rollout.reason), ""))
    return lines


def elapsed_s(rollout: RolloutSummary, now: datetime) -> float | None:
    """How long it has run, or ran; None before it starts."""
    return seconds_since(rollout.started_at, parse_at(rollout.ended_at) if rollout.ended_at else now)


def stages(rollout: RolloutView, age_s: float = 0.0) -> list[Stage]:
    """The waves and how far each is."""
    return [_stage(rollout, index, age_s) for index in range(len(rollout.spec.waves))]


def _stage(rollout: RolloutView, index: int, age_s: float) -> Stage:
    nodes = [entry for entry in rollout.nodes if entry.wave == index and entry.state != "not_targeted"]
    have_it = GOOD | {"verifying"} if rollout.state == RolloutState.PROVING else GOOD
    done = sum(1 for entry in nodes if entry.state in have_it)
    entry = rollout.waves[index] if index < len(rollout.waves) else None
    name = rollout.spec.waves[index].name
    outcome = entry.outcome if entry is not None else ""
    if outcome:
        return Stage(name, outcome, done, len(nodes), outcome)
    if index == rollout.wave and RolloutState.SCHEDULED != rollout.state not in FINAL and rollout.started_at:
        return Stage(name, "now", done, len(nodes), _now_text(rollout, age_s))
    return Stage(name, "later", done, len(nodes), _later_text(rollout, index))


def _now_text(rollout: RolloutView, age_s: float) -> str:
    if rollout.state == RolloutState.SOAKING and rollout.soak_left_s is not None:
        return f"soak {duration_text(rollout.soak_left_s - age_s)}"
    words = {
        "surveying": "survey",
        "updating": "updating",
        "proving": "proving",
        "awaiting_go": "needs go-ahead",
    }
    return words.get(rollout.state, rollout.state.replace("_", " "))


def _later_text(rollout: RolloutView, index: int) -> str:
    wave = rollout.spec.waves[index]
    soak = f"soak {span_text(wave.soak_s)}" if wave.soak_s else "no soak"
    return f"{soak}, manual" if wave.go_ahead == "manual" else soak


def stage_row(row: Sequence[Stage], *, framed: bool) -> Table:
    """Waves beside each other in frames, or one a line."""
    if framed:
        grid = Table.grid(expand=True)
        for _ in row:
            grid.add_column(ratio=1)
        grid.add_row(*(_frame(stage) for stage in row))
        return grid
    lines = Table.grid(padding=(0, 1, 0, 0), expand=True)
    lines.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
    lines.add_column(ratio=1)
    lines.add_column(justify="right", no_wrap=True)
    lines.add_column(no_wrap=True)
    for stage in row:
        style = _STAGE_STYLES.get(stage.word, "")
        lines.add_row(_stage_name(stage), _bar(stage), _stage_count(stage), Text(stage.text, style=style))
    return lines


def _frame(stage: Stage) -> Panel:
    style = _STAGE_STYLES.get(stage.word, "")
    body = Table.grid(expand=True)  # a bar alone does not end its line
    body.add_column(no_wrap=True, overflow="ellipsis")
    body.add_row(_bar(stage))
    body.add_row(_stage_count(stage))
    body.add_row(Text(stage.text, style=style))
    return Panel(body, title=_stage_name(stage), title_align="left", border_style=style, padding=(0, 1))


def _stage_name(stage: Stage) -> Text:
    style = _STAGE_STYLES.get(stage.word, "")
    mark = _MARKS.get(stage.word, "○")
    return Text(f"{mark} {printable(stage.name, 24)}", style=style, no_wrap=True, overflow="ellipsis")


def _bar(stage: Stage) -> ProgressBar:
    return ProgressBar(total=max(1, stage.total), completed=stage.done)


def _stage_count(stage: Stage) -> Text:
    return Text(
        f"{stage.done}/{plural(stage.total, 'node')}" if stage.total else "not chosen yet", style="bold"
    )


def node_lines(rollout: RolloutView, room: int) -> list[RenderableType]:
    """Nodes, those in trouble first, in `room` lines; what does not fit is counted."""
    entries = sorted((entry for entry in rollout.nodes if entry.state != "not_targeted"), key=_rank)
    if not entries:
        return []
    rest: list[NodeEntryView] = []
    if len(entries) > room:
        entries, rest = entries[: room - 1], entries[room - 1 :]
    named = any(entry.name for entry in entries)
    drawn = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    drawn.add_column("node", justify="right", no_wrap=True)
    if named:
        drawn.add_column("name", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    drawn.add_column("wave", justify="right", no_wrap=True)
    drawn.add_column("state", no_wrap=True, min_width=11)
    drawn.add_column("parts", justify="right", no_wrap=True)
    drawn.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for entry in entries:
        cells = _node_cells(entry)
        drawn.add_row(cells[0], *([Text(printable(entry.name))] if named else []), *cells[1:])
    lines: list[RenderableType] = [drawn]
    if rest:
        lines.append(_cut(f"… and {len(rest)} more: {counts_text(_counts(rest))}", "dim"))
    return lines


def _node_cells(entry: NodeEntryView) -> list[RenderableType]:
    state = Text(entry.state.replace("_", " "), style=STATE_STYLES.get(entry.state, ""))
    loading = entry.state in {"downloading", "rolling_back"} and entry.parts > 0
    last: RenderableType = Text(printable(entry.reason or ""), style="" if entry.state in TROUBLE else "dim")
    return [
        Text(str(entry.node)),
        Text("" if entry.wave is None else str(entry.wave + 1)),
        state,
        Text(f"{entry.parts_done}/{entry.parts}" if entry.parts else ""),
        ProgressBar(total=entry.parts, completed=entry.parts_done) if loading else last,
    ]


def _rank(entry: NodeEntryView) -> tuple[int, int, int]:
    rank = _RANKS.index(entry.state) if entry.state in _RANKS else len(_RANKS)
    return rank, len(_RANKS) if entry.wave is None else entry.wave, entry.node


def _counts(entries: Sequence[NodeEntryView]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.state] = counts.get(entry.state, 0) + 1
    return counts


def event_line(event: EventView) -> Text:
    """An event in one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(parse_at(event.at).astimezone().strftime("%H:%M:%S "), style="dim")
    line.append(printable(event.text), style=SEVERITY_STYLES.get(event.severity, ""))
    return line


def footer(moment: Moment) -> list[Text]:
    """What can be done now."""
    rollout = moment.rollout
    if not rollout.actions:
        return []
    lines = [_cut(f"meshward rollout {'|'.join(rollout.actions)} {rollout.id}", "dim")]
    if rollout.state not in FINAL:
        lines.append(_cut("Ctrl-C leaves this display; the rollout goes on", "dim"))
    return lines


def _cut(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
