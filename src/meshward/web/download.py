"""A file that is sent piece by piece, and gone once it is, or once nobody takes it any more."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, BinaryIO

from litestar import Request
from litestar.types import ASGIApp, HTTPResponseStartEvent, Receive, Scope, Send

from meshward.web.answers import Answer

CHUNK_BYTES = 256 * 1024


class Download(Answer[bytes]):
    """A file that is there only while `opened` is entered; what that raises is answered as ever."""

    def __init__(self, opened: AbstractAsyncContextManager[Path], *, name: str, media_type: str) -> None:
        super().__init__(b"", media_type=media_type)
        self._opened = opened
        self._name = name

    def to_asgi_response(  # type: ignore[override]  # Litestar calls what it gets, and nothing else
        self, _app: Any = None, _request: Request[Any, Any, Any] | None = None, **_options: Any
    ) -> ASGIApp:
        """Litestar's hook between a handler's value and the bytes."""
        return self._send

    async def _send(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened as path:
            file = await asyncio.to_thread(path.open, "rb")
            gone = asyncio.create_task(_until_gone(receive))
            try:
                await send(self._start(path.stat().st_size))
                await _send_pieces(file, gone, send)
            finally:
                file.close()
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)

    def _start(self, size_bytes: int) -> HTTPResponseStartEvent:
        headers = {
            "content-type": str(self.media_type),
            "content-length": str(size_bytes),
            "content-disposition": f'attachment; filename="{self._name}"',
            "cache-control": "no-store",
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        return {"type": "http.response.start", "status": 200, "headers": raw}


async def _send_pieces(file: BinaryIO, gone: asyncio.Task[None], send: Send) -> None:
    while not gone.done():
        piece = await asyncio.to_thread(file.read, CHUNK_BYTES)
        await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})
        if not piece:
            return


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
