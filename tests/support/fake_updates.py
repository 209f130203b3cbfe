"""The rollout engine without a mesh: its updates end as a test says, and a store that is a dictionary."""

from random import Random

import msgspec

from meshnode.tree import Tree
from meshward.errors import StoreError
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.states import NodeState
from meshward.ota.tally import Tally
from meshward.rollout.changes import SaveHealth, SaveRollout, SaveRun
from meshward.rollout.documents import RolloutDoc, RunDoc, WaveEntry
from meshward.rollout.engine import SETTLE_US, Engine, EngineSettings
from meshward.rollout.runs import Payload
from meshward.rollout.spec import RolloutSpec, Target, Wave
from meshward.rollout.states import FINAL, RolloutState

OWN_ID = 1
SECOND_US = 1_000_000
NEW = {"ESP32": "new32", "ESP8266": "new66"}
OLD = {"ESP32": "old32", "ESP8266": "old66"}


class FakeUpdate:
    """In the place of `ota.update.Update`: a record for every node it was ever in a tree with."""

    def __init__(self, _offer, _parts, options, _rng, *, restored=()):
        self.options = options
        self.records = {record.node_id: record for record in restored}
        self.tally = Tally()
        self.here = set()
        self.given_up = False

    @property
    def done(self):
        return bool(self.here) and all(record.is_final for record in self.records.values())

    def on_tree(self, tree, _now_us):
        self.here = set(tree.ids) - {OWN_ID}
        for node in self.here & self.options.only:
            self.records.setdefault(node, NodeRecord(node))

    def on_package(self, _package, _now_us):
        pass

    def on_delay(self, _node, _now_us, _delay_us=0):
        pass

    def commands(self, _room_bytes, _now_us):
        return []

    def next_deadline_us(self):
        return None

    def handle_deadline(self, _now_us):
        pass

    def serve(self, node):
        """Parts are sent to a node."""
        record = self.records[node]
        if not record.is_final and not self.options.check_only:
            record.needs_image = record.trusted = True
            record.attempts += 1
            record.state = NodeState.DOWNLOADING

    def end(self, node, state, *, needs_image=False):
        """A node comes to its end in it."""
        record = self.records[node]
        record.needs_image = record.needs_image or needs_image
        record.end(state, 0, f"ended as {state.value}")


class FakeImages:
    """Every image there is but those in `missing`."""

    def __init__(self):
        self.missing = set()

    def payload(self, image, hardware, role, _transfer):
        if image in self.missing:
            raise StoreError(f"{image} is missing")
        return Payload(Offer("0" * 32, hardware, role), Parts(b"\xe9" * 100, 50))


class Bench:
    """An engine with its store; `mesh` is node to its neighbour on the way to us (None: that is us)."""

    def __init__(self, patch, **settings):
        patch.setattr("meshward.rollout.runs.Update", FakeUpdate)
        self.images = FakeImages()
        self.settings = EngineSettings(**settings)
        self.rollouts = {}
        self.runs = {}
        self.health = {}
        self.now_us = 0
        self.mesh = {}
        self.engine = Engine(self.images, Random(1), self.settings)

    def add(self, spec, *, images=NEW, back=OLD):
        doc = RolloutDoc(
            id=f"r{len(self.rollouts) + 1}",
            spec=spec,
            state=RolloutState.AWAITING_APPROVAL if spec.approval else RolloutState.SCHEDULED,
            images=dict(images),
            back=dict(back),
            waves=[WaveEntry() for _ in spec.waves],
        )
        self.engine.add(doc, self.now_us)
        self.step()
        return doc.id

    def act(self, rollout_id, action):
        self.engine.act(self.doc(rollout_id), action, "somebody", "", self.now_us)
        self.step()

    def doc(self, rollout_id):
        """As the engine has it, or as it was stored last."""
        rollout = self.engine.rollouts.get(rollout_id)
        return _copy(self.rollouts[rollout_id]) if rollout is None else rollout.doc

    def see(self, mesh):
        """The mesh is this by now."""
        self.mesh = dict(mesh)
        self.engine.on_tree(tree_of(mesh), self.now_us)
        self.step()

    def step(self, seconds=0.0):
        """Time passes, then the engine is asked."""
        self.now_us += round(seconds * SECOND_US)
        self.engine.wall_s = self.now_us / 1e6
        self.engine.handle_deadline(self.now_us)
        commands = self.engine.commands(10_000, self.now_us)
        for change in self.engine.take_changes():
            if isinstance(change, SaveRollout):
                self.rollouts[change.doc.id] = change.doc
            elif isinstance(change, SaveRun):
                self.runs[change.doc.id] = change.doc
            elif isinstance(change, SaveHealth):
                self.health[change.node] = change.record
        return commands

    def settle(self):
        """Until what was begun at this moment is through."""
        self.step(SETTLE_US / SECOND_US)
        for _ in range(4):
            self.step(1.0)

    def restored(self):
        """Another engine, from what is stored."""
        engine = Engine(self.images, Random(1), self.settings)
        engine.known = dict(self.engine.known)
        engine.wall_s = self.engine.wall_s
        runs = [_copy(doc) for doc in self.runs.values() if doc.open]
        with_runs = {doc.rollout for doc in runs}
        rollouts = [
            _copy(doc) for doc in self.rollouts.values() if doc.state not in FINAL or doc.id in with_runs
        ]
        clock_us = max((doc.clock_us for doc in self.rollouts.values()), default=0)
        engine.restore(rollouts, runs, self.health, self.now_us, clock_us)
        return engine

    def kill(self):
        """The process is gone; another one goes on."""
        self.engine = self.restored()
        self.engine.on_tree(tree_of(self.mesh), self.now_us)
        self.step()

    def at_work(self):
        """The runs that are under way."""
        return [run for run in self.engine.runs.values() if run.update is not None]

    def answer(self, hardware_of, role_of, outcome=NodeState.COMPLETED):
        """Every run that is under way comes to its end, install runs with this for every node."""
        for run in self.at_work():
            order = run.order
            for node, record in run.update.records.items():
                if record.is_final:
                    continue
                ours = (hardware_of(node), role_of(node)) == (order.hardware, order.role)
                if order.kind.value in {"install", "rollback"} and not run.doc.giving_up:
                    if outcome is not NodeState.UNREACHABLE:
                        run.update.serve(node)
                    run.update.end(node, outcome if order.kind.value == "install" else NodeState.COMPLETED)
                elif order.kind.value == "prove" and ours:
                    run.update.end(node, NodeState.ALREADY_INSTALLED)
                elif ours:
                    run.update.end(node, NodeState.FAILED, needs_image=True)
                else:
                    run.update.end(node, NodeState.NOT_TARGETED)
        self.step()
        self.step(1.0)


def spec(**changes):
    """Two waves to all sensors, without soak."""
    waves = (Wave(name="canary", size="1", soak_s=0.0), Wave(name="everyone", soak_s=0.0))
    values = {
        "name": "test",
        "images": tuple(NEW.values()),
        "target": Target(roles=("sensor",)),
        "waves": waves,
    }
    return RolloutSpec(**{**values, **changes})


def tree_of(mesh):
    """The tree below our own node, in preorder."""
    ids, depths = [OWN_ID], [0]

    def add(parent, depth):
        for node in sorted(mesh):
            if mesh[node] == parent:
                ids.append(node)
                depths.append(depth)
                add(node, depth + 1)

    add(None, 1)
    return Tree(ids, depths)


def _copy(doc):
    return msgspec.json.decode(
        msgspec.json.encode(doc), type=RunDoc if isinstance(doc, RunDoc) else RolloutDoc
    )
