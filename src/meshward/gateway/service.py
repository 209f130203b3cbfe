"""The use cases of the gateway, for the web, the bridges and the command line alike.

Errors are those of `meshward.errors`: UnknownItemError (404), NotPossibleError and ConflictError
(409), RolloutError, FirmwareError and UpdateRefusedError (422), StoreFullError (507), StoreError (503).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from meshward.gateway.bridge_views import BridgeView, NodeSample, OfferView, ProgressView
from meshward.gateway.dashboard_views import (
    AboutView,
    AvailabilityView,
    DashboardPatch,
    DashboardView,
    FirmwareCheckView,
    MeshHistoryView,
    MovesView,
    NumbersView,
    PackageView,
    PingView,
    ReceiverView,
    RuleTrial,
    RuleTrialView,
)
from meshward.gateway.feed import Feed
from meshward.gateway.health_views import (
    AlertView,
    HistoryView,
    MeshStatus,
    MetricView,
    NewSilence,
    NodeStatus,
    QueryRequest,
    QueryView,
    RulePatch,
    RuleView,
    SilenceView,
    TestResult,
)
from meshward.gateway.views import (
    AttemptView,
    AuditCheck,
    AuditView,
    EventView,
    FirmwareView,
    HealthView,
    MadeToken,
    NewToken,
    NodeDetail,
    NodePatch,
    NodeView,
    Page,
    PushRequest,
    Role,
    RolloutPlan,
    RolloutSummary,
    RolloutView,
    SettingsPatch,
    SettingsView,
    TokenView,
    TopologyView,
    UpdateView,
)
from meshward.records import Message
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import Action
from meshward.streams import Stream


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the token's id and name, or the command line on this machine."""

    name: str
    role: Role
    token_id: str | None = None


class Service(Protocol):
    """Everything the gateway can be asked."""

    feed: Feed
    """Snapshot and numbered deltas, for WebSockets."""

    # The mesh.
    def nodes(self) -> list[NodeView]:
        """All nodes, known from memory; filters, sorting and pages are the caller's."""

    async def node(self, node_id: int) -> NodeDetail: ...
    async def patch_node(self, node_id: int, patch: NodePatch, caller: Caller) -> NodeDetail: ...
    async def forget_node(self, node_id: int, caller: Caller) -> None:
        """Drop a node that is offline from the list; its attempts and events stay."""

    def topology(self) -> TopologyView: ...
    async def moves(self, *, start_s: float | None = None, end_s: float | None = None) -> MovesView:
        """What changed in the tree; in the last 24 hours where no time is given. Raises InvalidError."""

    async def availability(self, *, days: int = 30, node: int | None = None) -> AvailabilityView:
        """Day by day, in UTC; of one node where it is given. Raises UnknownItemError, InvalidError,
        and NotPossibleError where it takes too long.
        """

    def packages(self, node_id: int) -> list[PackageView]:
        """The last few that arrived from a node, newest first. Raises UnknownItemError."""

    async def ping(self, node_id: int, caller: Caller) -> PingView:
        """Measure a node's delay now; waits up to some seconds. Raises UnknownItemError, and
        NotPossibleError where it is not in the mesh.
        """

    # Health.
    def metrics(self) -> list[MetricView]:
        """The catalogue of metrics."""

    def mesh_status(self) -> MeshStatus:
        """All nodes, those in trouble first; to be read only, for others have the same."""

    def node_status(self, node_id: int) -> NodeStatus:
        """Raises UnknownItemError."""

    def samples(self) -> Stream[NodeSample]:
        """What is measured of nodes, each moment of each node once, from now on; also what comes late, as
        the older samples of a telemetry frame. Read it, for it holds the latest 20,000 only.
        """

    async def history(
        self,
        node_id: int,
        metric: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        resolution_s: float | None = None,
        points_max: int = 1000,
    ) -> HistoryView:
        """The last 24 hours where no time is given; without a resolution the finest that fits `points_max`.

        Raises UnknownItemError for a node or metric that is not known, InvalidError for a wrong range.
        """

    async def mesh_history(
        self,
        metric: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        resolution_s: float | None = None,
        points_max: int = 300,
        nodes: Sequence[int] = (),
        hardware: str = "",
    ) -> MeshHistoryView:
        """A metric of all nodes, of these, or of those with a hardware, put together step by step.

        The last 24 hours where no time is given. Raises UnknownItemError for the metric or a node,
        InvalidError, and NotPossibleError where it takes too long.
        """

    def numbers(self) -> NumbersView:
        """The latest values of all nodes, for tables."""

    async def query(self, request: QueryRequest) -> QueryView:
        """Ask nodes; within `deadline_s`. Raises InvalidError, NotPossibleError without a mesh."""

    # Alerts.
    async def alerts(
        self,
        *,
        state: Sequence[str] = (),
        node: int | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[AlertView]:
        """Newest first; those that are pending or firing where no state is given."""

    async def alert(self, alert_id: str) -> AlertView: ...
    async def ack_alert(self, alert_id: str, note: str, caller: Caller) -> AlertView:
        """Raises UnknownItemError, ConflictError where it is over."""

    async def unack_alert(self, alert_id: str, caller: Caller) -> AlertView: ...
    async def silences(self, *, over: bool = False) -> list[SilenceView]:
        """Those that wait or are active; with `over` the ended ones of the last 30 days too."""

    async def create_silence(self, new: NewSilence, caller: Caller) -> SilenceView: ...
    async def end_silence(self, silence_id: str, caller: Caller) -> SilenceView: ...
    def rules(self) -> list[RuleView]: ...
    async def patch_rule(self, name: str, patch: RulePatch, caller: Caller) -> RuleView:
        """Change a rule, or make a new one about a metric. Raises InvalidError."""

    async def reset_rule(self, name: str, caller: Caller) -> RuleView | None:
        """Take back what was changed by the API; None where the rule is gone by that."""

    async def try_rule(self, trial: RuleTrial) -> RuleTrialView:
        """What a rule about a metric would have fired on, from the minutes and hours that are stored.

        Of very many nodes only the first may be looked at. Raises UnknownItemError for the metric or a node,
        InvalidError, and NotPossibleError while another rule is tried.
        """

    def receivers(self) -> list[ReceiverView]:
        """Who is told of alerts, as configured."""

    async def test_alerts(self, caller: Caller) -> list[TestResult]:
        """Send a test notification to every receiver, now and without retries."""

    # Firmware.
    async def firmware(self) -> list[FirmwareView]: ...
    async def firmware_one(self, sha256: str) -> FirmwareView:
        """By the whole hash, or by its first 6 digits or more where that is one."""

    async def add_firmware(
        self, chunks: AsyncIterator[bytes], *, name: str, notes: str, caller: Caller
    ) -> tuple[FirmwareView, bool]:
        """Take a file as it streams in; and whether it is new. Raises FirmwareError for what is no
        firmware or is too large, before the rest of it is read.
        """

    async def check_firmware(self, chunks: AsyncIterator[bytes], *, name: str) -> FirmwareCheckView:
        """What a file is; nothing of it is kept. Raises FirmwareError for one that is too large or empty."""

    async def note_firmware(self, sha256: str, notes: str, caller: Caller) -> FirmwareView: ...
    async def remove_firmware(self, sha256: str, caller: Caller) -> None:
        """Raises ConflictError while a rollout that is under way needs it."""

    # Rollouts and updates.
    async def plan_rollout(self, spec: RolloutSpec) -> RolloutPlan: ...
    async def create_rollout(self, spec: RolloutSpec, caller: Caller) -> RolloutView: ...
    async def push(self, request: PushRequest, caller: Caller) -> RolloutView:
        """A plain update, as a rollout of one wave."""

    async def rollouts(
        self, *, state: Sequence[str] = (), limit: int = 100, before: str | None = None
    ) -> Page[RolloutSummary]:
        """Newest first; `before` is the cursor of the page before."""

    async def rollout(self, rollout_id: str) -> RolloutView: ...
    async def act(self, rollout_id: str, action: Action, caller: Caller, reason: str = "") -> RolloutView:
        """Raises NotPossibleError, saying what is possible now."""

    async def updates(
        self,
        *,
        rollout: str | None = None,
        kind: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[UpdateView]: ...
    async def update(self, update_id: str) -> UpdateView: ...
    async def attempts(
        self,
        *,
        node: int | None = None,
        rollout: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[AttemptView]: ...

    async def rollout_of_job(self, job: str) -> RolloutView | None:
        """The rollout whose spec names this job; None where none does. `create_rollout` and `push` raise
        ConflictError for a job that has one already, also after a restart.
        """

    def progress(self) -> list[ProgressView]:
        """Nodes in runs that are under way, from memory."""

    async def offers(self) -> dict[int, OfferView]:
        """For every node what it runs and what it could be updated to."""

    async def update_node(self, node_id: int, caller: Caller, firmware: str = "") -> RolloutView:
        """Update one node to what it is offered, or to a firmware of the library, through the queue. While
        such an update of it is under way, that one is returned. Raises UnknownItemError, NotPossibleError
        saying what is missing.
        """

    # Texts and commands through the mesh.
    def messages(self) -> Stream[Message]:
        """Texts from nodes, from now on; read it, for it holds the latest 1,000 only."""

    async def send_message(self, node_id: int | None, text: str, caller: Caller) -> None:
        """A text to one node, or to all. Raises UnknownItemError, NotPossibleError, InvalidError."""

    async def send_command(
        self, node_id: int | None, command: int, parameters: dict[str, Any], caller: Caller
    ) -> None:
        """A command of Alteriom's (package 400), to one node or to all. Raises as `send_message`."""

    # What happened.
    async def events(
        self,
        *,
        node: int | None = None,
        rollout: str | None = None,
        kind: str | None = None,
        severity: str | None = None,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> Page[EventView]:
        """Newest first; with `after`, what came since that id, oldest first."""

    async def audit(self, *, limit: int = 100, before: int | None = None) -> Page[AuditView]: ...
    async def verify_audit(self) -> AuditCheck: ...

    # Tokens.
    async def tokens(self) -> list[TokenView]: ...
    async def create_token(self, new: NewToken, caller: Caller) -> MadeToken: ...
    async def revoke_token(self, token_id: str, caller: Caller) -> TokenView: ...
    async def authenticate(self, secret: str) -> Caller | None:
        """Who holds this token; None for one that is not known, expired or revoked."""

    # The gateway itself.
    def health(self) -> HealthView: ...
    async def settings(self) -> SettingsView: ...
    async def patch_settings(self, patch: SettingsPatch, caller: Caller) -> SettingsView: ...

    async def dashboard(self) -> DashboardView: ...
    async def patch_dashboard(self, patch: DashboardPatch, caller: Caller) -> DashboardView:
        """Raises InvalidError for too many positions or views."""

    async def about(self) -> AboutView: ...
    def bridges(self) -> list[BridgeView]:
        """Bridges to other programs, and how they do."""

    def backup(self, caller: Caller) -> AbstractAsyncContextManager[Path]:
        """A backup of everything as a file, which is gone afterwards; one at a time.

        Raises NotPossibleError while another is made, StoreError, StoreFullError.
        """

    # Idempotency of actions.
    async def recall(self, key: str, caller: Caller, fingerprint: str) -> tuple[int, Any] | None:
        """What was answered under this key: status and body. Raises ConflictError for another request
        under the same key.
        """

    async def remember(self, key: str, caller: Caller, fingerprint: str, status: int, body: Any) -> None: ...
