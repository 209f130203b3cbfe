"""The part of the fake service that is about health and alerts.

Node 1002 hears its parent badly, 1003 leaks, 1004 is a stock board, 1005 is away, and 1006 is silenced.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median
from typing import Any

import msgspec

from meshward import errors
from meshward.gateway import health_views as health
from meshward.gateway.service import Caller
from meshward.gateway.shown import moment
from meshward.gateway.views import NodeView, Page
from meshward.status.metrics import METRICS
from tests.support import health_values as values
from tests.support.health_values import EARLIER, NOW, NOW_S

DAY_S = 86_400.0
STEPS_S = (60.0, 300.0, 900.0, 3600.0, 21_600.0, DAY_S)
GAP_S = (NOW_S - 3 * 3600.0, NOW_S - 2 * 3600.0)
"""Nothing was stored of anybody in this hour."""
QUERY_GROUPS = {
    "heap": ("heap_free_bytes", "heap_min_bytes", "heap_block_bytes"),
    "link": ("rssi_dbm", "links", "delay_ms", "jitter_ms"),
    "traffic": ("messages_received", "messages_sent", "messages_dropped"),
    "power": ("temperature_c", "battery_percent", "uptime_s"),
    "firmware": (),
}


class FakeHealth:
    """Statuses follow the nodes of the fake service, alerts and rules what is done to them."""

    nodes_by_id: dict[int, NodeView]
    mesh_connected: bool
    _note: Callable[[Caller, str, str], None]

    def __init__(self) -> None:
        self.statuses: dict[int, health.NodeStatus] = {}
        """In the place of what would follow from the node."""
        self.alerts_by_id = {view.id: view for view in values.alerts()}
        self.silences_by_id = {view.id: view for view in values.silences()}
        self.defaults = {view.name: view for view in values.rules()}
        self.rules_by_name = {name: msgspec.structs.replace(view) for name, view in self.defaults.items()}
        self.test_results = [
            health.TestResult(receiver="webhook hooks.example", ok=True, text="delivered in 0.1 s"),
            health.TestResult(receiver="mail ops@mesh.example", ok=False, text="connection refused"),
        ]
        self.queries = 0

    # Health.

    def metrics(self) -> list[health.MetricView]:
        return [
            health.MetricView(name=name, kind=metric.kind, unit=metric.unit, words=metric.words)
            for name, metric in METRICS.items()
        ]

    def mesh_status(self) -> health.MeshStatus:
        nodes = sorted(
            (self.node_status(node_id) for node_id in self.nodes_by_id),
            key=lambda status: (status.health.value, status.node),
        )
        return values.mesh_status(*nodes, articulation=[1001] if 1001 in self.nodes_by_id else [])

    def node_status(self, node_id: int) -> health.NodeStatus:
        view = self._known(node_id)
        return self.statuses.get(node_id) or _status(view, self._firing(node_id))

    def _known(self, node_id: int) -> NodeView:
        if node_id not in self.nodes_by_id:
            raise errors.UnknownItemError(f"there is no node {node_id}; list them with `meshward status`")
        return self.nodes_by_id[node_id]

    def _firing(self, node_id: int) -> list[str]:
        return [
            view.id for view in self.alerts_by_id.values() if view.node == node_id and view.state == "firing"
        ]

    async def history(
        self,
        node_id: int,
        metric: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        resolution_s: float | None = None,
        points_max: int = 1000,
    ) -> health.HistoryView:
        self._known(node_id)
        if metric not in METRICS:
            raise errors.UnknownItemError(f"there is no metric {metric}")
        end_s = NOW_S if end_s is None else end_s
        start_s = end_s - DAY_S if start_s is None else start_s
        if not start_s < end_s:
            raise errors.InvalidError("the range ends before it begins")
        span_s = end_s - start_s
        fitting = [step_s for step_s in STEPS_S if span_s / step_s <= points_max]
        step_s = (fitting or [span_s / points_max])[0] if resolution_s is None else resolution_s or 60.0
        count = math.ceil(span_s / step_s)
        if count > points_max:
            raise errors.InvalidError(f"{count} points are more than {points_max}: take a longer resolution")
        return health.HistoryView(
            node=node_id,
            metric=metric,
            unit=METRICS[metric].unit + ("/s" if METRICS[metric].kind == "counter" else ""),
            start=moment(start_s),
            end=moment(end_s),
            resolution_s=step_s if resolution_s is None else resolution_s,
            points=[_point(metric, start_s + place * step_s, step_s) for place in range(count)],
            notes=[health.HistoryNote(at=EARLIER, kind="restart", text="restarted")],
        )

    async def query(self, request: health.QueryRequest) -> health.QueryView:
        if not self.mesh_connected:
            raise errors.NotPossibleError("no neighbour is connected: nobody can be asked")
        asked = [self._known(node_id) for node_id in request.nodes] or [
            view for view in self.nodes_by_id.values() if request.role in {"", view.role}
        ]
        self.queries += 1
        answers = [_answer(self.node_status(view.id), request.groups) for view in asked]
        told = [answer for answer in answers if answer.answered]
        silent = [(answer.node, answer.name) for answer in answers if answer.how == "silent"]
        mute = len(answers) - len(told) - len(silent)
        return health.QueryView(
            id=f"q{self.queries}",
            asked_at=NOW,
            took_s=0.8,
            coverage=values.coverage(len(asked), silent, 0.4 if told else None, mute=mute),
            answers=answers,
            totals=_totals(told),
        )

    # Alerts.

    async def alerts(
        self,
        *,
        state: Sequence[str] = (),
        node: int | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[health.AlertView]:
        wanted = state or ("pending", "firing")
        found = [
            view
            for view in reversed(self.alerts_by_id.values())
            if view.state in wanted and node in {None, view.node} and rule in {None, view.rule}
        ]
        ids = [view.id for view in found]
        start = ids.index(before) + 1 if before in ids else 0 if before is None else len(ids)
        shown = found[start : start + limit]
        more = start + len(shown) < len(found)
        return Page(items=shown, total=len(found), next=shown[-1].id if shown and more else None)

    async def alert(self, alert_id: str) -> health.AlertView:
        if alert_id not in self.alerts_by_id:
            raise errors.UnknownItemError(f"there is no alert {alert_id}")
        return self.alerts_by_id[alert_id]

    async def ack_alert(self, alert_id: str, note: str, caller: Caller) -> health.AlertView:
        view = await self.alert(alert_id)
        if view.state == "resolved":
            raise errors.ConflictError(f"alert {alert_id} is over")
        view.acked_by, view.acked_at, view.ack_note, view.quiet = caller.name, NOW, note, "acknowledged"
        self._note(caller, "ack alert", alert_id)
        return view

    async def unack_alert(self, alert_id: str, caller: Caller) -> health.AlertView:
        view = await self.alert(alert_id)
        if not view.acked_by:
            raise errors.ConflictError(f"alert {alert_id} is not acknowledged")
        view.acked_by, view.acked_at, view.ack_note, view.quiet = "", None, "", ""
        self._note(caller, "unack alert", alert_id)
        return view

    async def silences(self, *, over: bool = False) -> list[health.SilenceView]:
        return [view for view in self.silences_by_id.values() if over or view.state != "over"]

    async def create_silence(self, new: health.NewSilence, caller: Caller) -> health.SilenceView:
        starts_s = NOW_S if new.starts_at is None else datetime.fromisoformat(new.starts_at).timestamp()
        if new.ends_at is not None:
            ends_s = datetime.fromisoformat(new.ends_at).timestamp()
        else:
            ends_s = starts_s + (new.duration_s or 0.0)
        if ends_s <= max(starts_s, NOW_S):
            raise errors.InvalidError("ends_at: it would be over already")
        view = health.SilenceView(
            id=f"s{len(self.silences_by_id) + 1}",
            kind=new.kind,
            state="active" if starts_s <= NOW_S else "waiting",
            rules=new.rules,
            nodes=new.nodes,
            tags=new.tags,
            starts_at=moment(starts_s),
            ends_at=moment(ends_s),
            reason=new.reason,
            created_by=caller.name,
            created_at=NOW,
        )
        self.silences_by_id[view.id] = view
        self._note(caller, "create silence", view.id)
        return view

    async def end_silence(self, silence_id: str, caller: Caller) -> health.SilenceView:
        if silence_id not in self.silences_by_id:
            raise errors.UnknownItemError(f"there is no silence {silence_id}")
        view = self.silences_by_id[silence_id]
        if view.state == "over":
            raise errors.ConflictError(f"silence {silence_id} is over already")
        view.state, view.ended_by = "over", caller.name
        self._note(caller, "end silence", silence_id)
        return view

    def rules(self) -> list[health.RuleView]:
        return list(self.rules_by_name.values())

    async def patch_rule(self, name: str, patch: health.RulePatch, caller: Caller) -> health.RuleView:
        changes = {
            field: value
            for field, value in msgspec.structs.asdict(patch).items()
            if value is not msgspec.UNSET
        }
        if changes.get("metric", "rssi_dbm") not in METRICS:
            raise errors.InvalidError(f"metric: there is no metric {changes['metric']}")
        known = self.rules_by_name.get(name)
        if known is None:
            if not {"metric", "direction", "threshold"} <= set(changes):
                raise errors.InvalidError(
                    f"there is no rule {name}; a new one needs metric, direction and threshold"
                )
            known = values.rule(name, about="", custom=True, unit=METRICS[changes["metric"]].unit)
        self.rules_by_name[name] = msgspec.structs.replace(known, **changes, origin="api")
        self._note(caller, "patch rule", name)
        return self.rules_by_name[name]

    async def reset_rule(self, name: str, caller: Caller) -> health.RuleView | None:
        if name not in self.rules_by_name:
            raise errors.UnknownItemError(f"there is no rule {name}")
        del self.rules_by_name[name]
        if name in self.defaults:
            self.rules_by_name[name] = msgspec.structs.replace(self.defaults[name])
        self._note(caller, "reset rule", name)
        return self.rules_by_name.get(name)

    async def test_alerts(self, caller: Caller) -> list[health.TestResult]:
        self._note(caller, "test alerts", "")
        return self.test_results


def _status(view: NodeView, firing: list[str]) -> health.NodeStatus:
    told: dict[str, Any] = {
        "name": view.name,
        "parent": 1 if view.online else None,
        "depth": view.depth,
        "hardware": view.hardware,
        "role": view.role,
        "version": view.version,
        "alerts": firing,
        "texts": {"version": view.version},
    }
    number = view.id - 1000
    if not view.online:
        told |= {
            "online": False,
            "health": values.score(not_in_the_mesh=100),
            "silent_s": 5400.0,
            "metrics": values.readings(5400.0, online=0.0),
        }
    elif number == 2:
        told |= {
            "health": values.score(weak_link_to_its_parent=20),
            "metrics": values.readings(rssi_dbm=-84.0, probe_loss_percent=15.0),
            "anomalies": [values.anomaly()],
            "lost_frames": 4,
        }
    elif number == 3:
        told |= {
            "health": values.score(heap_runs_out_in_41_h=30),
            "metrics": values.readings(heap_free_bytes=29_440.0, heap_min_bytes=28_160.0),
            "leak": values.leak(),
            "restarts": ["2026-11-22T07:14:00Z"],
        }
    elif number == 4:
        told |= {"tells": ["mesh"], "texts": {}, "metrics": values.seen()}
    return values.node_status(view.id, **told)


def _point(metric: str, at_s: float, step_s: float) -> health.HistoryPoint:
    if not at_s < NOW_S or GAP_S[0] <= at_s < GAP_S[1]:
        return health.HistoryPoint(at_s=at_s, mean=None, low=None, high=None, count=0)
    usual = values.READINGS.get(metric, values.SEEN.get(metric, 10.0))
    mean = usual * (1 + 0.05 * math.sin(at_s / DAY_S * math.tau))
    return health.HistoryPoint(
        at_s=at_s, mean=mean, low=mean * 0.98, high=mean * 1.02, count=max(1, round(step_s / 60))
    )


def _answer(status: health.NodeStatus, groups: Sequence[str]) -> health.QueryAnswer:
    wanted = {name for group in groups or QUERY_GROUPS for name in QUERY_GROUPS[group]}
    how = "silent" if not status.online else "asked" if "telemetry" in status.tells else "known"
    age_s = 0.4 if how == "asked" else None
    return health.QueryAnswer(
        node=status.node,
        name=status.name,
        answered=how == "asked",
        how=how,
        age_s=age_s,
        metrics={
            name: health.ReadingView(value=reading.value, age_s=0.4, source="query")
            if how == "asked"
            else reading
            for name, reading in status.metrics.items()
            if name in wanted
        },
        texts=status.texts if "firmware" in (groups or QUERY_GROUPS) else {},
    )


def _totals(answers: list[health.QueryAnswer]) -> dict[str, health.QueryTotal]:
    names = sorted({name for answer in answers for name in answer.metrics})
    return {name: _total(name, [answer for answer in answers if name in answer.metrics]) for name in names}


def _total(name: str, answers: list[health.QueryAnswer]) -> health.QueryTotal:
    ordered = sorted(answers, key=lambda answer: answer.metrics[name].value)
    read = [answer.metrics[name].value for answer in ordered]
    return health.QueryTotal(
        count=len(read),
        low=read[0],
        median=median(read),
        high=read[-1],
        lowest=ordered[0].node,
        highest=ordered[-1].node,
    )
