"""Which metrics are watched for being unlike themselves, and how far off is worth a mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshward.status.facts import Anomaly
from meshward.status.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Watched:
    """A metric that is watched. Rates of counters are per second."""

    name: str
    family: str
    """Metrics of one family move together: traffic that doubles shows in four of them."""
    quantum: float
    """The step in which its values are kept; no spread is taken to be smaller."""
    least: float
    """To be off by less than this is not worth a mark, however steady the metric is, ..."""
    share: float
    """... nor by less than this share of what is usual."""
    is_counter: bool = False


def _gauge(name: str, family: str, least: float, share: float = 0.0) -> Watched:
    return Watched(name, family, METRICS[name].quantum, least, share)


def _rate(name: str, quantum: float, least: float) -> Watched:
    # Traffic that changes by less than half is what applications do all day.
    return Watched(name, "traffic", quantum, least, share=0.5, is_counter=True)


WATCHED: tuple[Watched, ...] = (
    _gauge("heap_free_bytes", "memory", 1024, 0.05),
    _gauge("heap_block_bytes", "memory", 2048, 0.1),
    # Fading moves a signal by a few dB while nothing changes.
    _gauge("rssi_dbm", "radio", 8),
    # A pass of 20 ms more goes unnoticed by everybody.
    _gauge("loop_max_ms", "load", 20, 0.5),
    _gauge("cpu_percent", "load", 15),
    _gauge("temperature_c", "heat", 5),
    _gauge("delay_ms", "delay", 20, 0.5),
    _gauge("jitter_ms", "delay", 20, 0.5),
    _gauge("latency_ms", "delay", 20, 0.5),
    # Two of 20 probes are lost now and then.
    _gauge("probe_loss_percent", "loss", 15),
    _gauge("loss_percent", "loss", 15),
    # A message a minute is the smallest step of a rate that is taken over a minute.
    _rate("messages_received", 1 / 60, 0.2),
    _rate("messages_sent", 1 / 60, 0.2),
    _rate("messages_dropped", 1 / 60, 0.05),
    _rate("bytes_received", 1.0, 40),
    _rate("bytes_sent", 1.0, 40),
)
BY_NAME: Mapping[str, Watched] = {watched.name: watched for watched in WATCHED}


def ways(anomalies: Iterable[Anomaly]) -> int:
    """In how many ways a node is unlike itself: of each family, all anomalies are one.

    Free heap and its largest block together are one thing that changed, not two.
    """
    return len({BY_NAME[anomaly.metric].family for anomaly in anomalies if anomaly.metric in BY_NAME})
