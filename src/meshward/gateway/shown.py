"""From what is stored, and from the engine's documents, to the values that the gateway shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from meshward.gateway.views import (
    AttemptView,
    AuditView,
    EventView,
    FirmwareView,
    NodeEntryView,
    RolloutSummary,
    RolloutView,
    TokenView,
    UpdateView,
)
from meshward.ota.record import NodeRecord
from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc, RunDoc
from meshward.rollout.rollout import Rollout
from meshward.store.audit import AuditRow
from meshward.store.events import StoredEvent
from meshward.store.firmware import FirmwareRow
from meshward.store.rollouts import AttemptRow
from meshward.store.tokens import TokenRow

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Live:
    """A node in a run that is under way."""

    record: NodeRecord
    parts_done: int


def iso(at_s: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, with milliseconds."""
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at_s: float) -> str:
    """As `iso`, for a time that is known."""
    return iso(at_s) or ""


def firmware_view(row: FirmwareRow) -> FirmwareView:
    """A firmware of the library."""
    return FirmwareView(
        sha256=row.sha256,
        md5=row.md5,
        name=row.name,
        size_bytes=row.size_bytes,
        what=row.what,
        hardware=row.hardware,
        chip=row.chip,
        project=row.project,
        version=row.version,
        intact=row.intact,
        signature=row.signature,
        notes=row.notes,
        added_at=moment(row.added_at_s),
        added_by=row.added_by,
        running=row.running,
        inspection=row.inspection,
    )


def event_view(event: StoredEvent) -> EventView:
    """An event."""
    return EventView(
        id=event.id,
        at=moment(event.at_s),
        kind=event.kind,
        severity=event.severity,
        text=event.text,
        node=event.node,
        rollout=event.rollout,
    )


def audit_view(row: AuditRow) -> AuditView:
    """An entry of the audit log."""
    return AuditView(
        id=row.id,
        at=moment(row.at_s),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        hash=row.hash,
    )


def token_view(row: TokenRow) -> TokenView:
    """A token without its secret."""
    return TokenView(
        id=row.id,
        name=row.name,
        role=row.role,
        created_at=moment(row.created_s),
        created_by=row.created_by,
        expires_at=iso(row.expires_s),
        last_used_at=iso(row.last_used_s),
        revoked_at=iso(row.revoked_s),
    )


def attempt_view(row: AttemptRow) -> AttemptView:
    """What came of a node in a run."""
    return AttemptView(
        node=row.node,
        update=row.run,
        rollout=row.rollout,
        kind=row.kind,
        firmware=row.firmware,
        state=row.state,
        reason=row.reason,
        started_at=iso(row.started_s),
        ended_at=iso(row.ended_s),
        attempts=row.attempts,
        repaired_parts=row.repaired_parts,
    )


def update_view(doc: RunDoc, attempts: Iterable[AttemptRow] = ()) -> UpdateView:
    """A run, with its nodes where they are given."""
    return UpdateView(
        id=doc.id,
        rollout=doc.rollout,
        kind=doc.kind.value,
        firmware=doc.image,
        hardware=doc.hardware,
        role=doc.role,
        open=doc.open,
        strategy=doc.strategy,
        started_at=moment(doc.started_s),
        ended_at=iso(doc.ended_s),
        counts=dict(Counter(str(record["state"]) for record in doc.records)),
        sent_bytes=doc.sent_bytes,
        all_links_bytes=doc.all_links_bytes,
        nodes=[attempt_view(row) for row in attempts],
    )


def rollout_summary(doc: RolloutDoc, live: Mapping[int, Live] | None = None) -> RolloutSummary:
    """A rollout in a list; `live` are nodes of its run that is under way."""
    live = live or {}
    states = [shown_state(entry, live.get(entry.node)) for entry in doc.nodes]
    return RolloutSummary(
        id=doc.id,
        name=doc.spec.name,
        state=doc.state.value,
        reason=doc.reason,
        wave=doc.wave,
        wave_names=[wave.name for wave in doc.spec.waves],
        counts=dict(Counter(states)),
        created_at=moment(doc.created_s),
        created_by=doc.created_by,
        started_at=iso(doc.started_s),
        ended_at=iso(doc.ended_s),
        actions=[action.value for action in Rollout(doc).actions()],
        failure=doc.failure,
    )


def rollout_view(
    doc: RolloutDoc,
    names: Mapping[int, str],
    live: Mapping[int, Live],
    *,
    parts: int,
    soak_left_s: float | None,
    sent_bytes: int,
) -> RolloutView:
    """A rollout whole. `live` are nodes of its run that is under way, which sends `parts` parts."""
    summary = msgspec.structs.asdict(rollout_summary(doc, live))
    entries = []
    for entry in doc.nodes:
        at_work = live.get(entry.node)
        entries.append(
            NodeEntryView(
                node=entry.node,
                name=names.get(entry.node, ""),
                hardware=entry.hardware,
                role=entry.role,
                wave=entry.wave,
                state=shown_state(entry, at_work),
                reason=entry.reason,
                error=entry.error.value if entry.error is not None else None,
                image=entry.image,
                attempts=entry.attempts,
                parts_done=at_work.parts_done if at_work is not None else 0,
                parts=parts if at_work is not None else 0,
            )
        )
    return RolloutView(
        **summary,
        spec=doc.spec,
        waves=doc.waves,
        nodes=entries,
        soak_left_s=soak_left_s,
        sent_bytes=sent_bytes,
    )


_WAITING = frozenset({NodeState.SCHEDULED, NodeState.VERIFYING, NodeState.ROLLING_BACK})


def shown_state(entry: NodeEntry, live: Live | None) -> str:
    """The state of a node in a rollout: what its run says of it while that goes on."""
    if live is None or entry.state not in _WAITING or live.record.is_final:
        return entry.state.value
    if entry.state is NodeState.SCHEDULED or live.record.was_sent_to:
        return live.record.state.value
    return entry.state.value
