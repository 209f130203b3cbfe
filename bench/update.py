"""Updates of stock boards in virtual time: every mesh, every way, beside the library's own sender."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.settings import Settings
from bench.table import Cell, Table
from bench.update_case import Case, Outcome, run
from meshward.topologies import KINDS

SUMMARY = "seconds to update 1 to 100 stock boards, beside the stock sender (virtual time)"
SIZES = (1, 4, 20, 50, 100)
#: (strategy, part bytes, whether the sender is a node with a main loop). Stock was measured on such a
#: node; on a computer it is faster already, and what is gained by that is no merit of the other ways.
WAYS = (
    ("stock", 1024, True),
    ("stock", 1024, False),
    ("sequential", 1024, False),
    ("broadcast", 1024, False),
    ("broadcast", 3072, False),
)
#: What the stock sender, with a main loop, took with C++ nodes: (nodes, topology) -> seconds.
MEASURED_S = {(1, "star"): 13.0, (4, "chain"): 55.1, (20, "tree"): 169.5}
#: Larger meshes one to one take minutes of real time.
ONE_TO_ONE_NODES_MAX = 20
ACTIONS_MAX = 2_000_000


def measure(settings: Settings, cases: list[Case] | None = None) -> list[Table]:
    chosen = cases_of(full=settings.full) if cases is None else cases
    if len(chosen) == 1:
        outcomes = [run(chosen[0])]
    else:
        # Virtual time does not mind how many run beside each other. The long ones first.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            longest_first = sorted(chosen, key=_cost, reverse=True)
            outcomes = list(pool.map(run, longest_first))
    return [table(sorted(outcomes, key=lambda outcome: chosen.index(outcome.case)), full=settings.full)]


def cases_of(*, full: bool) -> list[Case]:
    """The table's cells; one node has one shape only."""
    return [
        Case(
            nodes,
            topology,
            strategy,
            part_bytes,
            sender_has_loop=has_loop,
            actions_max=None if full else ACTIONS_MAX,
        )
        for nodes in SIZES
        for topology in (KINDS if nodes > 1 else KINDS[:1])
        for strategy, part_bytes, has_loop in WAYS
        if full or strategy == "broadcast" or nodes <= ONE_TO_ONE_NODES_MAX
    ]


def table(outcomes: list[Outcome], *, full: bool) -> Table:
    """One row a cell, with the stock sender's seconds for the same mesh as the measure."""
    stock_s = {
        (outcome.case.nodes, outcome.case.topology): outcome.seconds
        for outcome in outcomes
        if outcome.case.sender_has_loop
    }
    columns = (
        *("nodes", "mesh", "way", "part B", "seconds", "floor s", "efficiency"),
        *("MB, all links", "times stock", "C++ s"),
    )
    note = (
        "200 KB image; boards' main loops of 10 ms, 511 B a link and pass. Seconds: from the first offer "
        "until the last board has the whole image; bytes: until then. Floor: the busiest link's bytes at its "
        "rate. On a node: the sender has such a loop too, as the C++ one measured; otherwise it has none. "
        "Ratios are to that one."
    )
    notes = [note]
    if not full:
        notes.append(f"One to one with more than {ONE_TO_ONE_NODES_MAX} nodes: only with --full.")
    return Table("Updates of stock boards", columns, [_row(outcome, stock_s) for outcome in outcomes], notes)


def _row(outcome: Outcome, stock_s: dict[tuple[int, str], float | None]) -> list[Cell]:
    case = outcome.case
    mesh = case.nodes, case.topology
    stock = stock_s.get(mesh)
    ratio = stock / outcome.seconds if stock and outcome.seconds else None
    measured = MEASURED_S.get(mesh) if case.sender_has_loop else None
    way = f"{case.strategy}, on a node" if case.sender_has_loop else case.strategy
    seconds = outcome.seconds or f"given up, {outcome.boards_done} of {case.nodes} done"
    return [
        *(*mesh, way, case.part_bytes, seconds, outcome.floor_seconds, outcome.efficiency),
        *(outcome.megabytes_all_links, ratio, measured),
    ]


def _cost(case: Case) -> float:
    depth = case.nodes if case.topology == "chain" else 5
    return case.nodes * depth * (1 if case.strategy == "broadcast" else 10) / case.part_bytes
