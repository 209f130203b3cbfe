"""The rest of a board's firmware: what it reports of itself, and how it fares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from meshnode.node import MeshNode
from meshnode.wire import COMMAND, WireError, u32
from meshward.sim.alteriom import (
    DATA_REQUEST,
    ENHANCED_STATUS,
    HEALTH_CHECK,
    METRICS,
    SENSOR,
    STATUS,
    Author,
)
from meshward.sim.health_boards import HealthBoard
from meshward.sim.stock_wire import Package

REPORTS_US = 30_000_000
"""How often boards that report usually do."""

#: What firmware with all of Alteriom's packages sends, and each how many times less often than the first.
_ALTERIOM = ((ENHANCED_STATUS, 1), (SENSOR, 1), (STATUS, 2), (METRICS, 2), (HEALTH_CHECK, 2))


class Part(Protocol):
    """What an application is made of: shaped like a service, for any package the application is handed."""

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """A package of one of the application's types; returns what to send."""

    def next_deadline_us(self) -> int | None:
        """When `handle_deadline` wants to be called, None for never."""

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Do what is due, which may be nothing; returns what to send."""


class Application:
    """A service for `MeshNode`: what one start of a board does apart from taking updates, part by part."""

    def __init__(self, parts: Sequence[Part], package_types: Sequence[int] = (ENHANCED_STATUS,)) -> None:
        self.package_types = tuple(package_types)
        self._parts = tuple(parts)

    @property
    def idle(self) -> bool:
        """Whether the node can do without it."""
        return self.next_deadline_us() is None

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """Hand a package to each part."""
        answers: list[Package] = []
        for part in self._parts:
            answers += part.receive(package, now_us)
        return answers

    def next_deadline_us(self) -> int | None:
        """When the first of its parts has something to do."""
        moments = [part.next_deadline_us() for part in self._parts]
        return min((due_us for due_us in moments if due_us is not None), default=None)

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Do what is due."""
        packages: list[Package] = []
        for part in self._parts:
            packages += part.handle_deadline(now_us)
        return packages


@dataclass(slots=True)
class _Due:
    kind: int
    every_us: int
    due_us: int


class Reporter:
    """Broadcasts what the firmware says of itself, each package about every `every_us`.

    full: all of Alteriom's packages, and answers to its command for them; else package 604 alone, as from a
    sketch that counts nothing but these. wall_s: Unix time by now. starts: how often the board was started.
    """

    package_types = (ENHANCED_STATUS,)
    full_package_types = (SENSOR, STATUS, METRICS, COMMAND, ENHANCED_STATUS, HEALTH_CHECK)

    def __init__(
        self,
        node: MeshNode,
        board: HealthBoard,
        image_md5: str,
        rng: Random,
        now_us: int,
        *,
        every_us: int = REPORTS_US,
        full: bool = False,
        wall_s: Callable[[int], float],
        starts: int = 1,
    ) -> None:
        self._node = node
        self._board = board
        self._author = Author(node.node_id, image_md5)
        self._rng = rng
        self._started_us = now_us
        self._full = full
        self._wall_s = wall_s
        self._starts = starts
        self._received = self._sent = 0
        kinds = _ALTERIOM if full else _ALTERIOM[:1]
        # Boards that were switched on together do not report together.
        self._dues = [
            _Due(kind, every_us * times, now_us + int(rng.random() * every_us * times))
            for kind, times in kinds
        ]

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """A report of another board's, which nobody here reads; or a command."""
        self._received += 1
        if not self._full or package["type"] != COMMAND:
            return []
        target = u32(package, "target") if package.get("target") else self._node.node_id
        if target != self._node.node_id or u32(package, "cmd") != DATA_REQUEST:
            return []
        try:
            command = u32(package, "cid")
        except WireError:  # it is asked for all the same
            command = 0
        values = self._board.named(now_us)
        return [
            self._author.sensor(values, self._wall_s(now_us)),
            self._author.status(values, self._uptime_s(now_us), command, "ok"),
        ]

    def next_deadline_us(self) -> int | None:
        """When the next package is due."""
        return min(due.due_us for due in self._dues)

    def handle_deadline(self, now_us: int) -> list[Package]:
        """What is due, if somebody is there to hear it."""
        packages = []
        for due in self._dues:
            if now_us < due.due_us:
                continue
            due.due_us = now_us + round(due.every_us * self._rng.uniform(0.9, 1.1))
            if self._node.links():
                self._sent += 1
                packages.append(self._write(due, now_us))
        return packages

    def _uptime_s(self, now_us: int) -> int:
        return (now_us - self._started_us) // 1_000_000

    def _write(self, due: _Due, now_us: int) -> Package:
        author = self._author
        values = self._board.named(now_us)
        uptime_s = self._uptime_s(now_us)
        wall_s = self._wall_s(now_us)
        if due.kind == SENSOR:
            return author.sensor(values, wall_s)
        if due.kind == STATUS:
            return author.status(values, uptime_s)
        if due.kind == METRICS:
            return author.metrics(values, uptime_s * 97, wall_s, due.every_us)
        if due.kind == HEALTH_CHECK:
            return author.health(values, uptime_s, self._starts - 1, wall_s, due.every_us)
        received, sent = self._received, self._sent
        if self._full:
            received, sent = int(values["messages_received"] or 0), int(values["messages_sent"] or 0)
        return author.enhanced_status(values, uptime_s, received, sent)
