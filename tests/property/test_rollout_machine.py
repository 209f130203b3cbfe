"""Rollouts without a world: whatever people do and whatever becomes of runs, in any order."""

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshward.errors import NotPossibleError
from meshward.ota.states import FINAL as FINAL_NODE
from meshward.ota.states import NodeState
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.rollout import Rollout
from meshward.rollout.spec import Health, Target, Wave, Window
from meshward.rollout.states import FINAL, Action, RolloutState, RunKind
from meshward.rollout.targets import KnownNode
from tests.support.fake_updates import NEW, OLD, Bench, spec
from tests.support.profiles import examples

NODES = range(11, 21)
EXCLUDED = 13
LEFT_OUT = 16
ENDS = {
    RunKind.SURVEY: [
        NodeState.ALREADY_INSTALLED,
        NodeState.FAILED,
        NodeState.NOT_TARGETED,
        NodeState.UNREACHABLE,
    ],
    RunKind.PROVE: [
        NodeState.ALREADY_INSTALLED,
        NodeState.FAILED,
        NodeState.NOT_TARGETED,
        NodeState.UNREACHABLE,
    ],
    RunKind.INSTALL: [NodeState.COMPLETED, NodeState.FAILED, NodeState.LOST, NodeState.UNREACHABLE],
    RunKind.ROLLBACK: [NodeState.COMPLETED, NodeState.FAILED, NodeState.LOST, NodeState.NOT_TARGETED],
}
nodes = st.sampled_from(NODES)
seldom = st.sampled_from([False, False, False, True])


def hardware_of(node):
    return "ESP8266" if node % 3 == 0 else "ESP32"


def role_of(node):
    return "gate" if node % 5 == 0 else "sensor"


waves = st.lists(
    st.builds(
        Wave,
        name=st.just("wave"),
        size=st.sampled_from(["1", "2", "50%"]),
        soak_s=st.sampled_from([0.0, 5.0, 60.0]),
        success_min=st.sampled_from(["0", "90%", "100%"]),
        errors_max=st.sampled_from(["0", "20%", "100%"]),
        go_ahead=st.sampled_from(["auto", "auto", "auto", "manual"]),
        batch=st.sampled_from([0, 1, 2]),
    ),
    min_size=1,
    max_size=3,
).map(lambda found: tuple(msgspec.structs.replace(w, name=f"w{i}") for i, w in enumerate(found)))


class Rollouts(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.patch = pytest.MonkeyPatch()

    @initialize(at_once=st.integers(1, 2), known=st.booleans())
    def start(self, at_once, known):
        self.bench = Bench(self.patch, updates_at_once=at_once)
        self.engine_known(known)
        self.ended = {}
        self.mesh = {node: None if node < 14 else node - 3 for node in NODES}
        self.bench.see(self.mesh)

    def engine_known(self, known):
        for node in NODES:
            told = (hardware_of(node), role_of(node)) if known else ("", "")
            reason = "on loan" if node == EXCLUDED else None
            self.bench.engine.known[node] = KnownNode(node, *told, frozenset(), "", "", reason)

    # What people do.

    @precondition(lambda self: len(self.bench.rollouts) < 3)
    @rule(
        found=waves,
        role=st.sampled_from(["sensor", "gate"]),
        approval=seldom,
        late=st.booleans(),
        pauses=st.booleans(),
        back=st.booleans(),
        absent_s=st.sampled_from([0.0, 500.0]),
        window=seldom,
        budget=st.sampled_from(["0", "20%", "100%"]),
    )
    def create(self, found, role, approval, late, pauses, back, absent_s, window, budget):
        self.bench.add(
            spec(
                waves=found,
                target=Target(roles=(role,), exclude=(LEFT_OUT,)),
                approval=approval,
                late_joiners=late,
                on_failure="pause" if pauses else "rollback",
                absent_wait_s=absent_s,
                # The world begins at midnight.
                windows=(Window(start="00:00", end="00:03"), Window(start="00:06", end="23:00"))
                if window
                else (),
                failure_budget=budget,
                health=Health(restarts_max=1),
            ),
            back=OLD if back else {},
        )

    @precondition(lambda self: self.bench.rollouts)
    @rule(index=st.integers(0, 2), choice=st.integers(0, 6))
    def act(self, index, choice):
        """One of the things that can be done, and in vain one of those that cannot."""
        rollout_id = sorted(self.bench.rollouts)[index % len(self.bench.rollouts)]
        rollout = self.bench.engine.rollouts.get(rollout_id) or Rollout(self.bench.doc(rollout_id))
        possible = rollout.actions()
        for action in Action:
            if action not in possible:
                with pytest.raises(NotPossibleError):
                    self.bench.act(rollout_id, action)
        if possible:
            self.try_to(rollout_id, possible[choice % len(possible)])

    def try_to(self, rollout_id, action):
        before = self.bench.doc(rollout_id).state
        try:
            self.bench.act(rollout_id, action)
        except NotPossibleError:  # another one has the boards by now
            assert before in FINAL
        else:
            self.ended.pop(rollout_id, None)

    @rule(paused=seldom)
    def pause_updates(self, paused):
        self.bench.settings.updates_paused = paused
        self.bench.step(1.0)

    # What becomes of runs.

    @precondition(lambda self: self.bench.at_work())
    @rule(index=st.integers(0, 1), node=nodes, end=st.integers(0, 3), refused=st.booleans())
    def a_node_ends(self, index, node, end, refused):
        run = self.bench.at_work()[index % len(self.bench.at_work())]
        record = run.update.records.get(node)
        if record is None or record.is_final:
            return
        state = ENDS[run.order.kind][end]
        if run.order.kind in {RunKind.INSTALL, RunKind.ROLLBACK} and state is not NodeState.UNREACHABLE:
            run.update.serve(node)
        record.refused = refused
        ours = (hardware_of(node), role_of(node)) == (run.order.hardware, run.order.role)
        if (
            run.order.kind is RunKind.SURVEY
            and state in {NodeState.ALREADY_INSTALLED, NodeState.FAILED}
            and not ours
        ):
            state = NodeState.NOT_TARGETED
        run.update.end(node, state, needs_image=state is NodeState.FAILED)
        self.bench.step()
        self.bench.step(1.0)

    @rule(
        outcome=st.sampled_from([NodeState.COMPLETED, NodeState.COMPLETED, NodeState.FAILED, NodeState.LOST])
    )
    def all_end(self, outcome):
        self.bench.answer(hardware_of, role_of, outcome)

    @rule(times=st.integers(1, 6), seconds=st.sampled_from([0.0, 3.0, 20.0]))
    def all_goes_well(self, times, seconds):
        """A few runs, one after the other."""
        for _ in range(times):
            for rollout_id in list(self.bench.engine.rollouts):
                self.be_willing(rollout_id)
            self.bench.answer(hardware_of, role_of)
            self.bench.step(seconds)

    @rule(state=st.sampled_from([s for s in RolloutState if s not in FINAL]))
    def it_gets_as_far_as(self, state):
        """Nothing befalls them until some rollout is in this state, or all are over."""
        for _ in range(30):
            found = [rollout.doc.state for rollout in self.bench.engine.rollouts.values()]
            if not found or state in found:
                return
            self.bench.images.missing = set()
            for rollout in list(self.bench.engine.rollouts.values()):
                if rollout.doc.state in {RolloutState.PAUSED, RolloutState.AWAITING_APPROVAL}:
                    self.be_willing(rollout.doc.id)
            self.bench.answer(hardware_of, role_of)
            self.bench.step(4.0)

    @rule(node=nodes)
    def parts_are_sent(self, node):
        for run in self.bench.at_work():
            if node in run.update.records:
                run.update.serve(node)
        self.bench.step()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 30.0, 61.0, 200.0]))
    def time_passes(self, seconds):
        self.bench.step(seconds)
        self.bench.step(1.0)

    @rule(node=nodes)
    def a_node_goes_or_comes(self, node):
        if node in self.mesh:
            self.mesh = {n: parent for n, parent in self.mesh.items() if node not in {n, parent}}
        else:
            self.mesh[node] = None
        self.bench.see(self.mesh)

    @rule(gone=seldom)
    def the_mesh_goes_or_comes(self, gone):
        self.mesh = {} if gone else dict.fromkeys(NODES)
        self.bench.see(self.mesh)

    @rule(image=st.sampled_from([*NEW.values(), *OLD.values()]))
    def an_image_goes_or_comes(self, image):
        self.bench.images.missing = set() if self.bench.images.missing else {image}
        self.bench.step(1.0)

    @rule()
    def killed(self):
        before = {rollout_id: (doc.state, states(doc)) for rollout_id, doc in self.bench.rollouts.items()}
        self.bench.kill()
        # While the mesh comes into sight nothing happens to nodes.
        for rollout_id, (state, nodes_before) in before.items():
            doc = self.bench.doc(rollout_id)
            assert doc.state is state
            assert states(doc) == nodes_before

    # What holds at every moment.

    @precondition(lambda self: hasattr(self, "bench"))
    @invariant()
    def documents_survive_json(self):
        for rollout in self.bench.engine.rollouts.values():
            text = msgspec.json.encode(rollout.doc)
            assert msgspec.json.encode(msgspec.json.decode(text, type=RolloutDoc)) == text

    @precondition(lambda self: hasattr(self, "bench"))
    @invariant()
    def what_is_stored_is_what_there_is(self):
        for rollout in self.bench.engine.rollouts.values():
            stored = self.bench.rollouts[rollout.doc.id]
            assert stored.state is rollout.doc.state
            # Whom a survey passes over, for it is known what they are, is found out anew.
            assert states(stored) == states(rollout.doc) or stored.state is RolloutState.SURVEYING

    @precondition(lambda self: hasattr(self, "bench"))
    @invariant()
    def runs_are_for_targets_only(self):
        busy = set()
        for run in self.bench.at_work():
            doc = self.bench.doc(run.doc.rollout)
            assert EXCLUDED not in run.doc.nodes
            assert LEFT_OUT not in run.doc.nodes
            assert busy.isdisjoint(run.doc.nodes)
            busy.update(run.doc.nodes)
            if run.order.kind is not RunKind.SURVEY:
                entries = {entry.node: entry for entry in doc.nodes}
                for node in run.doc.nodes:
                    assert entries[node].wave is not None
                    assert (entries[node].hardware, entries[node].role) == (
                        run.order.hardware,
                        run.order.role,
                    )
            if run.order.kind is RunKind.INSTALL and not run.doc.giving_up:
                wave = doc.spec.waves[doc.wave]
                assert not wave.batch or len(run.doc.nodes) <= max(wave.batch, doc.waves[doc.wave].batch)
        assert len(self.bench.at_work()) <= self.bench.settings.updates_at_once

    @precondition(lambda self: hasattr(self, "bench"))
    @invariant()
    def what_is_over_is_over(self):
        for rollout_id, doc in self.bench.rollouts.items():
            if doc.state in FINAL:
                assert self.ended.setdefault(rollout_id, doc.state) is doc.state
                for entry in doc.nodes:
                    assert entry.state in FINAL_NODE, f"{doc.state}: {entry}"
                assert doc.ended_s is not None
            else:
                assert rollout_id not in self.ended

    def teardown(self):
        """With everything in place again, and everybody willing, every rollout comes to its end."""
        if hasattr(self, "bench"):
            self.bench.images.missing = set()
            self.bench.settings.updates_paused = False
            self.mesh = dict.fromkeys(NODES)
            self.bench.see(self.mesh)
            self.bench.step(400.0)  # every window is open
            for _ in range(200):
                if not self.bench.engine.rollouts:
                    break
                for rollout_id in list(self.bench.engine.rollouts):
                    self.be_willing(rollout_id)
                self.bench.answer(hardware_of, role_of)
                self.bench.step(20.0)
            under_way = {i: (r.doc.state, r.doc.reason) for i, r in self.bench.engine.rollouts.items()}
            assert not under_way, under_way
        self.patch.undo()

    def be_willing(self, rollout_id):
        doc = self.bench.doc(rollout_id)
        wish = {
            RolloutState.AWAITING_APPROVAL: Action.APPROVE,
            RolloutState.AWAITING_GO: Action.APPROVE,
            RolloutState.PAUSED: Action.RESUME,
        }.get(doc.state)
        if wish is not None:
            self.try_to(rollout_id, wish)


def states(doc):
    return {entry.node: (entry.state, entry.wave, entry.touched) for entry in doc.nodes}


Rollouts.TestCase.settings = settings(
    max_examples=examples(60, long=5000), stateful_step_count=examples(40, long=80)
)
TestRollouts = Rollouts.TestCase
