"""What one scrape shows, read at one moment, so that it can be written down elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshward.gateway.bridge_views import BridgeView, OfferView, ProgressView
from meshward.gateway.health_views import AlertView, MeshStatus
from meshward.gateway.views import HealthView, NodeView, RolloutSummary


@dataclass(frozen=True, slots=True)
class Scene:
    """The mesh and its gateway. Nothing in it changes later."""

    now_s: float
    """Unix seconds."""
    mesh: str
    """The mesh's name."""
    own_id: int | None
    started_s: float
    """When the gateway started, in Unix seconds."""
    health: HealthView
    status: MeshStatus
    nodes: Mapping[int, NodeView]
    alerts: Sequence[AlertView]
    """Those that are pending or firing."""
    rollouts: Sequence[RolloutSummary]
    """Those under way, and the latest that are over."""
    progress: Sequence[ProgressView]
    offers: Mapping[int, OfferView]
    bridges: Sequence[BridgeView]
