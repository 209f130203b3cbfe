"""The last few packages of each node as they arrived, for whoever looks for what a board really says."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from meshnode import wire
from meshward.gateway.dashboard_views import PackageView
from meshward.gateway.shown import moment
from meshward.status import reports
from meshward.text import printable

PACKAGES_KEPT = 10
"""Of each node."""
PACKAGE_BYTES_MAX = 2048
"""Kept of each: all that boards tell of themselves is shorter."""
BYTES_MAX = 8 * 1024 * 1024
"""Of all nodes: several times what a thousand real ones fill. Beyond that the node that was silent longest
is dropped: a mesh can make up nodes.
"""
TEXT_CHARACTERS_MAX = 1000
LEFT_OUT = frozenset({wire.OTA_DATA_REQUEST, wire.OTA_DATA})
"""Of these there are hundreds a minute while an update is under way, and nothing else would be seen."""

NAMES: Mapping[int, str] = {
    wire.TIME_DELAY: "delay measurement",
    wire.TIME_SYNC: "time sync",
    wire.NODE_SYNC_REQUEST: "node sync, question",
    wire.NODE_SYNC_REPLY: "node sync, answer",
    wire.CONTROL: "control",
    wire.BROADCAST: "text to all",
    wire.SINGLE: "text to one node",
    wire.OTA_ANNOUNCE: "firmware offer",
    wire.OTA_DATA_REQUEST: "request for a part of firmware",
    wire.OTA_DATA: "part of firmware",
    wire.COMMAND: "command",
    wire.STATUS_QUERY: "status query",
    wire.STATUS_REPORT: "answer to a status query",
    wire.TELEMETRY: "telemetry",
    wire.TELEMETRY_RESYNC: "request for whole telemetry",
    reports.SENSOR: "sensor values",
    reports.STATUS: "status report",
    reports.STATUS_OLD: "status report, old number",
    reports.METRICS: "metrics report",
    reports.NODE_LIST: "list of nodes",
    reports.TOPOLOGY: "topology",
    reports.ALERTS: "alerts",
    reports.ENHANCED_STATUS: "enhanced status report",
    reports.HEALTH: "health report",
    reports.BRIDGE: "bridge status",
    reports.BRIDGE_CANDIDATE: "bridge candidate",
    reports.BRIDGE_TAKEOVER: "bridge takeover",
    reports.BRIDGE_COORDINATION: "bridge coordination",
    reports.BRIDGE_TIME: "time from a bridge",
}


@dataclass(frozen=True, slots=True)
class _Kept:
    at_s: float
    type: int
    size_bytes: int
    data: bytes
    """JSON, cut where the package is longer."""


class PackageBook:
    """Filled with every package that comes; what is asked for seldom is made only then."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[int, deque[_Kept]] = OrderedDict()
        """The one that was silent for longest first."""
        self._bytes = 0

    def add(self, node: int, package: Mapping[str, Any], at_s: float) -> None:
        """A package arrived that names this node as its sender."""
        kind = package["type"]
        if kind in LEFT_OUT:
            return
        data = _encoded(package)
        size_bytes = len(data)
        if size_bytes > PACKAGE_BYTES_MAX:
            data = _encoded(_Cut().whole(package))
        kept = self._nodes.get(node)
        if kept is None:
            kept = self._nodes[node] = deque()
        self._nodes.move_to_end(node)
        kept.append(_Kept(at_s, kind, size_bytes, data))
        self._bytes += len(data)
        if len(kept) > PACKAGES_KEPT:
            self._bytes -= len(kept.popleft().data)
        while self._bytes > BYTES_MAX:
            self.forget(next(iter(self._nodes)))

    def forget(self, node: int) -> None:
        """Drop what is kept of a node."""
        self._bytes -= sum(len(one.data) for one in self._nodes.pop(node, ()))

    def shown(self, node: int) -> list[PackageView]:
        """What is kept of a node, newest first."""
        return [_view(one) for one in reversed(self._nodes.get(node, ()))]


class _Cut:
    """Makes a package of at most `PACKAGE_BYTES_MAX` of JSON, its texts fit to be shown."""

    def __init__(self) -> None:
        self.is_cut = False
        self._room_bytes = PACKAGE_BYTES_MAX

    def whole(self, package: Mapping[str, Any]) -> dict[str, Any]:
        """As much of a package as there is room for."""
        self._room_bytes -= 2
        shown: dict[str, Any] = {}
        for key, value in package.items():
            name = self._text(key)
            if not self._takes(len(_encoded(name)) + 2):  # and its colon and comma
                break
            shown[name] = self._value(value)
        return shown

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.whole(value)
        if isinstance(value, list):
            self._room_bytes -= 2
            shown = []
            for item in value:
                if not self._takes(1):
                    break
                shown.append(self._value(item))
            return shown
        if isinstance(value, str):
            text = self._text(value)
            while not self._takes(len(_encoded(text))) and text:
                text = text[: len(text) // 2]
            return text
        return value if self._takes(len(_encoded(value))) else "…"

    def _text(self, text: str) -> str:
        if len(text) > TEXT_CHARACTERS_MAX:
            self.is_cut = True
        return printable(text, TEXT_CHARACTERS_MAX)

    def _takes(self, size_bytes: int) -> bool:
        """Whether there is room for so much, which is taken then."""
        fits = size_bytes <= self._room_bytes
        if fits:
            self._room_bytes -= size_bytes
        else:
            self.is_cut = True
        return fits


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, OverflowError):  # half a character, or a number of more than 64 bits
        return json.dumps(value, separators=(",", ":")).encode()


def _view(kept: _Kept) -> PackageView:
    cut = _Cut()
    package = cut.whole(json.loads(kept.data))
    return PackageView(
        at=moment(kept.at_s),
        type=kept.type,
        what=NAMES.get(kept.type, ""),
        size_bytes=kept.size_bytes,
        package=package,
        cut=cut.is_cut or kept.size_bytes > PACKAGE_BYTES_MAX,
    )
