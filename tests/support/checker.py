"""What must hold of a Network at every moment, and what after quiet. Stands outside the nodes it checks."""

from typing import Any

from meshnode.events import LinkClosed, LinkReady, NodeJoined, NodeLeft, PackageReceived
from meshnode.limits import Limits
from meshnode.node import MeshNode
from tests.support.network import SECOND_US, Network, view_edges

#: Enough for dead links to be found (70 s, and more while paused) and rings to be cut one after another (18 s each).
HEALING_US = 400 * SECOND_US


class Checker:
    """Follows the events of each node, and compares them and the views with how things are.

    message_bytes: the longest frame that anybody sends.
    """

    def __init__(self, network: Network, limits: Limits, message_bytes: int) -> None:
        self.network = network
        self.limits = limits
        self.message_bytes = message_bytes
        self._nodes_told: dict[int, set[int]] = {}
        self._links_told: dict[int, set[Any]] = {}
        self._read_up_to: dict[int, int] = {}
        for node_id in network.nodes:
            self.started(node_id)

    def started(self, node_id: int) -> None:
        """A node is new, or rebooted: it has told nothing yet."""
        self._nodes_told[node_id] = set()
        self._links_told[node_id] = set()
        self._read_up_to[node_id] = 0

    # -- at every moment -------------------------------------------------------------------

    def check_now(self) -> None:
        """Views without cycles, routes that lead to neighbours, bounded queues, true events."""
        for node_id, node in self.network.nodes.items():
            self._check_view(node_id, node)
            self._check_queues(node)
            self._check_events(node_id, node)

    def _check_view(self, node_id: int, node: MeshNode) -> None:
        tree = node.tree()
        assert tree.node_id == node_id
        assert len(set(tree.ids)) == len(tree.ids), "each node once, so no cycle"
        assert None not in tree.parents()[1:]
        routes = node._members.view.routes
        assert list(routes) == node.nodes() == tree.ids[1:]
        neighbours = dict(node.links())
        for link in routes.values():
            assert node._links[link.handle] is link
            assert neighbours[link.handle] == link.node_id
        assert set(neighbours.values()) <= set(routes)

    def _check_queues(self, node: MeshNode) -> None:
        """Bounded by the limit, and what each feeder had sent in one read when it was paused."""
        slack_bytes = len(node._links) * (self.network.window_bytes + self.message_bytes)
        for link in node._links.values():
            assert link.data_bytes <= self.limits.queue_bytes + slack_bytes
            assert len(link._sync_frames) <= self.limits.sync_frames
            assert len(link.splitter._rest) <= self.limits.frame_bytes
            assert (link.pauses > 0) == any(link in other.feeders for other in node._links.values())
            assert not (link.dropping and link.feeders)

    def _check_events(self, node_id: int, node: MeshNode) -> None:
        told = self.network.told[node_id]
        nodes, links = self._nodes_told[node_id], self._links_told[node_id]
        for event in told[self._read_up_to[node_id] :]:
            if isinstance(event, NodeJoined):
                assert event.node_id not in nodes
                nodes.add(event.node_id)
            elif isinstance(event, NodeLeft):
                nodes.remove(event.node_id)
            elif isinstance(event, LinkReady):
                assert event.link not in links
                links.add(event.link)
            elif isinstance(event, LinkClosed):
                links.discard(event.link)
            elif isinstance(event, PackageReceived):
                assert event.package["from"] != node_id
        self._read_up_to[node_id] = len(told)
        assert nodes == set(node.nodes())
        assert {link for link in links if link.open} == {link for link, _ in node.links()}

    # -- after quiet -----------------------------------------------------------------------

    def heal(self) -> None:
        """Let all that can flow, and time pass: dead links are found, rings cut, all of one mind."""
        for wire in self.network.wires:
            wire.clogged = wire.clogged and wire.dead
        self.network.run_for(HEALING_US)
        self.check_now()
        assert all(wire.alive for wire in self.network.wires), "dead links are found and given up"
        for node_id, node in self.network.nodes.items():
            component = self.network.component(node_id)
            edges = {edge for edge in self.network.edges() if edge <= component}
            assert {node_id, *node.nodes()} == component
            assert view_edges(node) == edges
            assert len(edges) == len(component) - 1, "no ring is left"
            assert len(self.network.wires_of(node_id)) == len(node.links())

    def check_messages(self) -> None:
        """A broadcast reaches each node of the component once, and a single its dest."""
        for node_id, node in self.network.nodes.items():
            others = sorted(self.network.component(node_id) - {node_id})
            expected: dict[int, list[str]] = {other: [] for other in self.network.nodes}
            if others:
                node.send({"type": 8, "dest": 0, "msg": "to all"}, self.network.now_us)
                node.send({"type": 9, "dest": others[-1], "msg": "to one"}, self.network.now_us)
                expected |= {other: ["to all"] for other in others}
                expected[others[-1]].append("to one")
            self._forget_told()
            self.network.run_for(5 * SECOND_US)
            for other, messages in expected.items():
                got = [event.package["msg"] for event in self.network.events(other, PackageReceived)]
                assert got == messages

    def _forget_told(self) -> None:
        for node_id, told in self.network.told.items():
            told.clear()
            self._read_up_to[node_id] = 0
