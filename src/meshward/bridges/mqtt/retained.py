"""What should lie at the broker for whoever subscribes later, and what of it has to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from meshward.bridges.mqtt.messages import Publication

GONE_MAX = 20_000
"""Topics to be cleared that are remembered while the broker is away, about 2 MB. What is forgotten of them is
found again at the broker."""


class Retained:
    """A shelf of topics. Writing to it never waits; whoever has a broker takes from it what is new.

    A topic that is written several times before it is taken is sent once. Topics keep the order in which
    they came first.
    """

    def __init__(self, qos: int = 1) -> None:
        self._qos = qos
        self._payloads: dict[str, bytes] = {}
        self._new: dict[str, None] = {}
        self._news = asyncio.Event()
        self._promises = 0
        self._filled = asyncio.Event()
        self._filled.set()

    def __len__(self) -> int:
        return len(self._payloads)

    @property
    def topics(self) -> Collection[str]:
        """What should lie there."""
        return self._payloads.keys()

    @property
    def waiting(self) -> int:
        """Topics to be sent."""
        return len(self._new)

    def get(self, topic: str) -> bytes | None:
        """What should lie at a topic."""
        return self._payloads.get(topic)

    def put(self, topic: str, payload: bytes) -> None:
        """What should lie at a topic now."""
        if self._payloads.get(topic) != payload:
            self._payloads[topic] = payload
            self._tell(topic)

    def drop(self, topic: str) -> None:
        """Nothing should lie there any more."""
        if self._payloads.pop(topic, None) is not None:
            self._tell(topic)

    def clear(self, topic: str) -> None:
        """As `drop`, for a topic that we did not write: nothing may lie there."""
        if topic not in self._payloads:
            self._tell(topic)

    def promise(self) -> Callable[[], None]:
        """Somebody will fill the shelf, and then call what this returns.

        Until then what lies at the broker beside the shelf may only be not there yet, and is left alone.
        """
        self._promises += 1
        self._filled.clear()
        kept = False

        def keep() -> None:
            nonlocal kept
            if not kept:
                kept = True
                self._promises -= 1
                if not self._promises:
                    self._filled.set()

        return keep

    @property
    def is_filled(self) -> bool:
        """Whether everything promised lies here."""
        return self._filled.is_set()

    async def filled(self) -> None:
        """Until everything promised lies here."""
        await self._filled.wait()

    def send_again(self, topic: str) -> None:
        """Whoever reads along is to be told once more what lies at a topic."""
        if topic in self._payloads:
            self._tell(topic)

    def send_all(self) -> None:
        """A broker that may have lost everything: send it all, in the order of the topics."""
        gone = [topic for topic in self._new if topic not in self._payloads]
        self._new = dict.fromkeys([*self._payloads, *gone])
        if self._new:
            self._news.set()

    def take(self) -> Publication | None:
        """The next to be sent; None for none. An empty payload clears a topic."""
        topic = next(iter(self._new), None)
        if topic is None:
            self._news.clear()
            return None
        del self._new[topic]
        return Publication(topic, self._payloads.get(topic, b""), retain=True, qos=self._qos)

    def give_back(self, publication: Publication) -> None:
        """It could not be sent."""
        self._tell(publication.topic)

    async def wait(self) -> None:
        """Until there is something to take."""
        await self._news.wait()

    def _tell(self, topic: str) -> None:
        if topic not in self._payloads and len(self._new) >= len(self._payloads) + GONE_MAX:
            return
        self._new[topic] = None
        self._news.set()
