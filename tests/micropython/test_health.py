"""Telemetry under the real MicroPython: the same frames as here, and within its heap."""

import json
from random import Random

import pytest

from meshnode.health.agent import HealthAgent
from meshnode.health.encoder import TelemetryEncoder
from meshnode.health.metrics import METRICS
from meshnode.node import MeshNode
from meshnode.rng import SmallRandom
from tests.support import micropython
from tests.support.telemetry import Walk, steady

HEAP_BYTES = 2048

ENCODE = """
import json, sys
from meshnode.health.encoder import TelemetryEncoder
with open(sys.argv[1]) as file:
    walk = json.load(file)
encoder = TelemetryEncoder(60, 5, 15, 7, 65530)
for place, values in enumerate(walk):
    for frame in encoder.add(values, 60 * place):
        print(frame.hex())
    if place % 11 == 10:
        for frame in encoder.flush(values, 60 * place + 20, place % 2 == 0, place % 3 == 0):
            print(frame.hex())
"""

MEASURE = """
import gc
import meshnode.health.encoder as module
def sample(place):  # numbers that a 32-bit board would have to put on its heap, too
    return [180000 + place * 997 % 5000, 150000, 110000.5, -61, 14, 11, 41.5, None, 20, 3,
        4294960000 + 31 * place, 2000000000 + 17 * place, place, 4290000000 + 5000 * place, 7 * place, 1]
module.TelemetryEncoder(60).add(sample(0), 0)  # what is allocated once is no state of an encoder
most = 0
gc.collect()
before = gc.mem_alloc()
encoder = module.TelemetryEncoder(60, 5, 15)
for place in range(1, 400):
    encoder.add(sample(place), 60 * place)
    if place % 37 == 0:
        encoder.flush(sample(place), 60 * place + 30, True)
    if place % 41 < 6:
        encoder.hold(sample(place), 60 * place + 45)
    gc.collect()
    most = max(most, gc.mem_alloc() - before)
print(most)
"""

AGENT = """
import json
from meshnode.health.agent import HealthAgent
from meshnode.node import MeshNode
from meshnode.rng import SmallRandom
class Board:
    def read(self, now_us):
        return VALUES
class NodeOfTwo(MeshNode):  # as if node 7 were there
    def tree(self):
        from meshnode.tree import Tree
        return Tree([1000, 7], [0, 1])
VALUES = %r
node = NodeOfTwo(1000)
agent = HealthAgent(node, Board(), SmallRandom(5), 0, role="sensor", hardware="ESP32", version="1",
    firmware_md5="ab", boots=3, reports_us=None)
for package in (
    {"type": 713, "routing": 1, "from": 7, "dest": 1000},
    {"type": 710, "routing": 1, "from": 7, "dest": 1000, "q": 4, "jitter": 0},
    {"type": 400, "routing": 1, "from": 7, "dest": 1000, "cmd": 3, "target": 1000},
):
    for answer in agent.receive(package, 90000000):
        print(json.dumps(answer))
while agent.next_deadline_us() < 900000000:
    now_us = agent.next_deadline_us()
    for answer in agent.handle_deadline(now_us):
        print(json.dumps(answer))
"""


@pytest.mark.parametrize("number", range(4))
def test_the_frames_are_those_of_cpython(number, tmp_path):
    walk = Walk(Random(number))
    samples = [walk.step() for _ in range(60)]
    encoder = TelemetryEncoder(60, 5, 15, 7, 65530)
    frames = []
    for place, values in enumerate(samples):
        frames += encoder.add(values, 60 * place)
        if place % 11 == 10:
            frames += encoder.flush(values, 60 * place + 20, place % 2 == 0, place % 3 == 0)
    path = tmp_path / "walk.json"
    path.write_text(json.dumps(samples))
    told = micropython.run("-c", ENCODE, str(path)).split()
    assert told == [frame.hex() for frame in frames]


def test_an_encoder_needs_less_than_2_kb_of_heap():
    assert 200 < int(micropython.run("-c", MEASURE)) <= HEAP_BYTES


def test_an_agent_says_there_what_it_says_here():
    values = steady(rssi_dbm=-70.0)
    assert len(values) == len(METRICS)
    told = [json.loads(line) for line in micropython.run("-c", AGENT % (values,)).splitlines()]
    here: list[dict] = []
    scope = {"print": lambda line: here.append(json.loads(line)), "HealthAgent": HealthAgent}
    exec(AGENT % (values,), scope | {"MeshNode": MeshNode, "SmallRandom": SmallRandom})
    assert told == here
    assert [package["type"] for package in told[:4]] == [712, 711, 604, 204]
    assert [package["type"] for package in told[4:]] == [712] * (len(told) - 4)
    assert len(told) > 5
