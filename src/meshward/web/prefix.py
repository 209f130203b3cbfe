"""Below the path of a proxy, whether that takes the path off before it asks us or leaves it."""

from __future__ import annotations

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from meshward.web.headers import security_headers

_OURS = frozenset({"api", "ui"})
"""How our own paths begin: below such a prefix nobody can tell whether it was taken off already."""


def below(app: ASGIApp, root_path: str) -> ASGIApp:
    """The application, called by a server that puts `root_path` before every path it is asked for."""
    if not root_path or root_path.split("/")[1] in _OURS:
        return app
    doubled = root_path * 2

    async def take_off(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == doubled and scope["type"] == ScopeType.HTTP:
            # Relative to what is in front of the proxy, of which we know no more.
            await _redirect(f"{root_path.rpartition('/')[2]}/", send)
            return
        if path.startswith(f"{doubled}/"):
            scope = {**scope, "path": path.removeprefix(root_path)}  # type: ignore[assignment]
        await app(scope, receive, send)

    return take_off


async def _redirect(location: str, send: Send) -> None:
    headers = [(b"location", location.encode()), (b"content-length", b"0"), *security_headers()]
    start: Any = {"type": "http.response.start", "status": 307, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
