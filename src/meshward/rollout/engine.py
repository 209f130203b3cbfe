"""All rollouts of a mesh: who may begin, which runs are under way, and what has to be kept of it all.

A core without I/O, with the same face as an update core, so that the same drivers run it: the asyncio
daemon and the virtual world. What it did must be stored (`take_changes`) before what it wants sent is
sent; then it can be killed at any moment and goes on from what was stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from meshnode.tree import Tree
from meshnode.wire import OTA_DATA_REQUEST
from meshward.errors import NotPossibleError
from meshward.ota.commands import Command, Fence
from meshward.ota.shape import Shape
from meshward.ota.states import NodeState
from meshward.rollout import judge
from meshward.rollout.changes import Change, SaveHealth, SaveRollout
from meshward.rollout.dispatch import Dispatch
from meshward.rollout.documents import RolloutDoc, RunDoc
from meshward.rollout.health import HealthBook
from meshward.rollout.probing import PER_MINUTE_MAX, Probing
from meshward.rollout.rollout import Rollout
from meshward.rollout.runs import Images
from meshward.rollout.states import Action, RolloutState
from meshward.rollout.surroundings import Random, Surroundings
from meshward.rollout.survey import groups
from meshward.rollout.targets import KnownNode
from meshward.status.reports import read_report

TICK_US = 1_000_000
"""Longest time between two looks at every rollout."""
SAVE_HEALTH_EVERY_US = 5_000_000
SAVE_CLOCK_EVERY_US = 60_000_000
"""The most of a soak, or of any other wait, that is lost with a crash."""
_TIME_COUNTS = frozenset(
    {RolloutState.SOAKING, RolloutState.PROVING, RolloutState.WAITING, RolloutState.ROLLING_BACK}
)
CHANGES_MAX = 20_000
"""What waits to be stored while the disk takes nothing; news beyond that are not told."""
SETTLE_US = 3_000_000
"""From the first node in sight to the whole mesh: what is not there by then is away."""
SOAK_PROBES_PER_MINUTE = 600
STEPS_MAX = 12
"""More moves of one rollout at one moment than there can be: beyond, something is wrong."""


@dataclass(slots=True)
class EngineSettings:
    """What can be changed while it runs."""

    updates_at_once: int = 1
    updates_paused: bool = False
    probe_every_us: int = 60_000_000
    probes_per_minute: int = PER_MINUTE_MAX
    """Of the whole mesh, while no rollout looks closely."""


class Engine:
    """See the module. Times given to it are the driver's; its own clock goes on where it was stored."""

    done = False
    """A driver's question: the engine never is."""

    def __init__(self, images: Images, rng: Random, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.rollouts: dict[str, Rollout] = {}
        """Those that are not over, in the order of their creation."""
        self.known: dict[int, KnownNode] = {}
        """What is known of each node; the gateway keeps it up to date."""
        self.health = HealthBook()
        self.frozen = False
        """Whether nothing may be done, for it could not be stored."""
        self.wall_s = 0.0
        """Unix time, told by the driver."""
        self._probing = Probing(self.settings.probe_every_us, self.settings.probes_per_minute)
        self._offset_us = 0
        self._blind_at_us: int | None = 0
        """Our clock while we see nobody: it stands still, for time that nobody watched counts for nothing."""
        self._tree: Tree | None = None
        self._parents: dict[int, int | None] = {}
        self._depths: dict[int, int] = {}
        self._tick_due_us = 0
        self._settled_us = 0
        """When we see, or saw, the whole mesh, after we saw nothing of it."""
        self._health_due_us = 0
        self._changes: list[Change] = []
        self._dispatch = Dispatch(images, rng, self._changes.append)
        self.runs = self._dispatch.runs
        """The run of each rollout that has one."""

    # -- what is kept ------------------------------------------------------------------------

    def restore(
        self,
        rollouts: Iterable[RolloutDoc],
        runs: Iterable[RunDoc],
        health: Mapping[int, dict[str, Any]],
        now_us: int,
        last_clock_us: int = 0,
    ) -> None:
        """Go on from what was stored. To be called first, if at all.

        `last_clock_us`: the latest of our clock that was stored, with rollouts that are over as well.
        """
        docs = list(rollouts)
        self._blind_at_us = max([last_clock_us, *(doc.clock_us for doc in docs)])
        clock_us = self._clock(now_us)
        self.rollouts = {doc.id: Rollout(doc) for doc in docs}
        for node, record in health.items():
            self.health.restore(node, record, clock_us)
        for rollout in self.rollouts.values():
            self._mark_completed(rollout)
        for doc in runs:
            if doc.rollout in self.rollouts:
                self._dispatch.revive(self.rollouts[doc.rollout], doc, self.wall_s)

    def take_changes(self) -> list[Change]:
        """What has to be stored before the commands taken last are carried out; cleared."""
        changes = list(self._changes)
        self._changes.clear()
        return changes

    def give_back(self, changes: list[Change]) -> None:
        """These could not be stored; they come again with the next ones."""
        self._changes[:0] = changes

    # -- what people do ----------------------------------------------------------------------

    def add(self, doc: RolloutDoc, now_us: int) -> None:
        """A new rollout."""
        self.rollouts[doc.id] = rollout = Rollout(doc)
        rollout.dirty = True
        self._keep(rollout, self._clock(now_us))
        self._look_soon()

    def act(self, doc: RolloutDoc, action: Action, actor: str, reason: str, now_us: int) -> RolloutDoc:
        """Do something with a rollout, also with one that was over. Raises NotPossibleError."""
        clock_us = self._clock(now_us)
        rollout = self.rollouts.get(doc.id) or Rollout(doc)
        around = self._around(clock_us)
        if rollout.is_final:
            self._must_be_free(rollout)
        rollout.act(action, actor, reason, around)
        if doc.id not in self.rollouts:
            self.rollouts[doc.id] = rollout
            self._mark_completed(rollout)
        self._dispatch.settle(rollout, around, paused=self.settings.updates_paused)
        self._keep(rollout, clock_us)
        self._look_soon()
        return rollout.doc

    def tell(self, change: Change) -> None:
        """Have something stored along with what the engine does."""
        if len(self._changes) < CHANGES_MAX:
            self._changes.append(change)

    def around(self, now_us: int) -> Surroundings:
        """What a rollout would see now."""
        return self._around(self._clock(now_us))

    def soak_left_s(self, rollout_id: str, now_us: int) -> float | None:
        """How long the nodes of a soaking rollout still have to hold out; None for others."""
        rollout = self.rollouts.get(rollout_id)
        if rollout is None or rollout.doc.state is not RolloutState.SOAKING:
            return None
        return judge.soak_left_us(rollout.doc, self.around(now_us)) / 1e6

    @property
    def is_updating(self) -> bool:
        """Whether any run is under way."""
        return bool(self._dispatch.under_way())

    def needs_image(self, image: str) -> str | None:
        """The rollout under way that may still need this firmware."""
        for rollout in self.rollouts.values():
            doc = rollout.doc
            needed = {*doc.images.values(), *doc.back.values(), *(entry.previous for entry in doc.nodes)}
            if image in needed:
                return doc.id
        return None

    # -- what the driver tells ---------------------------------------------------------------

    def on_tree(self, tree: Tree, now_us: int) -> None:
        """The mesh as it is now."""
        shape = Shape(tree)
        self._look_or_lose_sight(bool(shape.node_ids), now_us)
        clock_us = self._clock(now_us)
        self._tree = tree
        self._parents = {
            node: None if shape.parents[node] == shape.own_id else shape.parents[node]
            for node in shape.node_ids
        }
        self._depths = shape.depths
        self.health.on_tree(self._parents, clock_us)
        for update in self._dispatch.updates():
            update.on_tree(tree, clock_us)
        self._look_soon()

    def on_package(self, package: dict[str, Any], now_us: int) -> None:
        """A package of any type; requests for parts and reports of boards matter here."""
        clock_us = self._clock(now_us)
        if package.get("type") == OTA_DATA_REQUEST:
            for update in self._dispatch.updates():
                update.on_package(package, clock_us)
            return
        report = read_report(package)
        if report is not None:
            self.on_report(report.node, now_us, report.free_heap_bytes, report.uptime_s)

    def on_report(self, node: int, now_us: int, heap_bytes: float | None, uptime_s: float | None) -> None:
        """A node told of itself, by whatever way."""
        heap = None if heap_bytes is None else int(heap_bytes)
        self.health.on_report(node, self._clock(now_us), heap_bytes=heap, uptime_s=uptime_s)

    def on_delay(self, node_id: int, now_us: int, delay_us: int = 0) -> None:
        """A node answered a delay measurement."""
        clock_us = self._clock(now_us)
        busy = self._dispatch.updates()
        for update in busy:
            update.on_delay(node_id, clock_us, delay_us)
        # While parts are on their way every delay is long, whatever the node is like.
        if self._probing.is_answer(node_id, clock_us) and not busy:
            self.health.on_delay(node_id, delay_us, clock_us)

    # -- what the driver takes ---------------------------------------------------------------

    def commands(self, room_bytes: int, now_us: int) -> list[Command]:
        """What to do now, at most about `room_bytes` of parts; after `take_changes` was stored."""
        if self.frozen:
            return []
        clock_us = self._clock(now_us)
        if clock_us >= self._tick_due_us:
            self._tick(clock_us)
        commands: list[Command] = []
        for run in self._dispatch.under_way():
            rollout = self.rollouts[run.doc.rollout]
            to_send, changed = self._dispatch.step(rollout, run, room_bytes, self._around(clock_us))
            commands += to_send
            self._keep(rollout, clock_us)
            if changed:
                self._look_soon()
        commands += self._probes(clock_us)
        self._keep_health(clock_us)
        return commands

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() and commands() want to be called, by the driver's clock."""
        if self._blind_at_us is not None:
            return None
        due = [self._tick_due_us]
        updates = self._dispatch.updates()
        if self._parents and not updates and self._probing.per_minute_max:
            due.append(self._probing.next_deadline_us())
        for update in updates:
            moment = update.next_deadline_us()
            if moment is not None:
                due.append(moment)
        return min(due) - self._offset_us

    def handle_deadline(self, now_us: int) -> None:
        """Do what is due."""
        for update in self._dispatch.updates():
            update.handle_deadline(self._clock(now_us))

    # -- inside ------------------------------------------------------------------------------

    def _clock(self, now_us: int) -> int:
        return now_us + self._offset_us if self._blind_at_us is None else self._blind_at_us

    def _look_or_lose_sight(self, sees_nodes: bool, now_us: int) -> None:
        if sees_nodes and self._blind_at_us is not None:
            self._offset_us = self._blind_at_us - now_us
            self._settled_us = self._blind_at_us + SETTLE_US
            self._blind_at_us = None
        elif not sees_nodes and self._blind_at_us is None:
            self._blind_at_us = self._clock(now_us)

    def _look_soon(self) -> None:
        """Have a look at all rollouts, at once if the mesh can be seen."""
        self._tick_due_us = self._settled_us

    def _around(self, clock_us: int) -> Surroundings:
        return Surroundings(clock_us, self.wall_s, self._parents, self._depths, self.known, self.health)

    def _mark_completed(self, rollout: Rollout) -> None:
        """Nodes whose health was last stored before their update was proven."""
        for entry in rollout.doc.nodes:
            if entry.state is NodeState.COMPLETED and entry.completed_us is not None:
                record = self.health.record(entry.node)
                if record is None or (record.updated_us or -1) < entry.completed_us:
                    self.health.mark_updated(entry.node, entry.completed_us)

    def _tick(self, clock_us: int) -> None:
        self._tick_due_us = clock_us + TICK_US
        around = self._around(clock_us)
        for rollout in list(self.rollouts.values()):
            self._advance(rollout, around)
        for rollout in list(self.rollouts.values()):
            if self._has_room() and self._parents:
                self._dispatch.give(rollout, self._tree, around)
            self._keep(rollout, clock_us)
        soaks = [
            wave.soak_s
            for rollout in self.rollouts.values()
            if rollout.doc.state is RolloutState.SOAKING
            for wave in [rollout.doc.spec.waves[rollout.doc.wave]]
        ]
        often_us = min((int(soak_s * 1e6 / 6) for soak_s in soaks), default=self.settings.probe_every_us)
        self._probing.every_us = max(2_000_000, min(self.settings.probe_every_us, often_us))
        # A soak is judged by delays, and over soon.
        self._probing.per_minute_max = SOAK_PROBES_PER_MINUTE if soaks else self.settings.probes_per_minute

    def _advance(self, rollout: Rollout, around: Surroundings) -> None:
        """Move a rollout as far as it gets now."""
        for _ in range(STEPS_MAX):
            self._dispatch.settle(rollout, around, paused=self.settings.updates_paused)
            state = rollout.doc.state
            if rollout.is_final or not (self._parents or state is RolloutState.SCHEDULED):
                return  # over; or nobody is in sight, so nothing can be said of anybody
            blocker = self._blocker(rollout) if state is RolloutState.SCHEDULED else None
            if blocker is not None:
                rollout.waits(
                    f"waits for rollout {blocker.doc.id} ({blocker.doc.spec.name!r}) to the same boards"
                )
                return
            rollout.run_open = rollout.doc.id in self.runs
            rollout.tick(around)
            if rollout.doc.state is state:
                return
        raise AssertionError(f"rollout {rollout.doc.id} does not come to rest in {rollout.doc.state}")

    def _blocker(self, rollout: Rollout) -> Rollout | None:
        """The rollout that has boards of this one's groups, or is before it in the queue for them."""
        mine = set(groups(rollout.doc))
        is_before = True
        for other in self.rollouts.values():
            if other is rollout:
                is_before = False
                continue
            in_queue = other.doc.state is RolloutState.SCHEDULED and other.doc.spec.start_at is None
            if (other.holds_boards or (is_before and in_queue)) and mine.intersection(groups(other.doc)):
                return other
        return None

    def _has_room(self) -> bool:
        """Whether another run may be under way."""
        busy = len(self._dispatch.under_way())
        return not self.settings.updates_paused and busy < self.settings.updates_at_once

    def _must_be_free(self, rollout: Rollout) -> None:
        """A rollout that was over cannot have boards again that are another one's by now."""
        blocker = self._blocker(rollout)
        if blocker is not None:
            raise NotPossibleError(
                f"rollout {blocker.doc.id} ({blocker.doc.spec.name!r}) is under way to the same boards: "
                "wait for its end, or abort it"
            )

    # Keeping.

    def _keep(self, rollout: Rollout, clock_us: int) -> None:
        if rollout.dirty or rollout.changes:
            rollout.dirty = False
            rollout.doc.clock_us = clock_us
            copy = msgspec.json.decode(msgspec.json.encode(rollout.doc), type=RolloutDoc)
            self._changes.append(SaveRollout(copy))
            self._changes += rollout.changes
            rollout.changes = []
        if rollout.is_final and rollout.doc.id not in self.runs:
            del self.rollouts[rollout.doc.id]

    def _keep_health(self, clock_us: int) -> None:
        if clock_us < self._health_due_us:
            return
        self._health_due_us = clock_us + SAVE_HEALTH_EVERY_US
        dirty = set(self.health.dirty())
        for rollout in self.rollouts.values():
            if rollout.doc.started_s is None:
                continue
            counts = rollout.doc.state in _TIME_COUNTS
            if counts and clock_us - rollout.doc.clock_us >= SAVE_CLOCK_EVERY_US:
                rollout.dirty = True
                self._keep(rollout, clock_us)
            for entry in rollout.doc.nodes:
                if entry.node in dirty:
                    dirty.discard(entry.node)
                    self._changes.append(SaveHealth(entry.node, self.health.snapshot(entry.node)))

    def _probes(self, clock_us: int) -> list[Command]:
        if self._dispatch.under_way() or not self._parents or not self._probing.per_minute_max:
            return []
        node = self._probing.next_node(self._parents, clock_us)
        return [] if node is None else [Fence(node)]
