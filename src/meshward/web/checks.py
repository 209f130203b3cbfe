"""Bounds that types do not say. Each check raises Refusal naming the field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from meshward.web.context import NODE_ID_MAX
from meshward.web.problems import refusal_of_field

NODES_MAX = 2000
"""Named one by one: more than any mesh has."""
TAGS_MAX = 20
TEXT_CHARACTERS_MAX = 64
"""Of a tag, a role, or the name of a rule or metric."""
MOMENT_S_MAX = 4_102_444_800
"""The year 2100: what comes later is a mistake."""

_UNIX = re.compile(r"[0-9]{1,10}(?:[.][0-9]{1,9})?")


def check_range(field: str, value: float | None, low: float, high: float) -> None:
    """Whether a number is in these bounds, where it is given."""
    if value is not None and not low <= value <= high:
        raise refusal_of_field(field, f"must be from {low:g} to {high:g}", 422)


def check_nodes(field: str, nodes: Sequence[int]) -> None:
    """Whether these can be ids of nodes, and not too many."""
    if len(nodes) > NODES_MAX:
        raise refusal_of_field(field, f"at most {NODES_MAX} nodes", 422)
    if not all(1 <= node_id <= NODE_ID_MAX for node_id in nodes):
        raise refusal_of_field(field, f"a node's id is from 1 to {NODE_ID_MAX}", 422)


def check_texts(field: str, texts: Sequence[str], count_max: int = TAGS_MAX) -> None:
    """Whether these are short names, and not too many."""
    if len(texts) > count_max:
        raise refusal_of_field(field, f"at most {count_max}", 422)
    if not all(1 <= len(text) <= TEXT_CHARACTERS_MAX for text in texts):
        raise refusal_of_field(field, f"each must have 1 to {TEXT_CHARACTERS_MAX} characters", 422)


def moment_s(field: str, text: str, status: int = 422) -> float:
    """Unix seconds of a moment, written as ISO 8601 with its offset or as Unix seconds."""
    at_s = float(text) if _UNIX.fullmatch(text) else _iso_s(text)
    if at_s is None or not 0 <= at_s <= MOMENT_S_MAX:
        raise refusal_of_field(
            field, "must be a time with its offset, as 2026-11-26T21:00:00Z, or Unix seconds", status
        )
    return at_s


def iso_s(field: str, text: str) -> float:
    """Unix seconds of a moment, written as ISO 8601 with its offset."""
    at_s = _iso_s(text)
    if at_s is None or not 0 <= at_s <= MOMENT_S_MAX:
        raise refusal_of_field(field, "must be a time with its offset, as 2026-11-26T21:00:00Z", 422)
    return at_s


def _iso_s(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()
