"""A run is a function of its seed, whatever the process it runs in."""

import os
import subprocess
import sys
from pathlib import Path

from meshward.sim import Trace
from tests.sim.scenes import eventful_run

PROJECT = Path(__file__).parents[2]
PROGRAM = """
from meshward.sim import Trace
from tests.sim.scenes import eventful_run
trace = Trace()
eventful_run({seed}, trace)
print(trace.count, trace.hexdigest())
"""


def outcome(seed, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", PROGRAM.format(seed=seed)]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_same_seed_gives_the_same_trace_in_every_process():
    trace = Trace()
    eventful_run(3, trace)
    here = f"{trace.count} {trace.hexdigest()}\n"
    assert trace.count > 2000
    assert [outcome(3, hash_seed) for hash_seed in ("0", "1", "4711")] == [here] * 3


def test_another_seed_gives_another_trace():
    traces = []
    for seed in (3, 4):
        trace = Trace()
        eventful_run(seed, trace, faults=1)
        traces.append(trace.hexdigest())
    assert traces[0] != traces[1]


def test_the_trace_changes_nothing():
    trace = Trace()
    traced, plain = eventful_run(5, trace, faults=3), eventful_run(5, None, faults=3)
    assert traced.kernel.actions_scheduled == plain.kernel.actions_scheduled
    assert [host.mesh_time_us for host in traced.living()] == [host.mesh_time_us for host in plain.living()]
