"""Parts to one stock node, several on the way at a time.

A node takes a part only if it is the one it expects, and then asks for the next: each request is
an acknowledgement of all parts before. Waiting for it before sending on, as the stock sender
does, costs a round trip a part; a window does not. Whatever gets lost is sent again from the part
that the node expects (go-back-N).
"""

from __future__ import annotations

from enum import Enum

from meshward.ota.commands import Command, Fence, Send
from meshward.ota.frames import DataRequest, Offer, announce, part_for
from meshward.ota.parts import SAFE_PART_BYTES, Parts

WINDOW_START = 4
WINDOW_MAX = 32
"""Enough to keep twenty hops busy; the backlog allowed is what limits it elsewhere."""
RTO_FIRST_US = 2_000_000
"""Before a round trip was measured."""
RTO_MIN_US = 200_000
RTO_MAX_US = 8_000_000
FENCE_WAIT_US = 3_000_000
"""After a timeout: how long to wait for proof that nothing is on its way any more, before parts are sent
again. Otherwise a second copy of each would pile up behind the first in the queue of a slow relay."""
SHRINK_AFTER = 4
"""Timeouts in a row at one part before large parts are given up: where to cut anew, only a check tells."""
ANNOUNCE_AFTER = 3
"""Timeouts in a row before the image is offered again: the node may have forgotten it."""
GIVE_UP_AFTER = 9
STUCK_MAX = 3
"""How often a node may start over at the same part before we believe that it cannot go on."""


class _Fence(Enum):
    NONE = 0
    WANTED = 1
    SENT = 2


class Unicast:
    """The transfer to one node.

    `acked` is the part the node expects next. `window` 0 means the stock sender's way: one part,
    and never again unless asked. `wants_small`: it failed with large parts; smaller ones may do.
    `is_2019`: an old receiver that takes one part per offer.
    Afterwards either `sent_all` is true, or `failure` says why not.
    """

    def __init__(
        self,
        node_id: int,
        offer: Offer,
        parts: Parts,
        now_us: int,
        *,
        start: int = 0,
        window_max: int = WINDOW_MAX,
        is_2019: bool = False,
    ) -> None:
        self.node_id = node_id
        self.parts = parts
        self.acked = start
        self.resent_parts = 0
        self.restarts = 0
        self.failure: str | None = None
        self.sent_all = False
        self.is_stuck = False
        self.wants_small = False
        self._offer = offer
        self._is_stock = window_max == 0
        self._is_2019 = is_2019
        self._window_max = 1 if is_2019 else max(1, window_max)
        self._window = float(min(WINDOW_START, self._window_max))
        self._next = start
        self._highest = start
        self._seen = start
        self._sent_us: dict[int, int] = {}
        self._rtt_us = 0
        self._rtt_min_us = 0
        self._asked_again = 0
        self._backoff = 0
        self._timeouts = 0
        self._fence = _Fence.NONE
        self._stuck_at: dict[int, int] = {}
        self._due_us = now_us + self._rto_us()
        self._announce_wanted = True
        self._first_part_wanted = False
        self._first_part_sent = False

    @property
    def has_more(self) -> bool:
        """Whether something is to be sent although all parts were."""
        return self._first_part_wanted

    @property
    def in_flight_bytes(self) -> int:
        """Bytes sent and not yet acknowledged."""
        return max(0, self._next - self.acked) * self.parts.frame_bytes()

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() wants to be called."""
        return None if self.sent_all or self.failure else self._due_us

    def commands(self, room_bytes: int, now_us: int) -> list[Command]:
        """What to send now, at most about `room_bytes` of it."""
        commands: list[Command] = []
        if self.failure or (self.sent_all and not self._first_part_wanted):
            return commands
        if self._announce_wanted:
            self._announce_wanted = False
            commands.append(Send(self._announce()))
            if self._is_stock:
                return commands
        if self._first_part_wanted:
            self._first_part_wanted = False
            self._first_part_sent = True
            commands.append(Send(self._package(0)))
        if self._fence is _Fence.WANTED:
            self._fence = _Fence.SENT
            commands.append(Fence(self.node_id))
        while room_bytes > 0 and self._next < self._limit() and self._fence is _Fence.NONE:
            commands.extend(self._part(now_us))
            room_bytes -= self.parts.frame_bytes()
        if self._next >= len(self.parts) and self.acked >= len(self.parts) - 1:
            self.sent_all = True
        return commands

    def on_request(self, request: DataRequest, now_us: int) -> None:
        """The node asks for a part, which acknowledges all before it."""
        part = request.part
        if part > len(self.parts) or self.failure:
            return
        if part > self.acked:
            self._measure(part - 1, now_us)
            self._advance(part, now_us)
        elif part < self.acked:
            self._suspect(part, now_us)
        elif self._is_stock or (self.sent_all and part == len(self.parts) - 1):
            self._resend(now_us)  # it asks again for what it was sent: that got lost
        elif part == 1 and self._first_part_sent:
            self._start_over(now_us)
        elif self._timeouts:
            self._asked_again += 1

    def handle_deadline(self, now_us: int) -> None:
        """No acknowledgement came in time."""
        if self.failure or self.sent_all or now_us < self._due_us:
            return
        if self._is_stock:  # the stock sender waits for the node to ask again
            self._due_us = now_us + 600_000_000
            return
        if self._fence is _Fence.NONE:
            self._fence = _Fence.WANTED
            self._due_us = now_us + max(FENCE_WAIT_US, self._rto_us())
            return
        self._timed_out(now_us)

    def on_fence(self, now_us: int) -> None:
        """The node answered a delay measurement: nothing that was sent before is still on its way."""
        if self._fence is _Fence.SENT and not self.failure and not self.sent_all:
            self._timed_out(now_us)

    def _timed_out(self, now_us: int) -> None:
        self._fence = _Fence.NONE
        self._timeouts += 1
        if self._timeouts >= GIVE_UP_AFTER:
            self.failure = self._silence()
            return
        if self._timeouts == SHRINK_AFTER and self.parts.part_bytes > SAFE_PART_BYTES:
            self.wants_small = True
            self.failure = self._silence()
            return
        if self._timeouts >= ANNOUNCE_AFTER:
            self._announce_wanted = True
        self._resend(now_us)

    def _silence(self) -> str:
        where = f"part {self.acked} of {len(self.parts)}"
        if self._asked_again > 1:
            return f"asks for {where} again and again but does not take it: no room, or its flash fails"
        return f"no answer at {where}"

    def _limit(self) -> int:
        """One past the last part that may be sent now.

        After a timeout that is at least the part after all that ever left: the node may have taken
        them and only its answers were lost, and then nothing less makes it answer.
        """
        seen = self._seen if self._timeouts else 0
        return min(len(self.parts), max(self.acked + int(self._window), seen))

    def _part(self, now_us: int) -> list[Command]:
        part = self._next
        commands: list[Command] = []
        if self._is_2019:  # it forgets the offer with every part it takes
            commands.append(Send(self._announce()))
        commands.append(Send(self._package(part)))
        if part < self._highest:
            self.resent_parts += 1
            self._sent_us.pop(part, None)  # an answer could be to either copy: time neither
        else:
            self._sent_us[part] = now_us
        self._next += 1
        self._highest = max(self._highest, self._next)
        return commands

    def _package(self, part: int) -> dict[str, object]:
        return part_for(self._offer, self.node_id, part, len(self.parts), self.parts.text(part))

    def _announce(self) -> dict[str, object]:
        return announce(self._offer, self.node_id, len(self.parts), silent=False)

    def _advance(self, part: int, now_us: int) -> None:
        for done in range(self.acked, part):
            self._sent_us.pop(done, None)
        self.acked = part
        self._next = max(self._next, part)
        self._timeouts = 0
        self._fence = _Fence.NONE
        self._due_us = now_us + self._rto_us()

    def _suspect(self, part: int, now_us: int) -> None:
        """The node asks for less than it had. A forgotten timer of its may say so for minutes.

        Asked for the first part, we send it; only a node that really began again takes it, and
        then asks for the second.
        """
        if part == 0:
            self._first_part_wanted = True
        elif part == 1 and self._first_part_sent:
            self._start_over(now_us)

    def _start_over(self, now_us: int) -> None:
        """The node restarted, or refused a part and began again; it has the first part."""
        self._first_part_sent = False
        count = self._stuck_at[self.acked] = self._stuck_at.get(self.acked, 0) + 1
        if count >= STUCK_MAX:
            self.is_stuck = True
            self.failure = (
                f"started over {count} times at part {self.acked}: "
                "the image may not fit its slot, or its flash fails"
            )
            return
        self.restarts += 1
        self.sent_all = False
        self.acked = self._next = 1
        self._sent_us.clear()
        self._window = float(min(WINDOW_START, self._window_max))
        self._due_us = now_us + self._rto_us()

    def _resend(self, now_us: int) -> None:
        self.sent_all = False
        self._fence = _Fence.NONE
        self._seen = self._highest + 1
        self._next = self.acked
        self._window = max(1.0, self._window / 2)
        self._backoff += 1
        self._due_us = now_us + self._rto_us()

    def _measure(self, part: int, now_us: int) -> None:
        sent_us = self._sent_us.get(part)
        if sent_us is None:
            return
        sample_us = now_us - sent_us
        self._backoff = 0
        self._rtt_us += (sample_us - self._rtt_us) // 4 if self._rtt_us else sample_us
        self._rtt_min_us = min(self._rtt_min_us or sample_us, sample_us)
        if sample_us > 3 * self._rtt_min_us:
            self._window = max(1.0, self._window * 0.8)  # a queue is building on the way
        else:
            self._window = min(float(self._window_max), self._window + 1 / self._window)

    def _rto_us(self) -> int:
        """About three round trips; longer after each timeout until a fresh measurement."""
        rto_us = max(RTO_MIN_US, 3 * self._rtt_us) if self._rtt_us else RTO_FIRST_US
        return min(RTO_MAX_US, rto_us << min(self._backoff, 6))
