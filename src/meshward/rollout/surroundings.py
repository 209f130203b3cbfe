"""What a rollout sees when it is asked what next: time, mesh, nodes and their health."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Protocol

from meshward.rollout.health import HealthBook
from meshward.rollout.states import RunKind
from meshward.rollout.targets import KnownNode


class Random(Protocol):
    """The one thing asked of a source of randomness."""

    def random(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The moment and what is there in it."""

    now_us: int
    """The engine's clock."""
    wall_s: float
    """Unix time; for schedules only."""
    parents: Mapping[int, int | None]
    """Every node in the mesh but ours, with its neighbour on the way to us (None: that is us)."""
    depths: Mapping[int, int]
    known: MutableMapping[int, KnownNode]
    health: HealthBook

    def below(self) -> dict[int, int]:
        """How many nodes hang below each node."""
        counts = dict.fromkeys(self.parents, 0)
        for node in self.parents:
            parent = self.parents[node]
            while parent is not None and parent in counts:
                counts[parent] += 1
                parent = self.parents.get(parent)
        return counts


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run that a rollout wants: one image to (or one question about it for) nodes of one group."""

    kind: RunKind
    image: str
    hardware: str
    role: str
    nodes: tuple[int, ...]
