"""Which metrics of nodes Prometheus is told, under which names and in which units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "painlessmesh"


@dataclass(frozen=True, slots=True)
class Exported:
    """A metric of `status.metrics` as Prometheus has it: base units, counters with `_total`."""

    name: str
    """Below `painlessmesh_node_`; without `_total`."""
    factor: float = 1.0
    """What a value is multiplied by."""
    counter: bool = False


EXPORTED: Mapping[str, Exported] = {
    "heap_free_bytes": Exported("heap_free_bytes"),
    "heap_min_bytes": Exported("heap_free_min_bytes"),
    "heap_block_bytes": Exported("heap_largest_block_bytes"),
    "heap_fragmentation_percent": Exported("heap_fragmentation_ratio", 0.01),
    "rssi_dbm": Exported("rssi_dbm"),
    "router_rssi_dbm": Exported("router_rssi_dbm"),
    "loop_max_ms": Exported("loop_max_seconds", 0.001),
    "cpu_percent": Exported("cpu_usage_ratio", 0.01),
    "temperature_c": Exported("temperature_celsius"),
    "battery_percent": Exported("battery_ratio", 0.01),
    "nodes": Exported("visible_nodes"),
    "links": Exported("links"),
    "messages_received": Exported("messages_received", counter=True),
    "messages_sent": Exported("messages_sent", counter=True),
    "messages_dropped": Exported("messages_dropped", counter=True),
    "bytes_received": Exported("received_bytes", counter=True),
    "bytes_sent": Exported("sent_bytes", counter=True),
    "reconnects": Exported("reconnects", counter=True),
    "crashes": Exported("crashes", counter=True),
    "delay_ms": Exported("latency_seconds", 0.001),
    "jitter_ms": Exported("jitter_seconds", 0.001),
    "probe_loss_percent": Exported("packet_loss_ratio", 0.01),
    "clock_offset_ms": Exported("clock_offset_seconds", 0.001),
    "moves_per_h": Exported("parent_changes_per_hour"),
    "rejoins_per_h": Exported("rejoins_per_hour"),
    "ambient_temperature_c": Exported("ambient_temperature_celsius"),
    "humidity_percent": Exported("humidity_ratio", 0.01),
    "pressure_hpa": Exported("pressure_pascals", 100.0),
}
"""Others are in the API only: they say the same once more, as boards measured it."""
