"""Use cases: what the dashboard keeps for all who look at it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from meshward.errors import InvalidError, StoreError
from meshward.gateway.dashboard_views import (
    POSITIONS_MAX,
    SAVED_VIEWS_MAX,
    DashboardPatch,
    DashboardView,
    MapPosition,
    SavedView,
)
from meshward.gateway.desk import Desk
from meshward.gateway.logs import get_logger
from meshward.gateway.service import Caller
from meshward.store import settings
from meshward.text import printable

log = get_logger("meshward.dashboard")

DASHBOARD_KEY = "dashboard"
CHANGED: dict[str, Any] = {"kind": "dashboard", "id": "dashboard", "value": None}
"""In the feed: a hint to read it again."""
_NODE = re.compile(r"[1-9][0-9]{0,9}")
_NODE_MAX = 0xFFFF_FFFF


class DashboardCases(Desk):
    """See `service.Service`."""

    async def dashboard(self) -> DashboardView:
        """What is kept."""
        return await self.database.read(_load)

    async def patch_dashboard(self, patch: DashboardPatch, caller: Caller) -> DashboardView:
        """Change some of it. Raises InvalidError."""
        _check(patch)
        detail = {
            **({"clear_positions": True} if patch.clear_positions else {}),
            **({"views": [view.name for view in patch.views]} if patch.views is not msgspec.UNSET else {}),
        }
        # Read and written by one job of the thread that writes: what others change meanwhile is not lost.
        changed = await self.write_audited(
            caller,
            "dashboard.change",
            lambda _: ("dashboard", detail) if detail else None,  # not where somebody drags a node about
            _change,
            patch,
            frozenset(self.book.views),
        )
        self.feed.publish([CHANGED])
        return changed


def _load(connection: sqlite3.Connection) -> DashboardView:
    """What is kept; nothing where that is damaged, for it can be made again."""
    try:
        kept = msgspec.convert(settings.get(connection, DASHBOARD_KEY, {}), DashboardView)
        _check(DashboardPatch(positions=dict(kept.positions), views=kept.views))
    except (StoreError, InvalidError, msgspec.ValidationError) as error:
        log.warning("what the dashboard keeps is damaged, and begins anew", reason=str(error))
        return DashboardView()
    return kept


def _change(connection: sqlite3.Connection, patch: DashboardPatch, known: Collection[int]) -> DashboardView:
    kept = _load(connection)
    positions: dict[str, MapPosition | None] = {}
    if not patch.clear_positions:
        positions.update(kept.positions)
    if patch.positions is not msgspec.UNSET:
        positions.update(patch.positions)
    changed = DashboardView(
        # Of nodes that were forgotten nothing stays. A tenth of the map's unit is less than can be seen.
        positions={
            node: MapPosition(x=round(place.x, 1), y=round(place.y, 1))
            for node, place in positions.items()
            if place is not None and int(node) in known
        },
        views=kept.views if patch.views is msgspec.UNSET else patch.views,
    )
    _check_count(changed.positions)
    settings.put(connection, DASHBOARD_KEY, msgspec.to_builtins(changed))
    return changed


def _check(patch: DashboardPatch) -> None:
    if patch.positions is not msgspec.UNSET:
        _check_count(patch.positions)
        for node in patch.positions:
            if not _NODE.fullmatch(node) or int(node) > _NODE_MAX:
                raise InvalidError(
                    f"positions: {printable(node, 40)!r} is no node: its id from 1 to {_NODE_MAX}, in decimal"
                )
    if patch.views is not msgspec.UNSET:
        _check_views(patch.views)


def _check_count(positions: Collection[str]) -> None:
    if len(positions) > POSITIONS_MAX:
        raise InvalidError(
            f"positions: the places of {POSITIONS_MAX} nodes are all that is kept, not of {len(positions)}"
        )


def _check_views(views: Sequence[SavedView]) -> None:
    if len(views) > SAVED_VIEWS_MAX:
        raise InvalidError(f"views: {SAVED_VIEWS_MAX} are all that is kept, not {len(views)}")
    for view in views:
        for what, text in (("name", view.name), ("query", view.query)):
            if printable(text, len(text)) != text or text.strip() != text:
                raise InvalidError(
                    f"views: this {what} holds control characters, or blanks at its ends: leave them out"
                )
    name, times = Counter(view.name.casefold() for view in views).most_common(1)[0] if views else ("", 1)
    if times > 1:
        raise InvalidError(f"views: two are called {name!r}; give each a name of its own")
