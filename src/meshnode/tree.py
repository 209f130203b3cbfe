"""The tree of a mesh, or of the part of it behind one neighbour.

Kept flat, in preorder, as parallel sequences: size, membership, comparison and walking
need no recursion, and a 250-node tree costs a few kilobytes on a board.
"""

from meshnode.limits import Limits
from meshnode.wire import MAX_U32, WireError, to_int


class Tree:
    """An immutable tree of nodes in preorder.

    ids[i] is a node, depths[i] its distance from the top (depths[0] == 0). `roots` and
    `authorities` are the nodes flagged `root` and `hasTimeAuthority`. The order of children
    is kept: C++ nodes take a permutation for a change and sync again.
    """

    __slots__ = ("authorities", "depths", "ids", "repeats_top", "roots")

    def __init__(self, ids: list[int], depths: list[int], roots: tuple = (), authorities: tuple = ()) -> None:
        self.ids = ids
        self.depths = depths
        self.roots = roots
        self.authorities = authorities
        #: Whether the sender listed the top node again below itself (C++ nodes hang up then).
        self.repeats_top = False

    @property
    def node_id(self) -> int:
        """The top node."""
        return self.ids[0]

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Tree)
            and self.ids == other.ids
            and self.depths == other.depths
            and self.roots == other.roots
            and self.authorities == other.authorities
        )

    def __hash__(self) -> int:
        return hash((tuple(self.ids), tuple(self.depths)))

    def contains(self, node_id: int) -> bool:
        """Whether a node is in this tree."""
        return node_id in self.ids

    def parents(self) -> list[int | None]:
        """The parent of each node, in the order of `ids`; None for the top."""
        path: list[int] = []
        found: list[int | None] = []
        for node_id, depth in zip(self.ids, self.depths):
            path = path[:depth]
            found.append(path[-1] if path else None)
            path.append(node_id)
        return found

    def nested(self) -> dict:
        """The tree as painlessMesh writes it: {"nodeId":…, "root":true, "subs":[…]} (`asNodeTree`)."""
        path: list[dict] = []
        for node_id, depth in zip(self.ids, self.depths):
            entry: dict = {"nodeId": node_id}
            if node_id in self.roots:
                entry["root"] = True
            if node_id in self.authorities:
                entry["hasTimeAuthority"] = True
            path = path[:depth]
            if path:
                path[-1].setdefault("subs", []).append(entry)
            path.append(entry)
        return path[0]

    def text(self) -> str:
        """The tree as JSON text, written without recursion."""
        parts = []
        open_depth = -1
        for node_id, depth in zip(self.ids, self.depths):
            if depth > open_depth:
                if open_depth >= 0:
                    parts.append(',"subs":[')
            else:
                parts.append("}" + "]}" * (open_depth - depth) + ",")
            parts.append(self._entry(node_id))
            open_depth = depth
        parts.append("}" + "]}" * open_depth)
        return "".join(parts)

    def _entry(self, node_id: int) -> str:
        entry = '{"nodeId":%d' % node_id
        if node_id in self.roots:
            entry += ',"root":true'
        if node_id in self.authorities:
            entry += ',"hasTimeAuthority":true'
        return entry

    def without(self, unwanted) -> "Tree":
        """The tree less the nodes in `unwanted` (a set or dict) and all that hangs below them.

        The top node must not be among them.
        """
        ids = []
        depths = []
        cut_depth = None
        for node_id, depth in zip(self.ids, self.depths):
            if cut_depth is not None and depth > cut_depth:
                continue
            cut_depth = None
            if node_id in unwanted:
                cut_depth = depth
            else:
                ids.append(node_id)
                depths.append(depth)
        roots = tuple([root for root in self.roots if root in ids])
        authorities = tuple([node for node in self.authorities if node in ids])
        return Tree(ids, depths, roots, authorities)


def join(node_id: int, root: bool, authority: bool, branches: list) -> Tree:
    """The tree of a node with the given subtrees as its branches, in order."""
    ids = [node_id]
    depths = [0]
    roots = (node_id,) if root else ()
    authorities = (node_id,) if authority else ()
    for branch in branches:
        ids.extend(branch.ids)
        depths.extend([depth + 1 for depth in branch.depths])
        roots += branch.roots
        authorities += branch.authorities
    return Tree(ids, depths, roots, authorities)


def parse(package: dict, limits: Limits) -> Tree:
    """The sender's tree out of a node sync package (types 5 and 6).

    `nodeId` may be missing at the top (then `from` counts). A node that appears twice is
    kept where it appears first: while a node moves, relays report it in both places.
    Raises WireError for ids outside 1..2^32-1, and trees that are too large or too deep.
    """
    reader = _Reader(limits)
    reader.add(top_id(package), 0, package)
    stack = [iter(_subs(package))]  # one iterator per open level; no recursion, boards have little stack
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        if not isinstance(entry, dict):
            raise WireError("a sub is not an object")
        if reader.add(_node_id(entry.get("nodeId")), len(stack), entry):
            stack.append(iter(_subs(entry)))
    return reader.tree()


def top_id(package: dict) -> int:
    """Who sent a node sync package. Raises WireError for an id outside 1..2^32-1."""
    top = package.get("nodeId")
    return _node_id(package.get("from") if top is None else top)


def _subs(entry: dict) -> list:
    subs = entry.get("subs")
    if subs is None:
        return []
    if not isinstance(subs, list) or None in subs:
        raise WireError("subs is not a list of nodes")
    return subs


def _node_id(value) -> int:
    if type(value) is not int:
        value = to_int(value)
    if not 0 < value <= MAX_U32:
        raise WireError("node id out of range")  # not the number: it may have thousands of digits
    return value


class _Reader:
    """Collects the nodes of a tree in preorder."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ids: list[int] = []
        self._depths: list[int] = []
        self._seen: set[int] = set()
        self._roots: list[int] = []
        self._authorities: list[int] = []
        self._repeats_top = False
        self._read = 0

    def add(self, node_id: int, depth: int, entry: dict) -> bool:
        """Take a node in; False for a repeated one, whose subs are then left out as well."""
        self._read += 1
        if self._read > self._limits.tree_nodes:
            raise WireError("tree of more than %d nodes" % self._limits.tree_nodes)
        if 2 * depth + 1 > self._limits.nesting:
            raise WireError("tree too deep")
        if node_id in self._seen:
            if node_id == self._ids[0]:
                self._repeats_top = True
            return False
        self._seen.add(node_id)
        self._ids.append(node_id)
        self._depths.append(depth)
        if entry.get("root") is True:
            self._roots.append(node_id)
        if entry.get("hasTimeAuthority") is True:
            self._authorities.append(node_id)
        return True

    def tree(self) -> Tree:
        tree = Tree(self._ids, self._depths, tuple(self._roots), tuple(self._authorities))
        tree.repeats_top = self._repeats_top
        return tree
