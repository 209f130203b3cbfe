"""Headers that every answer has."""

from __future__ import annotations

from litestar.types import Message, Scope

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
)
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def security_headers(*, page: bool = False) -> list[tuple[bytes, bytes]]:
    """For an answer of the API, or for a page that shows something."""
    policy = PAGE_POLICY if page else API_POLICY
    return [
        (name.encode(), value.encode()) for name, value in (("content-security-policy", policy), *SECURITY)
    ]


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Litestar's hook before anything is sent."""
    if message["type"] in _STARTS:
        page = scope.get("path", "").startswith("/api/docs")
        headers = message.setdefault("headers", [])  # type: ignore[typeddict-item]
        message["headers"] = [*headers, *security_headers(page=page)]  # type: ignore[typeddict-unknown-key]
