"""How a virtual board fares: the 16 health metrics over weeks, plausible, seeded, and cheap to read.

What wavers does so as an Ornstein-Uhlenbeck process, whose steps are exact whatever time lies between two
readings: a board that is looked at every 2 s lives the same kind of life as one looked at once an hour.
"""

from collections.abc import Sequence
from math import cos, exp, log, pi, sqrt
from random import Random

from meshnode.health.metrics import METRICS
from meshward.sim.stories import Story, amount_of

Reading = list[float | None]
"""The metrics in the order of `meshnode.health.metrics.METRICS`; None for what the board does not have."""

NAMES: tuple[str, ...] = tuple(metric.name for metric in METRICS)
WALL_S = 1_767_225_600.0
"""Unix time at which lives begin where nobody says: 2026-01-01."""

_DAY_S = 86_400.0
_HOUR_S = 3600.0
_FAST_S, _MEDIUM_S, _SLOW_S = 20.0, 1200.0, 10_800.0
"""How long what wavers remembers: a passer-by, a door, the weather."""
_QUIET_HOUR_S = 3 * _HOUR_S
"""The time of day with the least traffic; twelve hours later there is the most."""
_SUNSET_S = 18 * _HOUR_S
_U32 = 0x1_0000_0000

_DAILY_HEAP_BYTES = 1500.0
"""By how much the heap is lower (or higher) than its mean when the traffic is highest (or lowest)."""
_HEAP_FLOOR_BYTES = 2000.0
"""With less than this nothing can be allocated any more: the board crashes."""
_BURSTS_EVERY_S = 2 * _HOUR_S
_RECONNECTS_EVERY_S = 10 * _DAY_S
_LOOP_WINDOW_S = 30.0
"""The longest pass is kept for one to two of these, so that it does not matter how often one looks."""
_LOOP_TAIL = 2.2
"""Exponent of the tail of loop times: half the median is usual, ten times the median is seen each day."""
_BUSY_TRAFFIC = 12.0
_HOT_C = 48.0
_BATTERY_SHARE = 0.2


class _Build:
    """What hardware makes of it."""

    __slots__ = ("block_share", "cpu_percent", "heap_bytes", "heap_wavers_bytes", "loop_ms", "measures_heat")

    def __init__(self, hardware: str) -> None:
        small = hardware == "ESP8266"
        self.heap_bytes = 28_000.0 if small else 178_000.0
        self.heap_wavers_bytes = 150.0 if small else 450.0
        self.block_share = 0.85 if small else 0.62
        self.loop_ms = 18.0 if small else 11.0
        self.cpu_percent = 14.0 if small else 6.0
        self.measures_heat = not small


class Life:
    """One board's state of health, from its delivery on.

    start_us: what the board's clock shows then. wall_s: Unix time then, for the time of day. speed: how many
    times faster than the clock it lives. mesh_nodes, parent_id: what it sees of the mesh, where no real node
    tells (`health_boards`); a board without a parent has no signal to measure.
    """

    _heap_min: float

    def __init__(
        self,
        node_id: int,
        hardware: str = "ESP32",
        *,
        seed: int = 0,
        stories: Sequence[Story] = (),
        start_us: int = 0,
        wall_s: float = WALL_S,
        speed: float = 1.0,
        mesh_nodes: int = 20,
        parent_id: int | None = 1,
    ) -> None:
        self.node_id = node_id
        self.parent_id = parent_id
        self.speed = speed
        self._rng = rng = Random(f"{seed}/{node_id}/life")  # noqa: S311  to be repeatable is the point
        self._build = build = _Build(hardware)
        kinds = {story.kind for story in stories}
        self._leak_bytes_per_s = (amount_of(stories, "leak") or 0.0) / _HOUR_S
        self._weak_dbm = amount_of(stories, "weak")
        self._busy = "busy" in kinds
        self._hot = "hot" in kinds
        flaps_per_h = amount_of(stories, "flap")
        self._reconnects_every_s = _HOUR_S / flaps_per_h if flaps_per_h else _RECONNECTS_EVERY_S
        self._heap_bytes = build.heap_bytes * rng.uniform(0.97, 1.03) * (0.75 if self._busy else 1.0)
        self._messages_per_s = rng.uniform(0.2, 0.8) * (_BUSY_TRAFFIC if self._busy else 1.0)
        self._sent_share = rng.uniform(0.4, 0.8)
        self._message_bytes = rng.uniform(120, 220)
        self._loop_ms = build.loop_ms * rng.uniform(0.7, 1.5) * (20.0 if self._busy else 1.0)
        self._ambient_c = rng.uniform(27, 34)
        self._battery_percent = rng.uniform(66, 76) if rng.random() < _BATTERY_SHARE else None
        self._nodes = mesh_nodes - 1
        self._links = rng.randint(1, 4)
        self._seen_us = start_us
        self._seen_wall_s = wall_s
        self._wall_s = wall_s  # as it lives, which may be faster
        self._lived = False
        # What wavers, each with variance 1.
        self._heap_fast, self._heap_slow, self._signal_fast, self._signal_slow = (
            rng.gauss() for _ in range(4)
        )
        self._traffic_fast, self._traffic_slow, self._heat = (rng.gauss() for _ in range(3))
        self._step_s = 0.0
        self._steps = (0.0, 0.0) * 3
        self._burst = 1.0
        self._burst_begins_s = self._burst_ends_s = 0.0  # of the life's own wall time
        self._plan_burst(wall_s)
        self._boot()

    def restart(self, now_us: int, wall_s: float | None = None) -> None:
        """The board boots: counters and heap begin anew, and its clock shows `now_us`.

        wall_s: Unix time by now, None for as much later as its clock told when it was read last.
        """
        if wall_s is not None:
            off_s = max(0.0, wall_s - self._seen_wall_s) * self.speed
            if not self._lived:
                self._wall_s = wall_s
                self._plan_burst(wall_s)
            elif off_s > 0:
                self._let_pass(off_s)
            self._seen_wall_s = wall_s
        self._lived = True
        self._seen_us = now_us
        self._boot()

    def exhausted_us(self) -> int | None:
        """When on the board's clock a leak will have eaten up the heap since its last start; None: never."""
        if not self._leak_bytes_per_s:
            return None
        lives_s = (self._heap_bytes - _HEAP_FLOOR_BYTES) / self._leak_bytes_per_s
        return self._seen_us + round((lives_s - self._up_s) / self.speed * 1e6)

    def read(self, now_us: int) -> Reading:
        """All metrics at this moment of the board's clock. A moment that has passed already counts as now."""
        since_s = (now_us - self._seen_us) * 1e-6
        if since_s > 0:
            self._lived = True
            self._seen_us = now_us
            self._seen_wall_s += since_s
            self._let_pass(since_s * self.speed)
        heap = self._heap()
        self._heap_min = min(self._heap_min, heap * (1 - 0.02 * self._rng.random()))
        aged = 0.1 * (1 - exp(-self._up_s / (2 * _DAY_S)))  # a heap falls to pieces with time
        block = heap * self._build.block_share * (1 - aged + 0.015 * self._heap_slow)
        cpu = self._cpu()
        battery = self._battery()
        return [
            float(int(heap)),
            float(int(max(0.0, self._heap_min))),
            float(int(min(heap, max(0.0, block)))),
            self._signal(),
            float(round(max(self._loop_now, self._loop_before, 1.0))),
            float(round(cpu)),
            self._temperature(cpu),
            None if battery is None else float(round(battery)),
            float(self._nodes),
            float(self._links),
            float(int(self._received) % _U32),
            float(int(self._sent) % _U32),
            float(int(self._dropped) % _U32),
            float(int(self._bytes_received) % _U32),
            float(int(self._bytes_sent) % _U32),
            float(self._reconnects % _U32),
        ]

    # -- time ---------------------------------------------------------------------------------

    def _boot(self) -> None:
        self._up_s = 0.0
        self._heap_min = self._heap_bytes
        self._received: float = 0.0
        self._sent: float = 0.0
        self._dropped: float = 0.0
        self._bytes_received: float = 0.0
        self._bytes_sent: float = 0.0
        self._reconnects: int = 0
        self._reconnect_in_s = self._rng.expovariate(1 / self._reconnects_every_s)
        self._loop_now: float = 0.0
        self._loop_before: float = 0.0
        self._loop_turns_s: float = _LOOP_WINDOW_S

    def _let_pass(self, step_s: float) -> None:
        """Live on for so many seconds of its life."""
        self._wall_s += step_s
        self._up_s += step_s
        if step_s != self._step_s:
            self._step_s = step_s
            self._steps = (*_step(step_s, _FAST_S), *_step(step_s, _MEDIUM_S), *_step(step_s, _SLOW_S))
        fast, fast_kick, medium, medium_kick, slow, slow_kick = self._steps
        gauss = self._rng.gauss
        self._heap_fast = fast * self._heap_fast + fast_kick * gauss()
        self._heap_slow = slow * self._heap_slow + slow_kick * gauss()
        self._signal_fast = fast * self._signal_fast + fast_kick * gauss()
        self._signal_slow = slow * self._signal_slow + slow_kick * gauss()
        self._traffic_fast = fast * self._traffic_fast + fast_kick * gauss()
        self._traffic_slow = slow * self._traffic_slow + slow_kick * gauss()
        self._heat = medium * self._heat + medium_kick * gauss()
        while self._wall_s >= self._burst_ends_s:
            self._plan_burst(self._burst_ends_s)
        self._count(step_s)
        self._pass_loops(step_s)

    def _plan_burst(self, after_s: float) -> None:
        """Decide when there is much to do next."""
        rng = self._rng
        self._burst_begins_s = after_s + rng.expovariate(1 / _BURSTS_EVERY_S)
        self._burst_ends_s = self._burst_begins_s + rng.uniform(30, 240)
        self._burst = rng.uniform(2, 5)

    def _count(self, step_s: float) -> None:
        messages = self._messages_per_s * self._load() * step_s
        sent = messages * self._sent_share
        self._received += messages
        self._sent += sent
        size_bytes = self._message_bytes * (1 + 0.05 * self._heat)
        self._bytes_received += messages * size_bytes
        self._bytes_sent += sent * size_bytes
        self._dropped += messages * (0.004 if self._busy else 2e-6)
        self._reconnect_in_s -= step_s
        while self._reconnect_in_s <= 0:
            self._reconnects += 1
            self._reconnect_in_s += self._rng.expovariate(1 / self._reconnects_every_s)

    def _pass_loops(self, step_s: float) -> None:
        """The longest of many passes with a heavy tail; of twice as many it is drawn from a longer one."""
        self._loop_turns_s -= step_s
        if self._loop_turns_s <= 0:
            self._loop_before = self._loop_now if self._loop_turns_s > -_LOOP_WINDOW_S else 0.0
            self._loop_now = 0.0
            self._loop_turns_s = _LOOP_WINDOW_S
        minutes = min(step_s, 2 * _LOOP_WINDOW_S) / 60
        longest_ms = self._loop_ms * (minutes / -log(1.0 - self._rng.random() * 0.999_999)) ** (
            1 / _LOOP_TAIL
        )
        # Beyond that a watchdog would have bitten.
        self._loop_now = max(self._loop_now, min(longest_ms, 4000.0 if self._busy else 900.0))

    # -- what it amounts to -------------------------------------------------------------------

    def _day(self, least_s: float) -> float:
        """From -1, at the time of day `least_s`, to 1, twelve hours later."""
        return -cos((self._wall_s - least_s) * (2 * pi / _DAY_S))

    def _load(self) -> float:
        """Traffic, with 1 for what is usual."""
        load = 1 + 0.5 * self._day(_QUIET_HOUR_S)
        if self._wall_s >= self._burst_begins_s:
            load *= self._burst
        return load * exp(0.15 * self._traffic_fast + 0.12 * self._traffic_slow)

    def _heap(self) -> float:
        wavers = self._build.heap_wavers_bytes
        heap = self._heap_bytes - _DAILY_HEAP_BYTES * self._day(_QUIET_HOUR_S)
        heap += wavers * (self._heap_fast + self._heap_slow)
        return max(0.0, heap - self._leak_bytes_per_s * self._up_s)

    def _signal(self) -> float | None:
        if self._weak_dbm is not None:
            mean_dbm = self._weak_dbm
        elif self.parent_id is not None:
            mean_dbm = -46 - 24 * _nearness(self.node_id, self.parent_id)
        else:
            return None
        return float(max(-120, min(-20, round(mean_dbm + 1.0 * self._signal_fast + 1.6 * self._signal_slow))))

    def _cpu(self) -> float:
        cpu = self._build.cpu_percent + 5 * min(4.0, self._load()) + (58 if self._busy else 0)
        return max(1.0, min(100.0, cpu))

    def _temperature(self, cpu_percent: float) -> float | None:
        if not self._build.measures_heat and not self._hot:
            return None
        heat_c = self._ambient_c + 3 * self._day(_QUIET_HOUR_S) + 0.08 * cpu_percent + 0.7 * self._heat
        return round(2 * (heat_c + (_HOT_C if self._hot else 0.0))) / 2

    def _battery(self) -> float | None:
        if self._battery_percent is None:
            return None
        # It is fullest when the sun goes down.
        level = self._battery_percent - 15 * self._day(_SUNSET_S) + 2 * self._heap_slow
        return max(0.0, min(100.0, level))


def _step(step_s: float, memory_s: float) -> tuple[float, float]:
    """What is left of a deviation after a step, and how much of a new one comes to it."""
    left = exp(-step_s / memory_s)
    return left, sqrt(1 - left * left)


def _nearness(node_id: int, parent_id: int) -> float:
    """0 for two boards in one room, up to 1 for those far apart: the same whenever these two meet."""
    low, high = min(node_id, parent_id), max(node_id, parent_id)
    return ((low * 2_654_435_761 + high * 2_246_822_519) >> 7 & 0xFFFF) / 0xFFFF
