"""Packages 604 and 204 of a board of ours, so that collectors for Alteriom's packages understand it.

Units are those of alteriom_sensor_package.hpp, painlessMesh 1.10. What a board does not know is left out; who
reads it with C++ finds 0 there.
"""

from meshnode.health.codec import number_or_none
from meshnode.health.metrics import METRICS
from meshnode.wire import ROUTE_BROADCAST, ROUTE_SINGLE

ENHANCED_STATUS = 604
METRICS_REPORT = 204

_OPERATIONAL = 1
_KB = 1024
_U8 = 0xFF
_U16 = 0xFFFF
_U32 = 0xFFFFFFFF


def enhanced_status(values: list, uptime_s: int, version: str, firmware_md5: str, dest: int = 0) -> dict:
    """Package 604, as SINGLE to `dest`, or as broadcast."""
    told = _by_name(values)
    package = _head(ENHANCED_STATUS, dest)
    package.update({"status": _OPERATIONAL, "uptime": uptime_s, "fw": version, "fwMD5": firmware_md5})
    _put(package, "mem", told.get("heap_free_bytes"), _U16, _KB)
    _put(package, "wifi", _quality_percent(told), _U8)
    _put(package, "nodes", told.get("nodes"), _U16)
    _put(package, "conns", told.get("links"), _U8)
    _put_counter(package, "msgRx", told.get("messages_received"), _U32)
    _put_counter(package, "msgTx", told.get("messages_sent"), _U32)
    _put_counter(package, "msgDrop", told.get("messages_dropped"), _U32)
    return package


def metrics_report(values: list, interval_us: int, dest: int = 0) -> dict:
    """Package 204, as SINGLE to `dest`, or as broadcast; `interval_us`: between two, 0 where asked for."""
    told = _by_name(values)
    package = _head(METRICS_REPORT, dest)
    package["message_type"] = METRICS_REPORT
    heap, block = told.get("heap_free_bytes"), told.get("heap_block_bytes")
    _put(package, "cpu", told.get("cpu_percent"), _U8)
    _put(package, "heap", heap, _U32)
    _put(package, "minHeap", told.get("heap_min_bytes"), _U32)
    _put(package, "maxHeap", block, _U32)
    if heap and block is not None:
        _put(package, "fragHeap", 100 - 100 * min(heap, block) / heap, _U8)
    _put_counter(package, "bytesRx", told.get("bytes_received"), _U32)
    _put_counter(package, "bytesTx", told.get("bytes_sent"), _U32)
    _put_counter(package, "pktsRx", told.get("messages_received"), _U16)
    _put_counter(package, "pktsTx", told.get("messages_sent"), _U16)
    _put_counter(package, "pktsDrop", told.get("messages_dropped"), _U16)
    _put(package, "connQual", _quality_percent(told), _U8)
    if "rssi_dbm" in told:
        package["rssi"] = max(-128, min(127, int(told["rssi_dbm"])))
    if interval_us:
        package["interval"] = min(interval_us // 1000, _U32)
    return package


def _head(kind: int, dest: int) -> dict:
    if dest:
        return {"type": kind, "routing": ROUTE_SINGLE, "dest": dest}
    return {"type": kind, "routing": ROUTE_BROADCAST}


def _by_name(values: list) -> dict:
    told = {}
    for metric, measured in zip(METRICS, values):
        value = number_or_none(measured)
        if value is not None:
            told[metric.name] = value
    return told


def _put(package: dict, key: str, value, most: int, unit: int = 1) -> None:
    """A value in the unit of its field, as much of it as the field holds."""
    if value is not None:
        package[key] = max(0, min(most, int(value) // unit))


def _put_counter(package: dict, key: str, value, mask: int) -> None:
    """A counter, which wraps in its field."""
    if value is not None:
        package[key] = int(value) & mask


def _quality_percent(told: dict):
    """As sketches make it of the signal: 0 at -100 dBm, 100 from -50 dBm on."""
    rssi_dbm = told.get("rssi_dbm")
    return None if rssi_dbm is None else min(100, 2 * (rssi_dbm + 100))
