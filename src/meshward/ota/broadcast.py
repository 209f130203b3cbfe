"""One sweep of parts to all nodes at once.

Every tree edge carries each part once. Stock nodes answer nothing on the way (see
`frames.part_for_all`), so delay measurements to a few sentinels pace the sweep: their answers say
how much has passed the relays. What is sent and not yet past them is all that a relay on the way to
them can hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshward.ota.commands import Command, Fence, Send
from meshward.ota.frames import Offer, part_for_all
from meshward.ota.parts import Parts

SENTINELS_MAX = 4
FENCE_TIMEOUT_US = 2_000_000
"""First wait for an answer; twice as long each time."""
CLOCK_ERROR_US = 5_000
"""By how much mesh time may be corrected while an answer is on its way."""
FENCE_TRIES = 4
"""Measurements of one sentinel in a row that may come to nothing before another takes its place."""


class _Sentinel:
    """A node whose answers say what has passed all relays on the way to it."""

    __slots__ = ("asked_at_bytes", "asked_us", "first_asked_us", "passed_bytes", "tries")

    def __init__(self, passed_bytes: int) -> None:
        self.passed_bytes = passed_bytes
        self.asked_at_bytes = passed_bytes
        self.asked_us: int | None = None
        self.first_asked_us: int | None = None
        self.tries = 0


class BroadcastSweep:
    """Parts `first` to the last, once each.

    `candidates`: the nodes that may be measured, best first: slow and deep ones of different branches.
    On the way to any sentinel are at most `backlog_bytes` and one part a hop, which is what the
    relays need to keep going; `announced_bytes` are on the way already. `done` when all parts have
    passed the sentinels, or when no node is left to measure: then nobody is there to listen.
    """

    def __init__(
        self,
        offer: Offer,
        parts: Parts,
        ghost_id: int,
        candidates: Sequence[int],
        now_us: int,
        *,
        backlog_bytes: int,
        hops: int,
        first: int = 0,
        announced_bytes: int = 0,
    ) -> None:
        self.first = first
        self.next_part = first
        self.parts = parts
        self.started_us = now_us
        self.finished_us: int | None = None
        self.sent_bytes = announced_bytes
        self.lost_fences = 0
        self._offer = offer
        self._ghost_id = ghost_id
        self._spares = list(candidates)
        self._sentinels: dict[int, _Sentinel] = {}
        self._limit_bytes = backlog_bytes + hops * parts.frame_bytes()
        self._spacing_bytes = max(self._limit_bytes // 6, parts.frame_bytes())
        self._fenced_at_bytes = 0
        self._slowest_us = 0
        self._appoint(0)

    @property
    def done(self) -> bool:
        """Whether all parts were sent and have passed the sentinels."""
        return self.finished_us is not None

    @property
    def passed_bytes(self) -> int:
        """Bytes known to have passed all sentinels."""
        return min((s.passed_bytes for s in self._sentinels.values()), default=self.sent_bytes)

    def commands(self, room_bytes: int, now_us: int) -> list[Command]:
        """What to send now, at most about `room_bytes` of it."""
        commands: list[Command] = []
        if not self._sentinels:
            self.finished_us = now_us if self.finished_us is None else self.finished_us
            return commands
        for node_id, sentinel in self._sentinels.items():
            if sentinel.tries and sentinel.asked_us is None:
                self._fence(node_id, commands, now_us)
        if self.next_part == self.first:
            self._fence_the_rest(commands, now_us)  # behind the offers
        while self.next_part < len(self.parts) and room_bytes > 0 and self._may_send():
            frame_bytes = self.parts.frame_bytes(self.next_part)
            commands.append(Send(self._package(self.next_part)))
            self.next_part += 1
            self.sent_bytes += frame_bytes
            room_bytes -= frame_bytes
            if self.sent_bytes - self._fenced_at_bytes >= self._spacing_bytes:
                self._fence_one(commands, now_us)
        if self.next_part >= len(self.parts):
            self._fence_the_rest(commands, now_us)
            if self.passed_bytes >= self.sent_bytes and self.finished_us is None:
                self.finished_us = now_us
        elif not self._may_send():
            self._fence_the_rest(commands, now_us, behind_bytes=self._spacing_bytes)
        return commands

    def on_fence(self, node_id: int, now_us: int, rtt_us: int = 0) -> None:
        """A sentinel answered, `rtt_us` after it was asked.

        An answer that was longer on its way than we wait is one to an earlier question.
        """
        sentinel = self._sentinels.get(node_id)
        if sentinel is None or sentinel.first_asked_us is None:
            return
        waited_us = now_us - sentinel.first_asked_us
        if rtt_us > waited_us + CLOCK_ERROR_US:
            return
        self._slowest_us = max(self._slowest_us, min(rtt_us or waited_us, waited_us))
        sentinel.passed_bytes = sentinel.asked_at_bytes
        sentinel.asked_us = sentinel.first_asked_us = None
        sentinel.tries = 0

    def forget(self, node_id: int) -> None:
        """A node left the mesh; another one is measured in its place."""
        if node_id in self._spares:
            self._spares.remove(node_id)
        if self._sentinels.pop(node_id, None) is not None:
            self._appoint(self.passed_bytes)

    def remember(self, node_id: int) -> None:
        """A node is back in the mesh."""
        if node_id not in self._spares and node_id not in self._sentinels:
            self._spares.append(node_id)

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() wants to be called."""
        due = [s.asked_us + self._timeout_us(s) for s in self._sentinels.values() if s.asked_us is not None]
        return min(due, default=None)

    def handle_deadline(self, now_us: int) -> None:
        """A measurement came to nothing, so far: its frame was dropped, or is still in some queue.

        It is repeated, and counts as passed no sooner than one is answered.
        """
        for node_id, sentinel in list(self._sentinels.items()):
            if sentinel.asked_us is None or now_us - sentinel.asked_us < self._timeout_us(sentinel):
                continue
            self.lost_fences += 1
            sentinel.tries += 1
            sentinel.asked_us = None
            if sentinel.tries >= FENCE_TRIES:
                self.forget(node_id)

    def _appoint(self, passed_bytes: int) -> None:
        while self._spares and len(self._sentinels) < SENTINELS_MAX:
            self._sentinels[self._spares.pop(0)] = _Sentinel(passed_bytes)

    def _may_send(self) -> bool:
        on_the_way = self.sent_bytes - self.passed_bytes
        return on_the_way + self.parts.frame_bytes(self.next_part) <= self._limit_bytes or not on_the_way

    def _package(self, part: int) -> dict[str, object]:
        return part_for_all(self._offer, self._ghost_id, part, len(self.parts), self.parts.text(part))

    def _fence_one(self, commands: list[Command], now_us: int) -> None:
        """Measure the sentinel that was not for longest."""
        idle = [(s.asked_at_bytes, node_id) for node_id, s in self._sentinels.items() if s.asked_us is None]
        if idle:
            self._fence(min(idle)[1], commands, now_us)

    def _fence_the_rest(self, commands: list[Command], now_us: int, behind_bytes: int = 0) -> None:
        """Measure all that are not known to have got what was sent, and are not being asked."""
        for node_id, sentinel in self._sentinels.items():
            if sentinel.asked_us is None and self.sent_bytes - sentinel.passed_bytes > behind_bytes:
                self._fence(node_id, commands, now_us)

    def _fence(self, node_id: int, commands: list[Command], now_us: int) -> None:
        sentinel = self._sentinels[node_id]
        if not sentinel.tries:  # the answer to a repeated one may be that to the first
            sentinel.asked_at_bytes = self.sent_bytes
            sentinel.first_asked_us = now_us
        sentinel.asked_us = now_us
        self._fenced_at_bytes = self.sent_bytes
        commands.append(Fence(node_id))

    def _timeout_us(self, sentinel: _Sentinel) -> int:
        return max(FENCE_TIMEOUT_US, 4 * self._slowest_us) << sentinel.tries
