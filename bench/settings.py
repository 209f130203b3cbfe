"""What applies to all measurements."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """`full`: also the cases that take minutes. `scale` shortens or lengthens what runs for a time."""

    full: bool = False
    scale: float = 1.0

    def seconds(self, usual: float) -> float:
        """How long to measure."""
        return usual * self.scale
