"""What should lie at the broker for whoever subscribes later, and what of it has to be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from meshward.bridges.mqtt.messages import Publication


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
        self._new[topic] = None
        self._news.set()
