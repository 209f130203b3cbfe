"""The beginning of a connection: what lies at the broker of ours, and whether another gateway is there."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.topics import Topics

QUIET_S = 0.5
"""A broker sends what it retained at once; after so long without any more it is taken to be all."""
MOST_S = 5.0
FOUND_MAX = 20_000
"""Topics remembered, some MB: five for each of 1,000 nodes lie there, and as many of other meshes'."""
TOPIC_CHARACTERS_MAX = 300
"""Ours are shorter: a prefix of 100 at most, and a rollout's or node's id."""

OWN_BYTES_MAX = 16 * 1024
"""What a gateway tells of itself has some 200 bytes; nothing longer is looked into."""


class Found:
    """What lies at the broker below our prefix."""

    def __init__(self, topics: Topics) -> None:
        self.topics: dict[str, None] = {}
        """All but the state of the bridge."""
        self._state_topic = topics.bridge("state")
        self._info_topic = topics.bridge("info")
        self._state = b""
        self._info = b""
        self._came = asyncio.Event()

    def take(self, message: Received) -> None:
        """A message that came meanwhile."""
        if not message.retain or not message.payload:
            return
        self._came.set()
        if message.topic == self._state_topic:
            self._state = message.payload
            return
        if message.topic == self._info_topic:
            self._info = message.payload
        if len(message.topic) <= TOPIC_CHARACTERS_MAX and len(self.topics) < FOUND_MAX:
            self.topics[message.topic] = None

    async def quiet(self) -> None:
        """Until no more comes."""
        try:
            async with asyncio.timeout(MOST_S):
                while await self._more():
                    pass
        except TimeoutError:
            return

    def other_gateway(self, own_id: int) -> int | None:
        """The node id of another gateway that publishes here and is online."""
        gateway = gateway_of(self._info)
        return gateway if gateway not in {None, own_id} and is_online(self._state) else None

    async def _more(self) -> bool:
        self._came.clear()
        try:
            async with asyncio.timeout(QUIET_S):
                await self._came.wait()
        except TimeoutError:
            return False
        return True


def gateway_of(info: bytes) -> int | None:
    """Whose `bridge/info` this is, in any profile; None where it does not tell."""
    gateway = _object(info).get("gateway")
    if isinstance(gateway, str) and gateway.isascii() and gateway.isdigit() and len(gateway) <= 10:
        gateway = int(gateway)
    return gateway if isinstance(gateway, int) and not isinstance(gateway, bool) and gateway > 0 else None


def is_online(state: bytes) -> bool:
    """Whether a `bridge/state` says so, in any profile."""
    return _object(state).get("state") == "online"


def is_offline(state: bytes) -> bool:
    """Whether a `bridge/state` says so, in any profile."""
    return _object(state).get("state") == "offline"


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > OWN_BYTES_MAX:
        return {}
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
