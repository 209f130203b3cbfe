"""Runs an update core in a mesh that was joined."""

import asyncio
from collections.abc import Callable

from meshnode import events as core
from meshnode.relay import LocalError
from meshnode.runner import Runner
from meshnode.wire import OTA_DATA_REQUEST
from meshward.errors import UpdateError
from meshward.mesh import Mesh
from meshward.ota.commands import Command, Fence
from meshward.ota.update import Update

QUEUE_BYTES = 32 * 1024
"""Parts are queued up to this fill; the update's own pacing keeps them far below."""
LOOK_S = 1.0
"""Longest time between two looks at progress."""
GRACE_S = 30.0
"""How long the whole mesh may be out of sight before an update is given up for now."""


class Pusher:
    """Drives an `Update` until it is done.

    on_progress: called after every step that changed something, and at least once a second.
    """

    def __init__(self, mesh: Mesh, update: Update, on_progress: Callable[[], None] | None = None) -> None:
        self.update = update
        self._mesh = mesh
        self._on_progress = on_progress or (lambda: None)
        self._runner: Runner
        self._inputs: list[core.Event] = []
        self._woken = asyncio.Event()
        self._stop_wanted: bool | None = None

    def stop(self, *, reset: bool = False) -> None:
        """End soon: leave the nodes where they are, or put them back to idle with `reset`."""
        self._stop_wanted = reset
        self._woken.set()

    async def run(self) -> None:
        """Until every node has a final state, or stop() was called.

        Raises UpdateError where no node can be seen for too long.
        """
        with self._mesh.observed_by(self._on_event) as runner:
            self._runner = runner
            self.update.on_tree(runner.node.tree(), runner.now_us())
            alone_since_us: int | None = None
            while not self.update.done:
                now_us = runner.now_us()
                self._take_inputs(now_us)
                self.update.handle_deadline(now_us)
                commands = self._commands(now_us)
                for command in commands:
                    self._do(command)
                self._on_progress()
                alone_since_us = None if runner.node.nodes() else alone_since_us or now_us
                if alone_since_us is not None and now_us - alone_since_us > GRACE_S * 1e6:
                    raise UpdateError(
                        f"no node was in reach for {GRACE_S:g} s: check that the neighbour runs, "
                        "then run the same command again to go on"
                    )
                await self._sleep(runner.now_us())

    def _commands(self, now_us: int) -> list[Command]:
        if self._stop_wanted is not None:
            return self.update.cancel(now_us, reset=self._stop_wanted)
        runner = self._runner
        backlog = max((runner.backlog(connection) for connection in runner.connections), default=0)
        return self.update.commands(QUEUE_BYTES - backlog, now_us)

    def _do(self, command: Command) -> None:
        runner = self._runner
        try:
            if isinstance(command, Fence):
                runner.measure_delay(command.node_id)
            else:
                runner.send(command.package)
        except LocalError:
            pass  # the node left a moment ago, or a queue is full: as good as lost on the way

    def _on_event(self, event: core.Event) -> None:
        interesting = (core.TopologyChanged, core.DelayMeasured, core.PackageReceived)
        if isinstance(event, interesting):
            self._inputs.append(event)
            self._woken.set()

    def _take_inputs(self, now_us: int) -> None:
        inputs, self._inputs = self._inputs, []
        tree_changed = False
        for event in inputs:
            if isinstance(event, core.PackageReceived):
                if event.package["type"] == OTA_DATA_REQUEST:
                    self.update.on_package(event.package, now_us)
            elif isinstance(event, core.DelayMeasured):
                self.update.on_delay(event.node_id, now_us, event.delay_us)
            else:
                tree_changed = True
        if tree_changed:
            self.update.on_tree(self._runner.node.tree(), now_us)

    async def _sleep(self, now_us: int) -> None:
        if self._inputs or self.update.done:
            return
        due_us = self.update.next_deadline_us()
        wait_s = LOOK_S if due_us is None else min(LOOK_S, max(0.0, (due_us - now_us) / 1e6))
        self._woken.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return
