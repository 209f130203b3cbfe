"""The crystal of one board: local microseconds as a function of world time."""

_MILLION = 1_000_000


class LocalClock:
    """A monotonic clock with an origin of its own that runs fast or slow by parts per million.

    Integer arithmetic throughout, so that equal seeds give equal runs everywhere.
    """

    __slots__ = ("_base_local_us", "_base_world_us", "_rate")

    def __init__(self, world_us: int = 0, local_us: int = 0, drift_ppm: int = 0) -> None:
        self._base_world_us = world_us
        self._base_local_us = local_us
        self._rate = _rate(drift_ppm)

    def local_us(self, world_us: int) -> int:
        """What this clock shows at a moment of the world."""
        return self._base_local_us + (world_us - self._base_world_us) * self._rate // _MILLION

    def world_us(self, local_us: int) -> int:
        """The first moment of the world at which this clock shows `local_us` or more."""
        passed_us = local_us - self._base_local_us
        return self._base_world_us - (-passed_us * _MILLION) // self._rate

    def set_drift(self, drift_ppm: int, world_us: int) -> None:
        """Run at another rate from now on, without a jump."""
        self._base_local_us = self.local_us(world_us)
        self._base_world_us = world_us
        self._rate = _rate(drift_ppm)


def _rate(drift_ppm: int) -> int:
    if not -_MILLION < drift_ppm < _MILLION:
        raise ValueError(f"no clock drifts by {drift_ppm} ppm")
    return _MILLION + drift_ppm
