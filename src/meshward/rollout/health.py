"""How nodes do that run a new image: who is in the mesh, who fell out, and who is worse than before.

A stock board reports nothing, so it is judged by its presence and its delay; heap and uptime are judged where
they are reported. All times are microseconds of one clock, which may stand still while nobody watches.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import msgspec

from meshward.rollout.spec import Health
from meshward.rollout.states import ErrorClass
from meshward.rollout.vitals import DELAY_SAMPLES_MIN, HealthRecord, heap_empty_in_s, push_sample

__all__ = ["HealthBook", "HealthRecord", "Verdict"]

NODES_MAX = 2000
"""Nodes that the mesh can make us remember; a tree has at most 1024, and ids change rarely."""
SETTLE_US = 10_000_000
"""A node whose parent leaves so soon after it was cut off by that; trees tell of both one after the other."""
REPORT_LATE_S = 30.0
"""A report may come so much late, through a mesh that carries an update."""
CLOCK_JITTER_S = 2.0
DELAY_FLOOR_US = 20_000
"""What a delay may rise by in any case: one turn of a busy board's loop."""
HEAP_HORIZON_S = 3600.0
"""A heap that would be used up within this time is a leak that will break the node."""
CUT_OFF_FACTOR = 3
"""How much longer than by itself a node may be away with its parent: it has to find another one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a node after its update."""

    outcome: Literal["ok", "wait", "failed"]
    reason: str = ""
    error: ErrorClass = ErrorClass.FAILED
    """In which way it failed, where it did."""


class HealthBook:
    """The health of all nodes."""

    def __init__(self) -> None:
        self._records: dict[int, HealthRecord] = {}
        self._parents: dict[int, int | None] = {}
        """The tree as last seen; empty while nobody can see the mesh."""
        self._lost_parents: dict[int, int | None] = {}
        """Where those hung that are away."""
        self._blind_since_us: int | None = None
        self._top: int | None = None
        """The only neighbour we had when the mesh was lost."""
        self._dirty: dict[int, None] = {}

    def record(self, node: int) -> HealthRecord | None:
        """What is known of a node; to be read only."""
        return self._records.get(node)

    # What happens.

    def on_tree(self, parents: Mapping[int, int | None], now_us: int) -> None:
        """The mesh as of now: every other node and its parent, None (or our own id) where it hangs below us.

        An empty mesh is our own loss, and nobody is blamed for it.
        """
        before, after = self._parents, dict(parents)
        if not after:
            if before:
                self._lose_sight(now_us)
            return
        if not before:
            self._regain_sight(after, now_us)
        else:
            gone = before.keys() - after.keys()
            for node in sorted(gone):
                self._leave(node, after, now_us)
            self._excuse_children(gone, now_us)
        for node in sorted(after.keys() - before.keys()):
            self._appear(node, now_us)
        self._parents = after

    def on_delay(self, node: int, delay_us: int, now_us: int) -> None:  # noqa: ARG002 all events have a time
        """A delay to a node was measured."""
        record = self._records.get(node)
        if record is not None and delay_us >= 0:
            push_sample(record.delays_us, delay_us)
            self._dirty[node] = None

    def on_report(
        self, node: int, now_us: int, *, heap_bytes: int | None = None, uptime_s: float | None = None
    ) -> None:
        """A node reported; values that cannot be are passed over."""
        record = self._records.get(node)
        if record is None:
            return
        if heap_bytes is not None and heap_bytes >= 0:
            push_sample(record.heaps, (now_us, heap_bytes))
        if uptime_s is not None and math.isfinite(uptime_s) and 0 <= uptime_s < 1e10:
            if _went_back(record, uptime_s, now_us):
                _restarted(record, now_us - int(uptime_s * 1e6))
            record.reported_us, record.reported_uptime_s = now_us, uptime_s
        self._dirty[node] = None

    def mark_updated(self, node: int, now_us: int) -> None:
        """A node proved that it runs a new image: from now on it is judged against what it was before."""
        record = self._records.setdefault(node, HealthRecord())
        if node not in self._parents:
            # It answers, so it is back, or will be in the next tree.
            self._miss(node, record, now_us)
        record.begin_after(now_us)
        self._dirty[node] = None

    def clear(self, node: int) -> None:
        """What was measured tells nothing of what a node runs from now on, as after a way back."""
        old = self._records.get(node)
        if old is not None:
            self._records[node] = HealthRecord(
                up_since_us=old.up_since_us, away_since_us=old.away_since_us, away_own=old.away_own
            )
            self._dirty[node] = None

    def forget(self, node: int) -> None:
        """A node is no longer known; if it is in the mesh, the next tree begins a new record."""
        for book in (self._records, self._parents, self._lost_parents, self._dirty):
            book.pop(node, None)

    # What is judged.

    def verdict(
        self, node: int, peers: Collection[int], limits: Health, soak_us: int, now_us: int
    ) -> Verdict:
        """Whether an updated node is well, given `peers`: nodes of its hardware that were not updated yet."""
        record = self._records.get(node)
        if record is None or record.updated_us is None:
            return Verdict("wait", "its update is not proven yet")
        drops = record.drops + (_pending_drop(record, now_us) if self._parents else 0)
        if drops > limits.restarts_max:
            return Verdict("failed", f"restarted {_times(drops)} in {_seconds(now_us - record.updated_us)}")
        if not self._parents:
            return Verdict("wait", "the gateway does not see the mesh")
        if record.away_since_us is not None:
            return self._judge_absence(node, record, limits, now_us)
        # Peers are many and seldom looked at, so nobody makes a list of them before.
        sick = (
            _slow(record, self._others(node, peers), limits)
            or _short_of_heap(record, self._others(node, peers), limits)
            or _leaking(record)
        )
        if sick:
            return Verdict("failed", sick)
        return _judge_uptime(record, limits, soak_us, now_us)

    def _others(self, node: int, peers: Iterable[int]) -> Iterator[HealthRecord]:
        for peer in peers:
            if peer != node and peer in self._parents and peer in self._records:
                yield self._records[peer]

    def _judge_absence(self, node: int, record: HealthRecord, limits: Health, now_us: int) -> Verdict:
        assert record.away_since_us is not None
        away_us = now_us - record.away_since_us
        excused = not record.away_own and self._lost_parents.get(node) is not None
        limit_us = limits.absence_max_s * 1e6 * (CUT_OFF_FACTOR if excused else 1)
        how = f"cut off with its parent {self._lost_parents[node]}" if excused else "out of the mesh"
        text = f"{how} for {_seconds(away_us)}"
        if away_us > limit_us:
            return Verdict("failed", f"{text}, {_seconds(limit_us)} allowed", ErrorClass.LOST)
        return Verdict("wait", text)

    # What is kept.

    def dirty(self) -> list[int]:
        """Nodes whose record changed since the last call."""
        nodes = list(self._dirty)
        self._dirty.clear()
        return nodes

    def snapshot(self, node: int) -> dict[str, Any]:
        """The record as plain values; empty where there is none."""
        record = self._records.get(node)
        return {} if record is None else msgspec.to_builtins(record)

    def restore(self, node: int, saved: dict[str, Any], now_us: int) -> bool:
        """Take up a saved record; False where it cannot be read, and the node begins anew.

        Nobody watched since it was saved, so presence is not known before the next tree.
        """
        try:
            record = msgspec.convert(saved, HealthRecord)
        except msgspec.ValidationError:
            return False
        if not self._parents:
            if self._blind_since_us is None:
                self._blind_since_us = now_us
        elif node in self._parents:
            record.away_since_us = None
            record.up_since_us = now_us if record.up_since_us is None else record.up_since_us
        elif record.away_since_us is None:
            self._miss(node, record, now_us)
        self._records[node] = record
        return True

    # Presence.

    def _lose_sight(self, now_us: int) -> None:
        tops = [node for node, parent in self._parents.items() if parent not in self._parents]
        self._top = tops[0] if len(tops) == 1 else None
        self._blind_since_us = now_us
        self._parents = {}

    def _regain_sight(self, after: Mapping[int, int | None], now_us: int) -> None:
        since_us = now_us if self._blind_since_us is None else self._blind_since_us
        for node, record in self._records.items():
            if record.away_since_us is not None:
                record.away_since_us = min(now_us, record.away_since_us + now_us - since_us)
            elif node not in after:
                self._miss(node, record, now_us)
            elif node == self._top:
                # Whether our only neighbour restarted or our link to it broke cannot be told apart:
                # it is not blamed, but has to show its uptime anew.
                record.up_since_us = now_us
            record.take_out(now_us - since_us, now_us)
            self._dirty[node] = None
        self._blind_since_us = self._top = None

    def _leave(self, node: int, after: Mapping[int, int | None], now_us: int) -> None:
        record = self._records.get(node)
        if record is None:
            return
        parent = self._parents[node]
        beneath_us = parent not in self._parents
        explained = record.restarted_us is not None and now_us - record.restarted_us < SETTLE_US
        record.away_since_us = now_us
        record.away_own = (beneath_us or parent in after) and not explained
        self._lost_parents[node] = None if beneath_us or explained else parent
        self._dirty[node] = None

    def _miss(self, node: int, record: HealthRecord, now_us: int) -> None:
        """A node is not there, and nobody saw how it left."""
        record.away_since_us, record.away_own = now_us, False
        self._lost_parents.pop(node, None)

    def _excuse_children(self, gone: AbstractSet[int], now_us: int) -> None:
        """Those that left a moment before their parent did were cut off by it."""
        for node, parent in self._lost_parents.items():
            record = self._records[node]
            if parent in gone and record.away_own and record.away_since_us is not None:
                record.away_own = now_us - record.away_since_us > SETTLE_US
                self._dirty[node] = None

    def _appear(self, node: int, now_us: int) -> None:
        record = self._records.get(node)
        if record is None:
            if len(self._records) >= NODES_MAX:
                return
            record = self._records[node] = HealthRecord()
        self._lost_parents.pop(node, None)
        if record.up_since_us is None:
            record.up_since_us = now_us
        if record.away_since_us is not None:
            _return(record, now_us)
        self._dirty[node] = None


def _return(record: HealthRecord, now_us: int) -> None:
    """Back in the mesh: the absence is counted now, once, where it was its own."""
    assert record.away_since_us is not None
    record.left_us, record.returned_us = record.away_since_us, now_us
    record.absence_counted = record.away_own
    if record.away_own:
        record.drops += 1
        record.up_since_us = now_us
    else:
        record.take_out(now_us - record.away_since_us, now_us)
    record.away_since_us, record.away_own = None, False


def _went_back(record: HealthRecord, uptime_s: float, now_us: int) -> bool:
    """Whether an uptime is less than it can be without a restart."""
    if record.reported_us is not None and record.reported_uptime_s is not None:
        if uptime_s < record.reported_uptime_s - CLOCK_JITTER_S:
            return True
        since_us, then_s = record.reported_us, record.reported_uptime_s
    elif record.up_since_us is not None:
        since_us, then_s = max(record.up_since_us, record.updated_us or 0), 0.0
    else:
        return False
    elapsed_s = (now_us - since_us) / 1e6
    # Boards' clocks are off by far less than a thousandth.
    return uptime_s < then_s + elapsed_s * 0.999 - REPORT_LATE_S


def _restarted(record: HealthRecord, booted_us: int) -> None:
    """A report tells of a restart: counted, unless the absence it explains was."""
    record.up_since_us = max(booted_us, record.up_since_us or 0)
    if record.away_since_us is not None:
        # An absence of its own then, which is counted when it ends.
        record.away_own = True
    elif _explains(record.left_us, record.returned_us, booted_us):
        record.drops += not record.absence_counted
        record.left_us = record.returned_us = None
    else:
        record.drops += 1
        record.restarted_us = booted_us


def _explains(left_us: int | None, returned_us: int | None, booted_us: int) -> bool:
    """Whether a node that was away then may have restarted at that time."""
    if left_us is None or returned_us is None:
        return False
    late_us = int(REPORT_LATE_S * 1e6)
    return left_us - late_us <= booted_us <= returned_us + late_us


def _pending_drop(record: HealthRecord, now_us: int) -> int:
    """1 for an absence of its own that goes on; a short one may still turn out to be its parent's."""
    return int(
        record.away_own and record.away_since_us is not None and now_us - record.away_since_us > SETTLE_US
    )


def _judge_uptime(record: HealthRecord, limits: Health, soak_us: int, now_us: int) -> Verdict:
    assert record.updated_us is not None
    up_us = now_us - max(record.updated_us, record.up_since_us or 0)
    if up_us >= soak_us:
        return Verdict("ok", f"up for {_seconds(up_us)}")
    watched_us = now_us - record.updated_us
    # Drops that count would have failed it before: what is left are losses of the mesh with it as our only
    # neighbour, which must not go on for ever.
    patience_us = (limits.restarts_max + 2) * (soak_us + limits.absence_max_s * 1e6)
    if watched_us > patience_us:
        return Verdict("failed", f"never up for {_seconds(soak_us)} within {_seconds(watched_us)}")
    return Verdict("wait", f"up for {_seconds(up_us)} of {_seconds(soak_us)}")


def _slow(record: HealthRecord, others: Iterable[HealthRecord], limits: Health) -> str:
    """Slower than it was, and than peers are now: a busy mesh slows down all."""
    before, after = record.delays_before_us, record.delays_after_us
    if len(before) < DELAY_SAMPLES_MIN or len(after) < DELAY_SAMPLES_MIN:
        return ""
    was_us, is_us = median(before), median(after)
    if is_us <= limits.delay_factor_max * was_us + DELAY_FLOOR_US:
        return ""
    peers_us = [delay_us for other in others if (delay_us := other.current_delay_us()) is not None]
    if peers_us and is_us <= limits.delay_factor_max * median(peers_us):
        return ""
    return f"delay rose from {was_us / 1000:.0f} to {is_us / 1000:.0f} ms"


def _short_of_heap(record: HealthRecord, others: Iterable[HealthRecord], limits: Health) -> str:
    if not record.heaps_before or not record.heaps_after:
        return ""
    was, free = median(size for _, size in record.heaps_before), record.heaps_after[-1][1]
    if free >= limits.heap_ratio_min * was:
        return ""
    peers = [other.heaps[-1][1] for other in others if other.heaps]
    if peers and free >= limits.heap_ratio_min * median(peers):
        return ""
    return f"free heap fell from {was / 1024:.1f} to {free / 1024:.1f} KB"


def _leaking(record: HealthRecord) -> str:
    empty_in_s = heap_empty_in_s(record.heaps_after)
    if empty_in_s is None or empty_in_s > HEAP_HORIZON_S:
        return ""
    free = record.heaps_after[-1][1]
    return f"free heap falls steadily: {free / 1024:.1f} KB are used up in {_seconds(empty_in_s * 1e6)}"


def _seconds(us: float) -> str:
    return f"{us / 1e6:.0f} s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
