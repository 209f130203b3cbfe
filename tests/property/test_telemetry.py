"""Telemetry says exactly what was measured, whatever becomes of frames on their way."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.health import codec
from meshnode.health.encoder import TelemetryEncoder
from meshnode.health.metrics import METRICS
from meshnode.wire import WireError
from meshward.status.samples import Sample
from meshward.status.telemetry import Decoded, TelemetryDecoder
from tests.support.profiles import CHOSEN, examples
from tests.support.telemetry import NODE, Walk, assert_shows, package, sealed

SECOND_US = 1_000_000
WALKS = 2000 if CHOSEN == "long" else 12
STEPS = 1000
"""2 million steps in the long profile."""


class Straight:
    """A board and a decoder with nothing between them."""

    def __init__(self, encoder: TelemetryEncoder) -> None:
        self.encoder = encoder
        self.decoder = TelemetryDecoder()
        self.samples: list[Sample] = []
        self.frames = 0

    def take(self, frames, uptime_s):
        for frame in frames:
            self.frames += 1
            assert len(frame) <= codec.FRAME_BYTES
            decoded = self.decoder.receive(package(frame), (1000 + uptime_s) * SECOND_US)
            assert decoded.samples
            assert decoded == Decoded(decoded.samples)
            for sample in decoded.samples:
                assert sample.uptime_s + sample.age_us / SECOND_US == pytest.approx(uptime_s, abs=1)
                self.samples.append(sample)


@pytest.mark.parametrize("number", range(WALKS))
def test_what_is_shown_is_what_was_measured(seed, number):
    rng = Random(f"{seed}/{number}")
    interval_s = rng.choice((1, 10, 60, 60, 3600))
    batch = rng.randint(1, 15)
    every = max(batch, rng.choice((15, 60)))
    link = Straight(TelemetryEncoder(interval_s, batch, every, rng.randrange(256), rng.randrange(65536)))
    walk = Walk(rng)
    measured = []
    uptime_s = rng.choice((0, 100, 10**7))
    for _ in range(STEPS):
        uptime_s += interval_s + (rng.randint(0, 2 * interval_s) if rng.random() < 0.02 else 0)
        measured.append(walk.step())
        link.take(link.encoder.add(measured[-1], uptime_s), uptime_s)
        if rng.random() < 0.03:
            uptime_s += rng.randint(0, interval_s - 1)
            measured.append(walk.step())
            urgent, snapshot = rng.random() < 0.5, rng.random() < 0.5
            link.take(link.encoder.flush(measured[-1], uptime_s, urgent, snapshot), uptime_s)
    assert len(measured) - batch <= len(link.samples) <= len(measured)
    for sample, values in zip(link.samples, measured, strict=False):
        assert_shows(sample.values, values)
        assert not sample.refused
    assert link.frames <= len(measured)


odd_numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-200, 200),
    st.floats(),
    st.sampled_from([2**32 - 1, 2**31, 2**29 * 128, codec.GAUGE_MAX, -codec.GAUGE_MAX, "1", 1e300]),
)


@settings(max_examples=examples(150, long=100_000))
@given(st.lists(st.lists(odd_numbers, min_size=16, max_size=16), min_size=1, max_size=12), st.integers(1, 6))
def test_whatever_a_board_measures_fits_and_is_never_shown_wrong(measured, batch):
    encoder, decoder = TelemetryEncoder(60, batch, 15), TelemetryDecoder()
    shown = []
    for place, values in enumerate(measured):
        uptime_s = 60 * place
        frames = encoder.add(values, uptime_s)
        if place == len(measured) - 1:
            frames += encoder.flush(values, uptime_s)
        for frame in frames:
            assert len(frame) <= codec.FRAME_BYTES
            shown += decoder.receive(package(frame), uptime_s * SECOND_US).samples
    assert len(shown) == len(measured) + 1
    for sample, values in zip(shown, [*measured, measured[-1]], strict=True):
        for index, metric in enumerate(METRICS):
            steps = codec.quantised(index, values[index])
            if metric.name in sample.values:
                assert sample.values[metric.name] == steps * metric.quantum


class Journey:
    """Frames that get lost, come late, twice and in any order; boards that restart; a gateway that asks."""

    def __init__(self, rng: Random, *, counts_boots: bool) -> None:
        self.rng = rng
        self.decoder = TelemetryDecoder()
        self.truth = {}
        self.accepted = -1
        self.shown = 0
        self._counts_boots = counts_boots
        self._boots = rng.randrange(256)
        self._walk = Walk(rng)
        self._way = []
        self._starts = []
        self._sent = 0
        self._now_s = 10_000
        self._asked = False
        self._free_s = 0
        self._trouble = rng.choice((0.02, 0.2, 0.6))
        self._restart()

    def live(self, steps: int) -> None:
        """Sample by sample, under trouble."""
        for _ in range(steps):
            if self._now_s - self._started_s > 900 and self.rng.random() < 0.02:
                self._now_s += self.rng.randint(1, 100)
                self._restart()
            self._minute()

    def heal(self, steps: int) -> int:
        """Go on without trouble; how many samples are shown."""
        self._trouble = 0.0
        self._way = []
        before = self.shown
        for _ in range(steps):
            self._minute()
        return self.shown - before

    def _restart(self) -> None:
        rng = self.rng
        self._boots = (self._boots + 1) & 0xFF if self._counts_boots else rng.randrange(256)
        self._started_s = self._now_s
        self._run = len(self._starts)
        self._starts.append(self._now_s)
        self._encoder = TelemetryEncoder(60, 5, 15, self._boots, rng.randrange(65536))

    def _minute(self) -> None:
        rng = self.rng
        end_s = self._now_s + 60
        flush_s = rng.randint(self._now_s + 1, end_s) if rng.random() < 0.1 else None
        while self._now_s < end_s:
            self._now_s += 1
            snapshot = self._asked and self._now_s >= self._free_s
            if snapshot or self._now_s == flush_s:
                if snapshot:
                    self._asked, self._free_s = False, self._now_s + 5
                self._send(self._encoder.flush(self._measure(), self._uptime_s(), snapshot=snapshot))
            self._arrive()
        # The gateway knows a sample by its moment: two of one second would be one to it.
        if self._key(self._uptime_s()) not in self.truth:
            self._send(self._encoder.add(self._measure(), self._uptime_s()))
        self._arrive()

    def _uptime_s(self) -> int:
        return self._now_s - self._started_s

    def _key(self, uptime_s):
        return self._run, int(uptime_s)

    def _measure(self):
        values = self.truth[self._key(self._uptime_s())] = self._walk.step()
        return values

    def _send(self, frames) -> None:
        rng = self.rng
        for frame in frames:
            number, self._sent = self._sent, self._sent + 1
            copies = 1
            if rng.random() < self._trouble:
                copies = rng.choice((0, 0, 1, 2, 3))
            for _ in range(copies):
                # Who is late by more than the board was up cannot be told from one that restarted.
                longest_s = min(240, max(0, self._uptime_s() // 2 - 5))
                late_s = rng.randint(0, longest_s) if rng.random() < self._trouble else 0
                self._way.append((self._now_s + late_s, number, self._run, self._now_s, frame))

    def _arrive(self) -> None:
        if not self._way or min(self._way)[0] > self._now_s:
            return
        here = [entry for entry in self._way if entry[0] <= self._now_s]
        self._way = [entry for entry in self._way if entry[0] > self._now_s]
        self.rng.shuffle(here)
        for _, number, run, sent_s, frame in here:
            decoded = self.decoder.receive(package(frame), self._now_s * SECOND_US)
            self._asked = self._asked or decoded.resync
            assert decoded.lost >= 0
            if not decoded.samples:
                continue
            assert number > self.accepted, "an old frame was shown as fresh"
            self.accepted = number
            for sample in decoded.samples:
                assert_shows(sample.values, self.truth[run, int(sample.uptime_s)])
                late_s = self._now_s - sent_s
                shown_s = self._now_s - sample.age_us // SECOND_US
                assert abs(shown_s - (self._starts[run] + sample.uptime_s + late_s)) <= 1
                self.shown += 1


@pytest.mark.parametrize("counts_boots", [True, False])
@settings(max_examples=examples(30, long=20_000))
@given(st.integers(0, 2**32))
def test_no_loss_copy_or_disorder_shows_a_wrong_value_or_an_old_one_as_fresh(counts_boots, number):
    journey = Journey(Random(number), counts_boots=counts_boots)
    journey.live(120)
    # A restart that was not noticed yet is, with the second snapshot at the latest.
    assert journey.heal(45) >= 10


@settings(max_examples=examples(300, long=200_000))
@given(st.binary(max_size=70), st.booleans(), st.integers(0, 3))
def test_any_bytes_raise_only_the_protocol_error(content, is_sealed, node):
    decoder = TelemetryDecoder()
    try:
        decoded = decoder.receive(package(sealed(content) if is_sealed else content, node), 5)
    except WireError as error:
        assert len(str(error)) < 200
    else:
        assert isinstance(decoded, Decoded)


@settings(max_examples=examples(300, long=200_000))
@given(st.data())
def test_altered_frames_with_a_right_check_raise_only_the_protocol_error(data):
    rng = Random(data.draw(st.integers(0, 2**32)))
    encoder, decoder = TelemetryEncoder(60, 5, 15, 3, 65530), TelemetryDecoder()
    walk = Walk(rng)
    for place in range(12):
        for frame in encoder.add(walk.step(), 60 * place):
            content = bytearray(frame[:-2])
            for index, byte in data.draw(
                st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
            ):
                content[index] = byte
            content = content[: data.draw(st.sampled_from([len(content), len(content), 9, 12, 20, 64]))]
            try:
                decoded = decoder.receive(package(sealed(bytes(content))), 60 * place * SECOND_US)
            except WireError:
                continue
            for sample in decoded.samples:
                assert sample.node == NODE
                assert len(sample.values) + len(sample.refused) <= len(METRICS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(200, long=50_000))
@given(st.fixed_dictionaries({"type": st.just(712)}, optional={"from": json_values, "d": json_values}))
def test_any_package_raises_only_the_protocol_error(odd):
    with pytest.raises(WireError):
        TelemetryDecoder().receive(odd, 0)
