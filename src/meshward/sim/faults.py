"""What can go wrong with an update on one board, decided beforehand."""

from collections import Counter
from collections.abc import Iterable
from random import Random


class UpdateFaults:
    """Faults of one board. They belong to the board, not to a boot of it: each part is lost once, not
    once after every reboot.

    lose_parts: part numbers whose frame the receiver does not see the first time it comes; a number
    given twice is lost twice. lose_share: the same for every part with this probability, decided with
    `rng` when it first comes. reboot_at_part: the board restarts, once, as this part reaches it.
    reboot_after_us: it restarts that long after its first start. fail_write_at_part: this part cannot
    be written, `fail_writes` times or (None) ever.
    """

    def __init__(
        self,
        *,
        lose_parts: Iterable[int] = (),
        lose_share: float = 0.0,
        rng: Random | None = None,
        reboot_at_part: int | None = None,
        reboot_after_us: int | None = None,
        fail_write_at_part: int | None = None,
        fail_writes: int | None = None,
    ) -> None:
        if lose_share and rng is None:
            raise ValueError("parts are lost at random only with an rng")
        self._to_lose = Counter(lose_parts)
        self._lose_share = lose_share
        self._rng = rng
        self._seen: set[int] = set()
        self._reboot_at_part = reboot_at_part
        self._reboot_after_us = reboot_after_us
        self._fail_write_at_part = fail_write_at_part
        self._fail_writes = fail_writes

    def loses(self, part: int) -> bool:
        """Whether the frame of this part that just came is lost."""
        if self._to_lose[part]:
            self._to_lose[part] -= 1
            return True
        if self._rng is None or part in self._seen:
            return False
        self._seen.add(part)
        return self._rng.random() < self._lose_share

    def reboots_at(self, part: int) -> bool:
        """Whether the board restarts instead of taking this part."""
        if part != self._reboot_at_part:
            return False
        self._reboot_at_part = None
        return True

    def take_reboot_delay_us(self) -> int | None:
        """How long after the start that is under way the board restarts; None from the second start on."""
        delay_us, self._reboot_after_us = self._reboot_after_us, None
        return delay_us

    def fails_write(self, part: int) -> bool:
        """Whether this part cannot be written."""
        if part != self._fail_write_at_part or self._fail_writes == 0:
            return False
        if self._fail_writes is not None:
            self._fail_writes -= 1
        return True
