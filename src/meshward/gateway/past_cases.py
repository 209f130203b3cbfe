"""Use cases: what was. Who moved in the tree, who was in the mesh, and metrics of many nodes over time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from statistics import fmean

from meshward.errors import InvalidError
from meshward.gateway.dashboard_views import (
    DAYS_MAX,
    MOVES_MAX,
    AvailabilityView,
    MeshHistoryPoint,
    MeshHistoryView,
    MovesView,
    MoveView,
    NodeAvailability,
)
from meshward.gateway.desk import Desk
from meshward.gateway.health_cases import DAY_S, short, unit_of_history
from meshward.gateway.health_views import POINTS_MAX
from meshward.gateway.shown import moment
from meshward.gateway.views import NodeView
from meshward.store import availability, mesh_history, moves
from meshward.store.availability import Seen

NODES_AT_ONCE = 20
"""Read in one go: some 20 ms, so that others get at the store in between."""
SHARED_US = 60_000_000
"""How long the availability of the whole mesh is shown again: it is sampled once a minute."""


class PastCases(Desk):
    """See `service.Service`."""

    _availability: tuple[int, AvailabilityView] | None = None
    """Of the whole mesh, and when that was put together."""

    async def moves(self, *, start_s: float | None = None, end_s: float | None = None) -> MovesView:
        """What changed in the tree. Raises InvalidError."""
        start_s, end_s = self._span(start_s, end_s)
        found = await self.database.read(moves.between, start_s, end_s, MOVES_MAX + 1)
        if len(found) > MOVES_MAX:
            found = found[1:]
            start_s = found[0].at_s
        return MovesView(
            start=moment(start_s),
            end=moment(end_s),
            moves=[
                MoveView(at=moment(one.at_s), node=one.node, parent=one.parent, before=one.before)
                for one in found
            ],
        )

    async def availability(self, *, days: int = 30, node: int | None = None) -> AvailabilityView:
        """Day by day, in UTC. Raises UnknownItemError, InvalidError."""
        if not 1 <= days <= DAYS_MAX:
            raise InvalidError(f"days must be from 1 to {DAYS_MAX}, not {days}")
        if node is not None:
            self.known_node(node)
            return await self._availability_of([node], days)
        now_us = self.now_us()
        if self._availability is not None:
            made_us, view = self._availability
            if view.days == days and now_us - made_us < SHARED_US:
                return view
        view = await self._availability_of(sorted(self.book.views), days)
        self._availability = now_us, view
        return view

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
        """A metric of many nodes over time. Raises UnknownItemError, InvalidError."""
        start_s, end_s = self._span(start_s, end_s)
        if not 1 <= points_max <= POINTS_MAX:
            raise InvalidError(f"points must be from 1 to {POINTS_MAX}, not {points_max}")
        meant = self._meant_in_history(nodes, hardware)
        plan = await self.database.read(
            mesh_history.plan, meant, metric, start_s, end_s, resolution_s, points_max
        )
        gathering = mesh_history.Gathering(plan)
        for some in _in_parts(meant):
            await self.database.read(gathering.read, some)
        steps = await asyncio.to_thread(gathering.steps)
        return MeshHistoryView(
            metric=metric,
            unit=unit_of_history(metric),
            start=moment(start_s),
            end=moment(end_s),
            resolution_s=plan.step_s,
            points=[
                MeshHistoryPoint(
                    at_s=step.at_s,
                    low=short(step.low),
                    median=short(step.median),
                    high=short(step.high),
                    total=short(step.total),
                    nodes=step.nodes,
                )
                for step in steps
            ],
        )

    # -- inside ------------------------------------------------------------------------------

    def _span(self, start_s: float | None, end_s: float | None) -> tuple[float, float]:
        end_s = self.now_s() if end_s is None else end_s
        start_s = max(0.0, end_s - DAY_S) if start_s is None else start_s
        if not 0 <= start_s < end_s:
            raise InvalidError("the start must be before the end")
        return start_s, end_s

    async def _availability_of(self, nodes: list[int], days: int) -> AvailabilityView:
        now_s = self.now_s()
        first_day_s = int(now_s // DAY_S - days + 1) * availability.DAY_S
        shown: list[NodeAvailability] = []
        shares: list[list[float]] = [[] for _ in range(days)]
        """By day, of the nodes of which something is known."""
        for some in _in_parts(nodes):
            found = await self.database.read(availability.by_day, some, first_day_s, days, now_s)
            for node, seen in found.items():
                shown.append(_node_availability(node, seen))
                for day, one in zip(shares, seen, strict=True):
                    if one.share is not None:
                        day.append(one.share)
        return AvailabilityView(
            first_day=moment(first_day_s)[:10],
            days=days,
            mesh=[round(fmean(day), 6) if day else None for day in shares],
            nodes=shown,
        )

    def _meant_in_history(self, nodes: Sequence[int], hardware: str) -> list[int]:
        """All nodes, or these, and of them those with a hardware; without those that are not known."""
        views = self.book.views
        meant = [node for node in dict.fromkeys(nodes) if node in views] if nodes else sorted(views)
        return [node for node in meant if not hardware or self._hardware_of(views[node]) == hardware]

    def _hardware_of(self, view: NodeView) -> str:
        """As it was proven, else as it tells it."""
        facts = self.monitor.facts.nodes.get(view.id)
        return view.hardware or ("" if facts is None else facts.hardware)


def _node_availability(node: int, seen: list[Seen]) -> NodeAvailability:
    whole = Seen(sum(day.online for day in seen), sum(day.samples for day in seen))
    return NodeAvailability(
        node=node, days=[_rounded(day.share) for day in seen], ratio=_rounded(whole.share)
    )


def _rounded(share: float | None) -> float | None:
    """A minute of 90 days still shows."""
    return None if share is None else round(share, 6)


def _in_parts(nodes: list[int]) -> Iterator[list[int]]:
    return (nodes[start : start + NODES_AT_ONCE] for start in range(0, len(nodes), NODES_AT_ONCE))
