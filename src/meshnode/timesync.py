"""Time sync with one neighbour (package type 4), as the C++ nodes do it.

The side with the larger subtree gives the time, of two equal ones the node with the higher
id; a node with a time authority (a real clock) goes before one without.
"""

from meshnode.clock import MeshClock, is_outlier, offset_us
from meshnode.wire import u32

# Values of msg.type.
TAKE_MY_TIME = 0
REQUEST = 1
REPLY = 2

FIRST_INTERVAL_US = 10_000_000
INTERVAL_US = 60_000_000
RETRY_US = 200_000
#: An offset below this ends a round of exchanges.
ACCURACY_US = 5_000
#: After so many unusable exchanges in a row, ask less often: the link is busy.
OUTLIERS_MAX = 10
#: C++ nodes discard an answer whose round trip exceeds 85 times the giver's handling time,
#: which on a fast computer is microseconds. Spreading t1 and t2 evenly around the true moment
#: leaves the offset exact and lets round trips up to 170 ms count.
HANDLING_US = 2_000
_OUTSTANDING_MAX = 4
#: Offers out of turn to one neighbour within this time, at most. Two neighbours of a giver that
#: both finish at once make two, as seen on C++ nodes.
OFFER_SPAN_US = 5_000_000
OFFERS_MAX = 8


def adopts(
    size: int, node_id: int, authority: bool, peer_size: int, peer_id: int, peer_authority: bool
) -> bool:
    """Whether this side takes the peer's time; sizes count nodes on either side of the link."""
    if authority != peer_authority:
        return peer_authority
    if size != peer_size:
        return peer_size > size
    return node_id < peer_id


class TimeSync:
    """The exchange with one neighbour: when to start the next, which answers are awaited."""

    def __init__(self) -> None:
        self.due_us: int | None = None
        self._outstanding: list[tuple[int, int]] = []
        self._outliers = 0
        self._offers_us: list[int] = []

    def may_offer(self, now_us: int) -> bool:
        """Whether to offer time out of turn: in a ring an offer comes round again and again."""
        self._offers_us = [at_us for at_us in self._offers_us if now_us - at_us < OFFER_SPAN_US]
        if len(self._offers_us) >= OFFERS_MAX:
            return False
        self._offers_us.append(now_us)
        return True

    def begin(self, adopt: bool, clock: MeshClock, now_us: int) -> dict:
        """Start an exchange; the message to send."""
        self.due_us = now_us + FIRST_INTERVAL_US
        return self._request(clock, now_us) if adopt else {"type": TAKE_MY_TIME}

    def receive(self, message: dict, clock: MeshClock, now_us: int) -> tuple:
        """Take a message in: (message to send or None, step to adjust by or None, round finished).

        Raises WireError.
        """
        kind = u32(message, "type")
        if kind == TAKE_MY_TIME:
            return self._request(clock, now_us), None, False
        if kind == REQUEST:
            self.due_us = now_us + INTERVAL_US
            return _answer(u32(message, "t0"), clock.time_us(now_us)), None, False
        if kind == REPLY:
            return self._take_answer(message, clock, now_us)
        return None, None, False

    def _request(self, clock: MeshClock, now_us: int) -> dict:
        t0 = clock.time_us(now_us)
        self._outstanding.append((t0, now_us))
        del self._outstanding[:-_OUTSTANDING_MAX]
        return {"type": REQUEST, "t0": t0}

    def _take_answer(self, message: dict, clock: MeshClock, now_us: int) -> tuple:
        sent_us = self._sent_us(u32(message, "t0"))
        if sent_us is None:  # nobody moves our clock unasked
            return None, None, False
        # Our clock may have been moved since the request left: look at it as it runs now.
        t0, t3 = clock.time_us(sent_us), clock.time_us(now_us)
        t1, t2 = u32(message, "t1"), u32(message, "t2")
        if is_outlier(t0, t1, t2, t3):
            self._outliers += 1
            patient = self._outliers > OUTLIERS_MAX
            self.due_us = now_us + (FIRST_INTERVAL_US if patient else RETRY_US)
            return None, None, False
        self._outliers = 0
        offset = offset_us(t0, t1, t2, t3)
        finished = -ACCURACY_US < offset < ACCURACY_US
        self.due_us = now_us + (INTERVAL_US if finished else RETRY_US)
        return None, offset, finished

    def _sent_us(self, t0: int) -> int | None:
        for index, (asked, sent_us) in enumerate(self._outstanding):
            if asked == t0:
                del self._outstanding[index]
                return sent_us
        return None


def _answer(t0: int, time_us: int) -> dict:
    t1 = (time_us - HANDLING_US // 2) & 0xFFFFFFFF
    return {"type": REPLY, "t0": t0, "t1": t1, "t2": (t1 + HANDLING_US) & 0xFFFFFFFF}
