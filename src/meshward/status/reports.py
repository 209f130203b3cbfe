"""What boards with the Alteriom packages report about themselves, as far as it is looked at: heap and uptime.

The same word means different things in different packages (painlessMesh 1.10, alteriom_sensor_package.hpp):
202 and 604 give memory in KB and uptime in seconds, 204 gives the heap in bytes and no uptime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshward.text import printable

STATUS = 202
METRICS = 204
ENHANCED_STATUS = 604

#: As the boards' fields are wide: `mem` has 16 bits, the others 32.
_KILOBYTES_MAX = 0xFFFF
_NUMBER_MAX = 0xFFFF_FFFF
_VERSION_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Report:
    """What a board said of itself; None for what it did not say."""

    node: int
    free_heap_bytes: int | None = None
    uptime_s: int | None = None
    version: str | None = None
    """Of its firmware, as its sketch names it; cleaned, at most 64 characters."""


def read_report(package: Mapping[str, Any]) -> Report | None:
    """The report in a package; None where it is none, or nothing in it makes sense."""
    kind, node = package.get("type"), package.get("from")
    if not isinstance(node, int) or isinstance(node, bool) or not 0 < node <= _NUMBER_MAX:
        return None
    if not isinstance(kind, int):
        return None
    if kind == METRICS:
        report = Report(node, free_heap_bytes=_number(package.get("heap"), _NUMBER_MAX))
    elif kind in {STATUS, ENHANCED_STATUS}:
        heap_kb = _number(package.get("mem"), _KILOBYTES_MAX)
        report = Report(
            node,
            # 0 KB left is what a sketch says that never fills the field in: a board like that would be dead.
            free_heap_bytes=heap_kb * 1024 if heap_kb else None,
            uptime_s=_number(package.get("uptime"), _NUMBER_MAX),
            version=_version(package.get("fw")),
        )
    else:
        return None
    return None if report == Report(node) else report


def _number(value: object, most: int) -> int | None:
    # Relays of the C++ library rewrite JSON, and may turn 5 into 5.0.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def _version(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = printable(value.strip(), _VERSION_CHARACTERS)
    return None if text in {"", "null"} else text  # "null" is C++ for a missing string
