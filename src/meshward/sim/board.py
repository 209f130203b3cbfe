"""A board with unmodified firmware: what stays when its node is thrown away and made anew."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from meshnode.node import MeshNode
from meshward.sim.application import Application
from meshward.sim.behaviour import FINE, Behaviours, DeafReceiver
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import Flash, Image
from meshward.sim.stock import RESTART_DELAY_US, StockReceiver
from meshward.sim.stock_2019 import StockReceiver2019

if TYPE_CHECKING:
    from meshward.sim.host import Host

ESP8266 = "ESP8266"
DOWNTIME_US = 500_000
"""From a restart to the board's first attempt to join the mesh again."""


class Board:
    """Role, hardware, flash and faults of one board, and its firmware as of the last start.

    A driver calls `start` with each new `MeshNode` and, when `on_reboot(why)` is called, throws the
    node and its links away and starts another one some time later, if the board is `bootable`. `why`
    is "updated", "fault" or "crashed". When `on_radio_lost()` is called, the node falls silent until
    somebody starts the board anew. Both calls come from within the node: act on them afterwards.

    behaviours: what the images do that it may come to run. reports_us: it reports its state (package
    604) about that often, None never. rng: for what happens at random moments; follows from the node id
    if None.
    """

    receiver: StockReceiver
    application: Application

    def __init__(
        self,
        role: str,
        hardware: str = "ESP32",
        *,
        flash: Flash | None = None,
        faults: UpdateFaults | None = None,
        upstream_2019: bool = False,
        restart_delay_us: int = RESTART_DELAY_US,
        behaviours: Behaviours | None = None,
        reports_us: int | None = None,
        rng: Random | None = None,
    ) -> None:
        self.role = role
        self.hardware = hardware
        self.flash = flash or Flash(gzip=hardware == ESP8266)
        self.faults = faults or UpdateFaults()
        self.upstream_2019 = upstream_2019
        self.restart_delay_us = restart_delay_us
        self.behaviours = behaviours or Behaviours()
        self.behaviour = FINE
        """Of the image that was started last."""
        self.reports_us = reports_us
        self.starts = 0
        self.radio_lost = False
        """Whether the image that was started last left the mesh for good."""
        self._rng = rng

    @property
    def running(self) -> Image | None:
        """The image it runs, None if it does not start any more."""
        return self.flash.running

    @property
    def bootable(self) -> bool:
        """Whether it comes back from a restart."""
        return self.flash.bootable

    def start(
        self,
        node: MeshNode,
        now_us: int,
        on_reboot: Callable[[str], None],
        on_radio_lost: Callable[[], None] | None = None,
    ) -> StockReceiver:
        """Boot: attach a receiver that knows nothing but what the flash holds, and the rest of the firmware.

        `on_radio_lost` is called from within here where the image never joins at all.
        """
        self.starts += 1
        self.behaviour = self.behaviours.of(self.flash.boot())
        self.radio_lost = False
        self.receiver = self._make_receiver(node, on_reboot)
        self.application = self._make_application(node, now_us, on_radio_lost)
        fault_delay_us = self.faults.take_reboot_delay_us()
        if fault_delay_us is not None:
            self.receiver.reboot_at(now_us + fault_delay_us, "fault")
        if self.application.crash_due_us is not None:
            self.receiver.reboot_at(self.application.crash_due_us, "crashed")
        node.attach(DeafReceiver(self.receiver) if self.behaviour.kind == "silent" else self.receiver)
        self.application.handle_deadline(now_us)  # a radio that is lost from the beginning
        if not self.application.idle:
            node.attach(self.application)
        return self.receiver

    def _make_receiver(self, node: MeshNode, on_reboot: Callable[[str], None]) -> StockReceiver:
        make = StockReceiver2019 if self.upstream_2019 else StockReceiver
        return make(
            node.node_id,
            self.flash,
            role=self.role,
            hardware=self.hardware,
            root=node.root,
            restart_delay_us=self.restart_delay_us,
            faults=self.faults,
            on_reboot=on_reboot,
        )

    def _make_application(
        self, node: MeshNode, now_us: int, on_radio_lost: Callable[[], None] | None
    ) -> Application:
        def lose_radio() -> None:
            if self.receiver.reboot_reason != "updated":  # else another image is about to start
                self.radio_lost = True
                if on_radio_lost is not None:
                    on_radio_lost()

        if self._rng is None:
            self._rng = Random(node.node_id)  # noqa: S311  to be repeatable is the point
        return Application(
            node,
            self.running,
            self.hardware,
            self.behaviour,
            self._rng,
            now_us,
            reports_us=self.reports_us,
            on_radio_lost=lose_radio,
        )


def boards_on_hosts(boards: Mapping[int, Board], downtime_us: int = DOWNTIME_US) -> "Callable[[Host], None]":
    """A `setup` for the hosts of a world: each host whose node id is in `boards` is that board."""

    def setup(host: "Host") -> None:
        board = boards.get(host.node_id)
        if board is not None:
            on_reboot = partial(_reboot_soon, host, board, host.boots, downtime_us)
            board.start(host.node, host.now_us, on_reboot, partial(_fall_silent_soon, host, host.boots))
            host.slow_down(board.behaviour.slowdown)

    return setup


def _reboot_soon(host: "Host", board: Board, boots: int, downtime_us: int, _why: str) -> None:
    def reboot() -> None:
        if not host.alive or host.boots != boots:
            return
        if board.bootable:
            host.reboot(downtime_us)
        else:
            host.kill("reset")

    host.world.kernel.after(0, reboot)


def _fall_silent_soon(host: "Host", boots: int) -> None:
    def fall_silent() -> None:
        # To its mesh, a board without a radio is one without power.
        if host.boots == boots:
            host.kill("silent")

    host.world.kernel.after(0, fall_silent)
