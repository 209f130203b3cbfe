"""The latest value of each metric of a node, where several tell of it."""

from __future__ import annotations

from dataclasses import dataclass

OWN_FRESH_US = 600_000_000
"""So long what a node says of itself counts for more than what others say of it."""


@dataclass(slots=True)
class Value:
    """What was told last of a metric, when it was measured, and who told it."""

    value: float
    at_us: int
    source: str
    is_own: bool = True


def take(values: dict[str, Value], name: str, new: Value) -> bool:
    """Whether it is the latest: its own words count for more than others' while they are fresh."""
    old = values.get(name)
    if old is None or _is_later(new, old):
        values[name] = new
        return True
    return False


def _is_later(new: Value, old: Value) -> bool:
    if new.is_own == old.is_own:
        return new.at_us >= old.at_us
    if old.is_own:
        return new.at_us - old.at_us > OWN_FRESH_US
    return old.at_us - new.at_us <= OWN_FRESH_US
