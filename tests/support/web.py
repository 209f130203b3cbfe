"""The web application over a fake service: in process, and on a real port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
from litestar import Litestar

from meshward.web.app import WebOptions, make_app
from meshward.web.protocol import Limits
from meshward.web.server import serve
from tests.support.fake_service import FakeService

BASE = "http://localhost"
ORIGIN = {"Origin": BASE}


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {secret}"}


def client_of(app: Litestar, secret: str | None = None, **options: Any) -> httpx.AsyncClient:
    """Calls the application in process, without a server."""
    headers = bearer(secret) if secret else {}
    transport = httpx.ASGITransport(app, **options)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


def fake_app(service: FakeService | None = None, **options: Any) -> tuple[Litestar, FakeService]:
    """An application that is not slowed down by its limits, unless told."""
    service = service or FakeService()
    return make_app(
        service, WebOptions(**{"requests_per_s": 1e6, "requests_burst": 10**6, **options})
    ), service


@contextlib.asynccontextmanager
async def served(
    app: Litestar, limits: Limits | None = None, **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """The application on a port of its own; gives host and port."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, port=0, ready=url.set_result, limits=limits, **options))
    try:
        async with asyncio.timeout(10):
            await asyncio.wait([task, url], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield "127.0.0.1", int((await url).rpartition(":")[2])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Wait for something that happens in the server's own time."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  # nothing in the server tells a test
            await asyncio.sleep(0.01)


async def open_stream(app: Litestar, headers: dict[str, str], query: str = "") -> int:
    """Open the WebSocket in process and leave at once; the status it was answered with, 101 for accepted."""
    answers: asyncio.Queue[Any] = asyncio.Queue()
    events = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> Any:
        return next(events)

    sent = {"host": "localhost", **{name.lower(): value for name, value in headers.items()}}
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/api/v1/stream",
        "raw_path": b"/api/v1/stream",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, answers.put)  # type: ignore[arg-type]
    first = answers.get_nowait()
    return 101 if first["type"] == "websocket.accept" else int(first["status"])
