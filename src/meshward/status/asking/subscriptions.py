"""Asking Meshward's own boards for telemetry, and finding out which boards are such.

Unmodified boards pass package 713 over, so every board may be asked; ever more rarely where nothing comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from random import Random
from typing import Any

from meshnode.wire import ROUTE_BROADCAST, ROUTE_SINGLE, TELEMETRY_RESYNC
from meshward.status.asking.voices import Voice, Voices

ALL_AT_ONCE = 8
"""From so many new nodes on one broadcast asks them all: when we join, or a branch comes back."""
SPACING_US = 200_000
"""Between two SINGLE requests: five small frames a second at most."""
SETTLE_US = 3_000_000
"""After the tree changed last, so that a mesh which comes up is asked once and not node by node."""
WAITS_US = (20_000_000, 120_000_000, 900_000_000, 7_200_000_000, 43_200_000_000)
"""From one request that nothing came of to the next."""
SILENCE_US = 900_000_000
"""Telemetry that stays away so long is asked for anew: the board may have lost its memory of us."""
RESYNC_US = 5_000_000
"""Least time between two requests for a snapshot to one board."""


class Subscriptions:
    """Whom to ask for telemetry, and when."""

    def __init__(self, voices: Voices, rng: Random) -> None:
        self._voices = voices
        self._rng = rng
        self._due_us: dict[int, int] = {}
        self._tries: dict[int, int] = {}
        self._asked_us: dict[int, int] = {}
        self._next_us = 0
        self._settled_us = 0

    def on_nodes(self, joined: Iterable[int], left: Iterable[int], now_us: int) -> None:
        """Nodes came or went."""
        for node in left:
            self.forget(node)
        for node in joined:
            self._due_us[node] = now_us
            self._tries[node] = 0
            self._settled_us = now_us + SETTLE_US

    def on_telemetry(self, node: int, now_us: int) -> None:
        """A frame came."""
        if node in self._due_us:
            self._due_us[node] = now_us + SILENCE_US
            self._tries[node] = 0

    def want_snapshot(self, node: int, now_us: int) -> None:
        """What came cannot be read without a snapshot."""
        if node in self._due_us:
            self._due_us[node] = max(now_us, self._asked_us.get(node, -RESYNC_US) + RESYNC_US)

    def take_commands(self, now_us: int) -> list[dict[str, Any]]:
        """Packages to send now."""
        if now_us < max(self._next_us, self._settled_us):
            return []
        due = [node for node, due_us in self._due_us.items() if due_us <= now_us]
        if not due:
            return []
        fresh = [node for node in due if self._tries[node] == 0]
        self._next_us = now_us + SPACING_US
        if len(fresh) >= ALL_AT_ONCE:
            self._asked(fresh, now_us)
            return [{"type": TELEMETRY_RESYNC, "routing": ROUTE_BROADCAST}]
        node = min(due, key=lambda one: (self._due_us[one], one))
        self._asked([node], now_us)
        return [{"type": TELEMETRY_RESYNC, "routing": ROUTE_SINGLE, "dest": node}]

    def next_deadline_us(self) -> int | None:
        """When `take_commands` may have something."""
        due_us = min(self._due_us.values(), default=None)
        return None if due_us is None else max(due_us, self._next_us, self._settled_us)

    def forget(self, node: int) -> None:
        """A node left."""
        for book in (self._due_us, self._tries, self._asked_us):
            book.pop(node, None)

    def _asked(self, nodes: Collection[int], now_us: int) -> None:
        for node in nodes:
            tries = self._tries[node]
            wait_us = WAITS_US[min(tries, len(WAITS_US) - 1)]
            if self._voices.of(node) is Voice.MESHWARD:
                wait_us = min(wait_us, SILENCE_US)
            self._due_us[node] = now_us + int(wait_us * self._rng.uniform(0.9, 1.1))
            self._tries[node] = tries + 1
            self._asked_us[node] = now_us
