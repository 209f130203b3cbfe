"""Speed of the virtual-time world: simulated seconds in one real second."""

import contextlib
import time
from functools import partial

from bench.settings import Settings
from bench.table import Table
from meshnode.node import LocalError
from meshnode.wire import BROADCAST
from meshward.sim import World
from meshward.topologies import parents

SUMMARY = "simulated seconds per real second, 100 nodes"
NODES = 100
_TEXT = "x" * 120
#: (words, main loop in ms, broadcasts a second, usual real seconds)
CASES = (
    ("idle", None, 0, 2),
    ("idle, 10 ms loops", 10, 0, 2),
    ("10 broadcasts/s", None, 10, 3),
    ("10 broadcasts/s, 10 ms loops", 10, 10, 3),
)


def measure(settings: Settings, nodes: int = NODES) -> list[Table]:
    rows = []
    for words, loop_ms, per_s, usual_s in CASES:
        world = meshed(nodes, loop_ms)
        rows.append((words, *speed(world, per_s, settings.seconds(usual_s))))
    columns = ("load", "simulated s / real s", "actions / real s")
    note = (
        f"A tree of {nodes} nodes; broadcasts of about 190 B from one node to all. Real seconds are CPU time."
    )
    return [Table("Virtual-time world", columns, rows, (note,))]


def meshed(nodes: int, loop_ms: float | None) -> World:
    """A tree that has converged and come to rest."""
    world = World(seed=1)
    world.build(parents("tree", nodes), loop_ms=loop_ms)
    if not world.run_until(world.converged, limit_s=60):
        raise RuntimeError("no convergence")
    world.run_for(20)
    return world


def speed(world: World, broadcasts_per_s: float, real_s: float) -> tuple[float, float]:
    """Simulated seconds, and actions of the kernel, in a second of CPU time."""
    if broadcasts_per_s:
        _shout(world, round(1e6 / broadcasts_per_s))
    from_s, from_actions, started = world.now_s, world.kernel.actions_scheduled, time.process_time()
    while (spent := time.process_time() - started) < real_s:
        world.run_for(1)
    return (world.now_s - from_s) / spent, (world.kernel.actions_scheduled - from_actions) / spent


def _shout(world: World, period_us: int) -> None:
    host = world.hosts[-1]
    with contextlib.suppress(LocalError):  # a full queue: what a mesh can carry is what is measured
        host.send({"type": BROADCAST, "dest": 0, "from": host.node_id, "msg": _TEXT})
    world.kernel.after(period_us, partial(_shout, world, period_us))
