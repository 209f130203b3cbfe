"""Use cases: how the nodes do, how they did, and asking them."""

from __future__ import annotations

import asyncio
import itertools
from statistics import median

from meshward.errors import InvalidError, NotPossibleError, UnknownItemError
from meshward.gateway.bridge_views import NodeSample
from meshward.gateway.dashboard_views import NumbersView
from meshward.gateway.desk import Desk
from meshward.gateway.health_shown import (
    coverage_of,
    firing_by_node,
    mesh_status,
    metric_views,
    node_status,
    numbers,
    readings,
)
from meshward.gateway.health_views import (
    DEADLINE_S,
    MAX_AGE_S_MAX,
    POINTS_MAX,
    HistoryNote,
    HistoryPoint,
    HistoryView,
    MeshStatus,
    MetricView,
    NodeStatus,
    QueryAnswer,
    QueryRequest,
    QueryTotal,
    QueryView,
    ReadingView,
)
from meshward.gateway.shown import DAY_S, moment
from meshward.gateway.views import NodeView
from meshward.status.asking.questions import Question
from meshward.status.facts import MeshFacts, NodeFacts
from meshward.status.metrics import METRICS
from meshward.status.samples import Sample
from meshward.store import events, history, nodes
from meshward.streams import Stream

NOTES_MAX = 500
FRESH_US = 500_000
"""How old what is shown may be: some ms of work, which many readers share."""
TICKED_US = 6_000_000
"""The same for tables, which are asked for again and again: what the rules look at will do."""
SAMPLES_HELD = 20_000
"""For one reader that is slow: ten minutes of 1,000 nodes, in about 20 MB."""
LOOK_S = 0.05
LATE_S = 1.0
"""What is waited for an answer beyond its deadline, before the driver counts as stuck."""

_NOTED = {
    "node.restarted": "restart",
    "node.anomaly": "anomaly",
    "node.completed": "update",
    "node.left": "left",
    "node.joined": "joined",
    "alert.firing": "alert",
}


class HealthCases(Desk):
    """See `service.Service`."""

    _of_all: tuple[MeshFacts, MeshStatus] | None = None

    def metrics(self) -> list[MetricView]:
        """The catalogue."""
        return metric_views()

    def mesh_status(self) -> MeshStatus:
        """All nodes, those in trouble first; made once for each look, and shared by all who ask."""
        self._look()
        facts = self.monitor.facts
        if self._of_all is None or self._of_all[0] is not facts:
            self._of_all = (facts, mesh_status(self.monitor))
        return self._of_all[1]

    def node_status(self, node_id: int) -> NodeStatus:
        """One node. Raises UnknownItemError."""
        view = self.known_node(node_id)
        self._look()
        facts = self.monitor.facts.nodes.get(node_id) or NodeFacts(node_id, view.name)
        return node_status(self.monitor, facts, firing_by_node(self.monitor).get(node_id, ()))

    def numbers(self) -> NumbersView:
        """The latest values of all nodes."""
        self._look(TICKED_US)
        return numbers(self.monitor)

    def samples(self) -> Stream[NodeSample]:
        """What is measured of nodes, from now on."""
        return self.measured.open(SAMPLES_HELD)

    async def history(
        self,
        node_id: int,
        metric: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        resolution_s: float | None = None,
        points_max: int = 1000,
    ) -> HistoryView:
        """A metric over time. Raises UnknownItemError, InvalidError."""
        self.known_node(node_id)
        if metric not in METRICS:
            raise UnknownItemError(f"there is no metric {metric!r}; known are {', '.join(METRICS)}")
        end_s = self.now_s() if end_s is None else end_s
        start_s = end_s - DAY_S if start_s is None else start_s
        if not start_s < end_s:
            raise InvalidError("the start must be before the end")
        if not 1 <= points_max <= POINTS_MAX:
            raise InvalidError(f"points must be from 1 to {POINTS_MAX}, not {points_max}")
        series = await self.database.read_long(
            history.query, node_id, metric, start_s, end_s, resolution_s, points_max
        )
        return HistoryView(
            node=node_id,
            metric=metric,
            unit=unit_of_history(metric),
            start=moment(start_s),
            end=moment(end_s),
            resolution_s=series.resolution_s,
            points=[
                HistoryPoint(at_s=at_s, mean=short(mean), low=short(low), high=short(high), count=count)
                for at_s, mean, low, high, count in series.points
            ],
            notes=await self._notes(node_id, start_s, end_s),
        )

    async def query(self, request: QueryRequest) -> QueryView:
        """Ask nodes. Raises InvalidError, NotPossibleError."""
        _check_range("deadline_s", request.deadline_s, DEADLINE_S)
        _check_range("max_age_s", request.max_age_s, (0.0, MAX_AGE_S_MAX))
        meant = self._meant(request)
        asked = [node for node in meant if self.book.views[node].online]
        began_s, began_us = self.now_s(), self.now_us()
        question = self.monitor.questions.ask(
            asked,
            everybody=not request.nodes,
            role=request.role if not request.nodes else "",
            groups=tuple(request.groups),
            deadline_us=int(request.deadline_s * 1e6),
            max_age_us=int(request.max_age_s * 1e6),
            now_us=began_us,
        )
        was_over = question.ended_us is not None
        if asked and not question.id:
            raise NotPossibleError("too many questions are under way; try again in a few seconds")
        self.on_change()
        latest_us = began_us + int(request.deadline_s * 1e6)
        if question.due_us <= latest_us:  # else it is somebody's who waits longer
            latest_us = question.due_us + int(LATE_S * 1e6)
        while question.ended_us is None and self.now_us() < latest_us:  # noqa: ASYNC110 simpler than events
            await asyncio.sleep(LOOK_S)
        view = self._answered(question, meant)
        view.cached = was_over and bool(asked)
        view.asked_at = moment(began_s - (began_us - question.began_us) / 1e6)
        view.took_s = round((self.now_us() - began_us) / 1e6, 2)
        return view

    def _look(self, fresh_us: int = FRESH_US) -> None:
        """Rules are looked at every few seconds; a mesh that was just joined is shown at once."""
        facts = self.monitor.facts
        online = sum(one.online for one in facts.nodes.values())
        if self.now_us() - facts.now_us > fresh_us or online != len(self.book.online()):
            self.monitor.wall_s = self.now_s()
            self.monitor.look(self.now_us())

    # -- inside ------------------------------------------------------------------------------

    async def _notes(self, node_id: int, start_s: float, end_s: float) -> list[HistoryNote]:
        rows = await self.database.read_long(
            events.of_node, node_id, tuple(_NOTED), start_s, end_s, limit=NOTES_MAX
        )
        notes = [HistoryNote(at=moment(row.at_s), kind=_NOTED[row.kind], text=row.text) for row in rows]
        changes = await self.database.read_long(nodes.parents, node_id)
        notes += [
            HistoryNote(at=moment(change.at_s), kind="move", text=f"moved below {change.parent}")
            for change, before in itertools.pairwise(changes)
            if None not in {change.parent, before.parent} and start_s <= change.at_s <= end_s
        ]
        return sorted(notes, key=lambda note: note.at)

    def _meant(self, request: QueryRequest) -> list[int]:
        """Who is asked about: those named, also where they are away; else of the mesh all, or all that may
        have the role.
        """
        if not self.mesh_connected:
            raise NotPossibleError("the gateway is not in the mesh, so nobody can be asked")
        for node in request.nodes:
            self.known_node(node)
        online = self.book.online()
        if request.nodes:
            return list(dict.fromkeys(request.nodes))
        if request.role:
            found = [node for node in online if self._role_of(self.book.views[node]) in {request.role, ""}]
            if not found:
                raise NotPossibleError(f"no node of role {request.role!r} is in the mesh")
            return found
        return online

    def _role_of(self, view: NodeView) -> str:
        """The role of a node as it was proven, else as it tells it."""
        facts = self.monitor.facts.nodes.get(view.id)
        return view.role or ("" if facts is None else facts.role)

    def _as_known(self, view: NodeView) -> QueryAnswer:
        """In place of an answer: what is known of a node that gave none."""
        facts = self.monitor.facts.nodes.get(view.id)
        return QueryAnswer(
            node=view.id,
            name=view.name,
            answered=False,
            how="silent" if self.monitor.voices.can_answer(view.id) or not view.online else "known",
            age_s=None if facts is None else round(facts.silent_s, 1),
            metrics={} if facts is None else readings(facts.metrics),
        )

    def _answered(self, question: Question, meant: list[int]) -> QueryView:
        """What came of it; a node whose role is not known, and that did not answer, was not meant, and one
        that was removed meanwhile is nobody's business any more.
        """
        now_us = self.now_us()
        answers, ages = [], {}
        for node in sorted(meant):
            view = self.book.views.get(node)
            if view is None:
                continue
            answer = question.answers.get(node)
            if answer is not None:
                sample, at_us = answer
                ages[node] = max(0.0, (now_us - at_us) / 1e6)
                answers.append(_given(node, view.name, sample, ages[node]))
            elif not question.role or self._role_of(view) == question.role:
                answers.append(self._as_known(view))
        silent = [one.node for one in answers if one.how == "silent"]
        names = {one.node: one.name for one in answers}
        coverage = coverage_of(len(answers), ages, silent, names)
        known_only = sum(one.how == "known" for one in answers)
        if known_only:
            coverage.text += (
                f", {known_only} cannot be asked and {'is' if known_only == 1 else 'are'} as last known"
            )
        return QueryView(
            id=str(question.id),
            asked_at="",
            took_s=0.0,
            coverage=coverage,
            answers=answers,
            totals=_totals(answers),
        )


def short(value: float | None) -> float | None:
    """Without the digits that storing it in 32 bits made up."""
    return None if value is None else float(f"{value:.7g}")


def unit_of_history(metric: str) -> str:
    """The unit of a metric in history, where counters are rates."""
    known = METRICS[metric]
    return f"{known.unit}/s".lstrip() if known.kind == "counter" else known.unit


def _given(node: int, name: str, sample: Sample, age_s: float) -> QueryAnswer:
    values = dict(sample.values)
    if sample.uptime_s is not None:
        values["uptime_s"] = sample.uptime_s
    return QueryAnswer(
        node=node,
        name=name,
        answered=True,
        how="asked",
        age_s=round(age_s, 1),
        metrics={
            metric: ReadingView(value=value, age_s=round(age_s, 1), source=sample.source)
            for metric, value in values.items()
        },
        texts=dict(sample.texts),
    )


def _totals(answers: list[QueryAnswer]) -> dict[str, QueryTotal]:
    told: dict[str, list[tuple[float, int]]] = {}
    for answer in answers:
        if answer.answered:
            for metric, reading in answer.metrics.items():
                told.setdefault(metric, []).append((reading.value, answer.node))
    return {
        metric: QueryTotal(
            count=len(values),
            low=min(values)[0],
            median=median(value for value, _ in values),
            high=max(values)[0],
            lowest=min(values)[1],
            highest=max(values)[1],
        )
        for metric, values in told.items()
    }


def _check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not low <= value <= high:
        raise InvalidError(f"{name} must be from {low:g} to {high:g}, not {value:g}")
