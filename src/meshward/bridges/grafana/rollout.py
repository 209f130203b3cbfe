"""The dashboard of one rollout."""

from __future__ import annotations

from meshward.bridges.grafana import measures as m
from meshward.bridges.grafana.board import Board, Line, Section, uid
from meshward.bridges.grafana.panels import UP, YES, bars, gauge, graph, stat, timeline
from meshward.bridges.grafana.queries import (
    BY_TIME,
    Asked,
    Query,
    node_series,
    of,
    or_zero,
    points,
    series,
    titled,
)
from meshward.bridges.grafana.shared import GATEWAY, INSTANCE, MESH, MESH_LOST, ROLLOUT_STEPS, ROLLOUTS
from meshward.bridges.grafana.tables import Column, metric, node_table

THIS = 'rollout="$rollout"'
_INFO = series("ota_rollout_info", THIS)
_THIS_POINT = '"rollout" =~ /^$rollout$/'
_PER_STEP = f"{BY_TIME} fill(none)"

GOOD = ("completed", "already_installed")
BAD = ("failed", "lost", "unreachable", "rolled_back")
WORKING = ("downloading", "paused", "verifying", "rebooting", "rolling_back")
LEFT = ("pending", "scheduled")
STATES = (*GOOD, *WORKING, *LEFT, *BAD, "cancelled")
"""Of nodes that are targets, those that are done first."""


def _counted(states: tuple[str, ...], legend: str) -> Asked:
    """Nodes in any of these states."""
    matcher = f'{THIS}, state=~"{"|".join(states)}"'
    fields = " + ".join(f'last("{state}")' for state in states)
    return Asked(
        (Query(or_zero(of("sum", series("ota_rollout_nodes", matcher)), _INFO), legend),),
        (Query(points(fields, measurement="rollout", where=_THIS_POINT, by=_PER_STEP), legend),),
    )


def _by_state() -> Asked:
    """Each state for itself; InfluxDB has a field of each."""
    matcher = f'{THIS}, state!="not_targeted"'
    fields = ", ".join(f'last("{state}") AS "{state}"' for state in STATES)
    return Asked(
        (Query(f"sum by (state) ({series('ota_rollout_nodes', matcher)})", "{{state}}"),),
        (Query(points(fields, measurement="rollout", where=_THIS_POINT, by=_PER_STEP), "$col"),),
    )


def _progress() -> Asked:
    targets = of("sum", series("ota_rollout_nodes", f'{THIS}, state!="not_targeted"'))
    over = of("sum", series("ota_rollout_nodes", f'{THIS}, state=~"{"|".join((*GOOD, *BAD, "cancelled"))}"'))
    text = points('last("progress_ratio")', measurement="rollout", where=_THIS_POINT, by=_PER_STEP)
    return Asked((Query(f"({over} or 0 * {targets}) / {targets}", "done"),), (Query(text, "done"),))


def _told(label: str) -> Asked:
    """A text of the rollout."""
    text = points(f'last("{label}") AS "{label}"', measurement="rollout", where=_THIS_POINT, by="")
    return Asked((Query(_INFO, form="table"),), (Query(text, form="table"),))


_NOW = Line(
    5,
    (
        stat("Rollout", _told("name"), "Its name.", text="name", weight=2),
        stat(
            "State",
            _told("state"),
            "paused: a gate failed or somebody stopped it, and nothing is sent. `meshward rollout show` says "
            "why, and what can be done: resume, retry, skip, abort, rollback.",
            text="state",
            weight=2,
        ),
        gauge(
            "Done",
            _progress(),
            "Share of its nodes to which nothing more will be sent, well or not.",
            unit=m.Unit("percentunit"),
            lowest=0,
            highest=1,
            steps=((None, "blue"), (1, "green")),
            weight=2,
        ),
        stat(
            "Run it", _counted(GOOD, "nodes"), "Nodes that proved that they run it.", steps=((None, "green"),)
        ),
        stat("Under way", _counted(WORKING, "nodes"), "Nodes that get it now.", steps=((None, "blue"),)),
        stat("To come", _counted(LEFT, "nodes"), "Nodes that wait for their turn."),
        stat(
            "Failed",
            _counted(BAD, "nodes"),
            "Nodes that do not run it. The error gate stops the rollout where there are too many; `retry` "
            "tries them again.",
            steps=((None, "green"), (1, "red")),
        ),
        GATEWAY,
    ),
)
_STATES = Line(
    10,
    (
        graph(
            "Nodes by state",
            _by_state(),
            "Those that are done at the bottom. A plateau is a soak, a window, or a rollout that waits for a "
            "go-ahead.",
            stacked=True,
            side=True,
            calcs=("lastNotNull",),
            lowest=0,
            decimals=0,
            weight=2,
        ),
        graph(
            "Progress",
            _progress(),
            "Of the whole rollout.",
            unit=m.Unit("percentunit"),
            lowest=0,
            highest=1,
            calcs=("lastNotNull",),
        ),
    ),
)
_STEPS = Line(
    4,
    (
        timeline(
            "States of the rollout",
            Asked(
                (Query(f"max by (state) ({_INFO})", "{{state}}"),),
                (
                    Query(
                        points('last("state")', measurement="rollout", where=_THIS_POINT, by=_PER_STEP),
                        "state",
                    ),
                ),
            ),
            "What it did when: surveying asks nodes what they run, soaking watches those that have it.",
            color="palette-classic",
        ),
    ),
)
_NODES = Line(
    10,
    (
        node_table(
            "Nodes",
            "Every node of the mesh: what it runs, whether there is other firmware for it, and how far it is "
            "while it gets some (Prometheus). Choose its id to open it.",
            (
                Column("State", "up", "up", words=UP),
                Column("Update", "update_available", "", words=YES),
                Column(
                    "Health", "health_score", "health", steps=((None, "red"), (50, "orange"), (80, "green"))
                ),
                metric("Signal", m.RSSI),
                metric("Loss", m.LOSS),
                Column("Restarts", "boots_total", "restarts"),
            ),
            link=uid("node", "{kind}"),
            sort="Version",
        ),
        bars(
            "Taken so far",
            Asked((Query(titled(series("ota_update_progress_ratio")), "{{title}}", "latest"),)),
            "Of nodes that get firmware now. One that stays behind has a weak link: see its page.",
            unit=m.Unit("percentunit"),
            lowest=0,
            highest=1,
            steps=((None, "blue"),),
        ),
    ),
)
_VERSIONS = Line(
    8,
    (
        graph(
            "Versions",
            Asked((Query(f"count by (version) ({node_series('info')})", "{{version}}"),)),
            "Nodes by the version they run.",
            stacked=True,
            side=True,
            calcs=("lastNotNull",),
            lowest=0,
            decimals=0,
        ),
        graph(
            "Health of the mesh meanwhile",
            Asked(
                (Query(f"min({series('mesh_health_score')})", "mesh"),),
                (Query(points('last("health")', measurement="mesh", by=_PER_STEP), "mesh"),),
            ),
            "Where it falls with the rollout, pause that: `meshward rollout pause ID`.",
            lowest=0,
            highest=100,
            calcs=("min", "lastNotNull"),
        ),
    ),
)

ROLLOUT = Board(
    name="rollout",
    title="painlessMesh rollout",
    hint="One rollout: how far it is, what failed, and how the mesh does meanwhile.",
    variables=(MESH, INSTANCE, ROLLOUTS),
    notes=(ROLLOUT_STEPS, MESH_LOST),
    sections=(
        Section("Now", (_NOW,)),
        Section("Over time", (_STATES, _STEPS)),
        Section("Nodes", (_NODES,)),
        Section("Mesh", (_VERSIONS,)),
    ),
    span="now-3h",
)
