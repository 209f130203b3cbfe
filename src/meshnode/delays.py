"""Delay measurements under way (package type 3)."""

from meshnode.clock import trip_delay_us
from meshnode.events import DelayMeasured

#: Answers later than this count as lost.
EXPIRY_US = 60_000_000


class Delays:
    """Matches answers to requests by node and t0; the oldest request is given up first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._asked: list[tuple[int, int, int]] = []

    def asked(self, node_id: int, t0: int, now_us: int) -> None:
        """Remember a request that left at the local time `now_us`."""
        self._asked.append((node_id, t0, now_us))
        del self._asked[: -self._limit]

    def answered(self, node_id: int, t0: int, t1: int, t2: int, now_us: int) -> DelayMeasured | None:
        """The DelayMeasured event for an answer, None where nobody asked."""
        self._asked = [entry for entry in self._asked if now_us - entry[2] < EXPIRY_US]
        for index, (asked_id, asked_t0, sent_us) in enumerate(self._asked):
            if asked_id == node_id and asked_t0 == t0:
                del self._asked[index]
                # Local times at our end: mesh time may have been moved meanwhile.
                return DelayMeasured(node_id, trip_delay_us(sent_us, t1, t2, now_us))
        return None
