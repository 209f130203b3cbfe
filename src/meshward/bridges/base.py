"""What all bridges have in common: a record of how they do, pauses between tries, a run that never ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Literal, Protocol

import structlog

from meshward.gateway.bridge_views import BridgeView
from meshward.text import printable

log = structlog.get_logger("meshward.bridges")

BROKEN_S = 60.0
"""A bridge that broke by an error of ours is started anew after this."""
BREAK_LOGGED_S = 60.0
"""How often at most an error of ours at a message is logged."""

Kind = Literal["mqtt", "prometheus", "alertmanager", "influx"]


class Bridge(Protocol):
    """One bridge to one program."""

    record: Record

    async def run(self) -> None:
        """For ever, until cancelled. What the other side does is no reason to end."""


class Record:
    """How a bridge does, for people. A state is logged when it changes, not each time it is told."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        extras: list[str] | None = None,
        now_s: Callable[[], float] = time.time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name`: its address without secrets. `clock_s` is never set, as the time of day may be."""
        self.name = name
        self.sent = 0
        self.sent_bytes = 0
        self.waiting = 0
        self.dropped = 0
        self.state: Literal["up", "starting", "failing"] = "starting"
        self.text = "not tried yet"
        self._kind: Kind = kind
        self._extras = extras or []
        self._also_waiting: Callable[[], int] = lambda: 0
        self._now_s = now_s
        self._clock_s = clock_s
        self._since_s = clock_s()

    def up(self, text: str) -> None:
        """It works: `text` says in a few words how."""
        if self.state != "up":
            log.info("bridge works", bridge=self.name, how=text)
        self._turn("up", text)

    def starting(self, text: str) -> None:
        """It begins: `text` says what it waits for."""
        if (self.state, self.text) != ("starting", text):
            log.info("bridge starts", bridge=self.name, waits=text)
        self._turn("starting", text)

    def failing(self, text: str) -> None:
        """It does not: `text` says why, and what to do."""
        text = printable(text)
        if (self.state, self.text) != ("failing", text):
            log.warning("bridge does not work; trying again", bridge=self.name, reason=text)
        self._turn("failing", text)

    @property
    def failing_s(self) -> float:
        """For how long it has not worked; 0 where it does."""
        return self._clock_s() - self._since_s if self.state == "failing" else 0.0

    def took(self, count: int, size_bytes: int) -> None:
        """The other side took so much."""
        self.sent += count
        self.sent_bytes += size_bytes

    def count_waiting(self, also: Callable[[], int]) -> None:
        """Count this too as waiting, as it is whenever somebody looks."""
        self._also_waiting = also

    def view(self) -> BridgeView:
        """As it is shown."""
        since_s = max(0.0, self._now_s() - (self._clock_s() - self._since_s))
        since = datetime.fromtimestamp(since_s, UTC).isoformat(timespec="milliseconds")
        return BridgeView(
            name=self.name,
            kind=self._kind,
            state=self.state,
            since_at=since.replace("+00:00", "Z"),
            text=self.text,
            sent=self.sent,
            sent_bytes=self.sent_bytes,
            waiting=self.waiting + self._also_waiting(),
            dropped=self.dropped,
            extras=list(self._extras),
        )

    def _turn(self, state: Literal["up", "starting", "failing"], text: str) -> None:
        if state != self.state:
            self.state = state
            self._since_s = self._clock_s()
        self.text = text


class Breaks:
    """Errors of ours at one message, which are no reason to end a bridge: counted, and some logged."""

    def __init__(self, bridge: str, now_s: Callable[[], float] = time.monotonic) -> None:
        """`bridge`: its name."""
        self.count = 0
        self._bridge = bridge
        self._now_s = now_s
        self._logged_s = -BREAK_LOGGED_S

    def note(self, error: Exception, what: str) -> None:
        """`what`: where it came from. Peers may write messages as fast as they can."""
        self.count += 1
        now_s = self._now_s()
        if now_s - self._logged_s >= BREAK_LOGGED_S:
            self._logged_s = now_s
            log.error(
                "a message broke something in a bridge; please report this",
                bridge=self._bridge,
                message_on=printable(what, 100),
                so_far=self.count,
                exc_info=error,
            )


class Pauses:
    """Pauses between tries: ever longer, never all at once."""

    def __init__(self, rng: Random, first_s: float = 1.0, most_s: float = 60.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s
        self._tries = 0

    def next_s(self) -> float:
        """How long to wait now: half of the step to all of it, so that many gateways do not come together."""
        step_s = min(self._first_s * 2.0 ** min(self._tries, 20), self._most_s)
        self._tries += 1
        return step_s * (0.5 + self._rng.random() / 2)

    def reset(self) -> None:
        """It worked."""
        self._tries = 0


async def keep_running(bridge: Bridge, broken_s: float = BROKEN_S) -> None:
    """Run a bridge for ever. An error of ours in it stops neither the others nor the gateway."""
    while True:
        try:
            await bridge.run()
        except Exception as error:
            log.exception("a bridge broke; please report this", bridge=bridge.record.name)
            bridge.record.failing(f"an error of Meshward's own ({type(error).__name__}): see the log")
        await asyncio.sleep(broken_s)
