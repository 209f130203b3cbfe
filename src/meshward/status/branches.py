"""The tree of the mesh, seen from the gateway: how deep a node is, on which branch, and who is behind it."""

from __future__ import annotations

from collections.abc import Mapping


class Branches:
    """Worked out once for each tree. `parents`: None for a node right below us."""

    def __init__(self, parents: Mapping[int, int | None]) -> None:
        self.depths: dict[int, int] = {}
        """Links between us and a node."""
        self.tops: dict[int, int] = {}
        """The neighbour of ours that a node is behind; a neighbour is its own."""
        self.counts: dict[int, int] = {}
        """How many nodes are behind a node, where there are any."""
        for node in parents:
            self._place(node, parents)
        for node in sorted(parents, key=self.depths.__getitem__, reverse=True):
            parent = parents[node]
            if parent is not None and parent in parents:
                self.counts[parent] = self.counts.get(parent, 0) + self.counts.get(node, 0) + 1

    def _place(self, node: int, parents: Mapping[int, int | None]) -> None:
        path: list[int] = []
        step: int | None = node
        while step is not None and step in parents and step not in self.depths and len(path) < len(parents):
            path.append(step)
            step = parents[step]
        for one in reversed(path):
            above = parents[one]
            known = above is not None and above in self.depths
            self.depths[one] = self.depths[above] + 1 if known and above is not None else 1
            self.tops[one] = self.tops[above] if known and above is not None else one
