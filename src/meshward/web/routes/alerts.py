"""Alerts, what keeps them quiet, and the rules that they follow from."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter

from meshward.gateway.dashboard_views import RuleTrial, RuleTrialView
from meshward.gateway.health_views import (
    SILENCE_S_MAX,
    AckRequest,
    AlertView,
    NewSilence,
    RulePatch,
    RuleView,
    SilenceView,
    TestResult,
)
from meshward.gateway.views import Page
from meshward.web.answers import Answer
from meshward.web.checks import check_nodes, check_range, check_texts, iso_s
from meshward.web.context import ApiRequest, Context, Cursor, ItemId, Limit, OptionalNode, OptionalText
from meshward.web.problems import refusal_of_field

RULES_MAX = 100
FOR_S_MAX = 7 * 86_400.0
THRESHOLD_MAX = 1e12
"""Above every value that a metric can have."""

AlertState = Literal["pending", "firing", "resolved"]
States = Annotated[list[AlertState] | None, QueryParameter(name="state", max_items=20)]
RuleName = Annotated[str, PathParameter(pattern="^[a-z][a-z0-9_]{0,39}$")]


@get("/alerts", summary="List alerts")
async def list_alerts(
    web: Context,
    states: States = None,
    node: OptionalNode = None,
    rule: OptionalText = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AlertView]:
    """Newest first; those that are pending or firing where no state is named."""
    return await web.service.alerts(state=states or (), node=node, rule=rule, limit=limit, before=cursor)


@get("/alerts/{alert_id:str}", summary="Show an alert")
async def show_alert(web: Context, alert_id: ItemId) -> AlertView:
    """`quiet` says why nobody is told of it."""
    return await web.service.alert(alert_id)


@post("/alerts/{alert_id:str}/ack", summary="Acknowledge an alert", status_code=200)
async def ack_alert(
    web: Context, request: ApiRequest, alert_id: ItemId, data: JSONBody[AckRequest | None] = None
) -> Answer[AlertView]:
    """Somebody sees to it: it is not told again until it is over. The body may be left out."""
    note = data.note if data else ""
    return await web.once.answer(request, lambda: web.service.ack_alert(alert_id, note, request.user))


@post("/alerts/{alert_id:str}/unack", summary="Take back an acknowledgement", status_code=200)
async def unack_alert(web: Context, request: ApiRequest, alert_id: ItemId) -> Answer[AlertView]:
    """Nobody sees to it any more: it is told again."""
    return await web.once.answer(request, lambda: web.service.unack_alert(alert_id, request.user))


@get("/silences", summary="List silences and maintenance windows")
async def list_silences(web: Context, over: FromQuery[bool] = False) -> list[SilenceView]:
    """Those that wait or are active; with `over` those of the last 30 days that ended as well, the latest
    500 of them.
    """
    return await web.service.silences(over=over)


@post("/silences", summary="Create a silence or a maintenance window", status_code=201)
async def create_silence(
    web: Context, request: ApiRequest, data: JSONBody[NewSilence]
) -> Answer[SilenceView]:
    """Alerts that fit everything named are not told while it is active. Give `duration_s` or `ends_at`: it
    lasts a year at most.
    """
    _check_silence(data)
    return await web.once.answer(request, lambda: web.service.create_silence(data, request.user), status=201)


@delete("/silences/{silence_id:str}", summary="End a silence", status_code=200)
async def end_silence(web: Context, request: ApiRequest, silence_id: ItemId) -> Answer[SilenceView]:
    """Before its time; it stays in the list of those that are over."""
    return await web.once.answer(request, lambda: web.service.end_silence(silence_id, request.user))


@get("/alert-rules", summary="List the rules", sync_to_thread=False)
def list_rules(web: Context) -> list[RuleView]:
    """As they are in force, and where each was last changed."""
    return web.service.rules()


@patch("/alert-rules/{rule_name:str}", summary="Change or make a rule")
async def patch_rule(
    web: Context, request: ApiRequest, rule_name: RuleName, data: JSONBody[RulePatch]
) -> Answer[RuleView]:
    """What is left out stays as it is. Under a new name it makes a rule about one metric, which needs
    `metric`, `direction` and `threshold`.
    """
    _check_rule(data)
    return await web.once.answer(request, lambda: web.service.patch_rule(rule_name, data, request.user))


@delete("/alert-rules/{rule_name:str}", summary="Take back what was changed of a rule", status_code=200)
async def reset_rule(web: Context, request: ApiRequest, rule_name: RuleName) -> Answer[RuleView | None]:
    """It is as the rules' file or Meshward itself has it again; null where it is in neither, and gone."""
    return await web.once.answer(request, lambda: web.service.reset_rule(rule_name, request.user))


@post("/alert-rules/try", summary="Try a rule on what was measured", status_code=200)
async def try_rule(web: Context, data: JSONBody[RuleTrial]) -> RuleTrialView:
    """What a rule about a metric would have fired on in the last `days`. Nothing is kept, nobody is told."""
    for name in ("threshold", "clear"):
        check_range(name, getattr(data, name), -THRESHOLD_MAX, THRESHOLD_MAX)
    for name in ("for_s", "keep_firing_s"):
        check_range(name, getattr(data, name), 0, FOR_S_MAX)
    check_texts("metric", [data.metric])
    check_nodes("nodes", data.nodes)
    check_texts("tags", data.tags)
    return await web.service.try_rule(data)


@post("/alert-tests", summary="Send a test notification", status_code=200)
async def test_alerts(web: Context, request: ApiRequest) -> Answer[list[TestResult]]:
    """To every receiver that is configured, at once and without retries; says what came of each."""
    return await web.once.answer(request, lambda: web.service.test_alerts(request.user))


def _check_silence(new: NewSilence) -> None:
    check_texts("rules", new.rules, RULES_MAX)
    check_nodes("nodes", new.nodes)
    check_texts("tags", new.tags)
    if (new.duration_s is None) == (new.ends_at is None):
        raise refusal_of_field("ends_at", "give either this or `duration_s`", 422)
    if new.duration_s is not None and not 0 < new.duration_s <= SILENCE_S_MAX:
        raise refusal_of_field("duration_s", f"more than 0 and at most {SILENCE_S_MAX:.0f} s", 422)
    start_s = None if new.starts_at is None else iso_s("starts_at", new.starts_at)
    end_s = None if new.ends_at is None else iso_s("ends_at", new.ends_at)
    if start_s is not None and end_s is not None and not start_s < end_s <= start_s + SILENCE_S_MAX:
        raise refusal_of_field("ends_at", "must be after `starts_at`, by a year at most", 422)


def _check_rule(change: RulePatch) -> None:
    given = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET
    }
    for name in ("threshold", "clear"):
        check_range(name, given.get(name), -THRESHOLD_MAX, THRESHOLD_MAX)
    for name in ("for_s", "keep_firing_s"):
        check_range(name, given.get(name), 0, FOR_S_MAX)
    if "metric" in given:
        check_texts("metric", [given["metric"]])
    check_nodes("nodes", given.get("nodes", ()))
    check_texts("tags", given.get("tags", ()))


HANDLERS = (
    *(list_alerts, show_alert, ack_alert, unack_alert),
    *(list_silences, create_silence, end_silence),
    *(list_rules, patch_rule, reset_rule, try_rule),
    test_alerts,
)
