"""What a node makes of the trees its neighbours report: one mesh, each node once."""

from meshnode.tree import Tree, join


class View:
    """The mesh behind a set of links, taken in the order in which they were accepted.

    routes: node id -> link that leads to it. branches: (link, Tree) to show, without nodes
    that an earlier link already leads to. overlapping: some node was reported twice.
    cycle: links that close a ring, which means a frame could circle for ever.
    """

    __slots__ = ("branches", "cycle", "overlapping", "routes")

    def __init__(self, node_id: int, links: list) -> None:
        self.routes: dict = {}
        self.branches: list = []
        self.cycle: list = []
        self.overlapping = False
        for link in links:
            if self._overlaps(node_id, link):
                self._merge_overlapping(node_id, link)
            else:
                self.routes.update(dict.fromkeys(link.tree.ids, link))
                self.branches.append((link, link.tree))
        if self.overlapping:
            self._find_cycle(node_id, links)

    def _overlaps(self, node_id: int, link) -> bool:
        routes = self.routes
        for other_id in link.tree.ids:
            if other_id in routes or other_id == node_id:
                return True
        return False

    def _merge_overlapping(self, node_id: int, link) -> None:
        """Add what is new of a link that leads to nodes already known."""
        self.overlapping = True
        if link.node_id in self.routes:
            return
        taken = dict(self.routes)
        taken[node_id] = None
        branch = link.tree.without(taken)
        for new_id in branch.ids:
            self.routes[new_id] = link
        self.branches.append((link, branch))

    def _find_cycle(self, node_id: int, links: list) -> None:
        """A ring through this node shows where a link leads to another link's neighbour, or to us.

        Other overlaps are nodes on the move or gone without a word; they settle by themselves.
        """
        for index, link in enumerate(links):
            others = [other for other in links[:index] if _reach(link, other) or _reach(other, link)]
            if others or link.tree.contains(node_id):
                self.cycle.append(link)


def _reach(link, other) -> bool:
    return link.tree.contains(other.node_id)


def tree_of(view: View, node_id: int, root: bool, authority: bool) -> Tree:
    """The whole mesh as one tree with this node on top."""
    return join(node_id, root, authority, [branch for _, branch in view.branches])
