"""What befalls one start of a board at moments of its own: crashes, a lost radio, leaving, moving."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from meshnode.clock import MeshClock
from meshnode.delays import Delays
from meshnode.node import MeshNode
from meshnode.wire import TIME_DELAY
from meshward.sim.behaviour import Behaviour
from meshward.sim.life import Life
from meshward.sim.stock_wire import Package
from meshward.sim.stories import Story, amount_of

_HOUR_US = 3_600_000_000
_AWAY_S = (5.0, 15.0)
"""How long a board that flaps is out of the mesh, at least and at most."""
_STAYS_US = 25_000_000
"""From one time to the next at least: time to come back, and to be a member again for a while."""


class Place(Protocol):
    """Where a board is, and what its driver can do with it there. Calls come from within the node."""

    def wall_s(self) -> float:
        """Unix time by now."""

    def parent_id(self) -> int | None:
        """The node that it hangs below, None for nobody."""

    def leave(self, away_s: float) -> None:
        """Have it lose its parent, soon, and look for it again so many seconds later."""

    def move(self) -> None:
        """Have it take another parent, soon, if there is one."""


@dataclass(slots=True)
class _Recurring:
    """Happens at random, on average every `mean_us`."""

    mean_us: float
    act: Callable[[], None]
    due_us: int


class Fate:
    """A part of an application: acts when the moment has come, and lets nothing happen twice."""

    def __init__(
        self,
        behaviour: Behaviour,
        stories: Sequence[Story],
        life: Life,
        rng: Random,
        now_us: int,
        *,
        lose_radio: Callable[[], None],
        place: Place | None = None,
    ) -> None:
        self._rng = rng
        self._lose_radio = lose_radio
        self._started_us = now_us
        after_us = round(behaviour.amount * 1e6 * rng.uniform(0.9, 1.1))
        self._leaks = behaviour.kind == "leak"
        self._image_crash_us = now_us + after_us if behaviour.kind in ("crash-loop", "leak") else None
        crashes_us = [self._image_crash_us, life.exhausted_us()]
        crash_s = amount_of(stories, "crash")
        if crash_s is not None:
            crashes_us.append(now_us + round(crash_s * 1e6 * rng.uniform(0.9, 1.1)))
        self.crash_due_us = min((due_us for due_us in crashes_us if due_us is not None), default=None)
        """When this start ends in a crash, None if it does not."""
        silent_s = amount_of(stories, "silent")
        radio_us = [now_us + after_us] if behaviour.kind == "lost-radio" else []
        if silent_s is not None:
            radio_us.append(now_us + round(silent_s * 1e6))
        self._radio_due_us = min(radio_us, default=None)
        self._recurring: list[_Recurring] = []
        if place is not None:
            self._recur(amount_of(stories, "flap"), lambda: place.leave(rng.uniform(*_AWAY_S)), now_us)
            self._recur(amount_of(stories, "move"), place.move, now_us)

    def heap_left(self, now_us: int) -> float:
        """The share of the heap that the image leaves free, from 1 at its start to 0 at its crash."""
        if not self._leaks or self._image_crash_us is None:
            return 1.0
        lives_us = self._image_crash_us - self._started_us
        return max(0.0, (self._image_crash_us - now_us) / lives_us)

    def receive(self, _package: Package, _now_us: int) -> list[Package]:
        """Nothing comes of it."""
        return []

    def next_deadline_us(self) -> int | None:
        """When something befalls the board; a crash is left to its receiver."""
        moments = [entry.due_us for entry in self._recurring]
        if self._radio_due_us is not None:
            moments.append(self._radio_due_us)
        return min(moments, default=None)

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Let it befall the board."""
        if self._radio_due_us is not None and now_us >= self._radio_due_us:
            self._radio_due_us = None
            self._recurring = []
            self._lose_radio()
        for entry in self._recurring:
            if now_us >= entry.due_us:
                entry.due_us = self._next_us(entry.mean_us, now_us)
                entry.act()
        return []

    def _recur(self, per_h: float | None, act: Callable[[], None], now_us: int) -> None:
        if per_h is not None:
            mean_us = _HOUR_US / per_h
            self._recurring.append(_Recurring(mean_us, act, self._next_us(mean_us, now_us)))

    def _next_us(self, mean_us: float, now_us: int) -> int:
        return now_us + _STAYS_US + round(self._rng.expovariate(1 / (mean_us - _STAYS_US)))


class WrongClock:
    """A service in the place of the node's own answers to delay measurements: the time it tells is off."""

    package_types = (TIME_DELAY,)

    def __init__(self, node: MeshNode, offset_ms: float) -> None:
        self._delays = Delays(node.node_id, 1)
        self._clock: MeshClock = node.clock
        self._offset_us = round(offset_ms * 1000)

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """Answer a question; whoever asked subtracts what it took, so only the offset shows."""
        time_us = (self._clock.time_us(now_us) + self._offset_us) & 0xFFFF_FFFF
        answer, _ = self._delays.receive(package, time_us, now_us)
        return [] if answer is None else [answer]

    def next_deadline_us(self) -> int | None:
        """Never."""
        return None

    def handle_deadline(self, _now_us: int) -> list[Package]:
        """Nothing is ever due."""
        return []
