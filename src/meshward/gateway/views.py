"""What the gateway shows to the outside: the values of the API, field by field.

Times named `_at` are ISO 8601 in UTC. Texts of boards are cleaned before they get here.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

import msgspec

from meshward.rollout.documents import WaveEntry
from meshward.rollout.spec import RolloutSpec

T = TypeVar("T")

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""Each may do what those before it may."""


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A part of a list. `next` is the cursor for the part after it, null at the end."""

    items: list[T]
    total: int
    next: str | None = None


class NodeView(msgspec.Struct, kw_only=True):
    """A node of the mesh, in it now or once seen."""

    id: int
    name: str = ""
    """The user's name for it."""
    online: bool
    parent: int | None = None
    """Its neighbour on the way to us; null where it hangs below us, or is offline."""
    depth: int | None = None
    children: list[int] = []
    hardware: str = ""
    role: str = ""
    version: str = ""
    firmware: str = ""
    """SHA-256 of the firmware it was last proven to run."""
    proven_how: str = ""
    proven_at: str | None = None
    tags: list[str] = []
    excluded: bool = False
    """Left out of every update."""
    exclusion_reason: str = ""
    capabilities: list[str] = []
    first_seen_at: str | None = None
    last_seen_at: str | None = None
    up_since_at: str | None = None
    """Since when it is in the mesh without a break."""
    delay_ms: float | None = None
    free_heap_bytes: int | None = None
    """As it reported last; null where it does not report."""
    update_state: str | None = None
    """Its state in the rollout that is under way."""
    rollout: str | None = None
    health: int | None = None
    """Its score, from 0 to 100."""
    alerts: int = 0
    """Of its own that are firing, the explained ones left out."""


class ParentChange(msgspec.Struct, kw_only=True):
    """A node got another parent."""

    at: str
    parent: int | None
    """Null where it left the mesh."""


class AttemptView(msgspec.Struct, kw_only=True):
    """What came of one node in one run."""

    node: int
    update: str
    rollout: str
    kind: str
    firmware: str
    state: str
    reason: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    attempts: int = 0
    repaired_parts: int = 0


class NodeDetail(NodeView, kw_only=True):
    """A node and its history."""

    parents: list[ParentChange] = []
    attempts: list[AttemptView] = []


class NodePatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a user may say of a node; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    excluded: bool | msgspec.UnsetType = msgspec.UNSET
    exclusion_reason: str | msgspec.UnsetType = msgspec.UNSET


class TopologyView(msgspec.Struct, kw_only=True):
    """The mesh as a flat tree: our node first, parents before their children."""

    own_id: int
    nodes: list[TopologyNode]


class TopologyNode(msgspec.Struct, kw_only=True):
    """A node in the tree."""

    id: int
    parent: int | None
    depth: int
    root: bool = False


class FirmwareView(msgspec.Struct, kw_only=True):
    """A firmware of the library."""

    sha256: str
    md5: str
    name: str
    """The name of the file it came as."""
    size_bytes: int
    what: str
    hardware: str | None = None
    chip: str | None = None
    project: str = ""
    version: str = ""
    intact: bool = True
    signature: str = ""
    """How it is signed, "" where it is not."""
    notes: str = ""
    added_at: str
    added_by: str
    running: int = 0
    """Nodes that were last proven to run it."""
    inspection: dict[str, Any] = {}


class NodeEntryView(msgspec.Struct, kw_only=True):
    """A node in a rollout."""

    node: int
    name: str = ""
    hardware: str = ""
    role: str = ""
    wave: int | None = None
    state: str
    reason: str | None = None
    error: str | None = None
    image: str = ""
    attempts: int = 0
    parts_done: int = 0
    parts: int = 0


class RolloutSummary(msgspec.Struct, kw_only=True):
    """A rollout in a list."""

    id: str
    name: str
    state: str
    reason: str = ""
    wave: int = 0
    wave_names: list[str]
    counts: dict[str, int]
    """Nodes by state."""
    created_at: str
    created_by: str
    started_at: str | None = None
    ended_at: str | None = None
    actions: list[str]
    """What can be done with it now."""
    failure: str = ""


class RolloutView(RolloutSummary, kw_only=True):
    """A rollout whole."""

    spec: RolloutSpec
    waves: list[WaveEntry]
    nodes: list[NodeEntryView]
    soak_left_s: float | None = None
    sent_bytes: int = 0


class RolloutPlan(msgspec.Struct, kw_only=True):
    """What a rollout would do, before anything is sent (dry run).

    Stock boards tell their role and what they run only when asked; so this is what is known by now.
    """

    waves: list[PlannedWave]
    already_installed: list[int]
    not_targeted: dict[str, str]
    """Node id to reason."""
    unknown: list[int]
    """Nodes whose role or hardware is not known yet: the survey at the start asks them."""
    bytes_all_links: int
    estimated_s: float
    rollback: dict[str, str]
    """Hardware to the firmware that would be rolled back to, "" where that is not known."""
    warnings: list[str]


class PlannedWave(msgspec.Struct, kw_only=True):
    """Who is in which wave."""

    name: str
    nodes: list[int]
    soak_s: float


class UpdateView(msgspec.Struct, kw_only=True):
    """One run over some nodes; see `rollout.states.RunKind`."""

    id: str
    rollout: str
    kind: str
    firmware: str
    hardware: str
    role: str
    open: bool
    strategy: str
    started_at: str
    ended_at: str | None = None
    counts: dict[str, int]
    sent_bytes: int
    all_links_bytes: int
    nodes: list[AttemptView] = []


class PushRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A plain update: one firmware to all boards of a role, at once and without waves."""

    firmware: str
    """SHA-256 of the library's."""
    role: str
    nodes: list[int] = []
    exclude: list[int] = []
    strategy: Literal["auto", "broadcast", "sequential", "stock"] = "auto"
    compress: Literal["auto", "never", "gzip"] = "auto"
    part_bytes: int | None = None
    force: bool = False
    chip: str | None = None
    job: str = ""
    """Of the program that asks: a second push with the same one is refused."""


class EventView(msgspec.Struct, kw_only=True):
    """Something that happened."""

    id: int
    at: str
    kind: str
    severity: str
    text: str
    node: int | None = None
    rollout: str | None = None


class AuditView(msgspec.Struct, kw_only=True):
    """An entry of the audit log, chained to the one before by its hash."""

    id: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


class AuditCheck(msgspec.Struct, kw_only=True):
    """Whether the audit log is whole."""

    ok: bool
    entries: int
    head: str
    """Hash of the newest entry; write it down elsewhere to notice a shortened log."""
    broken_at: int | None = None
    problem: str = ""


class TokenView(msgspec.Struct, kw_only=True):
    """A token; its secret is shown once, when it is made."""

    id: str
    name: str
    role: Role
    created_at: str
    created_by: str
    expires_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A token to be made."""

    role: Role
    name: str = ""
    expires_in_s: float | None = None


class MadeToken(TokenView, kw_only=True):
    """A token just made."""

    token: str
    """The secret: shown now and never again."""


class SettingsView(msgspec.Struct, kw_only=True):
    """Settings that can be changed while the gateway runs, and what it was started with."""

    updates_paused: bool = False
    """Whether no run is started, of any rollout."""
    updates_at_once: int = 1
    """Runs under way at the same time, each on nodes of its own."""
    probe_every_s: float = 60.0
    """How often each node's delay is measured."""
    fixed: dict[str, Any] = {}
    """What needs a restart to change."""


class SettingsPatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Settings to change; what is left out stays."""

    updates_paused: bool | msgspec.UnsetType = msgspec.UNSET
    updates_at_once: int | msgspec.UnsetType = msgspec.UNSET
    probe_every_s: float | msgspec.UnsetType = msgspec.UNSET


class Check(msgspec.Struct, kw_only=True):
    """One thing looked at, by `health` or `doctor`."""

    name: str
    ok: bool
    text: str
    remedy: str = ""


class HealthView(msgspec.Struct, kw_only=True):
    """How the gateway itself does."""

    ok: bool
    version: str
    uptime_s: float
    mesh_connected: bool
    nodes_online: int
    nodes_known: int
    own_id: int | None = None
    neighbours: list[int] = []
    store_writable: bool
    alarms: list[str] = []
    rollouts_active: int = 0
    stream_clients: int = 0
