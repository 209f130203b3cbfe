"""What a rule finds when it is held against the facts."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from meshward.status.alerts.documents import Severity

Key = tuple[str, str, int | str]
"""An alert among the open ones: its rule, its label ("node", "rollout", "mesh"), and its value."""
MESH = "mesh"
ALL = "all"
"""Value of the label "mesh" where an alert is about all of it."""


class Unsure(enum.Enum):
    """There is nothing to judge by, or it is too old: an alert that is there stays as it is for a while."""

    UNSURE = enum.auto()


UNSURE = Unsure.UNSURE


@dataclass(frozen=True, slots=True)
class Hit:
    """A condition that is met."""

    text: str
    """For people; see `AlertDoc.text`."""
    advice: str = ""
    value: float | None = None
    threshold: float | None = None
    severity: Severity | None = None
    """Where it is another one than the rule's."""
    since_s: float = 0.0
    """How long it is known to be met already."""
    behind: tuple[int, ...] = ()
    """Nodes that are out of reach because of it."""


Verdict = Hit | Unsure | None
"""None: the condition is not met."""


@dataclass(frozen=True, slots=True)
class Before:
    """What there is of the alert already."""

    firing: bool = False
    for_s: float = 0.0
    """Since it was met first."""


FIRST = Before()
"""Nothing."""
