"""Runs an update core in a mesh that was joined."""

from collections.abc import Callable

from meshward.errors import UpdateError
from meshward.mesh import Mesh
from meshward.ota.commands import Command
from meshward.ota.update import Update
from meshward.push.driver import CoreDriver

GRACE_S = 30.0
"""How long the whole mesh may be out of sight before an update is given up for now."""


class Pusher:
    """Drives an `Update` until it is done.

    on_progress: called after every step that changed something, and at least once a second.
    """

    def __init__(self, mesh: Mesh, update: Update, on_progress: Callable[[], None] | None = None) -> None:
        self.update = update
        self._driver = CoreDriver(mesh, update)
        self._on_progress = on_progress or (lambda: None)
        self._stop_wanted: bool | None = None

    def stop(self, *, reset: bool = False) -> None:
        """End soon: leave the nodes where they are, or put them back to idle with `reset`."""
        self._stop_wanted = reset
        self._driver.wake()

    async def run(self) -> None:
        """Until every node has a final state, or stop() was called.

        Raises UpdateError where no node can be seen for too long.
        """
        with self._driver.attached() as driver:
            alone_since_us: int | None = None
            while not self.update.done:
                driver.feed()
                driver.carry_out(self._commands())
                self._on_progress()
                alone_since_us = None if driver.sees_nodes() else alone_since_us or driver.now_us
                if alone_since_us is not None and driver.now_us - alone_since_us > GRACE_S * 1e6:
                    raise UpdateError(
                        f"no node was in reach for {GRACE_S:g} s: check that the neighbour runs, "
                        "then run the same command again to go on"
                    )
                await driver.sleep()

    def _commands(self) -> list[Command]:
        now_us = self._driver.now_us
        if self._stop_wanted is not None:
            return self.update.cancel(now_us, reset=self._stop_wanted)
        return self.update.commands(self._driver.room_bytes, now_us)
