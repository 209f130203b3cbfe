"""Larger meshes than the state machine's, tossed about at random. Some rings only form among seven and more."""

import random

import pytest

from meshnode.limits import Limits
from meshnode.node import NoRoute, QueueFull
from tests.support.checker import Checker
from tests.support.network import SECOND_US, Network
from tests.support.profiles import examples

LIMITS = Limits(queue_bytes=3000, frame_bytes=4000, sync_frames=4, tree_nodes=40)
FILL_BYTES = 1200
WIRES_MAX = 25
TICKS_US = [0, 100, 1000, 5000, 20_000, 200_000, *(SECOND_US * seconds for seconds in (1, 3, 10, 61))]


class Swarm:
    """One run: a function of its seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        latency_us = self.random.choice([0, 500, 15_000, 120_000, 400_000])
        self.network = Network(latency_us, self.random.choice([500, 4000, 60_000]), limits=LIMITS)
        self.ids = list(range(1, self.random.randint(5, 14) + 1))
        self.network.add(*self.ids)
        self.checker = Checker(self.network, LIMITS, FILL_BYTES + 200)
        self.messages = 0

    def run(self):
        deeds = {
            self.connect: 35,
            self.cut: 5,
            self.kill: 5,
            self.clog: 5,
            self.reboot: 3,
            self.wait: 22,
            self.stand_still: 5,
            self.send: 10,
            self.broadcast: 10,
        }
        steps = self.random.randint(10, 80)
        for deed in self.random.choices(list(deeds), list(deeds.values()), k=steps):
            deed()
            self.checker.check_now()
        self.checker.heal()
        self.checker.check_messages()

    def connect(self):
        if len(self.network.wires) < WIRES_MAX:
            self.network.connect(*self.random.sample(self.ids, 2))

    def any_wire(self):
        return self.random.choice(self.network.wires or [self.network.connect(1, 2)])

    def cut(self):
        self.network.cut(self.any_wire())

    def kill(self):
        wire = self.any_wire()
        self.network.kill(wire)
        wire.clogged = self.random.random() < 0.5

    def clog(self):
        wire = self.any_wire()
        wire.clogged = wire.clogged != (not wire.dead)

    def reboot(self):
        node_id = self.random.choice(self.ids)
        self.network.reboot(node_id, silently=self.random.random() < 0.5)
        self.checker.started(node_id)

    def wait(self):
        self.network.run_for(self.random.choice(TICKS_US))

    def stand_still(self):
        self.network.now_us += self.random.choice([0, 5000, SECOND_US, 11 * SECOND_US])
        self.network.wake()

    def send(self):
        self.say({"type": 9, "dest": self.random.choice(self.ids)})

    def broadcast(self):
        self.say({"type": 8, "dest": 0})

    def say(self, package):
        node = self.network.nodes[self.random.choice(self.ids)]
        fill = "x" * self.random.randint(0, FILL_BYTES)
        for _ in range(3):
            self.messages += 1
            try:
                node.send({**package, "fill": fill, "msg": self.messages}, self.network.now_us)
            except (NoRoute, QueueFull):
                pass


def test_swarm(seed):
    for number in range(seed, seed + examples(40, long=5000)):
        try:
            Swarm(number).run()
        except AssertionError as error:
            raise AssertionError(f"with the seed {number}") from error


@pytest.mark.parametrize(
    "number",
    [
        72,  # a broadcast that a jam had kept back circled for ever
        338,
        821,  # news chased each other round a ring, and no node saw it for long
        838,
    ],
)
def test_what_was_found(number):
    """Seeds that once failed, or would without what mended others like them."""
    Swarm(number).run()
