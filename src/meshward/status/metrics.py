"""Every metric that Meshward knows of a node: its unit, what it can be, and what it means.

The order is the number by which stored samples name a metric: add at the end, never move or reuse one.
The first 16 are those of telemetry (`meshnode.health.metrics`), in its order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from meshnode.health.metrics import METRICS as TELEMETRY_METRICS

Kind = Literal["gauge", "counter"]

_U32 = 0xFFFF_FFFF
_HEAP_MAX = 64 * 1024 * 1024
"""Boards with external RAM have up to 32 MB; anything above is nonsense."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What there is to know of a metric."""

    number: int
    """In stored samples."""
    name: str
    kind: Kind
    unit: str
    """For people and charts: "B", "dBm", "%", "ms", "s", "°C", "hPa", "1/h", "B/s" or "" for a count."""
    low: float
    high: float
    """A value outside of these is refused."""
    quantum: float
    """The smallest step that means anything; spreads are never taken to be smaller."""
    words: str


_TABLE: tuple[tuple[str, Kind, str, float, float, float, str], ...] = (
    ("heap_free_bytes", "gauge", "B", 0, _HEAP_MAX, 128, "free heap"),
    ("heap_min_bytes", "gauge", "B", 0, _HEAP_MAX, 128, "lowest free heap since its boot"),
    ("heap_block_bytes", "gauge", "B", 0, _HEAP_MAX, 128, "largest free block of heap"),
    ("rssi_dbm", "gauge", "dBm", -120, 0, 1, "signal of its parent, as it receives it"),
    ("loop_max_ms", "gauge", "ms", 0, 600_000, 1, "longest pass of its main loop since the last sample"),
    ("cpu_percent", "gauge", "%", 0, 100, 1, "load of its processor"),
    ("temperature_c", "gauge", "°C", -60, 150, 0.5, "temperature of its chip"),
    ("battery_percent", "gauge", "%", 0, 100, 1, "charge of its battery"),
    ("nodes", "gauge", "", 0, 2000, 1, "nodes that it sees in the mesh"),
    ("links", "gauge", "", 0, 255, 1, "its direct neighbours"),
    ("messages_received", "counter", "", 0, _U32, 1, "messages it received"),
    ("messages_sent", "counter", "", 0, _U32, 1, "messages it sent"),
    ("messages_dropped", "counter", "", 0, _U32, 1, "messages it had to drop"),
    ("bytes_received", "counter", "B", 0, _U32, 64, "bytes it received"),
    ("bytes_sent", "counter", "B", 0, _U32, 64, "bytes it sent"),
    ("reconnects", "counter", "", 0, _U32, 1, "links that it lost and made again"),
    # What the gateway sees of any board by itself.
    ("online", "gauge", "", 0, 1, 1, "whether it is in the mesh"),
    ("delay_ms", "gauge", "ms", 0, 60_000, 0.1, "delay of a message to it, one way"),
    ("jitter_ms", "gauge", "ms", 0, 60_000, 0.1, "how much its delay changes from one probe to the next"),
    ("probe_loss_percent", "gauge", "%", 0, 100, 1, "share of the last 20 probes without an answer"),
    ("clock_offset_ms", "gauge", "ms", -2_200_000, 2_200_000, 0.1, "its mesh time minus ours"),
    ("moves_per_h", "gauge", "1/h", 0, 100_000, 1, "changes of its parent in the last hour"),
    ("rejoins_per_h", "gauge", "1/h", 0, 100_000, 1, "times it came back into the mesh in the last hour"),
    # Reports only.
    ("uptime_s", "gauge", "s", 0, _U32, 1, "time since its boot"),
    ("latency_ms", "gauge", "ms", 0, 65_535, 1, "mean latency, as it measured it"),
    ("loss_percent", "gauge", "%", 0, 100, 1, "packet loss, as it measured it"),
    ("throughput_bytes_per_s", "gauge", "B/s", 0, 65_535, 1, "throughput, as it measured it"),
    ("link_quality_percent", "gauge", "%", 0, 100, 1, "quality of its links, as it measured it"),
    ("wifi_percent", "gauge", "%", 0, 100, 1, "Wi-Fi quality, in a unit of its own"),
    (
        "heap_fragmentation_percent",
        "gauge",
        "%",
        0,
        100,
        1,
        "share of its free heap outside the largest block",
    ),
    ("response_ms", "gauge", "ms", 0, 4_294_968, 1, "mean time it took to answer"),
    ("crashes", "counter", "", 0, 65_535, 1, "crashes, as it counted them"),
    ("router_rssi_dbm", "gauge", "dBm", -120, 0, 1, "signal of the router, at a bridge"),
    ("internet", "gauge", "", 0, 1, 1, "whether the bridge reaches the Internet"),
    ("ambient_temperature_c", "gauge", "°C", -60, 150, 0.1, "temperature around it"),
    ("humidity_percent", "gauge", "%", 0, 100, 0.5, "humidity around it"),
    ("pressure_hpa", "gauge", "hPa", 300, 1200, 0.1, "air pressure around it"),
)

METRICS: Mapping[str, Metric] = {row[0]: Metric(number, *row) for number, row in enumerate(_TABLE)}
BY_NUMBER: tuple[Metric, ...] = tuple(METRICS.values())

assert tuple(METRICS)[: len(TELEMETRY_METRICS)] == tuple(metric.name for metric in TELEMETRY_METRICS)
