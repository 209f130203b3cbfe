"""Use cases: what was. Who moved in the tree, who was in the mesh, and metrics of many nodes over time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
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
from meshward.gateway.health_cases import short, unit_of_history
from meshward.gateway.health_views import POINTS_MAX
from meshward.gateway.shared_work import SharedWork
from meshward.gateway.shown import DAY_S, moment
from meshward.gateway.views import NodeView
from meshward.store import availability, mesh_history, moves
from meshward.store.availability import Seen

NODES_AT_ONCE = 20
"""Read in one go: some 20 ms, so that others get at the store in between."""
SHARED_US = 60_000_000
"""How long the availability of the whole mesh is shown again: it is sampled once a minute."""
AVAILABILITIES_MAX = 4
"""Of the whole mesh, of as many lengths; one of 90 days and 1000 nodes has some 3 MB."""


class PastCases(Desk):
    """See `service.Service`."""

    @cached_property
    def _work(self) -> SharedWork:
        """All that looks through many nodes."""
        return SharedWork()

    @cached_property
    def _availabilities(self) -> dict[int, tuple[int, AvailabilityView]]:
        """Of the whole mesh by its days, and when that was put together; see AVAILABILITIES_MAX."""
        return {}

    async def moves(self, *, start_s: float | None = None, end_s: float | None = None) -> MovesView:
        """What changed in the tree. Raises InvalidError."""
        start_s, end_s = self._span(start_s, end_s)
        found = await self.database.read_long(
            moves.between, start_s, end_s, MOVES_MAX + 1, now_s=self.now_s()
        )
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
        made_us, view = self._availabilities.get(days, (0, None))
        if view is not None and self.now_us() - made_us < SHARED_US:
            return view
        return await self._work.answer(("availability", days), partial(self._availability_of_all, days))

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
        first_s, last_s = self._span(start_s, end_s)
        if not 1 <= points_max <= POINTS_MAX:
            raise InvalidError(f"points must be from 1 to {POINTS_MAX}, not {points_max}")
        meant = self._meant_in_history(nodes, hardware)
        # Without an end that is now, and a moment ago will do.
        question = (metric, start_s, end_s, resolution_s, points_max, tuple(nodes), hardware)
        return await self._work.answer(
            question, partial(self._mesh_history, metric, meant, first_s, last_s, resolution_s, points_max)
        )

    # -- inside ------------------------------------------------------------------------------

    def _span(self, start_s: float | None, end_s: float | None) -> tuple[float, float]:
        end_s = self.now_s() if end_s is None else end_s
        start_s = max(0.0, end_s - DAY_S) if start_s is None else start_s
        if not 0 <= start_s < end_s:
            raise InvalidError("the start must be before the end")
        return start_s, end_s

    async def _mesh_history(
        self,
        metric: str,
        meant: list[int],
        start_s: float,
        end_s: float,
        resolution_s: float | None,
        points_max: int,
    ) -> MeshHistoryView:
        plan = await self.database.read_long(
            mesh_history.plan, meant, metric, start_s, end_s, resolution_s, points_max
        )
        gathering = mesh_history.Gathering(plan)
        for some in _in_parts(meant, min(NODES_AT_ONCE, gathering.nodes_at_once)):
            await self.database.read_long(gathering.read, some)
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

    async def _availability_of_all(self, days: int) -> AvailabilityView:
        made_us = self.now_us()
        view = await self._availability_of(sorted(self.book.views), days)
        kept = self._availabilities
        kept.pop(days, None)
        kept[days] = made_us, view
        if len(kept) > AVAILABILITIES_MAX:
            del kept[next(iter(kept))]
        return view

    async def _availability_of(self, nodes: list[int], days: int) -> AvailabilityView:
        now_s = self.now_s()
        first_day_s = int(now_s // DAY_S - days + 1) * availability.DAY_S
        shown: list[NodeAvailability] = []
        shares: list[list[float]] = [[] for _ in range(days)]
        """By day, of the nodes of which something is known."""
        for some in _in_parts(nodes, NODES_AT_ONCE):
            found = await self.database.read_long(availability.by_day, some, first_day_s, days, now_s)
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
        """All nodes, or these, and of them those with a hardware. Raises UnknownItemError."""
        for node in nodes:
            self.known_node(node)
        views = self.book.views
        meant = list(dict.fromkeys(nodes)) if nodes else sorted(views)
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


def _in_parts(nodes: list[int], count: int) -> Iterator[list[int]]:
    return (nodes[start : start + count] for start in range(0, len(nodes), count))
