"""The packages that firmware with Alteriom's classes sends about itself, field by field, in their units."""

from collections.abc import Mapping
from math import exp
from typing import Any

from meshnode.wire import ROUTE_BROADCAST

SENSOR = 200
STATUS = 202
METRICS = 204
ENHANCED_STATUS = 604
HEALTH_CHECK = 605
DATA_REQUEST = 3
"""The command (package 400) that asks a node for its sensor and status packages."""

_KB = 1024
_OPERATIONAL = 1
_U16 = 0xFFFF

Package = dict[str, Any]
Values = Mapping[str, float | None]
"""The metrics by name, None for what the board does not have."""


def _number(values: Values, name: str) -> int:
    return int(values[name] or 0)


def wifi_percent(values: Values) -> int:
    """The quality that sketches make of the signal: 0 at -100 dBm, 100 from -50 dBm on."""
    rssi_dbm = values["rssi_dbm"]
    return 0 if rssi_dbm is None else int(max(0, min(100, 2 * (rssi_dbm + 100))))


def _fragmented_percent(values: Values) -> int:
    heap = values["heap_free_bytes"] or 1.0
    return int(100 * (1 - min(1.0, (values["heap_block_bytes"] or 0.0) / heap)))


class Author:
    """Writes the packages of one start of a board. image_md5: of what it runs, "" for unknown."""

    def __init__(self, node_id: int, image_md5: str, organization: str = "") -> None:
        self._node_id = node_id
        self._image_md5 = image_md5
        self._organization = organization

    def sensor(self, values: Values, unix_s: float) -> Package:
        """Package 200: what it measures around it, which is the weather of a room here."""
        warmth = (values["temperature_c"] or 40.0) - 18.0
        battery = values["battery_percent"]
        return {
            **self._head(SENSOR),
            "temp": round(warmth, 2),
            "hum": round(62 - 0.6 * warmth, 1),
            "press": round(1013.2 + 4 * exp(-(warmth**2) / 400), 1),
            "sid": self._node_id,
            "ts": int(unix_s),
            "bat": 100 if battery is None else int(battery),
            "message_type": SENSOR,
        }

    def status(self, values: Values, uptime_s: int, answers: int = 0, words: str = "") -> Package:
        """Package 202; `answers` is the id of a command that it answers, 0 for none."""
        package = {
            **self._head(STATUS),
            "status": _OPERATIONAL,
            "uptime": uptime_s,
            "mem": _number(values, "heap_free_bytes") // _KB,
            "wifi": wifi_percent(values),
            "fw": self._image_md5[:8],
        }
        if answers > 0:
            package |= {"respTo": answers, "respMsg": words}
        package |= {
            "organization": {
                "organizationId": self._organization,
                "customerId": "",
                "deviceGroup": "",
                "device_name": f"Board {self._node_id}",
                "device_location": "",
                "device_secret_set": False,
            },
            "sensors": {
                "read_interval_ms": 30_000,
                "read_interval_s": 30,
                "transmission_interval_ms": 60_000,
                "transmission_interval_s": 60,
                "calibration": {"temperature_offset": 0, "humidity_offset": 0, "pressure_offset": 0},
            },
            "sensor_inventory": {"count": 1, "type_mask": 1},
            "message_type": STATUS,
        }
        return package

    def metrics(self, values: Values, loops: int, unix_s: float, interval_us: int) -> Package:
        """Package 204: heap in bytes, times of answers in microseconds."""
        rssi_dbm = values["rssi_dbm"]
        loop_us = _number(values, "loop_max_ms") * 1000
        return {
            **self._head(METRICS),
            "cpu": _number(values, "cpu_percent"),
            "loops": loops,
            "tasks": 6,
            "heap": _number(values, "heap_free_bytes"),
            "minHeap": _number(values, "heap_min_bytes"),
            "fragHeap": _fragmented_percent(values),
            "maxHeap": _number(values, "heap_block_bytes"),
            "bytesRx": _number(values, "bytes_received"),
            "bytesTx": _number(values, "bytes_sent"),
            "pktsRx": _number(values, "messages_received") & _U16,
            "pktsTx": _number(values, "messages_sent") & _U16,
            "pktsDrop": _number(values, "messages_dropped") & _U16,
            "throughput": min(_U16, 40 * _number(values, "cpu_percent")),
            "avgResp": loop_us // 8,
            "maxResp": loop_us,
            "avgLat": min(_U16, 4 + loop_us // 4000),
            "connQual": wifi_percent(values),
            "rssi": 0 if rssi_dbm is None else int(rssi_dbm),
            "ts": int(unix_s),
            "interval": interval_us // 1000,
            "message_type": METRICS,
        }

    def enhanced_status(self, values: Values, uptime_s: int, received: int, sent: int) -> Package:
        """Package 604, with the messages that its application counts."""
        return {
            **self._head(ENHANCED_STATUS),
            "status": _OPERATIONAL,
            "uptime": uptime_s,
            "mem": _number(values, "heap_free_bytes") // _KB,
            "wifi": wifi_percent(values),
            "fw": self._image_md5[:8],
            "fwMD5": self._image_md5,
            "nodes": _number(values, "nodes"),
            "conns": _number(values, "links"),
            "msgRx": received,
            "msgTx": sent,
            "msgDrop": _number(values, "messages_dropped"),
            # What the library leaves at 0 unless an application measures it.
            "latency": 0,
            "loss": 0,
            "throughput": 0,
            "alerts": 0,
            "lastErr": "",
        }

    def health(self, values: Values, uptime_s: int, crashes: int, unix_s: float, interval_us: int) -> Package:
        """Package 605: the firmware's own opinion of its health, and the temperature of its chip."""
        heap = _number(values, "heap_free_bytes")
        low = heap < 8 * _KB
        wifi = wifi_percent(values)
        heat_c = values["temperature_c"]
        return {
            **self._head(HEALTH_CHECK),
            "health": 1 if low or wifi < 25 else 2,
            "problems": (1 if low else 0) | (2 if wifi < 25 else 0),
            "memHealth": min(100, heap * 100 // (20 * _KB)),
            "memTrend": 0,
            "netHealth": wifi,
            "loss": 0,
            "reconn": _number(values, "reconnects") & 0xFF,
            "perfHealth": max(0, 100 - _number(values, "cpu_percent")),
            "missed": 0,
            "maxLoop": min(_U16, _number(values, "loop_max_ms")),
            "temp": 0 if heat_c is None else int(heat_c),
            "tempHealth": 100 if heat_c is None or heat_c < 70 else 30,
            "uptime": uptime_s,
            "crashes": crashes & _U16,
            "reboot": crashes,
            "ettf": 0,
            "recommend": "",
            "ts": int(unix_s),
            "nextCheck": int(unix_s) + interval_us // 1_000_000,
            "message_type": HEALTH_CHECK,
        }

    def _head(self, kind: int) -> Package:
        return {"from": self._node_id, "routing": ROUTE_BROADCAST, "type": kind}
