"""Storing what the rollout engine says, in its order and all together."""

import sqlite3
from collections.abc import Sequence
from typing import assert_never

from meshward.rollout.changes import (
    Audited,
    Change,
    NodeProven,
    Noted,
    SaveHealth,
    SaveRollout,
    SaveRun,
)
from meshward.store import audit, events, nodes, rollouts
from meshward.store.events import StoredEvent
from meshward.store.transaction import transaction


def apply(connection: sqlite3.Connection, changes: Sequence[Change], at_s: float) -> list[StoredEvent]:
    """Store changes in one transaction; `at_s` is now. Gives the events with their numbers, to publish."""
    stored = []
    with transaction(connection):
        for change in changes:
            if isinstance(change, Noted):
                stored.append(
                    events.add(
                        connection,
                        at_s,
                        change.kind,
                        change.text,
                        severity=change.severity,
                        node=change.node,
                        rollout=change.rollout,
                    )
                )
            else:
                _store(connection, change, at_s)
    return stored


def _store(
    connection: sqlite3.Connection,
    change: SaveRollout | SaveRun | SaveHealth | NodeProven | Audited,
    at_s: float,
) -> None:
    match change:
        case SaveRollout():
            rollouts.save(connection, change.doc)
        case SaveRun():
            rollouts.save_run(connection, change.doc, at_s)
        case SaveHealth():
            rollouts.save_health(connection, change.node, change.record, at_s)
        case NodeProven():
            nodes.proven(
                connection,
                change.node,
                hardware=change.hardware,
                role=change.role,
                image=change.image,
                how=change.how,
                at_s=at_s,
            )
        case Audited():
            audit.append(connection, at_s, change.actor, change.action, change.subject, change.detail)
        case _:
            assert_never(change)
