"""What the gateway shows for its bridges, and of them: the values of the API, field by field."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class BridgeView(msgspec.Struct, kw_only=True):
    """A bridge to another program, and how it does. No secret is in it."""

    name: str
    """Its address, or path: "mqtt://broker:1883/mesh"."""
    kind: Literal["mqtt", "prometheus", "alertmanager", "influx"]
    state: Literal["up", "starting", "failing"]
    """Failing: it cannot reach the other side, or is refused; it goes on trying."""
    since_at: str
    """Since when it is in this state."""
    text: str
    """In a few words: "connected with MQTT 5, TLS", or why it fails and what to do."""
    sent: int = 0
    """Messages, samples, scrapes or alerts that the other side took, since the gateway started."""
    sent_bytes: int = 0
    waiting: int = 0
    """What is kept for it until it takes it."""
    dropped: int = 0
    """What was left out because there was no room to keep it, since the gateway started."""
    extras: list[str] = []
    """What it does besides: "home assistant", "control", "messages", "commands"."""


class OfferView(msgspec.Struct, kw_only=True):
    """The firmware that a node could be updated to, and what it runs."""

    node: int
    installed: str
    """Version, or the first digits of its hash, of what it runs; "" where that is not known."""
    latest: str
    """The same of the newest firmware meant for it; as `installed` where it runs that, or there is none."""
    firmware: str = ""
    """SHA-256 of the newest, "" where there is none."""
    title: str = ""
    """The project's name in the firmware, or the file's."""
    notes: str = ""
    """What was noted of it."""
    available: bool = False
    """Whether the newest is another one than what it runs."""
    refusal: str = ""
    """Why it cannot be updated now, and what to do; "" where it can."""


class NodeUpdate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An update of one node to be made."""

    firmware: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """SHA-256 of the library's, or the first 6 digits of it or more; "" for what it is offered."""


class NodeMessage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A text to be sent to a node."""

    text: str


class NodeSample(msgspec.Struct, kw_only=True, frozen=True):
    """What was measured of a node at one moment, by itself or by the gateway."""

    node: int
    at_s: float
    """Unix time."""
    values: dict[str, float]
    """By metric, in the catalogue's units; counters as the node counts them."""


class ProgressView(msgspec.Struct, kw_only=True):
    """A node in a run that is under way."""

    node: int
    rollout: str
    state: str
    parts_done: int
    parts: int
    """0 while nothing is sent."""
