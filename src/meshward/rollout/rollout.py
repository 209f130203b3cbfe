"""One staged rollout: which state it is in, what it wants done next, and what follows from what came of it.

A core without I/O. It wants runs (`RunOrder`), one after the other; whoever carries them out tells how
they ended. Every move from state to state is one of `states.TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshward.errors import NotPossibleError
from meshward.ota.record import NodeRecord
from meshward.ota.states import GOOD, NodeState
from meshward.rollout import judge, people, survey, wave_work, way_back
from meshward.rollout.changes import Audited, Change, Noted, Severity
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.schedule import Windows, parse_start
from meshward.rollout.states import (
    FINAL,
    TRANSITIONS,
    Action,
    ErrorClass,
    Happening,
    RolloutState,
    RunKind,
)
from meshward.rollout.surroundings import RunOrder, Surroundings

_S = RolloutState
KIND_IN = {
    _S.SURVEYING: RunKind.SURVEY,
    _S.UPDATING: RunKind.INSTALL,
    _S.PROVING: RunKind.PROVE,
    _S.ROLLING_BACK: RunKind.ROLLBACK,
}
"""The runs that a state is for."""
_JUDGED_IN = frozenset({_S.UPDATING, _S.SOAKING, _S.AWAITING_GO, _S.WAITING})
GRACE_US = 60_000_000
"""How long targets that are out of the mesh are waited for at the end, where nothing longer is asked for."""
GATEWAY = "gateway"
"""Who acts where nobody did."""


class Rollout:
    """`doc` is all that it knows; `changes` are to be stored, together with the doc when `dirty`."""

    def __init__(self, doc: RolloutDoc) -> None:
        self.doc = doc
        self.dirty = False
        self.changes: list[Change] = []
        self.run_open = False
        """Whether a run of it is under way; set by the engine."""
        self._windows = Windows(doc.spec.windows)
        self._ticks: dict[RolloutState, Callable[[Surroundings], None]] = {
            _S.SCHEDULED: self._tick_scheduled,
            _S.SURVEYING: self._tick_surveying,
            _S.UPDATING: self._tick_updating,
            _S.SOAKING: self._tick_soaking,
            _S.PROVING: self._tick_proving,
            _S.WAITING: self._tick_waiting,
            _S.ROLLING_BACK: self._tick_rolling_back,
        }

    # -- what the engine asks ----------------------------------------------------------------

    @property
    def is_final(self) -> bool:
        """Whether nothing happens any more by itself."""
        return self.doc.state in FINAL

    @property
    def holds_boards(self) -> bool:
        """Whether its boards are its own: no other rollout may begin on their groups."""
        return not self.is_final and self.doc.started_s is not None

    def run_is_wanted(self, kind: RunKind) -> bool | None:
        """Whether a run that was begun goes on: yes, no, or (None) not now, but it is kept."""
        state = self.doc.state
        if state in {_S.PAUSED, _S.WAITING} and self.doc.resume_to is not None:
            return None if KIND_IN.get(self.doc.resume_to) is kind else False
        return KIND_IN.get(state) is kind

    def order(self, around: Surroundings) -> RunOrder | None:
        """The run it wants next; to be asked only while it has none."""
        match self.doc.state:
            case _S.SURVEYING:
                return survey.next_order(self.doc, around)
            case _S.UPDATING:
                return wave_work.next_order(self.doc, around, RunKind.INSTALL)
            case _S.PROVING:
                return wave_work.next_order(self.doc, around, RunKind.PROVE)
            case _S.ROLLING_BACK:
                return way_back.next_order(self.doc, around)
        return None

    def open_nodes(self, kind: RunKind) -> set[int]:
        """The nodes whose end in a run of this kind is not known yet."""
        wanted = {
            RunKind.SURVEY: NodeState.PENDING,
            RunKind.INSTALL: NodeState.SCHEDULED,
            RunKind.PROVE: NodeState.VERIFYING,
            RunKind.ROLLBACK: NodeState.ROLLING_BACK,
        }[kind]
        return {entry.node for entry in self.doc.nodes if entry.state is wanted}

    def goes_back(self) -> set[int]:
        """The nodes that get another image next, or are about to."""
        if self.doc.state is not _S.ROLLING_BACK:
            return set()
        return {entry.node for entry in self.doc.nodes if way_back.image_back(self.doc, entry)}

    # -- what the engine tells ---------------------------------------------------------------

    def tick(self, around: Surroundings) -> None:
        """Time has passed, or something changed."""
        if self.doc.state in _JUDGED_IN:
            self._judge(around)
        step = self._ticks.get(self.doc.state)
        if step is not None:
            step(around)

    def node_moved(self, node: int, record: NodeRecord, around: Surroundings) -> bool:
        """A node of a run that goes on got somewhere; whether that was its end."""
        if self.doc.state is not _S.UPDATING:
            return False
        entry = next((e for e in wave_work.members(self.doc) if e.node == node), None)
        if entry is None or entry.state is not NodeState.SCHEDULED:
            return False
        if record.was_sent_to and not entry.touched:
            entry.touched = self.dirty = True
        if not wave_work.ended_early(entry, record, around):
            return False
        entry.attempts += 1
        self._tell_node(node, entry.state, entry.reason)
        self.dirty = True
        return True

    def lost_for_now(self, lost: Mapping[int, NodeRecord], around: Surroundings) -> None:
        """These nodes of the open run are lost by now; they count until they are back."""
        if self.doc.state is not _S.UPDATING or not lost:
            return
        if wave_work.broken_gate(self.doc, len(lost)) is not None:
            # The run is given up because of them, so this is their end.
            wave_work.installed(self.doc, lost, lost, around)
            for node, record in lost.items():
                self._tell_node(node, record.state, record.reason)
            reason = wave_work.broken_gate(self.doc)
            assert reason is not None, "errors that count for now count for good"
            self._gate_failed(reason, around)

    def run_ended(self, order: RunOrder, records: Mapping[int, NodeRecord], around: Surroundings) -> None:
        """A run came to its end."""
        self.dirty = True
        before = {entry.node: entry.state for entry in self.doc.nodes}
        if order.kind is RunKind.SURVEY:
            survey.answered(self.doc, order, records)
        elif order.kind is RunKind.INSTALL:
            wave_work.installed(self.doc, order.nodes, records, around)
        elif order.kind is RunKind.PROVE:
            wave_work.proven(self.doc, order.nodes, records, around)
        else:
            way_back.brought_back(self.doc, order.nodes, records, around)
        if order.kind is not RunKind.SURVEY:
            for entry in self.doc.nodes:
                was_proven = order.kind is RunKind.PROVE and entry.state is NodeState.COMPLETED
                if entry.state not in {before[entry.node], NodeState.PENDING} and not was_proven:
                    self._tell_node(entry.node, entry.state, entry.reason)

    def blocked(self, reason: str, around: Surroundings) -> None:
        """A run cannot be begun, for its image is not to be had."""
        self.doc.resume_to = self.doc.state
        self._note("rollout.blocked", f"rollout {self.doc.spec.name!r}: {reason}", "error")
        self._go(Happening.BLOCKED, _S.PAUSED, reason, around)

    def waits(self, reason: str) -> None:
        """It may not begin yet."""
        if self.doc.reason != reason:
            self.doc.reason = reason
            self.dirty = True

    # -- what people do ----------------------------------------------------------------------

    def act(self, action: Action, actor: str, reason: str, around: Surroundings) -> None:
        """Carry out an action. Raises NotPossibleError where the state does not allow it."""
        possible = self.actions()
        if action not in possible:
            raise NotPossibleError(
                f"rollout {self.doc.id} is {self.doc.state.value}: it cannot {action.value} now; "
                f"possible: {', '.join(possible) or 'nothing, it is over'}"
            )
        self._audit(actor, action.value, reason)
        why = f"{action.value} by {actor}" + (f": {reason}" if reason else "")
        match action:
            case Action.APPROVE:
                self._approve(why, around)
            case Action.PAUSE:
                self.doc.resume_to = self.doc.resume_to or self.doc.state
                self._go(action, _S.PAUSED, why, around)
            case Action.RESUME:
                people.forgive(self.doc)
                target, self.doc.resume_to = self.doc.resume_to or _S.SCHEDULED, None
                self._go(action, target, why, around)
            case Action.SKIP:
                self._skip(why, around)
            case Action.RETRY:
                self._retry(why, around)
            case Action.ABORT:
                self._abort(why, around)
            case Action.ROLLBACK:
                self.doc.failure = self.doc.failure or why
                self._roll_back(action, why, around)

    def actions(self) -> list[Action]:
        """What people can do now."""
        return people.possible(self.doc)

    def _approve(self, why: str, around: Surroundings) -> None:
        if self.doc.state is _S.AWAITING_APPROVAL:
            self._go(Action.APPROVE, _S.SCHEDULED, why, around)
        else:
            self._start_wave(Action.APPROVE, why, around)

    def _skip(self, why: str, around: Surroundings) -> None:
        people.leave_out_wave(self.doc, around, why)
        self.doc.resume_to = None
        if self.doc.waves[self.doc.wave].outcome != "passed":
            self._end_wave("skipped", why, around)
        self._next_wave(Action.SKIP, why, around)

    def _retry(self, why: str, around: Surroundings) -> None:
        self.doc.wave = people.put_back(self.doc, around)
        self.doc.failure = ""
        self.doc.resume_to = None
        self._start_wave(Action.RETRY, why, around)

    def _abort(self, why: str, around: Surroundings) -> None:
        people.stop_all(self.doc, around)
        self.doc.resume_to = None
        self._go(Action.ABORT, _S.ABORTED, why, around)

    # -- what happens by itself --------------------------------------------------------------

    def _tick_scheduled(self, around: Surroundings) -> None:
        spec = self.doc.spec
        if spec.start_at is not None and around.wall_s < parse_start(spec.start_at):
            self.waits(f"starts at {spec.start_at}")
        elif not self._windows.is_open(around.wall_s):
            self.waits("waits for its maintenance window")
        elif not around.parents:
            self.waits("waits for the mesh: no node is in sight")
        else:
            self.doc.started_s = around.wall_s
            self._go(Happening.DUE, _S.SURVEYING, "its turn has come", around)

    def _tick_surveying(self, around: Surroundings) -> None:
        if not self._window_holds(around):
            return
        self._take_in(around)
        if self.run_open:
            return
        if survey.unasked(self.doc, around) and survey.next_order(self.doc, around) is not None:
            return
        survey.draw_up_waves(self.doc, around)
        count = len(wave_work.targets(self.doc))
        self._next_wave(Happening.SURVEYED, f"{count} nodes are to be updated", around)

    def _tick_updating(self, around: Surroundings) -> None:
        if not self._window_holds(around):
            return
        reason = wave_work.broken_gate(self.doc)
        if reason is not None:
            self._gate_failed(reason, around)
        elif self.run_open or wave_work.batch_is_open(self.doc, around) or not around.parents:
            return
        elif wave_work.next_batch(self.doc, around):
            self.dirty = True
        else:
            self.doc.waves[self.doc.wave].soak_since_us = around.now_us
            self._go(Happening.WAVE_DONE, _S.SOAKING, "the nodes of the wave are updated", around)
            self._tick_soaking(around)

    def _tick_soaking(self, around: Surroundings) -> None:
        wave = wave_work.wave_of(self.doc)
        soaking = judge.still_soaking(self.doc, around)
        if soaking and not judge.is_overdue(self.doc, around):
            return
        for entry in soaking:
            reason = f"was not up for {wave.soak_s:g} s in a row since its update"
            wave_work.set_state(entry, NodeState.FAILED, around, reason, ErrorClass.FAILED)
            self._tell_node(entry.node, entry.state, reason)
        reason_broken = wave_work.broken_gate(self.doc)
        if reason_broken is not None:
            self._gate_failed(reason_broken, around)
            return
        if wave.soak_s > 0:
            for entry in wave_work.members(self.doc):
                if entry.state is NodeState.COMPLETED:
                    entry.state = NodeState.VERIFYING
        self._go(Happening.SOAKED, _S.PROVING, "the nodes held out for the soak time", around)
        self._tick_proving(around)

    def _tick_proving(self, around: Surroundings) -> None:
        entries = [e for e in wave_work.members(self.doc) if e.state is NodeState.VERIFYING]
        limit_us = int(self.doc.spec.health.absence_max_s * 1e6)
        if entries and not self.run_open and around.now_us - self.doc.since_us > limit_us:
            for entry in [e for e in entries if e.node not in around.parents]:
                reason = "ran the image, and was not in the mesh to prove it after the soak"
                wave_work.set_state(entry, NodeState.LOST, around, reason, ErrorClass.LOST)
                self.dirty = True
        if any(e.state is NodeState.VERIFYING for e in entries):
            return
        reason_missed = wave_work.broken_gate(self.doc) or wave_work.missed_success(self.doc)
        if reason_missed is not None:
            self._gate_failed(reason_missed, around)
            return
        self._end_wave("passed", "", around)
        self._next_wave(Happening.PROVEN, "the wave passed", around)

    def _tick_waiting(self, around: Surroundings) -> None:
        target = self.doc.resume_to
        if target is not None:
            if self._windows.is_open(around.wall_s):
                self.doc.resume_to = None
                self._go(Happening.WINDOW_OPEN, target, "the maintenance window is open", around)
            return
        absent = [e for e in wave_work.targets(self.doc) if e.state is NodeState.PENDING]
        if self._take_in(around):
            self._go(Happening.NEWCOMER, _S.SURVEYING, "a node joined", around)
        elif any(entry.node in around.parents for entry in absent):
            self._start_wave(Happening.NODE_SEEN, "a node that was missing is back", around)
        elif around.now_us - self.doc.since_us > max(GRACE_US, int(self.doc.spec.absent_wait_s * 1e6)):
            wave_work.gives_up_absent(self.doc, around, "was not in the mesh while it was waited for")
            self._complete(Happening.WAITED_ENOUGH, "all is done that could be", around)

    def _tick_rolling_back(self, around: Surroundings) -> None:
        if not self.doc.going_back:
            way_back.begin(self.doc, around)
            self.dirty = True
        if self.run_open or way_back.next_order(self.doc, around) is not None:
            return
        if not way_back.is_over(self.doc):
            if around.now_us - self.doc.since_us > way_back.PATIENCE_US:
                way_back.give_up(self.doc, around)
                self.dirty = True
            return
        if way_back.all_back(self.doc):
            self._go(Happening.BROUGHT_BACK, _S.ROLLED_BACK, self.doc.failure, around)
        else:
            why = f"{self.doc.failure}; not every node could be rolled back"
            self._go(Happening.BROUGHT_BACK, _S.FAILED, why, around)

    def _take_in(self, around: Surroundings) -> bool:
        """Note who is new in the mesh; whether anybody has to be asked what it is."""
        before = len(self.doc.nodes)
        anybody = survey.take_in(self.doc, around)
        self.dirty = self.dirty or len(self.doc.nodes) != before
        return anybody

    # -- waves and gates ---------------------------------------------------------------------

    def _next_wave(self, move: Action | Happening, why: str, around: Surroundings) -> None:
        """Go to the first wave that has somebody to update, or to the end."""
        if self._take_in(around):
            self._go(move, _S.SURVEYING, f"{why}; nodes joined meanwhile and are asked", around)
            return
        for index in range(len(self.doc.spec.waves)):
            if any(e.state is NodeState.PENDING for e in wave_work.members(self.doc, index)):
                self._enter_wave(index, move, why, around)
                return
        self._complete(move, why, around)

    def _enter_wave(self, index: int, move: Action | Happening, why: str, around: Surroundings) -> None:
        pending = [e for e in wave_work.members(self.doc, index) if e.state is NodeState.PENDING]
        if self.doc.spec.waves[index].go_ahead == "manual" and index != self._began():
            self.doc.wave = index
            name = self.doc.spec.waves[index].name
            self._go(move, _S.AWAITING_GO, f"{why}; wave {name!r} needs a go-ahead", around)
        elif index == len(self.doc.spec.waves) - 1 and not any(e.node in around.parents for e in pending):
            self.doc.wave = index
            self._go(move, _S.WAITING, f"{why}; {len(pending)} nodes are not in the mesh", around)
        else:
            self.doc.wave = index
            self._start_wave(move, why, around)

    def _began(self) -> int | None:
        """The current wave, where it was begun: it needs no second go-ahead for nodes that come late."""
        return self.doc.wave if self.doc.waves[self.doc.wave].started_s is not None else None

    def _start_wave(self, move: Action | Happening, why: str, around: Surroundings) -> None:
        at_work = self.doc.waves[self.doc.wave]
        at_work.outcome = at_work.reason = ""
        at_work.ended_s = at_work.soak_since_us = None
        at_work.accepted = False
        at_work.batch = 0
        if not self._windows.is_open(around.wall_s):
            self.doc.resume_to = _S.UPDATING
            self._go(move, _S.WAITING, f"{why}; waits for the maintenance window", around)
            return
        at_work.started_s = at_work.started_s or around.wall_s
        name = wave_work.wave_of(self.doc).name
        self._go(move, _S.UPDATING, f"{why}; wave {name!r} is updated", around)

    def _end_wave(self, outcome: str, reason: str, around: Surroundings) -> None:
        at_work = self.doc.waves[self.doc.wave]
        at_work.outcome, at_work.reason, at_work.ended_s = outcome, reason, around.wall_s

    def _complete(self, move: Action | Happening, why: str, around: Surroundings) -> None:
        good = sum(1 for e in self.doc.nodes if e.state in GOOD)
        bad = sum(1 for e in wave_work.targets(self.doc) if e.state not in GOOD)
        text = f"{why}; {good} nodes run the image" + (f", {bad} do not" if bad else "")
        self._go(move, _S.COMPLETED, text, around)

    def _judge(self, around: Surroundings) -> None:
        """Look after every node that runs the new image."""
        sick = judge.fail_sick(self.doc, around)
        for entry in sick:
            self._tell_node(entry.node, entry.state, entry.reason)
        if sick:
            self.dirty = True
            reason = wave_work.broken_gate(self.doc)
            if reason is not None:
                self._gate_failed(reason, around)

    def _gate_failed(self, reason: str, around: Surroundings) -> None:
        self.doc.failure = reason
        if self._began() is not None:
            self._end_wave("failed", reason, around)
        self._note("rollout.gate_failed", f"rollout {self.doc.spec.name!r}: {reason}", "error")
        if self.doc.spec.on_failure == "rollback" and way_back.can_go_back(self.doc):
            self._roll_back(Happening.GATE_FAILED, reason, around)
        else:
            if self.doc.spec.on_failure == "rollback":
                reason += "; paused, for no good image is known to roll back to"
            self.doc.resume_to = self.doc.state
            self._go(Happening.GATE_FAILED, _S.PAUSED, reason, around)

    def _roll_back(self, move: Action | Happening, why: str, around: Surroundings) -> None:
        self.doc.resume_to = None
        self.doc.going_back = False
        self._go(move, _S.ROLLING_BACK, why, around)

    def _window_holds(self, around: Surroundings) -> bool:
        if self._windows.is_open(around.wall_s):
            return True
        self.doc.resume_to = self.doc.state
        self._go(Happening.WINDOW_CLOSED, _S.WAITING, "the maintenance window is closed", around)
        return False

    # -- moving and telling ------------------------------------------------------------------

    def _go(self, move: Action | Happening, state: RolloutState, why: str, around: Surroundings) -> None:
        doc = self.doc
        assert state in TRANSITIONS[doc.state].get(move, ()), f"{doc.state} --{move}--> {state}"
        if state in FINAL:
            people.end_unasked(doc, around)
        before, doc.state, doc.reason, doc.since_us = doc.state, state, why, around.now_us
        doc.ended_s = around.wall_s if state in FINAL else None
        self.dirty = True
        if isinstance(move, Happening):
            self._audit(GATEWAY, state.value, why)
        bad = state in {_S.FAILED, _S.ROLLED_BACK, _S.ROLLING_BACK}
        text = f"rollout {doc.spec.name!r}: {before.value} -> {state.value}: {why}"
        self._note("rollout.state", text, "error" if bad else "info")

    def _tell_node(self, node: int, state: NodeState, reason: str | None) -> None:
        good = state in GOOD | {NodeState.ROLLED_BACK}
        text = f"node {node} {state.value}" + (f": {reason}" if reason else "")
        self._note(f"node.{state.value}", text, "info" if good else "warning", node)

    def _note(self, kind: str, text: str, severity: Severity = "info", node: int | None = None) -> None:
        self.changes.append(Noted(kind, text, severity, node, self.doc.id))

    def _audit(self, actor: str, action: str, reason: str) -> None:
        detail = {"reason": reason, "state": self.doc.state.value}
        self.changes.append(Audited(actor, f"rollout.{action}", self.doc.id, detail))
