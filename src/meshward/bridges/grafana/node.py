"""The dashboard of one node."""

from __future__ import annotations

from meshward.bridges.grafana import measures as m
from meshward.bridges.grafana.board import Board, Line, Section
from meshward.bridges.grafana.measures import NODE, THE_NODE
from meshward.bridges.grafana.panels import UP, Panel, graph, stat, timeline
from meshward.bridges.grafana.queries import (
    BY_TIME,
    COUNTED,
    NOW,
    TOLD,
    Asked,
    Query,
    node_series,
    points,
    select,
)
from meshward.bridges.grafana.shared import INSTANCE, MESH, NODE_RESTARTS, NODE_UPDATES, NODES

_SCORE = ((None, "red"), (50, "orange"), (80, "green"))


def _figure(prometheus: str, field: str, legend: str = "") -> Asked:
    """What is known of it, over time."""
    text = points(f'last("{field}")', where=THE_NODE, by=f"{BY_TIME} fill(none)")
    return Asked((Query(prometheus, legend),), (Query(text, legend),))


def _now(prometheus: str, field: str, within: str = NOW) -> Asked:
    """The same of now."""
    text = points(f'last("{field}")', where=THE_NODE, by="", within=within)
    return Asked((Query(prometheus),), (Query(text),))


def _known(series: str, field: str, legend: str = "") -> Asked:
    return _figure(node_series(series, NODE), field, legend)


def _text(label: str, column: str) -> Panel:
    """A text of it: a label of its info, or a field."""
    latest = points(f'last("{label}") AS "{label}"', where=THE_NODE, by="", within=NOW)
    asked = Asked((Query(node_series("info", NODE), form="table"),), (Query(latest, form="table"),))
    return stat(column, asked, f"{column}, as the gateway knows it.", text=label, weight=2)


def _slope() -> Asked:
    """How fast its free heap changes, per hour."""
    each = points(f'mean("{m.HEAP.metric}") AS "heap"', where=THE_NODE, by=f"{BY_TIME} fill(none)")
    change = select('derivative("heap", 1h) AS "change"', f"({each})")
    return Asked(
        (Query(f"deriv({node_series(m.HEAP.series, NODE)}[1h]) * 3600", "bytes an hour"),),
        (Query(select('moving_average("change", 10)', f"({change})"), "bytes an hour"),),
    )


_PREDICTED = Asked(
    (
        Query(
            f"predict_linear({node_series(m.HEAP.series, NODE)}[6h], 24 * 3600) > 0",
            "in 24 h, as it goes now",
        ),
    )
)

_NOW = Line(
    4,
    (
        _text("name", "Name"),
        _text("version", "Version"),
        stat(
            "State", _now(node_series("up", NODE), "up"), "Whether it is in the mesh now.", words=UP, weight=2
        ),
        stat(
            "Health",
            _now(node_series("health_score", NODE), "health"),
            "From 0 to 100. `meshward status NODE` says what points were taken off for.",
            steps=_SCORE,
            weight=2,
        ),
        stat(
            "Alerts",
            _now(node_series("alerts", NODE), "alerts"),
            "Of its own that are firing. `meshward alerts` says what to do.",
            steps=((None, "green"), (1, "orange")),
            weight=2,
        ),
        stat(
            "Running for",
            _now(f"time() - {node_series('boot_time_seconds', NODE)}", "uptime_s", TOLD),
            "Since its boot, as far as that is known.",
            unit=m.Unit("s"),
            weight=2,
        ),
        stat(
            "Signal",
            m.RSSI.now_of_one("signal"),
            "Of its parent, as it hears it. Below -85 dBm move the node, or put another between.",
            unit=m.DBM,
            steps=m.RSSI.steps,
            weight=2,
        ),
        stat(
            "Free heap",
            m.HEAP.now_of_one("free"),
            "A mesh node needs some 10 kB to keep its links and take an update.",
            unit=m.BYTES,
            steps=m.HEAP.steps,
            weight=2,
        ),
    ),
)

_HEAP = Line(
    9,
    (
        graph(
            "Heap",
            m.HEAP.of_one("free")
            + m.HEAP_MIN.of_one("least since boot")
            + m.HEAP_BLOCK.of_one("largest block")
            + _PREDICTED,
            "Free heap that falls with no end is a leak. A largest block far below it is fragmentation: what "
            "is allocated must fit into one block. With Prometheus also what will be left in 24 hours, as it "
            "goes now; where that line ends nothing will be.",
            unit=m.BYTES,
            steps=((None, "transparent"), (10_000, "red")),
            line=True,
            lowest=0,
            calcs=("min", "lastNotNull"),
            weight=3,
        ),
        graph(
            "Leak",
            _slope(),
            "How fast free heap changes; below zero for hours is a leak. A restart shows as a jump, and so "
            "does an update.",
            unit=m.BYTES,
            weight=2,
            calcs=("mean", "lastNotNull"),
        ),
    ),
)
_LINK = Line(
    8,
    (
        graph(
            "Signal",
            m.RSSI.of_one("parent"),
            "Steps are changes of its parent, or somebody closed a door.",
            unit=m.DBM,
            steps=((None, "transparent"), (-85, "red")),
            line=True,
            calcs=("min", "mean", "lastNotNull"),
        ),
        graph(
            "Delay and jitter",
            m.DELAY.of_one("delay") + m.JITTER.of_one("jitter"),
            "One way. A slow parent delays all nodes below it: compare with them.",
            unit=m.MILLISECONDS,
            lowest=0,
        ),
        graph(
            "Probes lost",
            m.LOSS.of_one("lost"),
            "Of the last 20. Loss with a good signal is a busy channel, or a board that does not get to its "
            "loop.",
            unit=m.PERCENT,
            lowest=0,
            highest=100,
        ),
    ),
)
_PLACE = Line(
    5,
    (
        timeline(
            "Parent",
            Asked((Query(node_series("parent_info", NODE), "{{parent}}"),)),
            "Whom it hangs below. Many changes: none of them is near enough.",
            steps=((None, "blue"),),
        ),
        timeline(
            "Hops", _known("depth", "depth", "hops"), "Links from the gateway to it.", color="palette-classic"
        ),
        timeline("In the mesh", _known("up", "up", "state"), "Gaps are restarts or lost links.", words=UP),
    ),
)
_TRAFFIC = Line(
    8,
    (
        graph(
            "Messages",
            m.RECEIVED.rate_of_one("received")
            + m.SENT.rate_of_one("sent")
            + m.DROPPED.rate_of_one("dropped"),
            "Where the board counts them. Dropped ones mean full queues.",
            unit=m.Unit("cps"),
            lowest=0,
            interval=COUNTED,
        ),
        graph(
            "Bytes",
            m.BYTES_RECEIVED.rate_of_one("received") + m.BYTES_SENT.rate_of_one("sent"),
            "Where the board counts them.",
            unit=m.Unit("Bps"),
            lowest=0,
            interval=COUNTED,
        ),
        graph(
            "Restarts",
            Asked(
                (Query(node_series("boots_total", NODE), "since the gateway started"),),
                _known("", "restarts", "in 24 hours").influxdb,
            ),
            "Every step is a restart; those of updates are meant. Find the others in the log of the board.",
            lowest=0,
            decimals=0,
            calcs=("max", "lastNotNull"),
        ),
    ),
)
_BOARD = Line(
    8,
    (
        graph(
            "Longest pass of its loop",
            m.LOOP.of_one("longest"),
            "Painless meshes need the loop some times a second: a delay() in the sketch blocks them.",
            unit=m.MILLISECONDS,
            steps=((None, "transparent"), (1000, "red")),
            line=True,
            lowest=0,
            calcs=("max", "lastNotNull"),
        ),
        graph(
            "Processor",
            m.CPU.of_one("load"),
            "Where the board tells it.",
            unit=m.PERCENT,
            lowest=0,
            highest=100,
        ),
        graph(
            "Temperature",
            m.TEMPERATURE.of_one("chip"),
            "Of its chip, where it has such a sensor.",
            unit=m.CELSIUS,
        ),
        graph(
            "Battery", m.BATTERY.of_one("charge"), "Where it has one.", unit=m.PERCENT, lowest=0, highest=100
        ),
    ),
)

NODE_BOARD = Board(
    name="node",
    title="painlessMesh node",
    hint="One node: its heap, its link, its traffic, and what happened to it.",
    variables=(MESH, INSTANCE, NODES),
    notes=(NODE_RESTARTS, NODE_UPDATES),
    sections=(
        Section("Now", (_NOW,)),
        Section("Heap", (_HEAP,)),
        Section("Link", (_LINK, _PLACE)),
        Section("Traffic and restarts", (_TRAFFIC,)),
        Section("Board", (_BOARD,), folded=True),
    ),
    span="now-24h",
)
