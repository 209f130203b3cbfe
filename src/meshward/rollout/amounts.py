"""Numbers of nodes as people write them: "3", or "10%" of some total."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshward.errors import RolloutError

_WRITTEN = re.compile(r"(?:([0-9]{1,6})|([0-9]{1,3})(?:[.]([0-9]{1,2}))? ?%)")
_WHOLE = 10_000
"""100 %, in hundredths of a percent: shares are reckoned in whole numbers, so that 10% of 30 is 3 exactly."""


@dataclass(frozen=True, slots=True)
class Share:
    """A count of nodes, or a part of a total that is known later."""

    count: int | None
    hundredths: int = 0
    """Hundredths of a percent, where no count is given."""

    def of(self, total: int, *, up: bool) -> int:
        """Nodes of `total`, never more than those; a broken node is rounded up, or else away."""
        return self._rounded(total, _WHOLE - 1 if up else 0)

    def nearest(self, total: int) -> int:
        """Nodes of `total`, never more than those; from half a node on it is a whole one."""
        return self._rounded(total, _WHOLE // 2)

    @property
    def is_nothing(self) -> bool:
        """Whether it is no node of any total."""
        return not self.count and not self.hundredths

    def _rounded(self, total: int, add: int) -> int:
        count = self.count if self.count is not None else (self.hundredths * total + add) // _WHOLE
        return min(count, total)


def parse_amount(text: str) -> Share:
    """The amount that a text says. Raises RolloutError: what cannot be read must not pass for "no limit"."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise RolloutError(f"{text[:40]!r} is not an amount of nodes: write it as 3 or 10%")
    if written[1] is not None:
        return Share(int(written[1]))
    hundredths = int(written[2]) * 100 + int((written[3] or "").ljust(2, "0"))
    if hundredths > _WHOLE:
        raise RolloutError(f"{text[:40]!r} is more than all nodes: write at most 100%")
    return Share(None, hundredths)
