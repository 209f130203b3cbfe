"""Request bodies: JSON read strictly, and files as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from meshward.web.problems import FieldError, Refusal

JSON_BYTES_MAX = 256 * 1024
"""A rollout that names a thousand nodes one by one has a tenth of it."""


class StrictRequest(Request[Any, Any, Any]):
    """Reads JSON into the handler's type at once, without taking "1" for 1."""

    async def json(self) -> Any:
        """The body as what the handler says it is."""
        refuse_encoded(self)
        media_type = self.content_type[0]
        if media_type not in {"", "application/json"}:
            raise Refusal(415, "the body must be JSON, sent as `Content-Type: application/json`")
        field = self.route_handler.parsed_data_field
        return decode(await self.body(), field.annotation if field else Any)

    async def body(self) -> bytes:
        """The whole body."""
        try:
            return await super().body()
        except InternalServerException as error:
            raise gone() from error


def refuse_encoded(request: Request[Any, Any, Any]) -> None:
    """Refuse what would have to be unpacked first."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "send the body as it is, without Content-Encoding")


def decode(body: bytes, kind: Any) -> Any:
    """JSON of a peer as a value of this kind. Refuses it naming the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        field = path.removesuffix("`").removeprefix("$").removeprefix(".")
        detail = f"{field}: {message}" if field else message
        raise Refusal(400, detail, fields=[FieldError(field=field, detail=message)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from error
    except RecursionError as error:
        raise Refusal(400, "the JSON is nested too deeply") from error


async def chunks_of(request: Request[Any, Any, Any], limit_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes in. Refuses one over the limit, if it says so before anything is read, and one
    that breaks off.
    """
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes)
    taken = 0
    try:
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > limit_bytes:
                raise _too_large(limit_bytes)
            if chunk:
                yield chunk
    except InternalServerException as error:
        raise gone() from error


def _too_large(limit_bytes: int) -> Refusal:
    return Refusal(413, f"the file is larger than {limit_bytes} bytes, which is all that is taken")


def gone() -> Refusal:
    """Nobody reads this, but a log may."""
    return Refusal(400, "the connection was closed before the whole body came")
