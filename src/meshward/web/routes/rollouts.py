"""Staged rollouts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from meshward.gateway.views import Page, RolloutPlan, RolloutSummary, RolloutView
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import Action, RolloutState
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context, Cursor, ItemId, Limit

States = Annotated[list[RolloutState] | None, QueryParameter(name="state", max_items=20)]


class ActionRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What may be said with an action."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


@get("/rollouts", summary="List rollouts")
async def list_rollouts(
    web: Context, states: States = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[RolloutSummary]:
    """Newest first."""
    return await web.service.rollouts(state=states or (), limit=limit, before=cursor)


@post("/rollouts", summary="Create a rollout", status_code=201)
async def create_rollout(
    web: Context, request: ApiRequest, data: JSONBody[RolloutSpec]
) -> Answer[RolloutView]:
    """It starts by itself, unless it waits for approval or its time."""
    return await web.once.answer(request, lambda: web.service.create_rollout(data, request.user), status=201)


@post("/rollouts/plan", summary="Show what a rollout would do", status_code=200)
async def plan_rollout(web: Context, data: JSONBody[RolloutSpec]) -> RolloutPlan:
    """Nothing is sent and nothing is kept."""
    return await web.service.plan_rollout(data)


@get("/rollouts/{rollout_id:str}", summary="Show a rollout")
async def show_rollout(web: Context, rollout_id: ItemId) -> RolloutView:
    """All of it, with every node's state."""
    return await web.service.rollout(rollout_id)


@post("/rollouts/{rollout_id:str}/{action:str}", summary="Act on a rollout", status_code=200)
async def act_on_rollout(
    web: Context,
    request: ApiRequest,
    rollout_id: ItemId,
    action: FromPath[Action],
    data: JSONBody[ActionRequest | None] = None,
) -> Answer[RolloutView]:
    """`actions` of the rollout says what is possible now. The body may be left out."""
    reason = data.reason if data else ""
    return await web.once.answer(request, lambda: web.service.act(rollout_id, action, request.user, reason))


HANDLERS = (list_rollouts, create_rollout, plan_rollout, show_rollout, act_on_rollout)
