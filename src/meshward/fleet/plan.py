"""What a virtual fleet is made of."""

import random
from dataclasses import dataclass

from meshward import topologies
from meshward.errors import FleetError
from meshward.fleet.boards import StockPlan
from meshward.identity import MAX_NODE_ID
from meshward.sim.drive import LoopModel

#: A tree is sent with two levels of JSON for each hop, and C++ nodes drop frames of more than 255.
HOPS_MAX = 125
#: Nodes refuse trees of more than 2000; half of that leaves room for whoever joins.
NODES_MAX = 1000


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Node k has id first_id+k and listens on port+k; node 0 is the top, each other dials its parent."""

    nodes: int = 20
    #: One of `meshward.topologies.KINDS`.
    topology: str = "tree"
    fan_out: int = topologies.FAN_OUT
    port: int = 5600
    first_id: int = 1001
    #: Milliseconds between passes of a node's main loop, and the bytes a link writes in each.
    #: None for both moves bytes at once; None for one takes what real boards were seen to do.
    loop_ms: int | None = None
    bytes_per_loop: int | None = None
    #: Shapes the random topology, the clocks and the pauses.
    seed: int = 1
    host: str = "127.0.0.1"
    #: What the boards run, where they are to take updates as unmodified boards do; None for plain nodes.
    stock: StockPlan | None = None

    @property
    def loop(self) -> LoopModel | None:
        """The main loop of each node."""
        if self.loop_ms is None and self.bytes_per_loop is None:
            return None
        usual = LoopModel()
        return LoopModel(
            period_us=usual.period_us if self.loop_ms is None else self.loop_ms * 1000,
            write_bytes=usual.write_bytes if self.bytes_per_loop is None else self.bytes_per_loop,
        )

    def parents(self) -> list[int | None]:
        """Which node each node dials; None for node 0. Raises FleetError where that cannot be."""
        if self.nodes > NODES_MAX:
            raise FleetError(f"{self.nodes} nodes are too many for one fleet: {NODES_MAX} at most")
        last = self.nodes - 1
        if not 0 < self.port <= 65535 - last:
            raise FleetError(f"{self.nodes} nodes from port {self.port} on leave the range 1 to 65535")
        if not 0 < self.first_id <= MAX_NODE_ID - last:
            raise FleetError(f"{self.nodes} ids from {self.first_id} on leave the range 1 to {MAX_NODE_ID}")
        if any(value is not None and value < 1 for value in (self.loop_ms, self.bytes_per_loop)):
            raise FleetError("a main loop needs at least 1 ms, and 1 byte, for each pass")
        if self.stock is not None:
            self.stock.check(range(self.first_id, self.first_id + self.nodes))
        rng = random.Random(self.seed)  # noqa: S311 to be repeatable is the point
        try:
            parents = topologies.parents(self.topology, self.nodes, self.fan_out, rng)
        except ValueError as error:
            raise FleetError(str(error)) from error
        if max(topologies.depths(parents)) > HOPS_MAX:
            raise FleetError(
                f"this mesh would be deeper than {HOPS_MAX} hops, and its tree no longer fit a frame: "
                "take fewer nodes, or another topology"
            )
        return parents
