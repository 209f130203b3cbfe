"""The routes, one file for each thing they are about; they check forms, and `gateway.service` decides."""

from __future__ import annotations

from typing import Any

from meshward.web.routes import (
    about,
    alerts,
    dashboard,
    firmware,
    gateway,
    health,
    history,
    nodes,
    past,
    rollouts,
    session,
    tokens,
    updates,
)

HANDLERS: tuple[Any, ...] = (
    *nodes.HANDLERS,
    *health.HANDLERS,
    *past.HANDLERS,
    *alerts.HANDLERS,
    *firmware.HANDLERS,
    *rollouts.HANDLERS,
    *updates.HANDLERS,
    *history.HANDLERS,
    *tokens.HANDLERS,
    *session.HANDLERS,
    *gateway.HANDLERS,
    *about.HANDLERS,
    *dashboard.HANDLERS,
)
