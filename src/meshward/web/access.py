"""Who may do what: every route of the API, once.

The gate looks here before any handler runs, and the application cannot be made while a route is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshward.gateway.views import ROLES, Role

WEBSOCKET = "WEBSOCKET"
"""Stands for the method of a WebSocket route."""

_V1 = "/api/v1"

SITE = frozenset({"/", "/ui/{path}"})
"""The dashboard's files. A page has dozens of them, so they count for no limit, and nobody is looked up."""

METRICS = "/metrics"
"""For Prometheus."""

ACCESS: Mapping[tuple[str, str], Role | None] = {
    # Anybody: says no more than that the gateway lives, or is the way to show a token.
    ("GET", f"{_V1}/health"): None,
    ("GET", f"{_V1}/ready"): None,
    ("POST", f"{_V1}/session"): None,
    ("GET", f"{_V1}/openapi.json"): None,
    ("GET", "/api/docs"): None,
    ("GET", "/api/docs/{name}"): None,
    ("GET", "/"): None,
    ("HEAD", "/"): None,
    ("GET", "/ui/{path}"): None,
    ("HEAD", "/ui/{path}"): None,
    # Viewers see the fleet.
    ("GET", METRICS): "viewer",
    ("HEAD", METRICS): "viewer",
    ("GET", f"{_V1}/session"): "viewer",
    ("DELETE", f"{_V1}/session"): "viewer",
    ("POST", f"{_V1}/session/links"): "viewer",
    ("GET", f"{_V1}/about"): "viewer",
    ("GET", f"{_V1}/nodes"): "viewer",
    ("GET", f"{_V1}/nodes/{{node_id}}"): "viewer",
    ("GET", f"{_V1}/nodes/{{node_id}}/status"): "viewer",
    ("GET", f"{_V1}/nodes/{{node_id}}/history"): "viewer",
    ("GET", f"{_V1}/nodes/{{node_id}}/packages"): "viewer",
    ("GET", f"{_V1}/topology"): "viewer",
    ("GET", f"{_V1}/offers"): "viewer",
    ("GET", f"{_V1}/bridges"): "viewer",
    ("GET", f"{_V1}/status"): "viewer",
    ("GET", f"{_V1}/numbers"): "viewer",
    ("GET", f"{_V1}/moves"): "viewer",
    ("GET", f"{_V1}/availability"): "viewer",
    ("GET", f"{_V1}/mesh-history"): "viewer",
    ("GET", f"{_V1}/metric-catalogue"): "viewer",
    ("GET", f"{_V1}/alerts"): "viewer",
    ("GET", f"{_V1}/alerts/{{alert_id}}"): "viewer",
    ("GET", f"{_V1}/silences"): "viewer",
    ("GET", f"{_V1}/alert-rules"): "viewer",
    ("GET", f"{_V1}/firmware"): "viewer",
    ("GET", f"{_V1}/firmware/{{sha256}}"): "viewer",
    ("GET", f"{_V1}/rollouts"): "viewer",
    ("GET", f"{_V1}/rollouts/{{rollout_id}}"): "viewer",
    ("GET", f"{_V1}/updates"): "viewer",
    ("GET", f"{_V1}/updates/{{update_id}}"): "viewer",
    ("GET", f"{_V1}/attempts"): "viewer",
    ("GET", f"{_V1}/events"): "viewer",
    ("GET", f"{_V1}/dashboard"): "viewer",
    (WEBSOCKET, f"{_V1}/stream"): "viewer",
    # Operators change it, and see who changed what.
    ("PATCH", f"{_V1}/nodes/{{node_id}}"): "operator",
    ("POST", f"{_V1}/nodes/{{node_id}}/ping"): "operator",
    ("POST", f"{_V1}/nodes/{{node_id}}/update"): "operator",
    ("POST", f"{_V1}/nodes/{{node_id}}/message"): "operator",
    ("POST", f"{_V1}/queries"): "operator",
    ("POST", f"{_V1}/alerts/{{alert_id}}/ack"): "operator",
    ("POST", f"{_V1}/alerts/{{alert_id}}/unack"): "operator",
    ("POST", f"{_V1}/silences"): "operator",
    ("DELETE", f"{_V1}/silences/{{silence_id}}"): "operator",
    ("POST", f"{_V1}/alert-tests"): "operator",
    ("POST", f"{_V1}/alert-rules/try"): "operator",
    ("POST", f"{_V1}/firmware"): "operator",
    ("POST", f"{_V1}/firmware/check"): "operator",
    ("PATCH", f"{_V1}/firmware/{{sha256}}"): "operator",
    ("POST", f"{_V1}/rollouts"): "operator",
    ("POST", f"{_V1}/rollouts/plan"): "operator",
    ("POST", f"{_V1}/rollouts/{{rollout_id}}/{{action}}"): "operator",
    ("POST", f"{_V1}/updates"): "operator",
    ("PATCH", f"{_V1}/dashboard"): "operator",
    ("GET", f"{_V1}/audit"): "operator",
    ("GET", f"{_V1}/audit/verify"): "operator",
    ("GET", f"{_V1}/settings"): "operator",
    ("GET", f"{_V1}/receivers"): "operator",
    # Admins change the gateway itself, and delete.
    ("DELETE", f"{_V1}/nodes/{{node_id}}"): "admin",
    ("DELETE", f"{_V1}/firmware/{{sha256}}"): "admin",
    ("PATCH", f"{_V1}/alert-rules/{{rule_name}}"): "admin",
    ("DELETE", f"{_V1}/alert-rules/{{rule_name}}"): "admin",
    ("PATCH", f"{_V1}/settings"): "admin",
    ("GET", f"{_V1}/backup"): "admin",
    ("GET", f"{_V1}/tokens"): "admin",
    ("POST", f"{_V1}/tokens"): "admin",
    ("DELETE", f"{_V1}/tokens/{{token_id}}"): "admin",
}


def access_of(*, metrics_token: bool) -> Mapping[tuple[str, str], Role | None]:
    """The table; with /metrics for anybody where it needs no token."""
    return ACCESS if metrics_token else {**ACCESS, ("GET", METRICS): None, ("HEAD", METRICS): None}


def may(role: Role, needed: Role) -> bool:
    """Whether a role covers the needed one."""
    return ROLES.index(role) >= ROLES.index(needed)
