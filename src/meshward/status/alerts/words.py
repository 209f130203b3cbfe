"""How nodes, durations and values are called in alerts: what somebody reads at night, on a small screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshward.status.facts import NodeFacts
from meshward.status.metrics import METRICS
from meshward.text import printable

NAME_CHARACTERS = 40
NAMED_MAX = 3
"""Nodes of a list that are named; the others are counted."""


def named(node: int, nodes: Mapping[int, NodeFacts]) -> str:
    """As "Kitchen (1005)", or "node 1005"."""
    facts = nodes.get(node)
    name = printable(facts.name.strip(), NAME_CHARACTERS) if facts is not None else ""
    return f"{name} ({node})" if name else f"node {node}"


def named_at_start(node: int, nodes: Mapping[int, NodeFacts]) -> str:
    """The same at the beginning of a sentence."""
    text = named(node, nodes)
    return text[0].upper() + text[1:] if text.startswith("node ") else text


def place(node: int | None, nodes: Mapping[int, NodeFacts]) -> str:
    """A parent: a node, or the gateway for None."""
    return "the gateway" if node is None else named(node, nodes)


def listed(ids: Iterable[int], nodes: Mapping[int, NodeFacts]) -> str:
    """As "Kitchen (1005), Hall (1006), node 1007 and 12 more"."""
    every = list(ids)
    shown = [named(node, nodes) for node in every[:NAMED_MAX]]
    more = len(every) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else ""


def lasting(seconds: float) -> str:
    """A duration in one or two units: "45 s", "3 min", "2 h 5 min", "3 days"."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 2 * 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{whole // 86400} days"


def measured(value: float, metric: str) -> str:
    """A value with its unit: "-88 dBm", "5.2 KB"."""
    unit = METRICS[metric].unit if metric in METRICS else metric
    if unit == "B":
        return size(value)
    return f"{value:.4g} {unit}".rstrip()


def size(value_bytes: float) -> str:
    """Bytes: "800 B", "5.2 KB"."""
    if abs(value_bytes) < 1024:
        return f"{value_bytes:.0f} B"
    if abs(value_bytes) < 1024 * 1024:
        kilobytes = value_bytes / 1024
        return f"{kilobytes:.1f} KB" if abs(kilobytes) < 100 else f"{kilobytes:.0f} KB"
    return f"{value_bytes / 1024 / 1024:.1f} MB"


def count(number: int, noun: str, nouns: str = "") -> str:
    """As "1 node", "3 nodes"."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
