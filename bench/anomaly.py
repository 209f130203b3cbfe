"""How often the detectors of anomalies and leaks are wrong, how early they are right, and what they cost."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from bench.anomaly_series import DAY_MIN, HEAP_STEP_MIN, NOISES, STORIES, WEEK_MIN, Heap
from bench.settings import Settings
from bench.table import Table
from meshward.status.anomaly.detector import NodeDetector
from meshward.status.anomaly.leak import HEAP_FLOOR_BYTES, LeakWatch
from meshward.status.anomaly.robust import Series
from meshward.status.anomaly.watched import WATCHED, Watched
from meshward.status.facts import Leak

SUMMARY = "false anomalies and leaks, how early leaks are told, cost of a value"
#: Noise has a spread of one, and any difference is worth a mark: only the statistics are tried.
UNIT = Watched("unit", "unit", quantum=0.05, least=0, share=0)
#: (words, free heap after boot, its noise)
BOARDS = (("ESP8266", 28_000, 300), ("ESP8266, noisy", 28_000, 800), ("ESP32", 180_000, 2_000))
LEAKS_BYTES_PER_H = {28_000: (400, 500, 600, 800), 180_000: (400, 1_000, 2_000, 4_000)}


def measure(settings: Settings) -> list[Table]:
    def scaled(usual: int) -> int:
        return max(1, round(usual * settings.scale * (10 if settings.full else 1)))

    return [
        _false_anomalies(scaled(40)),
        _false_leaks(scaled(40)),
        _true_leaks(scaled(20)),
        _cost(scaled(2 * DAY_MIN)),
    ]


def episodes(noise: Callable[[random.Random], Iterator[float]], seed: int, minutes: int = WEEK_MIN) -> int:
    """How many anomalies a series shows that has none."""
    series, count, before = Series(UNIT), 0, False
    for minute, value in zip(range(minutes), noise(random.Random(seed)), strict=False):
        series.on_value(value, minute * 60)
        now = series.since_s is not None
        count += now and not before
        before = now
    return count


def tells_of_none(board_bytes: int, noise_bytes: float, story: str, seed: int) -> bool:
    """Whether a leak is told within a week of a heap that has none."""
    heap, watch = Heap(random.Random(seed), board_bytes, noise_bytes, story), LeakWatch()
    for minute in range(0, WEEK_MIN, HEAP_STEP_MIN):
        watch.on_value(heap.at(minute), minute * 60)
        if watch.leak(minute * 60) is not None:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Told:
    """A leak that was told: when, and when the heap was at its floor, in hours after the boot."""

    at_h: float | None
    end_h: float
    by_hour: list[tuple[float, Leak]]
    """What was told every hour."""

    @property
    def early_h(self) -> float:
        """How long before the end; 0 for not at all."""
        return 0.0 if self.at_h is None else self.end_h - self.at_h

    @property
    def held(self) -> float:
        """The share of the hours in which the end was within the interval that was told."""
        within = [leak.hours_low <= self.end_h - hour <= leak.hours_high for hour, leak in self.by_hour]
        return sum(within) / len(within) if within else 0.0


def tells(
    board_bytes: int, noise_bytes: float, story: str, rate: float, seed: int, *, start_h: float = 0.0
) -> Told:
    """What is told of a leak of `rate` bytes an hour that begins `start_h` after the boot."""
    heap, watch = Heap(random.Random(seed), board_bytes, noise_bytes, story), LeakWatch()
    end_h = start_h + (board_bytes - HEAP_FLOOR_BYTES) / rate
    at_h, by_hour = None, []
    for minute in range(0, int(end_h * 60), HEAP_STEP_MIN):
        hour = minute / 60
        watch.on_value(max(0.0, heap.at(minute) - max(0.0, hour - start_h) * rate), minute * 60)
        leak = watch.leak(minute * 60)
        if leak is not None:
            at_h = hour if at_h is None else at_h
            if minute % 60 == 0:
                by_hour.append((hour, leak))
    return Told(at_h, end_h, by_hour)


def _false_anomalies(count: int) -> Table:
    rows = [
        (name, count * 7, sum(episodes(noise, seed) for seed in range(count)) / (count * 7))
        for name, noise in NOISES.items()
    ]
    note = "Values once a minute, for a week; none is unusual. The floors of what is worth a mark are off."
    return Table("False anomalies", ("noise", "series-days", "episodes per series-day"), rows, (note,))


def _false_leaks(count: int) -> Table:
    rows = [
        (
            words,
            story,
            count,
            sum(tells_of_none(size, noise, story, seed) for seed in range(count)),
        )
        for words, size, noise in BOARDS
        for story in STORIES
    ]
    return Table("False leaks", ("board", "heap", "node-weeks", "told a leak"), rows)


def _true_leaks(count: int) -> Table:
    rows = []
    for words, size, noise in BOARDS:
        for story in ("steady", "cycle of ±1.5 kB", "saw-tooth"):
            for rate in LEAKS_BYTES_PER_H[size]:
                told = [tells(size, noise, story, rate, seed) for seed in range(count)]
                early = sorted(one.early_h for one in told)
                in_time = 100 * sum(hours >= 24 for hours in early) / count
                held = 100 * sum(one.held for one in told) / count
                cells = (early[count // 20], median(early), in_time, held)
                rows.append((words, story, rate, told[0].end_h, *cells))
    columns = (
        *("board", "heap", "B/h", "end h", "told before it, h: 5 %", "median", "24 h before, %"),
        "within interval, %",
    )
    note = f"From the boot on, {count} boards each. The end: {HEAP_FLOOR_BYTES} B are left."
    return Table("Leaks", columns, rows, (note,))


def _cost(minutes: int) -> Table:
    rng = random.Random(1)
    names = [watched.name for watched in WATCHED]
    values = [{name: 50 + 5 * rng.random() for name in names} for _ in range(minutes)]
    detector = NodeDetector()
    started = time.process_time()
    for minute, told in enumerate(values):
        detector.on_values(told, minute * 60_000_000, 0.0)
    us = (time.process_time() - started) / (minutes * len(names)) * 1e6
    row = (len(names), us, 100 * 250 * len(names) * us / 60e6)
    return Table("Cost", ("metrics", "µs per metric and sample", "250 nodes at 60 s: % of a core"), [row])
