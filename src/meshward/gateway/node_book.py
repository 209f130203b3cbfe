"""Every node that is, or ever was, in the mesh: in memory, as it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meshnode.tree import Tree
from meshward.gateway.shown import iso
from meshward.gateway.views import NodeView, TopologyNode, TopologyView
from meshward.ota.shape import Shape
from meshward.rollout.targets import KnownNode
from meshward.store.nodes import NODES_MAX, NodeRow


@dataclass(slots=True)
class Moved:
    """What a new tree changed."""

    surplus: list[int] = field(default_factory=list)
    """Nodes that are to be dropped, for there are too many: those that left and were never of use."""
    joined: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    placed: list[tuple[int, int]] = field(default_factory=list)
    """Nodes with a new parent, and the parent: joined ones too."""


class NodeBook:
    """`views` are what is shown; `changed` are nodes to tell the readers of the feed about."""

    def __init__(self) -> None:
        self.views: dict[int, NodeView] = {}
        self.changed: set[int] = set()
        self.own_id: int | None = None
        self._topology: list[TopologyNode] = []

    def load(self, rows: Iterable[NodeRow]) -> None:
        """What is stored; every node is offline until the first tree."""
        for row in rows:
            self.take_row(row)

    def take_row(self, row: NodeRow) -> None:
        """A node as it is stored now."""
        view = self._view(row.id)
        self.changed.add(row.id)
        view.name, view.tags = row.name, list(row.tags)
        view.excluded, view.exclusion_reason = row.excluded, row.exclusion_reason
        view.hardware, view.role = row.hardware, row.role
        if row.version or row.firmware or view.firmware:  # else the board may have told its version
            view.version = row.version
        view.firmware = row.firmware
        view.proven_how, view.proven_at = row.proven_how, iso(row.proven_at_s)
        view.capabilities = list(row.capabilities)
        view.first_seen_at, view.last_seen_at = iso(row.first_seen_s), iso(row.last_seen_s)

    def drop(self, node: int) -> None:
        """Forget a node that is offline."""
        del self.views[node]
        self.changed.add(node)

    def on_tree(self, tree: Tree, now_s: float) -> Moved:
        """The mesh as it is now."""
        shape = Shape(tree)
        moved = Moved()
        self.own_id = shape.own_id
        self._topology = [
            TopologyNode(id=node, parent=parent, depth=shape.depths[node], root=node in tree.roots)
            for node, parent in shape.parents.items()
        ]
        for node in [view.id for view in self.views.values() if view.online and view.id not in shape]:
            self._leave(self.views[node], now_s)
            moved.left.append(node)
        children: dict[int, list[int]] = {}
        for node, parent in shape.parents.items():
            if parent is not None:
                children.setdefault(parent, []).append(node)
        for node in shape.node_ids:
            view = self._view(node)
            if not view.online:
                moved.joined.append(node)
                view.online = True
                view.up_since_at = view.last_seen_at = iso(now_s)
                view.first_seen_at = view.first_seen_at or iso(now_s)
                self.changed.add(node)
            parent = shape.parents[node]
            shown_parent = None if parent == shape.own_id else parent
            place = (shown_parent, shape.depths[node], children.get(node, []))
            if node in moved.joined or view.parent != shown_parent:
                moved.placed.append((node, parent or shape.own_id))
            if (view.parent, view.depth, view.children) != place:
                view.parent, view.depth, view.children = place
                self.changed.add(node)
        moved.surplus = self._surplus()
        return moved

    def measured(self, node: int, delay_us: int) -> None:
        """A delay was measured."""
        view = self.views.get(node)
        if view is not None:
            view.delay_ms = round(delay_us / 1000, 2)
            self.changed.add(node)

    def reported(self, node: int, heap_bytes: int | None, version: str | None) -> bool:
        """A board told of itself; whether that is another version than was known.

        A version that was proven counts for more than one that is told.
        """
        view = self.views.get(node)
        if view is None:
            return False
        before = (view.free_heap_bytes, view.version)
        if heap_bytes is not None:
            view.free_heap_bytes = heap_bytes
        if version and not view.firmware:
            view.version = version
        if (view.free_heap_bytes, view.version) != before:
            self.changed.add(node)
        return view.version != before[1]

    def in_rollouts(self, states: Mapping[int, tuple[str, str]]) -> None:
        """Node to rollout and state, for the rollouts under way."""
        for view in self.views.values():
            rollout, state = states.get(view.id, (None, None))
            if (view.rollout, view.update_state) != (rollout, state):
                view.rollout, view.update_state = rollout, state
                self.changed.add(view.id)

    def scored(self, scores: Mapping[int, tuple[int, int]]) -> None:
        """Health and count of alerts, by node."""
        for node, (health, alerts) in scores.items():
            view = self.views.get(node)
            if view is not None and (view.health, view.alerts) != (health, alerts):
                view.health, view.alerts = health, alerts
                self.changed.add(node)

    def known(self, node: int) -> KnownNode:
        """What a rollout has to know of a node."""
        view = self.views[node]
        return KnownNode(
            node,
            view.hardware,
            view.role,
            frozenset(view.tags),
            view.version,
            view.firmware,
            view.exclusion_reason if view.excluded else None,
        )

    def online(self) -> list[int]:
        """The nodes that are in the mesh."""
        return [view.id for view in self.views.values() if view.online]

    def topology(self) -> TopologyView:
        """The tree, our node on top."""
        return TopologyView(own_id=self.own_id or 0, nodes=self._topology)

    def _leave(self, view: NodeView, now_s: float) -> None:
        view.online = False
        view.last_seen_at = iso(now_s)
        view.parent = view.depth = view.up_since_at = view.delay_ms = None
        view.children = []
        self.changed.add(view.id)

    def _surplus(self) -> list[int]:
        """As the store forgets them: a mesh can make up ids without end."""
        count = len(self.views) - NODES_MAX
        if count <= 0:
            return []
        useless = [
            view
            for view in self.views.values()
            if not (view.online or view.name or view.tags or view.excluded or view.firmware)
        ]
        useless.sort(key=lambda view: (view.last_seen_at or "", view.id))
        return [view.id for view in useless[:count]]

    def _view(self, node: int) -> NodeView:
        return self.views.setdefault(node, NodeView(id=node, online=False))
