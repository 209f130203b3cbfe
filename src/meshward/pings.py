"""Delay measurements that wait for their answer."""

import asyncio
from dataclasses import dataclass

from meshward.errors import UnknownNodeError


@dataclass(slots=True, eq=False)
class Ping:
    """One caller's wait for an answer of a node."""

    node_id: int
    #: When the caller began to ask, in local microseconds.
    since_us: int
    #: The one-way delay in microseconds.
    answer: asyncio.Future[int]


class Pings:
    """Who waits for an answer of which node."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Ping]] = {}

    def open(self, node_id: int, now_us: int) -> Ping:
        """Wait for an answer of a node."""
        ping = Ping(node_id, now_us, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(node_id, []).append(ping)
        return ping

    def close(self, ping: Ping) -> None:
        """Wait no longer."""
        waiting = self._waiting[ping.node_id]
        waiting.remove(ping)
        if not waiting:
            del self._waiting[ping.node_id]

    def answered(self, node_id: int, delay_us: int, now_us: int) -> None:
        """An answer came; it goes to whoever asked first, unless it is a late one to somebody before."""
        asked_us = now_us - 2 * delay_us
        for ping in self._waiting.get(node_id, ()):
            if asked_us >= ping.since_us and not ping.answer.done():
                ping.answer.set_result(delay_us)
                return

    def left(self, node_id: int, known: int) -> None:
        """A node left the mesh, which has `known` others: no answer will come."""
        for ping in self._waiting.get(node_id, ()):
            if not ping.answer.done():
                ping.answer.set_exception(UnknownNodeError(node_id, known))
