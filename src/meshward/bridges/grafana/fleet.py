"""The dashboard of a whole mesh."""

from __future__ import annotations

from meshward.bridges.grafana import measures as m
from meshward.bridges.grafana.board import Board, Line, Section, uid
from meshward.bridges.grafana.panels import UP, YES, bars, graph, heatmap, stat
from meshward.bridges.grafana.queries import (
    BY_TIME,
    COUNTED,
    NOW,
    Asked,
    Query,
    extremes,
    node_series,
    of,
    or_zero,
    points,
    series,
    summed,
    titled,
)
from meshward.bridges.grafana.shared import GATEWAY, INSTANCE, MESH, MESH_LOST, ROLLOUT_STEPS
from meshward.bridges.grafana.tables import Column, metric, node_table
from meshward.bridges.values import UPDATING

_SCORE = ((None, "red"), (50, "orange"), (80, "green"))
_SEVERITIES = ("critical", "warning", "info")


def _of_mesh(field: str, prometheus: str, legend: str = "") -> Asked:
    """A figure of the mesh over time."""
    text = points(f'last("{field}")', measurement="mesh", by=f"{BY_TIME} fill(none)")
    return Asked((Query(prometheus, legend),), (Query(text, legend),))


def _now_of_mesh(fields: str, prometheus: str) -> Asked:
    """A figure of the mesh now."""
    text = points(
        " + ".join(f'last("{field}")' for field in fields.split()), measurement="mesh", by="", within=NOW
    )
    return Asked((Query(prometheus),), (Query(text),))


_ONLINE = of("sum", series("nodes", 'state="online"'))
_OFFLINE = of("sum", series("nodes", 'state="offline"'))
_HEALTH = f"min({series('mesh_health_score')})"
_UPDATING = of("sum", series("ota_rollout_nodes", f'state=~"{"|".join(sorted(UPDATING))}"'))
_ALERTS = {
    severity: _of_mesh(
        f"alerts_{severity}", of("sum", series("alerts", f'severity="{severity}", state="firing"')), severity
    )
    for severity in _SEVERITIES
}

_NOW = Line(
    4,
    (
        GATEWAY,
        stat(
            "Online",
            _now_of_mesh("online", _ONLINE),
            "Nodes that are in the mesh now.",
            steps=((None, "red"), (1, "green")),
        ),
        stat(
            "Offline",
            _now_of_mesh("offline", _OFFLINE),
            "Nodes that were in the mesh once and are not now. Forget those that were taken away for good: "
            "`meshward node forget ID`.",
            steps=((None, "green"), (1, "orange")),
        ),
        stat(
            "Health of the mesh",
            _now_of_mesh("health", _HEALTH),
            "From 0 to 100. Below 80 look at the alerts and at the worst links further down; `meshward "
            "status` says what points were taken off for.",
            steps=_SCORE,
            lowest=0,
            highest=100,
        ),
        stat(
            "Alerts",
            _now_of_mesh(
                " ".join(f"alerts_{severity}" for severity in _SEVERITIES),
                of("sum", series("alerts", 'state="firing"')),
            ),
            "Alerts that are firing. `meshward alerts` says what each is about and what to do.",
            steps=((None, "green"), (1, "orange"), (10, "red")),
        ),
        stat(
            "Being updated",
            _now_of_mesh("updating", or_zero(_UPDATING, series("gateway_info"))),
            "Nodes that get firmware now. Restarts of these are meant.",
            steps=((None, "text"), (1, "blue")),
        ),
        stat(
            "Weakest link",
            m.RSSI.now_over_all("min", "weakest"),
            "Signal of the node that hears its parent worst. Below -85 dBm frames get lost: move the node, "
            "or put another between.",
            unit=m.DBM,
            steps=m.RSSI.steps,
        ),
        stat(
            "Least free heap",
            m.HEAP.now_over_all("min", "least"),
            "Of the node that has least. A mesh node needs some 10 kB to keep its links and take an update.",
            unit=m.BYTES,
            steps=m.HEAP.steps,
        ),
        stat(
            "Mesh",
            _now_of_mesh("connected", f"min({series('mesh_connected')})"),
            "Whether the gateway has a neighbour. Where not, nothing here is up to date: `meshward doctor` "
            "finds out why.",
            words=((0, "out of reach", "red"), (1, "connected", "green")),
        ),
    ),
)

_OVER_TIME = Line(
    8,
    (
        graph(
            "Nodes",
            _of_mesh("online", _ONLINE, "online") + _of_mesh("offline", _OFFLINE, "offline"),
            "A step down of many at once is a relay that went away, or the gateway's own link.",
            stacked=True,
            calcs=("min", "max", "lastNotNull"),
            lowest=0,
            decimals=0,
        ),
        graph(
            "Alerts firing",
            _ALERTS["critical"] + _ALERTS["warning"] + _ALERTS["info"],
            "By severity. Alerts that are explained by another, as those behind a node that is away, count "
            "too.",
            stacked=True,
            calcs=("max", "lastNotNull"),
            lowest=0,
            decimals=0,
        ),
        graph(
            "Health",
            _of_mesh("health", _HEALTH, "mesh")
            + Asked(
                (Query(f"min({node_series('health_score')})", "worst node"),),
                (Query(summed("health", 'last("health")', how="min"), "worst node"),),
            ),
            "The mesh's score, and that of the node that does worst.",
            lowest=0,
            highest=100,
            calcs=("min", "lastNotNull"),
        ),
    ),
)

NODE_COLUMNS = (
    Column("State", "up", "up", words=UP),
    Column("Health", "health_score", "health", steps=_SCORE, bar=True),
    Column("Alerts", "alerts", "alerts", steps=((None, "text"), (1, "orange"))),
    Column("Hops", "depth", "depth"),
    metric("Signal", m.RSSI),
    metric("Free heap", m.HEAP, decimals=1),
    metric("Delay", m.DELAY),
    metric("Loss", m.LOSS),
    Column("Restarts", "boots_total", "restarts"),
    Column("Update", "update_available", "", words=YES),
)
_NODES = Line(
    11,
    (
        node_table(
            "Nodes",
            "The latest of every node. Restarts: in Prometheus since the gateway started, in InfluxDB in 24 "
            "hours. Choose a node's id to open it.",
            NODE_COLUMNS,
            link=uid("node", "{kind}"),
        ),
    ),
)

_VERSIONS = bars(
    "Versions",
    Asked(
        (Query(f"count by (version) ({node_series('info')})", "{{version}}", "latest"),),
        (Query(points('last("version") AS "Version"', by='GROUP BY "node"', within=NOW), "", "table"),),
    ),
    "Nodes by the version they run, as they tell it. More than one for long means that a rollout left some "
    "out: see its dashboard, or start one for them.",
    rows=True,
    decimals=0,
    steps=((None, "blue"),),
    lowest=0,
    changes={
        "influxdb": [
            {
                "id": "groupBy",
                "options": {
                    "fields": {
                        "Version": {"aggregations": [], "operation": "groupby"},
                        "node": {"aggregations": ["count"], "operation": "aggregate"},
                    }
                },
            }
        ]
    },
)
_AVAILABILITY = bars(
    "Least available",
    Asked(
        (Query(titled(f"bottomk(10, avg_over_time({node_series('up')}[$__range]))"), "{{title}}", "latest"),),
        (Query(extremes('mean("up")', 10, lowest=True), form="table"),),
    ),
    "Share of the time shown in which a node was in the mesh. Some days at 100 % and some not is a weak link "
    "or a supply that fails; never at 100 % is a board that restarts.",
    rows=True,
    unit=m.Unit("percentunit"),
    lowest=0,
    highest=1,
    steps=((None, "red"), (0.95, "orange"), (0.99, "green")),
)
_WORST = Line(
    9,
    (
        bars(
            "Weakest links",
            m.RSSI.worst(10, lowest=True),
            "Signal of the parent as the node hears it. Below -85 dBm move the node, or put another between.",
            rows=True,
            unit=m.DBM,
            steps=m.RSSI.steps,
            lowest=-100,
            highest=-30,
        ),
        bars(
            "Most probes lost",
            m.LOSS.worst(10, lowest=False),
            "Of the last 20 probes. Several nodes below one parent point to that parent.",
            rows=True,
            unit=m.PERCENT,
            steps=m.LOSS.steps,
            lowest=0,
            highest=100,
        ),
        _AVAILABILITY,
        _VERSIONS,
    ),
)

_HEAP_AND_DELAY = Line(
    9,
    (
        graph(
            "Free heap",
            m.HEAP.each(),
            "A line that falls over hours is a leak: open the node to see when it runs out.",
            unit=m.BYTES,
            steps=((None, "transparent"), (10_000, "red")),
            line=True,
            side=True,
            calcs=("min", "lastNotNull"),
            lowest=0,
        ),
        heatmap(
            "Delay",
            m.DELAY.each(),
            "How many nodes have which delay, one way. A second band above the first is a branch behind a "
            "slow relay.",
            unit=m.MILLISECONDS,
        ),
    ),
)
_TRAFFIC = Line(
    8,
    (
        graph(
            "Messages",
            m.RECEIVED.rate_of_all("received")
            + m.SENT.rate_of_all("sent")
            + m.DROPPED.rate_of_all("dropped"),
            "Of all nodes that count them. Dropped ones mean full queues: fewer or smaller messages help.",
            unit=m.Unit("cps"),
            lowest=0,
            interval=COUNTED,
        ),
        graph(
            "Bytes",
            m.BYTES_RECEIVED.rate_of_all("received") + m.BYTES_SENT.rate_of_all("sent"),
            "Of all nodes that count them; every hop counts.",
            unit=m.Unit("Bps"),
            lowest=0,
            interval=COUNTED,
        ),
        graph(
            "Restlessness",
            m.MOVES.over_all("max", "changes of parent") + m.REJOINS.over_all("max", "times it came back"),
            "Of the most restless node, in the last hour. More than a few: its parents are all weak, or its "
            "supply is.",
            lowest=0,
            interval=COUNTED,
        ),
    ),
)


def _bridges(name: str) -> Asked:
    return Asked((Query(series(name), "{{bridge}}"),))


_GATEWAY = (
    Line(
        4,
        (
            stat(
                "Gateway up",
                Asked((Query(f"time() - {series('gateway_start_time_seconds')}", "up"),)),
                "Since it started.",
                unit=m.Unit("s"),
            ),
            stat(
                "Version",
                Asked((Query(series("gateway_info"), form="table"),)),
                "Of Meshward.",
                text="version",
            ),
            stat(
                "Alarms",
                Asked((Query(f"max({series('gateway_alarms')})", "alarms"),)),
                "What is wrong with the gateway itself: `meshward status` says what, and what to do.",
                steps=((None, "green"), (1, "red")),
            ),
            stat(
                "Database",
                Asked((Query(f"min({series('gateway_store_writable')})"),)),
                "Where it takes no writes the disk is full or broken, and updates are held.",
                words=((0, "takes nothing", "red"), (1, "writable", "green")),
            ),
            stat(
                "Bridges down",
                Asked((Query(or_zero(f"count({series('bridge_up')} == 0)", series("gateway_info"))),)),
                "Brokers and databases that cannot be reached; `meshward status` says why.",
                steps=((None, "green"), (1, "orange")),
            ),
        ),
    ),
    Line(
        7,
        (
            graph(
                "Waiting for bridges",
                _bridges("bridge_waiting"),
                "What is kept until the other side takes it.",
                lowest=0,
                decimals=0,
            ),
            graph(
                "Sent by bridges",
                Asked((Query(f"rate({series('bridge_sent_total')}[$__rate_interval])", "{{bridge}}"),)),
                "Messages, points, scrapes and alerts that the other side took.",
                unit=m.Unit("cps"),
                lowest=0,
            ),
            graph(
                "Left out by bridges",
                Asked(
                    (Query(f"increase({series('bridge_dropped_total')}[$__rate_interval])", "{{bridge}}"),)
                ),
                "What there was no room to keep while the other side was away.",
                lowest=0,
                decimals=0,
            ),
        ),
    ),
)

FLEET = Board(
    name="fleet",
    title="painlessMesh fleet",
    hint="A painlessMesh network at a glance: who is there, how it does, and where to look first.",
    variables=(MESH, INSTANCE),
    notes=(ROLLOUT_STEPS, MESH_LOST),
    sections=(
        Section("Now", (_NOW, _OVER_TIME)),
        Section("Nodes", (_NODES,)),
        Section("Where to look first", (_WORST,)),
        Section("Over time", (_HEAP_AND_DELAY, _TRAFFIC)),
        Section("Gateway", _GATEWAY, folded=True),
    ),
)
