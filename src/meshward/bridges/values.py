"""What all bridges make of the gateway's values in the same way: which are fresh, which count for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from meshward.gateway.health_views import AlertView, NodeStatus, ReadingView

MEASURED_FRESH_S = 3600.0
"""What the gateway measures itself, as delays: with 1,000 nodes and 60 probes a minute each has its turn
every 1,000 s, and some probes are lost.
"""
TOLD_FRESH_S = 1200.0
"""What boards tell: they send a frame of telemetry every 5 minutes, and two may be lost."""
UPDATING = frozenset({"downloading", "paused", "verifying", "rebooting", "rolling_back"})
"""States of a node that is at work on an update; in those before it only waits for its turn."""

_MESH = "mesh"
_DAY_S = 86_400.0


def fresh(reading: ReadingView) -> bool:
    """Whether a value still says something of now."""
    return reading.age_s <= (MEASURED_FRESH_S if reading.source == _MESH else TOLD_FRESH_S)


def restarts_24h(status: NodeStatus, now_s: float) -> int:
    """How often a node restarted in the last 24 hours; `now_s` is Unix time."""
    return sum((unix_s(at) or 0.0) > now_s - _DAY_S for at in status.restarts)


def firing_by_severity(alerts: Iterable[AlertView]) -> Counter[str]:
    """How many alerts are firing."""
    return Counter(alert.severity for alert in alerts if alert.state == "firing")


@lru_cache(maxsize=8192)
def unix_s(at: str | None) -> float | None:
    """Unix seconds of a time of the gateway's, as 2026-11-25T12:00:00Z; None where there is none.

    The same times come at every look, so they are remembered.
    """
    return datetime.fromisoformat(at).timestamp() if at else None
