"""Running a fleet until it is told to stop: by commands, by the clock, or by a signal."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from meshward.errors import FleetError
from meshward.fleet.boards import StockPlan
from meshward.fleet.commands import (
    HELP,
    Behave,
    Change,
    Command,
    Quit,
    ShowHelp,
    ShowImages,
    ShowTree,
    Timed,
    WriteReport,
    parse_command,
)
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.images import BoardImage, write_report
from meshward.fleet.lines import reading_standard_input
from meshward.fleet.plan import FleetPlan
from meshward.records import TreeNode


class Display(Protocol):
    """Where a fleet tells what happens."""

    def ready(self, plan: FleetPlan, seconds: float) -> None:
        """All nodes see each other for the first time, so long after the start."""

    def changed(self, change: Change) -> None:
        """A command was carried out."""

    def behaves(self, order: Behave) -> None:
        """An image does this from now on to the boards that start it."""

    def converged(self, meshes: list[set[int]], seconds: float) -> None:
        """The nodes that are on see each other again, so long after the last change."""

    def trees(self, trees: list[TreeNode]) -> None:
        """The meshes, when asked for."""

    def images(self, images: list[BoardImage]) -> None:
        """What the boards run, when asked for and at the end."""

    def restarted(self, image: BoardImage, why: str) -> None:
        """A board restarted by itself (`updated`, `fault` or `crashed`), and runs this now."""

    def reported(self, path: Path) -> None:
        """The report was written."""

    def help(self, text: str) -> None:
        """The commands, when asked for."""

    def refused(self, error: FleetError) -> None:
        """A command could not be carried out."""


async def run_fleet(
    plan: FleetPlan, display: Display, timed: Sequence[Timed] = (), report: Path | None = None
) -> None:
    """Run a fleet until `quit` on standard input, SIGTERM or cancellation. Raises FleetError.

    What its boards run is shown at the end, and written to `report`.
    """
    started = time.monotonic()
    commands: asyncio.Queue[str | Command] = asyncio.Queue()
    with _ending_on_sigterm(), reading_standard_input(commands.put_nowait):
        async with VirtualFleet(plan) as fleet:
            fleet.on_restart(display.restarted)
            await fleet.wait_converged()
            display.ready(plan, time.monotonic() - started)
            try:
                await Console(fleet, display, commands, report).run(timed)
            finally:
                if plan.stock is not None:
                    display.images(fleet.images())
                if report is not None:
                    write_report(report, fleet.images())


class Console:
    """Carries out commands on a fleet, and tells when the mesh has settled after each change."""

    def __init__(
        self,
        fleet: VirtualFleet,
        display: Display,
        commands: asyncio.Queue[str | Command],
        report: Path | None = None,
    ) -> None:
        self._fleet = fleet
        self._display = display
        self._commands = commands
        self._report = report
        self._watch: asyncio.Task[None] | None = None

    async def run(self, timed: Sequence[Timed] = ()) -> None:
        """Take commands until `quit`."""
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(entry.after_s, self._commands.put_nowait, entry.change) for entry in timed]
        try:
            while await self._carry_out(await self._commands.get()):
                pass
        finally:
            for timer in timers:
                timer.cancel()
            if self._watch is not None:
                self._watch.cancel()

    async def _carry_out(self, item: str | Command) -> bool:
        """Do one command; False for the last."""
        try:
            command = parse_command(item) if isinstance(item, str) else item
            match command:
                case None:
                    pass
                case Quit():
                    return False
                case ShowHelp():
                    self._display.help(HELP)
                case ShowTree():
                    self._display.trees(self._fleet.trees())
                case ShowImages():
                    self._display.images(self._boards())
                case WriteReport():
                    self._write_report()
                case Behave():
                    self._stock().behaviours.put(command.md5, command.behaviour)
                    self._display.behaves(command)
                case _:
                    await self._change(command)
        except FleetError as error:
            self._display.refused(error)
        return True

    def _stock(self) -> StockPlan:
        if self._fleet.plan.stock is None:
            raise FleetError("these are plain nodes, which run no image; start the fleet with --kind stock")
        return self._fleet.plan.stock

    def _boards(self) -> list[BoardImage]:
        self._stock()
        return self._fleet.images()

    def _write_report(self) -> None:
        if self._report is None:
            raise FleetError("there is no report file; start the fleet with --report FILE")
        write_report(self._report, self._boards())
        self._display.reported(self._report)

    async def _change(self, change: Change) -> None:
        await self._fleet.apply(change)
        self._display.changed(change)
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.create_task(self._watch_converge(), name="watch convergence")

    async def _watch_converge(self) -> None:
        started = time.monotonic()
        await self._fleet.wait_converged()
        self._display.converged(self._fleet.meshes(), time.monotonic() - started)


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """End the block in good order when the process is asked to terminate."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        yield
    except asyncio.CancelledError:
        if not terminated:
            raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
