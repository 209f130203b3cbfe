"""What came of a rule on trial, node by node, put together as it is shown."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from meshward.gateway.dashboard_views import RuleTrialView, TrialEpisode
from meshward.gateway.health_cases import unit_of_history
from meshward.gateway.rule_trial import Episode, NodeTrial
from meshward.gateway.shown import DAY_S, iso, moment
from meshward.status.alerts.words import count, lasting

EPISODES_SHOWN = 200
HOUR_S = 3600.0
MINUTE_S = 60.0


class TrialTally:
    """Filled by `add`; holds no more than is shown, however often the rule would have fired."""

    def __init__(self, metric: str, start_s: float, end_s: float, meant: int) -> None:
        """meant: how many nodes the rule is about."""
        self.start_s = start_s
        self._metric = metric
        self._end_s = end_s
        self._first_s = end_s
        self._resolution_s = MINUTE_S
        self._meant = meant
        self._looked = 0
        """Nodes added."""
        self._nodes = 0
        """Of them those with values."""
        self._firing = 0
        """Nodes on which it would have fired."""
        self._count = 0
        self._is_more = False
        """Whether there may have been more than those counted."""
        self._newest: list[tuple[float, int, Episode]] = []

    def add(self, node: int, trial: NodeTrial) -> None:
        """What came of a node."""
        self._looked += 1
        if trial.first_s is None:
            return
        self._nodes += 1
        self._first_s = min(self._first_s, trial.first_s)
        self._resolution_s = max(self._resolution_s, trial.resolution_s)
        self._firing += bool(trial.episodes)
        self._count += len(trial.episodes)
        self._is_more |= trial.is_full
        these = [(one.from_s, node, one) for one in trial.episodes[-EPISODES_SHOWN:]]
        self._newest = heapq.nlargest(EPISODES_SHOWN, [*self._newest, *these], key=lambda one: one[:2])

    def view(self, names: Mapping[int, str]) -> RuleTrialView:
        """All together."""
        # Values begin somewhere in the first hour, as boards tell them when they do.
        looked_s = self._end_s - (self.start_s if self._first_s < self.start_s + HOUR_S else self._first_s)
        return RuleTrialView(
            metric=self._metric,
            unit=unit_of_history(self._metric),
            days=round(looked_s / DAY_S, 3),
            nodes=self._nodes,
            count=self._count,
            episodes=[
                TrialEpisode(
                    node=node,
                    name=names.get(node, ""),
                    from_at=moment(one.from_s),
                    until_at=iso(one.until_s),
                    worst=float(f"{one.worst:.7g}"),  # more digits than that storing it made up
                )
                for _, node, one in self._newest
            ],
            resolution_s=self._resolution_s,
            text=self._text(looked_s),
        )

    def _text(self, looked_s: float) -> str:
        asked = lasting(self._end_s - self.start_s)
        looked = "" if self._looked == self._meant else f"the first {self._looked} of {self._meant} nodes"
        if not self._nodes:
            return f"{f'none of {looked}' if looked else 'no node'} told this in the last {asked}"
        within = f"in {lasting(looked_s)}"
        nodes = looked or count(self._nodes, "node")
        if not self._count:
            return f"never {within}, on {nodes}"
        times = "once" if self._count == 1 else f"{self._count} times"
        return f"{'at least ' if self._is_more else ''}{times} {within}, on {self._firing} of {nodes}"
