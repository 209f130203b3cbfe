"""The last few values of what rules look at: how often they come, and their level without noise."""

from __future__ import annotations

from collections.abc import Container
from statistics import median

from meshward.status.facts import Fact

VALUES_MAX = 5
STALE_S = 600.0
"""A value is never too old before this: telemetry comes in batches of up to 5 minutes."""
STALE_INTERVALS = 3
LEVEL_US = 600_000_000
"""How far back a level looks."""
_SAME_US = 500_000
"""Ages are rounded: what was measured so close to another value is that value."""
_WRAP = 1 << 32


class Series:
    """The last values of one metric of one node."""

    __slots__ = ("moments_us", "values")

    def __init__(self) -> None:
        self.moments_us: list[int] = []
        self.values: list[float] = []

    def note(self, fact: Fact, now_us: int) -> None:
        """Take a value up, where it is a newer one."""
        moment_us = now_us - int(fact.age_s * 1e6)
        if self.moments_us and moment_us <= self.moments_us[-1] + _SAME_US:
            return
        self.moments_us.append(moment_us)
        self.values.append(fact.value)
        if len(self.values) > VALUES_MAX:
            del self.moments_us[0], self.values[0]

    def is_stale(self, age_s: float) -> bool:
        """Whether a value of this age is too old to be judged."""
        if age_s <= STALE_S:
            return False
        count = len(self.moments_us) - 1
        usual_s = (self.moments_us[-1] - self.moments_us[0]) / count / 1e6 if count > 0 else 0.0
        return age_s > STALE_INTERVALS * usual_s

    def level(self, now_us: int) -> float:
        """Median of the values of the last minutes, the last one in any case."""
        late = [
            value
            for moment_us, value in zip(self.moments_us, self.values, strict=True)
            if now_us - moment_us <= LEVEL_US
        ]
        return median(late) if late else self.values[-1]

    def rate(self) -> float | None:
        """Of a counter, per second; None where it began anew, or there are not two values."""
        if len(self.values) < 2:
            return None
        steps = [after - before for before, after in zip(self.values, self.values[1:], strict=False)]
        # A counter of 32 bits that wraps went on by little; one of a board that restarted begins at 0.
        steps = [step + _WRAP if step < -_WRAP / 2 else step for step in steps]
        if min(steps) < 0:
            return None
        return sum(steps) * 1e6 / (self.moments_us[-1] - self.moments_us[0])


class Recent:
    """The series of all nodes; as many as nodes are in the facts, times the metrics that rules look at."""

    def __init__(self) -> None:
        self._nodes: dict[int, dict[str, Series]] = {}

    def series(self, node: int, metric: str, fact: Fact, now_us: int) -> Series:
        """The series of a metric, with its last value taken up."""
        of_node = self._nodes.get(node)
        if of_node is None:
            of_node = self._nodes[node] = {}
        one = of_node.get(metric)
        if one is None:
            one = of_node[metric] = Series()
        one.note(fact, now_us)
        return one

    def keep_only(self, nodes: Container[int]) -> None:
        """Drop nodes that are not known any more."""
        for node in [node for node in self._nodes if node not in nodes]:
            del self._nodes[node]
