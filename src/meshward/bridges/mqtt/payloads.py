"""Payloads of the profile "meshward", field by field; schemas and the reference are made from these.

What is at its default is left out. Nothing in what is retained changes by itself, as a time of sending
would: so what did not change is not sent. Times named `_at` are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

TRANSACTION_CHARACTERS = 128
ERROR_CHARACTERS = 600

Severity = Literal["info", "warning", "critical"]


class NodeItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A node in the list of all."""

    id: int
    """Its number in the mesh."""
    name: str = ""
    """The user's name for it."""
    online: bool
    """Whether it is in the mesh now."""
    parent: int | None = None
    """Its neighbour on the way to us; left out where it hangs below us, or is offline."""
    version: str = ""
    """What it runs: its version, or the first digits of its firmware's hash."""
    health: int | None = None
    """Its score, from 0 to 100."""
    alerts: int = 0
    """Of its own that are firing."""
    update: str = ""
    """Its state in the rollout that is under way."""


class Nodes(msgspec.Struct, kw_only=True):
    """`PREFIX/status/nodes`: every node that is, or ever was, in the mesh, by id; about 150 bytes each."""

    count: int
    """Of all nodes."""
    online: int
    """Of those that are in the mesh now."""
    nodes: list[NodeItem]
    """2,000 at most: those in the mesh first."""


class LinkItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A node and its neighbour on the way to the gateway."""

    node: int
    """Its id."""
    parent: int
    """The gateway's own id for those below it."""
    depth: int
    """Links from the gateway."""


class Topology(msgspec.Struct, kw_only=True):
    """`PREFIX/status/topology`: the tree as it is now, the gateway's neighbours first."""

    gateway: int
    """The gateway's own node id."""
    links: list[LinkItem]
    """One for each node below the gateway."""


class MeshMetrics(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/metrics`: the mesh in numbers."""

    summary: str
    """One sentence."""
    health: int
    """Score of the mesh, from 0 to 100."""
    nodes: int
    """All that are known."""
    online: int
    """Those that are in the mesh now."""
    depth_max: int = 0
    """Links to the farthest node."""
    delay_median_ms: float | None = None
    """One way."""
    delay_max_ms: float | None = None
    """Of the slowest."""
    probe_loss_percent: float | None = None
    """Mean over the nodes."""
    rssi_min_dbm: float | None = None
    """Of the weakest link that boards tell of."""
    heap_min_bytes: float | None = None
    """Of the node with the least free heap."""
    alerts: dict[str, int] = {}
    """Firing ones by severity."""
    updating: int = 0
    """Nodes in an update that is under way."""
    coverage: str = ""
    """How many nodes tell of themselves, in words."""


class AlertItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An alert that is firing."""

    id: str
    """The same as long as it lasts."""
    rule: str
    """What it is about, as `meshward alerts` names it."""
    severity: Severity
    """How bad it is."""
    text: str
    """One sentence for people."""
    node: int | None = None
    """Whom it is about, where that is one node."""
    name: str = ""
    """The user's name for that node."""
    value: float | None = None
    """What was measured."""
    threshold: float | None = None
    """What it is held against."""
    since_at: str
    """When it began."""
    quiet: str = ""
    """Why nobody is told: acknowledged, silenced, maintenance, explained, flapping."""
    behind: list[int] = []
    """Nodes that cannot be reached because of it, 20 at most."""


class Alerts(msgspec.Struct, kw_only=True):
    """`PREFIX/status/alerts`: what is firing, the worst and newest first, 100 at most."""

    count: int
    """Of all that are firing."""
    alerts: list[AlertItem]
    """Those that are firing."""


class Node(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID`: who it is, and where in the mesh."""

    id: int
    """Its number in the mesh."""
    name: str = ""
    """The user's name for it."""
    online: bool
    """Whether it is in the mesh now."""
    hardware: str = ""
    """Its kind of board, as "ESP32"."""
    role: str = ""
    """Which firmware is meant for it, of those for its hardware."""
    version: str = ""
    """As it tells, or as was proven."""
    firmware: str = ""
    """SHA-256 of the firmware it was last proven to run."""
    parent: int | None = None
    """Its neighbour on the way to us; left out where it hangs below us, or is offline."""
    depth: int | None = None
    """Links from the gateway."""
    children: list[int] = []
    """Its neighbours on the other side."""
    tags: list[str] = []
    """The user's."""
    excluded: bool = False
    """Left out of every update."""
    first_seen_at: str | None = None
    """When it was first in the mesh."""
    last_seen_at: str | None = None
    """When it last came or left."""
    up_since_at: str | None = None
    """Since when it is in the mesh without a break."""


class NodeHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID/health`: how it does."""

    health: int
    """Score from 0 to 100."""
    problem: bool = False
    """Whether an alert of its own is firing."""
    reasons: list[str] = []
    """Why the score is not 100."""
    alerts: list[str] = []
    """Rules that are firing for it."""
    metrics: dict[str, float] = {}
    """Latest values by the names of the metric catalogue; left out is what a board told more than
    20 minutes ago, or the gateway measured more than an hour ago."""
    boot_at: str | None = None
    """When it started, as far as is known."""
    restarts: int = 0
    """In the last 24 hours."""
    leak_hours_left: float | None = None
    """Where its heap runs out."""


class Availability(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID/availability`: sent at once when it comes or goes."""

    state: Literal["online", "offline"]
    """Whether it is in the mesh."""


class Update(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID/update`: what it runs, what it could run, and an update that is under way."""

    installed: str = ""
    """Version; or the first digits of its hash; left out where not known."""
    latest: str = ""
    """The same of the newest firmware for it."""
    available: bool = False
    """Whether that is another one."""
    title: str = ""
    """The project's name in the newest, or the file's."""
    notes: str = ""
    """What was noted of the newest."""
    state: str = ""
    """pending, scheduled, downloading, paused, verifying, rebooting, completed, failed, lost, cancelled…"""
    in_progress: bool = False
    """Whether it is at work on it, and not only waiting."""
    percent: int | None = None
    """Of what has to be sent, while that is under way."""
    rollout: str = ""
    """Id of the rollout that is under way."""
    refusal: str = ""
    """Why it cannot be updated now."""


class BridgeState(msgspec.Struct, kw_only=True):
    """`PREFIX/bridge/state`: the last will makes it "offline" when the gateway dies."""

    state: Literal["online", "offline"]
    """Whether the gateway runs, and is connected to this broker."""


class BridgeInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/bridge/info`: who publishes here."""

    gateway: int
    """Its own node id."""
    mesh: str = ""
    """What the mesh is called."""
    version: str
    """Of Meshward."""
    profile: str
    """How payloads look: meshward or alteriom."""
    protocol: int = 1
    """Of topics and payloads: another number means that readers have to change."""
    period_s: float
    """How often values come that change all the time."""
    control: bool = False
    """Whether updates can be commanded here."""
    signed: bool = False
    """Whether commands have to be signed."""


class BridgeHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/bridge/health`: how the gateway does, at every period."""

    at: str
    """When that was."""
    uptime_s: int
    """Since the gateway started."""
    mesh_connected: bool
    """Whether it has a neighbour."""
    nodes: int
    """All that are known."""
    online: int
    """Those that are in the mesh now."""
    rollouts: int = 0
    """Under way."""
    sent: int
    """Messages that the broker took, since the gateway started."""
    events_dropped: int = 0
    """Events that were left out because too many waited."""
    alarms: list[str] = []
    """What is wrong with the gateway itself, in words."""


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/event`: something happened. Not retained; numbers grow, and may leave some out."""

    id: int
    """Its number; one that comes a second time is the same event."""
    at: str
    """When it happened."""
    kind: str
    """What, as "node.left"."""
    severity: str
    """info or warning."""
    text: str
    """One sentence for people."""
    node: int | None = None
    """Whom it is about, where that is one node."""
    rollout: str | None = None
    """Which rollout it is about."""


class Response(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/ota/response/ACTION`: what came of a command. Not retained."""

    status: Literal["ok", "error"]
    """Whether it was done."""
    transaction: str = ""
    """As it was given with the command."""
    data: Any = None
    """What was asked for, as the API has it."""
    error: str = ""
    """What is wrong, and what to do."""
    code: str = ""
    """The same for programs, in one word."""
