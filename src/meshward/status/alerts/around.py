"""The mesh of one moment, as conditions look at it: the facts, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping

from meshward.status.alerts.recent import Recent
from meshward.status.facts import MeshFacts, NodeFacts

DEPTH_MAX = 2000
"""Steps up a tree that is told by others; it has no more nodes, so more are a circle."""


class Around:
    """See the module."""

    def __init__(self, facts: MeshFacts, recent: Recent) -> None:
        self.facts = facts
        self.nodes: Mapping[int, NodeFacts] = facts.nodes
        self.now_us = facts.now_us
        self.recent = recent
        self._below: dict[int, int] | None = None

    def below(self, node: int) -> int:
        """How many nodes in the mesh hang below one, by whatever number of hops."""
        if self._below is None:
            self._below = _counts_below(self.nodes)
        return self._below.get(node, 0)


def above(node: int, nodes: Mapping[int, NodeFacts]) -> list[int]:
    """The nodes between one and the gateway, the nearest first: as it hangs, or hung last."""
    found: list[int] = []
    seen = {node}
    facts = nodes.get(node)
    while facts is not None and len(found) < DEPTH_MAX:
        parent = facts.parent if facts.online else facts.last_parent
        if parent is None or parent in seen:
            break
        found.append(parent)
        seen.add(parent)
        facts = nodes.get(parent)
    return found


def _counts_below(nodes: Mapping[int, NodeFacts]) -> dict[int, int]:
    counts: dict[int, int] = {}
    online = [facts for facts in nodes.values() if facts.online]
    # From the leaves up: a node's own count is complete before it is added to its parent's.
    for facts in sorted(online, key=lambda one: -one.depth):
        if facts.parent is not None:
            counts[facts.parent] = counts.get(facts.parent, 0) + counts.get(facts.node, 0) + 1
    return counts
