"""TelemetryEncoder: samples in, frames of at most 64 bytes out (see codec.py)."""

from meshnode.health.bits import BitWriter
from meshnode.health.codec import (
    AGED,
    BATCH,
    COUNT_MAX,
    CRC_BYTES,
    DELTA,
    EVENT,
    EXTRA,
    FRAME_BYTES,
    HEADER_BYTES,
    QUIET,
    REBOOTED,
    SECONDS_MAX,
    SIGNED,
    SNAPSHOT,
    URGENT,
    VALUE_ORDERS,
    VERSION,
    Forecast,
    crc16,
    difference,
    known,
    quantised,
)
from meshnode.health.metrics import METRICS

#: Snapshots say for so long after the boot that there was one.
YOUNG_S = 300
#: A sample may be so much off its place on the grid: boards are woken late, and seconds are whole.
_SLACK_S = 1


class TelemetryEncoder:
    """One board's telemetry. Uptimes are in whole seconds since its boot.

    interval_s: between samples, 1..65535. batch: samples in a frame, 1..15. keyframe_every: a snapshot comes
    at least once in so many samples. boot: low byte of the boot counter. seq: of the first frame; best at
    random, so that frames of the time before the boot are not taken for later ones.
    """

    def __init__(
        self, interval_s: int, batch: int = 5, keyframe_every: int = 15, boot: int = 0, seq: int = 0
    ) -> None:
        if not 1 <= interval_s <= SECONDS_MAX or not 1 <= batch <= COUNT_MAX or keyframe_every < batch:
            raise ValueError("telemetry needs 1..65535 s between samples and 1..15 of them in a frame")
        self._interval_s = interval_s
        self._batch = batch
        self._keyframe_every = keyframe_every
        self._boot = boot & 0xFF
        self._seq = seq & 0xFFFF
        self._buffer = bytearray(FRAME_BYTES)
        self._pending: list = []  # samples on the grid, not sent yet
        self._first_s = 0  # uptime at the first of them
        self._keyframe: list | None = None  # None: the next frame is a snapshot
        self._keyframe_s = 0
        self._keyframe_id = 0
        self._carried = 0  # samples sent since the keyframe, itself included

    def add(self, values: list, uptime_s: int) -> list[bytes]:
        """Take the next regular sample; the frames to send now, mostly none."""
        frames: list = []
        if self._pending and not self._is_next(uptime_s):
            self._drain(frames, None, uptime_s)
        sample = _quantised(values)
        if self._pending and not self._fits(self._pending + [sample]):
            self._drain(frames, None, uptime_s)
        if not self._pending:
            self._first_s = uptime_s
        self._pending.append(sample)
        if len(self._pending) >= self._batch:
            self._drain(frames, None, uptime_s)
        return frames

    def hold(self, values: list, uptime_s: int) -> None:
        """Take a regular sample while nobody can be told; the last few are kept for `flush`."""
        self._keyframe = None
        if self._pending and not self._is_next(uptime_s):
            self._pending = []
        if not self._pending:
            self._first_s = uptime_s
        self._pending.append(_quantised(values))
        if len(self._pending) > self._batch:
            self._pending.pop(0)
            self._first_s += self._interval_s

    def flush(self, values: list, uptime_s: int, urgent: bool = False, snapshot: bool = False) -> list[bytes]:
        """Frames with all that waits and with the values of this moment; `snapshot`: on their own terms."""
        if snapshot:
            self._keyframe = None
        frames: list = []
        self._drain(frames, _quantised(values), uptime_s, urgent)
        return frames

    # -- from samples to frames ------------------------------------------------------------

    def _is_next(self, uptime_s: int) -> bool:
        place_s = self._first_s + len(self._pending) * self._interval_s
        return abs(uptime_s - place_s) <= _SLACK_S

    def _drain(self, frames: list, extra: list | None, now_s: int, urgent: bool = False) -> None:
        """Send all that waits, in as few frames as it fits in."""
        while self._pending or extra is not None:
            count = len(self._pending)
            with_extra = extra
            if count and self._write(self._pending, extra, now_s).full:
                with_extra = None
                while count > 1 and self._write(self._pending[:count], None, now_s).full:
                    count -= 1
            frames.append(self._emit(count, with_extra, now_s, urgent))
            if with_extra is not None:
                extra = None

    def _fits(self, samples: list) -> bool:
        """Whether these can be sent as one frame, once another sample turns out not to fit in."""
        steps = len(samples) if len(samples) < self._batch else self._batch - 1
        return not self._write(samples, None, self._first_s + steps * self._interval_s).full

    def _snapshot_due(self, now_s: int) -> bool:
        if self._keyframe is None or self._carried + self._batch > self._keyframe_every:
            return True
        return now_s - self._keyframe_s > SECONDS_MAX

    def _emit(self, count: int, extra: list | None, now_s: int, urgent: bool) -> bytes:
        samples = self._pending[:count]
        bits = self._write(samples, extra, now_s)
        if bits.full:  # a lone sample that is far from its keyframe
            self._keyframe = None
            bits = self._write(samples, extra, now_s)
        while bits.full:  # billions of reconnects and the like: what takes the most room is not told
            _drop_longest(samples[0] if samples else extra)
            bits = self._write(samples, extra, now_s)
        snapshot = self._snapshot_due(now_s)
        if snapshot:
            self._keyframe = samples[0] if samples else extra
            self._keyframe_s = self._start_s(samples, now_s)
            self._keyframe_id = self._seq & 0xFF
            self._carried = 0
        total = len(samples) + (extra is not None)
        self._carried += total
        self._pending = self._pending[count:]
        self._first_s += count * self._interval_s
        return self._finish(bits.used_bytes, snapshot, total, urgent, now_s)

    def _finish(self, used_bytes: int, snapshot: bool, total: int, urgent: bool, now_s: int) -> bytes:
        """Fill in what is known only when a frame is sent."""
        buffer = self._buffer
        kind = SNAPSHOT if snapshot else EVENT if urgent else DELTA if total == 1 else BATCH
        buffer[0] = VERSION << 4 | kind
        if urgent:
            buffer[1] |= URGENT
        if snapshot and now_s < YOUNG_S:
            buffer[1] |= REBOOTED
        buffer[2] = self._seq & 0xFF
        buffer[3] = self._seq >> 8
        buffer[4] = self._keyframe_id
        buffer[5] = self._boot
        self._seq = (self._seq + 1) & 0xFFFF
        frame = bytes(memoryview(buffer)[:used_bytes])
        check = crc16(frame)
        return frame + bytes((check & 0xFF, check >> 8))

    def _start_s(self, samples: list, now_s: int) -> int:
        return self._first_s if samples else now_s

    def _write(self, samples: list, extra: list | None, now_s: int) -> BitWriter:
        """Write a frame that is sent now into the buffer, but for what only `_finish` knows."""
        buffer = self._buffer
        snapshot = self._snapshot_due(now_s)
        count = len(samples)
        start_s = self._start_s(samples, now_s)
        size = HEADER_BYTES
        after_s = self._interval_s if snapshot else start_s - self._keyframe_s
        _put_u16(buffer, 6, after_s)
        if snapshot:
            _put_u16(buffer, size, start_s & 0xFFFF)
            _put_u16(buffer, size + 2, start_s >> 16 & 0xFFFF)
            size += 4
        age_s = 0
        if count:
            age_s = min(max(0, now_s - start_s - (count - 1) * self._interval_s), SECONDS_MAX)
        # With an extra sample it is also the time between the two, and exact.
        slack_s = _SLACK_S if extra is None else 0
        flags = EXTRA if extra is not None else 0
        bits = BitWriter(buffer, size, FRAME_BYTES - CRC_BYTES)
        if age_s > slack_s:
            flags |= AGED
            is_interval = abs(age_s - self._interval_s) <= slack_s
            bits.put(1 if is_interval else age_s, 1 if is_interval else 17)
        buffer[1] = count << 4 | flags
        all_samples = samples if extra is None else samples + [extra]
        keyframe = all_samples[0] if snapshot else self._keyframe
        assert keyframe is not None
        forecast = Forecast(keyframe, start_s if snapshot else self._keyframe_s)
        for index, sample in enumerate(all_samples):
            if index:
                _put_sample(bits, forecast, sample, age_s if index == count else self._interval_s)
                forecast.go_on(sample)
            elif snapshot:
                _put_keyframe(bits, sample)
            else:
                _put_sample(bits, forecast, sample, after_s)
                forecast.begin(sample, after_s)
            if bits.full:
                break
        return bits


def _quantised(values: list) -> list:
    if len(values) != len(METRICS):
        raise ValueError("a sample has %d values, not %d" % (len(METRICS), len(values)))
    return [quantised(index, value) for index, value in enumerate(values)]


def _put_u16(buffer: bytearray, at: int, value: int) -> None:
    buffer[at] = value & 0xFF
    buffer[at + 1] = value >> 8


def _put_value(bits: BitWriter, index: int, value: int) -> None:
    bits.put_number(_zigzag(value) if SIGNED >> index & 1 else value, VALUE_ORDERS[index])


def _put_keyframe(bits: BitWriter, sample: list) -> None:
    bits.put(known(sample), len(METRICS))
    for index, value in enumerate(sample):
        if value is not None:
            _put_value(bits, index, value)


def _put_sample(bits: BitWriter, forecast: Forecast, sample: list, gap_s: int) -> None:
    moved = 0
    for index, value in enumerate(sample):
        if value != forecast.value(index, sample, gap_s):
            moved |= 1 << index
    if not moved:
        bits.put(0b01, 2)
        return
    all_quiet = 0 if moved & QUIET else 1
    bitmap = known(sample)
    is_same = bitmap == forecast.known()
    if is_same and all_quiet:
        bits.put(1, 1)
    else:
        bits.put(0, 2)
        bits.put(0 if is_same else 1, 1)
        if not is_same:
            bits.put(bitmap, len(METRICS))
        bits.put(all_quiet, 1)
    for index, value in enumerate(sample):
        if value is not None and not (all_quiet and QUIET >> index & 1):
            _put_step(bits, index, value, forecast.value(index, sample, gap_s), forecast.order)


def _put_step(bits: BitWriter, index: int, value: int, before: int | None, order: int) -> None:
    if before is None:
        _put_value(bits, index, value)
        return
    step = difference(index, value, before)
    bits.put(1 if step else 0, 1)
    if step:
        bits.put_number(_zigzag(step) - 1, order)


def _zigzag(value: int) -> int:
    """A number from 0 on for any: the sign goes into the lowest bit."""
    return 2 * value if value >= 0 else -2 * value - 1


def _drop_longest(sample) -> None:
    known = [abs(value) for value in sample if value is not None]
    sample[[None if value is None else abs(value) for value in sample].index(max(known))] = None
