"""uvicorn's HTTP protocol with the limits that it leaves to a proxy in front; ours often has none.

A connection that does not get on with its request head, its body or its answer is cut off (slow loris), no
address has all connections, and no part of a request grows without bound before the application sees it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from meshward.web.headers import security_headers
from meshward.web.problems import MEDIA_TYPE, problem
from meshward.web.stream import ABORT


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may take."""

    head_s: float = 10.0
    """From the first byte of a request, or the connection, to the end of its headers."""
    stall_s: float = 15.0
    """Without any byte of a body that is not complete."""
    body_s: float = 600.0
    """For a whole body, however steadily it drips."""
    answer_s: float = 30.0
    """Without the peer taking any of an answer that waits for it."""
    connections: int = 1500
    """Of all peers: 1000 streams and as many requests as a small machine can do with."""
    address_connections: int = 512
    """Of one address; a proxy in front is one address."""
    url_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024
    """All headers of a request together."""
    head_fields: int = 100
    pending_bytes: int = 64 * 1024
    """Of a header, trailer or chunk line that does not end."""
    discarded_bytes: int = 8 * 1024 * 1024
    """Of a body that was refused already: read on for so long, for most clients read the answer after it."""


class Door:
    """Counts connections, and turns out those that take too long."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.guarded: set[GuardedHttp] = set()
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Take a place; whether there was one."""
        if self._open.total() >= self.limits.connections:
            return False
        if self._open[address] >= self.limits.address_connections:
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Give a place back."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    async def sweep(self) -> None:
        """Look for overdue connections for as long as it runs."""
        limits = self.limits
        every_s = min(1.0, min(limits.head_s, limits.stall_s, limits.body_s, limits.answer_s) / 4)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(every_s)
            for connection in list(self.guarded):
                connection.check(loop.time())


class GuardedHttp(HttpToolsProtocol):
    """One connection. `door` is set by a subclass that the server makes for itself."""

    door: Door

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = self.door.limits
        self._address: str | None = None
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._byte_at = 0.0
        self._unsent_bytes = 0
        self._taken_at = 0.0
        self._pending_bytes = 0
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._refusal: HTTPStatus | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or turn the peer away."""
        super().connection_made(cast("asyncio.Transport", transport))
        address = self.client[0] if self.client else ""
        if not self.door.enter(address):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections: close some, and try again")
            return
        self._address = address
        self._head_since = self._taken_at = self.loop.time()
        self.door.guarded.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._forget(handed_over=False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, within the limits."""
        if self.transport.is_closing():
            return
        self._byte_at = self.loop.time()
        if self._head_since is None and self._body_since is None:
            self._head_since = self._byte_at
        self._pending_bytes += len(data)
        super().data_received(data)
        if self._pending_bytes > self._limits.pending_bytes and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a line of the request does not end")

    # What the parser calls. Raising ends the parsing, and comes back to `send_400_response`.

    def on_message_begin(self) -> None:
        """A request starts."""
        self._pending_bytes = 0
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the URL came."""
        super().on_url(url)
        self._pending_bytes = 0
        if len(self.url) > self._limits.url_bytes:
            self._stop(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header came, or a trailer."""
        self._pending_bytes = 0
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes or len(self.headers) >= self._limits.head_fields:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._pending_bytes = 0
        self._head_since = None
        self._body_since = self.loop.time()
        self._discarded_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._pending_bytes = 0
        if self.cycle is not None and self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > self._limits.discarded_bytes:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._pending_bytes = 0
        self._body_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text says less
        """Answer what is no HTTP, or too much of it."""
        if self._refusal is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is no valid HTTP request")
        else:
            self._refuse(self._refusal, "the head of the request is larger than is taken")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; its place goes with it."""
        self._forget(handed_over=True)
        super().handle_websocket_upgrade()

    def check(self, now: float) -> None:
        """Cut the connection off where it is overdue."""
        limits = self._limits
        if self._is_answer_overdue(now):
            self.transport.abort()  # closing would wait for the peer to take the rest
        elif self.transport.is_closing():
            pass
        elif self._head_since is not None and now - self._head_since > limits.head_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request took too long")
        elif self._body_since is not None and self._is_body_overdue(now):
            self._cut_body()

    def _is_answer_overdue(self, now: float) -> bool:
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes == 0 or unsent_bytes < self._unsent_bytes:
            self._taken_at = now
        self._unsent_bytes = unsent_bytes
        return now - self._taken_at > self._limits.answer_s

    def _is_body_overdue(self, now: float) -> bool:
        assert self._body_since is not None
        # While we do not read, it is not the peer who is slow.
        stalled = (
            not self.flow.read_paused and now - max(self._byte_at, self._body_since) > self._limits.stall_s
        )
        return stalled or now - self._body_since > self._limits.body_s

    def _cut_body(self) -> None:
        if self.cycle is None or self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the body of the request took too long")

    def _stop(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise ValueError(status.phrase)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        body = msgspec.json.encode(problem(status, detail))
        headers = [
            *self.server_state.default_headers,
            *security_headers(),
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b": ".join(pair) for pair in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()

    def _forget(self, *, handed_over: bool) -> None:
        if self._address is not None and not handed_over:
            self.door.leave(self._address)
        self.door.guarded.discard(self)
        self._address = None


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose application can drop it at once, and that gives its place back at the end."""

    door: Door

    def handle_connect(self, event: Any) -> None:
        """Tell the application how to drop the connection."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][ABORT] = self.transport.abort

    async def send(self, message: Any) -> None:
        """Say that nobody is there any more in the way ASGI has for it, also once we gave up on the peer."""
        await self.writable.wait()
        if self.handshake_complete and self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.door.leave(self.client[0] if self.client else "")
        super().connection_lost(exc)


def guarded(limits: Limits) -> tuple[Door, type[GuardedHttp], type[GuardedWebSocket]]:
    """A door, and protocols for one server that use it."""
    door = Door(limits)
    http = type("ServerHttp", (GuardedHttp,), {"door": door})
    websocket = type("ServerWebSocket", (GuardedWebSocket,), {"door": door})
    return door, http, websocket
