"""How long the library's own sender would need, in virtual time: what updates are compared with."""

from collections.abc import Sequence
from random import Random

from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.update import Options, Update
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.flash import Flash
from meshward.sim.sender import SimSender
from meshward.sim.world import World

FIRST_ID = 1001
_NEVER_US = 10_000_000_000
_LIMIT_S = 20_000


def stock_seconds(
    parent_list: Sequence[int | None],
    offer: Offer,
    parts: Parts,
    *,
    loop_ms: float = 10,
    sender_has_loop: bool = True,
    seed: int = 1,
) -> float:
    """Seconds from the first offer until the last board has the whole image.

    As it was measured on C++ nodes: all boards at once, one part after the other each, no restart
    of one board in the way of another, and (`sender_has_loop`) a sender that is a board itself.
    """
    world = World(seed=seed)
    flashes = [_WatchedFlash(offer.hardware) for _ in parent_list]
    boards = {
        FIRST_ID + at: Board(offer.role, offer.hardware, flash=flash, restart_delay_us=_NEVER_US)
        for at, flash in enumerate(flashes)
    }
    hosts = world.build(parent_list, FIRST_ID, loop_ms=loop_ms, setup=boards_on_hosts(boards))
    sender_host = world.add_node(1, listening=False, loop_ms=loop_ms if sender_has_loop else None)
    sender_host.dial([hosts[0]])
    if not world.run_until(world.converged, limit_s=300):
        raise RuntimeError("the virtual mesh does not converge")
    rng = Random(seed)  # noqa: S311  to be repeatable is the point
    update = Update(offer, parts, Options(strategy="stock"), rng)
    SimSender(sender_host, update)
    if not world.run_until(lambda: all(flash.is_whole for flash in flashes), limit_s=_LIMIT_S):
        raise RuntimeError("the stock way does not end")
    started_us = update.transfers.started_us or 0
    return world.now_s - started_us / 1e6


class _WatchedFlash(Flash):
    """Remembers that it was given a whole image."""

    def __init__(self, hardware: str) -> None:
        super().__init__(slot_bytes=16 * 1024 * 1024, gzip=hardware == "ESP8266")
        self.is_whole = False

    def end(self) -> bool:
        whole = super().end()
        self.is_whole = self.is_whole or whole
        return whole
