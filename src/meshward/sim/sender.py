"""Runs an update from a host of the world, as the program does from a real mesh."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from meshnode.events import DelayMeasured, Event, PackageReceived, TopologyChanged
from meshnode.relay import LocalError
from meshward.ota.commands import Command, Fence
from meshward.ota.core import Core
from meshward.sim.host import Host

QUEUE_BYTES = 48 * 1024
"""Parts are put into the node's queues up to this fill; the update's own pacing keeps them far below."""


C = TypeVar("C", bound=Core)


class SimSender(Generic[C]):
    """Drives an update core on a host; stops with it, or with `stop` as a killed program would.

    on_step: called before the commands of a step are carried out, which it may prevent by `stop`.
    """

    def __init__(
        self,
        host: Host,
        update: C,
        on_end: Callable[[], None] | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        self.host = host
        self.update = update
        self.ended_us: int | None = None
        self.refused_commands = 0
        self._on_end = on_end
        self._on_step = on_step
        self._alarm_us: int | None = None
        self._busy = False
        host.on_event.append(self._event)
        update.on_tree(host.node.tree(), self._now_us)
        self.step()

    @property
    def _now_us(self) -> int:
        return self.host.world.kernel.now_us

    def stop(self) -> None:
        """Stop without a word, as a killed program does."""
        if self._event in self.host.on_event:
            self.host.on_event.remove(self._event)
        self.ended_us = self._now_us if self.ended_us is None else self.ended_us

    def _event(self, _host: Host, event: Event) -> None:
        if isinstance(event, PackageReceived):
            self.update.on_package(event.package, self._now_us)
        elif isinstance(event, DelayMeasured):
            self.update.on_delay(event.node_id, self._now_us, event.delay_us)
        elif isinstance(event, TopologyChanged):
            self.update.on_tree(self.host.node.tree(), self._now_us)
        else:
            return
        self.host.world.kernel.after(0, self.step)

    def step(self) -> None:
        """Carry out what the core wants done now; to be called after something was done to it directly."""
        if self._stopped() or self._busy:
            return
        self._busy = True
        try:
            commands = self.update.commands(self._room_bytes(), self._now_us)
            if self._on_step is not None:
                self._on_step()
            for command in commands:
                if not self._stopped():
                    self._do(command)
        finally:
            self._busy = False
        if self._stopped():
            return
        if self.update.done:
            self.stop()
            if self._on_end is not None:
                self._on_end()
        else:
            self._arm()

    def _stopped(self) -> bool:
        return self.ended_us is not None

    def _room_bytes(self) -> int:
        backlogs = [self.host.node.backlog(handle) for handle in self.host.ends]
        return QUEUE_BYTES - max(backlogs, default=0)

    def _do(self, command: Command) -> None:
        try:
            if isinstance(command, Fence):
                self.host.measure_delay(command.node_id)
            else:
                self.host.send(command.package)
        except LocalError:  # the node left a moment ago, or a queue is full: as good as lost on the way
            self.refused_commands += 1

    def _arm(self) -> None:
        deadline_us = self.update.next_deadline_us()
        if deadline_us is None or (
            self._alarm_us is not None and self._now_us < self._alarm_us <= deadline_us
        ):
            return
        self._alarm_us = max(deadline_us, self._now_us + 1)
        self.host.world.kernel.at(self._alarm_us, partial(self._wake, self._alarm_us))

    def _wake(self, alarm_us: int) -> None:
        if not self._stopped() and self._alarm_us == alarm_us:
            self._alarm_us = None
            self.update.handle_deadline(self._now_us)
            self.step()
