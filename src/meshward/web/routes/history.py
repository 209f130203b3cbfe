"""Events and the audit log."""

from __future__ import annotations

from litestar import get

from meshward.gateway.views import AuditCheck, AuditView, EventView, Page
from meshward.web.context import Context, Limit, OptionalNode, OptionalText, RowCursor
from meshward.web.problems import refusal_of_field


@get("/events", summary="List events")
async def list_events(
    web: Context,
    node: OptionalNode = None,
    rollout: OptionalText = None,
    kind: OptionalText = None,
    severity: OptionalText = None,
    limit: Limit = 100,
    cursor: RowCursor = None,
    after: RowCursor = None,
) -> Page[EventView]:
    """Newest first; with `after`, what came since the event of that id, oldest first."""
    if cursor is not None and after is not None:
        raise refusal_of_field("after", "it goes without `cursor`")
    return await web.service.events(
        node=node, rollout=rollout, kind=kind, severity=severity, limit=limit, before=cursor, after=after
    )


@get("/audit", summary="List the audit log")
async def list_audit(web: Context, limit: Limit = 100, cursor: RowCursor = None) -> Page[AuditView]:
    """Who changed what, newest first."""
    return await web.service.audit(limit=limit, before=cursor)


@get("/audit/verify", summary="Check the audit log")
async def verify_audit(web: Context) -> AuditCheck:
    """Whether every entry still holds the hash of the one before."""
    return await web.service.verify_audit()


HANDLERS = (list_events, list_audit, verify_audit)
