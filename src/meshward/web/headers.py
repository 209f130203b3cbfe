"""Headers that every answer has."""

from __future__ import annotations

from litestar.types import Message, Scope

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
DOCS_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
)
PAGE = {
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Of pages that people look at, besides."""
POLICY = "content-security-policy"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def site_policy(*script_hashes: str) -> str:
    """Content-Security-Policy of the dashboard; the hashes are of scripts that stand in its page."""
    scripts = " ".join(("'self'", *script_hashes))
    return (
        # "connect-src 'self'" covers WebSockets to the same origin too.
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def security_headers(*, docs: bool = False) -> list[tuple[bytes, bytes]]:
    """For an answer of the API, or for the pages of its manual."""
    policy = DOCS_POLICY if docs else API_POLICY
    return [(name.encode(), value.encode()) for name, value in ((POLICY, policy), *SECURITY)]


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Litestar's hook before anything is sent. What the answer says of itself stays."""
    if message["type"] in _STARTS:
        docs = scope.get("path", "").startswith("/api/docs")
        headers: list[tuple[bytes, bytes]] = list(message.setdefault("headers", []))  # type: ignore[typeddict-item]
        said = {name.lower() for name, _ in headers}
        added = [header for header in security_headers(docs=docs) if header[0] not in said]
        message["headers"] = [*headers, *added]  # type: ignore[typeddict-unknown-key]
