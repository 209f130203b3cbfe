"""The rules that are there by themselves.

Numbers are chosen so that a mesh without a fault stays quiet for weeks: every rule waits until chance is
ruled out (`for_s`), and lets go of an alert later than it took it up (`clear`, `keep_firing_s`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshward.status.alerts.rule import (
    CUT_OFF,
    MOVING,
    SILENT,
    SPLIT,
    TOO_MANY,
    UPDATE_FAILED,
    Direction,
    Rule,
)
from meshward.status.metrics import METRICS

MINUTE_S = 60.0


def _about_metric(name: str, about: str, metric: str, direction: Direction, **rest: Any) -> Rule:
    unit = METRICS[metric].unit
    return Rule(name, about, metric=metric, direction=direction, unit=unit, **({"kind": "threshold"} | rest))


_ALL = (
    Rule(
        CUT_OFF,
        "The gateway has no neighbour, so it sees nothing of the mesh; this explains everything else.",
        "gateway_cut_off",
        "critical",
        for_s=MINUTE_S,
        keep_firing_s=30,
    ),
    Rule(
        SPLIT,
        "Three nodes or more are out of reach behind one break. One alert for the break.",
        "topology",
        "critical",
        threshold=3,
        unit="nodes",
        keep_firing_s=MINUTE_S,
    ),
    Rule(
        SILENT,
        "A node is out of the mesh for a minute, or for less when it was silent before.",
        "topology",
        threshold=60,
        unit="s",
        # A board that is updated restarts, checks itself and joins anew: minutes, on bad links.
        params={"updating": 5 * MINUTE_S},
        keep_firing_s=MINUTE_S,
    ),
    _about_metric(
        "weak_link",
        "A node hears its parent badly; or, where it tells no signal, too many probes get no answer.",
        "rssi_dbm",
        "below",
        kind="weak_link",
        threshold=-85,
        clear=-80,
        params={"loss": 30, "loss_clear": 10},
        for_s=5 * MINUTE_S,
        keep_firing_s=5 * MINUTE_S,
    ),
    _about_metric(
        "low_heap",
        "A node is about to run out of memory. The usual limit depends on its hardware.",
        "heap_free_bytes",
        "below",
        kind="low_heap",
        # Boards crash at some 4 KB. An ESP32 needs more for TLS and Wi-Fi, and has ten times as much usually.
        params={"esp8266": 6144, "esp8266_clear": 8192, "esp32": 20480, "esp32_clear": 25600},
        for_s=2 * MINUTE_S,
        keep_firing_s=5 * MINUTE_S,
    ),
    Rule(
        "leak",
        "The memory of a node runs out within days, reckoned from how it fell since its boot.",
        "leak",
        metric="heap_free_bytes",
        direction="below",
        threshold=72,
        unit="h",
        params={"critical": 24},
        for_s=10 * MINUTE_S,
        keep_firing_s=30 * MINUTE_S,
    ),
    Rule(
        "reboot_loop",
        "A node restarts again and again; or, where it tells of no restart, falls out of the mesh so often.",
        "reboot_loop",
        "critical",
        threshold=3,
        unit="restarts",
        params={"within": 30 * MINUTE_S, "rejoins_per_h": 5},
    ),
    Rule(
        MOVING,
        "A node changes its parent again and again; one alert for the mesh when a third of all nodes do so.",
        "moving",
        threshold=5,
        unit="moves",
        params={"within": 30 * MINUTE_S, "mesh_share": 1 / 3, "mesh_within": 10 * MINUTE_S},
        # What follows from a break is explained by it, and that takes a minute to be sure of.
        for_s=2 * MINUTE_S,
        keep_firing_s=5 * MINUTE_S,
    ),
    Rule(
        "firmware_mismatch",
        "A node says that it runs other firmware than it was proven to run.",
        "firmware_mismatch",
        for_s=5 * MINUTE_S,
    ),
    Rule(UPDATE_FAILED, "A rollout stopped by itself, or left nodes behind.", "update_failed"),
    _about_metric(
        "node_clock",
        "A node's mesh time is off ours, on either side.",
        "clock_offset_ms",
        "above",
        kind="node_clock",
        threshold=1000,
        clear=500,
        for_s=10 * MINUTE_S,
        keep_firing_s=5 * MINUTE_S,
    ),
    Rule(
        "gateway_clock",
        "The gateway's own clock is not set, so the times of all it keeps are wrong.",
        "gateway_clock",
        # A board without a clock of its own asks for the time after it started.
        for_s=5 * MINUTE_S,
    ),
    Rule(
        "unwell",
        "A node is unlike itself in several ways at once. A single metric is only marked in its chart.",
        "unwell",
        threshold=3,
        unit="ways",
        for_s=5 * MINUTE_S,
        keep_firing_s=10 * MINUTE_S,
    ),
    Rule(
        "outlier",
        "A node is unlike all others of its hardware and firmware.",
        "outlier",
        "info",
        for_s=30 * MINUTE_S,
        keep_firing_s=30 * MINUTE_S,
    ),
    Rule(
        "strange_packages",
        "A node floods the mesh or sends what cannot be, or packages name senders that are not there.",
        "strange_packages",
        threshold=120,
        unit="packages a minute",
        params={"refused": 10, "unknown": 10},
        for_s=MINUTE_S,
        keep_firing_s=10 * MINUTE_S,
    ),
    _about_metric(
        "hot",
        "The chip of a node is too hot.",
        "temperature_c",
        "above",
        threshold=80,
        clear=72,
        for_s=10 * MINUTE_S,
        keep_firing_s=5 * MINUTE_S,
    ),
    _about_metric(
        "battery",
        "The battery of a node is nearly empty.",
        "battery_percent",
        "below",
        threshold=15,
        clear=25,
        for_s=10 * MINUTE_S,
        keep_firing_s=10 * MINUTE_S,
    ),
    Rule(TOO_MANY, "There are more alerts than are kept; this one stands for the rest.", "too_many_alerts"),
)

DEFAULTS: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}
"""Ours, before anything is changed."""
