"""One board of a virtual fleet: its node, its port, its power switch."""

import asyncio
import random
from collections.abc import Callable

from meshnode.dialer import Dialer
from meshnode.node import MeshNode
from meshnode.runner import Runner
from meshnode.tree import Tree
from meshward.errors import FleetError, FleetPortError
from meshward.fleet.board import Board
from meshward.fleet.place import FleetPlace
from meshward.fleet.plan import FleetPlan
from meshward.sim import board as stock


class VirtualNode:
    """A node of the fleet; off until `boot`."""

    def __init__(self, plan: FleetPlan, index: int) -> None:
        self.node_id = plan.first_id + index
        self.port = plan.port + index
        #: The node it dials.
        self.parent: VirtualNode | None = None
        #: Whether it runs, and its mesh can hear it.
        self.on = False
        self._plan = plan
        #: The board that this node is, with its firmware, where the plan says so.
        self.stock: stock.Board | None = (
            None if plan.stock is None else plan.stock.board(self.node_id, plan.seed)
        )
        #: Told that the board restarted by itself, and why, once it is up again, or is not to come back.
        self.on_restart: Callable[[VirtualNode, str], None] | None = None
        #: Tells where it may move to by itself.
        self.parents: Callable[[VirtualNode], list[VirtualNode]] | None = None
        self._rng = random.Random(f"{plan.seed}/{self.node_id}")  # noqa: S311 to be repeatable is the point
        self._board: Board | None = None
        self._runner: Runner | None = None
        self._dialer: Dialer | None = None
        self._restart: asyncio.Task[None] | None = None
        self._wander: asyncio.Handle | None = None  # about to leave, return or move

    @property
    def top(self) -> "VirtualNode":
        """The node that running parents lead up to: nodes with one top are one mesh."""
        node = self
        while node.parent is not None and node.parent.on:
            node = node.parent
        return node

    def hangs_below(self, other: "VirtualNode") -> bool:
        """Whether `other` is this node, or its parent, or the parent's parent, and so on."""
        node: VirtualNode | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is other

    def tree(self) -> Tree:
        """The mesh as this node sees it, which must have been booted."""
        if self._board is None:
            raise FleetError(f"node {self.node_id} was never on")
        return self._board.tree()

    async def boot(self) -> None:
        """Start with a node that knows nothing, and let others dial it. `dial` is next."""
        rng = random.Random(self._rng.random())  # noqa: S311 as above
        # Boards count time from their own boot, so their clocks differ until the mesh agrees.
        node = MeshNode(self.node_id, rng=rng, clock_offset_us=int(rng.random() * 2**32))
        period_us = 1 if self._plan.loop is None else self._plan.loop.period_us
        self._board = Board(node, self._plan.loop, int(rng.random() * period_us))
        self._runner = Runner(self._board, rng=rng)
        if self.stock is not None:
            now_us = self._runner.now_us()
            self.stock.start(node, now_us, self._restart_soon, self.cut_power, FleetPlace(self))
            self._board.slow_down(self.stock.behaviour.slowdown)
            if self.stock.radio_lost:  # from the beginning: nobody ever hears of it
                return
        try:
            await self._runner.listen(self._plan.host, self.port)
        except OSError as error:
            last = self._plan.port + self._plan.nodes - 1
            raise FleetPortError(
                f"cannot listen on port {self.port} ({(error.strerror or str(error)).lower()}); "
                f"the fleet needs {self._plan.port} to {last}: choose another port to begin with"
            ) from error
        self.on = True
        self._runner.settle()  # something may be due on a board to which nobody is linked

    async def shut_down(self) -> None:
        """Switch off, closing all links."""
        self.on = False
        self._stay()
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        await self._stop()

    def cut_power(self) -> None:
        """Fall silent without closing anything."""
        self.on = False
        self._stay()
        if self._dialer is not None:
            self._dialer.close()
        if self._board is not None:
            self._board.cut_power()

    def drop_link(self) -> None:
        """Lose the link to the parent; it is dialed again."""
        connection = None if self._dialer is None else self._dialer.connection
        if self.on and self._runner is not None and connection is not None:
            self._runner.drop(connection)

    def move(self, parent: "VirtualNode") -> None:
        """Leave the parent and dial another, now or at the next boot."""
        self.parent = parent
        if self.on:
            self._stay()
            self._let_go()
            self.dial()

    def leave_soon(self, away_s: float) -> None:
        """Lose the parent, and look for it again so many seconds later: asked for from within the node."""
        if self.on and self.parent is not None and self._wander is None:
            self._wander = asyncio.get_running_loop().call_soon(self._leave, away_s)

    def move_soon(self) -> None:
        """Take another parent, if there is one: asked for from within the node."""
        if self.on and self.parent is not None and self._wander is None:
            self._wander = asyncio.get_running_loop().call_soon(self._move)

    def dial(self) -> None:
        """Look for the parent, from now on; to be called once after each boot."""
        if self.on and self.parent is not None and self._runner is not None:
            self._dialer = self._runner.dial([(self._plan.host, self.parent.port)])

    def _leave(self, away_s: float) -> None:
        self._let_go()
        self._wander = asyncio.get_running_loop().call_later(away_s, self._come_back)

    def _come_back(self) -> None:
        self._wander = None
        self.dial()

    def _move(self) -> None:
        self._wander = None
        parents = [] if self.parents is None else self.parents(self)
        if parents:
            self.move(self._rng.choice(parents))

    def _stay(self) -> None:
        """Forget about leaving and coming back."""
        if self._wander is not None:
            self._wander.cancel()
            self._wander = None

    def _let_go(self) -> None:
        """Drop the link to the parent, and do not dial it again."""
        if self._dialer is not None and self._runner is not None:
            self._dialer.close()
            if self._dialer.connection is not None:
                self._runner.drop(self._dialer.connection)

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.close(flush_s=0)

    def _restart_soon(self, why: str) -> None:
        """The board restarts: called from within the node, which must return before it is thrown away."""
        self._restart = asyncio.get_running_loop().create_task(self._restart_board(why), name="restart")

    async def _restart_board(self, why: str) -> None:
        assert self.stock is not None
        assert self._plan.stock is not None
        self.on = False
        self._stay()
        if self._dialer is not None:
            self._dialer.close()
        if self._runner is not None:
            for connection in list(self._runner.connections):
                self._runner.drop(connection, "restarted")
        await asyncio.shield(self._stop())  # to its end, also where somebody cuts the power just now
        if self.stock.bootable:
            await asyncio.sleep(self._plan.stock.downtime_us / 1e6)
            try:
                await self.boot()
                self.dial()
            except FleetPortError as error:
                why = f"{why}; {error}"
        self._restart = None
        if self.on_restart is not None:
            self.on_restart(self, why)
