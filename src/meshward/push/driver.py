"""Joins an update core, or anything of its shape, to a mesh: events in, commands out, sleep between."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from meshnode import events as core
from meshnode.relay import LocalError
from meshnode.runner import Runner
from meshnode.tree import Tree
from meshward.mesh import Mesh
from meshward.ota.commands import Command, Fence
from meshward.ota.core import Core

QUEUE_BYTES = 32 * 1024
"""Parts are queued up to this fill; the core's own pacing keeps them far below."""
INPUTS_MAX = 10_000
"""Packages that wait while the core cannot be fed: what a flooding peer may make us hold."""
LOOK_S = 1.0
"""Longest time between two looks at progress."""


class CoreDriver:
    """Use it `attached` to the mesh: `feed`, take the core's commands, `carry_out`, `sleep`, and again."""

    def __init__(
        self, mesh: Mesh, driven: Core, on_event: Callable[[core.Event], None] | None = None
    ) -> None:
        """`on_event` is told of every event that the core is told of."""
        self.core = driven
        self._mesh = mesh
        self._on_event_too = on_event
        self._inputs: list[core.Event] = []
        self._woken = asyncio.Event()

    @contextmanager
    def attached(self) -> Iterator[Self]:
        """Watch the mesh, beginning with the tree as it is."""
        with self._mesh.observed_by(self._on_event):
            self.core.on_tree(self.tree(), self.now_us)
            yield self

    @property
    def _runner(self) -> Runner:
        return self._mesh.runner

    @property
    def now_us(self) -> int:
        """The driver's clock: local, monotonic."""
        now_us: int = self._runner.now_us()
        return now_us

    @property
    def room_bytes(self) -> int:
        """How much may be queued now."""
        runner = self._runner
        return QUEUE_BYTES - max((runner.backlog(link) for link in runner.connections), default=0)

    def tree(self) -> Tree:
        """The mesh as it is now."""
        tree: Tree = self._runner.node.tree()
        return tree

    def sees_nodes(self) -> bool:
        """Whether any node is in reach."""
        return bool(self._runner.node.nodes())

    def wake(self) -> None:
        """End the sleep: something is to be done."""
        self._woken.set()

    def feed(self) -> None:
        """Tell the core what came in, and of the time."""
        now_us = self.now_us
        inputs, self._inputs = self._inputs, []
        tree_changed = False
        for event in inputs:
            if isinstance(event, core.PackageReceived):
                self.core.on_package(event.package, now_us)
            elif isinstance(event, core.DelayMeasured):
                self.core.on_delay(event.node_id, now_us, event.delay_us)
            elif isinstance(event, core.TopologyChanged):
                tree_changed = True
            if self._on_event_too is not None:
                self._on_event_too(event)
        if tree_changed:
            self.core.on_tree(self.tree(), now_us)
        self.core.handle_deadline(now_us)

    def carry_out(self, commands: Iterable[Command]) -> None:
        """Do what the core wants done."""
        for command in commands:
            try:
                if isinstance(command, Fence):
                    self._runner.measure_delay(command.node_id)
                else:
                    self._runner.send(command.package)
            except LocalError:
                pass  # the node left a moment ago, or a queue is full: as good as lost on the way

    async def sleep(self, also_due_us: int | None = None) -> None:
        """Until something comes in, the core (or who else is) is due, or a second is over."""
        if self._inputs or self.core.done:
            return
        moments = [moment for moment in (self.core.next_deadline_us(), also_due_us) if moment is not None]
        due_us = min(moments, default=None)
        wait_s = LOOK_S if due_us is None else min(LOOK_S, max(0.0, (due_us - self.now_us) / 1e6))
        self._woken.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _on_event(self, event: core.Event) -> None:
        wanted = (core.TopologyChanged, core.DelayMeasured, core.PackageReceived)
        if isinstance(event, core.PackageReceived) and len(self._inputs) >= INPUTS_MAX:
            return
        if isinstance(event, wanted):
            self._inputs.append(event)
            self._woken.set()
