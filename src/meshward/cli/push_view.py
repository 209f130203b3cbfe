"""An update on a terminal: rows that move, or plain lines where there is no terminal."""

import time
from collections import Counter
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from meshward.cli.output import plural
from meshward.push import GOOD, NodeRecord, NodeState, Update

_STYLES = {
    NodeState.COMPLETED: "green",
    NodeState.ALREADY_INSTALLED: "green",
    NodeState.FAILED: "red",
    NodeState.LOST: "red",
    NodeState.UNREACHABLE: "yellow",
    NodeState.DOWNLOADING: "cyan",
    NodeState.REBOOTING: "magenta",
    NodeState.VERIFYING: "blue",
}
_BUSY_FIRST = [
    NodeState.DOWNLOADING,
    NodeState.REBOOTING,
    NodeState.VERIFYING,
    NodeState.FAILED,
    NodeState.LOST,
    NodeState.SCHEDULED,
    NodeState.PENDING,
]
_LINE_EVERY_S = 5.0
_DRAW_EVERY_S = 0.2
_LINES_BESIDES = 4  # heading, total, the line for the rest, and the cursor's
_RATE_OVER_S = 3.0
_RESTART_S = 10.0  # from the last part to the answer of a node that restarted


class UpdateView(Protocol):
    """Shows an update while it runs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def refresh(self) -> None:
        """Something may have changed."""

    def say(self, line: str) -> None:
        """A line that stays."""


class LiveView:
    """Rows per node and a total, drawn anew a few times a second as the update tells of itself."""

    def __init__(self, update: Update, console: Console) -> None:
        self._update = update
        self._console = console
        self._progress = Progress(update)
        self._drawn_s = 0.0
        # Without a thread of its own, which would look at the nodes while they change.
        self._live = Live(
            console=console,
            auto_refresh=False,
            get_renderable=self._render,
            transient=update.options.check_only,  # what it found out is printed afterwards
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def refresh(self) -> None:
        now_s = time.monotonic()
        if now_s - self._drawn_s >= _DRAW_EVERY_S:
            self._drawn_s = now_s
            self._progress.look(now_s)
            self._live.refresh()

    def say(self, line: str) -> None:
        self._console.print(line, style="bold yellow", markup=False, highlight=False)

    def _render(self) -> RenderableType:
        records = [r for r in self._update.records.values() if r.state is not NodeState.NOT_TARGETED]
        records.sort(key=lambda r: r.node_id)
        room = max(3, self._console.height - _LINES_BESIDES)
        rest: list[NodeRecord] = []
        if len(records) > room:
            records.sort(key=lambda r: (_rank(r), r.node_id))
            records, rest = records[: room - 1], records[room - 1 :]
        lines: list[RenderableType] = []
        if records:
            table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
            table.add_column("node", justify="right", no_wrap=True)
            table.add_column("state", no_wrap=True, min_width=11)
            table.add_column("parts", justify="right", no_wrap=True)
            table.add_column("kB/s", justify="right", no_wrap=True, min_width=5)
            table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
            for record in records:
                table.add_row(*self._row(record))
            lines.append(table)
        if rest:
            lines.append(Text(f"… and {len(rest)} more: {_counts(rest)}", style="dim"))
        lines.append(Text(self._progress.total_line(time.monotonic()), style="bold"))
        return Group(*lines)

    def _row(self, record: NodeRecord) -> tuple[Text, Text, Text, Text, RenderableType]:
        done, count = self._update.parts_done(record), len(self._update.parts)
        rate = self._progress.rate(record)
        return (
            Text(str(record.node_id)),
            Text(_state_word(self._update, record), style=_STYLES.get(record.state, "")),
            Text(f"{done}/{count}" if record.was_sent_to else ""),
            Text("" if rate is None else f"{rate / 1000:.1f}"),
            self._last_cell(record, done, count),
        )

    def _last_cell(self, record: NodeRecord, done: int, count: int) -> RenderableType:
        if record.state is NodeState.DOWNLOADING:
            return ProgressBar(total=count, completed=done)
        if self._update.options.check_only:
            return ""
        repaired = f"{plural(record.repaired_parts, 'part')} repaired" if record.repaired_parts else ""
        return Text(record.reason or repaired, style="dim" if record.state in GOOD else "")


class PlainView:
    """One line per change, for logs and pipes."""

    def __init__(self, update: Update, console: Console) -> None:
        self._update = update
        self._console = console
        self._progress = Progress(update)
        self._shown: dict[int, NodeState] = {}
        self._line_due_s = time.monotonic() + _LINE_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refresh()

    def refresh(self) -> None:
        now_s = time.monotonic()
        self._progress.look(now_s)
        for record in self._update.records.values():
            if self._update.options.check_only:
                break  # what was found out is printed as a whole
            if self._shown.get(record.node_id) is not record.state:
                self._shown[record.node_id] = record.state
                if record.state is not NodeState.PENDING:
                    reason = f": {record.reason}" if record.reason else ""
                    self.say(f"node {record.node_id} {record.state.value}{reason}")
        if now_s >= self._line_due_s:
            self._line_due_s = now_s + _LINE_EVERY_S
            self.say(self._progress.total_line(now_s))

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class NoView:
    """Nothing, for --json."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def refresh(self) -> None:
        return

    def say(self, line: str) -> None:
        """Nothing to say: the object at the end says all."""


class Progress:
    """How fast an update goes, and how long it will take."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._started_s = time.monotonic()
        self._transfer_s: float | None = None
        self._seen: list[tuple[float, int, dict[int, int]]] = []  # when, bytes sent, parts of each node

    def look(self, now_s: float) -> None:
        """Note how far it is; to be called often."""
        update = self._update
        if self._transfer_s is None and update.discovered:
            self._transfer_s = now_s
        if self._seen and now_s - self._seen[-1][0] < _DRAW_EVERY_S:
            return
        loading = [r for r in update.records.values() if r.state is NodeState.DOWNLOADING]
        parts = {record.node_id: update.parts_done(record) for record in loading}
        self._seen.append((now_s, update.tally.sent_bytes, parts))
        while now_s - self._seen[0][0] > _RATE_OVER_S:
            del self._seen[0]

    def rate(self, record: NodeRecord) -> float | None:
        """Bytes of the image a second that this node gets lately; None where none are sent to it."""
        seen = [(at_s, parts[record.node_id]) for at_s, _, parts in self._seen if record.node_id in parts]
        if record.state is not NodeState.DOWNLOADING or len(seen) < 2:
            return None
        (first_s, first), (last_s, last) = seen[0], seen[-1]
        return max(0, last - first) * self._update.parts.part_bytes / (last_s - first_s)

    def total_line(self, now_s: float) -> str:
        """How far the whole update is."""
        update = self._update
        if not update.discovered:
            who = "who runs it" if update.options.check_only else "who needs it"
            return f"asking the nodes {who} ({now_s - self._started_s:.0f} s): {self._asked()}"
        targets = update.targets()
        done = sum(1 for record in targets if record.state in GOOD)
        line = f"{done} of {plural(len(targets), 'node')} updated, {now_s - self._started_s:.0f} s, "
        line += f"{update.tally.sent_bytes / 1e6:.2f} MB sent"
        rate = self._sending_rate()
        if rate >= 100:
            line += f" at {rate / 1000:.0f} kB/s"
        eta_s = self._eta_s(targets, now_s)
        return line if eta_s is None else f"{line}, about {eta_s:.0f} s to go"

    def _asked(self) -> str:
        records = self._update.records.values()
        answered = sum(1 for record in records if record.state is not NodeState.PENDING)
        return f"{answered} of {len(records)} answered"

    def _sending_rate(self) -> float:
        (first_s, first, _), (last_s, last, _) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    def _eta_s(self, targets: list[NodeRecord], now_s: float) -> float | None:
        count = len(self._update.parts)
        total = len(targets) * count
        done = sum(count if r.is_final else min(count, self._update.parts_done(r)) for r in targets)
        if not done or done >= total or self._transfer_s is None:
            return None
        return (now_s - self._transfer_s) * (total - done) / done + _RESTART_S


def make_view(update: Update, *, json: bool) -> UpdateView:
    """The view that suits where the output goes."""
    if json:
        return NoView()
    console = Console()
    return LiveView(update, console) if console.is_terminal else PlainView(update, console)


def _state_word(update: Update, record: NodeRecord) -> str:
    """A state for people. Where nothing is to be sent, not to run an image is no failure."""
    if update.options.check_only and record.state is NodeState.FAILED:
        return "other image"
    return record.state.value


def _rank(record: NodeRecord) -> int:
    return _BUSY_FIRST.index(record.state) if record.state in _BUSY_FIRST else len(_BUSY_FIRST)


def _counts(records: list[NodeRecord]) -> str:
    counts = Counter(record.state.value for record in records)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no nodes yet"
