"""What `status` shows of the whole mesh, and lists of nodes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.alerts_view import alert_line, by_severity
from meshward.cli.durations import age_text, duration_text, seconds_since
from meshward.cli.output import plural
from meshward.cli.readings import value_text
from meshward.cli.states import STATE_STYLES, TROUBLE, counts_text, state_words
from meshward.cli.tables import Cell, Column, print_table, print_text
from meshward.gateway.health_views import AlertView, MeshStatus, NodeStatus, Score
from meshward.gateway.views import HealthView, NodeView, RolloutSummary
from meshward.text import printable

_COLUMNS = (
    Column("health", right=True),
    Column("id", right=True),
    Column("name", matters=8, flexible=True),
    Column("state"),
    Column("away", matters=6, right=True),
    Column("parent", matters=2, right=True),
    Column("hops", matters=4, right=True),
    Column("heap", matters=7, right=True),
    Column("rssi", matters=7, right=True),
    Column("delay", matters=3, right=True),
    Column("loss", matters=5, right=True),
    Column("uptime", matters=4, right=True),
    Column("alerts", matters=3, right=True),
    Column("version", matters=1),
    Column("what is wrong", flexible=True, room=20),
)
_LIST = (
    Column("id", right=True),
    Column("name", matters=8, flexible=True),
    Column("state"),
    Column("hardware", matters=3),
    Column("role", matters=5),
    Column("version", matters=4),
    Column("tags", matters=7),
)
_AT_REST = frozenset({"completed", "already_installed", "not_targeted"})
STALE_S = 300.0
"""Values that are older are shown dim."""
_ALERT_LINES = 12
_REASONS = 3
_NAMED = 5

Nodes = Mapping[int, NodeView]


def print_status(
    mesh: MeshStatus,
    nodes: Nodes,
    health: HealthView,
    alerts: Sequence[AlertView],
    rollouts: Sequence[RolloutSummary],
    *,
    runs: bool,
    now: datetime,
) -> None:
    """Sentences about the mesh, what is wrong, the rollouts, and a table of the nodes."""
    print_text(summary(health, mesh.nodes, runs=runs))
    if mesh.nodes and runs:  # else nobody looks
        print_text(score_line(mesh.health))
        print_text(mesh.coverage.text)
    for alarm in health.alarms:
        print_text(Text(f"alarm: {printable(alarm)}", style="bold red"))
    for line in alert_lines(alerts):
        print_text(line)
    for rollout in rollouts:
        print_text(rollout_line(rollout))
    if mesh.nodes:
        print_text("")
        print_table(
            _COLUMNS, [_row(entry, nodes.get(entry.node), now) for entry in by_trouble(mesh.nodes, nodes)]
        )
    if mesh.articulation:
        print_text(Text(f"\n{_articulation(mesh)}", style="dim"))


def summary(health: HealthView, nodes: Sequence[NodeStatus], *, runs: bool) -> str:
    """The mesh in one sentence."""
    if not runs:
        return f"No gateway runs now; {plural(len(nodes), 'node')} known, as they were last."
    up = f"gateway {health.version}, up {duration_text(health.uptime_s)}"
    if not health.mesh_connected:
        return f"Not in the mesh: no neighbour answers; {plural(len(nodes), 'node')} known ({up})."
    online = sum(1 for node in nodes if node.online)
    away = len(nodes) - online
    state = "all of them online" if not away else f"{online} online and {away} offline"
    return f"{plural(len(nodes), 'node')}, {state} ({up})." if nodes else f"No nodes yet ({up})."


def score_text(score: Score) -> Text:
    """A score, coloured."""
    style = "green" if score.value >= 90 else "yellow" if score.value >= 60 else "bold red"
    return Text(str(score.value), style=style)


def score_line(score: Score) -> Text:
    """A score and what took most from it: `Health 82 of 100: -10 two nodes are away; -8 …`."""
    line = Text("Health ").append_text(score_text(score)).append(" of 100")
    parts = sorted(score.parts, key=lambda part: -part.points)
    reasons = [f"-{part.points} {printable(part.reason, 80)}" for part in parts[:_REASONS]]
    if len(parts) > _REASONS:
        rest = sum(part.points for part in parts[_REASONS:])
        reasons.append(f"-{rest} for {plural(len(parts) - _REASONS, 'more reason')}")
    return line.append(f": {'; '.join(reasons)}" if reasons else ".")


def alert_lines(alerts: Sequence[AlertView]) -> list[Text]:
    """Alerts that are firing, the worst first, and how many of them are quiet."""
    loud = by_severity(alert for alert in alerts if not alert.quiet)
    lines = [alert_line(alert) for alert in loud[:_ALERT_LINES]]
    if len(loud) > _ALERT_LINES:
        lines.append(Text(f"… and {len(loud) - _ALERT_LINES} more: see `meshward alerts list`"))
    if quiet := Counter(alert.quiet for alert in alerts if alert.quiet):
        why = ", ".join(f"{count} {printable(word, 20)}" for word, count in sorted(quiet.items()))
        lines.append(Text(f"{plural(quiet.total(), 'quiet alert')}: {why}", style="dim"))
    return lines


def rollout_line(rollout: RolloutSummary) -> Text:
    """A rollout that is under way, in one line."""
    line = Text().append(f"rollout {rollout.id} ", style="bold")
    line.append(f"{printable(rollout.name)}: ")
    line.append(state_words(rollout.state), style=STATE_STYLES.get(rollout.state, "cyan"))
    if rollout.wave < len(rollout.wave_names):
        wave = printable(rollout.wave_names[rollout.wave])
        line.append(f", wave {rollout.wave + 1} of {len(rollout.wave_names)} ({wave})")
    counts = counts_text(rollout.counts)
    return line.append(f"; {counts}" if counts else "")


def by_trouble(entries: Iterable[NodeStatus], nodes: Nodes) -> list[NodeStatus]:
    """Nodes that a user should look at first: failed updates, then by their health; last what is left out
    of updates and away.
    """

    def key(entry: NodeStatus) -> tuple[int, int, bool, int, int]:
        view = nodes.get(entry.node)
        group = 1
        if view is not None and view.excluded and not entry.online:
            group = 2
        elif view is not None and view.update_state in TROUBLE:
            group = 0
        return group, entry.health.value, entry.online, entry.depth or 0, entry.node

    return sorted(entries, key=key)


def node_state(node: NodeView | NodeStatus, away_s: float | None = None) -> Text:
    """Whether a node is there, or how long it is away, and what is done with it."""
    away = f"offline {age_text(away_s)}".rstrip()
    state = Text().append("online" if node.online else away, style="green" if node.online else "red")
    if isinstance(node, NodeStatus):
        return state
    if node.update_state is not None and node.update_state not in _AT_REST:
        words = node.update_state.replace("_", " ")
        state.append(f", {words}", style=STATE_STYLES.get(node.update_state, ""))
    if node.excluded:
        state.append(", excluded", style="yellow")
    return state


def _row(entry: NodeStatus, view: NodeView | None, now: datetime) -> list[Cell]:
    loss = "probe_loss_percent" if "probe_loss_percent" in entry.metrics else "loss_percent"
    return [
        score_text(entry.health),
        str(entry.node),
        entry.name,
        node_state(view or entry),
        _away(entry, view, now),
        str(entry.parent or ""),
        "" if entry.depth is None else str(entry.depth),
        _value(entry, "heap_free_bytes", "B"),
        _value(entry, "rssi_dbm", ""),
        _value(entry, "delay_ms", "ms"),
        _value(entry, loss, "%"),
        _uptime(entry, view, now),
        str(len(entry.alerts) or ""),
        entry.version or ("" if view is None else view.firmware[:8]),
        wrong_text(entry),
    ]


def wrong_text(entry: NodeStatus) -> str:
    """What took most from a node's score, and how much more there is: `low heap (+2)`."""
    parts = sorted(entry.health.parts, key=lambda part: -part.points)
    if not parts:
        return ""
    more = f" (+{len(parts) - 1})" if len(parts) > 1 else ""
    return f"{parts[0].reason}{more}"


def _away(entry: NodeStatus, view: NodeView | None, now: datetime) -> str:
    """How long a node is out of the mesh. A gateway that just started counts from when it was seen last."""
    if entry.online:
        return ""
    seen_s = None if view is None else seconds_since(view.last_seen_at, now)
    known = [since_s for since_s in (entry.silent_s, seen_s) if since_s is not None]
    return age_text(max(known)) if known else ""


def _value(entry: NodeStatus, metric: str, unit: str) -> Text:
    reading = entry.metrics.get(metric)
    if reading is None:
        return Text()
    is_old = reading.age_s > STALE_S or not entry.online
    return Text(value_text(reading.value, unit), style="dim" if is_old else "")


def _uptime(entry: NodeStatus, view: NodeView | None, now: datetime) -> Text:
    """Since its boot, where it tells that; else at least as long as it is in the mesh."""
    if not entry.online:
        return Text()
    reading = entry.metrics.get("uptime_s")
    if reading is not None:
        return Text(age_text(reading.value + reading.age_s))
    here_s = None if view is None else seconds_since(view.up_since_at, now)
    return Text("" if here_s is None else f"≥ {age_text(here_s)}")


def _articulation(mesh: MeshStatus) -> str:
    names = {entry.node: printable(entry.name, 40) for entry in mesh.nodes}
    named = [names.get(node) or str(node) for node in mesh.articulation[:_NAMED]]
    more = len(mesh.articulation) - len(named)
    return f"Others reach us only through {', '.join(named)}{f' and {more} more' if more else ''}."


def print_node_list(nodes: Iterable[NodeView]) -> None:
    """A table of nodes by id, with what users said of them."""
    rows: list[list[Cell]] = [
        [
            str(node.id),
            node.name,
            node_state(node),
            node.hardware,
            node.role,
            firmware_text(node),
            ", ".join(node.tags),
        ]
        for node in sorted(nodes, key=lambda node: node.id)
    ]
    if rows:
        print_table(_LIST, rows)
    else:
        print_text("There are no such nodes.")


def firmware_text(node: NodeView) -> str:
    """The version a node runs, else the beginning of its firmware's hash."""
    return node.version or node.firmware[:8]
