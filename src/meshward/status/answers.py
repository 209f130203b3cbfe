"""What Meshward's own boards answer when they are asked (package 711)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshward.status.metrics import METRICS
from meshward.status.report_fields import read_number
from meshward.status.samples import QUERY, Sample
from meshward.text import printable

_TEXTS = {"role": "role", "hw": "hardware", "fw": "version", "md5": "firmware_md5"}
_TEXT_CHARACTERS = 64
_REFUSED_MAX = 8
_U32 = 0xFFFF_FFFF


def read_answer(package: Mapping[str, Any]) -> Sample | None:
    """The answer in a package; None where it is none, or nothing in it makes sense."""
    node, told = package.get("from"), package.get("m")
    if not isinstance(node, int) or isinstance(node, bool) or not 0 < node <= _U32:
        return None
    if told is not None and not isinstance(told, Mapping):
        return None
    values: dict[str, float] = {}
    refused: list[str] = []
    for name, value in (told or {}).items():
        metric = METRICS.get(name)
        if metric is None:
            continue  # of a newer board: no fault of it
        number = read_number(value)
        if number is None or not metric.low <= number <= metric.high:
            if len(refused) < _REFUSED_MAX:
                refused.append(name)
        else:
            values[name] = number
    texts = {
        ours: printable(package[key].strip(), _TEXT_CHARACTERS)
        for key, ours in _TEXTS.items()
        if isinstance(package.get(key), str) and package[key].strip() not in {"", "null"}
    }
    uptime_s = read_number(package.get("up"))
    if uptime_s is not None and not 0 <= uptime_s <= _U32:
        uptime_s = None
    boots = package.get("boot")
    if not isinstance(boots, int) or isinstance(boots, bool) or boots < 0:
        boots = None
    if not (values or texts or uptime_s is not None or refused):
        return None
    return Sample(
        node,
        QUERY,
        values,
        texts,
        uptime_s=uptime_s,
        boots=None if boots is None else boots & 0xFF,
        refused=tuple(refused),
    )
