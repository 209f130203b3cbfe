"""Who is in the mesh: neighbours accepted or refused, the view they make, what they are told.

Node sync (package types 5 and 6) is how a mesh knows itself: each neighbour sends the tree
behind it, and is sent all the rest.
"""

from meshnode.events import LinkReady, NodeJoined, NodeLeft, TopologyChanged
from meshnode.link import FIRST_SYNC_US, Link
from meshnode.tree import Tree, join
from meshnode.view import View
from meshnode.wire import NODE_SYNC_REPLY, NODE_SYNC_REQUEST

#: Changes of the tree within this time travel in one node sync per link.
COALESCE_US = 20_000
#: A ring must stand this long before the newest link of it is closed (plus up to half as
#: much jitter). Nodes on the move look like one until the news has crossed the mesh, and so
#: does a neighbour that came back elsewhere, until its dead link has been silent for 10 s.
CYCLE_GRACE_US = 12_000_000
#: News chase each other round some rings, and each node sees the ring now and then only. It is
#: the same ring if it comes back within this time; and it is cut in a moment when it is seen.
CYCLE_QUIET_US = 5_000_000


class Membership:
    """The accepted links, in the order of acceptance, and the mesh seen through them.

    `tell(event)` takes what the application should know; `rng` needs random().
    """

    def __init__(self, node_id: int, root: bool, time_authority: bool, rng, tell) -> None:
        self.node_id = node_id
        self.root = root
        self.time_authority = time_authority
        self.ready: list[Link] = []
        self.view = View(node_id, [])
        self.cycle_due_us: int | None = None  # when a ring that is seen now is to be cut
        self._cut_due_us = 0  # the same, while the ring may be out of sight
        self._cycle_gone_us: int | None = None  # when a ring was last seen to go away
        self._rng = rng
        self._tell = tell
        self._tree: Tree | None = None
        self._version = 0

    def tree(self) -> Tree:
        """The whole mesh with this node on top."""
        if self._tree is None:
            branches = [branch for _, branch in self.view.branches]
            self._tree = join(self.node_id, self.root, self.time_authority, branches)
        return self._tree

    def refusal(self, link: Link, peer_id: int, tree: Tree) -> str | None:
        """Why a link must not be ours (any longer), or None.

        C++ nodes close a new link whose neighbour is known already; this looks at all nodes
        behind it as well, for each would be listed twice.
        """
        if tree.repeats_top:
            return "node %d lists itself below itself" % peer_id
        if link.tree is not None:
            if peer_id != link.node_id:
                return "neighbour changed its id from %d to %d" % (link.node_id, peer_id)
            return None
        if peer_id == self.node_id:
            return "neighbour has our id %d" % peer_id
        for node_id in tree.ids:
            if node_id == self.node_id:
                return "neighbour %d reaches us already" % peer_id
            if node_id in self.view.routes:
                return "node %d is in the mesh already" % node_id
        return None

    def update(self, link: Link, tree: Tree, now_us: int) -> bool:
        """Take a neighbour's tree in; whether it says anything new."""
        if link.tree is None:
            self._accept(link, tree, now_us)
        elif tree != link.tree:
            link.adopt_tree(tree)
            self._changed(link, now_us)
        else:
            return False
        return True

    def remove(self, link: Link, now_us: int) -> None:
        """A link is gone; one that was never accepted changes nothing."""
        if link in self.ready:
            self.ready.remove(link)
            self._changed(None, now_us)

    def leading_to(self, tree: Tree) -> list[Link]:
        """The links that lead to nodes of a tree."""
        found: list[Link] = []
        for node_id in tree.ids:
            link = self.view.routes.get(node_id)
            if link is not None and link not in found:
                found.append(link)
        return found

    def node_sync_frame(self, link: Link, is_request: bool) -> bytes:
        """What this neighbour is told of the mesh: all but what we know from itself."""
        link.sent_version = self._version
        text = '{"nodeId":%d' % self.node_id
        if self.root:
            text += ',"root":true'
        if self.time_authority:
            text += ',"hasTimeAuthority":true'
        subs = self._subs_text(link)
        if subs:
            text += ',"subs":[%s]' % subs
        kind = NODE_SYNC_REQUEST if is_request else NODE_SYNC_REPLY
        return (text + ',"type":%d,"dest":%d,"from":%d}\0' % (kind, link.node_id, self.node_id)).encode()

    def in_ring(self, now_us: int) -> bool:
        """Whether a ring through this node is seen, or was lately."""
        if self.cycle_due_us is not None:
            return True
        return self._cycle_gone_us is not None and now_us - self._cycle_gone_us < CYCLE_QUIET_US

    def ring_to_cut(self, now_us: int) -> Link | None:
        """The newest link of a ring that has stood for too long."""
        if self.cycle_due_us is None or now_us < self.cycle_due_us:
            return None
        self.cycle_due_us = None
        self._cycle_gone_us = None
        return self.view.cycle[-1]

    def _accept(self, link: Link, tree: Tree, now_us: int) -> None:
        link.adopt_tree(tree)
        self.ready.append(link)
        self._tell(LinkReady(link.handle, tree.node_id))
        link.time_sync.due_us = now_us if link.dialed else now_us + FIRST_SYNC_US
        if link.sent_version not in (-1, self._version):  # our tree changed since our hello
            link.sync_due_us = min(link.sync_due_us, now_us + COALESCE_US)
        self._changed(link, now_us)

    def _changed(self, changed: Link | None, now_us: int) -> None:
        """Look at the mesh anew and tell all neighbours but the one the change came from."""
        before = self.view.routes
        view = self.view = View(self.node_id, self.ready)
        self._tree = None
        for link, branch in view.branches:
            link.branch_text = link.tree_text if branch is link.tree else branch.text()
        self._version += 1
        for link in self.ready:
            if link is not changed:
                link.sync_due_us = min(link.sync_due_us, now_us + COALESCE_US)
        self._watch_cycle(now_us)
        for node_id in before:
            if node_id not in view.routes:
                self._tell(NodeLeft(node_id))
        for node_id in view.routes:
            if node_id not in before:
                self._tell(NodeJoined(node_id))
        self._tell(TopologyChanged())

    def _subs_text(self, link: Link) -> str:
        """What can be reached from here but by this link.

        Where links overlap, what this one reports must not hide what others do: a ring shows
        itself by coming round, and a node that left the neighbour is known to it elsewhere.
        """
        if not self.view.overlapping:
            return ",".join([other.branch_text for other, _ in self.view.branches if other is not link])
        others = View(self.node_id, [other for other in self.ready if other is not link])
        return ",".join([branch.text() for _, branch in others.branches])

    def _watch_cycle(self, now_us: int) -> None:
        if self.view.cycle:
            if not self.in_ring(now_us):
                self._cut_due_us = now_us + int(CYCLE_GRACE_US * (1 + self._rng.random() / 2))
            self.cycle_due_us = self._cut_due_us
        elif self.cycle_due_us is not None:
            self.cycle_due_us = None
            self._cycle_gone_us = now_us
