"""What the gateway makes of telemetry that is lost, late, doubled, of a restarted board, or of nobody."""

from itertools import pairwise

import pytest

from meshnode.health.encoder import TelemetryEncoder
from meshnode.wire import WireError
from meshward.status import telemetry
from meshward.status.telemetry import Decoded, TelemetryDecoder
from tests.support.telemetry import NODE, package, sealed, steady

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
START_US = 10_000 * SECOND_US
DAY_S = 86_400


class Board:
    """A board that is up for a day, with samples a minute apart; each frame with the moment it was sent."""

    def __init__(self, *, up_s=DAY_S, boot=7, seq=100, at_us=START_US, batch=5):
        self.encoder = TelemetryEncoder(60, batch, 15, boot, seq)
        self.up_s = up_s
        self.at_us = at_us

    def minutes(self, count, **values):
        frames = []
        for _ in range(count):
            self.pass_s(60)
            frames += self._sent(self.encoder.add(steady(**values), self.up_s))
        return frames

    def snapshot(self, **values):
        return self._sent(self.encoder.flush(steady(**values), self.up_s, snapshot=True))[0]

    def event(self, **values):
        return self._sent(self.encoder.flush(steady(**values), self.up_s, urgent=True))[0]

    def pass_s(self, seconds):
        self.up_s += seconds
        self.at_us += seconds * SECOND_US

    def _sent(self, frames):
        return [(self.at_us, frame) for frame in frames]


@pytest.fixture
def decoder():
    return TelemetryDecoder()


def receive(decoder, sent, late_s=0, node=NODE):
    at_us, frame = sent
    return decoder.receive(package(frame, node), at_us + late_s * SECOND_US)


def rssi(decoded):
    return [sample.values["rssi_dbm"] for sample in decoded.samples]


def test_a_snapshot_says_all_with_uptime_and_boots(decoder):
    decoded = receive(decoder, Board().snapshot(rssi_dbm=-70))
    (sample,) = decoded.samples
    assert decoded == Decoded([sample])
    assert (sample.node, sample.source, sample.age_us) == (NODE, "telemetry", 0)
    assert (sample.uptime_s, sample.boots) == (DAY_S, 7)
    assert sample.values["rssi_dbm"] == -70
    assert sample.values["temperature_c"] == 41.5
    assert "battery_percent" not in sample.values


def test_samples_of_a_batch_are_as_old_as_their_place_says(decoder):
    board = Board()
    receive(decoder, board.snapshot())
    (sent,) = board.minutes(5, rssi_dbm=-71)
    samples = receive(decoder, sent).samples
    assert [sample.age_us for sample in samples] == [
        4 * MINUTE_US,
        3 * MINUTE_US,
        2 * MINUTE_US,
        MINUTE_US,
        0,
    ]
    assert [sample.uptime_s for sample in samples] == [DAY_S + 60 * minute for minute in range(1, 6)]


def test_a_lost_frame_is_counted_and_spoils_no_other(decoder):
    board = Board()
    receive(decoder, board.snapshot())
    lost, sent = [*board.minutes(5, rssi_dbm=-75), *board.minutes(5, rssi_dbm=-76)]
    decoded = receive(decoder, sent)
    assert (rssi(decoded), decoded.lost, decoded.resync) == ([-76] * 5, 1, False)
    assert receive(decoder, lost, late_s=300) == Decoded(duplicate=True)


def test_a_frame_without_its_snapshot_shows_nothing_and_asks_for_one(decoder):
    board = Board()
    board.snapshot()
    (sent,) = board.minutes(5)
    assert receive(decoder, sent) == Decoded(resync=True)
    fresh = receive(decoder, board.snapshot(rssi_dbm=-80))
    assert rssi(fresh) == [-80]
    assert not fresh.resync


def test_boards_that_do_not_answer_are_asked_ever_more_rarely(decoder):
    board = Board(batch=1)
    board.snapshot()
    asked_us = []
    board.encoder.add(steady(), board.up_s)
    for _ in range(300):
        board.pass_s(10)
        sent = board.event()
        if receive(decoder, sent).resync:
            asked_us.append(sent[0])
        board.encoder._carried = 1  # it never thinks of a snapshot by itself
    pauses_s = [(later - earlier) / SECOND_US for earlier, later in pairwise(asked_us)]
    assert pauses_s == [30, 60, 120, 240, 480, 900, 900]


def test_copies_and_late_frames_show_nothing(decoder):
    board = Board()
    sent = [board.snapshot(), *board.minutes(10), board.snapshot(), *board.minutes(5)]
    for one in sent:
        assert receive(decoder, one).samples
    for one in sent:
        assert receive(decoder, one, late_s=700) == Decoded(duplicate=True)


def test_sequence_numbers_wrap(decoder):
    board = Board(seq=65534)
    sent = [board.snapshot(), *board.minutes(30)]
    assert len(sent) > 5
    for one in sent:
        decoded = receive(decoder, one)
        assert decoded == Decoded(decoded.samples)
        assert decoded.samples


def test_a_restart_begins_anew_and_is_no_loss(decoder):
    receive(decoder, Board(boot=255).snapshot())
    again = Board(boot=0, up_s=5, seq=9000, at_us=START_US + 60 * SECOND_US)
    decoded = receive(decoder, again.snapshot(rssi_dbm=-50))
    assert (rssi(decoded), decoded.lost, decoded.samples[0].boots) == ([-50], 0, 0)


def test_a_frame_of_the_run_before_is_not_shown_after_a_restart(decoder):
    board = Board()
    receive(decoder, board.snapshot())
    late = board.event(rssi_dbm=-99)
    late_snapshot = board.snapshot(rssi_dbm=-98)
    again = Board(boot=8, up_s=5, at_us=START_US + 60 * SECOND_US)
    assert receive(decoder, again.snapshot()).samples
    assert receive(decoder, late, late_s=70) == Decoded(duplicate=True)
    assert receive(decoder, late_snapshot, late_s=71) == Decoded(duplicate=True)
    assert receive(decoder, again.event()).samples


def test_a_restart_of_which_the_snapshot_was_lost_is_asked_about(decoder):
    receive(decoder, Board().snapshot())
    again = Board(boot=8, up_s=5, at_us=START_US + 60 * SECOND_US)
    again.snapshot()
    again.pass_s(60)
    assert receive(decoder, again.event()) == Decoded(resync=True)
    assert receive(decoder, again.snapshot()).samples


@pytest.mark.parametrize("boot", [7, 6, 7 - 0x7F])
def test_a_restart_that_looks_old_is_believed_at_the_second_snapshot(decoder, boot):
    receive(decoder, Board(seq=1000).snapshot())
    again = Board(boot=boot, up_s=5, seq=10, at_us=START_US + 60 * SECOND_US)
    assert receive(decoder, again.snapshot()) == Decoded(resync=True, duplicate=True)
    again.pass_s(5)
    decoded = receive(decoder, again.snapshot(rssi_dbm=-44))
    assert (rssi(decoded), decoded.lost) == ([-44], 0)
    assert [len(receive(decoder, sent).samples) for sent in again.minutes(5)] == [5]


def test_old_snapshots_that_were_held_up_are_not_taken_for_a_restart(decoder):
    board = Board()
    old = []
    for _ in range(5):
        old.append(board.snapshot())
        board.pass_s(5)
    assert receive(decoder, board.snapshot()).samples
    for one in old:
        assert receive(decoder, (board.at_us + 30 * SECOND_US, one[1])) == Decoded(duplicate=True)


def test_a_restart_with_a_number_that_looks_later_counts_no_loss(decoder):
    receive(decoder, Board(seq=1000).snapshot())
    again = Board(up_s=5, seq=9000, at_us=START_US + 60 * SECOND_US)
    assert receive(decoder, again.snapshot()).lost == 0


def test_a_restart_that_looks_old_is_believed_after_a_time_whatever_was_late_before(decoder):
    board = Board(up_s=3600, seq=1000)
    receive(decoder, board.snapshot(), late_s=200)  # so it seems to have started later than it did
    again = Board(boot=6, up_s=5, seq=10, at_us=START_US + 60 * SECOND_US)
    again.pass_s(900)
    assert receive(decoder, again.snapshot()) == Decoded(resync=True, duplicate=True)
    again.pass_s(5)
    assert receive(decoder, again.snapshot()).samples


def test_a_number_far_ahead_is_of_another_run_and_no_loss(decoder):
    receive(decoder, Board(seq=1000).snapshot())
    late = Board(seq=30_000, up_s=20_000, at_us=START_US + 60 * SECOND_US)
    late.snapshot()
    assert receive(decoder, late.event()) == Decoded(duplicate=True)
    assert receive(decoder, late.snapshot()) == Decoded(duplicate=True)


def test_a_number_that_came_round_does_not_bring_an_old_keyframe_back(decoder):
    board = Board(seq=200)
    receive(decoder, board.snapshot())
    months = Board(seq=200, up_s=100 * DAY_S, at_us=START_US + 99 * DAY_S * SECOND_US)
    months.snapshot()
    months.pass_s(60)
    assert receive(decoder, months.event()) == Decoded(resync=True)


def test_a_snapshot_256_frames_ago_is_not_the_one_meant(decoder):
    board = Board(batch=1, seq=0)
    receive(decoder, board.snapshot())
    for _ in range(255):
        board.pass_s(2)
        board.event()
    board.snapshot()
    assert receive(decoder, board.event()) == Decoded(resync=True, lost=256)


def test_values_that_cannot_be_are_refused_by_name(decoder):
    decoded = receive(decoder, Board().snapshot(rssi_dbm=20, cpu_percent=101, nodes=2001))
    (sample,) = decoded.samples
    assert sample.refused == ("rssi_dbm 20", "cpu_percent 101", "nodes 2001")
    assert not {"rssi_dbm", "cpu_percent", "nodes"} & sample.values.keys()
    assert sample.values["links"] == 3


def test_boards_are_told_apart_and_forgotten(decoder):
    board = Board()
    snapshot = board.snapshot()
    (sent,) = board.minutes(5)
    receive(decoder, snapshot)
    assert receive(decoder, sent, node=1002).resync
    decoder.forget(NODE)
    decoder.forget(5)
    assert receive(decoder, sent) == Decoded(resync=True)


def test_memory_of_boards_is_bounded_and_the_longest_silent_goes_first(decoder, monkeypatch):
    monkeypatch.setattr(telemetry, "NODES_MAX", 3)
    board = Board()
    snapshot = board.snapshot()
    for node in (1, 2, 3):
        receive(decoder, snapshot, node=node)
    (sent,) = board.minutes(5)
    receive(decoder, sent, node=1)
    receive(decoder, snapshot, node=4)
    (later,) = board.minutes(5)
    assert [bool(receive(decoder, later, node=node).samples) for node in (1, 3, 4)] == [True] * 3
    assert receive(decoder, later, node=2).resync


@pytest.mark.parametrize(
    "odd",
    [
        {"from": NODE},
        {"from": NODE, "d": None},
        {"from": NODE, "d": 5},
        {"from": NODE, "d": ""},
        {"from": NODE, "d": "A" * 92},
        {"from": NODE, "d": "é" * 20},
        {"from": NODE, "d": "AAAA AAAA"},
        {"from": NODE, "d": "AAA"},
        package(Board().snapshot()[1]) | {"from": 0},
        package(Board().snapshot()[1]) | {"from": -1},
        package(Board().snapshot()[1]) | {"from": 2**32},
        package(Board().snapshot()[1]) | {"from": [1]},
        package(Board().snapshot()[1][:-1]),
        package(Board().snapshot()[1] + b"\0"),
    ],
    ids=repr,
)
def test_what_is_no_telemetry_is_refused(decoder, odd):
    with pytest.raises(WireError):
        decoder.receive(odd, START_US)


def altered(at, byte):
    content = bytearray(Board().snapshot()[1][:-2])
    content[at] = byte
    return package(sealed(bytes(content)))


@pytest.mark.parametrize(
    ("at", "byte", "words"),
    [
        (0, 0x21, "version 2"),
        (0, 0x15, "kind 5"),
        (0, 0x10, "kind 0"),
        (1, 0x00, "count"),
        (1, 0x38, "breaks off"),
        (4, 99, "refers to another"),
    ],
)
def test_a_frame_that_contradicts_itself_is_refused(decoder, at, byte, words):
    with pytest.raises(WireError, match=words):
        decoder.receive(altered(at, byte), START_US)


def test_something_behind_the_end_is_refused(decoder):
    with pytest.raises(WireError, match="end"):
        decoder.receive(package(sealed(Board().snapshot()[1][:-2] + b"\0")), START_US)


def test_every_single_damaged_bit_is_noticed(decoder):
    frame = Board().snapshot()[1]
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError, match="damaged"):
            decoder.receive(package(bytes(damaged)), START_US)
