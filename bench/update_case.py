"""One update in virtual time: a mesh of stock boards, a sender, and when the last board had the image."""

import hashlib
import random
from dataclasses import dataclass

from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.update import Options, Update
from meshward.sim import World
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.drive import WRITE_BYTES
from meshward.sim.flash import Flash
from meshward.sim.sender import SimSender
from meshward.topologies import parents

IMAGE_BYTES = 200 * 1024
LOOP_MS = 10
LIMIT_S = 4000
_NEVER_US = 10_000_000_000
_FIRST_ID = 1001


@dataclass(frozen=True, slots=True)
class Case:
    """A mesh and a way to update it."""

    nodes: int
    topology: str
    strategy: str
    part_bytes: int = 1024
    image_bytes: int = IMAGE_BYTES
    seed: int = 1
    sender_has_loop: bool = False
    """Whether the sender is a node with a main loop like the boards', not a computer."""
    actions_max: int | None = None
    """The run is given up after so many actions of the kernel; None for never."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. Seconds count from the first offer; None where the end was not reached."""

    case: Case
    boards_done: int
    seconds: float | None
    floor_seconds: float
    megabytes_all_links: float

    @property
    def efficiency(self) -> float | None:
        """1 where nothing could be faster."""
        return None if self.seconds is None else self.floor_seconds / self.seconds


class WatchedFlash(Flash):
    """Tells when it has a whole image."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.whole_s: float | None = None
        self._world = world

    def end(self) -> bool:
        whole = super().end()
        if whole:
            self.whole_s = self._world.now_s
        return whole


def run(case: Case) -> Outcome:
    """Update a mesh until its last board has the image."""
    rng = random.Random(case.seed)
    world = World(seed=case.seed)
    image = b"\xe9" + rng.randbytes(case.image_bytes - 1)
    parent_list = parents(case.topology, case.nodes, rng=rng)
    flashes = _boards(world, case, parent_list)
    sender_host = world.add_node(1, listening=False, loop_ms=LOOP_MS if case.sender_has_loop else None)
    sender_host.dial([world.hosts[0]])
    if not world.run_until(world.converged, limit_s=120):
        raise RuntimeError(f"no convergence: {case}")
    offer = Offer(hashlib.md5(image).hexdigest(), "ESP32", "sensor")
    update = Update(offer, Parts(image, case.part_bytes), Options(strategy=case.strategy), rng)
    sender = SimSender(sender_host, update)
    last_action = None if case.actions_max is None else world.kernel.actions_scheduled + case.actions_max

    def over() -> bool:
        given_up = last_action is not None and world.kernel.actions_scheduled > last_action
        return given_up or sender.ended_us is not None or all(f.whole_s is not None for f in flashes)

    world.run_until(over, limit_s=LIMIT_S)
    return _outcome(case, update, flashes, parent_list)


def _boards(world: World, case: Case, parent_list: list[int | None]) -> list[WatchedFlash]:
    flashes = [WatchedFlash(world) for _ in parent_list]
    # As measured: no restart of one board disturbed the stock transfers to the others.
    delay = {"restart_delay_us": _NEVER_US} if case.strategy == "stock" else {}
    boards = {_FIRST_ID + at: Board("sensor", flash=flash, **delay) for at, flash in enumerate(flashes)}
    world.build(parent_list, _FIRST_ID, loop_ms=LOOP_MS, setup=boards_on_hosts(boards))
    return flashes


def _outcome(case: Case, update: Update, flashes: list[WatchedFlash], parent_list) -> Outcome:
    done = [flash.whole_s for flash in flashes if flash.whole_s is not None]
    started_us = update.transfers.started_us
    seconds = max(done) - started_us / 1e6 if len(done) == len(flashes) and started_us is not None else None
    megabytes = update.tally.all_links_bytes / 1e6
    return Outcome(case, len(done), seconds, floor_seconds(case, update.parts, parent_list), megabytes)


def floor_seconds(case: Case, parts: Parts, parent_list: list[int | None]) -> float:
    """What the busiest link needs for the parts it must carry, at its rate.

    In a pass of its loop a board writes one frame or 511 bytes of it to each link, and reads one frame
    from each; a computer writes at once, so its link to the first board moves a frame in a pass.
    """
    frames = [parts.frame_bytes(part) for part in range(len(parts))]
    board_passes = sum(-(-frame // WRITE_BYTES) for frame in frames)
    sender_passes = board_passes if case.sender_has_loop else len(frames)
    below = [1] * len(parent_list)
    for node in range(len(parent_list) - 1, 0, -1):
        below[parent_list[node]] += below[node]
    copies = [1] * len(below) if case.strategy == "broadcast" else below
    passes = [copies[0] * sender_passes, *(count * board_passes for count in copies[1:])]
    return max(passes) * LOOP_MS / 1000
