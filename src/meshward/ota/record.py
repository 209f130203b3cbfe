"""What an update remembers of each node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshward.ota.check import Check
from meshward.ota.states import FINAL, NodeState
from meshward.ota.unicast import Unicast


@dataclass(slots=True)
class NodeRecord:
    """One node in an update: what is known, what is going on, how it ended."""

    node_id: int
    state: NodeState = NodeState.PENDING
    reason: str | None = None
    attempts: int = 0
    failures: int = 0
    """Transfers since it last got any further."""
    rejections: int = 0
    """Transfers after which it was back at the first part."""
    wants_small: bool = False
    """Whether large parts did not get through to it; they are cut smaller where it stands."""
    had_its_chance: bool = False
    """Whether a transfer to it ended by itself, not because it went away, since it was looked at last."""
    parts_done: int = 0
    repaired_parts: int = 0
    started_us: int | None = None
    finished_us: int | None = None

    position: int = 0
    """The part it was last known to expect."""
    small_from: int | None = None
    """The part from which this node's parts were cut smaller, for the larger ones did not get through."""
    trusted: bool = False
    """Whether we were sending it this image, so that its place can be believed."""
    is_2019: bool = False
    needs_image: bool = False
    refused: bool = False
    """Whether it failed because it does not take the parts: no room, or its flash fails."""
    rtt_us: int = 0
    """How long it took to answer when it was last asked, 0 where it never was."""
    away_since_us: int | None = None
    check_due_us: int | None = None
    """When to look (again) at what it runs."""
    in_sweep: bool = False
    check: Check | None = field(default=None, repr=False)
    unicast: Unicast | None = field(default=None, repr=False)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def was_sent_to(self) -> bool:
        """Whether any part was meant for it."""
        return self.attempts > 0

    def fold(self) -> None:
        """Keep what a transfer one to one leaves behind, and end it."""
        unicast = self.unicast
        if unicast is not None:
            self.position = self.parts_done = unicast.acked
            self.repaired_parts += unicast.resent_parts
            self.unicast = None

    def begin_anew(self) -> None:
        """It is idle again: nothing of the image is on it."""
        self.position = 0
        self.parts_done = 0
        self.trusted = False
        if self.small_from is not None:
            self.small_from = 0

    def goes_on_at(self, part: int) -> None:
        """It has all parts before this one."""
        self.position = self.parts_done = part

    def end(self, state: NodeState, now_us: int, reason: str | None = None) -> None:
        """Reach a final state."""
        self.state = state
        self.reason = reason
        self.finished_us = now_us
        self.check = self.unicast = None
        self.check_due_us = None
        self.in_sweep = False

    def snapshot(self) -> dict[str, Any]:
        """What a journal keeps of it."""
        position = self.unicast.acked if self.unicast is not None else self.position
        return {
            "node": self.node_id,
            "state": self.state.value,
            "reason": self.reason,
            "attempts": self.attempts,
            "position": position,
            "small_from": self.small_from,
            "trusted": self.trusted,
            "repaired_parts": self.repaired_parts,
            "is_2019": self.is_2019,
            "needs_image": self.needs_image,
            "failures": self.failures,
            "rejections": self.rejections,
            "had_its_chance": self.had_its_chance,
        }

    @classmethod
    def restored(cls, snapshot: dict[str, Any]) -> NodeRecord:
        """The record of a node as a journal has it. Raises KeyError, ValueError."""
        record = cls(int(snapshot["node"]), NodeState(snapshot["state"]))
        record.reason = snapshot["reason"]
        record.attempts = int(snapshot["attempts"])
        record.position = int(snapshot["position"])
        small_from = snapshot["small_from"]
        record.small_from = None if small_from is None else int(small_from)
        record.trusted = bool(snapshot["trusted"])
        record.repaired_parts = int(snapshot["repaired_parts"])
        record.is_2019 = bool(snapshot["is_2019"])
        # Journals of version 0.1.0 do not have these.
        record.needs_image = bool(snapshot.get("needs_image", False))
        record.failures = int(snapshot.get("failures", 0))
        record.rejections = int(snapshot.get("rejections", 0))
        record.had_its_chance = bool(snapshot.get("had_its_chance", False))
        if record.state not in {NodeState.COMPLETED, NodeState.ALREADY_INSTALLED}:
            record.state, record.reason = NodeState.PENDING, None
        return record
