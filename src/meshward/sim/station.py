"""The dialing side of a host: keeps one connection up, to one of several targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshward.sim.channel import End, LinkProfile, Owner

if TYPE_CHECKING:
    from meshward.sim.host import Host

_MAX_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a station waits before it dials again.

    The wait doubles with each failure; half to one and a half of it is taken, at random.
    """

    first_us: int = 1_000_000
    max_us: int = 30_000_000

    def delay_us(self, failures: int, fraction: float) -> int:
        """The wait after `failures` failures in a row; `fraction` in [0, 1) is the jitter."""
        base_us = min(self.max_us, self.first_us << min(failures, _MAX_DOUBLINGS))
        return int(base_us * (0.5 + fraction))


class Station:
    """Dials its targets in turn until a neighbour is accepted, and again when that link is gone."""

    def __init__(
        self, host: "Host", targets: Sequence[Owner], profile: LinkProfile, backoff: Backoff
    ) -> None:
        self.targets = list(targets)
        self._host = host
        self._profile = profile
        self._backoff = backoff
        self._end: End | None = None
        self._failures = 0
        self._turn = 0
        self._generation = 0  # an outdated redial must not happen
        self._running = False

    @property
    def end(self) -> End | None:
        """The host's end of the connection that is up or being made."""
        return self._end

    def start(self) -> None:
        """Dial now, and keep at it."""
        self._running = True
        self._dial()

    def stop(self) -> None:
        """Dial no more; a connection that stands is left alone, one in the making is given up."""
        if self._end is not None and self._end.handle not in self._host.ends:
            self._end.close()
        self._running = False
        self._generation += 1
        self._end = None
        self._failures = 0

    def retarget(self, targets: Sequence[Owner]) -> None:
        """Move: drop the present link, and dial the new targets from now on."""
        old_end = self._end
        self.stop()
        self.targets = list(targets)
        self._turn = 0
        if old_end is not None:
            self._host.close(old_end.handle)
        self.start()

    def accepted(self, handle: int) -> None:
        """The handshake on a link is done."""
        if self._end is not None and self._end.handle == handle:
            self._failures = 0

    def lost(self, handle: int) -> None:
        """A link of the host is gone, or was never made."""
        if self._end is None or self._end.handle != handle:
            return
        self._end = None
        self._generation += 1
        if self._running:
            self._turn += 1
            self._redial_later()

    def _redial_later(self) -> None:
        world = self._host.world
        delay_us = self._backoff.delay_us(self._failures, world.rng.random())
        self._failures += 1
        generation = self._generation

        def redial() -> None:
            if generation == self._generation:
                self._dial()

        world.kernel.after(delay_us, redial)

    def _dial(self) -> None:
        if self.targets:
            target = self.targets[self._turn % len(self.targets)]
            self._end = self._host.world.dial(self._host, target, self._profile).near
