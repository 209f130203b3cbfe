"""What `status` shows to people."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.durations import ago_text, duration_text, local_text
from meshward.cli.output import plural
from meshward.cli.states import STATE_STYLES, TROUBLE, counts_text, state_words
from meshward.cli.tables import Cell, Column, print_facts, print_table, print_text
from meshward.gateway.views import HealthView, NodeDetail, NodeView, RolloutSummary
from meshward.text import printable

_COLUMNS = (
    Column("id", right=True),
    Column("name", matters=8, flexible=True),
    Column("state"),
    Column("parent", matters=2, right=True),
    Column("hops", matters=4, right=True),
    Column("role", matters=5),
    Column("hardware", matters=3),
    Column("version", matters=7),
    Column("delay", matters=5, right=True),
    Column("heap", matters=1, right=True),
    Column("seen", matters=6, right=True),
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
_HISTORY = 8
"""Lines of a node's history that are shown; --json has all."""


def print_status(
    health: HealthView,
    nodes: Sequence[NodeView],
    rollouts: Sequence[RolloutSummary],
    *,
    runs: bool,
    now: datetime,
) -> None:
    """A sentence, what is wrong with the gateway, the rollouts, and a table of the nodes."""
    print_text(summary(health, nodes, runs=runs))
    for alarm in health.alarms:
        print_text(Text(f"alarm: {printable(alarm)}", style="bold red"))
    for rollout in rollouts:
        print_text(rollout_line(rollout))
    if nodes:
        print_text("")
        print_table(_COLUMNS, [_row(node, now) for node in by_trouble(nodes)])


def summary(health: HealthView, nodes: Sequence[NodeView], *, runs: bool) -> str:
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


def rollout_line(rollout: RolloutSummary) -> Text:
    """A rollout that is under way, in one line."""
    line = Text(f"rollout {rollout.id} ", style="bold")
    line.append(f"{printable(rollout.name)}: ", style="")
    line.append(state_words(rollout.state), style=STATE_STYLES.get(rollout.state, "cyan"))
    if rollout.wave < len(rollout.wave_names):
        wave = printable(rollout.wave_names[rollout.wave])
        line.append(f", wave {rollout.wave + 1} of {len(rollout.wave_names)} ({wave})", style="")
    counts = counts_text(rollout.counts)
    line.append(f"; {counts}" if counts else "", style="")
    return line


def by_trouble(nodes: Iterable[NodeView]) -> list[NodeView]:
    """Nodes that a user should look at first."""
    return sorted(nodes, key=lambda node: (_trouble(node), node.depth or 0, node.id))


def _trouble(node: NodeView) -> int:
    if node.update_state in TROUBLE:
        return 0
    if not node.online:
        return 4 if node.excluded else 1
    if node.update_state is not None and node.update_state not in _AT_REST:
        return 2
    return 3


def node_state(node: NodeView) -> Text:
    """Whether a node is there, and what is done with it."""
    state = Text("online", style="green") if node.online else Text("offline", style="red")
    if node.update_state is not None and node.update_state not in _AT_REST:
        words = node.update_state.replace("_", " ")
        state.append(f", {words}", style=STATE_STYLES.get(node.update_state, ""))
    if node.excluded:
        state.append(", excluded", style="yellow")
    return state


def _row(node: NodeView, now: datetime) -> list[Cell]:
    return [
        str(node.id),
        node.name,
        node_state(node),
        str(node.parent or ""),
        "" if node.depth is None else str(node.depth),
        node.role,
        node.hardware,
        firmware_text(node),
        "" if node.delay_ms is None else f"{node.delay_ms:.1f} ms",
        "" if node.free_heap_bytes is None else f"{node.free_heap_bytes / 1024:.0f} KB",
        "" if node.online else ago_text(node.last_seen_at, now),
    ]


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


def print_node(node: NodeDetail, *, now: datetime) -> None:
    """All that is known of a node."""
    heading = Text(f"node {node.id}", style="bold")
    heading.append(f" {printable(node.name)}" if node.name else "", style="")
    heading.append(": ", style="")
    print_text(heading + node_state(node))
    print_facts(_facts(node, now))
    if node.parents:
        print_text("\nparents, newest first")
        for change in list(reversed(node.parents))[:_HISTORY]:
            where = "left the mesh" if change.parent is None else f"below {change.parent}"
            print_text(f"  {local_text(change.at)}  {where}")
    if node.attempts:
        print_text("\nupdates, newest first")
        for attempt in node.attempts[:_HISTORY]:
            reason = f": {attempt.reason}" if attempt.reason else ""
            when = local_text(attempt.started_at)
            print_text(f"  {when}  {attempt.kind} {attempt.firmware[:8]} {attempt.state}{reason}")


def _facts(node: NodeDetail, now: datetime) -> list[tuple[str, Cell]]:
    proven = (
        f"{node.firmware[:16]}, {node.proven_how} {ago_text(node.proven_at, now)}" if node.firmware else ""
    )
    return [
        ("parent", str(node.parent or "")),
        ("hops", "" if node.depth is None else str(node.depth)),
        ("children", ", ".join(map(str, node.children))),
        ("hardware", node.hardware),
        ("role", node.role),
        ("version", node.version),
        ("firmware", proven.rstrip()),
        ("tags", ", ".join(node.tags)),
        ("excluded", (node.exclusion_reason or "from all updates") if node.excluded else ""),
        ("can", ", ".join(node.capabilities)),
        ("delay", "" if node.delay_ms is None else f"{node.delay_ms:.1f} ms"),
        ("free heap", "" if node.free_heap_bytes is None else f"{node.free_heap_bytes} bytes"),
        ("in the mesh", ago_text(node.up_since_at, now).replace(" ago", "") if node.online else ""),
        ("first seen", local_text(node.first_seen_at)),
        ("last seen", "" if node.online else f"{local_text(node.last_seen_at)}"),
        ("rollout", node.rollout or ""),
    ]
