"""Staged rollouts in virtual time, each with its store, and what it costs to store how far one is."""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.gateway_load import summary
from bench.settings import Settings
from bench.table import Table
from meshward.ota.record import NodeRecord
from meshward.ota.states import NodeState
from meshward.rollout.changes import Change, Noted, SaveRollout, SaveRun
from meshward.rollout.documents import NodeEntry, RolloutDoc, RunDoc, WaveEntry
from meshward.rollout.spec import RolloutSpec, Target
from meshward.rollout.states import RolloutState, RunKind
from meshward.store.apply import apply
from meshward.store.connection import MEMORY, open_connection
from tests.sim.rollout_scenes import RolloutScene, disturb

SUMMARY = "rollouts of 40 nodes a second of real time (virtual time), milliseconds to store one of 250"
NODES, STORED_NODES = 40, 250
_ROLLOUTS_S, _STORE_S = 10, 10
#: (words, kills of the gateway): each at a random step, with the store copied.
CASES = (("undisturbed", 0), ("gateway killed 5 times", 5))
_BASE = "an event"
_SHA256 = "ab" * 32
_STATES = (NodeState.SCHEDULED, NodeState.DOWNLOADING, NodeState.REBOOTING, NodeState.VERIFYING)
_AT_S = 1_767_225_600.0

Cases = dict[str, Iterator[list[Change]]]


def measure(settings: Settings, nodes: int = NODES, stored_nodes: int = STORED_NODES) -> list[Table]:
    return [
        _rollouts(settings.seconds(_ROLLOUTS_S), nodes),
        _writes(settings.seconds(_STORE_S), stored_nodes),
    ]


def _rollouts(seconds: float, nodes: int) -> Table:
    rows = []
    for words, kills in CASES:
        count, simulated_s, actions, started = 0, 0.0, 0, time.process_time()
        while count == 0 or time.process_time() - started < seconds:
            count += 1
            scene = _rollout(count, nodes, kills)
            simulated_s += scene.world.now_s
            actions += scene.world.kernel.actions_scheduled
        spent = time.process_time() - started
        rows.append((words, count, count / spent, simulated_s / count, simulated_s / spent, actions / spent))
    columns = (
        *("gateway", "rollouts", "rollouts / real s", "simulated s each"),
        *("simulated s / real s", "actions / real s"),
    )
    note = (
        f"{nodes} boards of two kinds and two roles in a random mesh, 10 ms loops, 8 KB image, three waves "
        "with soak times of 30 s; with the making of the mesh. Real seconds are CPU time."
    )
    return Table("Rollouts in virtual time", columns, rows, (note,))


def _rollout(seed: int, nodes: int, kills: int) -> RolloutScene:
    scene = RolloutScene(seed, n=nodes).start()
    if kills:
        disturb(scene, kills, mean_steps=100)
    scene.run()
    if scene.doc.state is not RolloutState.COMPLETED:
        raise RuntimeError(scene.where())
    return scene


def _writes(seconds: float, nodes: int) -> Table:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for where, path in (("memory", MEMORY), ("file", Path(folder) / "meshward.db")):
            times_s = _write_times_s(path, _cases(nodes), seconds)
            figures = {words: summary(taken_s) for words, taken_s in times_s.items()}
            base_ms = figures[_BASE][1]
            rows += [(where, words, *found, found[1] / base_ms) for words, found in figures.items()]
    columns = ("store", "what", "writes", "p50 ms", "p99 ms", "max ms", "p50 ratio")
    note = (
        f"One transaction each, {nodes} nodes; a file is synced after each, and lies among the temporary "
        "ones. Ratios are to an event in the same store."
    )
    return Table("Storing a rollout", columns, rows, (note,))


def _write_times_s(path: Path | str, cases: Cases, seconds: float) -> dict[str, list[float]]:
    """Seconds of each write, by what was written: in turn, for a disk is not the same all the time."""
    times_s: dict[str, list[float]] = {words: [] for words in cases}
    connection = open_connection(path)
    try:
        for changes in cases.values():
            apply(connection, next(changes), _AT_S)  # the first ones make the rows
        ends = time.perf_counter() + seconds
        while not times_s[_BASE] or time.perf_counter() < ends:
            for words, changes in cases.items():
                change = next(changes)
                started = time.perf_counter()
                apply(connection, change, _AT_S)
                times_s[words].append(time.perf_counter() - started)
    finally:
        connection.close()
    return times_s


def _cases(nodes: int) -> Cases:
    """Changes without end, by what is stored."""
    still, one, run = (_run(f"r1-{number}", nodes) for number in range(3))
    doc = _doc(nodes)

    def every(change: Callable[[int], list[Change]]) -> Iterator[list[Change]]:
        return (change(number) for number in itertools.count())

    return {
        _BASE: every(lambda number: [Noted("node.updated", f"node {number} was updated")]),
        "the run, as it was": every(lambda _: [SaveRun(still)]),
        "the run, 1 node changed": every(lambda number: [SaveRun(_moved(one, number, 1))]),
        "the run, all nodes changed": every(lambda number: [SaveRun(_moved(run, number, nodes))]),
        "the rollout": every(lambda _: [SaveRollout(doc)]),
    }


def _run(run_id: str, nodes: int) -> RunDoc:
    ids = list(range(1001, 1001 + nodes))
    records = [NodeRecord(node, NodeState.SCHEDULED).snapshot() for node in ids]
    return RunDoc(
        id=run_id, rollout="r1", kind=RunKind.INSTALL, image=_SHA256, hardware="ESP32", role="sensor",
        nodes=ids, started_s=_AT_S, records=records,
    )  # fmt: skip


def _moved(run: RunDoc, number: int, count: int) -> RunDoc:
    for record in run.records[:count]:
        record["state"] = _STATES[number % len(_STATES)].value
    return run


def _doc(nodes: int) -> RolloutDoc:
    spec = RolloutSpec(name="bench", images=(_SHA256,), target=Target(roles=("sensor",)))
    entries = [
        NodeEntry(node=1001 + index, hardware="ESP32", role="sensor", wave=2, image=_SHA256, touched=True)
        for index in range(nodes)
    ]
    return RolloutDoc(
        id="r1", spec=spec, state=RolloutState.UPDATING, images={"ESP32": _SHA256}, nodes=entries,
        waves=[WaveEntry() for _ in spec.waves], created_s=_AT_S,
    )  # fmt: skip
