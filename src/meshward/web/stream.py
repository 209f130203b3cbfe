"""The live stream: a snapshot, then numbered deltas, for any number of WebSocket clients.

A client is a number into the feed's ring, not a queue, so one that stalls costs a socket buffer and holds
up nobody; it is cut off when it takes nothing for too long, and starts over when it is too far behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from meshward.gateway.feed import Feed
from meshward.gateway.service import Caller
from meshward.web.auth import Identity
from meshward.web.buckets import Buckets
from meshward.web.context import Context, Web
from meshward.web.gate import refuse_socket
from meshward.web.options import WebOptions
from meshward.web.problems import Refusal

ABORT = "meshward.abort"
"""Extension of our server's: drops a connection at once, for one that stalls cannot be closed in peace."""
MESSAGE_BYTES_MAX = 4096
MESSAGES_PER_S = 5.0
MESSAGES_BURST = 20
ALIVE = b'{"type":"alive"}'
BATCH = 64
"""Deltas held for a client while it is sent to; it goes back to the ring after each such batch."""
CLOSE_POLICY = 1008
CLOSE_TRY_LATER = 1013
CLOSE_UNAUTHORIZED = 4401

Socket = WebSocket[Caller, Identity, Any]


class Resume(msgspec.Struct, kw_only=True):
    """From where a client goes on; all left out means from now, with a snapshot."""

    resume: int | None = None
    epoch: str | None = None


class _Closed(Exception):
    """Ends a stream of ours."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@websocket("/stream")
async def stream(socket: Socket, web: Context) -> None:
    """`?resume=N&epoch=E`, or the same as a first message, resumes after delta N."""
    feed = web.service.feed
    if feed.readers >= web.options.stream_clients:
        await refuse_socket(socket.scope, socket.send, Refusal(503, "too many clients already"))
        return
    feed.readers += 1
    try:
        await socket.accept()
        await _serve(socket, web, feed)
    except WebSocketDisconnect:
        pass
    finally:
        feed.readers -= 1


async def _serve(socket: Socket, web: Web, feed: Feed) -> None:
    reader = _Reader(socket)
    try:
        start = await _start(socket, reader, web)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(socket, feed, start, web.options), name="stream sender")
            tasks.create_task(reader.drain(), name="stream reader")
            tasks.create_task(_watch(socket, web), name="stream watch")
    except* _Closed as group:
        await _close(socket, _first(group))
    except* (WebSocketDisconnect, OSError):
        pass  # the client went; servers tell a sender so by an OSError


async def _start(socket: Socket, reader: _Reader, web: Web) -> Resume:
    """What the client said in the query or in its first message; it need say nothing."""
    query: Mapping[str, Any] = dict(socket.query_params)
    if query:
        return _resume(msgspec.json.encode(query))
    try:
        async with asyncio.timeout(web.options.stream_first_s):
            return _resume((await reader.message()).encode())
    except TimeoutError:
        return Resume()


def _resume(message: bytes) -> Resume:
    try:
        return msgspec.json.decode(message, type=Resume, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Resume()


async def _send(socket: Socket, feed: Feed, start: Resume, options: WebOptions) -> None:
    limit_s = options.stream_send_s
    number = start.resume if start.resume is not None and start.epoch == feed.epoch else -1
    if feed.after(number) == []:
        await _send_one(socket, ALIVE, limit_s)  # nothing was missed, and the client shall know
    while True:
        missed = feed.after(number)
        if missed is None:
            number, snapshot = feed.snapshot()
            await _send_one(socket, snapshot, limit_s)
        else:
            del missed[BATCH:]
            for delta in missed:
                await _send_one(socket, delta, limit_s)
                number += 1
        while not await _news(feed, number, options.stream_alive_s):
            await _send_one(socket, ALIVE, limit_s)


async def _news(feed: Feed, number: int, patience_s: float) -> bool:
    """Whether there is a delta after `number`; waits for it for a while."""
    try:
        async with asyncio.timeout(patience_s):
            await feed.wait(number)
    except TimeoutError:
        return False
    return True


async def _send_one(socket: Socket, text: bytes, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await socket.send({"type": "websocket.send", "text": text.decode(), "bytes": None})
    except TimeoutError:
        raise _Closed(CLOSE_TRY_LATER, "stalled") from None


async def _watch(socket: Socket, web: Web) -> None:
    """End the stream when its token is revoked or its session ends."""
    while True:
        await asyncio.sleep(web.options.stream_check_s)
        if not await web.auth.still(socket.auth):
            raise _Closed(CLOSE_UNAUTHORIZED, "the token is not good any more")


async def _close(socket: Socket, closed: _Closed) -> None:
    extensions: Mapping[str, Any] = socket.scope.get("extensions") or {}
    abort = extensions.get(ABORT)
    if closed.code == CLOSE_TRY_LATER and abort is not None:
        abort()
        return
    with contextlib.suppress(WebSocketDisconnect, OSError):
        await socket.close(code=closed.code, reason=closed.reason)


def _first(error: BaseException) -> _Closed:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, _Closed)
    return error


class _Reader:
    """What the client sends: nothing is asked of it, but much of it is refused."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._bucket = Buckets(MESSAGES_PER_S, MESSAGES_BURST, time.monotonic)

    async def message(self) -> str:
        """The next message. Raises WebSocketDisconnect, and _Closed for too many or too long ones."""
        text = await self._socket.receive_data(mode="text")
        if len(text) > MESSAGE_BYTES_MAX:
            raise _Closed(CLOSE_POLICY, "message too long")
        if self._bucket.take("") > 0:
            raise _Closed(CLOSE_POLICY, "too many messages")
        return text

    async def drain(self) -> None:
        """Read on; ends the stream when the client goes."""
        while True:
            await self.message()
