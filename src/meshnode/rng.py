"""A small random source for jitter, the same sequence on CPython and MicroPython."""


class SmallRandom:
    """Xorshift32: enough to spread timers, not for secrets."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF or 1

    def random(self) -> float:
        """The next number in [0, 1)."""
        state = self._state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        self._state = state
        return state / 4294967296.0
