"""The profile "alteriom": messages of Alteriom's MQTT schemas, version 1.

Their lists of words are closed, their ids are texts, and every message begins with the same envelope. What
they have no field for is added: the schemas allow that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

import msgspec

from meshward import __version__
from meshward.bridges.mqtt.profiles import alteriom_words as words
from meshward.bridges.mqtt.profiles.meshward import percent
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
    reasons,
    runs,
    whole,
    within,
    worst_first,
)
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Picture
from meshward.bridges.values import unix_s
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import AlertView, MeshStatus, NodeStatus
from meshward.gateway.views import EventView, HealthView, NodeView, TopologyView

UNKNOWN = "unknown"
"""Versions must not be empty."""
MESSAGE_CHARACTERS = 256
CODE_CHARACTERS = 64
_CORRELATION = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LEAST_DBM = -200

_encode = msgspec.json.Encoder().encode


class AlteriomProfile:
    """See `Profile`. It remembers the gateway's own id, which every message of the gateway's bears."""

    def __init__(self, mesh: str = "", own_id: int | None = None) -> None:
        """`mesh`: what the mesh is called."""
        self._mesh = cut(mesh)
        self._own_id = own_id

    def nodes(self, picture: Picture, status: MeshStatus | None, now_s: float) -> bytes:
        """Every node (600)."""
        told = {} if status is None else {one.node: one for one in status.nodes}
        at_s = unix_s(status.at) if status is not None else None
        behind = {node for alert in picture.alerts.values() for node in alert.behind}
        return self._gateway(
            picture,
            now_s,
            words.NODE_LIST,
            nodes=[
                _item(node, told.get(node.id), at_s, node.id in behind)
                for node in listed(picture.nodes.values())
            ],
            node_count=len(picture.nodes),
            mesh_id=self._mesh_id,
        )

    def topology(self, picture: Picture, topology: TopologyView, now_s: float) -> bytes:
        """The tree (601)."""
        below = sorted(
            (node.depth, node.id, node.parent) for node in topology.nodes if node.parent is not None
        )
        connections = [
            {"from_node": str(parent), "to_node": str(node), "hop_count": max(1, depth)}
            for depth, node, parent in below[:NODES_SHOWN]
        ]
        return self._gateway(
            picture,
            now_s,
            words.TOPOLOGY,
            connections=connections,
            root_node=str(topology.own_id),
            total_connections=len(below),
        )

    def metrics(self, picture: Picture, status: MeshStatus, now_s: float) -> bytes:
        """The mesh in numbers (605)."""
        told = [one for one in status.nodes if one.online]
        delays = _told(told, "delay_ms", 0)
        losses = _told(told, "probe_loss_percent", 0, 100)
        signals = _told(told, "rssi_dbm", _LEAST_DBM, 0)
        online = [node for node in picture.nodes.values() if node.online]
        up_s = min((at for node in online if (at := unix_s(node.up_since_at)) is not None), default=now_s)
        metrics = {
            "uptime_s": max(0, round(now_s - up_s)),
            "total_nodes": len(picture.nodes),
            "active_nodes": len(online),
            "routing_table_size": len(online),
            "packet_loss_pct": round(fmean(losses), 1) if losses else None,
            "average_latency_ms": round(fmean(delays), 1) if delays else None,
            "max_latency_ms": max(delays, default=None),
            "min_latency_ms": min(delays, default=None),
            "average_rssi": round(fmean(signals), 1) if signals else None,
            "weakest_link_rssi": min(signals, default=None),
            "strongest_link_rssi": max(signals, default=None),
            "health_score": status.health.value,
        }
        return self._gateway(
            picture,
            now_s,
            words.MESH_METRICS,
            mesh_network_id=self._mesh_id,
            metrics=_told_only(metrics),
            summary=cut(status.summary, TEXT_CHARACTERS),
        )

    def alerts(self, picture: Picture, now_s: float) -> bytes:
        """What is firing (602)."""
        firing = worst_first(picture.alerts.values())
        return self._gateway(
            picture,
            now_s,
            words.ALERT,
            alerts=[_alert(alert) for alert in firing[:ALERTS_SHOWN]],
            alert_count=len(firing),
        )

    def node(self, node: NodeView, now_s: float) -> bytes:
        """Who it is, and where (104)."""
        return _device(
            node,
            now_s,
            words.DEVICE_INFO,
            hardware_version=cut(node.hardware) or None,
            capabilities={"supports_mesh": True, "firmware_update": not node.excluded},
            name=cut(node.name) or None,
            role=cut(node.role) or None,
            firmware_sha256=node.firmware[:64] or None,
            online=node.online,
            parent_node=None if node.parent is None else str(node.parent),
            hop_count=node.depth,
            children=[str(child) for child in node.children[:LIST_SHOWN]] or None,
            tags=cut_all(node.tags) or None,
            first_seen=node.first_seen_at,
            last_seen=node.last_seen_at,
        )

    def health(self, node: NodeView, status: NodeStatus, rules: list[str], now_s: float) -> bytes:
        """How it does (105)."""
        until_s = now_s if node.online else unix_s(node.last_seen_at) or 0.0
        booted_s = unix_s(status.boot_at) or unix_s(node.up_since_at) or until_s
        signal_dbm = within(reading(status, "rssi_dbm"), _LEAST_DBM, 0)
        metrics = {
            # Of a board that does not tell it: how long it is in the mesh. Of one that is away: as it left.
            "uptime_s": max(0, round(until_s - booted_s)),
            "free_memory_bytes": whole(reading(status, "heap_free_bytes"), 0),
            "signal_strength": signal_dbm,
            "rssi": signal_dbm,
            "cpu_usage_pct": within(reading(status, "cpu_percent"), 0, 100),
            "temperature_c": reading(status, "temperature_c"),
            "battery_level": whole(reading(status, "battery_percent"), 0, 100),
            "connected_devices": whole(reading(status, "links"), 0),
            "mesh_nodes": whole(reading(status, "nodes"), 0),
            "packet_loss_pct": within(reading(status, "probe_loss_percent"), 0, 100),
            "latency_ms": within(reading(status, "delay_ms"), 0),
            "restart_count": status.boots,
        }
        return _device(
            node,
            now_s,
            words.DEVICE_METRICS,
            metrics=_told_only(metrics),
            health_score=status.health.value,
            problem=bool(rules),
            alerts=cut_all(rules) or None,
            reasons=reasons(node, status) or None,
        )

    def availability(self, node: NodeView, now_s: float) -> bytes:
        """Whether it is in the mesh (103)."""
        return _device(node, now_s, words.DEVICE_STATUS, status="online" if node.online else "offline")

    def update(
        self, node: NodeView, offer: OfferView | None, progress: ProgressView | None, now_s: float
    ) -> bytes:
        """What it runs, and what it could (500)."""
        state = progress.state if progress is not None else node.update_state or ""
        installed = cut(offer.installed) if offer is not None else runs(node)
        return _device(
            node,
            now_s,
            words.FIRMWARE_STATUS,
            event="firmware_status",
            status=words.NODE_STATES.get(state, "idle"),
            from_version=installed or None,
            to_version=cut(offer.latest) or None if offer is not None else None,
            progress_pct=percent(progress),
            update_available=offer is not None and offer.available,
            title=cut(offer.title) or None if offer is not None else None,
            notes=cut(offer.notes, NOTES_CHARACTERS) or None if offer is not None else None,
            refusal=cut(offer.refusal, TEXT_CHARACTERS) or None if offer is not None else None,
            state=cut(state) or None,
            rollout=cut(progress.rollout if progress is not None else node.rollout or "") or None,
        )

    def bridge_state(self, *, online: bool, now_s: float) -> bytes:
        """Whether the gateway lives (304); `state` besides, as in profile "meshward"."""
        state = "online" if online else "offline"
        return self._gateway(None, now_s, words.GATEWAY_STATUS, status=state, state=state)

    def bridge_info(self, picture: Picture, told: Told, now_s: float) -> bytes:
        """Who publishes (305)."""
        return self._gateway(
            picture,
            now_s,
            words.GATEWAY_INFO,
            capabilities={"supports_mesh": True, "firmware_update": told.control},
            gateway=str(picture.own_id or 0),
            mesh=cut(mesh_name(told.mesh, picture.own_id)) or None,
            profile=told.profile,
            protocol=1,
            period_s=finite(told.period_s),
            signed=told.signed,
        )

    def bridge_health(
        self, picture: Picture, health: HealthView, sent: int, dropped: int, now_s: float
    ) -> bytes:
        """How the gateway does (306)."""
        return self._gateway(
            picture,
            now_s,
            words.GATEWAY_METRICS,
            metrics={
                "uptime_s": whole(health.uptime_s, 0) or 0,
                "connected_devices": len(health.neighbours),
                "mesh_nodes": max(0, health.nodes_online),
            },
            mesh_connected=health.mesh_connected,
            nodes_known=health.nodes_known,
            rollouts=health.rollouts_active,
            messages_sent=sent,
            events_dropped=dropped,
            alarms=cut_all(health.alarms, TEXT_CHARACTERS) or None,
        )

    def event(self, event: EventView, now_s: float) -> bytes:
        """What happened: the envelope alone, for their messages are states and not events."""
        return self._gateway(
            None,
            now_s,
            None,
            event=cut(event.kind),
            event_id=event.id,
            event_at=event.at,
            severity=cut(event.severity),
            message=cut(event.text, MESSAGE_CHARACTERS),
            node_id=None if event.node is None else str(event.node),
            rollout=None if event.rollout is None else cut(event.rollout),
        )

    def response(self, action: str, transaction: str, answer: Mapping[str, Any], now_s: float) -> bytes:
        """What came of a command (401)."""
        fits = _CORRELATION.fullmatch(transaction) is not None
        return self._gateway(
            None,
            now_s,
            words.COMMAND_RESPONSE,
            event="command_response",
            command=cut(action, CODE_CHARACTERS) or None,
            correlation_id=transaction if fits else None,
            transaction=None if fits else cut(transaction, 128) or None,
            success=answer.get("status") == "ok",
            result=plain(answer.get("data")),
            message=cut(str(answer.get("error") or ""), MESSAGE_CHARACTERS) or None,
            error_code=cut(str(answer.get("code") or ""), CODE_CHARACTERS) or None,
        )

    def rollout(self, rollout: Mapping[str, Any], now_s: float) -> bytes:
        """How an update goes (500)."""
        return self._gateway(
            None,
            now_s,
            words.FIRMWARE_STATUS,
            event="rollout_status",
            status=words.ROLLOUT_STATES.get(str(rollout.get("state")), "pending"),
            progress_pct=within(rollout.get("percent"), 0, 100),
            rollout=plain(rollout),
        )

    def updates(self, status: Mapping[str, Any], now_s: float) -> bytes:
        """All updates together (500)."""
        state = str(status.get("status"))
        shown = {key: plain(value) for key, value in status.items() if key not in {"status", "timestamp"}}
        return self._gateway(
            None,
            now_s,
            words.FIRMWARE_STATUS,
            event="ota_status",
            status=words.PROPOSED_STATES.get(state, "pending"),
            progress_pct=within(status.get("progress"), 0, 100),
            state=cut(state),
            **shown,
        )

    def text(self, node: int, text: Mapping[str, Any], now_s: float) -> bytes:
        """A text of a node: the envelope, for what is in it is theirs."""
        return _message(str(node), "sensor", UNKNOWN, now_s, None, {"event": "text", **text})

    @property
    def _mesh_id(self) -> str:
        return mesh_name(self._mesh, self._own_id) or UNKNOWN

    def _gateway(self, picture: Picture | None, now_s: float, code: int | None, **more: Any) -> bytes:
        """A message of the gateway's own."""
        if picture is not None and picture.own_id is not None:
            self._own_id = picture.own_id
        device = "meshward" if self._own_id is None else f"meshward-{self._own_id}"
        return _message(device, "gateway", __version__, now_s, code, more)


def _device(node: NodeView, now_s: float, code: int, **more: Any) -> bytes:
    """A message about a node."""
    kind = node.role if node.role in words.ROLES else "sensor"
    return _message(str(node.id), kind, runs(node) or UNKNOWN, now_s, code, more)


def _message(
    device: str, kind: str, version: str, now_s: float, code: int | None, more: Mapping[str, Any]
) -> bytes:
    envelope = {
        "schema_version": 1,
        "message_type": code,
        "device_id": device,
        "device_type": kind,
        "timestamp": iso(now_s),
        "firmware_version": version,
    }
    return _encode(_told_only(envelope | dict(more)))


def _told_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known."""
    return {name: value for name, value in values.items() if value is not None}


def _item(node: NodeView, status: NodeStatus | None, at_s: float | None, behind: bool) -> dict[str, Any]:
    if node.online:
        heard_s = None if status is None or status.silent_s is None else finite(status.silent_s)
        seen = None if at_s is None or heard_s is None else iso(max(0.0, at_s - max(0.0, heard_s)))
    else:
        seen = node.last_seen_at
    away = "unreachable" if behind else "offline"
    return _told_only(
        {
            "node_id": str(node.id),
            "status": "online" if node.online else away,
            "last_seen": seen,
            "signal_strength": whole(reading(status, "rssi_dbm"), _LEAST_DBM, 0),
            "name": cut(node.name) or None,
            "firmware_version": runs(node) or None,
        }
    )


def _alert(alert: AlertView) -> dict[str, Any]:
    by_metric = words.METRIC_TYPES.get(alert.labels.get("metric", ""), "other")
    return _told_only(
        {
            "alert_type": words.ALERT_TYPES.get(alert.rule, by_metric),
            "severity": alert.severity,
            "message": cut(alert.text, TEXT_CHARACTERS),
            "node_id": None if alert.node is None else str(alert.node),
            "metric_value": finite(alert.value),
            "threshold": finite(alert.threshold),
            "alert_id": cut(alert.id),
            "rule": cut(alert.rule),
            "since": alert.since_at,
            "quiet": cut(alert.quiet) or None,
            "behind": [str(node) for node in alert.behind[:BEHIND_SHOWN]] or None,
        }
    )


def _told(nodes: Iterable[NodeStatus], metric: str, low: float, high: float = float("inf")) -> list[float]:
    values = (within(reading(one, metric), low, high) for one in nodes)
    return [value for value in values if value is not None]
