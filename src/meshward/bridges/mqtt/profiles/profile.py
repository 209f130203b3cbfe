"""What a profile makes of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import MeshStatus, NodeStatus
from meshward.gateway.views import EventView, HealthView, NodeView, TopologyView


@dataclass(frozen=True, slots=True)
class Told:
    """What does not change while the bridge runs."""

    mesh: str
    profile: str
    period_s: float
    control: bool
    signed: bool


class Profile(Protocol):
    """Every method gives one payload. `now_s` is Unix time."""

    def nodes(self, picture: Picture, status: MeshStatus | None, now_s: float) -> bytes: ...
    def topology(self, picture: Picture, topology: TopologyView, now_s: float) -> bytes: ...
    def metrics(self, picture: Picture, status: MeshStatus, now_s: float) -> bytes: ...
    def alerts(self, picture: Picture, now_s: float) -> bytes: ...
    def node(self, node: NodeView, now_s: float) -> bytes: ...
    def health(self, node: NodeView, status: NodeStatus, rules: list[str], now_s: float) -> bytes:
        """`rules` are firing for it."""

    def availability(self, node: NodeView, now_s: float) -> bytes: ...
    def update(
        self, node: NodeView, offer: OfferView | None, progress: ProgressView | None, now_s: float
    ) -> bytes: ...
    def bridge_state(self, *, online: bool, now_s: float) -> bytes:
        """Also the last will, made when connecting."""

    def bridge_info(self, picture: Picture, told: Told, now_s: float) -> bytes: ...
    def bridge_health(
        self, picture: Picture, health: HealthView, sent: int, dropped: int, now_s: float
    ) -> bytes: ...
    def event(self, event: EventView, now_s: float) -> bytes: ...
    def response(self, action: str, transaction: str, answer: Mapping[str, Any], now_s: float) -> bytes:
        """`answer`: "status" ok or error, and "data", or "error" (words) and "code"."""

    def rollout(self, rollout: Mapping[str, Any], now_s: float) -> bytes:
        """Progress of a rollout, as the response to `status` has it."""

    def updates(self, status: Mapping[str, Any], now_s: float) -> bytes:
        """All updates together; `status` as `ProposedStatus` has it."""

    def text(self, node: int, text: Mapping[str, Any], now_s: float) -> bytes:
        """A text of a node; `text` as `Text` has it."""
