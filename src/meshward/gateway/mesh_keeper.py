"""Keeps us in the mesh for as long as the gateway runs, whatever happens to the nodes we join through."""

import asyncio
import contextlib
from collections.abc import Callable

from meshward.config import Config
from meshward.errors import JoinError, JoinTimeoutError
from meshward.events import ConnectionLost
from meshward.gateway.logs import get_logger
from meshward.mesh import Mesh

log = get_logger("meshward.mesh")

TELL_FIRST_S = 10.0
TELL_LAST_S = 600.0
"""Why there is no neighbour is told after the first of these waits, then ever more rarely."""
REFUSED_PAUSE_S = 5.0
"""Before we look again whether neighbours want us: they forget a node that vanished within 70 s."""


class MeshKeeper:
    """Enter `mesh` before `run`. It dials by itself; the keeper tells how that goes, and does not give up."""

    def __init__(
        self,
        config: Config,
        on_state: Callable[[str], None] = lambda _problem: None,
        *,
        tell_first_s: float = TELL_FIRST_S,
        refused_pause_s: float = REFUSED_PAUSE_S,
    ) -> None:
        """`on_state` is told why there is no neighbour, and "" once there is one."""
        self.mesh = Mesh(
            connect=config.connect_addresses,
            listen=config.listen_address,
            node_id=config.node_id,
            timeout_s=config.timeout_s,
            patient=True,
        )
        self._on_state = on_state
        self._tell_first_s = tell_first_s
        self._refused_pause_s = refused_pause_s

    async def run(self) -> None:
        """Until cancelled, or the mesh is left."""
        while True:
            await self._join()
            events = self.mesh.events()
            self._on_state("")
            log.info("joined the mesh", own_id=self.mesh.node_id, nodes=len(self.mesh.nodes()))
            lost = None
            while self.mesh.connected:
                event = await anext(events, None)
                if event is None:
                    return
                if isinstance(event, ConnectionLost):
                    lost = event
            if lost is not None:
                log.warning("lost the last neighbour; dialing again", node=lost.node_id, reason=lost.reason)
            self._on_state("no neighbour is connected; trying again")

    async def _join(self) -> None:
        tell_s = self._tell_first_s
        while True:
            try:
                await self.mesh.wait_joined(tell_s)
            except JoinError as error:
                log.warning("not in the mesh; trying on", reason=str(error))
                self._on_state(str(error))
                if not isinstance(error, JoinTimeoutError):
                    await self._pause(max(self._refused_pause_s, tell_s))
            else:
                return
            tell_s = min(2 * tell_s, TELL_LAST_S)

    async def _pause(self, pause_s: float) -> None:
        """Wait, unless a neighbour takes us meanwhile: dialing goes on."""
        events = self.mesh.events()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                while not self.mesh.connected and await anext(events, None) is not None:
                    pass
