"""A board with unmodified firmware: what stays when its node is thrown away and made anew."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from meshnode.node import MeshNode
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
    """Role, hardware, flash and faults of one board, and its receiver as of the last start.

    A driver calls `start` with each new `MeshNode` and, when `on_reboot(why)` is called, throws the
    node and its links away and starts another one some time later, if the board is `bootable`. `why`
    is "updated", "fault" or "crashed". The call comes from within the node: act on it afterwards.
    """

    receiver: StockReceiver

    def __init__(
        self,
        role: str,
        hardware: str = "ESP32",
        *,
        flash: Flash | None = None,
        faults: UpdateFaults | None = None,
        upstream_2019: bool = False,
        restart_delay_us: int = RESTART_DELAY_US,
    ) -> None:
        self.role = role
        self.hardware = hardware
        self.flash = flash or Flash(gzip=hardware == ESP8266)
        self.faults = faults or UpdateFaults()
        self.upstream_2019 = upstream_2019
        self.restart_delay_us = restart_delay_us
        self.starts = 0

    @property
    def running(self) -> Image | None:
        """The image it runs, None if it does not start any more."""
        return self.flash.running

    @property
    def bootable(self) -> bool:
        """Whether it comes back from a restart."""
        return self.flash.bootable

    def start(self, node: MeshNode, now_us: int, on_reboot: Callable[[str], None]) -> StockReceiver:
        """Boot: attach a receiver that knows nothing but what the flash holds."""
        self.starts += 1
        self.flash.boot()
        make = StockReceiver2019 if self.upstream_2019 else StockReceiver
        self.receiver = make(
            node.node_id,
            self.flash,
            role=self.role,
            hardware=self.hardware,
            root=node.root,
            restart_delay_us=self.restart_delay_us,
            faults=self.faults,
            on_reboot=on_reboot,
        )
        fault_delay_us = self.faults.take_reboot_delay_us()
        if fault_delay_us is not None:
            self.receiver.reboot_at(now_us + fault_delay_us, "fault")
        node.attach(self.receiver)
        return self.receiver


def boards_on_hosts(boards: Mapping[int, Board], downtime_us: int = DOWNTIME_US) -> "Callable[[Host], None]":
    """A `setup` for the hosts of a world: each host whose node id is in `boards` is that board."""

    def setup(host: "Host") -> None:
        board = boards.get(host.node_id)
        if board is not None:
            on_reboot = partial(_reboot_soon, host, board, host.boots, downtime_us)
            board.start(host.node, host.now_us, on_reboot)

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
