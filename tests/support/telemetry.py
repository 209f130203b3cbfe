"""Boards whose telemetry is tried: values that wander, and frames on their way to a decoder."""

from base64 import b64encode
from random import Random
from typing import Any

from meshnode.health import codec
from meshnode.health.metrics import COUNTER, METRICS
from meshnode.wire import TELEMETRY

NAMES = tuple(metric.name for metric in METRICS)
COUNTERS = frozenset(metric.name for metric in METRICS if metric.kind == COUNTER)
NODE = 1001
GATEWAY = 7

Values = list[float | None]


def package(frame: bytes, node: int = NODE) -> dict[str, Any]:
    """A frame as it travels."""
    text = b64encode(frame).decode()
    return {"type": TELEMETRY, "routing": 1, "from": node, "dest": GATEWAY, "d": text}


def sealed(content: bytes) -> bytes:
    """A frame with its check, whatever is in it."""
    return content + codec.crc16(content).to_bytes(2, "little")


def steady(**values: float | None) -> Values:
    """A board that does nothing in particular."""
    usual = {
        "heap_free_bytes": 180_000,
        "heap_min_bytes": 150_000,
        "heap_block_bytes": 110_000,
        "rssi_dbm": -61,
        "loop_max_ms": 14,
        "cpu_percent": 11,
        "temperature_c": 41.5,
        "nodes": 20,
        "links": 3,
        "messages_received": 1000,
        "messages_sent": 700,
        "messages_dropped": 0,
        "bytes_received": 150_000,
        "bytes_sent": 100_000,
        "reconnects": 1,
    }
    return [(usual | values).get(name) for name in NAMES]


def off_by(name: str, shown: float, measured: float) -> float:
    """How far a value is off, the shorter way round for counters."""
    if name in COUNTERS:
        return abs((shown - measured + 2**31) % 2**32 - 2**31)
    return abs(shown - measured)


def assert_shows(shown: dict[str, float], measured: Values) -> None:
    """What is shown is what was measured, within half a step, and no more than that is known."""
    known = {name for name, value in zip(NAMES, measured, strict=True) if value is not None}
    assert shown.keys() == known
    for metric, value in zip(METRICS, measured, strict=True):
        if value is not None:
            assert off_by(metric.name, shown[metric.name], value) <= metric.quantum / 2, metric.name


class Walk:
    """Values that wander, jump, vanish and come back, with counters that wrap."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._liveliness = rng.choice((0.01, 0.2, 1.0))
        self._jumps = rng.choice((0.0, 0.01, 0.2))
        self._values: list[float] = [self._anywhere(name) for name in NAMES]
        self._there = [rng.random() < 0.8 for _ in NAMES]

    def step(self) -> Values:
        """The next sample."""
        rng = self._rng
        for index, name in enumerate(NAMES):
            if rng.random() < self._jumps:
                self._values[index] = self._anywhere(name)
                self._there[index] = rng.random() < 0.8
            elif rng.random() < self._liveliness:
                self._values[index] = self._moved(name, self._values[index])
        return [value if there else None for value, there in zip(self._values, self._there, strict=True)]

    def _anywhere(self, name: str) -> float:
        rng = self._rng
        if name in _SELDOM:
            return rng.randrange(2000)
        if name in COUNTERS:
            return rng.choice((rng.randrange(2000), rng.randrange(2**32), 2**32 - rng.randrange(1, 3000)))
        return _within(name, rng.uniform(*_BOUNDS[name]))

    def _moved(self, name: str, value: float) -> float:
        rng = self._rng
        if name in _SELDOM:
            return int(value) + rng.choice((0, 1, 30))
        if name in COUNTERS:
            return (int(value) + int(rng.expovariate(1 / rng.choice((1, 30, 3000))))) % 2**32
        low, high = _BOUNDS[name]
        return _within(name, value + rng.gauss() * (high - low) * rng.choice((0.001, 0.02)))


_SELDOM = frozenset({"messages_dropped", "reconnects"})
"""Counters of what goes wrong: with billions of each, some value would not fit into a frame."""
_BOUNDS = {
    "heap_free_bytes": (0, 300_000),
    "heap_min_bytes": (0, 300_000),
    "heap_block_bytes": (0, 300_000),
    "rssi_dbm": (-100, -20),
    "loop_max_ms": (0, 9000),
    "cpu_percent": (0, 100),
    "temperature_c": (-40, 120),
    "battery_percent": (0, 100),
    "nodes": (0, 300),
    "links": (0, 12),
}


def _within(name: str, value: float) -> float:
    low, high = _BOUNDS[name]
    value = min(max(value, low), high)
    return round(value, 1) if name == "temperature_c" else int(value)
