"""The part of the fake service that is about trying rules, looking at files, pings, packages, and what is kept
for the dashboard.

Heap below 50 KB is what node 1003 had for an hour today, and 1004 has since a quarter of an hour. Node 1004 does
not answer pings.
"""

import hashlib
from collections.abc import AsyncIterator, Callable

import msgspec

from meshward import errors
from meshward.gateway import dashboard_views as dash
from meshward.gateway.feed import Feed
from meshward.gateway.service import Caller
from meshward.gateway.shown import iso, moment
from meshward.gateway.views import FirmwareView, NodeView
from meshward.status.metrics import METRICS
from tests.support.health_values import NOW_S

EPISODES = ((1003, -5 * 3600.0, -4 * 3600.0), (1004, -900.0, None))
SILENT = 1004
FILE_BYTES_MAX = 16 * 1024 * 1024


class FakeTrials:
    """Nothing is measured; what is kept is."""

    nodes_by_id: dict[int, NodeView]
    library: dict[str, FirmwareView]
    feed: Feed
    _known: Callable[[int], NodeView]
    _note: Callable[[Caller, str, str], None]

    def __init__(self) -> None:
        super().__init__()
        self.kept = dash.DashboardView()
        self.trials_open = 0
        self.checked_bytes = 0
        self.checks = 0

    # Rules.

    async def try_rule(self, trial: dash.RuleTrial) -> dash.RuleTrialView:
        if trial.metric not in METRICS:
            raise errors.UnknownItemError("there is no such metric")
        for node_id in trial.nodes:
            self._known(node_id)
        beyond = 0.0 if trial.clear is None else trial.clear - trial.threshold
        if beyond > 0 if trial.direction == "above" else beyond < 0:
            raise errors.InvalidError("clear must be on the other side of the threshold")
        if self.trials_open:
            raise errors.NotPossibleError(
                "another rule is being tried, which takes up to 20 s: try again then"
            )
        nodes = [node_id for node_id in self.nodes_by_id if not trial.nodes or node_id in trial.nodes]
        episodes = [
            dash.TrialEpisode(
                node=node_id,
                name=self.nodes_by_id[node_id].name,
                from_at=moment(NOW_S + from_s),
                until_at=iso(None if until_s is None else NOW_S + until_s),
                worst=trial.threshold,
            )
            for node_id, from_s, until_s in EPISODES
            if node_id in nodes
        ]
        return dash.RuleTrialView(
            metric=trial.metric,
            unit=METRICS[trial.metric].unit,
            days=trial.days,
            nodes=len(nodes),
            count=len(episodes),
            episodes=episodes[::-1],
            resolution_s=60.0,
            text=f"{len(episodes)} times in 7 days, on {len(episodes)} of {len(nodes)} nodes",
        )

    # Files.

    async def check_firmware(self, chunks: AsyncIterator[bytes], *, name: str) -> dash.FirmwareCheckView:
        self.checks += 1
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            self.checked_bytes = max(self.checked_bytes, len(data))
            if len(data) > FILE_BYTES_MAX:
                raise errors.FirmwareError("this file is larger than any board's flash")
        if not data:
            raise errors.FirmwareError("the file is empty")
        is_firmware = data[:1] == b"\xe9"
        sha256 = hashlib.sha256(data).hexdigest()
        return dash.FirmwareCheckView(
            name=name,
            sha256=sha256,
            md5=hashlib.md5(data).hexdigest(),
            size_bytes=len(data),
            what="esp-app" if is_firmware else "no firmware",
            hardware="ESP32" if is_firmware else None,
            known=sha256 in self.library,
            taken=is_firmware,
            refusal="" if is_firmware else "this is no firmware: give the .bin file of the build",
        )

    # Nodes.

    def packages(self, node_id: int) -> list[dash.PackageView]:
        self._known(node_id)
        told = {"type": 604, "routing": 2, "from": node_id, "mem": 40, "uptime": 100}
        return [
            dash.PackageView(
                at=moment(NOW_S - 30 * number),
                type=604,
                what="enhanced status report",
                size_bytes=len(msgspec.json.encode(told)),
                package=told,
            )
            for number in range(3)
        ]

    async def ping(self, node_id: int, caller: Caller) -> dash.PingView:
        if not self._known(node_id).online:
            raise errors.NotPossibleError(f"node {node_id} is not in the mesh")
        if node_id == SILENT:
            return dash.PingView(node=node_id, answered=False, waited_s=5.0)
        return dash.PingView(node=node_id, answered=True, delay_ms=12.5, waited_s=0.026)

    # The dashboard.

    async def dashboard(self) -> dash.DashboardView:
        return self.kept

    async def patch_dashboard(self, patch: dash.DashboardPatch, caller: Caller) -> dash.DashboardView:
        positions = {} if patch.clear_positions else self.kept.positions
        if patch.positions is not msgspec.UNSET:
            if not all(node.isdecimal() for node in patch.positions):
                raise errors.InvalidError("positions: a node is named by its id")
            positions = positions | patch.positions
        views = {view.name: view for view in self.kept.views}
        if patch.drop_view is not msgspec.UNSET:
            views.pop(patch.drop_view, None)
        if patch.save_view is not msgspec.UNSET:
            views[patch.save_view.name] = patch.save_view
        if len(positions) > dash.POSITIONS_MAX or len(views) > dash.SAVED_VIEWS_MAX:
            raise errors.InvalidError("this is more than is kept")
        self.kept = dash.DashboardView(
            positions={node: place for node, place in positions.items() if place is not None},
            views=list(views.values()),
        )
        self.feed.publish([{"kind": "dashboard", "id": "dashboard", "value": {}}])
        return self.kept
