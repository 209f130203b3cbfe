"""Messages to and from a broker, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Publication:
    """A message for the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    correlation: bytes | None = None
    """Given back as it came with a request, to brokers that speak MQTT 5."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    """Whether it lay at the broker already when we subscribed."""
    duplicate: bool = False
    """Whether the broker had sent it before and may not know that it arrived."""
    response_topic: str | None = None
    correlation: bytes | None = None
