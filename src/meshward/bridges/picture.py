"""The mesh as the gateway shows it, kept up to date by its feed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from meshward.gateway.feed import Feed
from meshward.gateway.health_views import AlertView
from meshward.gateway.views import EventView, NodeView, RolloutSummary
from meshward.rollout.states import FINAL

ENDED_KEPT = 20
"""Rollouts that are over: as many as a snapshot of the feed has."""


JOIN_S = 30.0
"""How long a mesh may take to be joined before it is told as it is: a board that restarts is back by then."""


@dataclass(slots=True)
class Picture:
    """Everything as it is now."""

    own_id: int | None = None
    mesh_connected: bool = False
    alarms: list[str] = field(default_factory=list)
    """What is wrong with the gateway itself, in words."""
    nodes: dict[int, NodeView] = field(default_factory=dict)
    rollouts: dict[str, RolloutSummary] = field(default_factory=dict)
    """Those under way, and the latest `ENDED_KEPT` that are over."""
    alerts: dict[str, AlertView] = field(default_factory=dict)
    """Those that are pending or firing, by id."""


@dataclass(slots=True)
class Changed:
    """What is different from the last look; what was forgotten is not in the picture any more."""

    everything: bool = False
    """The picture is new: whatever is not told of is different too."""
    gateway: bool = False
    nodes: set[int] = field(default_factory=set)
    rollouts: set[str] = field(default_factory=set)
    alerts: set[str] = field(default_factory=set)
    ended_alerts: list[AlertView] = field(default_factory=list)
    """Alerts that are over, which the picture has no more."""
    events: list[EventView] = field(default_factory=list)
    """What happened; not all of it where `everything` is new."""


class _Change(msgspec.Struct):
    kind: str
    id: Any
    value: msgspec.Raw = msgspec.Raw(b"null")


class _Delta(msgspec.Struct):
    n: int
    changes: list[_Change]


class _Snapshot(msgspec.Struct):
    nodes: list[NodeView]
    rollouts: list[RolloutSummary]
    alerts: list[AlertView]
    own_id: int | None = None
    mesh_connected: bool = False
    alarms: list[str] = []


class _Gateway(msgspec.Struct):
    mesh_connected: bool
    own_id: int | None = None
    alarms: list[str] = []


_NULL = b"null"


class Follower:
    """Reads the feed for one bridge. One that is slow misses steps, and is given the whole anew."""

    def __init__(self, feed: Feed) -> None:
        self.picture = Picture()
        self._feed = feed
        self._number = -1

    async def joined(self, limit_s: float = JOIN_S) -> Changed:
        """Everything, once the mesh is in sight or that has taken too long: a gateway that starts sees no
        node at first, and whoever is told so would take the mesh for dead.
        """
        self.catch_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self.picture.mesh_connected:
                    await self.next()
        self.catch_up()
        return Changed(everything=True)

    async def next(self) -> Changed:
        """What changed since the last call; waits until something did. The first call tells everything."""
        if self._number >= 0:
            await self._feed.wait(self._number)
        return self.catch_up()

    def catch_up(self) -> Changed:
        """As `next`, without waiting; maybe nothing changed."""
        deltas = None if self._number < 0 else self._feed.after(self._number)
        if deltas is None:
            self._start_over()
            return Changed(everything=True)
        changed = Changed()
        for encoded in deltas:
            delta = msgspec.json.decode(encoded, type=_Delta)
            self._number = delta.n
            for change in delta.changes:
                self._take(change, changed)
        return changed

    def _start_over(self) -> None:
        self._number, encoded = self._feed.snapshot()
        full = msgspec.json.decode(encoded, type=_Snapshot)
        self.picture.own_id = full.own_id
        self.picture.mesh_connected = full.mesh_connected
        self.picture.alarms = full.alarms
        self.picture.nodes = {node.id: node for node in full.nodes}
        self.picture.rollouts = {rollout.id: rollout for rollout in full.rollouts}
        self.picture.alerts = {alert.id: alert for alert in full.alerts}

    def _take(self, change: _Change, changed: Changed) -> None:
        value = bytes(change.value)
        match change.kind:
            case "node":
                changed.nodes.add(change.id)
                if value == _NULL:
                    self.picture.nodes.pop(change.id, None)
                else:
                    self.picture.nodes[change.id] = msgspec.json.decode(value, type=NodeView)
            case "rollout":
                changed.rollouts.add(change.id)
                self.picture.rollouts[change.id] = msgspec.json.decode(value, type=RolloutSummary)
                self._drop_ended(changed)
            case "alert":
                self._take_alert(msgspec.json.decode(value, type=AlertView), changed)
            case "event":
                changed.events.append(msgspec.json.decode(value, type=EventView))
            case "gateway":
                changed.gateway = True
                gateway = msgspec.json.decode(value, type=_Gateway)
                self.picture.own_id, self.picture.mesh_connected = gateway.own_id, gateway.mesh_connected
                self.picture.alarms = gateway.alarms

    def _drop_ended(self, changed: Changed) -> None:
        rollouts = self.picture.rollouts
        ended = [rollout for rollout in rollouts.values() if rollout.state in FINAL]
        ended.sort(key=lambda rollout: rollout.ended_at or "")
        for rollout in ended[:-ENDED_KEPT]:
            del rollouts[rollout.id]
            changed.rollouts.add(rollout.id)

    def _take_alert(self, alert: AlertView, changed: Changed) -> None:
        changed.alerts.add(alert.id)
        if alert.state == "resolved":
            self.picture.alerts.pop(alert.id, None)
            changed.ended_alerts.append(alert)
        else:
            self.picture.alerts[alert.id] = alert
