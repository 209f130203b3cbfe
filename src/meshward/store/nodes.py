"""The nodes that were ever seen, what is known of them, and where they hung in the tree."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meshward.errors import InvalidError, UnknownItemError
from meshward.store.text import from_json, to_json
from meshward.store.transaction import transaction
from meshward.text import printable

NAME_CHARACTERS_MAX = 64
REASON_CHARACTERS_MAX = 200
TAGS_MAX = 16
PARENT_CHANGES_MAX = 200
"""Kept of each node: a node that flaps must not fill the disk."""
NODES_MAX = 10_000
"""Above that, nodes that left and of which nothing is known are forgotten: a mesh can make up ids."""

_TAG = re.compile(r"[a-z0-9_.-]{1,32}")
_COLUMNS = (
    "id, name, tags, excluded, exclusion_reason, hardware, role, version, firmware, proven_how, proven_at_s, "
    "capabilities, first_seen_s, last_seen_s, up_since_s, "
    "(SELECT parent FROM parent_change WHERE node = node.id ORDER BY id DESC LIMIT 1)"
)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it is stored."""

    id: int
    name: str
    tags: tuple[str, ...]
    excluded: bool
    exclusion_reason: str
    hardware: str
    role: str
    version: str
    firmware: str
    """SHA-256 of what it was last proven to run."""
    proven_how: str
    proven_at_s: float | None
    capabilities: tuple[str, ...]
    first_seen_s: float | None
    last_seen_s: float | None
    up_since_s: float | None
    parent: int | None
    """None where it left the mesh, or was never in it."""


@dataclass(frozen=True, slots=True)
class ParentChange:
    """A node got another parent, or left the mesh."""

    node: int
    at_s: float
    parent: int | None


def load_all(connection: sqlite3.Connection) -> list[NodeRow]:
    """All nodes, by their ids."""
    return [_node(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM node ORDER BY id")]


def get(connection: sqlite3.Connection, node: int) -> NodeRow:
    """One node. Raises UnknownItemError."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM node WHERE id = ?", (node,)).fetchone()
    if row is None:
        raise UnknownItemError(f"node {node} was never seen; list the nodes with `meshward nodes`")
    return _node(row)


def seen(connection: sqlite3.Connection, nodes: Iterable[tuple[int, int]], at_s: float) -> list[ParentChange]:
    """Nodes that are in the mesh now, each with its neighbour on the way to us (our own id below us).

    Tells those that came, or hang elsewhere than before.
    """
    changes = []
    with transaction(connection):
        for node, parent in nodes:
            connection.execute(
                "INSERT INTO node (id, first_seen_s, last_seen_s, up_since_s) VALUES (?1, ?2, ?2, ?2) "
                "ON CONFLICT (id) DO UPDATE SET last_seen_s = ?2, up_since_s = coalesce(up_since_s, ?2), "
                "first_seen_s = coalesce(first_seen_s, ?2)",
                (node, at_s),
            )
            if _parent(connection, node) != parent:
                changes.append(_moved(connection, node, parent, at_s))
        if changes:
            _forget_surplus(connection)
    return changes


def left(connection: sqlite3.Connection, nodes: Iterable[int], at_s: float) -> list[ParentChange]:
    """Nodes that are not in the mesh any more. Tells those that were in it till now."""
    changes = []
    with transaction(connection):
        for node in nodes:
            was_up = connection.execute(
                "UPDATE node SET up_since_s = NULL WHERE id = ? AND up_since_s IS NOT NULL", (node,)
            )
            if was_up.rowcount:
                changes.append(_moved(connection, node, None, at_s))
    return changes


def touch(connection: sqlite3.Connection, nodes: Iterable[int], at_s: float) -> None:
    """These nodes gave a sign of life."""
    with transaction(connection):
        connection.executemany(
            "UPDATE node SET last_seen_s = ? WHERE id = ?", ((at_s, node) for node in nodes)
        )


def proven(
    connection: sqlite3.Connection,
    node: int,
    *,
    hardware: str,
    role: str,
    image: str | None,
    how: str,
    at_s: float,
) -> None:
    """A node showed what it is, and which firmware it runs.

    `image` is "" where it does not run what it was known to run, and None where nothing new was learned: the
    firmware that it was last proven to run then stays, with its proof.
    """
    with transaction(connection):
        connection.execute(
            "INSERT INTO node (id, hardware, role) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET "
            "hardware = coalesce(nullif(?2, ''), hardware), role = coalesce(nullif(?3, ''), role)",
            (node, hardware, role),
        )
        if image is not None:
            connection.execute(
                "UPDATE node SET firmware = ?2, proven_how = ?3, proven_at_s = ?4, "
                "version = coalesce((SELECT version FROM firmware WHERE sha256 = ?2), '') WHERE id = ?1",
                (node, image, how, at_s),
            )


def set_capabilities(connection: sqlite3.Connection, node: int, capabilities: Sequence[str]) -> None:
    """What a node can do besides what every board can. Raises UnknownItemError."""
    changed = connection.execute(
        "UPDATE node SET capabilities = ? WHERE id = ?", (to_json(sorted(capabilities)), node)
    )
    if not changed.rowcount:
        get(connection, node)


def patch(
    connection: sqlite3.Connection,
    node: int,
    *,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    excluded: bool | None = None,
    exclusion_reason: str | None = None,
) -> NodeRow:
    """What a user says of a node; None leaves it as it is. The reason goes when the exclusion does.

    Raises UnknownItemError, InvalidError.
    """
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = _checked(name.strip(), "name", NAME_CHARACTERS_MAX)
    if tags is not None:
        values["tags"] = to_json(_checked_tags(tags))
    if exclusion_reason is not None:
        values["exclusion_reason"] = _checked(exclusion_reason.strip(), "reason", REASON_CHARACTERS_MAX)
    if excluded is not None:
        values["excluded"] = int(excluded)
        if not excluded:
            values["exclusion_reason"] = ""
    with transaction(connection):
        get(connection, node)
        for column, value in values.items():
            connection.execute(f"UPDATE node SET {column} = ? WHERE id = ?", (value, node))
        return get(connection, node)


def forget(connection: sqlite3.Connection, node: int) -> None:
    """Drop a node with its health and its places in the tree; its attempts and events stay.

    Raises UnknownItemError.
    """
    with transaction(connection):
        if not connection.execute("DELETE FROM node WHERE id = ?", (node,)).rowcount:
            get(connection, node)
        connection.execute("DELETE FROM health WHERE node = ?", (node,))


def parents(connection: sqlite3.Connection, node: int, limit: int = PARENT_CHANGES_MAX) -> list[ParentChange]:
    """Where a node hung, newest first."""
    rows = connection.execute(
        "SELECT node, at_s, parent FROM parent_change WHERE node = ? ORDER BY id DESC LIMIT ?", (node, limit)
    )
    return [ParentChange(*row) for row in rows]


def last_parents(connection: sqlite3.Connection) -> dict[int, int]:
    """Where each node hung last, also those that left."""
    return dict(
        connection.execute(
            "SELECT node, parent FROM parent_change WHERE id IN "
            "(SELECT max(id) FROM parent_change WHERE parent IS NOT NULL GROUP BY node)"
        )
    )


def moves(connection: sqlite3.Connection, since_s: float) -> list[tuple[int, float]]:
    """Nodes that got another parent while they were in the mesh, and when; oldest first."""
    rows = connection.execute(
        "SELECT node, at_s, parent, "
        "lag(parent) OVER (PARTITION BY node ORDER BY id) FROM parent_change WHERE at_s > ? ORDER BY id",
        (since_s,),
    )
    return [(node, at_s) for node, at_s, parent, before in rows if parent is not None and before is not None]


def _node(row: tuple[object, ...]) -> NodeRow:
    values = dict(zip(NodeRow.__dataclass_fields__, row, strict=True))
    what = f"node {values['id']}"
    values["tags"] = tuple(from_json(str(values["tags"]), list[str], what))
    values["capabilities"] = tuple(from_json(str(values["capabilities"]), list[str], what))
    values["excluded"] = bool(values["excluded"])
    return NodeRow(**values)  # type: ignore[arg-type]


def _parent(connection: sqlite3.Connection, node: int) -> int | None:
    row = connection.execute(
        "SELECT parent FROM parent_change WHERE node = ? ORDER BY id DESC LIMIT 1", (node,)
    ).fetchone()
    return None if row is None else row[0]


def _moved(connection: sqlite3.Connection, node: int, parent: int | None, at_s: float) -> ParentChange:
    connection.execute(
        "INSERT INTO parent_change (node, at_s, parent) VALUES (?, ?, ?)", (node, at_s, parent)
    )
    connection.execute(
        "DELETE FROM parent_change WHERE node = ?1 AND id <= "
        "(SELECT id FROM parent_change WHERE node = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (node, PARENT_CHANGES_MAX),
    )
    return ParentChange(node, at_s, parent)


def _forget_surplus(connection: sqlite3.Connection) -> None:
    surplus = connection.execute("SELECT count(*) FROM node").fetchone()[0] - NODES_MAX
    if surplus > 0:
        connection.execute(
            "DELETE FROM node WHERE id IN (SELECT id FROM node WHERE up_since_s IS NULL AND name = '' "
            "AND tags = '[]' AND NOT excluded AND firmware = '' ORDER BY last_seen_s, id LIMIT ?)",
            (surplus,),
        )


def _checked(text: str, what: str, characters_max: int) -> str:
    if len(text) > characters_max:
        raise InvalidError(f"this {what} has {len(text)} characters: at most {characters_max} are taken")
    if printable(text, characters_max) != text:
        raise InvalidError(f"this {what} holds control characters: leave them out")
    return text


def _checked_tags(tags: Sequence[str]) -> list[str]:
    wrong = [tag for tag in tags if not _TAG.fullmatch(tag)]
    if wrong:
        raise InvalidError(
            f"{printable(wrong[0], 40)!r} is no tag: 1 to 32 of the characters a-z, 0-9, '_', '.' and '-'"
        )
    unique = sorted(set(tags))
    if len(unique) > TAGS_MAX:
        raise InvalidError(f"{len(unique)} tags are too many: a node has at most {TAGS_MAX}")
    return unique
