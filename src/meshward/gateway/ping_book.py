"""Pings that people asked for: one under way per node, and no more than the mesh does not notice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from meshward.errors import NotPossibleError
from meshward.gateway.dashboard_views import PingView

EVERY_US = 1_000_000
"""So often nodes are asked in the long run, as our own probes ask them..."""
BURST = 10
"""...and so often at once."""

Prober = Callable[[int], Awaitable[int | None]]
"""Measures the delay of a node of the mesh, in microseconds; None where it does not answer."""


class PingBook:
    """`now_us` is the clock of the mesh driver."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._under_way: dict[int, asyncio.Task[PingView]] = {}
        """By node; as many as the rate lets begin while one is waited for, so some 16."""
        self._free_us = 0
        """When all that was asked till now is paid for."""

    async def ping(self, node: int, prober: Prober) -> PingView:
        """A node's delay; who asks while it is measured gets the same answer. Raises NotPossibleError."""
        asking = self._under_way.get(node)
        if asking is None:
            self._pay()
            asking = self._under_way[node] = asyncio.create_task(self._ask(node, prober))
            asking.add_done_callback(lambda _: self._under_way.pop(node))
        return await asyncio.shield(asking)  # others may wait for it too

    def _pay(self) -> None:
        now_us = self._now_us()
        free_us = max(self._free_us, now_us) + EVERY_US
        wait_us = free_us - now_us - BURST * EVERY_US
        if wait_us > 0:
            raise NotPossibleError(
                f"nodes were asked {BURST} times just now, and the mesh has more to carry than that: try "
                f"again in {math.ceil(wait_us / 1e6)} s"
            )
        self._free_us = free_us

    async def _ask(self, node: int, prober: Prober) -> PingView:
        began_us = self._now_us()
        delay_us = await prober(node)
        return PingView(
            node=node,
            answered=delay_us is not None,
            delay_ms=None if delay_us is None else round(delay_us / 1000, 2),
            waited_s=round((self._now_us() - began_us) / 1e6, 3),
        )
