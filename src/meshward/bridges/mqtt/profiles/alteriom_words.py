"""Alteriom's closed lists of words, and which of ours is which."""

from __future__ import annotations

from collections.abc import Mapping

DEVICE_INFO, DEVICE_STATUS, DEVICE_METRICS = 104, 103, 105
GATEWAY_STATUS, GATEWAY_INFO, GATEWAY_METRICS = 304, 305, 306
COMMAND_RESPONSE = 401
FIRMWARE_STATUS = 500
NODE_LIST, TOPOLOGY, ALERT, MESH_METRICS = 600, 601, 602, 605
"""Codes of messages."""

ALERT_TYPES: Mapping[str, str] = {
    "gateway_cut_off": "connection_lost",
    "mesh_split": "connection_lost",
    "silent_node": "node_offline",
    "weak_link": "packet_loss",
    "low_heap": "low_memory",
    "leak": "low_memory",
    "moving": "connection_lost",
    "firmware_mismatch": "firmware_mismatch",
    "update_failed": "firmware_mismatch",
    "gateway_clock": "configuration_error",
    "strange_packages": "security_warning",
}
"""By our rule. The others are "other": what they are stands in `rule`."""

METRIC_TYPES: Mapping[str, str] = {
    "delay_ms": "high_latency",
    "latency_ms": "high_latency",
    "jitter_ms": "high_latency",
    "probe_loss_percent": "packet_loss",
    "loss_percent": "packet_loss",
    "heap_free_bytes": "low_memory",
    "heap_min_bytes": "low_memory",
    "heap_block_bytes": "low_memory",
}
"""By the metric that an alert names, for rules of one's own."""

NODE_STATES: Mapping[str, str] = {
    "pending": "pending",
    "scheduled": "scheduled",
    "downloading": "downloading",
    "paused": "download_paused",
    "verifying": "verifying",
    "rebooting": "rebooting",
    "completed": "completed",
    "already_installed": "completed",
    "not_targeted": "idle",
    "unreachable": "failed",
    "failed": "failed",
    "lost": "failed",
    "cancelled": "cancelled",
    "rolling_back": "rollback_pending",
    "rolled_back": "rolled_back",
}
"""States of nodes in an update; none is idle."""

ROLLOUT_STATES: Mapping[str, str] = {
    "awaiting_approval": "pending",
    "scheduled": "scheduled",
    "surveying": "pending",
    "updating": "downloading",
    "soaking": "verifying",
    "proving": "verifying",
    "awaiting_go": "pending",
    "waiting": "scheduled",
    "paused": "download_paused",
    "rolling_back": "rollback_pending",
    "completed": "completed",
    "aborted": "cancelled",
    "rolled_back": "rolled_back",
    "failed": "failed",
}
"""States of rollouts."""

PROPOSED_STATES: Mapping[str, str] = {
    "idle": "idle",
    "pending": "pending",
    "in_progress": "downloading",
    "paused": "download_paused",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "rolled_back": "rolled_back",
}
"""States of all updates together, as `PREFIX/ota/status` has them."""

ROLES = frozenset({"sensor", "gateway", "bridge", "hybrid"})
"""What devices can be; any other is a sensor."""
