"""What browser tests look at: virtual boards, and a real daemon in their mesh."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from meshward.fleet.fleet import VirtualFleet
from tests.integration.gateway_meshes import FIRST_ID, sees
from tests.integration.gateways import Daemon
from tests.integration.health_meshes import boards, health_mesh

NAMES = {1001: "Hall", 1002: "Kitchen", 1003: "Attic", 1004: "Garage", 1005: "Garden", 1006: "Cellar"}


@dataclass
class Stage:
    """A fleet and a daemon."""

    fleet: VirtualFleet
    daemon: Daemon

    async def patch(self, node, **values):
        async with self.daemon.api() as client:
            answer = await client.patch(f"/nodes/{node}", json=values)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def set_up(
    folder, *, nodes=6, names=NAMES, kind="meshward", arguments=(), eager=True, plan=None, **more
):
    """Boards that tell how they are and take updates; their nodes have names. `plan` says more of the boards."""
    plan = boards(kind=kind, **(plan or {}))
    async with health_mesh(folder, *arguments, nodes=nodes, plan=plan, eager=eager, **more) as (
        fleet,
        daemon,
    ):
        await sees(daemon, nodes)
        stage = Stage(fleet, daemon)
        known = [node for node in range(FIRST_ID, FIRST_ID + nodes) if node in names]
        await asyncio.gather(*[stage.patch(node, name=names[node]) for node in known])
        yield stage
