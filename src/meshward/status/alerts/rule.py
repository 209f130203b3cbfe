"""A rule: what is watched, and when it becomes an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from meshward.status.alerts.documents import Severity

Direction = Literal["above", "below", ""]
Origin = Literal["default", "file", "api"]

SILENT = "silent_node"
SPLIT = "mesh_split"
CUT_OFF = "gateway_cut_off"
MOVING = "moving"
TOO_MANY = "too_many_alerts"
UPDATE_FAILED = "update_failed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as it is in force."""

    name: str
    about: str
    """What it watches, in a sentence."""
    kind: str
    """Which condition it is: see `conditions`, and "topology" for `breaks`."""
    severity: Severity = "warning"
    metric: str = ""
    """For rules about one metric."""
    direction: Direction = ""
    """On which side of the threshold a value is wrong."""
    threshold: float | None = None
    """Its main number, in `unit`; None where it has none, or where it depends on the hardware."""
    clear: float | None = None
    """Where it counts as over; the threshold where None."""
    unit: str = ""
    params: Mapping[str, float] = field(default_factory=dict)
    """Further numbers, by the names that they have in the file; durations in seconds."""
    for_s: float = 0.0
    """How long the condition must be met before it fires."""
    keep_firing_s: float = 0.0
    """How long it must be met no more before it is over."""
    enabled: bool = True
    nodes: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    """Nodes with any of these. Where both are empty the rule is about all nodes."""
    origin: Origin = "default"
    """Where it was last changed."""
    custom: bool = False
    """Whether it is none of ours."""

    def is_about(self, node: int, tags: tuple[str, ...]) -> bool:
        """Whether it watches a node with these tags."""
        if not self.nodes and not self.tags:
            return True
        return node in self.nodes or any(tag in self.tags for tag in tags)
