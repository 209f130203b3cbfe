"""Update: one image to the nodes of one role and hardware, from the first look to the last proof.

A core without I/O: the driver tells it of the tree, of requests (type 11) and of delay answers,
takes its commands, and wakes it. It ends when every node has a final state.

The way of a node: a check (does it run the image?) -> parts, by sweep or one to one -> its
restart -> a check again. Only a check makes a node `completed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshnode.tree import Tree
from meshward.ota import frames
from meshward.ota.checks import Checks
from meshward.ota.commands import Command
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.shape import Shape
from meshward.ota.situation import Options, Random, Situation
from meshward.ota.states import GOOD, NodeState
from meshward.ota.tally import Tally
from meshward.ota.transfers import SETTLE_US, Transfers

__all__ = ["Options", "Update"]

_HAVE_ALL = GOOD | {NodeState.REBOOTING, NodeState.VERIFYING}  # or so we believe until they tell


class Update:
    """See the module. `records` has every node ever seen; `done` ends it."""

    def __init__(
        self,
        offer: Offer,
        parts: Parts,
        options: Options,
        rng: Random,
        *,
        restored: Sequence[NodeRecord] = (),
    ) -> None:
        """`restored`: the nodes of an interrupted update, to go on where they are."""
        self.offer = offer
        self.parts = parts
        self.options = options
        self.records: dict[int, NodeRecord] = {record.node_id: record for record in restored}
        self.tally = Tally(options.link_bytes_per_s)
        self.discovered = False
        self.cancelled = False
        ghost_id = 0xFFFF0000 + int(rng.random() * 0xFFFF)
        self._situation = Situation(offer, parts, options, self.records, self.tally, ghost_id)
        self._checks = Checks(self._situation, rng)
        self.transfers = Transfers(self._situation)

    # -- what the driver tells -------------------------------------------------------------

    def on_tree(self, tree: Tree, now_us: int) -> None:
        """The mesh as it is now; also the first call."""
        situation = self._situation
        situation.shape = shape = Shape(tree)
        while situation.ghost_id in shape:
            situation.ghost_id -= 1
        for node_id in shape.node_ids:
            record = self.records.get(node_id)
            if record is None:
                self.records[node_id] = self._newcomer(node_id, now_us)
            elif record.state is NodeState.PENDING and record.check is None and record.check_due_us is None:
                record.check_due_us = now_us
        for record in self.records.values():
            if record.node_id not in shape:
                self._gone(record, now_us)
            elif record.away_since_us is not None:
                self._back(record, now_us)

    def on_package(self, package: dict[str, Any], now_us: int) -> None:
        """A package of type 11 for us."""
        request = frames.parse_request(package)
        record = self.records.get(request.from_id) if request is not None else None
        if request is None or record is None or self._situation.shape is None:
            return
        self.tally.request(record.node_id, self._situation.shape)
        if record.check is not None:
            record.check.on_request(request, now_us)
        elif request.md5 == self.offer.md5:
            self.transfers.on_request(record, request, now_us)

    def on_delay(self, node_id: int, now_us: int, delay_us: int = 0) -> None:
        """A node answered a delay measurement; `delay_us` is half of how long that took."""
        if self.transfers.sweep is not None:
            self.transfers.sweep.on_fence(node_id, now_us, 2 * delay_us)
        record = self.records.get(node_id)
        if record is not None and record.check is not None:
            record.check.on_fence(now_us, 2 * delay_us)
        elif record is not None and record.unicast is not None:
            record.unicast.on_fence(now_us)

    # -- what the driver takes -------------------------------------------------------------

    def commands(self, room_bytes: int, now_us: int) -> list[Command]:
        """What to do now; at most about `room_bytes` of parts. Call after everything else."""
        if self._situation.shape is not None and not self.done:
            self._checks.step(now_us)
            if not self.discovered and self.records and not self._checks.open():
                self.discovered = True
                self.transfers.begin(now_us)
            if self.discovered and not self.options.check_only:
                self.transfers.step(room_bytes, now_us)
        return self._situation.take_outbox()

    @property
    def done(self) -> bool:
        """Whether every node has a final state, or the update was cancelled."""
        if self.cancelled:
            return True
        settled = all(record.is_final for record in self.records.values())
        return self.discovered and settled and self.transfers.sweep is None

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() and commands() want to be called."""
        sweep = self.transfers.sweep
        due = [self._checks.next_deadline_us(), sweep.next_deadline_us() if sweep is not None else None]
        for record in self.records.values():
            if record.check is not None:
                due.append(record.check.next_deadline_us())
            if record.unicast is not None:
                due.append(record.unicast.next_deadline_us())
            if record.away_since_us is not None and not record.is_final:
                due.append(record.away_since_us + self._patience_us(record))
        return min((moment for moment in due if moment is not None), default=None)

    def handle_deadline(self, now_us: int) -> None:
        """Do what is due."""
        if self.transfers.sweep is not None:
            self.transfers.sweep.handle_deadline(now_us)
        for record in self.records.values():
            if record.check is not None:
                record.check.handle_deadline(now_us)
            if record.unicast is not None:
                record.unicast.handle_deadline(now_us)
            away_us = record.away_since_us
            too_long = away_us is not None and now_us - away_us >= self._patience_us(record)
            if too_long and not record.is_final:
                self._lose(record, now_us)

    def cancel(self, now_us: int, *, reset: bool) -> list[Command]:
        """Stop. `reset` puts the nodes in the middle back to idle; without it they keep their place."""
        for record in self.records.values():
            if not record.is_final:
                record.fold()
                if reset and record.trusted:
                    self._situation.send(frames.reset(self.offer, record.node_id, record.position))
                record.end(NodeState.CANCELLED, now_us, self._where_stopped(record))
        self.transfers.sweep = None
        self.cancelled = True
        return self._situation.take_outbox()

    def _where_stopped(self, record: NodeRecord) -> str:
        if not record.was_sent_to:
            return "stopped before its turn"
        if record.in_sweep:
            return "stopped while parts were sent to all"
        return f"stopped at part {record.position} of {len(self.parts)}"

    # -- what can be asked of it -----------------------------------------------------------

    def targets(self) -> list[NodeRecord]:
        """The nodes that need, or needed, the image, as far as is known."""
        return [record for record in self.records.values() if record.needs_image]

    def parts_done(self, record: NodeRecord) -> int:
        """Parts a node has, as far as is known; during a sweep, those that went out to all."""
        if record.state in _HAVE_ALL:
            return len(self.parts) if record.was_sent_to else 0
        if record.state is NodeState.SCHEDULED:
            return record.position
        if record.in_sweep and self.transfers.sweep is not None:
            return max(record.position, self.transfers.sweep.next_part)
        return record.parts_done

    def hops(self, node_id: int) -> int:
        """Links between us and a node, 0 where it is not in the tree."""
        return self._situation.hops(node_id)

    @property
    def edges(self) -> int:
        """Links in the whole mesh."""
        return self._situation.shape.edges if self._situation.shape is not None else 0

    def copies_on_busiest_link(self) -> int:
        """How often our busiest link must carry the image: once for all, or once per node behind it."""
        return self._situation.copies_on_busiest_link()

    # -- nodes coming and going ------------------------------------------------------------

    def _newcomer(self, node_id: int, now_us: int) -> NodeRecord:
        record = NodeRecord(node_id)
        only = self.options.only
        if node_id in self.options.exclude or (only is not None and node_id not in only):
            record.end(NodeState.NOT_TARGETED, now_us, "left out by choice")
        else:
            record.check_due_us = now_us
        return record

    def _gone(self, record: NodeRecord, now_us: int) -> None:
        if self.transfers.sweep is not None:
            self.transfers.sweep.forget(record.node_id)
        may_return = record.state in {NodeState.LOST, NodeState.UNREACHABLE}
        if record.away_since_us is None and (may_return or not record.is_final):
            record.away_since_us = now_us
            record.check = None
            record.check_due_us = None

    def _back(self, record: NodeRecord, now_us: int) -> None:
        """It may have kept its place, or have restarted with the old image or the new: ask it."""
        record.away_since_us = None
        if record.state in {NodeState.LOST, NodeState.UNREACHABLE}:
            record.state = NodeState.VERIFYING if record.was_sent_to else NodeState.PENDING
            record.reason = record.finished_us = None
        if record.in_sweep and self.transfers.sweep is not None:
            self.transfers.sweep.remember(record.node_id)
            return
        if record.is_final:
            return
        record.check_due_us = now_us + SETTLE_US

    def _patience_us(self, record: NodeRecord) -> int:
        expected = record.was_sent_to or record.needs_image
        return self.options.return_timeout_us if expected else self.options.idle_return_timeout_us

    def _lose(self, record: NodeRecord, now_us: int) -> None:
        record.fold()
        limit = f"{self._patience_us(record) // 1_000_000} s"
        if not record.was_sent_to:
            reason = f"left the mesh and did not come back within {limit}"
            record.end(NodeState.UNREACHABLE, now_us, reason)
            return
        if record.state is NodeState.REBOOTING:
            what = "was sent all parts, restarted"
        else:
            what = f"left at part {record.position} of {len(self.parts)}"
        record.end(NodeState.LOST, now_us, f"{what} and did not come back within {limit}")
