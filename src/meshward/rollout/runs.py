"""A run: one update core over some nodes, with the document that lets it go on after a crash."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Protocol

from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.situation import BACKLOG_BYTES, LOOK_TIMEOUT_US, Options
from meshward.ota.states import NodeState
from meshward.ota.update import Update
from meshward.rollout.documents import RunDoc
from meshward.rollout.spec import Transfer
from meshward.rollout.states import RunKind
from meshward.rollout.surroundings import Random, RunOrder

SAVE_EVERY_US = 2_000_000
"""Progress within a state is kept so often; states are kept at once."""
_THROUGH = frozenset({NodeState.COMPLETED, NodeState.ALREADY_INSTALLED, NodeState.FAILED})
"""A node in one of these states is idle: no parts of the image are left on it."""


@dataclass(frozen=True, slots=True)
class Payload:
    """An image made ready for nodes of one hardware and role."""

    offer: Offer
    parts: Parts


class Images(Protocol):
    """Where payloads come from."""

    def payload(self, image: str, hardware: str, role: str, transfer: Transfer) -> Payload:
        """The firmware with this SHA-256. Raises UpdateRefusedError, StoreError."""


class Run:
    """Carries out one `RunOrder`. `update` is None while the run is suspended."""

    def __init__(self, doc: RunDoc, payload: Payload, options: Options) -> None:
        self.doc = doc
        self.order = RunOrder(doc.kind, doc.image, doc.hardware, doc.role, tuple(doc.nodes))
        self.update: Update | None = None
        self._payload = payload
        self._options = options
        self._kept: dict[int, tuple[object, ...]] = {}
        self._moved: list[NodeRecord] = []
        self._save_due_us = 0
        self._counted = (doc.sent_bytes, doc.all_links_bytes)

    @property
    def sent_bytes(self) -> int:
        """By now."""
        return self._counted[0] + (self.update.tally.sent_bytes if self.update is not None else 0)

    def start(self, open_nodes: AbstractSet[int], rng: Random) -> None:
        """Begin, or go on where the document is, with those of its nodes that are still open."""
        nodes = frozenset(self.doc.giving_up or open_nodes & set(self.doc.nodes))
        offer, options = self._payload.offer, replace(self._options, only=nodes)
        snapshots = [entry for entry in self.doc.records if entry["node"] in nodes]
        if self.doc.giving_up:
            # Asked about an image that does not exist, every node tells where it stands and is put back to
            # idle. Timers that it forgot may tell wrong places, but of the image that it was sent.
            offer, options, snapshots = offer.made_up(rng), _only_asking(options), []
        parts = self._payload.parts
        if self.doc.part_bytes and self.doc.part_bytes != parts.part_bytes:
            parts = Parts(parts.data, self.doc.part_bytes)
        self.doc.part_bytes, self.doc.parts = parts.part_bytes, len(parts)
        restored = [NodeRecord.restored(snapshot) for snapshot in snapshots]
        restored += [NodeRecord(node) for node in self.doc.giving_up]  # waited for, also where they are away
        self.update = Update(offer, parts, options, rng, restored=restored)

    def suspend(self) -> None:
        """Drop the core; the document has the place of every node."""
        self._bring_up_to_date(self._mine())
        self._counted = (self.doc.sent_bytes, self.doc.all_links_bytes)
        self.update = None

    def look(self, now_us: int) -> bool:
        """Bring the document up to date; whether it has to be stored before anything more is sent."""
        if self.doc.giving_up:
            return False
        self._moved = []
        mine = self._mine()
        for record in mine:
            state = (record.state, record.attempts, record.trusted, record.small_from)
            if self._kept.get(record.node_id) != state:
                self._kept[record.node_id] = state
                self._moved.append(record)
        if now_us < self._save_due_us:
            self._bring_up_to_date(self._moved)
            return bool(self._moved)
        self._save_due_us = now_us + SAVE_EVERY_US
        before = self.doc.records
        self._bring_up_to_date(mine)
        return self.doc.records != before

    def moved(self) -> dict[int, NodeRecord]:
        """The nodes that changed their state at the latest look."""
        return {record.node_id: record for record in self._moved}

    def records(self) -> dict[int, NodeRecord]:
        """Its nodes, as far as they were seen since it was started."""
        return {record.node_id: record for record in self._mine()}

    def give_up(self, going_back: AbstractSet[int]) -> bool:
        """Send no more of the image. Whether nodes have to be put back to idle, which is done next.

        Those that are `going_back` to another image need not: it is done when they are asked for that.
        """
        self.suspend()
        if self.order.kind in {RunKind.SURVEY, RunKind.PROVE}:
            return False
        for index, entry in enumerate(self.doc.records):
            if entry["trusted"] and NodeState(entry["state"]) not in _THROUGH:
                where = f"stopped at part {entry['position']} of {self.doc.parts}, as far as is known"
                stopped = {"state": NodeState.CANCELLED.value, "reason": where}
                self.doc.records[index] = entry | stopped
                if entry["node"] not in going_back:
                    self.doc.giving_up.append(entry["node"])
        return bool(self.doc.giving_up)

    def _mine(self) -> list[NodeRecord]:
        if self.update is None:
            return []
        records = self.update.records
        return [records[node] for node in self.doc.nodes if node in records]

    def _bring_up_to_date(self, moved: list[NodeRecord]) -> None:
        if self.update is None:
            return
        if moved and not self.doc.giving_up:
            records = {entry["node"]: entry for entry in self.doc.records}
            records.update((record.node_id, record.snapshot()) for record in moved)
            self.doc.records = list(records.values())
        tally = self.update.tally
        self.doc.sent_bytes = self._counted[0] + tally.sent_bytes
        self.doc.all_links_bytes = self._counted[1] + tally.all_links_bytes

    def lost_for_now(self) -> dict[int, NodeRecord]:
        """Nodes that were sent something and are lost, as far as is known."""
        return {record.node_id: record for record in self._mine() if record.state is NodeState.LOST}


def run_options(kind: RunKind, hardware: str, transfer: Transfer) -> Options:
    """What the update core is told, by what the run is for."""
    usual = Options()
    options = replace(
        usual,
        strategy="broadcast" if transfer.strategy == "auto" else transfer.strategy,
        window=transfer.window or usual.window,
        concurrency=transfer.concurrency or usual.concurrency,
        backlog_bytes=transfer.backlog_bytes or BACKLOG_BYTES.get(hardware, usual.backlog_bytes),
    )
    if kind in {RunKind.SURVEY, RunKind.PROVE}:
        return _only_asking(options)
    return options


def _only_asking(options: Options) -> Options:
    return replace(options, check_only=True, idle_return_timeout_us=LOOK_TIMEOUT_US)
