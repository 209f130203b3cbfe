"""Keeping one station link up: candidate addresses in turn, with jittered back-off."""

import asyncio

from meshnode import streams
from meshnode.connection import DRIVER, NODE, PEER, Connection
from meshnode.driver_events import DialFailed
from meshnode.streams import native

#: The peer closed the connection before it said who it is, as C++ nodes do with an id they know already.
HUNG_UP = "hung_up"
#: This node closed it: the peer stayed silent, or may not be our neighbour.
GAVE_UP = "gave_up"

_KINDS = {PEER: HUNG_UP, NODE: GAVE_UP, DRIVER: streams.FAILED}

#: Pauses between rounds grow from the first to the last; a board reboots in 2 to 5 s.
BACKOFF_FIRST_US = 200_000
BACKOFF_LAST_US = 30_000_000
#: A link counts as good, and the next pause as the first, once it lived this long: longer than the
#: 10 s after which silence ends it.
LIVED_US = 15_000_000


class Dialer:
    """Dials until a link is up, and again when it is lost."""

    def __init__(self, runner, addresses: list) -> None:
        if not addresses:
            raise ValueError("no address to dial")
        self.addresses = [tuple(address) for address in addresses]
        self.connection: Connection | None = None  # the present one, ready or not
        self.attempts = 0  # in a row without a ready link
        self._runner = runner
        self._closed = False
        self._round = 0
        self.task = asyncio.create_task(self._run())

    def close(self) -> None:
        """Dial no more. The present link stays."""
        self._closed = True
        self.task.cancel()

    async def _run(self) -> None:
        try:
            while not self._closed:
                if await self._dial_each():
                    self._round = 0
                await self._runner.sleep_us(self._pause_us())
                self._round += 1
        except asyncio.CancelledError:
            pass

    async def _dial_each(self) -> bool:
        """Dial each address until one gives a link; whether that link lived."""
        for index, (host, port) in enumerate(self.addresses):
            connection = await self._dial(host, port)
            if self._closed:
                return False
            if connection is not None and connection.ready_us is not None:
                self.attempts = 0
                if self._runner.now_us() - connection.ready_us >= LIVED_US:
                    # What worked comes first next time; the order stays otherwise.
                    self.addresses = self.addresses[index:] + self.addresses[:index]
                    return True
        return False

    async def _dial(self, host: str, port: int):
        """One attempt; returns when its link, if one came of it, is gone again."""
        self.attempts += 1
        writer = None
        try:
            reader, writer = await streams.connect(host, port)
            if not self._closed:
                self.connection = self._runner.adopt(reader, writer, host, port, True)
        except (OSError, asyncio.TimeoutError, ValueError, OverflowError, MemoryError) as error:
            kind, reason = streams.explain(error)
            self._failed(host, port, kind, reason)
        connection = self.connection
        if connection is None:
            if writer is not None:
                await native.abort(writer)
            return None
        await connection.closed.wait()
        self.connection = None
        if connection.ready_us is None:
            kind = _KINDS[connection.ended_by]
            reason = "hung up before the handshake" if kind == HUNG_UP else connection.reason
            self._failed(host, port, kind, reason)
        return connection

    def _failed(self, host: str, port: int, kind: str, reason: str) -> None:
        self._runner.tell(DialFailed(streams.address_text(host, port), kind, reason, self.attempts))

    def _pause_us(self) -> int:
        longest_us = min(BACKOFF_LAST_US, BACKOFF_FIRST_US << min(self._round + 1, 10))
        return BACKOFF_FIRST_US + int(self._runner.rng.random() * (longest_us - BACKOFF_FIRST_US))
