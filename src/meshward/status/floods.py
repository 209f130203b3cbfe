"""Who sends too much, or under a name that is not its own: counted, and kept from costing more than that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

PACKAGES_PER_S = 10
"""Of one node, in the long run; a board with all reports on sends one every few seconds."""
BURST = 60
"""Packages at once, as after a jam."""
VIAS_MAX = 64
"""Neighbours that strangers' packages are counted for; the gateway has a few."""
_MINUTE_US = 60_000_000


class Rate:
    """Events a minute, of late: the last minute or so counts, with no step at its end."""

    __slots__ = ("_at_us", "_count")

    def __init__(self) -> None:
        self._count = 0.0
        self._at_us = 0

    def add(self, now_us: int, count: int = 1) -> None:
        """Some happened."""
        self._count = self.per_min(now_us) + count
        self._at_us = now_us

    def per_min(self, now_us: int) -> float:
        """How many, as of now."""
        return self._count * math.exp(min(0, self._at_us - now_us) / _MINUTE_US)


@dataclass(slots=True)
class Sender:
    """What one node sent."""

    packages: Rate = field(default_factory=Rate)
    refused: Rate = field(default_factory=Rate)
    refused_total: int = 0
    last_refused: str = ""
    """For people."""
    _tokens: float = BURST
    _at_us: int = 0

    def take(self, now_us: int) -> bool:
        """A package came; whether it may be looked at."""
        self.packages.add(now_us)
        self._tokens = min(BURST, self._tokens + max(0, now_us - self._at_us) * PACKAGES_PER_S / 1e6)
        self._at_us = now_us
        if self._tokens < 1:
            self.refuse(1, f"more than {PACKAGES_PER_S} packages a second", now_us)
            return False
        self._tokens -= 1
        return True

    def refuse(self, count: int, text: str, now_us: int) -> None:
        """Something of it could not be."""
        self.refused.add(now_us, count)
        self.refused_total += count
        self.last_refused = text


@dataclass(frozen=True, slots=True)
class Strangers:
    """Packages that name a sender who is not in the mesh, or came from elsewhere than where it is."""

    per_min: float
    via: int | None
    """The neighbour through which most of these came."""


class StrangerBook:
    """Counts them by the neighbour they came through."""

    def __init__(self) -> None:
        self._rates: dict[int | None, Rate] = {}

    def add(self, via: int | None, now_us: int) -> None:
        """One came."""
        if via not in self._rates and len(self._rates) >= VIAS_MAX:
            del self._rates[min(self._rates, key=lambda one: self._rates[one].per_min(now_us))]
        self._rates.setdefault(via, Rate()).add(now_us)

    def told(self, now_us: int) -> Strangers:
        """As of now."""
        rates = {via: rate.per_min(now_us) for via, rate in self._rates.items()}
        most = max(rates, key=rates.__getitem__, default=None)
        return Strangers(sum(rates.values()), most)
