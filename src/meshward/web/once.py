"""Idempotency keys: an action asked for twice under one key happens once."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request

from meshward.errors import StoreError
from meshward.gateway.service import Caller, Service
from meshward.web.answers import Answer
from meshward.web.problems import Refusal, refusal_of_field

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_PATTERN = "^[!-~]{1,200}$"
"""Visible ASCII."""

_log = logging.getLogger("meshward.web")

T = TypeVar("T")


class Once:
    """Remembers what was answered under a key, in the store; failures are not, and may be tried again."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._under_way: set[tuple[str, str]] = set()

    async def answer(
        self,
        request: Request[Any, Any, Any],
        perform: Callable[[], Awaitable[T]],
        *,
        status: int = 200,
        kept: Callable[[T], Any] = msgspec.to_builtins,
    ) -> Answer[T]:
        """Perform, or repeat the answer. `kept` makes of the value what may be stored of it."""
        key = request.headers.get(HEADER)
        if key is None:
            return Answer(await perform(), status_code=status)
        if not re.fullmatch(KEY_PATTERN, key):
            raise refusal_of_field(HEADER, "it must be 1 to 200 visible ASCII characters")
        caller: Caller = request.user
        place = (caller.token_id or caller.name, key)
        if place in self._under_way:
            raise Refusal(409, "the first request under this idempotency key is not done yet: try again soon")
        self._under_way.add(place)
        try:
            return await self._answer(request, key, caller, perform, status, kept)
        finally:
            self._under_way.discard(place)

    async def _answer(
        self,
        request: Request[Any, Any, Any],
        key: str,
        caller: Caller,
        perform: Callable[[], Awaitable[T]],
        status: int,
        kept: Callable[[T], Any],
    ) -> Answer[T]:
        fingerprint = await _fingerprint(request)
        known = await self._service.recall(key, caller, fingerprint)
        if known is not None:
            return Answer(known[1], status_code=known[0], headers={REPLAYED: "true"})
        value = await perform()
        try:
            await self._service.remember(key, caller, fingerprint, status, kept(value))
        except StoreError as error:
            # It is done; an error here would have it done again.
            _log.warning("the answer under an idempotency key could not be kept: %s", error)
        return Answer(value, status_code=status)


async def _fingerprint(request: Request[Any, Any, Any]) -> str:
    query = request.scope["query_string"]
    head = f"{request.method} {request.scope['path']}?".encode() + query + b"\n"
    return hashlib.sha256(head + await request.body()).hexdigest()
