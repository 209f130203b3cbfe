"""Measuring the delay to every node now and then: a few small frames a second at most, spread evenly."""

from __future__ import annotations

from collections.abc import Collection

SPACING_US = 100_000
"""Least time between two probes, whatever is asked for."""
ANSWER_US = 10_000_000
"""An answer that takes longer says nothing about the delay."""
PER_MINUTE_MAX = 60
"""Probes of the whole mesh: with their answers 300 bytes a second, which no mesh notices."""
_MINUTE_US = 60_000_000


class Probing:
    """Whom to ask next, in turn.

    `every_us` is how often each node is asked, as far as `per_minute_max` probes of the whole mesh allow it:
    with 60 of them 250 nodes are asked every 4 minutes. Both can be changed at any time.
    """

    def __init__(self, every_us: int, per_minute_max: int = PER_MINUTE_MAX) -> None:
        self.every_us = every_us
        self.per_minute_max = per_minute_max
        self._turn: list[int] = []
        self._round_nodes = 0
        self._due_us = 0
        self._asked_us: dict[int, int] = {}

    def next_node(self, nodes: Collection[int], now_us: int) -> int | None:
        """The node to ask now, None where it is not time yet."""
        if now_us < self._due_us:
            return None
        node = self._take_turn(nodes, now_us)
        if node is None:
            self._due_us = now_us + min(self.every_us, 1_000_000)
            return None
        budget_us = _MINUTE_US // max(1, self.per_minute_max)
        self._due_us = now_us + max(SPACING_US, budget_us, self.every_us // self._round_nodes)
        self._asked_us[node] = now_us
        return node

    def is_answer(self, node: int, now_us: int) -> bool:
        """Whether we asked this node a short while ago; it counts once."""
        asked_us = self._asked_us.pop(node, None)
        return asked_us is not None and now_us - asked_us < ANSWER_US

    def next_deadline_us(self) -> int:
        """When to ask again."""
        return self._due_us

    def _take_turn(self, nodes: Collection[int], now_us: int) -> int | None:
        # A round through a large mesh takes minutes: who left meanwhile is not asked.
        while self._turn:
            node = self._turn.pop()
            if node in nodes:
                return node
        self._turn = sorted(nodes, reverse=True)
        self._round_nodes = len(self._turn)
        self._asked_us = {n: at for n, at in self._asked_us.items() if now_us - at < ANSWER_US}
        return self._turn.pop() if self._turn else None
