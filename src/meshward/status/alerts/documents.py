"""What is kept of alerts: stored whole, and given back whole after a restart. Times are Unix seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

AlertState = Literal["pending", "firing", "resolved"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From what can wait to what cannot."""


class AlertDoc(msgspec.Struct, kw_only=True):
    """One alert, from its first sign to its end. Acknowledged, silenced and so on are laid over its state."""

    id: str
    """Of this one time; `fingerprint` is the same each time."""
    fingerprint: str
    """Of rule and labels: 16 hexadecimal digits, the same over restarts."""
    rule: str
    labels: dict[str, str]
    """What identifies it: "node", "rollout" or "mesh", and the metric where the rule is about one."""
    node: int | None = None
    name: str = ""
    """Of the node, as people called it when the alert was looked at last."""
    severity: Severity
    state: AlertState
    text: str
    """For people: what is wrong, since when, and what of it follows."""
    advice: str = ""
    """What to do about it."""
    value: float | None = None
    threshold: float | None = None
    behind: list[int] = []
    """Nodes that are out of reach because of it."""
    since_s: float
    """When its condition was met first."""
    fired_s: float | None = None
    clear_since_s: float | None = None
    """Since when its condition is met no more; it stays firing for a while."""
    resolved_s: float | None = None
    acked_by: str = ""
    acked_s: float | None = None
    ack_note: str = ""
    flapping: bool = False
    inhibited_by: str = ""
    """Fingerprint of the alert that explains it, "" for none."""
    silenced_by: str = ""
    """Id of the silence or maintenance window that keeps it quiet, "" for none."""
    ended: str = ""
    """Why it is over, where there is more to say than that its condition is met no more."""
    held_s: float = 0.0
    """How long its condition is met while it is pending, or is met no more while it is firing: time that was
    watched. A restart of the gateway neither adds to it nor begins it anew."""
    told_s: float | None = None
    """When people were told last that it fires; None for never."""
    told_severity: Severity | None = None
    """The severity they know of."""
    told_flapping: bool = False
    """Whether they know that it flaps."""
    changes: int = 0
    """In which of the last steps of time it came or went, a bit each, the latest lowest: see `flapping`."""


class SilenceDoc(msgspec.Struct, kw_only=True):
    """Keeps alerts quiet. It fits an alert that fits everything it names; collecting goes on."""

    id: str
    kind: Literal["silence", "maintenance"]
    rules: list[str] = []
    """Empty for all."""
    nodes: list[int] = []
    """Empty for all."""
    tags: list[str] = []
    """Nodes with any of these; empty for all."""
    starts_s: float
    ends_s: float
    reason: str = ""
    created_by: str
    """`rollout ID` for a window that an update opened by itself; but people may be called so as well."""
    rollout: str = ""
    """The update that opened it by itself, "" where it was not opened so."""
    created_s: float
    ended_by: str = ""
    """Who ended it before its time."""


class Notification(msgspec.Struct, kw_only=True):
    """One message to people about a group of alerts, until every receiver has taken it."""

    id: str
    group: str
    """Its key: alerts of one rule and severity go together."""
    status: Literal["firing", "resolved"]
    alerts: list[AlertDoc]
    """As they were when it was made."""
    created_s: float
    reason: Literal["new", "changed", "repeat", "resolved", "test"]
    pending: dict[str, int] = {}
    """Receivers that have not taken it yet, and how often they were tried."""
    next_try_s: float = 0.0
    """The earliest of its receivers' next tries."""
    last_error: str = ""
    left_out: int = 0
    """Alerts of it that are not in the list, which has an end."""
