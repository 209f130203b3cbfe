"""What an update core wants done; the driver does it in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Send:
    """Send a package into the mesh."""

    package: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fence:
    """Measure the delay to a node.

    Frames to one node arrive in order, so the answer says that all sent to it before has passed
    every relay on the way: it serves as acknowledgement where stock nodes give none.
    """

    node_id: int


Command = Send | Fence
