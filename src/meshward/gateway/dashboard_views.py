"""What the gateway shows for its dashboard beyond nodes, health and rollouts: the values of the API.

Times named `_at` are ISO 8601 in UTC. Texts of boards are cleaned before they get here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

DAYS_MAX = 90
"""Of availability at once."""
MOVES_MAX = 5_000
"""Places of nodes given at once; the oldest are left out."""
POSITIONS_MAX = 2_000
"""Nodes whose place on the map is kept."""
SAVED_VIEWS_MAX = 50
ViewName = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
"""Of a saved view; case makes no difference."""


class MoveView(msgspec.Struct, kw_only=True):
    """A node got another parent, joined or left."""

    at: str
    node: int
    parent: int | None
    """Its neighbour on the way to us, our own id below us; null where it left the mesh."""
    before: int | None = None
    """The same before; null where it was not in the mesh."""


class MovesView(msgspec.Struct, kw_only=True):
    """What changed in the tree, oldest first. Undone one by one, they lead back from the tree of now."""

    start: str
    """Later than asked for where there were too many moves."""
    end: str
    moves: list[MoveView]


class NodeAvailability(msgspec.Struct, kw_only=True):
    """A node day by day."""

    node: int
    days: list[float | None]
    """Share of the day that it was in the mesh, from 0 to 1; null where it was not known yet."""
    ratio: float | None
    """Over all days."""


class AvailabilityView(msgspec.Struct, kw_only=True):
    """How much of the time nodes were in the mesh. Time in which the gateway did not run does not count."""

    first_day: str
    """"2026-11-25", in UTC; the last day is today, until now."""
    days: int
    mesh: list[float | None]
    """Mean over all nodes."""
    nodes: list[NodeAvailability]


class MeshHistoryPoint(msgspec.Struct, kw_only=True, array_like=True):
    """One step: Unix seconds of its beginning, then over the means of the nodes least, median, most and sum,
    and how many nodes told it; null in a gap.
    """

    at_s: float
    low: float | None
    median: float | None
    high: float | None
    total: float | None
    nodes: int


class MeshHistoryView(msgspec.Struct, kw_only=True):
    """A metric of many nodes over time. Counters are rates per second."""

    metric: str
    unit: str
    start: str
    end: str
    resolution_s: float
    points: list[MeshHistoryPoint]


class RuleTrial(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A rule about a metric to be tried on what was measured."""

    metric: str
    direction: Literal["above", "below"]
    threshold: float
    clear: float | None = None
    """Where it counts as over; the threshold itself where not given."""
    for_s: float = 0.0
    keep_firing_s: float = 0.0
    nodes: list[int] = []
    tags: list[str] = []
    days: Annotated[float, msgspec.Meta(gt=0, le=30)] = 7.0


class TrialEpisode(msgspec.Struct, kw_only=True):
    """It would have fired."""

    node: int
    name: str = ""
    from_at: str
    until_at: str | None = None
    """Null where it would fire now."""
    worst: float


class RuleTrialView(msgspec.Struct, kw_only=True):
    """What a rule would have fired on."""

    metric: str
    unit: str
    days: float
    """Looked at: no more than there is."""
    nodes: int
    """Nodes with values in this time."""
    count: int
    """Episodes in all."""
    episodes: list[TrialEpisode]
    """The newest, 200 at most."""
    resolution_s: float
    text: str
    """As "4 times in 7 days, on 2 of 48 nodes"."""


class PackageView(msgspec.Struct, kw_only=True):
    """A package as it arrived from a node."""

    at: str
    type: int
    what: str
    """The name of its type, "" for one that we do not know."""
    size_bytes: int
    package: dict[str, Any]
    """Texts in it are cleaned, and long ones cut."""
    cut: bool = False


class PingView(msgspec.Struct, kw_only=True):
    """A delay measured on request."""

    node: int
    answered: bool
    delay_ms: float | None = None
    """There and back, halved."""
    waited_s: float


class FirmwareCheckView(msgspec.Struct, kw_only=True):
    """What a file is, before it is taken into the library. `inspection` as of FirmwareView."""

    name: str
    sha256: str
    md5: str
    size_bytes: int
    what: str
    hardware: str | None = None
    chip: str | None = None
    project: str = ""
    version: str = ""
    known: bool = False
    """Whether the library has it already."""
    taken: bool
    """Whether the library would take it."""
    refusal: str = ""
    """Why not, and what to do."""
    inspection: dict[str, Any] = {}


class NodeNumbers(msgspec.Struct, kw_only=True):
    """The latest values of a node that tables show, in as few bytes as can be."""

    node: int
    metrics: dict[str, float]
    silent_s: float | None = None
    reboots: int = 0
    """Restarts in the last 24 hours."""


class NumbersView(msgspec.Struct, kw_only=True):
    """The latest values of all nodes."""

    at: str
    summary: str
    """One sentence on the mesh, as of MeshStatus."""
    health: dict[str, Any]
    """The score of the mesh, as of MeshStatus."""
    coverage: str
    articulation: list[int] = []
    nodes: list[NodeNumbers]


class MapPosition(msgspec.Struct, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """Where somebody put a node on the map: in units of the map, the root at 0, 0."""

    x: Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
    y: Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]


class SavedView(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A view of the table of nodes that somebody saved for all."""

    name: ViewName
    query: Annotated[str, msgspec.Meta(max_length=1000)]
    """Filter, order and columns as they stand in the page's address."""


class DashboardView(msgspec.Struct, kw_only=True):
    """What the dashboard keeps for all who look at it."""

    positions: dict[str, MapPosition] = {}
    """By node id."""
    views: list[SavedView] = []


class DashboardPatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change of it; what is left out stays."""

    positions: dict[str, MapPosition | None] | msgspec.UnsetType = msgspec.UNSET
    """Of these nodes; null puts one back where the layout has it."""
    clear_positions: bool = False
    """Forget all positions first."""
    save_view: SavedView | msgspec.UnsetType = msgspec.UNSET
    """In place of the one of this name, or beside all others."""
    drop_view: ViewName | msgspec.UnsetType = msgspec.UNSET
    """Forget the view of this name; one that is not there does no harm."""


class PartView(msgspec.Struct, kw_only=True):
    """A library that Meshward is made of."""

    name: str
    version: str
    licence: str
    where: Literal["gateway", "browser"]


class AboutView(msgspec.Struct, kw_only=True):
    """What runs here."""

    version: str
    python: str
    system: str
    """"" for viewers."""
    data: str
    """Path of the data directory; "" for viewers."""
    database_bytes: int
    firmware_bytes: int
    parts: list[PartView]


class ReceiverView(msgspec.Struct, kw_only=True):
    """Somebody who is told of alerts; no secret in it."""

    name: str
    kind: str
    """"webhook", "mail" or "apprise"."""


class LoginLink(msgspec.Struct, kw_only=True):
    """A way in for a browser, once and for a short time: the page at `path` hands `code` in by itself."""

    code: str
    path: str
    """Below the gateway's address, as "#/login/…"."""
    expires_in_s: float
