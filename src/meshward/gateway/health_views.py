"""What the gateway shows of health: the values of the API, field by field.

Times named `_at` are ISO 8601 in UTC. Texts of boards are cleaned before they get here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

POINTS_MAX = 20_000
"""Of history at once: a week by the half minute, in about a megabyte."""
DEADLINE_S = (1.0, 10.0)
"""How long answers can be waited for."""
MAX_AGE_S_MAX = 300.0
"""Questions that are over are remembered for no longer than this is of use."""
SILENCE_S_MAX = 366 * 86_400.0
"""A year: what is to be quiet for longer is better switched off."""


class MetricView(msgspec.Struct, kw_only=True):
    """A metric, in the catalogue of all."""

    name: str
    kind: Literal["gauge", "counter"]
    """Counters are shown as rates per second in history."""
    unit: str
    words: str


class ReadingView(msgspec.Struct, kw_only=True):
    """The last value of a metric."""

    value: float
    age_s: float
    """Of the measurement, not of its arrival."""
    source: str
    """"mesh" for what we see ourselves, "telemetry", "query", or the number of a report's package."""


class ScorePart(msgspec.Struct, kw_only=True):
    """Why a score is not 100."""

    points: int
    """Taken off."""
    reason: str


class Score(msgspec.Struct, kw_only=True):
    """Health from 0 to 100: 100 less its parts, never below 0."""

    value: int
    parts: list[ScorePart] = []


class AnomalyView(msgspec.Struct, kw_only=True):
    """A metric that is unlike itself, or unlike that of its peers."""

    kind: Literal["self", "peers"]
    metric: str
    value: float
    usual: float
    since_at: str | None = None


class LeakView(msgspec.Struct, kw_only=True):
    """A heap that runs out."""

    bytes_per_h: float
    hours_left: float
    hours_low: float
    hours_high: float
    """90 % interval."""


class NodeStatus(msgspec.Struct, kw_only=True):
    """All that is known of a node's health."""

    node: int
    name: str = ""
    online: bool
    health: Score
    parent: int | None = None
    depth: int | None = None
    hardware: str = ""
    role: str = ""
    version: str = ""
    tells: list[str] = []
    """Sources that it was heard through: "mesh" alone for an unmodified board."""
    silent_s: float | None = None
    """Since something was heard of it by itself."""
    metrics: dict[str, ReadingView] = {}
    texts: dict[str, str] = {}
    restarts: list[str] = []
    """When it restarted, the latest last."""
    boots: int = 0
    """Restarts that were noticed since the gateway started."""
    boot_at: str | None = None
    """When it booted, by its uptime; stays while later ones say nearly the same. Null where it tells none."""
    anomalies: list[AnomalyView] = []
    leak: LeakView | None = None
    alerts: list[str] = []
    """Ids of its alerts that are firing."""
    lost_frames: int = 0
    """Telemetry frames that did not arrive, since the gateway started."""
    refused: int = 0
    """Values and packages of it that could not be, since the gateway started."""
    last_refused: str = ""


class Coverage(msgspec.Struct, kw_only=True):
    """How much of the mesh an answer is about."""

    nodes: int
    """That were asked, or are in the mesh."""
    answered: int
    """Of these, by themselves within the time asked for."""
    oldest_s: float | None = None
    """Age of the oldest answer."""
    silent: list[int] = []
    text: str
    """As "47 of 50 answered, oldest 58 s, 3 silent: Kitchen, 1005, 1009"."""


class MeshStatus(msgspec.Struct, kw_only=True):
    """The health of the whole mesh."""

    at: str
    summary: str
    """One sentence."""
    health: Score
    coverage: Coverage
    articulation: list[int] = []
    """Nodes with others behind them, the most first: what the mesh falls apart without."""
    nodes: list[NodeStatus]


class HistoryPoint(msgspec.Struct, kw_only=True, array_like=True):
    """One step: Unix seconds of its beginning, mean, least, most, and how many samples; none in a gap."""

    at_s: float
    mean: float | None
    low: float | None
    high: float | None
    count: int


class HistoryNote(msgspec.Struct, kw_only=True):
    """Something that happened to the node in the time shown: for the chart's margin."""

    at: str
    kind: str
    """"restart", "move", "update", "anomaly", "alert", "left" or "joined"."""
    text: str


class HistoryView(msgspec.Struct, kw_only=True):
    """A metric over time. Counters are rates per second."""

    node: int
    metric: str
    unit: str
    start: str
    end: str
    resolution_s: float
    """0 for the samples as they came."""
    points: list[HistoryPoint]
    notes: list[HistoryNote] = []


QueryGroup = Literal["heap", "link", "traffic", "power", "firmware"]
"""Groups of fields that can be asked for."""


class QueryRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to ask of whom; all nodes where neither nodes nor role are named."""

    nodes: list[int] = []
    role: str = ""
    groups: list[QueryGroup] = []
    """Empty for all."""
    deadline_s: float = 8.0
    max_age_s: float = 10.0
    """The same question will do that somebody else asked within this time, if answers to it were waited for
    as long; 0 asks anew.
    """


class QueryAnswer(msgspec.Struct, kw_only=True):
    """What one node answered, or what is known of it."""

    node: int
    name: str = ""
    answered: bool
    """Whether it did, in time; else `metrics` is what was known before."""
    how: Literal["asked", "known", "silent"]
    """known: a board that cannot be asked; silent: one that could, and did not answer, or that is not in the
    mesh and was not asked.
    """
    age_s: float | None = None
    metrics: dict[str, ReadingView] = {}
    texts: dict[str, str] = {}


class QueryView(msgspec.Struct, kw_only=True):
    """The answers of all, put together."""

    id: str
    asked_at: str
    """When the question was put to the nodes; with `cached` or a shared one before the request."""
    took_s: float
    """Since the request."""
    cached: bool = False
    """Whether it was over before the request."""
    coverage: Coverage
    answers: list[QueryAnswer]
    totals: dict[str, QueryTotal] = {}
    """By metric, over those that answered."""


class QueryTotal(msgspec.Struct, kw_only=True):
    """A metric over several nodes."""

    count: int
    low: float
    median: float
    high: float
    lowest: int
    """The node with the lowest value."""
    highest: int


class AlertView(msgspec.Struct, kw_only=True):
    """An alert."""

    id: str
    fingerprint: str
    rule: str
    severity: Literal["info", "warning", "critical"]
    state: Literal["pending", "firing", "resolved"]
    quiet: str = ""
    """Why nobody is told: "acknowledged", "silenced", "maintenance", "explained", "flapping"; "" for told."""
    text: str
    advice: str = ""
    labels: dict[str, str] = {}
    node: int | None = None
    name: str = ""
    value: float | None = None
    threshold: float | None = None
    behind: list[int] = []
    since_at: str
    fired_at: str | None = None
    resolved_at: str | None = None
    acked_by: str = ""
    acked_at: str | None = None
    ack_note: str = ""
    explained_by: str = ""
    """Fingerprint of the alert that this one follows from."""
    silence: str = ""
    """Id of the silence or maintenance window."""


class AckRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What may be said with it."""

    note: Annotated[str, msgspec.Meta(max_length=400)] = ""


class NewSilence(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A silence or maintenance window to be made. It fits alerts that fit everything named."""

    kind: Literal["silence", "maintenance"] = "silence"
    rules: list[str] = []
    nodes: list[int] = []
    tags: list[str] = []
    duration_s: float | None = None
    """From its start; or give `ends_at`."""
    starts_at: str | None = None
    """Now, where not given."""
    ends_at: str | None = None
    reason: Annotated[str, msgspec.Meta(max_length=400)] = ""


class SilenceView(msgspec.Struct, kw_only=True):
    """A silence or maintenance window."""

    id: str
    kind: Literal["silence", "maintenance"]
    state: Literal["waiting", "active", "over"]
    rules: list[str] = []
    nodes: list[int] = []
    tags: list[str] = []
    starts_at: str
    ends_at: str
    reason: str = ""
    created_by: str
    created_at: str
    ended_by: str = ""


class RuleView(msgspec.Struct, kw_only=True):
    """A rule as it is in force."""

    name: str
    about: str
    """What it watches, in a sentence."""
    enabled: bool
    severity: Literal["info", "warning", "critical"]
    metric: str = ""
    """For rules about one metric."""
    direction: Literal["above", "below", ""] = ""
    threshold: float | None = None
    clear: float | None = None
    """Where it counts as over."""
    unit: str = ""
    for_s: float
    keep_firing_s: float
    nodes: list[int] = []
    tags: list[str] = []
    """Whom it is about; all where both are empty."""
    origin: Literal["default", "file", "api"]
    """Where it was last changed."""
    custom: bool = False
    """Whether it is none of ours."""


class RulePatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change of a rule; a new one needs metric, direction and threshold."""

    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    severity: Literal["info", "warning", "critical"] | msgspec.UnsetType = msgspec.UNSET
    metric: str | msgspec.UnsetType = msgspec.UNSET
    direction: Literal["above", "below"] | msgspec.UnsetType = msgspec.UNSET
    threshold: float | msgspec.UnsetType = msgspec.UNSET
    clear: float | msgspec.UnsetType = msgspec.UNSET
    for_s: float | msgspec.UnsetType = msgspec.UNSET
    keep_firing_s: float | msgspec.UnsetType = msgspec.UNSET
    nodes: list[int] | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET


class TestResult(msgspec.Struct, kw_only=True):
    """What came of a test notification."""

    receiver: str
    """Its name in the configuration; no secret in it."""
    ok: bool
    text: str
