"""Which node is updated in which wave."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshward.rollout.amounts import parse_amount
from meshward.rollout.spec import Wave

Kind = tuple[str, str]
"""Hardware and role."""

BURDEN_STEPS = 4
"""A quarter of the mesh below a node weighs as much as one earlier turn of its depth or of its parent."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that gets the image, and its place in the mesh."""

    node: int
    depth: int
    parent: int | None
    """None where it hangs below us."""
    hardware: str
    role: str
    below: int
    """Nodes that hang below it, which a break of it would cut off."""

    @property
    def kind(self) -> Kind:
        """Hardware and role: what decides whether an image breaks it."""
        return self.hardware, self.role


def canary_order(candidates: Iterable[Candidate]) -> list[int]:
    """All candidates, so that any first few of them are as unlike each other as can be.

    First all hardware and all roles are covered, then every pair of them, and then the pairs take turns.
    Within a pair the next node is one of a depth and a parent that had few turns, with few nodes below it.
    The same candidates give the same order, whatever order they come in.
    """
    members: dict[Kind, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda each: each.node):
        members[candidate.kind].append(candidate)
    total = sum(map(len, members.values()))
    pools = {kind: _Pool(nodes, total) for kind, nodes in members.items()}
    turns: Counter[Kind] = Counter()
    depths: Counter[int] = Counter()
    parents: Counter[int | None] = Counter()
    order = []
    for kind in _kinds_in_turn(pools, turns):
        chosen = pools[kind].take(depths, parents)
        turns[kind] += 1
        depths[chosen.depth] += 1
        parents[chosen.parent] += 1
        order.append(chosen.node)
    return order


def assign_waves(waves: Sequence[Wave], candidates: Sequence[Candidate]) -> dict[int, int]:
    """Node to index of its wave, for every candidate.

    Nodes that a wave names are in that wave. The others are dealt out in `canary_order`: each wave gets its
    share of all candidates, at least one while any are left, and the last wave takes the rest.
    """
    assigned: dict[int, int] = {}
    present = {candidate.node for candidate in candidates}
    for index, wave in enumerate(waves):
        assigned.update((node, index) for node in wave.nodes if node in present)
    left = iter(canary_order(candidate for candidate in candidates if candidate.node not in assigned))
    for index, wave in enumerate(waves[:-1]):
        if not wave.nodes:
            size = max(1, parse_amount(wave.size).nearest(len(present)))
            assigned.update((node, index) for _, node in zip(range(size), left, strict=False))
    assigned.update((node, len(waves) - 1) for node in left)
    return assigned


class _Pool:
    """The nodes of one kind that had no turn yet, by their place; least burdened first in each place."""

    def __init__(self, nodes: Iterable[Candidate], total: int) -> None:
        self._total = total
        self._places: dict[tuple[int, int | None], list[Candidate]] = defaultdict(list)
        for node in sorted(nodes, key=lambda each: (each.below, each.node), reverse=True):
            self._places[node.depth, node.parent].append(node)
        self.size = sum(map(len, self._places.values()))

    def take(self, depths: Counter[int], parents: Counter[int | None]) -> Candidate:
        def cost(node: Candidate) -> tuple[int, int, int]:
            burden = -(-BURDEN_STEPS * node.below // self._total)
            return depths[node.depth] + parents[node.parent] + burden, node.below, node.node

        best = min((nodes[-1] for nodes in self._places.values()), key=cost)
        place = self._places[best.depth, best.parent]
        place.pop()
        if not place:
            del self._places[best.depth, best.parent]
        self.size -= 1
        return best


def _kinds_in_turn(pools: dict[Kind, _Pool], turns: Counter[Kind]) -> Iterator[Kind]:
    """The kind of every next node. The caller counts in `turns` what it was given."""
    amount = {kind: pool.size for kind, pool in pools.items()}
    uncovered = {kind[0] for kind in pools}, {kind[1] for kind in pools}
    pairs_of = Counter(kind[0] for kind in pools), Counter(kind[1] for kind in pools)

    def gain(kind: Kind) -> tuple[int, int, int, Kind]:
        new = [
            pairs[word] for word, pairs, words in zip(kind, pairs_of, uncovered, strict=True) if word in words
        ]
        # What only one pair can cover comes first, so that two nodes suffice where two can.
        return -len(new), min(new, default=0), -amount[kind], kind

    while any(uncovered):
        kind = min(pools, key=gain)
        for word, words in zip(kind, uncovered, strict=True):
            words.discard(word)
        yield kind
    while left := [kind for kind, pool in pools.items() if pool.size]:
        yield min(left, key=lambda kind: (turns[kind], -amount[kind], kind))
