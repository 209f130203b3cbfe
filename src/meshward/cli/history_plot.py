"""A metric over time, drawn into a file by matplotlib."""

import io
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from itertools import pairwise
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from meshward.cli.durations import parse_at, span_text
from meshward.cli.errors import UsageError
from meshward.errors import MeshwardError
from meshward.gateway.health_views import HistoryPoint, HistoryView, MetricView
from meshward.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FORMATS = ("png", "svg", "pdf")
_INCHES = (10.0, 4.5)
_DPI = 120
_BLUE = "#1f6fb4"
_COLOURS = {
    "restart": "#b5179e",
    "left": "#444444",
    "alert": "#d62728",
    "anomaly": "#e08a00",
    "move": "#7b61c4",
    "update": "#2a9d4a",
    "joined": "#17a2b8",
}
_OTHER_COLOUR = "#777777"
_MARKS_MAX = 200
"""Lines for what happened; more would hide the curve."""
_RAW_GAP = 5.0
"""Samples as they came are apart when they are so many times farther from each other than usually."""
_LEGEND_COLUMNS = 9
_NAME_CHARACTERS = 40
_KB = 1024
_MB = 1024 * 1024

Row = tuple[float, float, float, float]
"""Unix seconds, mean, least, most; NaN in a gap."""


class PlotError(MeshwardError):
    """A picture that cannot be drawn or written."""


def check_plot_file(path: Path) -> None:
    """Whether a picture can be written there, before anything is asked. Raises UsageError, PlotError."""
    if path.is_dir():
        raise UsageError(f"--plot: {path} is a folder: give the name of a file in it")
    if path.suffix.lower().removeprefix(".") not in _FORMATS:
        raise UsageError(f"--plot: {path} must end in .png, .svg or .pdf")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--plot: there is no folder {path.absolute().parent}")
    if find_spec("matplotlib") is None:
        raise PlotError("drawing needs matplotlib: install it with `pip install 'meshward[plot]'`")


def write_plot(path: Path, shown: HistoryView, about: MetricView, name: str) -> None:
    """Draw a history into a file, which is there whole or not at all. Raises PlotError."""
    picture = drawn(shown, about, name, path.suffix.lower().removeprefix("."))
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fresh.write_bytes(picture)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise PlotError(f"cannot write {path}: {error.strerror or error}") from None


def drawn(shown: HistoryView, about: MetricView, name: str, kind: str) -> bytes:
    """The picture, as `png`, `svg` or `pdf`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 an extra, and slow to load

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    _draw_values(axes, shown)
    _draw_notes(axes, shown)
    _draw_frame(axes, shown, about, name)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a name in letters that its font lacks
        figure.savefig(picture, format=kind)
    return picture.getvalue()


def rows_with_gaps(shown: HistoryView) -> list[Row]:
    """The points, with one of NaN wherever data is missing: so that no line is drawn across."""
    nan = float("nan")
    rows: list[Row] = []
    before: HistoryPoint | None = None
    gap_s = _gap_s(shown)
    for point in shown.points:
        if point.mean is None:
            rows.append((point.at_s, nan, nan, nan))
            before = None
            continue
        if before is not None and point.at_s - before.at_s > gap_s:
            rows.append(((point.at_s + before.at_s) / 2, nan, nan, nan))
        low = point.mean if point.low is None else point.low
        high = point.mean if point.high is None else point.high
        rows.append((point.at_s, point.mean, low, high))
        before = point
    return rows


def scale_of(unit: str, most: float) -> tuple[float, str]:
    """By what to divide values for people, and the unit that they have then."""
    if unit in {"B", "B/s"}:
        factor, prefix = (_MB, "M") if most >= 4 * _MB else (_KB, "K") if most >= 4 * _KB else (1, "")
        return float(factor), f"{prefix}{unit}"
    if unit == "s":
        if most >= 4 * 86_400:
            return 86_400.0, "days"
        return (3600.0, "h") if most >= 4 * 3600 else (1.0, "s")
    return 1.0, unit


def _gap_s(shown: HistoryView) -> float:
    if shown.resolution_s:
        return 1.5 * shown.resolution_s
    steps = [after.at_s - before.at_s for before, after in pairwise(shown.points)]
    return _RAW_GAP * median(steps) if steps else 0.0


def _zone(shown: HistoryView) -> timezone:
    """The offset of this machine at the end of the range: one for the whole axis."""
    offset = parse_at(shown.end).astimezone().utcoffset()
    return timezone(offset or timedelta())


def _draw_values(axes: "Axes", shown: HistoryView) -> None:
    rows = rows_with_gaps(shown)
    factor, _ = scale_of(shown.unit, _most(shown))
    times: list[Any] = [datetime.fromtimestamp(row[0], _zone(shown)) for row in rows]
    means, lows, highs = ([row[place] / factor for row in rows] for place in (1, 2, 3))
    if any(high > low for low, high in zip(lows, highs, strict=True)):
        axes.fill_between(times, lows, highs, color=_BLUE, alpha=0.2, linewidth=0, label="least to most")
    axes.plot(times, means, color=_BLUE, linewidth=1.3, label="mean" if shown.resolution_s else "value")
    alone = _alone(means)
    if alone:
        axes.plot([times[place] for place in alone], [means[place] for place in alone], ".", color=_BLUE)
    if not any(map(isfinite, means)):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", color="#777777")


def _alone(means: Sequence[float]) -> list[int]:
    """Places of values between gaps, of which a line would show nothing."""
    known = [isfinite(value) for value in means]
    return [
        place
        for place, here in enumerate(known)
        if here and not any(known[max(0, place - 1) : place]) and not any(known[place + 1 : place + 2])
    ]


def _draw_notes(axes: "Axes", shown: HistoryView) -> None:
    notes = shown.notes[-_MARKS_MAX:]
    counts = Counter(note.kind for note in notes)
    named: set[str] = set()
    for note in notes:
        text = f"{printable(note.kind, 20)} ({counts[note.kind]})"
        at: Any = parse_at(note.at).astimezone(_zone(shown))
        axes.axvline(
            at,
            color=_COLOURS.get(note.kind, _OTHER_COLOUR),
            linewidth=1,
            linestyle="--",
            alpha=0.8,
            label=None if note.kind in named else text,
        )
        named.add(note.kind)


def _draw_frame(axes: "Axes", shown: HistoryView, about: MetricView, name: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 as `drawn`

    zone = _zone(shown)
    start: Any = parse_at(shown.start).astimezone(zone)
    end: Any = parse_at(shown.end).astimezone(zone)
    axes.set_xlim(start, end)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    _, unit = scale_of(shown.unit, _most(shown))
    # parse_math: a name with dollar signs is no formula.
    axes.set_ylabel(f"{about.words}, {unit}" if unit else about.words, parse_math=False)
    step = f", a point for {span_text(shown.resolution_s)}" if shown.resolution_s else ""
    axes.set_xlabel(f"{zone.tzname(None)}{step}", loc="left", color="#555555", parse_math=False)
    title = f"{shown.metric} of node {shown.node} {printable(name, _NAME_CHARACTERS)}".rstrip()
    axes.set_title(title, loc="left", pad=24, parse_math=False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=_LEGEND_COLUMNS,
        borderaxespad=0.2,
        frameon=False,
        fontsize="small",
        columnspacing=1.0,
        handlelength=1.4,
        handletextpad=0.4,
    )
    legend.set_in_layout(False)  # a long one would make the chart narrow


def _most(shown: HistoryView) -> float:
    return max((abs(point.high or point.mean or 0.0) for point in shown.points), default=0.0)
