"""States of rollouts and nodes in words and colours."""

from collections.abc import Mapping

from meshward.rollout.states import RolloutState

_WORDS = {
    RolloutState.AWAITING_APPROVAL: "waits for approval",
    RolloutState.SCHEDULED: "scheduled",
    RolloutState.SURVEYING: "asks the nodes what they run",
    RolloutState.UPDATING: "updates nodes",
    RolloutState.SOAKING: "watches the updated nodes",
    RolloutState.PROVING: "asks the updated nodes once more",
    RolloutState.AWAITING_GO: "waits for a go-ahead",
    RolloutState.WAITING: "waits",
    RolloutState.PAUSED: "paused",
    RolloutState.ROLLING_BACK: "brings nodes back",
    RolloutState.COMPLETED: "completed",
    RolloutState.ABORTED: "aborted",
    RolloutState.ROLLED_BACK: "rolled back",
    RolloutState.FAILED: "failed",
}
STATE_STYLES: Mapping[str, str] = {
    "awaiting_approval": "bold yellow",
    "awaiting_go": "bold yellow",
    "paused": "bold yellow",
    "soaking": "blue",
    "proving": "blue",
    "aborted": "red",
    "rolled_back": "magenta",
    "rolling_back": "magenta",
    "completed": "green",
    "already_installed": "green",
    "failed": "bold red",
    "lost": "bold red",
    "unreachable": "yellow",
    "cancelled": "yellow",
    "downloading": "cyan",
    "rebooting": "magenta",
    "verifying": "blue",
}
SEVERITY_STYLES: Mapping[str, str] = {
    "warning": "yellow",
    "error": "red",
}
TROUBLE = frozenset({"failed", "lost", "unreachable", "rolled_back", "cancelled"})
"""Node states that somebody should look at."""
GOOD = frozenset({"completed", "already_installed"})
"""Node states of those that run the image."""
_ORDER = (
    *("completed", "already_installed", "downloading", "rebooting", "verifying", "rolling_back", "paused"),
    *("scheduled", "pending", "rolled_back", "failed", "lost", "unreachable", "cancelled"),
)


def state_words(state: str) -> str:
    """A rollout's state for people; a state of a newer gateway as it is."""
    return _WORDS[RolloutState(state)] if state in set(RolloutState) else state.replace("_", " ")


def counts_text(counts: Mapping[str, int]) -> str:
    """`12 completed, 3 downloading`; nodes that are not targets are not counted."""
    known = [(state, counts[state]) for state in _ORDER if counts.get(state)]
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in known)
