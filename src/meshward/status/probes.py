"""What the delay probes of one node tell: how long its messages take, how evenly, and how many get lost."""

from __future__ import annotations

from collections import deque

PROBES_MAX = 20
"""Probes that the loss is reckoned over."""
RESULTS_MIN = 5
"""Below that one lost probe would look like a bad link."""
ANSWER_US = 10_000_000
"""An answer that takes longer counts as lost."""
JITTER_GAIN = 1 / 16
"""How much of a change of the delay goes into the jitter, as in RFC 3550."""


class Probes:
    """Answers come in the order of the questions, for every link of the mesh keeps the order."""

    __slots__ = ("_asked", "_last_ms", "_lost", "ended_us", "jitter_ms")

    def __init__(self) -> None:
        self.ended_us: int | None = None
        """When the latest probe that counts was answered, or given up."""
        self.jitter_ms: float | None = None
        self._asked: deque[tuple[int, bool]] = deque()
        """When, and whether it counts for the loss."""
        self._lost: deque[bool] = deque(maxlen=PROBES_MAX)
        self._last_ms: float | None = None

    def ask(self, now_us: int, *, counts: bool = True) -> None:
        """A probe was sent. One that does not count says nothing of the loss, answered or not."""
        self.expire(now_us)
        if len(self._asked) < PROBES_MAX:
            self._asked.append((now_us, counts))

    def answer(self, delay_us: int, now_us: int) -> float | None:
        """An answer came: the delay in ms where it is one to a probe of ours, and in time."""
        self.expire(now_us)
        if not self._asked or not 0 <= 2 * delay_us <= ANSWER_US:
            return None  # the probe of a late answer was given up already
        _, counts = self._asked.popleft()
        if counts:
            self._end(now_us, is_lost=False)
        delay_ms = delay_us / 1000
        if self._last_ms is not None:
            change_ms = abs(delay_ms - self._last_ms)
            before_ms = change_ms if self.jitter_ms is None else self.jitter_ms
            self.jitter_ms = before_ms + (change_ms - before_ms) * JITTER_GAIN
        self._last_ms = delay_ms
        return delay_ms

    def expire(self, now_us: int) -> None:
        """Give up what was not answered in time."""
        while self._asked and now_us - self._asked[0][0] > ANSWER_US:
            asked_us, counts = self._asked.popleft()
            if counts:
                self._end(asked_us + ANSWER_US, is_lost=True)

    def cancel(self) -> None:
        """The node left: its absence tells what is to be told."""
        self._asked.clear()

    def moved(self) -> None:
        """The way to it is another one: the change of its delay is no jitter."""
        self._last_ms = None

    def loss_percent(self) -> float | None:
        """Share of the latest probes without an answer; None while there are too few."""
        if len(self._lost) < RESULTS_MIN:
            return None
        return 100 * sum(self._lost) / len(self._lost)

    def _end(self, at_us: int, *, is_lost: bool) -> None:
        self._lost.append(is_lost)
        self.ended_us = at_us
