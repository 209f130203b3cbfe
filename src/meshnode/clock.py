"""Mesh time: unsigned 32-bit microseconds that wrap every 71.6 minutes."""

_MASK = 0xFFFFFFFF
_HALF = 0x80000000

#: Offsets below this (and above NOISE_US) are taken in quarters, against over-correction.
SMALL_OFFSET_US = 500
NOISE_US = 4
#: An exchange whose round trip exceeds this multiple of the peer's handling time says
#: little about the clocks; C++ nodes throw it away, and so does this one.
TRIP_RATIO_LIMIT = 85


def difference_us(later: int, earlier: int) -> int:
    """`later - earlier` of two mesh times, as the signed shorter way round the circle."""
    return ((later - earlier + _HALF) & _MASK) - _HALF


def offset_us(t0: int, t1: int, t2: int, t3: int) -> int:
    """How far the peer's clock is ahead of ours, after one exchange.

    t0: request sent (our clock), t1: received, t2: answered (the peer's), t3: answer here.
    """
    return (difference_us(t1, t0) + difference_us(t2, t3)) // 2


def trip_delay_us(t0: int, t1: int, t2: int, t3: int) -> int:
    """One-way delay between two nodes, the peer's handling time left out (`startDelayMeas`)."""
    return max(0, (difference_us(t3, t0) - difference_us(t2, t1)) // 2)


def is_outlier(t0: int, t1: int, t2: int, t3: int) -> bool:
    """Whether an exchange took too long to be believed."""
    return ((t3 - t0) & _MASK) > ((t2 - t1) & _MASK) * TRIP_RATIO_LIMIT


class MeshClock:
    """The mesh time of one node: its local clock plus an adjustable offset."""

    def __init__(self, offset_us: int = 0) -> None:
        self.offset_us = offset_us

    def time_us(self, now_us: int) -> int:
        """Mesh time at the local moment `now_us` (`getNodeTime`)."""
        return (now_us + self.offset_us) & _MASK

    def adjust(self, by_us: int) -> int:
        """Move towards the peer's clock; returns the step taken, small ones being softened."""
        if NOISE_US < abs(by_us) < SMALL_OFFSET_US:
            by_us = by_us // 4 if by_us > 0 else -(-by_us // 4)
        self.offset_us += by_us
        return by_us
