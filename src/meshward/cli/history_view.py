"""What `history` shows on a terminal, and its lines for other programs."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.text import Text

from meshward.cli.durations import age_text, local_text, parse_at, span_text
from meshward.cli.node_status_view import metric_rows
from meshward.cli.output import plural
from meshward.cli.readings import value_text
from meshward.cli.tables import Column, print_table, print_text
from meshward.gateway.health_views import HistoryPoint, HistoryView, MetricView, NodeStatus
from meshward.text import printable

_METRICS = (
    Column("metric"),
    Column("last", right=True),
    Column("age", right=True),
    Column("from", matters=5),
    Column("what it is", matters=4, flexible=True),
)
_ROWS = 6
"""Lines of the chart."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LEVELS = len(_BLOCKS) - 1
_GAP = "·"
_COLUMNS_MAX = 160
_COLUMNS_MIN = 10
_NOTES = 10
_STEPS = 1.5
"""A sample may come so many usual steps after the one before without a gap in the chart."""
_LATE_S = 600.0
"""A last value that is so much older than the end is told with its age."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the time shown, as wide as one character."""

    low: float
    mean: float
    high: float


def print_metrics(known: NodeStatus, catalogue: Sequence[MetricView]) -> None:
    """The metrics that a node has, with their last values."""
    rows = metric_rows(known, catalogue)
    if rows:
        print_table(_METRICS, rows)
    else:
        print_text(f"Nothing is known of node {known.node} yet.")


def print_history(shown: HistoryView, about: MetricView, name: str) -> None:
    """A chart of a few lines, what it comes to, and what happened meanwhile."""
    print_text(Text().append(title(shown, name), style="bold").append(f": {about.words}"))
    print_text(Text(_span_text(shown) + _share_text(shown), style="dim"))
    values = [point for point in shown.points if point.mean is not None]
    if not values:
        print_text(f"There is no data: `meshward history {shown.node}` lists what there is.")
        return
    print_text("")
    for line in chart(shown, Console().width):
        print_text(line)
    print_text("")
    print_text(summary(shown))
    for line in _note_lines(shown):
        print_text(line)


def print_written(path: Path, shown: HistoryView) -> None:
    """That a file was written, and what is in it."""
    count = sum(point.mean is not None for point in shown.points)
    print_text(f"wrote {path}: {plural(count, 'point')}, {_span_text(shown)}")


def title(shown: HistoryView, name: str) -> str:
    """`rssi_dbm of node 1001 Kitchen`."""
    return f"{shown.metric} of node {shown.node} {printable(name, 64)}".rstrip()


def summary(shown: HistoryView) -> str:
    """Least, median, most and last value."""
    known = [point for point in shown.points if point.mean is not None]
    lows = [point.mean if point.low is None else point.low for point in known if point.mean is not None]
    highs = [point.mean if point.high is None else point.high for point in known if point.mean is not None]
    means = [point.mean for point in known if point.mean is not None]
    last_s = parse_at(shown.end).timestamp() - known[-1].at_s - shown.resolution_s
    pieces = [
        f"least {value_text(min(lows), shown.unit)}",
        f"median {value_text(median(means), shown.unit)}",
        f"most {value_text(max(highs), shown.unit)}",
        f"last {value_text(means[-1], shown.unit)}",
    ]
    if last_s > max(_LATE_S, shown.resolution_s):
        pieces[-1] += f", {age_text(last_s)} before the end"
    return "   ".join(pieces)


def chart(shown: HistoryView, width: int) -> list[Text]:
    """Bars of the mean over time: the scale at the left, the time below, dots where data is missing."""
    means = [point.mean for point in shown.points if point.mean is not None]
    low, high = min(means), max(means)
    labels = [value_text(high, shown.unit), value_text(low, shown.unit)]
    gutter = max(map(len, labels)) + 1
    columns = max(_COLUMNS_MIN, min(_COLUMNS_MAX, width - gutter - 1))
    parts = stretches(shown, columns)
    lines = []
    for row in range(_ROWS - 1, -1, -1):
        label = labels[0] if row == _ROWS - 1 else labels[1] if row == 0 else ""
        line = Text().append(f"{label:>{gutter - 1}} ", style="dim")
        line.append("".join(_cell(part, row, low, high) for part in parts), style="cyan")
        lines.append(line)
    if marks := _marks(shown, columns):
        lines.append(Text(" " * gutter).append(marks, style="yellow"))
    lines.append(Text(" " * gutter + _axis(shown, columns), style="dim"))
    return lines


def stretches(shown: HistoryView, columns: int) -> list[Stretch | None]:
    """The time shown in so many parts; None where there is no data."""
    start_s, end_s = parse_at(shown.start).timestamp(), parse_at(shown.end).timestamp()
    width_s = max(1e-6, (end_s - start_s) / columns)
    held: list[list[HistoryPoint]] = [[] for _ in range(columns)]
    lasts_s = shown.resolution_s or _raw_step_s(shown)
    for point in shown.points:
        if point.mean is None or not start_s - lasts_s <= point.at_s <= end_s:
            continue
        first = max(0, int((point.at_s - start_s) / width_s))
        last = int((point.at_s + lasts_s - start_s) / width_s - 1e-9)
        for column in range(min(first, columns - 1), min(max(first, last), columns - 1) + 1):
            held[column].append(point)
    return [_stretch(points) for points in held]


def _raw_step_s(shown: HistoryView) -> float:
    """How long a sample stands for the time after it: as far as samples are apart usually."""
    steps = [after.at_s - before.at_s for before, after in pairwise(shown.points)]
    return max(0.0, _STEPS * median(steps)) if steps else 0.0


def _stretch(points: Sequence[HistoryPoint]) -> Stretch | None:
    if not points:
        return None
    weights = [max(1, point.count) for point in points]
    means = [point.mean or 0.0 for point in points]
    mean = sum(value * weight for value, weight in zip(means, weights, strict=True)) / sum(weights)
    lows = [value if point.low is None else point.low for value, point in zip(means, points, strict=True)]
    highs = [value if point.high is None else point.high for value, point in zip(means, points, strict=True)]
    return Stretch(min(lows), mean, max(highs))


def _cell(part: Stretch | None, row: int, low: float, high: float) -> str:
    if part is None:
        return _GAP if row == 0 else " "
    share = 0.5 if high <= low else (part.mean - low) / (high - low)
    level = max(1, round(share * _ROWS * _LEVELS))  # the least is seen as well
    return _BLOCKS[max(0, min(_LEVELS, level - row * _LEVELS))]


def _place(shown: HistoryView, at_s: float, columns: int) -> int | None:
    start_s, end_s = parse_at(shown.start).timestamp(), parse_at(shown.end).timestamp()
    if not start_s <= at_s <= end_s or end_s <= start_s:
        return None
    return min(columns - 1, int((at_s - start_s) / (end_s - start_s) * columns))


def _marks(shown: HistoryView, columns: int) -> str:
    places = {_place(shown, parse_at(note.at).timestamp(), columns) for note in shown.notes}
    return "".join("▲" if column in places else " " for column in range(columns)).rstrip()


def _axis(shown: HistoryView, columns: int) -> str:
    """Times below the chart: at its left, in its middle and at its right."""
    start_s, end_s = parse_at(shown.start).timestamp(), parse_at(shown.end).timestamp()
    pattern = "%H:%M" if end_s - start_s <= 1.5 * _DAY_S else "%b %d"
    left, middle, right = (
        datetime.fromtimestamp(at_s, UTC).astimezone().strftime(pattern)
        for at_s in (start_s, (start_s + end_s) / 2, end_s)
    )
    if columns < 3 * len(left) + 4:
        return f"{left}{right:>{max(len(right) + 1, columns - len(left))}}"
    before = (columns - len(middle)) // 2 - len(left)
    return f"{left}{' ' * before}{middle}{right:>{columns - before - len(left) - len(middle)}}"


def _span_text(shown: HistoryView) -> str:
    step = f"a point for {span_text(shown.resolution_s)}" if shown.resolution_s else "as the values came"
    return f"{local_text(shown.start)[:16]} to {local_text(shown.end)[:16]}, {step}"


def _share_text(shown: HistoryView) -> str:
    """For how much of the time there is data, where some is missing."""
    known = sum(point.mean is not None for point in shown.points)
    if shown.resolution_s:
        span_s = (parse_at(shown.end) - parse_at(shown.start)).total_seconds()
        share = round(100 * known * shown.resolution_s / max(span_s, shown.resolution_s))
    else:
        share = sum(stretch is not None for stretch in stretches(shown, 100))
    return f", data for {share} % of it" if share < 98 else ""


def _note_lines(shown: HistoryView) -> Iterator[Text]:
    for note in shown.notes[-_NOTES:]:
        line = Text().append("▲ ", style="yellow").append(f"{local_text(note.at)[:16]}  ", style="dim")
        yield line.append(f"{printable(note.kind, 20)}: {printable(note.text, 200)}")
    if earlier := shown.notes[:-_NOTES]:
        kinds = Counter(note.kind for note in earlier)
        told = ", ".join(f"{count} {printable(kind, 20)}" for kind, count in kinds.most_common(5))
        yield Text(f"… and before: {told}", style="dim")


def csv_lines(shown: HistoryView) -> Iterator[str]:
    """A heading and a line for each point; empty where there is no data."""
    yield _csv_line(["time", f"mean_{shown.unit}".rstrip("_"), "low", "high", "count"])
    for point in shown.points:
        at = datetime.fromtimestamp(point.at_s, UTC).isoformat(timespec="milliseconds")
        values = ["" if value is None else f"{value:.10g}" for value in (point.mean, point.low, point.high)]
        yield _csv_line([at.replace("+00:00", "Z"), *values, str(point.count)])


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
