"""What changed in the tree, of all nodes together."""

import sqlite3
from dataclasses import dataclass

from meshward.store.nodes import PARENT_CHANGES_MAX


@dataclass(frozen=True, slots=True)
class Move:
    """A node got another parent, joined, or left."""

    at_s: float
    node: int
    parent: int | None
    """None where it left."""
    before: int | None
    """None where it was not in the mesh."""


def between(connection: sqlite3.Connection, start_s: float, end_s: float, limit: int) -> list[Move]:
    """The latest of this time, both ends included, in their order.

    What a node that flaps did before its oldest change that is kept nobody knows, nor where it was then: that
    change only says what was before the next one.
    """
    # Without an index on the time: to look through 200,000 changes takes some 15 ms, and each change that is
    # stored would pay for one.
    rows = connection.execute(
        "SELECT at_s, node, parent, "
        "(SELECT parent FROM parent_change WHERE node = change.node AND id < change.id "
        "ORDER BY id DESC LIMIT 1) "
        "FROM parent_change AS change WHERE at_s BETWEEN ?1 AND ?2 "
        "AND (EXISTS (SELECT 1 FROM parent_change WHERE node = change.node AND id < change.id) "
        "OR (SELECT count(*) FROM parent_change WHERE node = change.node) < ?4) "
        "ORDER BY id DESC LIMIT ?3",
        (start_s, end_s, limit, PARENT_CHANGES_MAX),
    )
    return [Move(*row) for row in rows][::-1]
