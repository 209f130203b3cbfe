"""How samples and roll-ups are packed: a few bytes for each value.

A sample is a row of varints: which metrics it has (a bit each), then boot counter and uptime where known,
then the values in the order of their numbers. Gauges count in quanta of their metric; counters are exact.

A chunk holds many steps of one metric: how many values each step has, then mean, least and most of those that
have any, in single precision, deflated. Least and most are left out where there is one value only.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshward.errors import StoreError
from meshward.status.metrics import BY_NUMBER, METRICS, Metric
from meshward.status.samples import MESH, QUERY, TELEMETRY
from meshward.store.failures import damaged

Point = tuple[float, float | None, float | None, float | None, int]
"""A step: Unix seconds of its beginning, mean, least, most, and how many values; none of these in a gap."""

_NAMED_SOURCES = (MESH, TELEMETRY, QUERY)
#: Types of packages start above these.
_PACKAGE_MIN = 16

#: Steps of a quantum in a unit: to divide by 10 gives 0.3, to multiply with 0.1 does not.
_PER_UNIT = tuple(1 / metric.quantum for metric in BY_NUMBER)

_HAS_BOOTS = 1
_HAS_UPTIME = 2
_FLAG_BITS = 2

# Deflate within 1 KB, as a chunk has no more: its state is then small and quickly made.
_DEFLATE_LEVEL = 6
_DEFLATE_BITS = -10
_WORD_BYTES = 4
_CHUNK_BYTES_MAX = 60 * 4 * _WORD_BYTES


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A sample as it was stored."""

    values: dict[int, float]
    """By the numbers of the metrics."""
    boots: int | None
    uptime_s: int | None


def source_number(source: str) -> int:
    """The number that a source of samples is stored under: that of a report is its package's."""
    return _NAMED_SOURCES.index(source) if source in _NAMED_SOURCES else int(source)


def source_name(number: int) -> str:
    """The source with this number."""
    return _NAMED_SOURCES[number] if number < _PACKAGE_MIN else str(number)


def pack_sample(values: Mapping[str, float], boots: int | None, uptime_s: float | None) -> bytes:
    """A sample. Values that their metric cannot have, and unknown metrics, are left out."""
    known = sorted(
        (metric.number, metric, value)
        for name, value in values.items()
        if (metric := METRICS.get(name)) is not None and metric.low <= value <= metric.high
    )
    flags = _HAS_BOOTS * (boots is not None) | _HAS_UPTIME * (uptime_s is not None)
    numbers = [flags | sum(1 << (number + _FLAG_BITS) for number, _, _ in known)]
    if boots is not None:
        numbers.append(boots & 0xFF)
    if uptime_s is not None:
        numbers.append(max(int(uptime_s), 0))
    numbers.extend(_steps(metric, value) for _, metric, value in known)
    return _varints(numbers)


def unpack_sample(data: bytes) -> Unpacked:
    """What `pack_sample` packed. Raises StoreError."""
    numbers = _numbers(data)
    try:
        boots, uptime_s, at = _known_of_boot(numbers)
        present, number, values = numbers[0] >> _FLAG_BITS, 0, {}
        while present:
            if present & 1:
                values[number] = _value(BY_NUMBER[number], numbers[at])
                at += 1
            present >>= 1
            number += 1
    except IndexError:
        raise _damaged() from None
    return Unpacked(values, boots, uptime_s)


def metrics_of(data: bytes) -> int:
    """Which metrics a sample has: a bit for the number of each."""
    bits = shift = 0
    for byte in data:
        bits |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            break
        shift += 7
    return bits >> _FLAG_BITS


def unpack_value(data: bytes, metric: Metric) -> tuple[float, int | None, int | None] | None:
    """One value of a sample with its boot counter and uptime; None where it has none. Raises StoreError."""
    if data and not metrics_of(data) >> metric.number & 1:
        return None  # of most rows no more needs to be looked at
    numbers = _numbers(data)
    bit = 1 << (metric.number + _FLAG_BITS)
    try:
        boots, uptime_s, at = _known_of_boot(numbers)
        before = (numbers[0] & (bit - 1)) >> _FLAG_BITS
        return _value(metric, numbers[at + before.bit_count()]), boots, uptime_s
    except IndexError:
        raise _damaged() from None


def pack_chunk(points: Iterable[Point], start_s: int, step_s: int, steps: int) -> bytes:
    """Points of one metric, in their order, each with at least one value and at its step."""
    counts = [0] * steps
    means, lows, highs = [], [], []
    for at_s, mean, low, high, count in points:
        counts[int(at_s - start_s) // step_s] = count
        means.append(mean)
        if count > 1:
            lows.append(low)
            highs.append(high)
    floats = (*means, *lows, *highs)
    plain = struct.pack(f"<{steps}I{len(floats)}f", *counts, *floats)
    # First bytes together, second bytes together, …: neighbours are alike then, and deflate well.
    planes = b"".join(plain[at::_WORD_BYTES] for at in range(_WORD_BYTES))
    deflate = zlib.compressobj(_DEFLATE_LEVEL, wbits=_DEFLATE_BITS)
    return deflate.compress(planes) + deflate.flush()


def unpack_chunk(data: bytes, start_s: int, step_s: int, steps: int) -> list[Point]:
    """What `pack_chunk` packed: the points, without the steps that have none. Raises StoreError."""
    counts, floats = _counts_and_floats(data, steps)
    try:
        return _points(counts, floats, range(start_s, start_s + steps * step_s, step_s))
    except (ValueError, IndexError):
        raise _damaged() from None


def unpack_means(data: bytes, steps: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Of a chunk how many values each step has, and the means of those that have any. Raises StoreError."""
    counts, floats = _counts_and_floats(data, steps)
    present = steps - counts.count(0)
    if len(floats) < present:
        raise _damaged()
    return counts, floats[:present]


def _counts_and_floats(data: bytes, steps: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    try:
        planes = zlib.decompressobj(_DEFLATE_BITS).decompress(data, _CHUNK_BYTES_MAX)
        words = len(planes) // _WORD_BYTES
        plain = bytearray(words * _WORD_BYTES)
        for at in range(_WORD_BYTES):
            plain[at::_WORD_BYTES] = planes[at * words : (at + 1) * words]
        counts = struct.unpack_from(f"<{steps}I", plain)
        return counts, struct.unpack_from(f"<{words - steps}f", plain, steps * _WORD_BYTES)
    except (zlib.error, struct.error, ValueError):
        raise _damaged() from None


def _points(counts: tuple[int, ...], floats: tuple[float, ...], starts: range) -> list[Point]:
    filled = [(at_s, count) for at_s, count in zip(starts, counts, strict=True) if count]
    present = len(filled)
    single = len(floats) == present
    if single:  # one value in each step: by far the most usual
        return [(at_s, mean, mean, mean, 1) for (at_s, _), mean in zip(filled, floats, strict=True)]
    many = sum(count > 1 for _, count in filled)
    points: list[Point] = []
    at = present
    for (at_s, count), mean in zip(filled, floats, strict=False):
        if count == 1:
            points.append((at_s, mean, mean, mean, 1))
        else:
            points.append((at_s, mean, floats[at], floats[at + many], count))
            at += 1
    return points


def _known_of_boot(numbers: list[int]) -> tuple[int | None, int | None, int]:
    """Boot counter, uptime, and where the values begin."""
    boots = uptime_s = None
    at = 1
    if numbers[0] & _HAS_BOOTS:
        boots = numbers[at]
        at += 1
    if numbers[0] & _HAS_UPTIME:
        uptime_s = numbers[at]
        at += 1
    return boots, uptime_s, at


def _steps(metric: Metric, value: float) -> int:
    if metric.kind == "counter":
        return int(value)
    steps = round(value / metric.quantum)
    if metric.low >= 0:
        return steps
    return steps * 2 if steps >= 0 else -steps * 2 - 1


def _value(metric: Metric, steps: int) -> float:
    if metric.kind == "counter":
        return float(steps)
    if metric.low < 0:
        steps = -(steps + 1) // 2 if steps & 1 else steps // 2
    return steps / _PER_UNIT[metric.number]


def _varints(numbers: Iterable[int]) -> bytes:
    data = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            data.append(rest & 0x7F | 0x80)
            rest >>= 7
        data.append(rest)
    return bytes(data)


def _numbers(data: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in data:
        if byte > 0x7F:
            number |= (byte & 0x7F) << shift
            shift += 7
        else:
            numbers.append(number | byte << shift)
            number = shift = 0
    return numbers


def _damaged() -> StoreError:
    return damaged("with the history", "a row cannot be read")
