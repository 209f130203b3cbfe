"""Getting the parts to the nodes: sweeps to all, then one to one what is left."""

from __future__ import annotations

from meshward.ota import frames
from meshward.ota.broadcast import BroadcastSweep
from meshward.ota.frames import DataRequest
from meshward.ota.parts import ENVELOPE_BYTES, SAFE_PART_BYTES, Parts
from meshward.ota.record import NodeRecord
from meshward.ota.shape import Shape
from meshward.ota.situation import Situation
from meshward.ota.states import NodeState
from meshward.ota.unicast import Unicast

RESTART_US = 2_000_000
"""A stock node restarts this long after its last part."""
RESTART_OVERDUE_US = 8_000_000
"""A node that has not restarted by then is asked why."""
SETTLE_US = 1_000_000
"""After a node is back in the tree: give its mesh a moment before it is asked."""
SWEEPS_MAX = 3
SWEEP_FROM_NODES = 4
"""With fewer nodes behind, one-to-one transfers cost less than another sweep."""


class Transfers:
    """The strategies at work, and when the transfer began and ended."""

    def __init__(self, situation: Situation) -> None:
        self.sweep: BroadcastSweep | None = None
        self.sweeps = 0
        self.started_us: int | None = None
        self.ended_us: int | None = None
        self._situation = situation
        self._strategy = situation.options.strategy

    def begin(self, now_us: int) -> None:
        """All nodes were asked what they run; start with those that need the image."""
        members = [record for record in self._situation.waiting() if _can_sweep(record)]
        if self._strategy == "broadcast" and len(members) > 1:
            self._start_sweep(members, now_us)

    def step(self, room_bytes: int, now_us: int) -> None:
        """Put what may leave now into the outbox, at most about `room_bytes` of parts."""
        if self.sweep is not None:
            self._situation.outbox.extend(self.sweep.commands(room_bytes, now_us))
            self._situation.tally.passed(self.sweep.passed_bytes, now_us)
            if self.sweep.done:
                self._end_sweep(now_us)
        elif not self._sweep_again(now_us):
            self._start_unicasts(now_us)
            for record in self._situation.records.values():
                if record.unicast is not None and record.away_since_us is None:
                    self._drive(record, record.unicast, room_bytes, now_us)

    def on_request(self, record: NodeRecord, request: DataRequest, now_us: int) -> None:
        """A node that is being served asks for a part."""
        unicast = record.unicast
        if unicast is None:
            return
        before = unicast.acked
        unicast.on_request(request, now_us)
        if unicast.acked > before:
            self._situation.tally.passed(self._situation.tally.sent_bytes, now_us)
        if not unicast.sent_all and record.state is NodeState.REBOOTING:
            record.state = NodeState.DOWNLOADING
            record.check_due_us = None
        record.parts_done = unicast.acked

    # -- sweeps ----------------------------------------------------------------------------

    def _start_sweep(self, members: list[NodeRecord], now_us: int) -> None:
        situation = self._situation
        shape = self._shape()
        self.sweeps += 1
        first = min(record.position for record in members)
        for record in members:
            record.in_sweep = True
            self._serve(record, now_us, repairs=self.sweeps > 1)
            situation.send(
                frames.announce(situation.offer, record.node_id, len(situation.parts), silent=True)
            )
        delays_us = {record.node_id: record.rtt_us for record in members}
        self.sweep = BroadcastSweep(
            situation.offer,
            situation.parts,
            situation.ghost_id,
            shape.sentinels(delays_us, delays_us),
            now_us,
            backlog_bytes=situation.options.backlog_bytes,
            hops=shape.depth,
            first=first,
            announced_bytes=ENVELOPE_BYTES * len(members),
        )

    def _end_sweep(self, now_us: int) -> None:
        self.sweep = None
        self.ended_us = now_us
        for record in self._situation.records.values():
            if record.in_sweep:
                record.in_sweep = False
                record.parts_done = len(self._situation.parts)
                record.state = NodeState.REBOOTING
                if record.away_since_us is None:
                    record.check_due_us = now_us + RESTART_US + 3 * SETTLE_US // 2

    def _sweep_again(self, now_us: int) -> bool:
        """Another sweep where many nodes are behind: cheaper than one transfer each."""
        if self._strategy != "broadcast" or not 0 < self.sweeps < SWEEPS_MAX:
            return False
        behind = [record for record in self._situation.waiting() if _can_sweep(record)]
        if len(behind) < SWEEP_FROM_NODES or self._settling():
            return False
        count = len(self._situation.parts)
        one_to_one = sum((count - r.position) * self._situation.hops(r.node_id) for r in behind)
        if (count - min(r.position for r in behind)) * self._shape().edges >= one_to_one:
            return False
        self._start_sweep(behind, now_us)
        return True

    def _settling(self) -> bool:
        """Whether nodes of the last sweep are still restarting or being asked."""
        busy = {NodeState.REBOOTING, NodeState.VERIFYING}
        return any(record.state in busy for record in self._situation.records.values())

    # -- one to one ------------------------------------------------------------------------

    def _start_unicasts(self, now_us: int) -> None:
        stock = self._strategy == "stock"
        # One that restarts may lie below a node that is served next: it is asked again after that.
        active = [r.node_id for r in self._situation.records.values() if r.state is NodeState.DOWNLOADING]
        while stock or len(active) < self._situation.options.concurrency:
            waiting = {record.node_id: record for record in self._situation.waiting()}
            chosen = self._shape().next_one(waiting, active, apart=not stock)
            if chosen is None:
                return
            active.append(chosen)
            self._start_unicast(waiting[chosen], now_us)

    def _start_unicast(self, record: NodeRecord, now_us: int) -> None:
        self._serve(record, now_us, repairs=self.sweeps > 0)
        record.unicast = Unicast(
            record.node_id,
            self._situation.offer,
            self._parts_for(record),
            now_us,
            start=record.position,
            window_max=0 if self._strategy == "stock" else self._situation.options.window,
            is_2019=record.is_2019,
        )

    def _drive(self, record: NodeRecord, unicast: Unicast, room_bytes: int, now_us: int) -> None:
        if unicast.failure is not None:
            self._give_up(record, unicast, now_us)
            return
        if unicast.sent_all and not unicast.has_more:
            return
        room = min(room_bytes, self._allowance_bytes(record, unicast))
        self._situation.outbox.extend(unicast.commands(room, now_us))
        record.parts_done = unicast.acked
        if unicast.sent_all and record.state is not NodeState.REBOOTING:
            record.had_its_chance = True
            record.state = NodeState.REBOOTING
            record.check_due_us = now_us + RESTART_OVERDUE_US
            self.ended_us = now_us

    def _allowance_bytes(self, record: NodeRecord, unicast: Unicast) -> int:
        """What this node may have on the way beyond what it has: its share of the backlog allowed.

        The rest is kept for what still waits in some queue: last parts, and what is sent again.
        """
        options = self._situation.options
        pipeline = self._situation.hops(record.node_id) * unicast.parts.frame_bytes()
        served = sum(1 for other in self._situation.records.values() if other.state is NodeState.DOWNLOADING)
        share = options.backlog_bytes // 3 // options.concurrency + pipeline // max(1, served)
        least = 0 if unicast.in_flight_bytes else 1  # one part is always allowed
        return max(share - unicast.in_flight_bytes, least)

    def _give_up(self, record: NodeRecord, unicast: Unicast, now_us: int) -> None:
        """What it runs decides, not that it went silent: it may have restarted with the image."""
        record.reason = unicast.failure
        record.wants_small = unicast.wants_small and record.small_from is None
        record.had_its_chance = not record.wants_small
        record.fold()
        if unicast.is_stuck:
            self._situation.send(frames.reset(self._situation.offer, record.node_id, record.position))
            record.refused = True
            record.end(NodeState.FAILED, now_us, record.reason)
        else:
            record.state = NodeState.VERIFYING
            record.check_due_us = now_us + SETTLE_US

    def _serve(self, record: NodeRecord, now_us: int, *, repairs: bool) -> None:
        self.started_us = now_us if self.started_us is None else self.started_us
        record.trusted = True
        record.attempts += 1
        record.state = NodeState.DOWNLOADING
        record.started_us = now_us if record.started_us is None else record.started_us
        if repairs:
            record.repaired_parts += len(self._parts_for(record)) - record.position

    def _parts_for(self, record: NodeRecord) -> Parts:
        """The image as it is cut for this node."""
        parts = self._situation.parts
        return parts if record.small_from is None else parts.resized(record.small_from, SAFE_PART_BYTES)

    def _shape(self) -> Shape:
        assert self._situation.shape is not None, "nothing is transferred before the mesh was seen"
        return self._situation.shape


def _can_sweep(record: NodeRecord) -> bool:
    """Whether a node takes parts that are sent to all: cut as for all, and one offer for them all."""
    return not record.is_2019 and record.small_from is None
