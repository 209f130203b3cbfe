"""Payloads of the profile "meshward", field by field; schemas and the reference are made from these.

What is at its default is left out. Nothing in what is retained changes by itself, as a time of sending
would: so what did not change is not sent. Times named `_at` are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["info", "warning", "critical"]


class NodeItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A node in the list of all."""

    id: int
    name: str = ""
    """The user's name for it."""
    online: bool
    parent: int | None = None
    """Its neighbour on the way to us; left out where it hangs below us, or is offline."""
    version: str = ""
    health: int | None = None
    """Its score, from 0 to 100."""
    alerts: int = 0
    """Of its own that are firing."""
    update: str = ""
    """Its state in the rollout that is under way."""


class Nodes(msgspec.Struct, kw_only=True):
    """`PREFIX/status/nodes`: every node that is, or ever was, in the mesh, by id; about 150 bytes each."""

    count: int
    online: int
    nodes: list[NodeItem]


class LinkItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A node and its neighbour on the way to the gateway."""

    node: int
    parent: int
    """The gateway's own id for those below it."""
    depth: int
    """Links from the gateway."""


class Topology(msgspec.Struct, kw_only=True):
    """`PREFIX/status/topology`: the tree as it is now, the gateway's neighbours first."""

    gateway: int
    """The gateway's own node id."""
    links: list[LinkItem]


class MeshMetrics(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/metrics`: the mesh in numbers."""

    summary: str
    """One sentence."""
    health: int
    """Score of the mesh, from 0 to 100."""
    nodes: int
    online: int
    depth_max: int = 0
    """Links to the farthest node."""
    delay_median_ms: float | None = None
    """One way."""
    delay_max_ms: float | None = None
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
    rule: str
    severity: Severity
    text: str
    node: int | None = None
    name: str = ""
    value: float | None = None
    threshold: float | None = None
    since_at: str
    quiet: str = ""
    """Why nobody is told: acknowledged, silenced, maintenance, explained, flapping."""
    behind: list[int] = []
    """Nodes that cannot be reached because of it, 20 at most."""


class Alerts(msgspec.Struct, kw_only=True):
    """`PREFIX/status/alerts`: what is firing, the worst and newest first, 100 at most."""

    count: int
    alerts: list[AlertItem]


class Node(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID`: who it is, and where in the mesh."""

    id: int
    name: str = ""
    online: bool
    hardware: str = ""
    role: str = ""
    version: str = ""
    firmware: str = ""
    """SHA-256 of the firmware it was last proven to run."""
    parent: int | None = None
    depth: int | None = None
    children: list[int] = []
    tags: list[str] = []
    excluded: bool = False
    """Left out of every update."""
    first_seen_at: str | None = None
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
    """Latest values by the names of the metric catalogue; what is older than ten minutes is left out."""
    boot_at: str | None = None
    """When it started, as far as is known."""
    restarts: int = 0
    """In the last 24 hours."""
    leak_hours_left: float | None = None
    """Where its heap runs out."""


class Availability(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID/availability`: sent at once when it comes or goes."""

    state: Literal["online", "offline"]


class Update(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/status/node/ID/update`: what it runs, what it could run, and an update that is under way."""

    installed: str = ""
    """Version; or the first digits of its hash; left out where not known."""
    latest: str = ""
    """The same of the newest firmware for it."""
    available: bool = False
    title: str = ""
    notes: str = ""
    state: str = ""
    """pending, scheduled, downloading, paused, verifying, rebooting, completed, failed, lost, cancelled…"""
    in_progress: bool = False
    percent: int | None = None
    """Of what has to be sent, while that is under way."""
    rollout: str = ""
    refusal: str = ""
    """Why it cannot be updated now."""


class BridgeState(msgspec.Struct, kw_only=True):
    """`PREFIX/bridge/state`: the last will makes it "offline" when the gateway dies."""

    state: Literal["online", "offline"]


class BridgeInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/bridge/info`: who publishes here."""

    gateway: int
    """Its own node id."""
    mesh: str = ""
    """What the mesh is called."""
    version: str
    """Of Meshward."""
    profile: str
    protocol: int = 1
    """Of topics and payloads: another number means that readers have to change."""
    period_s: float
    control: bool = False
    signed: bool = False
    """Whether commands have to be signed."""


class BridgeHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/bridge/health`: how the gateway does, at every period."""

    at: str
    uptime_s: int
    mesh_connected: bool
    nodes: int
    online: int
    rollouts: int = 0
    """Under way."""
    sent: int
    """Messages that the broker took, since the gateway started."""
    events_dropped: int = 0
    """Events that were left out because too many waited."""
    alarms: list[str] = []


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/event`: something happened. Not retained; numbers grow, and may leave some out."""

    id: int
    at: str
    kind: str
    severity: str
    text: str
    node: int | None = None
    rollout: str | None = None
