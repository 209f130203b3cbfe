"""What payloads are made of: texts of bounded length, numbers that are some, times.

Names, versions and notes come from boards and people; whatever they hold, a payload stays small and is JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from meshward.bridges.values import fresh
from meshward.gateway.health_views import AlertView, NodeStatus
from meshward.gateway.views import NodeView
from meshward.text import printable

NAME_CHARACTERS = 40
"""Names, versions, hardware, roles: what fits a line."""
TEXT_CHARACTERS = 300
"""Sentences, as of alerts."""
NOTES_CHARACTERS = 255
"""Home Assistant takes no longer release summary."""
ALERTS_SHOWN = 100
BEHIND_SHOWN = 20
LIST_SHOWN = 50
"""Children, tags, alarms, reasons: a board has ten neighbours at most."""
NODES_SHOWN = 2000
"""In a list of all, those in the mesh first: painlessMesh breaks down long before, and a message of 300 KB
is what brokers take.
"""

_PLAIN_DEPTH = 8
_PLAIN_ITEMS = 10_000
"""Of one list or object: the nodes of a rollout."""
_RANK = {"critical": 0, "warning": 1, "info": 2}


def cut(text: str, limit: int = NAME_CHARACTERS) -> str:
    """A text that can be shown, no longer than `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    return printable(text, limit)


def cut_all(texts: Iterable[str], limit: int = NAME_CHARACTERS) -> list[str]:
    """The first of several."""
    shown: list[str] = []
    for text in texts:
        if len(shown) == LIST_SHOWN:
            break
        shown.append(cut(text, limit))
    return shown


def finite(value: float | None) -> float | None:
    """A number that JSON has, whole where it is; None for what is none."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def within(value: float | None, low: float, high: float = math.inf) -> float | None:
    """As `finite`; None also for what cannot be."""
    value = finite(value)
    return value if value is not None and low <= value <= high else None


def whole(value: float | None, low: float, high: float = math.inf) -> int | None:
    """As `within`, rounded."""
    value = within(value, low, high)
    return None if value is None else round(value)


def iso(at_s: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reading(status: NodeStatus | None, metric: str) -> float | None:
    """The latest value of a metric, where it is fresh."""
    if status is None:
        return None
    told = status.metrics.get(metric)
    return finite(told.value) if told is not None and fresh(told) else None


def readings(status: NodeStatus) -> dict[str, float]:
    """All values that are fresh."""
    values = {name: reading(status, name) for name in status.metrics}
    return {name: value for name, value in values.items() if value is not None}


def reasons(node: NodeView, status: NodeStatus) -> list[str]:
    """Why its health is not 100. How long a node is away would be another text every minute: since when is
    not.
    """
    if node.online:
        return cut_all((part.reason for part in status.health.parts), TEXT_CHARACTERS)
    return ["out of the mesh" if node.last_seen_at is None else f"out of the mesh since {node.last_seen_at}"]


def worst_first(alerts: Iterable[AlertView]) -> list[AlertView]:
    """Those that are firing: by severity, then the newest first."""
    firing = sorted((alert for alert in alerts if alert.state == "firing"), key=lambda alert: alert.id)
    firing.sort(key=lambda alert: alert.since_at, reverse=True)
    return sorted(firing, key=lambda alert: _RANK[alert.severity])


def listed(nodes: Iterable[NodeView]) -> list[NodeView]:
    """Nodes in a list of all, by id; where they are too many, those that are away go first."""
    every = sorted(nodes, key=lambda node: node.id)
    if len(every) > NODES_SHOWN:
        here_first = sorted(every, key=lambda node: not node.online)
        every = sorted(here_first[:NODES_SHOWN], key=lambda node: node.id)
    return every


def runs(node: NodeView) -> str:
    """What a node runs: its version, or the first digits of its firmware's hash; "" where not known."""
    return cut(node.version) or node.firmware[:12]


def plain(value: Any, depth: int = _PLAIN_DEPTH) -> Any:
    """A value of the API fit for JSON: texts cut, numbers finite, lists and objects of bounded size."""
    if isinstance(value, str):
        return cut(value, TEXT_CHARACTERS)
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, float):
        return finite(value)
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        items = list(value.items())[:_PLAIN_ITEMS]
        return {cut(str(key)): plain(one, depth - 1) for key, one in items}
    if isinstance(value, Iterable):
        return [plain(one, depth - 1) for one in list(value)[:_PLAIN_ITEMS]]
    return cut(str(value), TEXT_CHARACTERS)
