"""A telemetry frame, read: the other side of `meshnode.health.encoder`. `codec` there has the layout."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from meshnode.health import codec
from meshnode.health.metrics import METRICS
from meshnode.wire import WireError

_HEADER = struct.Struct("<BBHBBH")
_KINDS = {codec.SNAPSHOT, codec.DELTA, codec.BATCH, codec.EVENT}
_ALL = (1 << len(METRICS)) - 1
_ZEROS_MAX = 33
"""Before a number of a bit more than 32 bits, which is as much as an encoder writes."""

Values = tuple[int | None, ...]
"""Of one sample, in the order of METRICS and in steps of their quanta."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The first sample of a snapshot, to which later frames refer."""

    seq: int
    uptime_s: int
    interval_s: int
    values: Values


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before the samples."""

    kind: int
    flags: int
    seq: int
    keyframe_seq: int
    """Of the snapshot it refers to: the last with that low byte."""
    boot: int
    interval_s: int
    """0 where it is its keyframe's."""
    after_s: int
    """Its first sample's time after the keyframe."""
    uptime_s: int
    """Of a snapshot, at its first sample."""
    count: int
    """Samples on the grid; with EXTRA one more follows."""
    body: bytes

    @property
    def is_snapshot(self) -> bool:
        """Whether it can be read by itself."""
        return self.kind == codec.SNAPSHOT


def read_frame(data: bytes) -> Frame:
    """Check a frame and read its head. Raises WireError for whatever is none."""
    if not codec.HEADER_BYTES + codec.CRC_BYTES < len(data) <= codec.FRAME_BYTES:
        raise WireError(f"telemetry of {len(data)} bytes")
    content = data[: -codec.CRC_BYTES]
    if codec.crc16(content) != int.from_bytes(data[-codec.CRC_BYTES :], "little"):
        raise WireError("damaged telemetry")
    first, second, seq, keyframe_id, boot, seconds = _HEADER.unpack_from(content)
    version, kind = first >> 4, first & 0xF
    if version != codec.VERSION or kind not in _KINDS:
        raise WireError(f"telemetry of version {version}, kind {kind}")
    count, flags = second >> 4, second & 0xF
    at = codec.HEADER_BYTES
    uptime_s = 0
    is_snapshot = kind == codec.SNAPSHOT
    if is_snapshot:
        uptime_s, at = _number(content, at, 4)
    total = count + bool(flags & codec.EXTRA)
    if not total or (kind == codec.DELTA and total != 1) or (kind == codec.BATCH and total < 2):
        raise WireError("telemetry with a wrong count of samples")
    if is_snapshot and not (seconds and keyframe_id == seq & 0xFF):
        raise WireError("a snapshot that refers to another one, or has no interval")
    return Frame(
        kind=kind,
        flags=flags,
        seq=seq,
        keyframe_seq=(seq - ((seq - keyframe_id) & 0xFF)) & 0xFFFF,
        boot=boot,
        interval_s=seconds if is_snapshot else 0,
        after_s=0 if is_snapshot else seconds,
        uptime_s=uptime_s,
        count=count,
        body=content[at:],
    )


def read_samples(frame: Frame, keyframe: Keyframe | None) -> list[tuple[int, Values]]:
    """The samples of a frame, oldest first, each with how many seconds old it was when the frame was sent.

    keyframe: what the frame refers to; None for a snapshot. Raises WireError.
    """
    bits = _BitReader(frame.body)
    interval_s = frame.interval_s if keyframe is None else keyframe.interval_s
    age_s = 0
    if frame.flags & codec.AGED:
        age_s = interval_s if bits.take(1) else bits.take(16)
    ages_s = [age_s + interval_s * left for left in range(frame.count - 1, -1, -1)]
    gaps_s = [interval_s] * frame.count
    if frame.flags & codec.EXTRA:
        ages_s.append(0)
        gaps_s.append(age_s)
    if keyframe is None:
        first = _read_keyframe(bits)
        forecast = codec.Forecast(list(first), frame.uptime_s)
    else:
        forecast = codec.Forecast(list(keyframe.values), keyframe.uptime_s)
        first = _read_sample(bits, forecast, frame.after_s)
        forecast.begin(list(first), frame.after_s)
    samples = [first]
    for gap_s in gaps_s[1:]:
        samples.append(_read_sample(bits, forecast, gap_s))
        forecast.go_on(list(samples[-1]))
    bits.end()
    return list(zip(ages_s, samples, strict=True))


def as_numbers(values: Sequence[int | None]) -> dict[str, float]:
    """Known values by the names of their metrics, in their units."""
    return {
        metric.name: value * metric.quantum
        for metric, value in zip(METRICS, values, strict=True)
        if value is not None
    }


class _BitReader:
    """Bits of a body, most significant first. Raises WireError behind its end."""

    def __init__(self, body: bytes) -> None:
        self._bits = int.from_bytes(body, "big")
        self._left = 8 * len(body)

    def take(self, width: int) -> int:
        self._left -= width
        if self._left < 0:
            raise WireError("telemetry that breaks off")
        return (self._bits >> self._left) & ((1 << width) - 1)

    def number(self, order: int) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _ZEROS_MAX:
                raise WireError("a number in telemetry that is too long")
        rest = zeros + order
        return ((1 << rest) | self.take(rest)) - (1 << order)

    def end(self) -> None:
        """Nothing may be left but the zeros that fill the last byte."""
        if self._left > 7 or self.take(self._left):
            raise WireError("telemetry with something behind its end")


def _number(content: bytes, at: int, size: int) -> tuple[int, int]:
    if at + size > len(content):
        raise WireError("telemetry that breaks off")
    return int.from_bytes(content[at : at + size], "little"), at + size


def _read_keyframe(bits: _BitReader) -> Values:
    known = bits.take(len(METRICS))
    return tuple(_read_value(bits, index) if known >> index & 1 else None for index in range(len(METRICS)))


def _read_sample(bits: _BitReader, forecast: codec.Forecast, gap_s: int) -> Values:
    values: list[int | None] = [None] * len(METRICS)
    known, as_predicted = forecast.known(), codec.QUIET
    if not bits.take(1):
        if bits.take(1):
            as_predicted = _ALL
        else:
            known = bits.take(len(METRICS)) if bits.take(1) else known
            as_predicted = codec.QUIET if bits.take(1) else 0
    for index in range(len(METRICS)):
        if known >> index & 1:
            before = forecast.value(index, values, gap_s)
            is_told = not as_predicted >> index & 1
            values[index] = _read_step(bits, index, before, forecast.order) if is_told else before
    return tuple(values)


def _read_step(bits: _BitReader, index: int, before: int | None, order: int) -> int:
    if before is None:
        return _read_value(bits, index)
    if not bits.take(1):
        return before
    value = before + _unzigzag(bits.number(order) + 1)
    modulus = codec.MODULI[index]
    return value % modulus if modulus else _gauge(index, value)


def _read_value(bits: _BitReader, index: int) -> int:
    number = bits.number(codec.VALUE_ORDERS[index])
    if codec.SIGNED >> index & 1:
        number = _unzigzag(number)
    modulus = codec.MODULI[index]
    if not modulus:
        return _gauge(index, number)
    if number >= modulus:
        raise WireError("a counter in telemetry that is too large")
    return number


def _gauge(index: int, value: int) -> int:
    if abs(value) > codec.GAUGE_MAX or (value < 0 and not codec.SIGNED >> index & 1):
        raise WireError("a value in telemetry that cannot be")
    return value


def _unzigzag(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1
