"""What an update would do, before it does it."""

from dataclasses import dataclass
from typing import Any

from meshward.ota.states import NodeState
from meshward.ota.update import Update

ASSUMED_LINK_BYTES_PER_S = 50_000
"""Where no rate is known: a board with a 10 ms main loop moves 511 bytes a pass."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who would get the image, how, and at what cost.

    Bytes are estimates without repairs; seconds are bytes over the busiest link at the rate assumed.
    """

    strategy: str
    targets: list[int]
    running: list[int]
    others: dict[int, str]
    bytes_busiest_link: int
    bytes_all_links: int
    floor_seconds: float
    estimated_seconds: float
    link_bytes_per_s: int

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "strategy": self.strategy,
            "path": "stock",
            "targets": self.targets,
            "already_installed": self.running,
            "not_targeted": [{"node": node, "reason": reason} for node, reason in self.others.items()],
            "bytes_busiest_link": self.bytes_busiest_link,
            "bytes_all_links": self.bytes_all_links,
            "floor_seconds": round(self.floor_seconds, 1),
            "estimated_seconds": round(self.estimated_seconds, 1),
            "assumed_link_bytes_per_s": self.link_bytes_per_s,
        }


def plan(update: Update, link_bytes_per_s: int = ASSUMED_LINK_BYTES_PER_S) -> Plan:
    """The plan after an update that only checked (`Options.check_only`)."""
    targets = sorted(record.node_id for record in update.targets())
    running = sorted(r.node_id for r in update.records.values() if r.state is NodeState.ALREADY_INSTALLED)
    others = {
        record.node_id: record.reason or record.state.value
        for record in update.records.values()
        if record.node_id not in targets and record.node_id not in running
    }
    image_bytes = sum(update.parts.frame_bytes(part) for part in range(len(update.parts)))
    hops = [update.hops(node_id) for node_id in targets]
    once_to_all = update.options.strategy == "broadcast" and len(targets) > 1
    busiest = image_bytes * (1 if once_to_all else len(targets))
    everywhere = image_bytes * (update.edges if once_to_all else sum(hops))
    floor = busiest / link_bytes_per_s
    # A part crosses one link after the other; then the nodes restart and are asked what they run.
    way = max(hops, default=0) * update.parts.frame_bytes() / link_bytes_per_s
    restart = 12.0 if targets else 0.0
    return Plan(
        update.options.strategy, targets, running, others, busiest, everywhere, floor,
        floor * 1.1 + way + restart, link_bytes_per_s,
    )  # fmt: skip
