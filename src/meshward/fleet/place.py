"""Where a board of a fleet is, as its firmware sees it."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshward.fleet.node import VirtualNode


class FleetPlace:
    """The `meshward.sim.fate.Place` of a virtual node."""

    def __init__(self, node: "VirtualNode") -> None:
        self._node = node

    def wall_s(self) -> float:
        """The clock of the machine that the fleet runs on."""
        return time.time()

    def parent_id(self) -> int | None:
        """Whom it dials."""
        parent = self._node.parent
        return None if parent is None else parent.node_id

    def leave(self, away_s: float) -> None:
        """Drop the link to its parent, and dial again later."""
        self._node.leave_soon(away_s)

    def move(self) -> None:
        """Dial another node of its mesh that does not hang below it."""
        self._node.move_soon()
