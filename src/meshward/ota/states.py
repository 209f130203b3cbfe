"""What can be said of a node in an update."""

from __future__ import annotations

from enum import StrEnum


class NodeState(StrEnum):
    """Where a node stands; the words users read."""

    PENDING = "pending"
    """Not looked at yet."""
    SCHEDULED = "scheduled"
    """Needs the image, waits for its turn."""
    DOWNLOADING = "downloading"
    """Takes parts."""
    PAUSED = "paused"
    """Keeps its place until the rollout goes on."""
    VERIFYING = "verifying"
    """Is asked what it runs."""
    REBOOTING = "rebooting"
    """Has all parts and restarts."""
    COMPLETED = "completed"
    """Proved after its restart that it runs the image."""
    ALREADY_INSTALLED = "already_installed"
    """Ran the image before anything was sent."""
    NOT_TARGETED = "not_targeted"
    """Is of another role or hardware, or was left out."""
    UNREACHABLE = "unreachable"
    """Is in the tree but answers nothing."""
    FAILED = "failed"
    """Does not run the image; the reason says why."""
    LOST = "lost"
    """Went away in the middle and did not come back in time."""
    CANCELLED = "cancelled"
    """The update was stopped before this node had the image."""
    ROLLING_BACK = "rolling_back"
    """Gets its last good image again."""
    ROLLED_BACK = "rolled_back"
    """Proved that it runs its last good image again."""


FINAL = frozenset(
    {
        NodeState.COMPLETED,
        NodeState.ALREADY_INSTALLED,
        NodeState.NOT_TARGETED,
        NodeState.UNREACHABLE,
        NodeState.FAILED,
        NodeState.LOST,
        NodeState.CANCELLED,
        NodeState.ROLLED_BACK,
    }
)

GOOD = frozenset({NodeState.COMPLETED, NodeState.ALREADY_INSTALLED})
