"""What boards with the Alteriom packages report: of themselves, and as bridges of other nodes.

The same word means different things in different packages (painlessMesh 1.10, alteriom_sensor_package.hpp):
memory is in KB in 202 and 604 and in bytes in 204 and 611, uptime in seconds in 202, 604 and 605 and in
milliseconds in 610 and 611, `temp` is the air in 200 and the chip in 605, `nodes` a count in 604 and a list
in 600.

Left out: the packet counters of 204 and `reconn` of 605, which are 16 and 8 bits wide and would be mixed up
with the 32-bit counters of 604; the health words and trends of 605, which are judgements and no measurements;
`timestamp`, which is mesh time in some packages and Unix time in others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshward.status.report_fields import (
    ERROR_CHARACTERS,
    REFUSED_MAX,
    Number,
    Reading,
    Text,
    read_node,
    read_number,
)
from meshward.status.samples import Sample

SENSOR = 200
STATUS = 202
STATUS_OLD = 203
"""As 604, from before it got that number."""
METRICS = 204
NODE_LIST = 600
TOPOLOGY = 601
ALERTS = 602
ENHANCED_STATUS = 604
HEALTH = 605
BRIDGE = 610
BRIDGE_CANDIDATE = 611
BRIDGE_TAKEOVER = 612
BRIDGE_COORDINATION = 613
BRIDGE_TIME = 614

LISTED_MAX = 255
"""Entries of a list that are read: boards count them in 8 bits."""
_NODE_ONLINE = 1

_U8 = frozenset({255})
_U8_OR_0 = frozenset({0, 255})
_U16 = frozenset({0xFFFF})
_U16_OR_0 = frozenset({0, 0xFFFF})
_U32_OR_0 = frozenset({0, 0xFFFF_FFFF})
_NO_SIGNAL = frozenset({0, 31, 127, -128})
"""0 dBm cannot be; 31 is what an ESP8266 says without a link, the others are the ends of 8 bits."""
_NO_TEMPERATURE = frozenset({0, 127, -128})
_KB = 1024

_KILOBYTES = Number("mem", "heap_free_bytes", _KB, unknown=_U16_OR_0)
_WIFI = Number("wifi", "wifi_percent", unknown=_U8_OR_0, sane_max=100)
_LATENCY = Number("latency", "latency_ms", unknown=_U16_OR_0)
_LOSS = Number("loss", "loss_percent", unknown=_U8)
_THROUGHPUT = Number("throughput", "throughput_bytes_per_s", unknown=_U16)
_ROUTER = Number("routerRSSI", "router_rssi_dbm", unknown=_NO_SIGNAL)
_ENHANCED = (
    _KILOBYTES,
    _WIFI,
    Number("nodes", "nodes"),
    Number("conns", "links"),
    Number("msgRx", "messages_received"),
    Number("msgTx", "messages_sent"),
    Number("msgDrop", "messages_dropped"),
    _LATENCY,
    _LOSS,
    _THROUGHPUT,
)
_NUMBERS: Mapping[int, tuple[Number, ...]] = {
    SENSOR: (
        Number("temp", "ambient_temperature_c", whole=False),
        Number("hum", "humidity_percent", whole=False),
        Number("press", "pressure_hpa", whole=False, unknown=frozenset({0})),
        Number("bat", "battery_percent", unknown=_U8_OR_0),
    ),
    STATUS: (_KILOBYTES, _WIFI),
    STATUS_OLD: _ENHANCED,
    ENHANCED_STATUS: _ENHANCED,
    METRICS: (
        Number("cpu", "cpu_percent", unknown=_U8),
        Number("heap", "heap_free_bytes", unknown=_U32_OR_0),
        Number("minHeap", "heap_min_bytes", unknown=_U32_OR_0),
        Number("maxHeap", "heap_block_bytes", unknown=_U32_OR_0),
        Number("fragHeap", "heap_fragmentation_percent", unknown=_U8),
        Number("bytesRx", "bytes_received"),
        Number("bytesTx", "bytes_sent"),
        _THROUGHPUT,
        Number("avgResp", "response_ms", 0.001, unknown=_U32_OR_0),
        Number("avgLat", "latency_ms", unknown=_U16_OR_0),
        Number("connQual", "link_quality_percent", unknown=_U8_OR_0),
        Number("rssi", "rssi_dbm", unknown=_NO_SIGNAL),
    ),
    HEALTH: (
        _LOSS,
        Number("maxLoop", "loop_max_ms", unknown=_U16),
        Number("temp", "temperature_c", unknown=_NO_TEMPERATURE),
        Number("crashes", "crashes"),
    ),
    BRIDGE: (_ROUTER,),
    BRIDGE_CANDIDATE: (_ROUTER, Number("freeMemory", "heap_free_bytes", unknown=_U32_OR_0)),
    BRIDGE_TAKEOVER: (_ROUTER,),
    BRIDGE_COORDINATION: (),
    BRIDGE_TIME: (),
}
_SECONDS = Number("uptime", "uptime_s")
_MILLISECONDS = Number("uptime", "uptime_s", 0.001)
_UPTIMES: Mapping[int, Number] = {
    STATUS: _SECONDS,
    STATUS_OLD: _SECONDS,
    ENHANCED_STATUS: _SECONDS,
    HEALTH: _SECONDS,
    BRIDGE: _MILLISECONDS,
    BRIDGE_CANDIDATE: _MILLISECONDS,
}
_VERSION = Text("fw", "version")
_LAST_ERROR = Text("lastErr", "last_error", ERROR_CHARACTERS)
_TEXTS: Mapping[int, tuple[Text, ...]] = {
    STATUS: (_VERSION,),
    STATUS_OLD: (_VERSION, _LAST_ERROR),
    ENHANCED_STATUS: (_VERSION, _LAST_ERROR),
    HEALTH: (Text("recommend", "advice", ERROR_CHARACTERS),),
    BRIDGE_TAKEOVER: (Text("reason", "takeover_reason", ERROR_CHARACTERS),),
    BRIDGE_COORDINATION: (Text("role", "bridge_role"),),
    BRIDGE_TIME: (Text("source", "time_source"),),
}
_ORGANIZATION = (Text("device_name", "device_name"), Text("device_location", "device_location"))
_POWER = (Number("battery_percent", "battery_percent", unknown=_U8_OR_0),)
_LISTED = (Number("rssi", "rssi_dbm", unknown=_NO_SIGNAL),)
_ALERT = (Text("msg", "alert", ERROR_CHARACTERS),)
_QUALITY = Number("quality", "link_quality_percent", 100, whole=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a rollout judges a board by; None for what it did not say."""

    node: int
    free_heap_bytes: int | None = None
    uptime_s: float | None = None
    version: str | None = None
    """Of its firmware, as its sketch names it; cleaned, at most 64 characters."""


def is_report(package: Mapping[str, Any]) -> bool:
    """Whether a package is of a type that is read here, whatever is in it."""
    kind = package.get("type")
    return isinstance(kind, int) and (kind in _NUMBERS or kind in _LISTS)


def read_samples(package: Mapping[str, Any]) -> list[Sample]:
    """What a package tells: of its sender first, then of others. Empty where nothing in it makes sense."""
    sender = read_node(package.get("from"))
    if sender is None or not is_report(package):
        return []
    kind: int = package["type"]
    reading = Reading()
    others: dict[int, Reading] = {}
    if kind in _LISTS:
        key, read = _LISTS[kind]
        _read_list(package, key, read, reading, others)
    else:
        _read_own(kind, package, reading)
    samples = [] if reading.is_empty else [_sample(sender, kind, reading, None)]
    for node, told in others.items():
        if not told.is_empty:
            samples.append(_sample(node, kind, told, None if node == sender else sender))
    return samples


def read_report(package: Mapping[str, Any]) -> Report | None:
    """Heap, uptime and version of a package's sender; None where the package tells none of them."""
    if not is_report(package) or package["type"] not in _JUDGED:
        return None
    for sample in read_samples(package):
        heap_bytes = sample.values.get("heap_free_bytes")
        report = Report(
            sample.node,
            None if heap_bytes is None else int(heap_bytes),
            sample.uptime_s,
            sample.texts.get("version"),
        )
        return None if report == Report(sample.node) else report
    return None


_JUDGED = frozenset({STATUS, STATUS_OLD, METRICS, ENHANCED_STATUS})
"""What a rollout listens to: these come in the seconds of one clock, that of bridges wraps."""


def _read_own(kind: int, package: Mapping[str, Any], reading: Reading) -> None:
    reading.numbers(package, _NUMBERS[kind])
    reading.lines(package, _TEXTS.get(kind, ()))
    if kind in _UPTIMES:
        reading.numbers(package, (_UPTIMES[kind],))
    if kind in {STATUS_OLD, ENHANCED_STATUS}:
        reading.md5(package, "fwMD5", "firmware_md5")
    elif kind == BRIDGE:
        reading.truth(package, "internetConnected", "internet")
    elif kind == STATUS:
        organization, power = package.get("organization"), package.get("power_config")
        if isinstance(organization, Mapping):
            reading.lines(organization, _ORGANIZATION)
        if isinstance(power, Mapping):
            reading.numbers(power, _POWER)
    elif kind == METRICS:
        free = reading.values.get("heap_free_bytes")
        if free is not None and reading.values.get("heap_block_bytes", 0) > free:
            del reading.values["heap_block_bytes"]  # some sketches send the size of the whole heap


def _read_list(
    package: Mapping[str, Any],
    key: str,
    read: Callable[[Mapping[str, Any], Reading, dict[int, Reading]], None],
    reading: Reading,
    others: dict[int, Reading],
) -> None:
    entries = package.get(key)
    if not isinstance(entries, list):
        if entries is not None:
            reading.refuse(key, entries)
        return
    if len(entries) > LISTED_MAX:
        reading.refused.append(f"{key} with {len(entries)} entries")
    for entry in entries[:LISTED_MAX]:
        if isinstance(entry, Mapping):
            read(entry, reading, others)
        else:
            reading.refuse(key, entry)


def _read_listed(entry: Mapping[str, Any], own: Reading, others: dict[int, Reading]) -> None:
    """A node that a bridge knows; what it says of one that it does not reach is old."""
    node = read_node(entry.get("nodeId"))
    if node is None:
        own.refuse("nodeId", entry.get("nodeId"))
    elif read_number(entry.get("status")) == _NODE_ONLINE:
        _take(entry, _LISTED, own, others.setdefault(node, Reading()))


def _read_connection(entry: Mapping[str, Any], own: Reading, others: dict[int, Reading]) -> None:
    """A link, told of the node at its far end; of several the worst counts."""
    node = read_node(entry.get("to"))
    if node is None:
        own.refuse("to", entry.get("to"))
        return
    link = Reading()
    _take(entry, (_QUALITY, _LATENCY), own, link)
    values = others.setdefault(node, Reading()).values
    for name, value in link.values.items():
        worse = min if name == _QUALITY.metric else max
        values[name] = worse(values.get(name, value), value)


def _read_alert(entry: Mapping[str, Any], own: Reading, others: dict[int, Reading]) -> None:
    if read_number(entry.get("nodeId")) == 0:
        return  # of the mesh, and of no node
    node = read_node(entry.get("nodeId"))
    if node is None:
        own.refuse("nodeId", entry.get("nodeId"))
        return
    told = Reading()
    told.lines(entry, _ALERT)
    _blame(told, own)
    others.setdefault(node, Reading()).texts.update(told.texts)


_LISTS: Mapping[int, tuple[str, Callable[[Mapping[str, Any], Reading, dict[int, Reading]], None]]] = {
    NODE_LIST: ("nodes", _read_listed),
    TOPOLOGY: ("connections", _read_connection),
    ALERTS: ("alerts", _read_alert),
}


def _take(entry: Mapping[str, Any], fields: tuple[Number, ...], own: Reading, told: Reading) -> None:
    told.numbers(entry, fields)
    _blame(told, own)


def _blame(told: Reading, own: Reading) -> None:
    """What cannot be is the fault of the one that tells it."""
    for name in told.refused:
        if len(own.refused) < REFUSED_MAX:
            own.refused.append(name)
    told.refused.clear()


def _sample(node: int, kind: int, reading: Reading, told_by: int | None) -> Sample:
    return Sample(
        node,
        str(kind),
        reading.values,
        reading.texts,
        uptime_s=reading.values.get("uptime_s"),
        refused=tuple(reading.refused),
        told_by=told_by,
    )
