"""Telemetry frames: how samples of the 16 metrics become at most 64 bytes.

A frame is, little-endian:

    0  version (4 bits), kind (4 bits)
    1  count of samples on the grid (4 bits), flags (4 bits)
    2  sequence number, u16: one more with each frame
    4  keyframe: low byte of the sequence number of the snapshot that this frame refers to
    5  low byte of the boot counter
    6  snapshot: interval between samples, u16 seconds; else: its first sample's time after the keyframe
    8  snapshot only: uptime at its first sample, u32 seconds
       from here on bits, padded with zeros:
       flag AGED only: the age of the last sample on the grid, which is 0 otherwise; a bit 1 for one
       interval, or 17 bits that are it in seconds
       the samples
    -2 CRC-16 of all before

The first sample of a snapshot is the keyframe: which metrics are known, and their values in full. The first
of any other frame is told by its differences from the keyframe, every further one by those from the sample
before it. So a frame can be read with its keyframe alone, whatever else was lost. Samples on the grid are an
interval apart; flag EXTRA says that one more follows, taken when the frame was sent.

A sample begins with a bit: 1, what is known stays the same, and all that seldom moves is as predicted. Else
a second bit is 1 where all is as predicted, which ends the sample. Else a third is 1 where what is known
changed: then 16 bits, those known now; and a last one is 1 where all that seldom moves is as predicted. What
seldom moves and is as predicted is left out. For each other known metric follows a bit: 0, it is as
predicted; else its difference from that follows in an exponential Golomb code, whose order suits how much
the metric usually moves. What was not known in the sample before has its value in full there.
"""

from meshnode.health.metrics import COUNTER, METRICS

try:
    from binascii import crc_hqx
except ImportError:  # MicroPython

    def crc_hqx(data, crc: int) -> int:  # type: ignore[misc]
        """CRC-16 with the polynomial 0x1021, as CPython has it."""
        for byte in data:
            x = (crc >> 8) ^ byte
            x ^= x >> 4
            crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
        return crc


VERSION = 1
SNAPSHOT = 1
DELTA = 2  # one sample
BATCH = 3  # several
EVENT = 4  # what cannot wait

REBOOTED = 1  # the board started a short time ago
URGENT = 2
AGED = 4
EXTRA = 8

FRAME_BYTES = 64
HEADER_BYTES = 8
CRC_BYTES = 2
COUNT_MAX = 15
SECONDS_MAX = 0xFFFF

# By metric: the order of the code for values in full, and of that for differences, where it is fixed.
VALUE_ORDERS = b"\x09\x09\x09\x06\x06\x04\x06\x07\x05\x02\x0e\x0e\x04\x0e\x0e\x03"
STEP_ORDERS = b"\x03\x02\x02\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
LOOP_MAX = 4
#: By metric: the counter with which a counter grows, for messages are of about one size; 0: with time.
LEADERS = b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x0a\x0a\x0b\xff"
STANDS = 0xFF  # it hardly ever grows

#: What can be negative, as a bitmap: signal and temperature.
SIGNED = 0x0048
#: What seldom moves, as a bitmap: lowest heap, battery, nodes, links, messages dropped, reconnects.
QUIET = 0x9382

#: By metric: how many values a counter can have, for those of boards wrap at 32 bits; 0 for gauges.
MODULI = tuple([(1 << 32) // int(one.quantum) if one.kind == COUNTER else 0 for one in METRICS])

#: Of a gauge, in steps of its quantum; small enough to need no heap on boards. More is nonsense.
GAUGE_MAX = 0x1FFFFFFF

_CRC_START = 0xFFFF


def crc16(data) -> int:
    """The check of a frame."""
    return crc_hqx(data, _CRC_START)


def number_or_none(value):
    """A value as a board gave it, if it is a number that means something."""
    kind = type(value)
    if kind is int:
        return value
    # NaN is not equal to itself; the rest keeps infinity out.
    return value if kind is float and value == value and abs(value) < 1e15 else None  # noqa: PLR0124


def quantised(index: int, value) -> int | None:
    """A value of METRICS[index] in steps of its quantum; None for what is unknown or nonsense."""
    value = number_or_none(value)
    if value is None:
        return None
    quantum = METRICS[index].quantum
    modulus = MODULI[index]
    if modulus:
        step = int(quantum)
        return (int(value) + step // 2) // step % modulus
    if abs(value) >= GAUGE_MAX * quantum:
        return None
    steps = round(value / quantum)
    return steps if steps >= 0 or SIGNED >> index & 1 else None


def difference(index: int, value: int, predicted: int) -> int:
    """`value - predicted`; of a counter, the shorter way round."""
    modulus = MODULI[index]
    if not modulus:
        return value - predicted
    return (value - predicted + modulus // 2) % modulus - modulus // 2


def known(sample: list) -> int:
    """The metrics that a sample has a value of, as a bitmap: bit k is METRICS[k]."""
    bitmap = 0
    for index, value in enumerate(sample):
        if value is not None:
            bitmap |= 1 << index
    return bitmap


def width_of(number: int) -> int:
    """Bits that a number from 0 on takes."""
    width = 0
    while number >> width:
        width += 1
    return width


class Forecast:
    """What the next sample of a frame will be, as both sides foresee it by what they both know already.

    Gauges stay. Counters go on as they did, over time or along with another counter. At first that is how
    they did since the boot, when all were 0; with the first sample after the keyframe, since that.
    """

    def __init__(self, keyframe: list, uptime_s: int) -> None:
        self._keyframe = keyframe
        self._values = keyframe
        self._gains = keyframe
        self._over_s = uptime_s
        self.order = 0

    def value(self, index: int, sample: list, gap_s: int) -> int | None:
        """The value of a metric `gap_s` after the last sample; None where it was not known then.

        sample: the values of this sample for the metrics before this one. Sets `order`, that of the code
        for the difference.
        """
        value = self._values[index]
        modulus = MODULI[index]
        self.order = STEP_ORDERS[index]
        if value is None:
            return None
        if not modulus:
            if index == LOOP_MAX:  # quick or slow, it wavers by a share of itself
                self.order = max(0, width_of(abs(value)) - 2)
            return value
        leader = LEADERS[index]
        if leader == STANDS:
            return value
        part, whole = gap_s, self._over_s
        if leader:
            part, whole = self._step_of(leader, sample), self._gains[leader]
        gain = (self._gains[index] or 0) * part // whole if whole else 0
        self.order = max(0, width_of(gain) - (5 if leader else 2))
        return (value + gain) % modulus

    def known(self) -> int:
        """The metrics that were known in the last sample, as a bitmap."""
        return known(self._values)

    def begin(self, values: list, after_s: int) -> None:
        """The first sample of a frame, so much later than the keyframe, tells how counters go of late."""
        self._values = values
        if after_s:
            self._over_s = after_s
            self._gains = [self._gain(index) for index in range(len(METRICS))]

    def go_on(self, values: list) -> None:
        """The next sample of the frame."""
        self._values = values

    def _step_of(self, index: int, sample: list) -> int:
        return _gain_between(index, self._values[index], sample[index])

    def _gain(self, index: int) -> int:
        return _gain_between(index, self._keyframe[index], self._values[index])


def _gain_between(index: int, before: int | None, after: int | None) -> int:
    """What a counter gained; 0 where that is not known, or it was set back meanwhile."""
    if not MODULI[index] or before is None or after is None:
        return 0
    return max(0, difference(index, after, before))
