"""Use cases: what the dashboard keeps for all who look at it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Sequence
from itertools import islice
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
CHANGED: dict[str, Any] = {"kind": "dashboard", "id": "dashboard", "value": {}}
"""In the feed: a hint to read it again. No null, which would mean that it is gone."""
_NODE = re.compile(r"[1-9][0-9]{0,9}")
_NODE_MAX = 0xFFFF_FFFF


class _Kept(msgspec.Struct):
    """What is stored, item by item yet to be looked at."""

    positions: dict[str, Any] = {}
    views: list[Any] = []


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
            **({"save_view": patch.save_view.name} if patch.save_view is not msgspec.UNSET else {}),
            **({"drop_view": patch.drop_view} if patch.drop_view is not msgspec.UNSET else {}),
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
    """What is kept; without what of it is damaged, or only a newer version understands."""
    try:
        kept = settings.get(connection, DASHBOARD_KEY, {})
    except StoreError as error:
        log.warning("what the dashboard keeps is damaged, and begins anew", reason=str(error))
        return DashboardView()
    whole, problems = _whole_of(kept)
    if problems:
        log.warning(
            "some of what the dashboard keeps is damaged, and left out",
            items=len(problems),
            first=problems[0],
        )
    return whole


def _whole_of(kept: Any) -> tuple[DashboardView, list[str]]:
    """What can be used, and what is wrong with the rest."""
    whole, problems = DashboardView(positions={}, views=[]), []
    try:
        parts = msgspec.convert(kept, _Kept)
    except msgspec.ValidationError as error:
        return whole, [str(error)]
    for node, place in islice(parts.positions.items(), POSITIONS_MAX):
        try:
            _check_node(node)
            whole.positions[node] = msgspec.convert(place, MapPosition)
        except (InvalidError, msgspec.ValidationError) as error:
            problems.append(str(error))
    for item in parts.views[:SAVED_VIEWS_MAX]:
        try:
            view = msgspec.convert(item, SavedView)
            _check_view(view)
            whole.views.append(view)
        except (InvalidError, msgspec.ValidationError) as error:
            problems.append(str(error))
    return whole, problems


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
        views=_views(kept.views, patch),
    )
    _check_counts(changed.positions, changed.views)
    settings.put(connection, DASHBOARD_KEY, msgspec.to_builtins(changed))
    return changed


def _views(kept: Sequence[SavedView], patch: DashboardPatch) -> list[SavedView]:
    """Those there are, in their order, with what is changed of them."""
    views = {view.name.casefold(): view for view in kept}
    if patch.drop_view is not msgspec.UNSET:
        views.pop(patch.drop_view.casefold(), None)
    if patch.save_view is not msgspec.UNSET:
        views[patch.save_view.name.casefold()] = patch.save_view
    return list(views.values())


def _check(patch: DashboardPatch) -> None:
    if patch.positions is not msgspec.UNSET:
        _check_counts(patch.positions)
        for node in patch.positions:
            _check_node(node)
    if patch.save_view is not msgspec.UNSET:
        _check_view(patch.save_view)
    if patch.drop_view is not msgspec.UNSET:
        _check_text("name", patch.drop_view)


def _check_counts(positions: Collection[str], views: Collection[SavedView] = ()) -> None:
    if len(positions) > POSITIONS_MAX:
        raise InvalidError(
            f"positions: the places of {POSITIONS_MAX} nodes are all that is kept, not of {len(positions)}"
        )
    if len(views) > SAVED_VIEWS_MAX:
        raise InvalidError(f"save_view: {SAVED_VIEWS_MAX} are kept already, and no more: drop one first")


def _check_node(node: str) -> None:
    if not _NODE.fullmatch(node) or int(node) > _NODE_MAX:
        raise InvalidError(
            f"positions: {printable(node, 40)!r} is no node: its id from 1 to {_NODE_MAX}, in decimal"
        )


def _check_view(view: SavedView) -> None:
    _check_text("name", view.name)
    _check_text("query", view.query)


def _check_text(what: str, text: str) -> None:
    if printable(text, len(text)) != text or text.strip() != text:
        raise InvalidError(
            f"the {what} of a view holds control characters, or blanks at its ends: leave them out"
        )
