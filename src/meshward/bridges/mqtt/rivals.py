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
ANSWER_S = 1.0
"""What comes within so long after we told who we are is taken for an answer, which needs none: else two would
answer each other for ever. Shorter than another waits before it clears anything (`bridge.CLEAR_S`)."""


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
        answer_s: float = ANSWER_S,
    ) -> None:
        """`told`: called when `text` is another one."""
        self._topics = topics
        self._retained = retained
        self._told = told
        self._tell_s = tell_s
        self._gone_s = gone_s
        self._answer_s = answer_s
        self._other: int | None = None
        """The first that was met, of those that are there."""
        self._heard_s = 0.0
        self._told_s = 0.0
        self._send_all_s: float | None = None
        """When everything is to be sent again."""
        self._offline = False
        """Somebody said so: who is heard next may have come back, and know nothing of us any more."""
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

    def note_offline(self) -> None:
        """A `bridge/state` said so while we are connected."""
        self._offline = True

    def meet(self, gateway: int | None) -> None:
        """Another is there: it shall learn of us, also where it did before and has begun anew."""
        if gateway is None:
            return
        now_s = asyncio.get_running_loop().time()
        self._heard_s = now_s
        is_new, is_back = self._other is None, self._offline
        if is_new or is_back:
            self._offline = False
            self._send_all_s = now_s + self._tell_s
        if is_new or is_back or now_s - self._told_s >= self._answer_s:
            self._tell_who_we_are()
        if is_new:
            self._other = gateway
            log.warning(
                "another gateway publishes below our prefix", gateway=gateway, prefix=self._topics.prefix
            )
            self._alone.clear()
            self._met.set()
            self._told()

    async def alone(self) -> None:
        """Until no other is there."""
        await self._alone.wait()

    async def watch(self) -> None:
        """For ever: tell others that we are still there, and notice when they are not."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._met.wait()
            while clock() - self._heard_s < self._gone_s:
                await asyncio.sleep(self._tell_s)
                if self._send_all_s is not None and clock() >= self._send_all_s:
                    self._send_everything()
                else:
                    self._tell_who_we_are()
            log.info("the other gateway below our prefix is gone", gateway=self._other)
            self._other = None
            self._send_everything()
            self._met.clear()
            self._alone.set()
            self._told()

    def _send_everything(self) -> None:
        """What the other may have cleared of ours while it did not know of us."""
        self._send_all_s = None
        self._told_s = asyncio.get_running_loop().time()
        self._retained.send_all()

    def _tell_who_we_are(self) -> None:
        self._told_s = asyncio.get_running_loop().time()
        self._retained.send_again(self._topics.bridge("info"))
