"""The part of the fake service that is about what was.

Node 1003 moved from 1001 to 1002 an hour ago, node 1005 left an hour and a half ago. Every day all were there,
but 1005, which was away half of today; it is known for a week.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import fmean, median

import msgspec

from meshward import errors
from meshward.gateway import health_views as health
from meshward.gateway.dashboard_views import (
    DAYS_MAX,
    AvailabilityView,
    MeshHistoryPoint,
    MeshHistoryView,
    MovesView,
    MoveView,
    NodeAvailability,
    NodeNumbers,
    NumbersView,
)
from meshward.gateway.shown import moment
from meshward.gateway.views import NodeView
from meshward.status.metrics import METRICS
from tests.support.health_values import NOW, NOW_S

DAY_S = 86_400.0
KNOWN_DAYS = 7
STEPS_S = (60.0, 300.0, 900.0, 3600.0, 10_800.0, DAY_S)
MOVES = (
    (NOW_S - 5400, 1005, None, 1001),
    (NOW_S - 3600, 1003, 1002, 1001),
)


class FakePast:
    """Follows the nodes of the fake service."""

    nodes_by_id: dict[int, NodeView]
    _known: Callable[[int], NodeView]
    mesh_status: Callable[[], health.MeshStatus]

    async def moves(self, *, start_s: float | None = None, end_s: float | None = None) -> MovesView:
        start_s, end_s = _span(start_s, end_s)
        return MovesView(
            start=moment(start_s),
            end=moment(end_s),
            moves=[
                MoveView(at=moment(at_s), node=node, parent=parent, before=before)
                for at_s, node, parent, before in MOVES
                if node in self.nodes_by_id and start_s <= at_s <= end_s
            ],
        )

    async def availability(self, *, days: int = 30, node: int | None = None) -> AvailabilityView:
        if not 1 <= days <= DAYS_MAX:
            raise errors.InvalidError(f"days must be from 1 to {DAYS_MAX}")
        shown = [self._known(node).id] if node is not None else sorted(self.nodes_by_id)
        rows = [_availability(one, days) for one in shown]
        told = [[row.days[day] for row in rows if row.days[day] is not None] for day in range(days)]
        return AvailabilityView(
            first_day=datetime.fromtimestamp(NOW_S - (days - 1) * DAY_S, UTC).date().isoformat(),
            days=days,
            mesh=[fmean(day) if day else None for day in told],
            nodes=rows,
        )

    async def mesh_history(
        self,
        metric: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        resolution_s: float | None = None,
        points_max: int = 300,
        nodes: Sequence[int] = (),
        hardware: str = "",
    ) -> MeshHistoryView:
        if metric not in METRICS:
            raise errors.UnknownItemError(f"there is no metric {metric}")
        start_s, end_s = _span(start_s, end_s)
        for node in nodes:
            self._known(node)
        meant = [
            view.id
            for view in self.nodes_by_id.values()
            if (not nodes or view.id in nodes) and hardware in {"", view.hardware}
        ]
        wanted_s = max(resolution_s or 0.0, (end_s - start_s) / points_max)
        step_s = next((step_s for step_s in STEPS_S if step_s >= wanted_s), math.ceil(wanted_s))
        count = math.ceil((end_s - start_s) / step_s) if meant else 0
        return MeshHistoryView(
            metric=metric,
            unit=METRICS[metric].unit + ("/s" if METRICS[metric].kind == "counter" else ""),
            start=moment(start_s),
            end=moment(end_s),
            resolution_s=step_s,
            points=[_point(start_s + place * step_s, meant) for place in range(count)],
        )

    def numbers(self) -> NumbersView:
        status = self.mesh_status()
        return NumbersView(
            at=NOW,
            summary=status.summary,
            health=msgspec.to_builtins(status.health),
            coverage=status.coverage.text,
            articulation=status.articulation,
            nodes=[
                NodeNumbers(
                    node=one.node,
                    metrics={
                        name: reading.value for name, reading in one.metrics.items() if name != "online"
                    },
                    silent_s=one.silent_s,
                    reboots=len(one.restarts),
                )
                for one in sorted(status.nodes, key=lambda one: one.node)
            ],
        )


def _span(start_s: float | None, end_s: float | None) -> tuple[float, float]:
    end_s = NOW_S if end_s is None else end_s
    start_s = max(0.0, end_s - DAY_S) if start_s is None else start_s
    if not start_s < end_s:
        raise errors.InvalidError("the range ends before it begins")
    return start_s, end_s


def _availability(node: int, days: int) -> NodeAvailability:
    known = min(days, KNOWN_DAYS if node == 1005 else days)
    shares = [1.0] * known
    if node == 1005:
        shares[-1] = 0.5
    return NodeAvailability(node=node, days=[*[None] * (days - known), *shares], ratio=fmean(shares))


def _point(at_s: float, nodes: Sequence[int]) -> MeshHistoryPoint:
    if NOW_S - 3 * 3600 <= at_s < NOW_S - 2 * 3600:  # the gap that every node has
        return MeshHistoryPoint(at_s=at_s, low=None, median=None, high=None, total=None, nodes=0)
    values = [10.0 + node % 7 + math.sin(at_s / DAY_S * math.tau) for node in nodes]
    return MeshHistoryPoint(
        at_s=at_s,
        low=min(values),
        median=median(values),
        high=max(values),
        total=sum(values),
        nodes=len(values),
    )
