"""What was told of a node at one moment, whoever told it: the one shape that all decoders produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MESH = "mesh"
TELEMETRY = "telemetry"
QUERY = "query"
"""Sources besides the number of a report's package, as "604"."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one node, by the names in `metrics.METRICS`, in their units and within their bounds."""

    node: int
    source: str
    values: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Cleaned for people: "version", "firmware_md5", "role", "hardware", "device_name", "last_error", …"""
    age_us: int = 0
    """How long before its arrival it was measured."""
    uptime_s: float | None = None
    boots: int | None = None
    """Low byte of its boot counter."""
    refused: tuple[str, ...] = ()
    """Names of values that could not be, in a few words each for people."""
    told_by: int | None = None
    """The node that told it, where that is another one."""
