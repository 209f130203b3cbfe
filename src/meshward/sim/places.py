"""Where the boards of a virtual world are: how they leave their parents and find others."""

from collections.abc import Callable, Collection
from functools import partial

from meshward.sim.host import Host
from meshward.sim.life import WALL_S


class HostPlace:
    """The `Place` of a board on a host, for one start of it; the world begins at `WALL_S`.

    boards: ids of the hosts that it may move to.
    """

    def __init__(self, host: Host, boards: Collection[int]) -> None:
        self._host = host
        self._boards = boards
        self._boots = host.boots
        self._away = False

    def wall_s(self) -> float:
        """Of the world's clock."""
        return WALL_S + self._host.world.now_s

    def parent_id(self) -> int | None:
        """Whom its station is linked to."""
        station = self._host.station
        if station is None or station.end is None:
            return None
        parent = station.end.connection.far.owner
        return parent.node_id if isinstance(parent, Host) else None

    def leave(self, away_s: float) -> None:
        """Close the link to its parent, and dial again later."""
        self._soon(partial(self._leave, away_s))

    def move(self) -> None:
        """Dial another board that does not hang below it."""
        self._soon(self._move)

    def _soon(self, act: Callable[[], None], after_us: int = 0) -> None:
        def act_if_it_still_runs() -> None:
            if self._host.alive and self._host.boots == self._boots:
                act()

        self._host.world.kernel.after(after_us, act_if_it_still_runs)

    def _leave(self, away_s: float) -> None:
        station = self._host.station
        if station is None or self._away:
            return
        self._away = True
        end = station.end
        station.stop()
        if end is not None:
            self._host.close(end.handle)
        self._soon(self._come_back, round(away_s * 1e6))

    def _come_back(self) -> None:
        self._away = False
        if self._host.station is not None:
            self._host.station.start()

    def _move(self) -> None:
        station = self._host.station
        if station is None or self._away:
            return
        parents = [
            other
            for other in self._host.world.hosts
            if other.node_id in self._boards
            and other.alive
            and other not in station.targets[:1]
            and not self._leads_below(other)
        ]
        if parents:
            self._host.reparent(self._host.world.rng.choice(parents))

    def _leads_below(self, host: Host) -> bool:
        """Whether it is this host, or hangs below it. Whom hosts dial is a tree, for each moves within it."""
        seen: Host | None = host
        while seen is not None:
            if seen is self._host:
                return True
            targets = [] if seen.station is None else seen.station.targets[:1]
            seen = next((target for target in targets if isinstance(target, Host)), None)
        return False
