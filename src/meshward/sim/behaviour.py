"""What images do once they run: most nothing amiss, and some break the board that took them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

from meshnode.wire import OTA_ANNOUNCE, OTA_DATA
from meshward.sim.flash import Image
from meshward.sim.stock import StockReceiver
from meshward.sim.stock_wire import Package

Kind = Literal["crash-loop", "leak", "lost-radio", "silent", "slow", "fine"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: (amount where none is said, the least) of the kinds that have one.
_AMOUNTS: dict[Kind, tuple[float, float]] = {
    "crash-loop": (20.0, 0.1),
    "leak": (120.0, 0.1),
    "lost-radio": (0.0, 0.0),
    "slow": (10.0, 1.0),
}
_AMOUNT_MAX = 1e6
_MD5_DIGITS = re.compile(r"[0-9a-f]{6,32}")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a board fares with an image.

    crash-loop: it restarts `amount` seconds after each start. leak: its free heap falls, and at 0,
    after `amount` seconds, it restarts. lost-radio: `amount` seconds after each start it is out of the
    mesh, and does not come back. silent: it stays in the mesh, takes no updates and reports nothing.
    slow: its main loop takes `amount` times as long. fine: nothing of the kind.
    """

    kind: Kind = "fine"
    amount: float = 0.0
    """Seconds, or how many times slower; 0 for the kinds that need none."""

    @classmethod
    def read(cls, text: str) -> Self:
        """`leak`, or `leak:60` for another amount than the usual. Raises ValueError."""
        word, colon, number = text.partition(":")
        if word not in KINDS:
            raise ValueError(f"{word!r} is no behaviour; there are {', '.join(KINDS)}")
        kind: Kind = word
        if kind not in _AMOUNTS:
            if colon:
                raise ValueError(f"{kind} takes no number")
            return cls(kind)
        usual, least = _AMOUNTS[kind]
        amount = float(number) if colon else usual
        if not least <= amount <= _AMOUNT_MAX:
            raise ValueError(f"{kind} takes a number from {least:g} to {_AMOUNT_MAX:g}")
        return cls(kind, amount)

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}" if self.kind in _AMOUNTS else self.kind

    @property
    def slowdown(self) -> float:
        """How many times longer a pass of the main loop takes."""
        return self.amount if self.kind == "slow" else 1.0


FINE = Behaviour()


class Behaviours:
    """Which image behaves how, by the MD5 of the image as it runs, or the first 6 digits or more of it.

    Of the entries that fit an image the one put last counts. Boards that share this look it up at
    each start.
    """

    def __init__(self, entries: Mapping[str, Behaviour] | None = None) -> None:
        self._entries: dict[str, Behaviour] = {}
        for md5, behaviour in (entries or {}).items():
            self.put(md5, behaviour)

    def put(self, md5: str, behaviour: Behaviour) -> None:
        """Have an image behave so from the next start on. Raises ValueError for what is no MD5."""
        digits = md5.lower()
        if not _MD5_DIGITS.fullmatch(digits):
            raise ValueError(f"{md5!r} is no MD5: give 6 to 32 hexadecimal digits")
        self._entries.pop(digits, None)
        self._entries[digits] = behaviour

    def of(self, image: Image | None) -> Behaviour:
        """How this image behaves."""
        found = FINE
        if image is not None:
            for md5, behaviour in self._entries.items():
                if image.md5.startswith(md5):
                    found = behaviour
        return found


class DeafReceiver:
    """In the place of a receiver that the image was built without: only what befalls the board remains."""

    package_types = (OTA_ANNOUNCE, OTA_DATA)

    def __init__(self, receiver: StockReceiver) -> None:
        self._receiver = receiver

    def receive(self, _package: Package, _now_us: int) -> list[Package]:
        """Nothing comes of it."""
        return []

    def next_deadline_us(self) -> int | None:
        """When the board restarts, if it is to."""
        return self._receiver.next_deadline_us()

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Restart, if that is due."""
        return self._receiver.handle_deadline(now_us)
