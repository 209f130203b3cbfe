"""Values of rules as people write them, checked. Each check raises ValueError saying what would be right."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from meshward.status.alerts.documents import SEVERITIES
from meshward.status.alerts.rule import Rule
from meshward.status.metrics import METRICS
from meshward.text import printable

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
DURATION_MAX_S = 30 * 86400.0
"""Of `for` and the like: what takes longer to become an alert is none."""
NODES_MAX = 1000
"""Named by one rule."""
TAGS_MAX = 100
NUMBER_MAX = 1e12

_DURATION = re.compile(r"(?:[0-9]{1,9}(?:[.][0-9]{1,6})?[smhd])+")
_PIECE = re.compile(r"([0-9.]+)([smhd])")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PARAMS = frozenset({"updating", "within", "mesh_within"})


def changed(rule: Rule, values: Mapping[str, Any]) -> Rule:
    """A rule with other values, under the names of `CHECKS`. Raises ValueKeyError."""
    fields: dict[str, Any] = {}
    params = dict(rule.params)
    for key, value in values.items():
        try:
            if key in CHECKS:
                in_words = key == "threshold" and rule.unit == "s" and isinstance(value, str)
                fields[key] = duration(value) if in_words else CHECKS[key](value)
            else:
                params[key] = _param(rule, key, value)
        except ValueError as error:
            raise ValueKeyError(key, str(error)) from None
    new = replace(rule, **fields, params=params)
    if "metric" in fields:
        new = replace(new, unit=_unit(new.metric))
    if (
        "threshold" in fields
        and "clear" not in fields
        and rule.clear is not None
        and rule.threshold is not None
    ):
        # It keeps its distance.
        new = replace(new, clear=fields["threshold"] + rule.clear - rule.threshold)
    _check_sides(new, values)
    return new


def _param(rule: Rule, key: str, value: Any) -> float:
    if key not in rule.params:
        raise ValueError(unknown(key, [*CHECKS, *rule.params]))
    return duration(value) if key in _DURATION_PARAMS else positive(value)


class ValueKeyError(ValueError):
    """What is wrong with the value under a key."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


def unknown(name: str, known: Iterable[str]) -> str:
    """That a name is none of these, and which was meant perhaps."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    return f"{printable(name, 60)!r} is not known; {hint}"


def duration(value: Any) -> float:
    """Seconds, given as a number or as "90s", "5m", "1h30m", "2d"."""
    wanted = f'must be a duration as "90s", "5m" or "2h", or a number of seconds, not {_shown(value)}'
    if isinstance(value, str):
        written = value.strip().lower()
        if not _DURATION.fullmatch(written):
            raise ValueError(wanted)
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PIECE.findall(written))
    elif _is_number(value):
        seconds = float(value)
    else:
        raise ValueError(wanted)
    if not 0 <= seconds <= DURATION_MAX_S:
        raise ValueError(f"must be from 0 to 30 days, not {_shown(value)}")
    return seconds


def positive(value: Any) -> float:
    """A number that is not below 0."""
    if not _is_number(value) or not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"must be a number from 0 on, not {_shown(value)}")
    return float(value)


def _number(value: Any) -> float:
    if not _is_number(value) or abs(value) > NUMBER_MAX:
        raise ValueError(f"must be a number, not {_shown(value)}")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_shown(value)}")  # noqa: TRY004 one error for all values
    return value


def _severity(value: Any) -> str:
    if value not in SEVERITIES:
        raise ValueError(f"must be {', '.join(SEVERITIES[:-1])} or {SEVERITIES[-1]}, not {_shown(value)}")
    return str(value)


def _direction(value: Any) -> str:
    if value not in ("above", "below"):
        raise ValueError(f"must be above or below, not {_shown(value)}")
    return str(value)


def _metric(value: Any) -> str:
    if not isinstance(value, str) or value not in METRICS:
        raise ValueError(unknown(str(value), METRICS))
    return value


def _nodes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not all(_is_node(node) for node in value):
        raise ValueError(f"must be a list of node ids, as [1001, 1002], not {_shown(value)}")
    if len(value) > NODES_MAX:
        raise ValueError(f"must name at most {NODES_MAX} nodes; give them a tag")
    return tuple(value)


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) and tag for tag in value):
        raise ValueError(f'must be a list of tags, as ["garden"], not {_shown(value)}')
    if len(value) > TAGS_MAX:
        raise ValueError(f"must name at most {TAGS_MAX} tags")
    return tuple(printable(tag, 60) for tag in value)


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "enabled": _flag,
    "severity": _severity,
    "metric": _metric,
    "direction": _direction,
    "threshold": _number,
    "clear": _number,
    "for_s": duration,
    "keep_firing_s": duration,
    "nodes": _nodes,
    "tags": _tags,
}
"""What can be said of any rule: its field, which is its name in the API, and the check."""


def _check_sides(rule: Rule, values: Mapping[str, Any]) -> None:
    if rule.threshold is None:
        if "clear" in values:
            raise ValueKeyError("clear", "needs a threshold beside it")
        return
    if rule.metric and rule.kind == "threshold":
        _check_bounds(rule)
    if rule.clear is None or not rule.direction:
        return
    wrong = rule.clear > rule.threshold if rule.direction == "above" else rule.clear < rule.threshold
    if wrong:
        side = "below" if rule.direction == "above" else "above"
        key = "clear" if "clear" in values else "threshold"
        raise ValueKeyError(
            key,
            f"clear ({rule.clear:g}) must be {side} the threshold ({rule.threshold:g}) or equal to it: "
            "there the alert is over",
        )


def _check_bounds(rule: Rule) -> None:
    metric = METRICS[rule.metric]
    if metric.kind == "counter":
        return  # watched as a rate
    for key, value in (("threshold", rule.threshold), ("clear", rule.clear)):
        if value is not None and not metric.low <= value <= metric.high:
            unit = f" {metric.unit}" if metric.unit else ""
            raise ValueKeyError(
                key,
                f"{rule.metric} is from {metric.low:g} to {metric.high:g}{unit}, never beyond {value:g}",
            )


def _unit(name: str) -> str:
    metric = METRICS[name]
    return f"{metric.unit or '1'}/s" if metric.kind == "counter" else metric.unit


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_node(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0xFFFF_FFFF


def _shown(value: Any) -> str:
    return printable(repr(value), 60)
