"""Many real nodes over real TCP on this machine, switched and moved as the nodes of a mesh are."""

import asyncio
import resource
from collections.abc import Callable
from types import TracebackType
from typing import Self

from meshward.errors import FleetError
from meshward.fleet.commands import Change, Drop, DropLink, Kill, Reparent, Restart
from meshward.fleet.images import BoardImage, image_of
from meshward.fleet.node import VirtualNode
from meshward.fleet.plan import FleetPlan
from meshward.records import TreeNode, node_records, tree_of

#: A listener, both ends of the link to the parent, and one to spare for whoever joins.
_FILES_PER_NODE = 4
_FILES_BESIDES = 100
_LOOK_S = 0.02


class VirtualFleet:
    """The nodes of a plan; an asynchronous context manager: entering boots them, leaving shuts them down."""

    def __init__(self, plan: FleetPlan) -> None:
        self.plan = plan
        self._nodes = [VirtualNode(plan, index) for index in range(plan.nodes)]
        self._by_id = {node.node_id: node for node in self._nodes}
        for node, parent in zip(self._nodes, plan.parents(), strict=True):
            node.parent = None if parent is None else self._nodes[parent]
            node.parents = self._parents_for

    async def __aenter__(self) -> Self:
        _allow_open_files(_FILES_PER_NODE * len(self._nodes) + _FILES_BESIDES)
        try:
            for node in self._nodes:
                await node.boot()
            # From the leaves up: each node joins once with all below it, instead of one after the other.
            for node in reversed(self._nodes):
                node.dial()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Shut all nodes down."""
        await asyncio.gather(*(node.shut_down() for node in self._nodes))

    async def wait_converged(self) -> None:
        """Wait until every node that is on sees the nodes of its mesh, and no other of the fleet."""
        while not self._agree(self.meshes()):  # noqa: ASYNC110 looking is cheaper than every event of every node
            await asyncio.sleep(_LOOK_S)

    def meshes(self) -> list[set[int]]:
        """Ids of the nodes that are on, by the mesh they should make: one set while no parent is off."""
        found: dict[int, set[int]] = {}
        for node in self._nodes:
            if node.on:
                found.setdefault(node.top.node_id, set()).add(node.node_id)
        return list(found.values())

    def trees(self) -> list[TreeNode]:
        """Each mesh as its top node sees it."""
        return [tree_of(node_records(node.tree())) for node in self._nodes if node.on and node.top is node]

    def images(self) -> list[BoardImage]:
        """What the boards run; empty for a fleet of plain nodes."""
        return [image_of(node) for node in self._nodes if node.stock is not None]

    def on_restart(self, told: Callable[[BoardImage, str], None]) -> None:
        """Have `told` called when a board has restarted by itself: what it runs now, and why it did."""

        def tell(node: VirtualNode, why: str) -> None:
            told(image_of(node), why)

        for node in self._nodes:
            node.on_restart = tell

    async def apply(self, change: Change) -> None:
        """Do what a command says. Raises FleetError for nodes that are not of this fleet, and for rings."""
        node = self._node(change.node_id)
        match change:
            case Drop():
                await node.shut_down()
            case Kill():
                node.cut_power()
            case DropLink():
                node.drop_link()
            case Restart():
                await node.shut_down()
                await node.boot()
                node.dial()
            case Reparent(parent_id=parent_id):
                parent = self._node(parent_id)
                if parent.hangs_below(node):
                    raise FleetError(
                        f"node {parent_id} hangs below node {node.node_id}: that would be a ring"
                    )
                node.move(parent)

    def _parents_for(self, node: VirtualNode) -> list[VirtualNode]:
        """Whom a node may move to: any other that is on and does not hang below it."""
        return [
            other
            for other in self._nodes
            if other.on and other is not node.parent and not other.hangs_below(node)
        ]

    def _node(self, node_id: int) -> VirtualNode:
        try:
            return self._by_id[node_id]
        except KeyError:
            first, last = self._nodes[0].node_id, self._nodes[-1].node_id
            raise FleetError(f"no node {node_id} in this fleet; it has {first} to {last}") from None

    def _agree(self, meshes: list[set[int]]) -> bool:
        """Whether the nodes of each mesh see it as it is; nodes from outside that joined do not matter."""
        for mesh in meshes:
            for node_id in mesh:
                node = self._by_id[node_id]
                if node.on and mesh != self._by_id.keys() & node.tree().ids:
                    return False
        return True


def _allow_open_files(count: int) -> None:
    """Raise this process's own limit of open files where it is lower, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise FleetError(
            f"the fleet needs {count} open files and the system allows {hard}: "
            "take fewer nodes, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
