"""Delay measurements (package type 3): questions asked and answered, answers matched."""

from meshnode.clock import offset_us, trip_delay_us
from meshnode.events import DelayMeasured
from meshnode.wire import TIME_DELAY, message_of, u32

#: Answers later than this count as lost.
EXPIRY_US = 60_000_000
# Values of msg.type.
REQUEST = 1
REPLY = 2


class Delays:
    """Matches answers to requests by node and t0; the oldest request is given up first."""

    def __init__(self, node_id: int, limit: int) -> None:
        self._node_id = node_id
        self._limit = limit
        self._asked: list[tuple[int, int, int]] = []

    def request(self, dest: int, t0: int) -> dict:
        """The package that asks a node; t0 is our mesh time."""
        return self._package(dest, {"type": REQUEST, "t0": t0})

    def asked(self, node_id: int, t0: int, now_us: int) -> None:
        """Remember a request that left at the local time `now_us`."""
        self._asked.append((node_id, t0, now_us))
        del self._asked[: -self._limit]

    def receive(self, package: dict, time_us: int, now_us: int) -> tuple:
        """Take a package in: (answer to send or None, DelayMeasured or None). Raises WireError.

        `time_us` is our mesh time, `now_us` the local one.
        """
        message = message_of(package)
        kind = u32(message, "type")
        peer_id = u32(package, "from")
        t0 = u32(message, "t0")
        if kind == REQUEST:
            return self._package(peer_id, {"type": REPLY, "t0": t0, "t1": time_us, "t2": time_us}), None
        if kind == REPLY:
            return None, self._answered(peer_id, message, time_us, now_us)
        return None, None

    def _answered(self, node_id: int, message: dict, time_us: int, now_us: int) -> DelayMeasured | None:
        t0, t1, t2 = u32(message, "t0"), u32(message, "t1"), u32(message, "t2")
        self._asked = [entry for entry in self._asked if now_us - entry[2] < EXPIRY_US]
        for index, (asked_id, asked_t0, sent_us) in enumerate(self._asked):
            if asked_id == node_id and asked_t0 == t0:
                del self._asked[index]
                # Local times at our end, and mesh time as it is now: it may have been moved meanwhile.
                delay_us = trip_delay_us(sent_us, t1, t2, now_us)
                offset = offset_us(time_us - (now_us - sent_us), t1, t2, time_us)
                return DelayMeasured(node_id, delay_us, offset)
        return None

    def _package(self, dest: int, message: dict) -> dict:
        return {"type": TIME_DELAY, "dest": dest, "from": self._node_id, "msg": message}
