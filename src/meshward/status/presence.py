"""Who is in the mesh, who left it and for how long, who came back, and who moved.

The gateway sees the mesh through its neighbours. While it has none it sees nobody: then nobody is blamed, and
the clocks of absence and silence stand still.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

NODES_MAX = 2000
"""Nodes that are remembered out of the mesh: a neighbour can make up ids for ever. Trees have a limit."""
MOVES_MAX = 50
REJOINS_MAX = 100
SETTLE_US = 10_000_000
"""A node whose parent leaves so soon after it was cut off by that; trees tell of both one after the other."""
REJOIN_MIN_US = 2_000_000
"""No board restarts or finds another parent so fast: the tree was told in two steps."""
REJOIN_MAX_US = 300_000_000
"""A longer absence is an outage, and told as one."""
HOUR_US = 3_600_000_000


@dataclass(slots=True)
class Presence:
    """One node. Times are the monitor's clock; durations leave out the time in which nobody could see."""

    up_since_us: int | None = None
    """Since when it is in the mesh without an absence of its own."""
    away_since_us: int | None = None
    """None while it is in the mesh, or nobody can see."""
    away_own: bool = False
    """Whether it left by itself: its parent stayed."""
    last_parent: int | None = None
    """Where it hangs, or hung last; None for below us."""
    heard_us: int = 0
    """When it was last heard of by itself, or (re)joined."""
    moves_us: list[int] = field(default_factory=list)
    rejoins_us: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Placed:
    """What a new tree changed."""

    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()
    """Nodes that have another parent than before."""


class PresenceBook:
    """The presence of all nodes."""

    def __init__(self) -> None:
        self.records: dict[int, Presence] = {}
        self.parents: dict[int, int | None] = {}
        """The tree as of now; empty while nobody can see the mesh."""
        self._blind_since_us: int | None = 0
        self._top: int | None = None
        """The only neighbour we had when the mesh was lost."""

    def __contains__(self, node: int) -> bool:
        return node in self.parents

    def clock_us(self, now_us: int) -> int:
        """The moment up to which absences and silences have lasted."""
        return now_us if self._blind_since_us is None else min(now_us, self._blind_since_us)

    def on_tree(self, parents: Mapping[int, int | None], now_us: int) -> Placed:
        """The mesh as of now: every other node and its parent, None (or our own id) for one below us."""
        after = {node: parent if parent in parents else None for node, parent in parents.items()}
        before = self.parents
        if not after:
            if before:
                self._lose_sight(now_us)
            return Placed(left=tuple(sorted(before)))
        left = sorted(before.keys() - after.keys())
        joined = sorted(after.keys() - before.keys())
        moved = [node for node in before.keys() & after.keys() if before[node] != after[node]]
        self.parents = after
        if not before:
            self._regain_sight(now_us)
        for node in left:
            self._leave(node, before[node], now_us)
        if left:
            self._excuse_children(set(left), now_us)
        moved += [node for node in joined if self._appear(node, now_us)]
        for node in moved:
            record = self.records[node]
            record.last_parent = after[node]
            _push(record.moves_us, now_us, MOVES_MAX)
        return Placed(tuple(joined), tuple(left), tuple(sorted(moved)))

    def add(self, node: int, now_us: int, away_us: int | None, last_parent: int | None) -> Presence | None:
        """A node known from before that is not in sight; None where there are too many already.

        away_us: since when it is away, where that is known. last_parent: below whom it hung, None for us.
        """
        record = self.records.get(node)
        if record is None:
            if len(self.records) - len(self.parents) >= NODES_MAX:
                return None
            record = self.records[node] = Presence(heard_us=now_us)
        if node not in self.parents:
            record.last_parent = last_parent
            if away_us is not None:
                record.away_since_us = record.heard_us = self.clock_us(now_us) - away_us
            elif self._blind_since_us is None and record.away_since_us is None:
                record.away_since_us = now_us
        return record

    def forget(self, node: int) -> None:
        """If it is in the mesh, the next tree begins a new record."""
        self.records.pop(node, None)
        self.parents.pop(node, None)

    def surplus(self, useful: Collection[int]) -> list[int]:
        """Nodes to forget, for too many are away: first those of no use, and those that left first."""
        count = len(self.records) - len(self.parents) - NODES_MAX
        if count <= 0:
            return []
        away = [node for node in self.records if node not in self.parents]
        away.sort(key=lambda node: (node in useful, self.records[node].away_since_us or 0, node))
        return away[:count]

    def was_there(self, node: int, within_us: int, now_us: int) -> bool:
        """Whether a node is in the mesh, or was not long ago."""
        if node in self.parents:
            return True
        record = self.records.get(node)
        if record is None:
            return False
        since_us = record.away_since_us if record.away_since_us is not None else self._blind_since_us
        return since_us is not None and now_us - since_us <= within_us

    def heard(self, node: int, now_us: int) -> None:
        """Something came from the node itself."""
        record = self.records.get(node)
        if record is not None:
            record.heard_us = max(record.heard_us, now_us)

    def away_us(self, node: int, now_us: int) -> int | None:
        """How long a node is out of the mesh; None where it is in it. 0 for all while nobody can see."""
        if node in self.parents:
            return None
        since_us = self.records[node].away_since_us
        return 0 if since_us is None else max(0, self.clock_us(now_us) - since_us)

    def silent_us(self, node: int, now_us: int) -> int:
        """How long nothing came from a node itself, since it joined at the earliest."""
        return max(0, self.clock_us(now_us) - self.records[node].heard_us)

    def _lose_sight(self, now_us: int) -> None:
        tops = [node for node, parent in self.parents.items() if parent is None]
        self._top = tops[0] if len(tops) == 1 else None
        self._blind_since_us = now_us
        self.parents = {}

    def _regain_sight(self, now_us: int) -> None:
        blind_us = 0 if self._blind_since_us is None else max(0, now_us - self._blind_since_us)
        for node, record in self.records.items():
            record.heard_us = min(now_us, record.heard_us + blind_us)
            if record.up_since_us is not None:
                record.up_since_us = min(now_us, record.up_since_us + blind_us)
            if record.away_since_us is not None:
                record.away_since_us = min(now_us, record.away_since_us + blind_us)
            elif node not in self.parents:
                record.away_since_us, record.away_own = now_us, False
            elif node == self._top:
                # Whether our only neighbour restarted or our link to it broke cannot be told apart.
                record.up_since_us = now_us
        self._blind_since_us = self._top = None

    def _leave(self, node: int, parent: int | None, now_us: int) -> None:
        record = self.records.get(node)
        if record is not None:
            record.away_since_us = now_us
            record.away_own = parent is None or parent in self.parents
            record.last_parent = parent

    def _excuse_children(self, gone: Collection[int], now_us: int) -> None:
        """Those that left a moment before their parent did were cut off by it."""
        for record in self.records.values():
            if record.away_own and record.away_since_us is not None and record.last_parent in gone:
                record.away_own = now_us - record.away_since_us > SETTLE_US

    def _appear(self, node: int, now_us: int) -> bool:
        """Whether it came back by itself, and to another parent."""
        record = self.records.setdefault(node, Presence(now_us, heard_us=now_us))
        away_since_us, was_own, was_below = record.away_since_us, record.away_own, record.last_parent
        record.away_since_us, record.away_own = None, False
        record.last_parent = self.parents[node]
        if record.up_since_us is None:
            record.up_since_us = now_us
        if away_since_us is None:
            return False  # it was there all the time, as far as anybody could see
        record.heard_us = now_us
        if not was_own:
            return False
        away_us = now_us - away_since_us
        if away_us >= REJOIN_MIN_US:
            record.up_since_us = now_us
            if away_us <= REJOIN_MAX_US:
                _push(record.rejoins_us, now_us, REJOINS_MAX)
        return away_us <= REJOIN_MAX_US and was_below != record.last_parent


def within_hour(moments_us: Iterable[int], now_us: int) -> int:
    """How many of these moments are in the last hour."""
    return sum(now_us - moment_us < HOUR_US for moment_us in moments_us)


def _push(moments_us: list[int], now_us: int, most: int) -> None:
    moments_us.append(now_us)
    del moments_us[:-most]
