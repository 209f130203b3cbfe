"""Use cases: the nodes and the tree."""

from __future__ import annotations

import sqlite3

import msgspec

from meshward.errors import ConflictError, NotPossibleError
from meshward.gateway.dashboard_views import PackageView, PingView
from meshward.gateway.desk import Desk
from meshward.gateway.ping_book import Prober
from meshward.gateway.service import Caller
from meshward.gateway.shown import attempt_view, moment
from meshward.gateway.views import NodeDetail, NodePatch, NodeView, ParentChange, TopologyView
from meshward.store import alerts, history, nodes, rollouts

ATTEMPTS_SHOWN = 50


class MeshCases(Desk):
    """See `service.Service`."""

    prober: Prober | None = None
    """The conductor's to set."""

    def nodes(self) -> list[NodeView]:
        """All nodes."""
        return list(self.book.views.values())

    async def node(self, node_id: int) -> NodeDetail:
        """One node and its history. Raises UnknownItemError."""
        view = self.known_node(node_id)
        parents = await self.database.read(nodes.parents, node_id)
        attempts = await self.database.read(rollouts.attempt_page, node=node_id, limit=ATTEMPTS_SHOWN)
        return NodeDetail(
            **msgspec.structs.asdict(view),
            parents=[ParentChange(at=moment(c.at_s), parent=c.parent) for c in parents],
            attempts=[attempt_view(row) for row in attempts.items],
        )

    async def patch_node(self, node_id: int, patch: NodePatch, caller: Caller) -> NodeDetail:
        """Change what the user says of a node. Raises UnknownItemError, InvalidError."""
        self.known_node(node_id)
        values = {
            name: value for name, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET
        }
        if values.get("excluded") is False:
            values["exclusion_reason"] = ""
        row = await self.write_audited(
            caller, "node.change", lambda _: (str(node_id), values), nodes.patch, node_id, **values
        )
        self.book.take_row(row)
        self.engine.known[node_id] = self.book.known(node_id)
        self.tell_readers()
        return await self.node(node_id)

    async def forget_node(self, node_id: int, caller: Caller) -> None:
        """Drop a node that is offline. Raises UnknownItemError, ConflictError."""
        if self.known_node(node_id).online:
            raise ConflictError(f"node {node_id} is in the mesh; it can be forgotten once it has left")
        await self.write_audited(caller, "node.forget", lambda _: (str(node_id), {}), _forget, node_id)
        if not self.known_node(node_id).online:  # it may have come back at this very moment
            self.forget_in_memory([node_id])
        self.tell_readers()

    def topology(self) -> TopologyView:
        """The tree, our node first."""
        return self.book.topology()

    def packages(self, node_id: int) -> list[PackageView]:
        """The last few that arrived from a node. Raises UnknownItemError."""
        self.known_node(node_id)
        return self.last_packages.shown(node_id)

    async def ping(self, node_id: int, caller: Caller) -> PingView:  # noqa: ARG002 nothing is changed by it
        """Measure a node's delay; who asks while that is under way gets the same answer.

        Raises UnknownItemError, NotPossibleError.
        """
        if not self.known_node(node_id).online:
            raise NotPossibleError(f"node {node_id} is not in the mesh; it can be asked once it is back")
        if self.prober is None:
            raise NotPossibleError("no gateway runs that could ask a node: start it with `meshward run`")
        if self._is_updated(node_id):
            raise NotPossibleError(
                f"node {node_id} is being updated, and its delay would say more of that than of the node: "
                "ask once its update is over, or pause it"
            )
        return await self.pings.ping(node_id, self.prober)

    def _is_updated(self, node_id: int) -> bool:
        runs = self.engine.runs.values()
        return any(run.update is not None and node_id in run.doc.nodes for run in runs)


def _forget(connection: sqlite3.Connection, node: int) -> None:
    nodes.forget(connection, node)
    history.forget(connection, node)
    alerts.forget(connection, node)
