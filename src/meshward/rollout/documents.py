"""What is kept of a rollout and of its runs: enough to go on after any crash.

Times named `_us` are microseconds of the engine's own clock, which stands still while nobody runs it;
times named `_s` are Unix seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshward.ota.states import NodeState
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import ErrorClass, RolloutState, RunKind


class NodeEntry(msgspec.Struct, kw_only=True):
    """One node in a rollout."""

    node: int
    hardware: str = ""
    role: str = ""
    wave: int | None = None
    """Index of its wave; None before the survey, and for nodes that get nothing."""
    state: NodeState = NodeState.PENDING
    reason: str | None = None
    error: ErrorClass | None = None
    image: str = ""
    """SHA-256 of the firmware that it gets."""
    previous: str = ""
    """SHA-256 of the firmware that it was proven to run before, "" where that is not known."""
    touched: bool = False
    """Whether any part of the image was meant for it."""
    attempts: int = 0
    """Install runs it was in."""
    asked: int = 0
    """Groups that it was asked for in vain; -1 once its group is found. See `survey`."""
    forgiven: bool = False
    """Whether its error does not count any more: somebody went on in spite of it."""
    back_attempts: int = 0
    """Runs that were to bring it back."""
    completed_us: int | None = None
    """When it proved that it runs the image."""
    updated_at_s: float = 0.0
    """When its state changed last."""


class WaveEntry(msgspec.Struct, kw_only=True):
    """How a wave went."""

    started_s: float | None = None
    ended_s: float | None = None
    soak_since_us: int | None = None
    batch: int = 0
    """Size of its latest batch."""
    accepted: bool = False
    """Whether somebody went on although too few of its nodes run the image."""
    outcome: str = ""
    """`passed`, `skipped` or `failed`; "" while it is not over."""
    reason: str = ""


class RolloutDoc(msgspec.Struct, kw_only=True):
    """A rollout as it stands."""

    id: str
    spec: RolloutSpec
    state: RolloutState
    reason: str = ""
    """Why it is in this state, for people."""
    resume_to: RolloutState | None = None
    """Where a paused or waiting rollout goes on."""
    images: dict[str, str] = {}
    """Hardware to the firmware's SHA-256."""
    back: dict[str, str] = {}
    """Hardware to the firmware that is rolled back to, where the spec names it."""
    wave: int = 0
    waves: list[WaveEntry] = []
    nodes: list[NodeEntry] = []
    created_by: str = ""
    created_s: float = 0.0
    started_s: float | None = None
    ended_s: float | None = None
    surveyed: bool = False
    """Whether the waves were drawn up; who joins later goes to the last one."""
    going_back: bool = False
    """Whether it was decided who is to be rolled back."""
    failure: str = ""
    """The gate that failed first, and why; kept through the rollback."""
    since_us: int = 0
    """When it reached its state."""
    runs_made: int = 0
    sent_bytes: int = 0
    """By its runs that are over."""
    clock_us: int = 0
    """The engine's clock when this was saved."""


class RunDoc(msgspec.Struct, kw_only=True):
    """One pass of an update core over some nodes: a survey, an installation, a proof, a way back."""

    id: str
    rollout: str
    kind: RunKind
    image: str
    hardware: str
    role: str
    nodes: list[int]
    open: bool = True
    giving_up: list[int] = []
    """Nodes that were half-way when it was given up, and are put back to idle."""
    strategy: str = ""
    started_s: float = 0.0
    ended_s: float | None = None
    part_bytes: int = 0
    parts: int = 0
    sent_bytes: int = 0
    all_links_bytes: int = 0
    records: list[dict[str, Any]] = []
    """`ota.record.NodeRecord.snapshot` of every node."""
