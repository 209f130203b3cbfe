"""Clients of the gateway's live stream: most of them read, one may stall."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from bench.gateway_process import Gateway

_RECEIVE_BUFFER_BYTES = 4096
_SEGMENT_BYTES = 1448
"""As in a network. With those of a loopback the system itself takes 4 MB for a client before it stalls."""


class Readers:
    """Clients that read all. `arrivals_s` tells when each of them saw the words that are waited for."""

    def __init__(self) -> None:
        self.arrivals_s: list[float] = []
        self._count = 0
        self._words = b""
        self._all = asyncio.Event()

    @contextlib.asynccontextmanager
    async def connected(self, gateway: Gateway, count: int) -> AsyncIterator[None]:
        """So many of them, which have their snapshots."""
        self._count = count
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(_connection(gateway)) for _ in range(count)]
            await asyncio.gather(*(client.recv() for client in clients))
            reading = [asyncio.create_task(self._read(client)) for client in clients]
            try:
                yield
            finally:
                for task in reading:
                    task.cancel()
                await asyncio.wait(reading)

    def expect(self, words: str) -> None:
        """Wait for these words from now on."""
        self._words = words.encode()
        self.arrivals_s = []
        self._all.clear()

    async def arrived(self) -> None:
        """Until all saw them."""
        await self._all.wait()

    async def _read(self, client: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            text = await client.recv(decode=False)
            if self._words in text:
                self.arrivals_s.append(loop.time())
                if len(self.arrivals_s) == self._count:
                    self._all.set()


@contextlib.asynccontextmanager
async def stalled_client(gateway: Gateway) -> AsyncIterator[None]:
    """One that never reads, with little room for what comes."""
    url = urlsplit(gateway.url)
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
        narrow.connect((url.hostname, url.port))
        narrow.setblocking(False)
        async with _connection(gateway, sock=narrow) as client:
            client.transport.pause_reading()
            try:
                yield
            finally:
                client.transport.abort()


def _connection(gateway: Gateway, **options) -> connect:
    return connect(
        f"ws{gateway.url.removeprefix('http')}/api/v1/stream",
        additional_headers=gateway.headers,
        compression=None,
        max_size=None,
        ping_interval=None,
        proxy=None,
        **options,
    )
