"""What happens to a board of its own accord, whichever image it runs: to see whether somebody notices."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, get_args

Kind = Literal["leak", "flap", "crash", "weak", "busy", "hot", "silent", "move", "clock", "hostile"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class _Amount:
    usual: float
    least: float
    most: float
    unit: str


#: Of the kinds that have one.
_AMOUNTS: dict[Kind, _Amount] = {
    "leak": _Amount(800, 1, 1e9, "bytes per hour"),
    "flap": _Amount(20, 0.01, 120, "times per hour"),
    "crash": _Amount(120, 1, 1e6, "seconds"),
    "weak": _Amount(-91, -120, -50, "dBm"),
    "silent": _Amount(60, 0, 1e6, "seconds"),
    "move": _Amount(20, 0.01, 120, "times per hour"),
    "clock": _Amount(2000, -2e6, 2e6, "milliseconds"),
    "hostile": _Amount(10, 0.01, 1000, "packages per second"),
}


@dataclass(frozen=True, slots=True)
class Story:
    """One board's lot.

    leak: its heap loses `amount` bytes an hour, and at the end of it the board crashes. flap: it leaves the
    mesh for some seconds, so often an hour. crash: it crashes so many seconds after each start. weak: it
    hears its parent with so many dBm. busy: traffic, load and loop time of a board that does too much. hot:
    its chip overheats. silent: its power fails so many seconds after each start. move: it takes another
    parent, so often an hour. clock: it tells a mesh time that is so many milliseconds off. hostile: it
    sends so many packages a second that are made to do harm.
    """

    kind: Kind
    amount: float = 0.0
    """0 for the kinds that need none."""

    @classmethod
    def read(cls, text: str) -> Self:
        """`leak`, or `leak:400` for another amount than the usual. Raises ValueError."""
        word, colon, number = text.partition(":")
        if word not in KINDS:
            raise ValueError(f"{word!r} is no story; there are {', '.join(KINDS)}")
        kind: Kind = word
        if kind not in _AMOUNTS:
            if colon:
                raise ValueError(f"{kind} takes no number")
            return cls(kind)
        bounds = _AMOUNTS[kind]
        try:
            amount = float(number) if colon else bounds.usual
        except ValueError:
            amount = float("nan")
        if not bounds.least <= amount <= bounds.most:
            raise ValueError(f"{kind} takes {bounds.unit}, from {bounds.least:g} to {bounds.most:g}")
        return cls(kind, amount)

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}" if self.kind in _AMOUNTS else self.kind


def amount_of(stories: Iterable[Story], kind: Kind) -> float | None:
    """The amount of the story of this kind that was told last; None where none was."""
    found = None
    for story in stories:
        if story.kind == kind:
            found = story.amount
    return found
