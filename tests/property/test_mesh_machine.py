"""Two to six nodes, and whatever can befall them: at every moment sound, and after quiet of one mind."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshnode.limits import Limits
from meshnode.node import NoRoute, QueueFull
from tests.support.checker import Checker
from tests.support.network import SECOND_US, Network
from tests.support.profiles import examples

LIMITS = Limits(queue_bytes=3000, frame_bytes=4000, sync_frames=4, tree_nodes=40)
WINDOW_BYTES = 4000
FILL_BYTES = 1200
MESSAGE_BYTES = FILL_BYTES + 200
WIRES_MAX = 10

indices = st.integers(0, 5)
tick_us = st.sampled_from(
    [0, 1000, 5000, 20_000, 200_000, *(SECOND_US * seconds for seconds in (1, 3, 10, 20, 61))]
)


class Mesh(RuleBasedStateMachine):
    wires = Bundle("wires")

    @initialize(size=st.integers(2, 6), latency_us=st.sampled_from([0, 500, 15_000, 120_000]))
    def start(self, size, latency_us):
        self.network = Network(latency_us, WINDOW_BYTES, limits=LIMITS)
        self.ids = list(range(1, size + 1))
        self.network.add(*self.ids)
        self.checker = Checker(self.network, LIMITS, MESSAGE_BYTES)
        self.messages = 0

    def node_id(self, index):
        return self.ids[index % len(self.ids)]

    @precondition(lambda self: len(self.network.wires) < WIRES_MAX)
    @rule(target=wires, one=indices, other=indices)
    def connect(self, one, other):
        return self.network.connect(self.node_id(one), self.node_id(other))

    @precondition(lambda self: len(self.network.wires) <= WIRES_MAX - 6)
    @rule()
    def connect_in_a_ring(self):
        for one, other in zip(self.ids, [*self.ids[1:], self.ids[0]], strict=True):
            self.network.connect(one, other)

    @rule(wire=wires)
    def cut(self, wire):
        self.network.cut(wire)

    @rule(wire=wires, clog=st.booleans())
    def kill(self, wire, clog):
        self.network.kill(wire)
        wire.clogged = clog

    @rule(wire=wires, clog=st.booleans())
    def clog(self, wire, clog):
        if not wire.dead:
            wire.clogged = clog

    @rule(index=indices, silently=st.booleans())
    def reboot(self, index, silently):
        node_id = self.node_id(index)
        self.network.reboot(node_id, silently=silently)
        self.checker.started(node_id)

    @rule(by_us=tick_us)
    def run(self, by_us):
        self.network.run_for(by_us)
        for node in self.network.nodes.values():
            due_us = node.next_deadline_us()
            assert due_us is None or due_us > self.network.now_us

    @rule(by_us=tick_us)
    def let_time_pass_without_a_byte_moving(self, by_us):
        self.network.now_us += by_us
        self.network.wake()

    @rule()
    def flush(self):
        self.network.flush()

    @rule(wire=wires, side=st.integers(0, 1), size_bytes=st.sampled_from([1, 7, 60, 500, WINDOW_BYTES]))
    def deliver_a_part(self, wire, side, size_bytes):
        self.network.deliver(wire.ends[side], size_bytes)

    @rule(index=indices, dest=indices, fill_bytes=st.integers(0, FILL_BYTES), times=st.integers(1, 5))
    def send(self, index, dest, fill_bytes, times):
        for _ in range(times):
            self.say(index, {"type": 9, "dest": self.node_id(dest), "fill": "x" * fill_bytes})

    @rule(index=indices, fill_bytes=st.integers(0, FILL_BYTES), times=st.integers(1, 5))
    def broadcast(self, index, fill_bytes, times):
        for _ in range(times):
            self.say(index, {"type": 8, "dest": 0, "fill": "x" * fill_bytes})

    def say(self, index, package):
        self.messages += 1
        try:
            self.network.nodes[self.node_id(index)].send(
                {**package, "msg": self.messages}, self.network.now_us
            )
        except (NoRoute, QueueFull):
            pass

    @invariant()
    def all_is_sound(self):
        if hasattr(self, "checker"):
            self.checker.check_now()

    def teardown(self):
        if hasattr(self, "checker"):
            self.checker.heal()
            self.checker.check_messages()


TestMesh = Mesh.TestCase
TestMesh.settings = settings(
    max_examples=examples(60, long=3000),
    stateful_step_count=examples(30, long=60),
)
