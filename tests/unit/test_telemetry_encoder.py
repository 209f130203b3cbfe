"""What the encoder sends, and when."""

import pytest

from meshnode.health import codec
from meshnode.health.bits import BitWriter
from meshnode.health.encoder import TelemetryEncoder
from meshnode.health.metrics import METRICS
from meshward.status.telemetry_frame import Keyframe, read_frame, read_samples
from tests.support.telemetry import NAMES, steady

KINDS = {codec.SNAPSHOT: "snapshot", codec.DELTA: "delta", codec.BATCH: "batch", codec.EVENT: "event"}
MINUTE_S = 60


def feed(encoder, minutes, begin_s=0, values=None):
    """Frames of so many regular samples."""
    frames = []
    for minute in range(minutes):
        frames += encoder.add(values or steady(), begin_s + MINUTE_S * minute)
    return frames


def told(frames):
    """(kind, samples) of each frame."""
    heads = [read_frame(frame) for frame in frames]
    return [(KINDS[head.kind], head.count + bool(head.flags & codec.EXTRA)) for head in heads]


def quantised(values):
    return tuple(codec.quantised(index, value) for index, value in enumerate(values))


def test_samples_go_in_batches_and_a_snapshot_comes_every_15_of_them():
    frames = feed(TelemetryEncoder(60), 35)
    assert told(frames) == [("snapshot", 5), ("batch", 5), ("batch", 5)] * 2 + [("snapshot", 5)]


def test_a_snapshot_comes_as_often_as_is_wished():
    frames = feed(TelemetryEncoder(60, 5, 30), 60)
    assert [kind for kind, _ in told(frames)] == (["snapshot"] + ["batch"] * 5) * 2
    frames = feed(TelemetryEncoder(60, 1, 3), 6)
    assert [kind for kind, _ in told(frames)] == ["snapshot", "delta", "delta"] * 2


def test_frames_are_numbered_and_name_their_snapshot_and_boot():
    frames = feed(TelemetryEncoder(60, boot=0x1FE, seq=65534), 35)
    heads = [read_frame(frame) for frame in frames]
    assert [head.seq for head in heads] == [65534, 65535, 0, 1, 2, 3, 4]
    assert [head.keyframe_seq for head in heads] == [65534, 65534, 65534, 1, 1, 1, 4]
    assert {head.boot for head in heads} == {0xFE}


def test_a_sample_in_which_nothing_moved_costs_two_bits():
    still = steady(
        messages_received=0, messages_sent=0, bytes_received=0, bytes_sent=0, messages_dropped=0, reconnects=0
    )
    frames = feed(TelemetryEncoder(60), 10, values=still)
    assert len(frames[1]) == codec.HEADER_BYTES + 2 + codec.CRC_BYTES


def test_what_is_not_known_costs_nothing():
    heap_only = [None] * len(METRICS)
    heap_only[0] = 50_000
    alone = feed(TelemetryEncoder(60), 5, values=heap_only)[0]
    assert len(alone) <= codec.HEADER_BYTES + 4 + 2 + 2 + 1 + codec.CRC_BYTES
    with_battery = feed(TelemetryEncoder(60), 5, values=steady(battery_percent=80))[0]
    assert len(feed(TelemetryEncoder(60), 5)[0]) == len(with_battery) - 1


def test_a_counter_that_goes_on_as_ever_costs_no_more_than_one_that_stands():
    encoder = TelemetryEncoder(60)
    frames = []
    for minute in range(1, 11):
        values = steady(messages_received=30 * minute, bytes_received=64 * 70 * minute, messages_sent=0)
        frames += encoder.add([*values[:14], 0, 1], MINUTE_S * minute)
    assert len(frames[1]) == codec.HEADER_BYTES + 2 + codec.CRC_BYTES


def test_an_event_takes_along_what_waits():
    encoder = TelemetryEncoder(60)
    sent = feed(encoder, 5)
    keyframe = snapshot_of(sent[0])
    assert feed(encoder, 2, 300) == []
    (frame,) = encoder.flush(steady(rssi_dbm=-90), 374, urgent=True)
    head = read_frame(frame)
    assert head.flags & codec.URGENT
    assert told([frame]) == [("event", 3)]
    ages, samples = zip(*read_samples(head, keyframe), strict=True)
    assert ages == (74, 14, 0)
    assert samples == (quantised(steady()),) * 2 + (quantised(steady(rssi_dbm=-90)),)
    assert told(feed(encoder, 5, 420)) == [("batch", 5)]


def test_an_event_before_anything_else_is_a_snapshot():
    (frame,) = TelemetryEncoder(60).flush(steady(), 1000, urgent=True)
    head = read_frame(frame)
    assert told([frame]) == [("snapshot", 1)]
    assert head.flags == codec.URGENT | codec.EXTRA
    assert (head.uptime_s, head.interval_s) == (1000, 60)


def test_a_snapshot_on_request_begins_with_what_waits():
    encoder = TelemetryEncoder(60)
    feed(encoder, 7)
    (frame,) = encoder.flush(steady(), 400, snapshot=True)
    head = read_frame(frame)
    assert told([frame]) == [("snapshot", 3)]
    assert head.uptime_s == 300
    assert [age_s for age_s, _ in read_samples(head, None)] == [100, 40, 0]


def test_a_snapshot_of_the_first_minutes_says_that_the_board_rebooted():
    (young,), (old,) = (TelemetryEncoder(60).flush(steady(), uptime_s) for uptime_s in (299, 300))
    assert read_frame(young).flags & codec.REBOOTED
    assert not read_frame(old).flags & codec.REBOOTED


def test_the_last_samples_are_kept_while_nobody_can_be_told():
    encoder = TelemetryEncoder(60)
    feed(encoder, 5)
    for minute in range(5, 25):
        encoder.hold(steady(nodes=minute), MINUTE_S * minute)
    (frame,) = encoder.flush(steady(nodes=99), MINUTE_S * 24 + 10, snapshot=True)
    samples = read_samples(read_frame(frame), None)
    assert [(age_s, values[8]) for age_s, values in samples] == [
        *((250, 20), (190, 21), (130, 22), (70, 23), (10, 24)),
        (0, 99),
    ]


def test_after_a_time_of_silence_a_snapshot_comes_first():
    encoder = TelemetryEncoder(60)
    feed(encoder, 5)
    encoder.hold(steady(), 300)
    assert told(feed(encoder, 4, 360)) == [("snapshot", 5)]


def test_a_sample_off_the_grid_begins_a_new_frame():
    encoder = TelemetryEncoder(60)
    assert feed(encoder, 3) == []
    (frame,) = encoder.add(steady(), 200)
    assert [age_s for age_s, _ in read_samples(read_frame(frame), None)] == [200, 140, 80]
    assert told(feed(encoder, 4, 260)) == [("batch", 5)]


def test_a_board_that_wakes_a_second_late_is_on_the_grid():
    encoder = TelemetryEncoder(60)
    frames = [frame for uptime_s in (0, 61, 119, 180, 241) for frame in encoder.add(steady(), uptime_s)]
    assert told(frames) == [("snapshot", 5)]


def test_what_does_not_fit_goes_into_the_next_frame():
    encoder = TelemetryEncoder(60)
    frames, measured = [], []
    for minute in range(30):
        wild = steady(heap_free_bytes=(minute * 7919 % 97) * 3000, loop_max_ms=(minute * 31 % 17) * 500)
        wild = [value if index < 10 else (minute * 48271) ** 2 % 2**20 for index, value in enumerate(wild)]
        measured.append(quantised(wild))
        frames += encoder.add(wild, MINUTE_S * minute)
    assert all(len(frame) <= codec.FRAME_BYTES for frame in frames)
    assert {samples for _, samples in told(frames)} < {1, 2, 3, 4}
    shown, keyframe = [], None
    for frame in frames:
        head = read_frame(frame)
        if head.is_snapshot:
            keyframe = snapshot_of(frame)
        samples = read_samples(head, None if head.is_snapshot else keyframe)
        assert head.keyframe_seq == keyframe.seq
        shown += [values for _, values in samples]
    assert shown == measured[: len(shown)]
    assert len(shown) >= 26


def test_a_sample_that_is_too_far_from_its_keyframe_is_a_snapshot():
    encoder = TelemetryEncoder(60, 1)
    far = [value if index < 10 else 2**31 for index, value in enumerate(steady())]
    extremes = [codec.GAUGE_MAX - 1] * 10 + [2**31] * 6
    kinds = [told(encoder.add(values, MINUTE_S * at)) for at, values in enumerate((steady(), far, extremes))]
    assert kinds == [[("snapshot", 1)], [("delta", 1)], [("snapshot", 1)]]


def test_values_that_cannot_be_are_left_out_where_they_do_not_fit():
    (frame,) = TelemetryEncoder(60, 1).add([2**35] * 3 + [-70] + [2**28] * 6 + [2**32 - 1] * 6, 0)
    ((_, values),) = read_samples(read_frame(frame), None)
    assert len(frame) <= codec.FRAME_BYTES
    assert values[3] == -70
    assert None in values


@pytest.mark.parametrize(
    ("name", "value", "steps"),
    [
        ("heap_free_bytes", 191, 1),
        ("heap_free_bytes", 193, 2),
        ("heap_free_bytes", -1, 0),
        ("heap_free_bytes", -100, None),
        ("rssi_dbm", -61.4, -61),
        ("temperature_c", -10.26, -21),
        ("temperature_c", 36.6, 73),
        ("messages_sent", 2**32 + 5, 5),
        ("messages_sent", 2.0, 2),
        ("bytes_sent", 2**32 - 1, 0),
        ("bytes_sent", 2**32 - 33, 2**26 - 1),
        ("bytes_sent", 31, 0),
        ("bytes_sent", 32, 1),
        ("heap_free_bytes", None, None),
        ("heap_free_bytes", True, None),
        ("heap_free_bytes", "5", None),
        ("heap_free_bytes", float("nan"), None),
        ("heap_free_bytes", float("inf"), None),
        ("rssi_dbm", float("-inf"), None),
        ("messages_sent", float("nan"), None),
        ("messages_sent", 1e30, None),
        ("nodes", 2**40, None),
    ],
)
def test_values_travel_in_steps_of_their_quantum(name, value, steps):
    assert codec.quantised(NAMES.index(name), value) == steps


@pytest.mark.parametrize(
    "options",
    [(0,), (65536,), (60, 0), (60, 16), (60, 5, 4)],
)
def test_settings_that_no_frame_could_carry_are_refused(options):
    with pytest.raises(ValueError, match="telemetry needs"):
        TelemetryEncoder(*options)


def test_a_sample_of_another_length_is_refused():
    with pytest.raises(ValueError, match="not 15"):
        TelemetryEncoder(60).add(steady()[:15], 0)


def test_the_check_is_that_of_the_standard():
    assert codec.crc16(b"123456789") == 0x29B1


def test_bits_are_written_behind_what_is_there_and_never_beyond_the_end():
    buffer = bytearray(b"\xaa\xff\xff\xff")
    bits = BitWriter(buffer, 1, 3)
    bits.put(0b101, 3)
    bits.put_number(0, 0)
    bits.put_number(5, 1)
    assert bytes(buffer) == bytes((0xAA, 0b101_1_0111, 0, 0xFF))
    assert bits.used_bytes == 2
    bits.put(0x7F, 7)
    bits.put(1, 1)
    assert not bits.full
    bits.put(1, 1)
    assert bits.full
    assert bytes(buffer) == bytes((0xAA, 0b101_1_0111, 0xFF, 0xFF))


def snapshot_of(frame):
    head = read_frame(frame)
    return Keyframe(head.seq, head.uptime_s, head.interval_s, read_samples(head, None)[0][1])
