"""The discrete-event kernel: a heap of actions in virtual time."""

from collections.abc import Callable
from heapq import heappop, heappush


class Kernel:
    """Runs actions in order of their time; those of one moment in the order they were scheduled.

    Time is an integer of microseconds since the world began. There is no cancelling: an action
    that may be overtaken looks at its owner's state when it runs.
    """

    __slots__ = ("_heap", "_sequence", "now_us")

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0

    def at(self, time_us: int, action: Callable[[], None]) -> None:
        """Run an action at a moment; one that has passed means now."""
        time_us = max(time_us, self.now_us)
        self._sequence += 1
        heappush(self._heap, (time_us, self._sequence, action))

    def after(self, delay_us: int, action: Callable[[], None]) -> None:
        """Run an action `delay_us` from now."""
        self.at(self.now_us + delay_us, action)

    @property
    def actions_scheduled(self) -> int:
        """Actions scheduled since the world began: what a run costs."""
        return self._sequence

    @property
    def next_us(self) -> int | None:
        """When the next action is due, None if nothing will ever happen again."""
        return self._heap[0][0] if self._heap else None

    def run_until(self, end_us: int) -> None:
        """Run all that is due up to and including `end_us`, and let time get there."""
        heap = self._heap
        while heap and heap[0][0] <= end_us:
            time_us, _, action = heappop(heap)
            self.now_us = time_us
            action()
        self.now_us = max(self.now_us, end_us)
