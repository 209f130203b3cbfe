"""`python -m meshward.demo`: a mesh of virtual nodes, joined, looked at and left in a few seconds."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meshward.cli.output import plural, print_line
from meshward.cli.render import print_nodes, print_tree
from meshward.errors import FleetPortError, MeshwardError
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.plan import FleetPlan
from meshward.mesh import Mesh

_NODES = 20
#: Places for the fleet: the usual one first, for others may be in use.
_PORTS = range(5600, 6600, 50)
#: Far more than even a small board needs for 20 nodes.
_PATIENCE_S = 30
_TEXT = "hello, mesh"


async def demo() -> None:
    """Start a fleet, join it, show it, talk to it, leave."""
    started = time.monotonic()
    async with _fleet() as fleet:
        plan = fleet.plan
        print_line(
            f"{plan.nodes} virtual nodes on 127.0.0.1, ports {plan.port} to {plan.port + plan.nodes - 1}, "
            f"are one mesh after {time.monotonic() - started:.2f} s"
        )
        started = time.monotonic()
        async with Mesh.connect(f"127.0.0.1:{plan.port}", node_id=1) as mesh:
            await mesh.settle()
            print_line(
                f"We joined as node {mesh.node_id}, and see {plural(mesh.topology().size, 'node')} "
                f"after {time.monotonic() - started:.2f} s\n"
            )
            print_tree(mesh.topology(), own=mesh.node_id)
            print_line("")
            print_nodes(mesh.nodes(include_self=True), await mesh.ping_all())
            await mesh.broadcast(_TEXT)
            answers = await mesh.ping_all()
            print_line(f"\n{_TEXT!r} went to {plural(len(answers), 'node')}")
    print_line("Left the mesh, and switched it off")


@asynccontextmanager
async def _fleet() -> AsyncIterator[VirtualFleet]:
    """A fleet that has converged, at the first ports that are free."""
    for port in _PORTS:
        fleet = VirtualFleet(FleetPlan(nodes=_NODES, topology="random", port=port, seed=7))
        try:
            await fleet.__aenter__()
        except FleetPortError:
            continue
        try:
            await _converged(fleet)
            yield fleet
        finally:
            await fleet.close()
        return
    raise MeshwardError(f"no {_NODES} free ports in a row from {_PORTS.start} on; stop what uses them")


async def _converged(fleet: VirtualFleet) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await fleet.wait_converged()
    except TimeoutError:
        raise MeshwardError(
            f"the virtual nodes are no mesh after {_PATIENCE_S} s: is this machine very busy?"
        ) from None


def main() -> int:
    """Run the demo; its exit status."""
    try:
        asyncio.run(demo())
    except MeshwardError as error:
        print("meshward:", error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
