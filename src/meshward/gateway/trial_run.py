"""A rule on trial on one node: what is stored is read part by part, and judged beside the store's threads."""

from __future__ import annotations

import asyncio
import sqlite3

from meshward.gateway.rule_trial import Episode, NodeTrial, absences, episodes, is_ever_met, judged
from meshward.status.alerts.rule import Rule
from meshward.status.metrics import METRICS
from meshward.store import node_steps
from meshward.store.database import Database
from meshward.store.node_steps import Step

PART_S = 5 * 86_400.0
"""Read at once: 7200 minutes, some ms, so that others get at the store in between. Whole hours."""


async def try_on(database: Database, node: int, rule: Rule, start_s: float, end_s: float) -> NodeTrial:
    """Hold a rule against what is stored of a node. Raises StoreError."""
    stored = await _read(database, node, rule.metric, start_s, end_s)
    if not stored:
        return NodeTrial(None, 0.0, [])
    steps, is_met = await asyncio.to_thread(_judged, rule, stored)
    trial = NodeTrial(steps[0][0], max(step[1] for step in steps), [])
    if is_met:
        online = await _read(database, node, "online", start_s, end_s)
        trial.episodes.extend(await asyncio.to_thread(_episodes, rule, steps, online, start_s, end_s))
    return trial


async def _read(database: Database, node: int, metric: str, start_s: float, end_s: float) -> list[Step]:
    steps: list[Step] = []
    from_s = start_s // 3600 * 3600  # where steps begin, so that none is in two parts
    while from_s < end_s:
        until_s = min(from_s + PART_S, end_s)
        steps += await database.read_long(_part, node, metric, from_s, until_s)
        from_s = until_s
    return steps


def _part(connection: sqlite3.Connection, node: int, metric: str, start_s: float, end_s: float) -> list[Step]:
    return list(node_steps.read(connection, node, METRICS[metric], start_s, end_s))


def _judged(rule: Rule, stored: list[Step]) -> tuple[list[Step], bool]:
    steps = judged(rule, stored)
    return steps, is_ever_met(rule, steps)


def _episodes(
    rule: Rule, steps: list[Step], online: list[Step], start_s: float, end_s: float
) -> list[Episode]:
    return episodes(rule, steps, absences(online, start_s, end_s), end_s)
