"""Plain updates, the runs that all updates are made of, and what came of each node."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from meshward.gateway.views import AttemptView, Page, PushRequest, RolloutView, UpdateView
from meshward.rollout.states import RunKind
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context, Cursor, ItemId, Limit, OptionalNode, OptionalText

OpenOnly = Annotated[bool, QueryParameter(name="open", description="Only runs that are not over.")]


@get("/updates", summary="List runs")
async def list_updates(
    web: Context,
    rollout: OptionalText = None,
    kind: FromQuery[RunKind | None] = None,
    open_only: OpenOnly = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[UpdateView]:
    """Newest first; each is one pass over some nodes."""
    return await web.service.updates(
        rollout=rollout, kind=kind, open_only=open_only, limit=limit, before=cursor
    )


@post("/updates", summary="Push a firmware", status_code=201)
async def push_update(web: Context, request: ApiRequest, data: JSONBody[PushRequest]) -> Answer[RolloutView]:
    """One firmware to all boards of a role at once: a rollout of one wave, without gates."""
    return await web.once.answer(request, lambda: web.service.push(data, request.user), status=201)


@get("/updates/{update_id:str}", summary="Show a run")
async def show_update(web: Context, update_id: ItemId) -> UpdateView:
    """With every node it is about."""
    return await web.service.update(update_id)


@get("/attempts", summary="List what came of nodes in runs")
async def list_attempts(
    web: Context,
    node: OptionalNode = None,
    rollout: OptionalText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AttemptView]:
    """Newest first."""
    return await web.service.attempts(node=node, rollout=rollout, limit=limit, before=cursor)


HANDLERS = (list_updates, push_update, show_update, list_attempts)
