"""JSON answers with an ETag, and requests that depend on one."""

from __future__ import annotations

import hashlib
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Request, Response
from litestar.response.base import ASGIResponse

from meshward.web.problems import Refusal

T = TypeVar("T")


def etag_of(body: bytes) -> str:
    """The ETag of an answer: a hash of its bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class Answer(Response[T], Generic[T]):
    """An answer; to a GET with its ETag, and without body where the caller has it already."""

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """Litestar's hook between a handler's value and the bytes."""
        answer = super().to_asgi_response(app, request, **options)
        headers = answer.headers
        if request.method != "GET" or answer.status_code != 200:
            headers.setdefault("cache-control", "no-store")
            return answer
        etag = etag_of(answer.body)
        headers.setdefault("cache-control", "no-cache, private")
        headers["etag"] = etag
        if not is_known(request.headers.get("if-none-match"), etag):
            return answer
        return ASGIResponse(
            status_code=304, headers={"etag": etag, "cache-control": headers["cache-control"]}, body=b""
        )


def check_match(request: Request[Any, Any, Any], current: msgspec.Struct) -> None:
    """Refuse a change with `If-Match` where GET would show something else by now."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not is_known(wanted, etag_of(msgspec.json.encode(current))):
        raise Refusal(412, "it has changed meanwhile: read it again, and decide with what it is now")


def is_known(header: str | None, etag: str) -> bool:
    """Whether a header, as If-None-Match, names what has this ETag."""
    if header is None:
        return False
    return header.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in header.split(",")]
