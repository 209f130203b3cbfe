"""What changed in the tree, of all nodes together."""

import math
import sqlite3
from dataclasses import dataclass

from meshward.store.nodes import NODES_MAX, PARENT_CHANGES_MAX


@dataclass(frozen=True, slots=True)
class Move:
    """A node got another parent, joined, or left."""

    at_s: float
    node: int
    parent: int | None
    """None where it left."""
    before: int | None
    """None where it was not in the mesh."""


def between(
    connection: sqlite3.Connection, start_s: float, end_s: float, limit: int, *, now_s: float = math.inf
) -> list[Move]:
    """The latest of this time, both ends included, in the order in which they happened.

    Where the clock stepped back, what was stamped before that is given the time of what came after it, and of
    `now_s` where nothing did: so the times are in order, and none is missing between two others.

    What a node that flaps did before its oldest change that is kept nobody knows, nor where it was then: that
    change only says what was before the next one.
    """
    # Of each node one is left out at most, so with these there are enough.
    at_s_by_id = _within(connection, start_s, end_s, now_s, limit + NODES_MAX)
    if not at_s_by_id:
        return []
    rows = connection.execute(
        "SELECT id, node, parent, "
        "(SELECT parent FROM parent_change WHERE node = change.node AND id < change.id "
        "ORDER BY id DESC LIMIT 1) "
        "FROM parent_change AS change WHERE id BETWEEN ?1 AND ?2 "
        "AND (EXISTS (SELECT 1 FROM parent_change WHERE node = change.node AND id < change.id) "
        "OR (SELECT count(*) FROM parent_change WHERE node = change.node) < ?4) "
        "ORDER BY id DESC LIMIT ?3",
        (min(at_s_by_id), max(at_s_by_id), limit, PARENT_CHANGES_MAX),
    )
    return [Move(at_s_by_id[change], *rest) for change, *rest in rows][::-1]


def _within(
    connection: sqlite3.Connection, start_s: float, end_s: float, now_s: float, limit: int
) -> dict[int, float]:
    """The latest changes of this time, all in a row, and when each was."""
    found: dict[int, float] = {}
    at_s = now_s
    # Without an index on the time: to look through 200,000 changes takes some 50 ms, and each change that is
    # stored would pay for one.
    for change, stamped_s in connection.execute("SELECT id, at_s FROM parent_change ORDER BY id DESC"):
        at_s = min(at_s, stamped_s)
        if at_s < start_s or len(found) == limit:
            break
        if at_s <= end_s:
            found[change] = at_s
    return found
