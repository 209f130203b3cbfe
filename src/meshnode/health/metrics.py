"""The 16 health metrics of telemetry. In the order of the wire: bit k of a bitmap is METRICS[k]."""

GAUGE = 0
COUNTER = 1


class Metric:
    """One metric: what it is called, and the step in which it travels."""

    __slots__ = ("kind", "name", "quantum")

    def __init__(self, name: str, kind: int, quantum: float) -> None:
        self.name = name
        self.kind = kind  # GAUGE or COUNTER
        self.quantum = quantum  # a value is sent as round(value / quantum)


METRICS = (
    Metric("heap_free_bytes", GAUGE, 128),
    Metric("heap_min_bytes", GAUGE, 128),
    Metric("heap_block_bytes", GAUGE, 128),
    Metric("rssi_dbm", GAUGE, 1),
    Metric("loop_max_ms", GAUGE, 1),
    Metric("cpu_percent", GAUGE, 1),
    Metric("temperature_c", GAUGE, 0.5),
    Metric("battery_percent", GAUGE, 1),
    Metric("nodes", GAUGE, 1),
    Metric("links", GAUGE, 1),
    Metric("messages_received", COUNTER, 1),
    Metric("messages_sent", COUNTER, 1),
    Metric("messages_dropped", COUNTER, 1),
    Metric("bytes_received", COUNTER, 64),
    Metric("bytes_sent", COUNTER, 64),
    Metric("reconnects", COUNTER, 1),
)
