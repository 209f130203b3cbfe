"""Other gateways that publish below our prefix: a mistake that people have to see, at both of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.settle import gateway_of
from meshward.bridges.mqtt.topics import Topics

log = structlog.get_logger("meshward.bridges")

TELL_S = 15.0
"""How often gateways that know of each other tell that they are still there."""
GONE_S = 60.0
"""Another that told nothing of itself for so long is gone, or was put right."""


class Rivals:
    """What is known of them, during one connection. All tell who they are at the same `bridge/info`."""

    def __init__(
        self,
        topics: Topics,
        retained: Retained,
        told: Callable[[], None],
        *,
        tell_s: float = TELL_S,
        gone_s: float = GONE_S,
    ) -> None:
        """`told`: called when `text` is another one."""
        self._topics = topics
        self._retained = retained
        self._told = told
        self._tell_s = tell_s
        self._gone_s = gone_s
        self._other: int | None = None
        """The first that was met, of those that are there."""
        self._heard_s = 0.0
        self._met = asyncio.Event()
        self._alone = asyncio.Event()
        self._alone.set()

    @property
    def own_id(self) -> int | None:
        """As we tell it: None before the mesh was ever joined."""
        return gateway_of(self._retained.get(self._topics.bridge("info")) or b"")

    @property
    def text(self) -> str:
        """In words; "" for none."""
        if self._other is None:
            return ""
        return (
            f"another gateway ({self._other}) publishes below {self._topics.prefix}: "
            "give each mesh its own mqtt.prefix"
        )

    def hear(self, message: Received) -> None:
        """A `bridge/info`: ours as well."""
        own_id, gateway = self.own_id, gateway_of(message.payload)
        if own_id is not None and gateway not in {None, own_id}:
            self.meet(gateway)

    def meet(self, gateway: int | None) -> None:
        """Another is there: it shall learn of us."""
        if gateway is None:
            return
        self._heard_s = asyncio.get_running_loop().time()
        if self._other is not None:
            return
        self._other = gateway
        log.warning("another gateway publishes below our prefix", gateway=gateway, prefix=self._topics.prefix)
        self._alone.clear()
        self._met.set()
        self._tell_who_we_are()
        self._told()

    async def alone(self) -> None:
        """Until no other is there."""
        await self._alone.wait()

    async def watch(self) -> None:
        """For ever: tell others that we are still there, and notice when they are not."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._met.wait()
            await asyncio.sleep(self._tell_s)
            self._retained.send_all()  # what the other may have cleared of ours, before it knew of us
            while clock() - self._heard_s < self._gone_s:
                await asyncio.sleep(self._tell_s)
                self._tell_who_we_are()
            log.info("the other gateway below our prefix is gone", gateway=self._other)
            self._other = None
            self._met.clear()
            self._alone.set()
            self._told()

    def _tell_who_we_are(self) -> None:
        self._retained.send_again(self._topics.bridge("info"))
