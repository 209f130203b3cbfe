"""What the mesh looks like, as frozen values."""

from dataclasses import dataclass, field

from meshnode.tree import Tree


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node, as seen from ours."""

    node_id: int
    #: Its neighbour on the way to us; None for our own node.
    parent: int | None
    #: Hops from us; 0 for our own node.
    depth: int
    #: Its neighbours further away from us.
    children: tuple[int, ...]
    #: Whether it calls itself the root of the mesh (painlessMesh: `setRoot`).
    root: bool
    #: Whether its clock is the one to follow (painlessMesh: `hasTimeAuthority`).
    time_authority: bool


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node and what hangs below it (painlessMesh: `NodeTree`)."""

    node_id: int
    subs: tuple["TreeNode", ...] = ()
    root: bool = False
    time_authority: bool = False
    #: Nodes in this tree, this one included.
    size: int = field(default=1, repr=False)

    def as_dict(self) -> dict[str, object]:
        """As `subConnectionJson` writes it: {"nodeId":…, "subs":[…]}; a leaf has no `subs`."""
        entry: dict[str, object] = {"nodeId": self.node_id}
        if self.root:
            entry["root"] = True
        if self.time_authority:
            entry["hasTimeAuthority"] = True
        if self.subs:
            entry["subs"] = [sub.as_dict() for sub in self.subs]
        return entry


@dataclass(frozen=True, slots=True)
class Message:
    """A text from another node (painlessMesh: `onReceive`)."""

    #: Who sent it.
    sender: int
    #: The text as it came; see `meshward.text.printable` before showing it to people.
    text: str
    #: Whether it went to all nodes, or to us alone.
    broadcast: bool


def node_records(tree: Tree) -> list[NodeRecord]:
    """All nodes of a tree in preorder, the top first."""
    parents = tree.parents()
    children: dict[int, list[int]] = {node_id: [] for node_id in tree.ids}
    for node_id, parent in zip(tree.ids, parents, strict=True):
        if parent is not None:
            children[parent].append(node_id)
    return [
        NodeRecord(
            node_id,
            parent,
            depth,
            tuple(children[node_id]),
            root=node_id in tree.roots,
            time_authority=node_id in tree.authorities,
        )
        for node_id, parent, depth in zip(tree.ids, parents, tree.depths, strict=True)
    ]


def tree_of(records: list[NodeRecord]) -> TreeNode:
    """The tree of which `records` are the nodes in preorder."""
    made: dict[int, TreeNode] = {}
    for record in reversed(records):  # so that children are made before their parent
        subs = tuple(made[child] for child in record.children)
        size = 1 + sum(sub.size for sub in subs)
        made[record.node_id] = TreeNode(record.node_id, subs, record.root, record.time_authority, size)
    return made[records[0].node_id]
