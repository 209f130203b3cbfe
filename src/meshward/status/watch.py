"""Runs the detectors of all nodes, and notes in the facts what they found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshward.status.anomaly.detector import NodeDetector
from meshward.status.anomaly.peers import outliers
from meshward.status.facts import Anomaly, Leak, NodeFacts, Outlier
from meshward.status.metrics import METRICS

PEERS_US = 60_000_000
"""How often nodes are compared with their peers."""
LEAKS_US = 300_000_000
"""How often a node's heap is looked at: its hours change no faster."""


class Watch:
    """One detector for each node that told something."""

    def __init__(self) -> None:
        self._detectors: dict[int, NodeDetector] = {}
        self._leaks: dict[int, tuple[int, Leak | None]] = {}
        self._outliers: dict[int, tuple[Outlier, ...]] = {}
        self._told: dict[int, frozenset[str]] = {}
        self._peers_due_us = 0

    def on_values(self, node: int, values: Mapping[str, float], measured_us: int, wall_s: float) -> None:
        """Something was measured at a node that the fleet state knows, which bounds how many there are."""
        detector = self._detectors.get(node)
        if detector is None:
            detector = self._detectors[node] = NodeDetector()
        detector.on_values(values, measured_us, wall_s)

    def restarted(self, node: int, now_us: int) -> None:
        """A node restarted: it has to be learnt anew."""
        if node in self._detectors:
            self._detectors[node].on_restart(now_us)
            self._leaks.pop(node, None)

    def updated(self, node: int, now_us: int) -> None:
        """A node runs other firmware."""
        if node in self._detectors:
            self._detectors[node].on_update(now_us)
            self._leaks.pop(node, None)

    def look(self, facts: Mapping[int, NodeFacts], now_us: int) -> list[tuple[int, str]]:
        """Put findings into the facts; returns anomalies that are new, in words, for the event log."""
        if now_us >= self._peers_due_us:
            self._peers_due_us = now_us + PEERS_US
            self._outliers = outliers(facts.values())
        news: list[tuple[int, str]] = []
        for node, one in facts.items():
            one.outliers = self._outliers.get(node, ())
            detector = self._detectors.get(node)
            if detector is None or not one.online:
                continue
            one.anomalies = detector.anomalies(now_us)
            one.leak = self._leak(node, detector, now_us)
            news += [(node, text) for text in self._news(node, one.anomalies)]
        return news

    def forget(self, node: int) -> None:
        """A node is no longer known."""
        self._detectors.pop(node, None)
        self._leaks.pop(node, None)
        self._outliers.pop(node, None)
        self._told.pop(node, None)

    def nodes(self) -> list[int]:
        """Nodes of which something was learnt."""
        return list(self._detectors)

    def snapshots(self, nodes: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What was learnt of these, as plain values; some ms for each."""
        return {node: self._detectors[node].snapshot() for node in nodes if node in self._detectors}

    def restore(self, node: int, saved: dict[str, Any], now_us: int, wall_s: float) -> None:
        """Take up what was learnt before."""
        self._detectors[node] = detector = NodeDetector()
        detector.restore(saved, now_us, wall_s)

    def _leak(self, node: int, detector: NodeDetector, now_us: int) -> Leak | None:
        due_us, leak = self._leaks.get(node, (0, None))
        if now_us >= due_us:
            leak = detector.leak(now_us)
            self._leaks[node] = (now_us + LEAKS_US, leak)
        return leak

    def _news(self, node: int, anomalies: tuple[Anomaly, ...]) -> list[str]:
        if not anomalies and node not in self._told:
            return []
        before = self._told.get(node, frozenset())
        self._told[node] = frozenset(anomaly.metric for anomaly in anomalies)
        return [in_words(anomaly) for anomaly in anomalies if anomaly.metric not in before]


def in_words(anomaly: Anomaly) -> str:
    """As "temperature of its chip: 71 °C, usually 43"."""
    metric = METRICS[anomaly.metric]
    value = f"{anomaly.value:.4g} {metric.unit}".rstrip()
    return f"{metric.words}: {value}, usually {anomaly.usual:.4g}"
