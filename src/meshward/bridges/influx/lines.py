"""InfluxDB's line protocol: one point a line, as `measurement,tag=… field=…,field="…" nanoseconds`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from meshward.text import printable

NS = 1_000_000_000
"""Nanoseconds of a second."""
TAG_CHARACTERS = 200
"""Tags are indexed, and every value of one is kept for ever."""
TEXT_CHARACTERS = 1000
_WHOLE_MAX = 2.0**53
"""Up to here a float holds every whole number."""


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, float | str], at_ns: int) -> str:
    """A point, without the end of the line; "" where no field is left.

    Tags that are empty and numbers that are not finite are left out. Numbers are always written as floats, so
    that a field's type never changes. The measurement and all keys are names of ours: letters, digits and _.
    """
    told = ",".join(f"{name}={value}" for name, value in _fields(fields))
    if not told:
        return ""
    # Sorted, as databases keep them.
    shown = "".join(f",{name}={tag(value)}" for name, value in sorted(tags.items()) if value)
    return f"{measurement}{shown} {told} {at_ns}"


def tag(value: str) -> str:
    """A tag's value as it is written.

    Control characters become what can be shown. A backslash becomes a slash: one before a comma, or at the
    end, cannot be told from an escape, and databases disagree over two.
    """
    shown = printable(value, TAG_CHARACTERS).replace("\\", "/")
    return shown.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def text(value: str) -> str:
    """A string as the value of a field, on one line: the end of a line ends the point for some databases."""
    shown = printable(value, TEXT_CHARACTERS).replace("\\", "\\\\").replace('"', r"\"")
    return f'"{shown}"'


def _fields(fields: Mapping[str, float | str]) -> list[tuple[str, str]]:
    return [
        (name, text(value) if isinstance(value, str) else _number(value))
        for name, value in fields.items()
        if isinstance(value, str) or math.isfinite(value)
    ]


def _number(value: float) -> str:
    # Without an `i` behind it "41216" is a float, two bytes shorter.
    return str(int(value)) if abs(value) < _WHOLE_MAX and value == int(value) else repr(float(value))
