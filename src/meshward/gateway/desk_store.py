"""What the desk takes up from the store."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from meshward.errors import UnknownItemError
from meshward.rollout.documents import RolloutDoc
from meshward.store import nodes, rollouts, settings
from meshward.store.nodes import NodeRow
from meshward.store.rollouts import Active


@dataclass(frozen=True, slots=True)
class Stored:
    """What was known and under way when the gateway ended."""

    nodes: list[NodeRow]
    active: Active
    health: dict[int, dict[str, Any]]
    clock_us: int
    ended: list[RolloutDoc]
    settings: dict[str, Any]


def load(connection: sqlite3.Connection, ended_max: int, settings_key: str) -> Stored:
    """Everything; of rollouts that are over, so many of the latest."""
    page = rollouts.page(connection, limit=ended_max)
    return Stored(
        nodes.load_all(connection),
        rollouts.load_active(connection),
        rollouts.load_health(connection),
        rollouts.last_clock_us(connection),
        [doc for doc in page.items if doc.ended_s is not None],
        settings.get(connection, settings_key, {}),
    )


def rows(connection: sqlite3.Connection, ids: list[int]) -> list[NodeRow]:
    """Those of the nodes that are there: one may have been forgotten meanwhile."""
    found = []
    for node in ids:
        with contextlib.suppress(UnknownItemError):
            found.append(nodes.get(connection, node))
    return found
