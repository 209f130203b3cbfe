"""What the engine wants kept; whoever runs it stores them, in order and together, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from meshward.rollout.documents import RolloutDoc, RunDoc

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class SaveRollout:
    """The rollout as it stands now."""

    doc: RolloutDoc


@dataclass(frozen=True, slots=True)
class SaveRun:
    """The run as it stands now."""

    doc: RunDoc


@dataclass(frozen=True, slots=True)
class SaveHealth:
    """What is known of a node's health; see `health.HealthRecord`."""

    node: int
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeProven:
    """A node showed what it is and what it runs, as far as that is known now."""

    node: int
    hardware: str
    role: str
    image: str | None
    """SHA-256 of the firmware it runs, "" where that is not known any more, None where nothing is new."""
    how: str
    """In a few words for people: "proved after its restart", "answered a survey"."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth telling; goes to the event log."""

    kind: str
    """As `rollout.state`, `rollout.gate_failed`, `node.completed`, `node.failed`."""
    text: str
    severity: Severity = "info"
    node: int | None = None
    rollout: str | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """Something somebody did, or the gateway by itself; goes to the audit log."""

    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)


Change = SaveRollout | SaveRun | SaveHealth | NodeProven | Noted | Audited
