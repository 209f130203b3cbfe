"""The profile "meshward": payloads as `payloads` has them, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any

import msgspec

from meshward import __version__
from meshward.bridges.mqtt import payloads
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.profiles.values import (
    ALERTS_SHOWN,
    BEHIND_SHOWN,
    LIST_SHOWN,
    NODES_SHOWN,
    NOTES_CHARACTERS,
    TEXT_CHARACTERS,
    cut,
    cut_all,
    finite,
    iso,
    listed,
    plain,
    reading,
    readings,
    reasons,
    runs,
    worst_first,
)
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Picture
from meshward.bridges.values import UPDATING, firing_by_severity, restarts_24h
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import MeshStatus, NodeStatus
from meshward.gateway.views import EventView, HealthView, NodeView, TopologyView

_encode = msgspec.json.Encoder().encode


class MeshwardProfile:
    """See `Profile`."""

    def nodes(self, picture: Picture, status: MeshStatus | None, now_s: float) -> bytes:
        """Every node, in a line each."""
        del status, now_s
        every = picture.nodes.values()
        return _encode(
            payloads.Nodes(
                count=len(every),
                online=sum(node.online for node in every),
                nodes=[_item(node) for node in listed(every)],
            )
        )

    def topology(self, picture: Picture, topology: TopologyView, now_s: float) -> bytes:
        """The tree."""
        del picture, now_s
        links = [
            payloads.LinkItem(node=node.id, parent=node.parent, depth=node.depth)
            for node in topology.nodes
            if node.parent is not None
        ]
        links.sort(key=lambda link: (link.depth, link.node))
        return _encode(payloads.Topology(gateway=topology.own_id, links=links[:NODES_SHOWN]))

    def metrics(self, picture: Picture, status: MeshStatus, now_s: float) -> bytes:
        """The mesh in numbers."""
        del now_s
        nodes = picture.nodes.values()
        told = [one for one in status.nodes if one.online]
        delays, losses = _told(told, "delay_ms"), _told(told, "probe_loss_percent")
        signals, heaps = _told(told, "rssi_dbm"), _told(told, "heap_free_bytes")
        firing = firing_by_severity(picture.alerts.values())
        return _encode(
            payloads.MeshMetrics(
                summary=cut(status.summary, TEXT_CHARACTERS),
                health=status.health.value,
                nodes=len(nodes),
                online=sum(node.online for node in nodes),
                depth_max=max((node.depth or 0 for node in nodes), default=0),
                delay_median_ms=finite(round(median(delays), 1)) if delays else None,
                delay_max_ms=max(delays, default=None),
                probe_loss_percent=finite(round(fmean(losses), 1)) if losses else None,
                rssi_min_dbm=min(signals, default=None),
                heap_min_bytes=min(heaps, default=None),
                alerts=dict(sorted(firing.items())),
                updating=sum(node.update_state in UPDATING for node in nodes),
                coverage=cut(status.coverage.text, TEXT_CHARACTERS),
            )
        )

    def alerts(self, picture: Picture, now_s: float) -> bytes:
        """What is firing."""
        del now_s
        firing = worst_first(picture.alerts.values())
        shown = [
            payloads.AlertItem(
                id=cut(alert.id),
                rule=cut(alert.rule),
                severity=alert.severity,
                text=cut(alert.text, TEXT_CHARACTERS),
                node=alert.node,
                name=cut(alert.name),
                value=finite(alert.value),
                threshold=finite(alert.threshold),
                since_at=alert.since_at,
                quiet=cut(alert.quiet),
                behind=alert.behind[:BEHIND_SHOWN],
            )
            for alert in firing[:ALERTS_SHOWN]
        ]
        return _encode(payloads.Alerts(count=len(firing), alerts=shown))

    def node(self, node: NodeView, now_s: float) -> bytes:
        """Who it is, and where."""
        del now_s
        return _encode(
            payloads.Node(
                id=node.id,
                name=cut(node.name),
                online=node.online,
                hardware=cut(node.hardware),
                role=cut(node.role),
                version=cut(node.version),
                firmware=node.firmware[:64],
                parent=node.parent,
                depth=node.depth,
                children=node.children[:LIST_SHOWN],
                tags=cut_all(node.tags),
                excluded=node.excluded,
                first_seen_at=node.first_seen_at,
                last_seen_at=node.last_seen_at,
                up_since_at=node.up_since_at,
            )
        )

    def health(self, node: NodeView, status: NodeStatus, rules: list[str], now_s: float) -> bytes:
        """How it does."""
        leak = status.leak
        return _encode(
            payloads.NodeHealth(
                health=status.health.value,
                problem=bool(rules),
                reasons=reasons(node, status),
                alerts=cut_all(rules),
                metrics=readings(status),
                boot_at=status.boot_at,
                restarts=restarts_24h(status, now_s),
                leak_hours_left=None if leak is None else finite(leak.hours_left),
            )
        )

    def availability(self, node: NodeView, now_s: float) -> bytes:
        """Whether it is in the mesh."""
        del now_s
        return _encode(payloads.Availability(state="online" if node.online else "offline"))

    def update(
        self, node: NodeView, offer: OfferView | None, progress: ProgressView | None, now_s: float
    ) -> bytes:
        """What it runs, and what it could."""
        del now_s
        installed = cut(offer.installed) if offer is not None else runs(node)
        state = progress.state if progress is not None else node.update_state or ""
        return _encode(
            payloads.Update(
                installed=installed,
                latest=cut(offer.latest) if offer is not None else installed,
                available=offer is not None and offer.available,
                title=cut(offer.title) if offer is not None else "",
                notes=cut(offer.notes, NOTES_CHARACTERS) if offer is not None else "",
                state=cut(state),
                in_progress=state in UPDATING,
                percent=percent(progress),
                rollout=cut(progress.rollout if progress is not None else node.rollout or ""),
                refusal=cut(offer.refusal, TEXT_CHARACTERS) if offer is not None else "",
            )
        )

    def bridge_state(self, *, online: bool, now_s: float) -> bytes:
        """Whether the gateway lives."""
        del now_s
        return _encode(payloads.BridgeState(state="online" if online else "offline"))

    def bridge_info(self, picture: Picture, told: Told, now_s: float) -> bytes:
        """Who publishes."""
        del now_s
        return _encode(
            payloads.BridgeInfo(
                gateway=picture.own_id or 0,
                mesh=cut(mesh_name(told.mesh, picture.own_id)),
                version=__version__,
                profile=told.profile,
                period_s=told.period_s,
                control=told.control,
                signed=told.signed,
            )
        )

    def bridge_health(
        self, picture: Picture, health: HealthView, sent: int, dropped: int, now_s: float
    ) -> bytes:
        """How the gateway does."""
        del picture
        return _encode(
            payloads.BridgeHealth(
                at=iso(now_s),
                uptime_s=round(health.uptime_s),
                mesh_connected=health.mesh_connected,
                nodes=health.nodes_known,
                online=health.nodes_online,
                rollouts=health.rollouts_active,
                sent=sent,
                events_dropped=dropped,
                alarms=cut_all(health.alarms, TEXT_CHARACTERS),
            )
        )

    def event(self, event: EventView, now_s: float) -> bytes:
        """What happened."""
        del now_s
        return _encode(
            payloads.Event(
                id=event.id,
                at=event.at,
                kind=cut(event.kind),
                severity=cut(event.severity),
                text=cut(event.text, TEXT_CHARACTERS),
                node=event.node,
                rollout=None if event.rollout is None else cut(event.rollout),
            )
        )

    def response(self, action: str, transaction: str, answer: Mapping[str, Any], now_s: float) -> bytes:
        """What came of a command."""
        del action, now_s
        return _encode(
            payloads.Response(
                status="ok" if answer.get("status") == "ok" else "error",
                transaction=cut(transaction, payloads.TRANSACTION_CHARACTERS),
                data=plain(answer.get("data")),
                error=cut(str(answer.get("error") or ""), payloads.ERROR_CHARACTERS),
                code=cut(str(answer.get("code") or "")),
            )
        )

    def rollout(self, rollout: Mapping[str, Any], now_s: float) -> bytes:
        """How an update goes."""
        del now_s
        return _encode(plain(rollout))

    def updates(self, status: Mapping[str, Any], now_s: float) -> bytes:
        """All updates together."""
        del now_s
        return _encode(plain(status))

    def text(self, node: int, text: Mapping[str, Any], now_s: float) -> bytes:
        """A text of a node."""
        del node, now_s
        return _encode(text)


def percent(progress: ProgressView | None) -> int | None:
    """How much of what has to be sent a node has; None while nothing is sent."""
    if progress is None or progress.parts <= 0:
        return None
    return min(100, max(0, 100 * progress.parts_done // progress.parts))


def _item(node: NodeView) -> payloads.NodeItem:
    return payloads.NodeItem(
        id=node.id,
        name=cut(node.name),
        online=node.online,
        parent=node.parent,
        version=runs(node),
        health=node.health,
        alerts=node.alerts,
        update=cut(node.update_state or ""),
    )


def _told(nodes: Iterable[NodeStatus], metric: str) -> list[float]:
    values = (reading(one, metric) for one in nodes)
    return [value for value in values if value is not None]
