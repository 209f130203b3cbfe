"""The command `history`: charts, numbers and pictures."""

import csv
import json
import sys
import warnings
from datetime import datetime
from importlib.util import find_spec as really_find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.cli import history_plot
from meshward.cli.durations import parse_past
from meshward.cli.history_plot import drawn, rows_with_gaps, scale_of
from meshward.cli.history_view import chart, csv_lines, print_history, stretches, summary
from meshward.cli.readings import find_metric, number_text, short_name, value_text
from meshward.errors import UnknownItemError
from meshward.gateway.health_views import HistoryNote, HistoryPoint, MetricView
from meshward.gateway.shown import moment
from meshward.status.metrics import METRICS
from tests.support import health_values as values
from tests.support.cli_run import Commands
from tests.support.health_values import NOW, NOW_S

DAY = ("--since", "2026-11-24T12:00+00:00", "--until", "2026-11-25T12:00+00:00")
CATALOGUE = [
    MetricView(name=metric.name, kind=metric.kind, unit=metric.unit, words=metric.words)
    for metric in METRICS.values()
]
HEAP = CATALOGUE[0]


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys)


def history(*means, **more):
    """A value a minute up to now."""
    shown = values.history(
        means=list(means), **{"start": moment(NOW_S - 60.0 * len(means)), "end": NOW, **more}
    )
    for point in shown.points:
        point.count = int(point.count)
    return shown


def asked(commands):
    """What was asked of the history."""
    request = next(request for request in commands.gate.requests if request.url.path.endswith("/history"))
    return dict(request.url.params)


# -- values and names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (44_236.8, "B", "43.2 KB"),
        (512, "B", "512 B"),
        (3_145_728, "B", "3.0 MB"),
        (2048, "B/s", "2.0 KB/s"),
        (-67, "dBm", "-67 dBm"),
        (12.34, "ms", "12.3 ms"),
        (0.0213, "", "0.021"),
        (123.4, "", "123"),
        (7, "", "7"),
        (0.25, "1/h", "0.25 /h"),
        (273_600, "s", "3d 4h"),
        (0, "%", "0 %"),
    ],
)
def test_values_for_people(value, unit, text):
    assert value_text(value, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_can_be_told(value):
    assert float(number_text(value)) == pytest.approx(value, rel=0.06, abs=0.06)


def test_heads_of_columns_have_no_units():
    assert [
        short_name(name) for name in ("heap_free_bytes", "rssi_dbm", "throughput_bytes_per_s", "nodes")
    ] == [
        "heap free",
        "rssi",
        "throughput",
        "nodes",
    ]


def test_a_metric_is_found_by_its_beginning():
    assert find_metric(CATALOGUE, "rssi").name == "rssi_dbm"
    assert find_metric(CATALOGUE, " Heap-Free ").name == "heap_free_bytes"
    assert find_metric(CATALOGUE, "nodes").name == "nodes"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heap", "'heap' may be heap_free_bytes, heap_min_bytes"),
        ("rsi", "did you mean rssi_dbm?"),
        ("temprature", "did you mean temperature_c"),
        ("jiter", "did you mean jitter_ms?"),
        ("zzz", "there is no metric 'zzz'; `meshward history NODE` lists"),
        ("", "there is no metric ''"),
    ],
)
def test_an_unknown_metric_is_told_with_what_may_be_meant(text, words):
    with pytest.raises(UnknownItemError) as caught:
        find_metric(CATALOGUE, text)
    assert words in str(caught.value)


# -- moments that are over ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("24h", datetime(2026, 11, 24, 12)),  # noqa: DTZ001 a clock on the wall
        ("7d", datetime(2026, 11, 18, 12)),  # noqa: DTZ001
        ("11:30", datetime(2026, 11, 25, 11, 30)),  # noqa: DTZ001
        ("22:00", datetime(2026, 11, 24, 22)),  # noqa: DTZ001
        ("2026-11-01", datetime(2026, 11, 1)),  # noqa: DTZ001
    ],
)
def test_moments_that_are_over(text, then):
    found = parse_past(text, datetime(2026, 11, 25, 12))  # noqa: DTZ001
    assert found.tzinfo is not None
    assert found.astimezone().replace(tzinfo=None) == then


@pytest.mark.parametrize("text", ["", "yesterday", "24:00", "2026-13-01", "-5m", "99999999999d"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match=r"is no time: write it as 24h|is longer than ten years"):
        parse_past(text, datetime(2026, 11, 25, 12))  # noqa: DTZ001


# -- the chart ---------------------------------------------------------------------------------


def bars(shown, width=40):
    return [line.plain for line in chart(shown, width)]


def test_a_rise_is_a_rise():
    lines = bars(history(*range(1000, 1008)), width=20)
    assert lines[0].startswith("1007 B ")
    assert lines[5].startswith("1000 B ▁")
    heights = [sum(line[7 + column] not in {" ", "·"} for line in lines[:6]) for column in range(12)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (1, 6)


def test_gaps_are_dots_and_not_bars():
    shown = history(*[2048.0] * 10, *[None] * 10, *[2048.0] * 10)
    bottom = bars(shown, width=38)[5]
    drawn_part = bottom[len("2.0 KB ") :]
    assert len(drawn_part) == 30
    assert drawn_part == "█" * 10 + "·" * 10 + "█" * 10


def test_a_steady_value_is_a_band_in_the_middle():
    lines = bars(history(*[5.0] * 10))
    assert "█" not in lines[0]
    assert "█" in lines[5]


def test_coarse_points_fill_their_time():
    shown = history(1.0, 2.0, 3.0)
    assert [stretch.mean for stretch in stretches(shown, 9)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_samples_as_they_came_stand_for_the_time_up_to_the_next():
    shown = history(1.0, 2.0, None, None, None, 3.0, 4.0, 5.0, 6.0, 7.0)
    shown.points = [point for point in shown.points if point.mean is not None]
    shown.resolution_s = 0.0
    found = [None if stretch is None else stretch.mean for stretch in stretches(shown, 20)]
    assert found[:4] == [1, 1, 1.5, 2]
    assert found[5:10] == [None] * 5
    assert found[-2:] == [6.5, 7]


def test_fine_points_are_put_together_by_their_weight():
    point = {"low": 0.0, "high": 9.0}
    shown = history(1.0)
    shown.points = [
        HistoryPoint(at_s=NOW_S - 60, mean=2.0, count=3, **point),
        HistoryPoint(at_s=NOW_S - 59, mean=6.0, count=1, **point),
    ]
    shown.resolution_s = 1.0
    (stretch,) = stretches(shown, 1)
    assert (stretch.low, stretch.mean, stretch.high) == (0.0, 3.0, 9.0)


@given(
    st.lists(
        st.tuples(st.floats(NOW_S - 1e6, NOW_S + 1e6), st.none() | st.floats(-1e12, 1e12)),
        max_size=30,
    ),
    st.sampled_from([0.0, 1.0, 60.0, 1e5]),
    st.integers(1, 200),
)
def test_any_points_can_be_charted(pairs, resolution_s, width):
    shown = history(1.0)
    shown.resolution_s = resolution_s
    shown.points = [
        HistoryPoint(at_s=at_s, mean=mean, low=mean, high=mean, count=1) for at_s, mean in pairs
    ] + shown.points
    lines = bars(shown, width)
    assert len({len(line) for line in lines[:6]}) == 1
    assert len(lines) == 7
    assert summary(shown)


def test_what_a_history_comes_to():
    shown = history(1000.0, 2000.0, 9000.0)
    shown.points[0].low = 500.0
    assert summary(shown) == "least 500 B   median 2.0 KB   most 8.8 KB   last 8.8 KB"


def test_a_history_that_ends_early_says_when():
    assert "last 1 B, 30m 00s before the end" in summary(history(1.0, *[None] * 30))


def test_what_happened_is_marked_and_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    notes = [
        HistoryNote(at=moment(NOW_S - 60.0 * minute), kind="move", text=f"below {minute}\x1b[2J")
        for minute in range(15, 0, -1)
    ]
    print_history(history(*range(30), notes=notes), HEAP, "lamp\x1b")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0].startswith("heap_free_bytes of node 1003 lamp")
    assert out.count("move: below") == 10
    assert lines[-1] == "… and before: 5 move"
    assert any(set(line) == {" ", "▲"} for line in lines)
    assert max(map(len, lines)) <= 80


def test_nothing_is_told_as_nothing(capsys):
    print_history(history(None, None), HEAP, "")
    assert "There is no data" in capsys.readouterr().out


def test_lines_for_other_programs():
    lines = list(csv.reader(csv_lines(history(1234.5678, None))))
    assert lines[0] == ["time", "mean_B", "low", "high", "count"]
    assert lines[1] == ["2026-11-25T11:58:00.000Z", "1234.5678", "1234.5678", "1234.5678", "1"]
    assert lines[2] == ["2026-11-25T11:59:00.000Z", "", "", "", "0"]


# -- pictures ----------------------------------------------------------------------------------


def isnan(value):
    return value != value  # noqa: PLR0124


def test_lines_are_not_drawn_over_gaps():
    shown = history(1.0, 2.0, None, 3.0)
    assert [isnan(row[1]) for row in rows_with_gaps(shown)] == [False, False, True, False]
    del shown.points[2]
    assert [isnan(row[1]) for row in rows_with_gaps(shown)] == [False, False, True, False]


def test_samples_as_they_came_have_gaps_where_they_are_unusually_far_apart():
    shown = history(*range(20))
    shown.resolution_s = 0.0
    assert not any(isnan(row[1]) for row in rows_with_gaps(shown))
    del shown.points[8:16]
    assert [isnan(row[1]) for row in rows_with_gaps(shown)].count(True) == 1


@pytest.mark.parametrize(
    ("unit", "most", "scale"),
    [
        ("B", 1000, (1, "B")),
        ("B", 50_000, (1024, "KB")),
        ("B/s", 50_000, (1024, "KB/s")),
        ("B", 5e6, (1024 * 1024, "MB")),
        ("s", 100, (1, "s")),
        ("s", 20_000, (3600, "h")),
        ("s", 1e6, (86_400, "days")),
        ("dBm", 90, (1, "dBm")),
    ],
)
def test_scales_for_people(unit, most, scale):
    assert scale_of(unit, most) == scale


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pictures_of_all_kinds(kind, magic):
    notes = [HistoryNote(at=moment(NOW_S - 90.0), kind="restart", text="restarted")]
    name = "lamp $\\frac{ </svg>\x1b\u53a8"  # no formula, no markup, and letters that the font lacks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = drawn(history(1.0, None, 2.0, 3.0, notes=notes), HEAP, name, kind)
    assert picture.startswith(magic)
    assert len(picture) > 2000


@pytest.mark.parametrize("means", [(), (None, None), (1.0,)])
def test_pictures_of_little(means):
    assert drawn(history(*means, start=values.EARLIER), HEAP, "", "png").startswith(b"\x89PNG")


# -- the command -------------------------------------------------------------------------------


def test_a_chart_on_the_terminal(commands):
    out = commands.said("history", "1001", "heap_free", *DAY)
    lines = out.splitlines()
    assert lines[0] == "heap_free_bytes of node 1001 node 1: free heap"
    assert "█" in out
    assert "··" in out
    assert lines[1].endswith(", a point for 1m, data for 96 % of it")
    assert "least 37.5 KB   median" in out
    assert max(map(len, lines)) <= 80
    assert asked(commands)["start"] == "2026-11-24T12:00:00Z"
    assert asked(commands)["end"] == "2026-11-25T12:00:00Z"


def test_numbers(commands):
    told = commands.done("history", "node 1", "rssi", *DAY, "--resolution", "1h")
    assert (told["metric"], told["unit"], told["resolution_s"]) == ("rssi_dbm", "dBm", 3600.0)
    assert len(told["points"]) == 24
    assert told["points"][21] == [NOW_S - 3 * 3600, None, None, None, 0]
    lines = commands.said("history", "1001", "rssi", *DAY, "--resolution", "1h", "--csv").splitlines()
    assert len(lines) == 25
    assert lines[22] == "2026-11-25T09:00:00.000Z,,,,0"


def test_without_a_metric_those_of_the_node_are_listed(commands):
    out = commands.said("history", "1004")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "online",
        "delay_ms",
        "jitter_ms",
        "probe_loss_percent",
    ]
    told = commands.done("history", "1004")
    assert [metric["name"] for metric in told["metrics"]][:2] == ["online", "delay_ms"]
    commands.service.statuses[1004] = values.node_status(1004, metrics={})
    assert commands.said("history", "1004") == "Nothing is known of node 1004 yet.\n"


def test_a_picture_in_a_file(commands, tmp_path):
    file = tmp_path / "heap.png"
    file.write_bytes(b"old")
    out = commands.said("history", "1001", "heap_free", *DAY, "--plot", file)
    assert out.startswith(f"wrote {file}: 1380 points, ")
    assert file.read_bytes().startswith(b"\x89PNG")
    told = commands.done("history", "1001", "heap_free", *DAY, "--plot", "heap.svg")
    assert told["plot"] == "heap.svg"
    assert (tmp_path / "heap.svg").read_bytes().startswith(b"<?xml")
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == {"heap.png", "heap.svg"}


def test_files_that_cannot_be_are_refused_before_anything_is_asked(commands, tmp_path):
    ask = ("history", "1001", "heap_free", "--plot")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder: give the name of a file in it" in commands.refused(*ask, tmp_path / "folder.png")
    assert "must end in .png, .svg or .pdf" in commands.refused(*ask, "heap.gif")
    assert "must end in .png, .svg or .pdf" in commands.refused(*ask, "heap")
    assert f"there is no folder {tmp_path / 'none'}" in commands.refused(*ask, "none/heap.png")
    assert not commands.gate.requests


def test_a_file_that_cannot_be_written_leaves_nothing(commands, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    error = commands.refused("history", "1001", "heap_free", *DAY, "--plot", "heap.png", status=1)
    assert "cannot write heap.png: No space left on device" in error
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_without_matplotlib_it_says_how_to_get_it(commands, monkeypatch):
    def find_spec(name):
        return None if name == "matplotlib" else really_find_spec(name)

    monkeypatch.setattr(history_plot, "find_spec", find_spec)
    error = commands.refused("history", "1001", "heap_free", "--plot", "heap.png", status=1)
    assert "pip install 'meshward[plot]'" in error


def test_a_chart_on_the_terminal_needs_no_matplotlib(commands, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "█" in commands.said("history", "1001", "heap_free", *DAY)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1001", "rssi", "--csv", "--json"), "--csv and --json exclude each other"),
        (("1001", "--csv"), "name a metric"),
        (("1001", "rssi", "--since", "soon"), "--since: 'soon' is no time"),
        (("1001", "rssi", "--until", "soon"), "--until: 'soon' is no time"),
        (("1001", "rssi", "--resolution", "5"), "--resolution: '5' is not a duration"),
        (("1001", "rssi", "--since", "1h", "--until", "2h"), "--since must be before --until"),
        (("1001", "rssi", "--since", "2099-01-01"), "and in the past"),
        (("attic", "rssi"), "no node has the id or name 'attic'"),
    ],
)
def test_what_makes_no_sense_is_refused(commands, arguments, words):
    assert words in commands.refused("history", *arguments)


def test_what_is_unknown_is_told(commands):
    assert "did you mean rssi_dbm?" in commands.refused("history", "1001", "rsi", status=1)
    assert "there is no node 77" in commands.refused("history", "77", "rssi", status=1)


def test_as_many_points_are_asked_for_as_are_shown(commands):
    commands.said("history", "1001", "rssi", *DAY)
    assert asked(commands)["points"] == "1500"
    commands.gate.requests.clear()
    commands.said("history", "1001", "rssi", *DAY, "--csv")
    assert asked(commands)["points"] == "20000"
    assert json.loads(commands.said("history", "1001", "rssi", *DAY, "--json"))["node"] == 1001
