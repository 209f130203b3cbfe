"""The mesh as an update sees it: who is below whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshnode.tree import Tree


class Shape:
    """Parents and depths of all nodes; our own node is on top at depth 0."""

    def __init__(self, tree: Tree) -> None:
        self.own_id = tree.node_id
        self.parents: dict[int, int | None] = dict(zip(tree.ids, tree.parents(), strict=True))
        self.depths: dict[int, int] = dict(zip(tree.ids, tree.depths, strict=True))

    def __contains__(self, node_id: int) -> bool:
        return node_id in self.parents

    @property
    def node_ids(self) -> list[int]:
        """All nodes but ours, in preorder."""
        return [node_id for node_id in self.parents if node_id != self.own_id]

    @property
    def edges(self) -> int:
        """Links in the whole mesh: what a broadcast crosses."""
        return len(self.parents) - 1

    @property
    def depth(self) -> int:
        """The deepest node's distance from us."""
        return max(self.depths.values())

    def hops(self, node_id: int) -> int:
        """Links between us and a node; 0 for one that is not there."""
        return self.depths.get(node_id, 0)

    def path(self, node_id: int) -> list[int]:
        """The node and its ancestors below us, from the node upwards."""
        path = []
        step: int | None = node_id
        while step is not None and step != self.own_id and step in self.parents:
            path.append(step)
            step = self.parents[step]
        return path

    def first_hop(self, node_id: int) -> int:
        """Our neighbour on the way to a node (0 for one that is not there)."""
        path = self.path(node_id)
        return path[-1] if path else 0

    def related(self, node_id: int, others: Iterable[int]) -> bool:
        """Whether one of `others` is above or below a node: restarting one would cut off the other."""
        path = set(self.path(node_id))
        return any(other in path or node_id in self.path(other) for other in others)

    def next_one(self, waiting: Iterable[int], active: Sequence[int], *, apart: bool) -> int | None:
        """The node to serve next: sharing the fewest links with the active ones, then the deepest.

        With `apart`, none that is above or below an active one.
        """
        paths = [set(self.path(node_id)) for node_id in active]

        def rank(node_id: int) -> tuple[int, int, int]:
            own = self.path(node_id)
            shared = max((sum(1 for hop in own if hop in path) for path in paths), default=0)
            return shared, -self.hops(node_id), node_id

        return min((n for n in waiting if not (apart and self.related(n, active))), key=rank, default=None)

    def sentinels(self, among: Iterable[int], delays_us: Mapping[int, int]) -> list[int]:
        """`among`, the best to watch first: the slowest to answer, then the deepest, of each branch.

        Where one relay is slower than all others, frames pile up there, and only a node below it tells.
        """
        here = [node_id for node_id in among if node_id in self]
        slowest = sorted(here, key=lambda n: (-delays_us.get(n, 0), -self.depths[n], n))
        of_branch: dict[int, int] = {}
        for node_id in slowest:
            of_branch.setdefault(self._branch(node_id), node_id)
        firsts = list(of_branch.values())
        return firsts + [node_id for node_id in slowest if node_id not in firsts]

    def _branch(self, node_id: int) -> int:
        """The child of our neighbour (or the neighbour) that a node hangs below."""
        path = self.path(node_id)
        return path[-2] if len(path) > 1 else path[-1]
