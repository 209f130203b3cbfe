"""A board and its firmware: what stays when its node is thrown away and made anew."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

from meshnode.health.agent import HealthAgent
from meshnode.node import MeshNode
from meshward.sim.application import REPORTS_US, Application, Part, Reporter
from meshward.sim.behaviour import FINE, Behaviours, DeafReceiver
from meshward.sim.fate import Fate, Place, WrongClock
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import Flash, Image
from meshward.sim.health_boards import HealthBoard
from meshward.sim.hostile import Hostile
from meshward.sim.life import WALL_S, Life
from meshward.sim.places import HostPlace
from meshward.sim.stock import RESTART_DELAY_US, StockReceiver
from meshward.sim.stock_2019 import StockReceiver2019
from meshward.sim.stories import Story, amount_of

if TYPE_CHECKING:
    from meshward.sim.host import Host

Firmware = Literal["stock", "alteriom", "meshward"]
"""stock: an unmodified sketch that takes updates, and sends package 604 where it reports at all. alteriom:
one with all of Alteriom's packages. meshward: one with Meshward's node code, which tells its health as
telemetry."""

ESP8266 = "ESP8266"
TELEMETRY_US = 60_000_000
"""From one sample of a meshward board to the next."""
DOWNTIME_US = 500_000
"""From a restart to the board's first attempt to join the mesh again."""


class Board:
    """Role, hardware, flash and faults of one board, and its firmware as of the last start.

    A driver calls `start` with each new `MeshNode` and, when `on_reboot(why)` is called, throws the
    node and its links away and starts another one some time later, if the board is `bootable`. `why`
    is "updated", "fault" or "crashed". When `on_radio_lost()` is called, the node falls silent until
    somebody starts the board anew. Both calls come from within the node: act on them afterwards.

    behaviours: what the images do that it may come to run. reports_us: it reports its state about that
    often; None never, or as usual where its firmware always does. telemetry_us: from one sample to the next
    of a meshward board. rng: for what happens at random moments; follows from the node id if None.
    stories: what befalls it of its own accord. life: how it fares; follows from the node id if None.
    """

    receiver: StockReceiver
    application: Application
    health: HealthBoard
    """What it measures, as of the last start."""

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
        firmware: Firmware = "stock",
        telemetry_us: int = TELEMETRY_US,
        stories: Sequence[Story] = (),
        life: Life | None = None,
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
        self.firmware: Firmware = firmware
        self.telemetry_us = telemetry_us
        self.stories = tuple(stories)
        self.starts = 0
        self.radio_lost = False
        """Whether the image that was started last left the mesh for good."""
        self._rng = rng
        self._life = life

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
        place: Place | None = None,
    ) -> StockReceiver:
        """Boot: attach a receiver that knows nothing but what the flash holds, and the rest of the firmware.

        `on_radio_lost` is called from within here where the image never joins at all. Without a `place` the
        board neither leaves nor moves, and knows no other time than its own.
        """
        self.starts += 1
        self.behaviour = self.behaviours.of(self.flash.boot())
        self.radio_lost = False
        self.receiver = self._make_receiver(node, on_reboot)
        life = self._live_on(node, now_us, place)
        fate = self._make_fate(life, now_us, on_radio_lost, place)
        parent_id = None if place is None else place.parent_id
        self.health = HealthBoard(life, node, parent_id=parent_id, heap_left=fate.heap_left)
        fault_delay_us = self.faults.take_reboot_delay_us()
        if fault_delay_us is not None:
            self.receiver.reboot_at(now_us + fault_delay_us, "fault")
        if fate.crash_due_us is not None:
            self.receiver.reboot_at(fate.crash_due_us, "crashed")
        silent = self.behaviour.kind == "silent"
        node.attach(DeafReceiver(self.receiver) if silent else self.receiver)
        fate.handle_deadline(now_us)  # a radio that is lost from the beginning
        self.application = self._make_application(node, fate, now_us, place, silent=silent)
        if not self.application.idle:
            node.attach(self.application)
        offset_ms = amount_of(self.stories, "clock")
        if offset_ms is not None:
            node.attach(WrongClock(node, offset_ms))
        if self.firmware == "meshward" and not silent and amount_of(self.stories, "hostile") is None:
            self._attach_agent(node, now_us)
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

    def _live_on(self, node: MeshNode, now_us: int, place: Place | None) -> Life:
        if self._rng is None:
            self._rng = Random(node.node_id)  # noqa: S311  to be repeatable is the point
        if self._life is None:
            self._life = Life(node.node_id, self.hardware, stories=self.stories, start_us=now_us)
        self._life.restart(now_us, None if place is None else place.wall_s())
        return self._life

    def _make_fate(
        self, life: Life, now_us: int, on_radio_lost: Callable[[], None] | None, place: Place | None
    ) -> Fate:
        def lose_radio() -> None:
            if self.receiver.reboot_reason != "updated":  # else another image is about to start
                self.radio_lost = True
                if on_radio_lost is not None:
                    on_radio_lost()

        assert self._rng is not None
        return Fate(self.behaviour, self.stories, life, self._rng, now_us, lose_radio=lose_radio, place=place)

    def _make_application(
        self, node: MeshNode, fate: Fate, now_us: int, place: Place | None, *, silent: bool
    ) -> Application:
        assert self._rng is not None
        parts: list[Part] = [fate]
        types: tuple[int, ...] = Reporter.package_types
        full = self.firmware == "alteriom"
        if not silent and (full or (self.firmware == "stock" and self.reports_us is not None)):
            wall_s = WALL_S if place is None else place.wall_s()
            reporter = Reporter(
                node,
                self.health,
                self._image_md5,
                self._rng,
                now_us,
                every_us=self.reports_us or REPORTS_US,
                full=full,
                wall_s=lambda later_us: wall_s + (later_us - now_us) / 1e6,
                starts=self.starts,
            )
            parts.append(reporter)
            types = Reporter.full_package_types if full else types
        per_s = amount_of(self.stories, "hostile")
        if per_s is not None:
            parts.append(Hostile(node, self._rng, now_us, per_s))
            types += Hostile.package_types
        return Application(parts, types)

    @property
    def _image_md5(self) -> str:
        running = self.running
        return "" if running is None else running.md5

    def _attach_agent(self, node: MeshNode, now_us: int) -> None:
        node.attach(
            HealthAgent(
                node,
                self.health,
                self._rng,
                now_us,
                role=self.role,
                hardware=self.hardware,
                version=self._image_md5[:8],
                firmware_md5=self._image_md5,
                boots=self.starts,
                every_us=self.telemetry_us,
                reports_us=self.reports_us,
            )
        )


def boards_on_hosts(boards: Mapping[int, Board], downtime_us: int = DOWNTIME_US) -> "Callable[[Host], None]":
    """A `setup` for the hosts of a world: each host whose node id is in `boards` is that board."""

    def setup(host: "Host") -> None:
        board = boards.get(host.node_id)
        if board is not None:
            on_reboot = partial(_reboot_soon, host, board, host.boots, downtime_us)
            on_radio_lost = partial(_fall_silent_soon, host, host.boots)
            board.start(host.node, host.now_us, on_reboot, on_radio_lost, HostPlace(host, boards))
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
