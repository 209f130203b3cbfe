"""Tokens for people and programs."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody

from meshward.gateway.views import MadeToken, NewToken, TokenView
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context, ItemId
from meshward.web.problems import refusal_of_field

EXPIRES_IN_S_MAX = 100 * 365 * 86400.0
NAME_CHARACTERS_MAX = 100


@get("/tokens", summary="List tokens")
async def list_tokens(web: Context) -> list[TokenView]:
    """Without their secrets, which nobody knows."""
    return await web.service.tokens()


@post("/tokens", summary="Make a token", status_code=201)
async def create_token(web: Context, request: ApiRequest, data: JSONBody[NewToken]) -> Answer[MadeToken]:
    """The secret is in this answer and nowhere else. Under an idempotency key, the repeated answer has it
    blank: revoke that token and make another one.
    """
    if len(data.name) > NAME_CHARACTERS_MAX:
        raise refusal_of_field("name", f"at most {NAME_CHARACTERS_MAX} characters", 422)
    if data.expires_in_s is not None and not 0 < data.expires_in_s <= EXPIRES_IN_S_MAX:
        raise refusal_of_field("expires_in_s", f"more than 0 and at most {EXPIRES_IN_S_MAX:.0f} s", 422)
    return await web.once.answer(
        request, lambda: web.service.create_token(data, request.user), status=201, kept=_without_secret
    )


@delete("/tokens/{token_id:str}", summary="Revoke a token", status_code=200)
async def revoke_token(web: Context, request: ApiRequest, token_id: ItemId) -> Answer[TokenView]:
    """It is refused from the next request on, and its sessions and streams end."""
    return await web.once.answer(request, lambda: web.service.revoke_token(token_id, request.user))


def _without_secret(made: MadeToken) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(made)
    return {**shown, "token": ""}


HANDLERS = (list_tokens, create_token, revoke_token)
