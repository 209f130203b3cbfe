"""How long a new node takes to see the whole mesh, and what its coming costs.

Times are over real TCP, the fleet a process of its own; bytes are counted in virtual time.
"""

import asyncio
import time

from bench.fleets import fleet_process
from bench.settings import Settings
from bench.sync_traffic import join_bytes
from bench.table import Table
from meshward.mesh import Mesh

SUMMARY = "fleet convergence, time for a new node to see a whole tree, sync bytes of a join"
SIZES = (10, 50, 100, 250)
JOINS = 3


def measure(settings: Settings, sizes=SIZES) -> list[Table]:
    del settings
    rows = []
    for nodes in sizes:
        with fleet_process(nodes) as fleet:
            join_ms = 1000 * min(asyncio.run(join_s(fleet.port, nodes)) for _ in range(JOINS))
        own_bytes, all_bytes = join_bytes(nodes)
        rows.append((nodes, fleet.converged_s, join_ms, own_bytes, all_bytes / 1000))
    columns = ("nodes", "fleet converged s", "join ms", "sync bytes, own link", "sync KB, all links")
    note = (
        "Tree with fan-out 4. Join: from dialing the top node until the new node sees every node, best "
        f"of {JOINS}. Bytes: node sync packages (types 5 and 6) from the dial until all have heard, virtual."
    )
    return [Table("Joining", columns, rows, (note,))]


async def join_s(port: int, nodes: int) -> float:
    """Seconds from dialing until the new node sees them all."""
    started = time.perf_counter()
    async with asyncio.timeout(20), Mesh.connect(f"127.0.0.1:{port}", node_id=1) as mesh:
        while mesh.topology().size < nodes + 1:  # noqa: ASYNC110  to look is cheap beside what it waits for
            await asyncio.sleep(0.001)
        return time.perf_counter() - started
