"""What the alert rules and the scores look at: the mesh at one moment, as plain values.

Times named `_us` are the monitor's clock; `_s` are durations in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fact:
    """The last value of a metric, and how old it is."""

    value: float
    age_s: float
    source: str


@dataclass(frozen=True, slots=True)
class Leak:
    """A heap that runs out."""

    bytes_per_h: float
    """How fast, above 0."""
    hours_left: float
    """Until the floor."""
    hours_low: float
    hours_high: float
    """90 % interval of the hours left."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A metric that is unlike itself of late."""

    metric: str
    value: float
    usual: float
    """Median of the time before."""
    spread: float
    """What it usually is off the median: MAD, scaled to a standard deviation."""
    since_us: int


@dataclass(frozen=True, slots=True)
class Outlier:
    """A metric that is unlike that of boards of the same hardware and firmware."""

    metric: str
    value: float
    peers: float
    """Their median."""
    count: int
    """How many peers there are."""


@dataclass(slots=True)
class NodeFacts:
    """One node."""

    node: int
    name: str = ""
    tags: tuple[str, ...] = ()
    excluded: bool = False
    hardware: str = ""
    role: str = ""
    version: str = ""
    firmware: str = ""
    """SHA-256 of what it was last proven to run, "" where that is not known."""
    firmware_md5: str = ""
    """MD5 of that."""
    told_md5: str = ""
    """MD5 of what it says it runs."""
    online: bool = False
    parent: int | None = None
    """None where it hangs below us, or is away; see `last_parent`."""
    depth: int = 0
    last_parent: int | None = None
    """Where it hung last, None for below us."""
    away_s: float | None = None
    """How long it is out of the mesh; None where it is in it. Stands still while the gateway sees nobody."""
    silent_s: float = 0.0
    """How long nothing was heard of it by itself: a package, or the answer to a probe."""
    metrics: Mapping[str, Fact] = field(default_factory=dict)
    restarts_us: tuple[int, ...] = ()
    """When it restarted, as far as is known, the latest 20."""
    boots: int = 0
    """Its restarts since the gateway started."""
    booted_us: int | None = None
    """When it booted, by its uptime; None where it tells none."""
    moves_us: tuple[int, ...] = ()
    """When it got another parent while it was in the mesh, the latest 50."""
    anomalies: tuple[Anomaly, ...] = ()
    leak: Leak | None = None
    outliers: tuple[Outlier, ...] = ()
    packages_per_min: float = 0.0
    refused_per_min: float = 0.0
    """Values and packages of it that could not be."""
    refused: str = ""
    """The latest of these, for people."""
    updating: bool = False
    """Whether an update is on its way to it, or it was just updated and is still being watched."""


@dataclass(frozen=True, slots=True)
class FailedUpdate:
    """A rollout that stopped by itself, or left nodes behind."""

    rollout: str
    name: str
    reason: str
    nodes: tuple[int, ...] = ()


@dataclass(slots=True)
class MeshFacts:
    """The whole mesh."""

    now_us: int
    wall_s: float
    nodes: Mapping[int, NodeFacts] = field(default_factory=dict)
    """Those that are in the mesh, and those that left and were not forgotten."""
    connected: bool = True
    """Whether the gateway has a neighbour."""
    failed_updates: tuple[FailedUpdate, ...] = ()
    clock_is_sane: bool = True
    """Whether the gateway's own clock is set."""
    unknown_senders_per_min: float = 0.0
    """Packages that name a sender who is not in the mesh, or came from elsewhere than where it is."""
    unknown_sender_via: int | None = None
    """The neighbour, or the node, through which most of these came."""
