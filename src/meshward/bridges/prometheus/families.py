"""From what one scrape shows to metric families, each with its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meshward.bridges.prometheus.scene import Scene
from meshward.bridges.prometheus.table import EXPORTED, PREFIX
from meshward.bridges.values import UPDATING, fresh, unix_s
from meshward.gateway.health_views import MetricView, NodeStatus
from meshward.gateway.views import NodeView
from meshward.rollout.states import RolloutState
from meshward.text import printable

GONE_S = 24 * 3600.0
"""Of a node that is away for longer only who it is, and that it is away, is told: the rest is of no use."""
LABEL_CHARACTERS = 100
FIRMWARE_CHARACTERS = 12
_SEVERITIES = ("info", "warning", "critical")
_ALERT_STATES = ("pending", "firing")
_DECIMALS = 9
"""Kept when a unit is changed: 57 % is 0.57, not 0.5700000000000001."""


def families(scene: Scene, catalogue: Mapping[str, MetricView]) -> Iterator[Metric]:
    """Everything. `catalogue`: the metrics of nodes by name, for what they mean."""
    yield from _identities(scene)
    yield from _presence(scene)
    yield from _readings(scene, catalogue)
    yield from _updates(scene)
    yield from _mesh(scene)
    yield from _rollouts(scene)
    yield from _gateway(scene)


# -- nodes -----------------------------------------------------------------------------------


def _identities(scene: Scene) -> Iterator[Metric]:
    info = _gauge(
        "node_info",
        "What a node is; always 1.",
        ("node", "name", "hardware", "role", "version", "firmware"),
    )
    parents = _gauge("node_parent_info", "Whom a node hangs below; always 1.", ("node", "parent"))
    for node in scene.nodes.values():
        told = (node.name, node.hardware, node.role, node.version, node.firmware[:FIRMWARE_CHARACTERS])
        info.add_metric([str(node.id), *map(_label, told)], 1)
        parent = node.parent if node.parent is not None else scene.own_id
        if node.online and parent is not None:
            parents.add_metric([str(node.id), str(parent)], 1)
    yield from (info, parents)


def _presence(scene: Scene) -> Iterator[Metric]:
    up = _gauge("node_up", "Whether a node is in the mesh.", ("node",))
    seen = _gauge("node_last_seen_timestamp_seconds", "When a node was last in the mesh.", ("node",))
    depth = _gauge("node_depth", "Hops from the gateway to a node.", ("node",))
    alerts = _gauge("node_alerts", "Alerts of a node that are firing.", ("node",))
    for node in scene.nodes.values():
        label = [str(node.id)]
        up.add_metric(label, float(node.online))
        last_s = scene.now_s if node.online else unix_s(node.last_seen_at)
        if last_s is not None:
            seen.add_metric(label, round(last_s))
        if node.online and node.depth is not None:
            depth.add_metric(label, node.depth)
        if not _is_gone(node, scene.now_s):
            alerts.add_metric(label, node.alerts)
    yield from (up, seen, depth, alerts)


def _readings(scene: Scene, catalogue: Mapping[str, MetricView]) -> Iterator[Metric]:
    score = _gauge("node_health_score", "Health of a node, from 0 to 100.", ("node",))
    booted = _gauge("node_boot_time_seconds", "When a node booted, in Unix seconds.", ("node",))
    boots = _counter("node_boots", "Restarts of a node that the gateway noticed.", ("node",))
    told: dict[str, Metric] = {}
    for status in _not_gone(scene):
        label = [str(status.node)]
        score.add_metric(label, status.health.value)
        boots.add_metric(label, status.boots)
        boot_s = unix_s(status.boot_at)
        if status.online and boot_s is not None:
            booted.add_metric(label, round(boot_s))
        if status.online:
            _add_metrics(told, label, status, catalogue)
    yield from (score, booted, boots, *told.values())


def _add_metrics(
    told: dict[str, Metric], label: Sequence[str], status: NodeStatus, catalogue: Mapping[str, MetricView]
) -> None:
    for name, reading in status.metrics.items():
        exported = EXPORTED.get(name)
        # One that is old is left out: a flat line would say that nothing changes.
        if exported is None or not fresh(reading):
            continue
        family = told.get(name)
        if family is None:
            make = _counter if exported.counter else _gauge
            words = catalogue[name].words if name in catalogue else name
            family = told[name] = make(f"node_{exported.name}", _sentence(words), ("node",))
        value = reading.value
        if exported.factor != 1.0:
            value = round(value * exported.factor, _DECIMALS)
        family.add_metric(label, value)  # type: ignore[attr-defined]  # both kinds have it, their base has not


def _updates(scene: Scene) -> Iterator[Metric]:
    available = _gauge(
        "node_update_available", "Whether other firmware is meant for a node than it runs.", ("node",)
    )
    for node_id, offer in scene.offers.items():
        available.add_metric([str(node_id)], float(offer.available))
    ratio = _gauge(
        "ota_update_progress_ratio",
        "How much of its firmware a node has, from 0 to 1, while it is updated.",
        ("node",),
    )
    shares = {
        one.node: one.parts_done / one.parts
        for one in scene.progress
        if one.parts > 0 and one.state in UPDATING
    }
    for node_id, share in shares.items():
        ratio.add_metric([str(node_id)], round(min(share, 1.0), 4))
    yield from (available, ratio)


# -- the mesh --------------------------------------------------------------------------------


def _mesh(scene: Scene) -> Iterator[Metric]:
    online = sum(node.online for node in scene.nodes.values())
    nodes = _gauge("nodes", "Nodes that are known.", ("state",))
    nodes.add_metric(["online"], online)
    nodes.add_metric(["offline"], len(scene.nodes) - online)
    yield nodes
    yield _single("mesh_health_score", "Health of the mesh, from 0 to 100.", scene.status.health.value)
    yield _single(
        "mesh_connected", "Whether the gateway has a neighbour.", float(scene.health.mesh_connected)
    )
    alerts = _gauge("alerts", "Alerts that are open.", ("severity", "state"))
    found = Counter((str(alert.severity), str(alert.state)) for alert in scene.alerts)
    for severity in _SEVERITIES:
        for state in _ALERT_STATES:
            alerts.add_metric([severity, state], found[severity, state])
    yield alerts


def _rollouts(scene: Scene) -> Iterator[Metric]:
    states = _gauge("ota_rollouts", "Rollouts under way, and the latest that are over.", ("state",))
    found = Counter(rollout.state for rollout in scene.rollouts)
    for state in RolloutState:
        states.add_metric([str(state)], found[state])
    info = _gauge("ota_rollout_info", "What a rollout is; always 1.", ("rollout", "name", "state"))
    ended = _gauge(
        "ota_rollout_ended_timestamp_seconds", "When a rollout was over, in Unix seconds.", ("rollout",)
    )
    nodes = _gauge("ota_rollout_nodes", "Nodes of a rollout.", ("rollout", "state"))
    for rollout in scene.rollouts:
        info.add_metric([rollout.id, _label(rollout.name), rollout.state], 1)
        ended_s = unix_s(rollout.ended_at)
        if ended_s is not None:
            ended.add_metric([rollout.id], round(ended_s))
        for name, count in rollout.counts.items():
            nodes.add_metric([rollout.id, name], count)
    yield from (states, info, ended, nodes)


# -- the gateway -----------------------------------------------------------------------------


def _gateway(scene: Scene) -> Iterator[Metric]:
    health = scene.health
    info = _gauge("gateway_info", "What the gateway is; always 1.", ("version", "own_id", "mesh"))
    info.add_metric([health.version, str(scene.own_id or ""), _label(scene.mesh)], 1)
    yield info
    yield _single("gateway_start_time_seconds", "When the gateway started, in Unix seconds.", scene.started_s)
    yield _single(
        "gateway_store_writable", "Whether its database takes writes.", float(health.store_writable)
    )
    yield _single("gateway_alarms", "What is wrong with the gateway itself.", len(health.alarms))
    which = ("bridge", "kind")
    up = _gauge("bridge_up", "Whether a bridge works.", which)
    waiting = _gauge("bridge_waiting", "What waits until the other side takes it.", which)
    sent = _counter("bridge_sent", "What the other side took.", which)
    dropped = _counter("bridge_dropped", "What was left out for want of room.", which)
    for bridge in scene.bridges:
        labels = [_label(bridge.name), bridge.kind]
        up.add_metric(labels, float(bridge.state == "up"))
        waiting.add_metric(labels, bridge.waiting)
        sent.add_metric(labels, bridge.sent)
        dropped.add_metric(labels, bridge.dropped)
    yield from (up, waiting, sent, dropped)


# -- helpers ---------------------------------------------------------------------------------


def _gauge(name: str, words: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", words, labels=labels)


def _counter(name: str, words: str, labels: Sequence[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", words, labels=labels)


def _single(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", words, value=value)


def _not_gone(scene: Scene) -> Iterator[NodeStatus]:
    for status in scene.status.nodes:
        node = scene.nodes.get(status.node)
        if node is not None and not _is_gone(node, scene.now_s):
            yield status


def _is_gone(node: NodeView, now_s: float) -> bool:
    seen_s = unix_s(node.last_seen_at)
    return not node.online and (seen_s is None or now_s - seen_s > GONE_S)


@lru_cache(maxsize=8192)
def _label(text: str) -> str:
    """A text of a person's or a board's; the same ones come at every scrape."""
    return printable(text, LABEL_CHARACTERS)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
