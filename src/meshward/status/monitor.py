"""The health of a mesh as a core: events in, facts, samples, alerts and packages out.

Like the rollout engine it has no clock of its own: `now_us` is the driver's monotonic time, `wall_s` (Unix
seconds, set by the driver) only dates what is kept. What it says is stored by whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from meshnode.tree import Tree
from meshnode.wire import STATUS_REPORT, TELEMETRY, WireError
from meshward.ota.commands import Command, Send
from meshward.ota.shape import Shape
from meshward.status.alerts.engine import AlertEngine
from meshward.status.alerts.notify import NotifySettings
from meshward.status.alerts.rules import RuleBook
from meshward.status.answers import read_answer
from meshward.status.asking.questions import Questions
from meshward.status.asking.subscriptions import Subscriptions
from meshward.status.asking.voices import Voices
from meshward.status.facts import FailedUpdate, MeshFacts, NodeFacts
from meshward.status.reports import is_report, read_samples
from meshward.status.samples import Sample
from meshward.status.state import FleetState
from meshward.status.telemetry import TelemetryDecoder
from meshward.status.watch import Watch

TICK_US = 5_000_000
"""How often rules are looked at, where nobody says."""
MESH_SAMPLE_US = 60_000_000
"""How often what we see of every node ourselves is kept."""
RESTART_NOTE_US = 10_000_000
"""Least time between two restarts of a node in the event log: one that makes them up does not fill it."""
LATE_US = 6 * 3_600_000_000
"""What was measured longer ago is not kept: hours that were rolled up would have to be again."""
CLOCK_SET_S = 5.0
"""By more than that our wall clock was set; less is the time between two looks at the clocks, on a slow disk
too.
"""
SAMPLES_MAX = 200_000
"""Kept while the disk takes nothing: an hour of a large mesh; the oldest are dropped first."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the gateway knows of a node from elsewhere."""

    name: str = ""
    tags: tuple[str, ...] = ()
    excluded: bool = False
    hardware: str = ""
    role: str = ""
    version: str = ""
    firmware: str = ""
    """SHA-256 of what it was last proven to run."""
    firmware_md5: str = ""
    updating: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample, and when it was measured."""

    at_s: float
    sample: Sample


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the event log."""

    kind: str
    """"node.restarted" or "node.anomaly"."""
    text: str
    severity: Literal["info", "warning", "error"]
    node: int


@dataclass(slots=True)
class Surroundings:
    """What the gateway tells before each tick."""

    identities: Mapping[int, Identity] = field(default_factory=dict)
    failed_updates: tuple[FailedUpdate, ...] = ()
    clock_is_sane: bool = True


class Monitor:
    """Fed by the driver of the mesh."""

    def __init__(
        self,
        rng: Random,
        rules: RuleBook | None = None,
        notify: NotifySettings | None = None,
        *,
        telemetry: bool = True,
    ) -> None:
        """telemetry: whether boards are asked for it."""
        self.wall_s = 0.0
        self.around = Surroundings()
        self.fleet = FleetState()
        self.voices = Voices()
        self.questions = Questions(self.voices, rng)
        self.decoder = TelemetryDecoder()
        self.alerts = AlertEngine(rules or RuleBook(), rng, notify)
        self.watch = Watch()
        self.facts = MeshFacts(0, 0.0)
        """As of the last tick."""
        self.zero_s = 0.0
        """Unix seconds at our clock's 0; steady while the wall clock is not set. For moments long past."""
        self.tick_us = TICK_US
        self.on_own_words: Callable[[Sample, int], None] = lambda _sample, _now_us: None
        """Called with what our own boards tell, and when it was measured; the driver's to set."""
        self.on_kept: Callable[[Kept], None] = lambda _kept: None
        """Called with every sample once, as it comes, stored or not; the gateway's to set."""
        self.lost_frames: dict[int, int] = {}
        """Telemetry that did not arrive, by node."""
        self._subscriptions = Subscriptions(self.voices, rng) if telemetry else None
        self._kept: list[Kept] = []
        self._notes: list[Note] = []
        self._restart_noted_us: dict[int, int] = {}
        self._tick_due_us = 0
        self._mesh_due_us = 0
        self._members: frozenset[int] = frozenset()

    # -- what the driver tells ---------------------------------------------------------------

    def on_tree(self, tree: Tree, now_us: int) -> None:
        """The mesh as it is now."""
        shape = Shape(tree)
        parents = {
            node: None if shape.parents[node] == shape.own_id else shape.parents[node]
            for node in shape.node_ids
        }
        for node in self.fleet.on_tree(parents, now_us):
            self.forget(node)
        members = frozenset(parents)
        if self._subscriptions is not None:
            self._subscriptions.on_nodes(
                sorted(members - self._members), sorted(self._members - members), now_us
            )
        self._members = members
        self._tick_due_us = min(self._tick_due_us, now_us + 1_000_000)

    def on_package(self, package: Mapping[str, Any], via: int | None, now_us: int) -> bool:
        """A package for us, which came through the neighbour `via`; whether it was looked at.

        Others than those about health, parts of firmware say, are signs of life, and no flood.
        """
        sender, kind = package.get("from"), package.get("type")
        if not isinstance(sender, int) or isinstance(sender, bool) or not isinstance(kind, int):
            return False
        if kind not in {TELEMETRY, STATUS_REPORT} and not is_report(package):
            self.fleet.on_sign_of_life(sender, via, now_us)
            return False
        if not self.fleet.on_package(sender, via, now_us):
            return False
        if kind == TELEMETRY:
            self._on_telemetry(sender, package, now_us)
        elif kind == STATUS_REPORT:
            self._on_answer(sender, package, now_us)
        else:
            self.voices.heard(sender, kind, is_report=True)
            for sample in read_samples(package):
                self.take(sample, now_us)
                if sample.node == sender:
                    self.questions.on_report(sample, now_us)
        return True

    def take(self, sample: Sample, now_us: int) -> bool:
        """Something was told of a node; whether any of it is the latest that is known."""
        taken = self.fleet.on_sample(sample, now_us)
        if taken.restarted:
            self.voices.restarted(sample.node)
            self.watch.restarted(sample.node, now_us)
            self._note_restart(sample.node, now_us)
        if taken.values:
            measured_us = now_us - sample.age_us
            self.watch.on_values(sample.node, taken.values, measured_us, self.wall_s - sample.age_us / 1e6)
        if (taken.values or taken.late) and sample.age_us <= LATE_US:
            self._keep(
                Sample(
                    sample.node,
                    sample.source,
                    {**taken.values, **taken.late},
                    age_us=sample.age_us,
                    uptime_s=sample.uptime_s,
                    boots=sample.boots,
                )
            )
        return bool(taken.values)

    def on_delay(self, node: int, delay_us: int, offset_us: int, now_us: int) -> None:
        """A node answered a delay measurement; `offset_us` is its mesh time minus ours."""
        self.fleet.on_delay(node, delay_us, offset_us, now_us)

    def on_probe(self, node: int, now_us: int, *, counts: bool = True) -> None:
        """A node is asked for its delay now; `counts`: for its loss as well."""
        self.fleet.on_probe(node, now_us, counts=counts)

    def forget(self, node: int) -> None:
        """Drop a node that is not in the mesh."""
        self.fleet.forget(node)
        self.decoder.forget(node)
        self.voices.forget(node)
        self.questions.forget(node)
        self.watch.forget(node)
        self.alerts.forget(node)
        self.lost_frames.pop(node, None)
        self._restart_noted_us.pop(node, None)
        if self._subscriptions is not None:
            self._subscriptions.forget(node)

    def look(self, now_us: int) -> None:
        """Bring the facts up to date, without looking at the rules."""
        self.facts = facts = self._facts(now_us)
        zero_s = self.wall_s - now_us / 1e6
        if abs(zero_s - self.zero_s) > CLOCK_SET_S:
            self.zero_s = zero_s
        for node, text in self.watch.look(facts.nodes, now_us):
            self._note("node.anomaly", text, "info", node)

    # -- what the driver takes ---------------------------------------------------------------

    def commands(self, now_us: int) -> list[Command]:
        """Do what is due, and give what is to be sent."""
        self.questions.handle_deadline(now_us)
        if now_us >= self._mesh_due_us:
            self._keep_mesh_samples(now_us)
        if now_us >= self._tick_due_us:
            self._tick(now_us)
        packages = self.questions.take_commands()
        if self._subscriptions is not None and self._members:
            packages += self._subscriptions.take_commands(now_us)
        return [Send(package) for package in packages]

    def next_deadline_us(self) -> int:
        """When `commands` wants to be called."""
        moments = [self._tick_due_us, self._mesh_due_us, self.questions.next_deadline_us()]
        if self._subscriptions is not None and self._members:
            moments.append(self._subscriptions.next_deadline_us())
        return min(due_us for due_us in moments if due_us is not None)

    def take_samples(self) -> list[Kept]:
        """What is to be stored; cleared."""
        kept, self._kept = self._kept, []
        return kept

    def give_back(self, kept: list[Kept]) -> None:
        """These could not be stored."""
        self._kept[:0] = kept
        del self._kept[:-SAMPLES_MAX]

    def take_notes(self) -> list[Note]:
        """What is worth telling; cleared."""
        notes, self._notes = self._notes, []
        return notes

    def give_back_notes(self, notes: list[Note]) -> None:
        """These could not be stored."""
        self._notes[:0] = notes

    # -- inside ------------------------------------------------------------------------------

    def _on_telemetry(self, sender: int, package: Mapping[str, Any], now_us: int) -> None:
        try:
            decoded = self.decoder.receive(package, now_us)
        except WireError as error:
            self.fleet.on_refused(sender, str(error), now_us)
            return
        self.voices.heard(sender, TELEMETRY, is_report=False)
        if self._subscriptions is not None:
            self._subscriptions.on_telemetry(sender, now_us)
            if decoded.resync:
                self._subscriptions.want_snapshot(sender, now_us)
        if decoded.lost:
            self.lost_frames[sender] = self.lost_frames.get(sender, 0) + decoded.lost
        for sample in decoded.samples:
            if self.take(sample, now_us):
                self.on_own_words(sample, now_us - sample.age_us)

    def _on_answer(self, sender: int, package: Mapping[str, Any], now_us: int) -> None:
        sample = read_answer(package)
        if sample is None:
            self.fleet.on_refused(sender, "an answer that cannot be read", now_us)
            return
        self.voices.heard(sender, STATUS_REPORT, is_report=False)
        if self.take(sample, now_us):
            self.on_own_words(sample, now_us)
        self.questions.on_answer(package, sample, now_us)

    def _keep(self, sample: Sample) -> None:
        kept = Kept(self.wall_s - sample.age_us / 1e6, sample)
        self.on_kept(kept)
        self._kept.append(kept)
        if len(self._kept) > SAMPLES_MAX:
            del self._kept[: SAMPLES_MAX // 10]

    def _keep_mesh_samples(self, now_us: int) -> None:
        """What we see of every node ourselves; nothing while we see nobody."""
        self._mesh_due_us = now_us + MESH_SAMPLE_US
        if not self._members:
            return
        for node in self.fleet.nodes():
            sample = self.fleet.mesh_sample(node, now_us)
            self.watch.on_values(node, sample.values, now_us, self.wall_s)
            self._keep(sample)

    def _tick(self, now_us: int) -> None:
        self._tick_due_us = now_us + self.tick_us
        self.look(now_us)
        self.alerts.evaluate(self.facts)

    def _facts(self, now_us: int) -> MeshFacts:
        identities = self.around.identities
        nodes: dict[int, NodeFacts] = {}
        depths = self.fleet.depths()
        for node in self.fleet.nodes():
            known = identities.get(node, _NOBODY)
            facts = NodeFacts(
                node,
                known.name,
                known.tags,
                known.excluded,
                known.hardware or self.fleet.text(node, "hardware"),
                known.role or self.fleet.text(node, "role"),
                known.version or self.fleet.text(node, "version"),
                known.firmware,
                known.firmware_md5,
                self.fleet.text(node, "firmware_md5"),
                depth=depths.get(node, 0),
                updating=known.updating,
            )
            self.fleet.fill(facts, node, now_us)
            nodes[node] = facts
        strangers = self.fleet.strangers(now_us)
        return MeshFacts(
            now_us=now_us,
            wall_s=self.wall_s,
            nodes=nodes,
            connected=bool(self._members),
            failed_updates=self.around.failed_updates,
            clock_is_sane=self.around.clock_is_sane,
            unknown_senders_per_min=strangers.per_min,
            unknown_sender_via=strangers.via,
        )

    def _note_restart(self, node: int, now_us: int) -> None:
        before_us = self._restart_noted_us.get(node)
        if before_us is None or now_us - before_us >= RESTART_NOTE_US:
            self._restart_noted_us[node] = now_us
            self._note("node.restarted", "restarted", "warning", node)

    def _note(self, kind: str, text: str, severity: Literal["info", "warning", "error"], node: int) -> None:
        if len(self._notes) < _NOTES_MAX:
            self._notes.append(Note(kind, text, severity, node))


_NOBODY = Identity()
_NOTES_MAX = 1000
"""Until they are stored; a mesh that makes up restarts fills no memory."""
