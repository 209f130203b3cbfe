"""Values out of the packages of boards, one by one: what cannot be is refused by name, the rest is taken.

Boards leave fields that they do not fill at 0, or at the highest value of the field's width; relays of the
C++ library may turn 5 into 5.0, a missing string into "null", and a number that is none into null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshward.status.metrics import METRICS
from meshward.text import printable

REFUSED_MAX = 8
"""Names of values that could not be, of one package: enough to see what is wrong with a board."""
TEXT_CHARACTERS = 64
ERROR_CHARACTERS = 200
"""Of the texts that are sentences."""
_SHOWN_CHARACTERS = 24
_SHOWN_INTEGER_MAX = 10**12
_NODE_MAX = 0xFFFF_FFFF
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a package, and the metric that it is."""

    key: str
    metric: str
    scale: float = 1
    """What one of it is in the metric's unit."""
    whole: bool = True
    """Whether the boards' field is an integer."""
    unknown: frozenset[float] = frozenset()
    """Values that stand for "not measured"."""
    sane_max: float = math.inf
    """What is above says nothing: the field's unit is not sure."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in a package, and the name that it has in a sample."""

    key: str
    name: str
    characters: int = TEXT_CHARACTERS


@dataclass(slots=True)
class Reading:
    """What was taken out of a package so far."""

    values: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing in it made sense, and nothing was worth a complaint."""
        return not (self.values or self.texts or self.refused)

    def numbers(self, package: Mapping[str, Any], fields: Iterable[Number]) -> None:
        """Take these numbers, as far as the package has them."""
        for one in fields:
            value = self._number(package, one)
            if value is not None:
                self.values[one.metric] = value

    def lines(self, package: Mapping[str, Any], fields: Iterable[Text]) -> None:
        """Take these texts, cleaned."""
        for one in fields:
            value = package.get(one.key)
            if isinstance(value, str):
                text = printable(value[: one.characters * 4].strip(), one.characters)
                if text not in {"", "null"}:
                    self.texts[one.name] = text
            elif value is not None:
                self.refuse(one.key, value)

    def md5(self, package: Mapping[str, Any], key: str, name: str) -> None:
        """Take a hash, in lower case."""
        value = package.get(key)
        if isinstance(value, str) and _MD5.fullmatch(value):
            self.texts[name] = value.lower()
        elif value not in (None, "", "null"):
            self.refuse(key, value)

    def truth(self, package: Mapping[str, Any], key: str, metric: str) -> None:
        """Take a yes or no, as 1 or 0."""
        value = package.get(key)
        if value in (False, True) and isinstance(value, int | float):
            self.values[metric] = int(value)
        elif value is not None:
            self.refuse(key, value)

    def refuse(self, key: str, value: object) -> None:
        """Note that a value cannot be."""
        if len(self.refused) < REFUSED_MAX:
            self.refused.append(f"{key} {_shown(value)}")

    def _number(self, package: Mapping[str, Any], one: Number) -> float | None:
        value = package.get(one.key)
        if value is None:
            return None
        number = read_number(value)
        if number in one.unknown:
            return None
        if number is None or (one.whole and not isinstance(number, int)):
            self.refuse(one.key, value)
            return None
        if number > one.sane_max:
            return None
        scaled = number * one.scale
        metric = METRICS[one.metric]
        if not metric.low <= scaled <= metric.high:
            self.refuse(one.key, value)
            return None
        return scaled


def read_number(value: object) -> int | float | None:
    """A finite number, 5.0 as 5; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if abs(value) < 1 << 64 else None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e18 else value


def read_node(value: object) -> int | None:
    """The id of a node; None for what is none."""
    number = read_number(value)
    return number if isinstance(number, int) and 0 < number <= _NODE_MAX else None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < _SHOWN_INTEGER_MAX else "huge"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return f'"{printable(value, _SHOWN_CHARACTERS)}"'
    return "a list" if isinstance(value, list) else "an object"
