"""What a rule about a metric would have fired on: the alert engine's own life of alerts, over what is stored.

Held against the rule is the mean of each step, a minute where these are kept: with a value a minute, which is
what boards tell, that is the value itself. All else is as in the engine: `Lives` decides what fires and ends,
a value counts until it is stale, a node that is away is not judged, and time in which nobody watched does not
count at all. So an alert comes and goes within a step of where the engine would have had it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from random import SystemRandom

from meshward.status.alerts.documents import AlertDoc
from meshward.status.alerts.hits import FIRST, UNSURE, Before, Hit, Key, Verdict
from meshward.status.alerts.lives import NO_DATA_S, PENDING_NO_DATA_S, Life, Lives, Moment
from meshward.status.alerts.recent import STALE_INTERVALS, STALE_S, VALUES_MAX
from meshward.status.alerts.rule import Rule
from meshward.status.alerts.thresholds import is_beyond
from meshward.status.metrics import METRICS
from meshward.status.monitor import TICK_US
from meshward.store.node_steps import Step

UNWATCHED_S = 180.0
"""What we see of a node ourselves is kept every minute: where it is missing for longer, nobody watched."""
EPISODES_MAX = 2000
"""Of one node; three an hour for a month, which nobody reads through."""
_TICK_S = TICK_US / 1e6
_SETTLING_S = 60.0
_CLOCK = "clock_offset_ms"
"""How far a clock is off, on either side, is what `node_clock` judges."""
_KEY: Key = ("trial", "node", 0)
_FIRING = Before(firing=True)
_MET = Hit("")


@dataclass(frozen=True, slots=True)
class Episode:
    """The rule would have fired. Unix seconds."""

    from_s: float
    until_s: float | None
    """None where it would fire still."""
    worst: float
    """The value furthest beyond the threshold."""


@dataclass(frozen=True, slots=True)
class NodeTrial:
    """What came of a rule on one node."""

    first_s: float | None
    """Beginning of the first step with a value; None where there is none."""
    resolution_s: float
    """The longest of its steps; 0 where there is none."""
    episodes: list[Episode]
    """In their order; those after the first EPISODES_MAX are left out."""

    @property
    def is_full(self) -> bool:
        """Whether there may have been more episodes."""
        return len(self.episodes) >= EPISODES_MAX


class Sight(Enum):
    """What there is of a node at a moment."""

    TOLD = "told"
    """A value that counts."""
    STALE = "stale"
    """One that is too old."""
    AWAY = "away"
    """It is out of the mesh."""
    NONE = "none"
    """Nobody looks: the gateway does not run, or is not in the mesh."""


Absence = tuple[float, float, Sight]
"""From when until when, in Unix seconds."""


def judged(rule: Rule, steps: list[Step]) -> list[Step]:
    """What is stored of the metric of a rule, as the rule judges it."""
    if METRICS[rule.metric].kind == "counter":
        return list(smoothed(steps))
    if rule.metric == _CLOCK and rule.direction == "above":
        return [(at_s, length_s, abs(mean), count) for at_s, length_s, mean, count in steps]
    return steps


def is_ever_met(rule: Rule, steps: Iterable[Step]) -> bool:
    """Whether there is any step on which the rule could begin to fire."""
    return any(_is_met(rule, step[2], FIRST) for step in steps)


def smoothed(steps: Iterable[Step]) -> Iterator[Step]:
    """Rates as rules judge them: over the last few readings."""
    late: deque[Step] = deque()
    count = 0
    for step in steps:
        late.append(step)
        count += step[3]
        while count - late[0][3] >= VALUES_MAX - 1:
            count -= late.popleft()[3]
        yield step[0], step[1], sum(mean * times for _, _, mean, times in late) / count, step[3]


def absences(online: Iterable[Step], start_s: float, end_s: float) -> list[Absence]:
    """When a node was away, or nobody watched, from the steps of its metric `online`."""
    found: list[Absence] = []
    seen_s = start_s
    for at_s, length_s, mean, _ in online:
        if at_s - seen_s > UNWATCHED_S:
            found.append((seen_s, at_s, Sight.NONE))
        if mean < 0.5:
            joins = found and found[-1][2] is Sight.AWAY and at_s - found[-1][1] <= UNWATCHED_S
            from_s = found.pop()[0] if joins else at_s
            found.append((from_s, at_s + length_s, Sight.AWAY))
        seen_s = at_s + length_s
    if end_s - seen_s > UNWATCHED_S:
        found.append((seen_s, end_s, Sight.NONE))
    return found


def episodes(rule: Rule, steps: Sequence[Step], away: Sequence[Absence], end_s: float) -> list[Episode]:
    """When a rule would have fired on these steps, up to EPISODES_MAX times; `away` in its order."""
    watch = _Watch(rule, away)
    for index, step in enumerate(steps):
        if watch.life is not None or _is_met(rule, step[2], FIRST):
            until_s = steps[index + 1][0] if index + 1 < len(steps) else end_s
            watch.hold(step, until_s, _stale_s(steps, index, until_s, watch.since(step[0])))
            if len(watch.over) >= EPISODES_MAX:
                return watch.over[:EPISODES_MAX]
    return watch.found()


class _Watch:
    """The alert of one node, from step to step."""

    def __init__(self, rule: Rule, away: Sequence[Absence]) -> None:
        self.life: Life | None = None
        """The alert that is pending or fires."""
        self._rule = rule
        self._worse = max if rule.direction == "above" else min
        self._away = away
        self._passed = 0
        """So many absences are over."""
        self._since_s = -math.inf
        self._lives = Lives(SystemRandom(), _nothing, self._over, self._fires)
        self.over: list[Episode] = []
        """Episodes that ended."""
        self._looked_s = 0.0
        """When was looked last."""
        self._found_then: Verdict = None
        """At that look; it has been so since."""
        self._fired_s: float | None = None
        self._worst = 0.0

    def found(self) -> list[Episode]:
        """All episodes, also the one that goes on."""
        if self._fired_s is None:
            return self.over
        return [*self.over, Episode(self._fired_s, None, self._worst)]

    def since(self, at_s: float) -> float:
        """Since when somebody watched without a break."""
        while self._passed < len(self._away) and self._away[self._passed][1] <= at_s:
            if self._away[self._passed][2] is Sight.NONE:
                self._since_s = self._away[self._passed][1]
            self._passed += 1
        return self._since_s

    def hold(self, step: Step, until_s: float, stale_s: float) -> None:
        """The latest value until then; from `stale_s` on it is too old."""
        at_s, length_s, value, _ = step
        absent = self._absent(until_s)
        if stale_s >= until_s and not absent:
            if self._goes_on(value, until_s):
                self._note_worst(value)
                return
            spans = [(at_s, until_s, Sight.TOLD)]
        else:
            spans = _spans(at_s, at_s + length_s, until_s, stale_s, absent)
        for from_s, to_s, sight in spans:
            if sight is Sight.NONE:
                self._resume(from_s, to_s)
            else:
                self._keep(value, sight, from_s, to_s)

    def _absent(self, until_s: float) -> Sequence[Absence]:
        end = self._passed
        while end < len(self._away) and self._away[end][0] < until_s:
            end += 1
        return self._away[self._passed : end]

    def _goes_on(self, value: float, until_s: float) -> bool:
        """Whether the condition is met as before, and nothing becomes of that till then."""
        life = self.life
        if life is None or not life.met or life.unsure_s or life.doc.flapping:
            return False
        if not _is_met(self._rule, value, _FIRING if life.is_firing else FIRST):
            return False
        return life.is_firing or life.doc.held_s + until_s - self._looked_s < self._rule.for_s

    def _keep(self, value: float, sight: Sight, from_s: float, to_s: float) -> None:
        """Look at the beginning, and whenever something becomes of the alert while all stays as it is."""
        at_s = from_s
        while at_s < to_s:
            verdict = self._verdict(value, sight)
            if verdict is _MET:
                self._note_worst(value)
            self._look(verdict, at_s)
            life = self.life
            if life is None:
                return
            at_s += _wait_s(life, self._rule, verdict)

    def _verdict(self, value: float, sight: Sight) -> Verdict:
        """As the engine judges a node, in `conditions.judge_node` and `thresholds.threshold`."""
        life = self.life
        before = _FIRING if life is not None and life.is_firing else FIRST
        if sight is Sight.AWAY:
            return UNSURE if before.firing else None
        if sight is Sight.STALE:
            return UNSURE
        return _MET if _is_met(self._rule, value, before) else None

    def _resume(self, from_s: float, to_s: float) -> None:
        """Go on after a time that counts for nothing, as a gateway does that starts."""
        self._catch_up(from_s)
        self._looked_s = to_s
        if self.life is not None:
            self.life.unsure_s = 0.0

    def _look(self, verdict: Verdict, at_s: float) -> None:
        if verdict is not self._found_then:
            self._catch_up(at_s)
        self._take(verdict, at_s)
        self._found_then = verdict

    def _catch_up(self, at_s: float) -> None:
        """Count the time before that moment to what was found then."""
        if at_s - self._looked_s > _TICK_S:
            self._take(self._found_then, at_s - _TICK_S)

    def _take(self, verdict: Verdict, at_s: float) -> None:
        at = Moment(int(at_s * 1e6), at_s, at_s - self._looked_s)
        self._looked_s = at_s
        life = self.life
        if isinstance(verdict, Hit):
            self._lives.meet(_KEY, self._rule, verdict, at)
        elif life is not None and verdict is UNSURE:
            self._lives.unsure(life, at)
        elif life is not None:
            self._lives.miss(life, self._rule, at)
        self.life = self._lives.by_key.get(_KEY)

    def _note_worst(self, value: float) -> None:
        self._worst = value if self.life is None else self._worse(self._worst, value)

    def _fires(self, doc: AlertDoc, _now_us: int) -> None:
        self._fired_s = doc.fired_s

    def _over(self, doc: AlertDoc, _quietly: bool) -> None:
        assert self._fired_s is not None
        self.over.append(Episode(self._fired_s, doc.resolved_s, self._worst))
        self._fired_s = None


def _nothing(_doc: AlertDoc) -> None:
    """Nothing of a trial is kept."""


def _is_met(rule: Rule, value: float, before: Before) -> bool:
    assert rule.direction
    assert rule.threshold is not None
    return is_beyond(value, rule.direction, rule.threshold, rule.clear, before)


def _spans(
    at_s: float, told_s: float, until_s: float, stale_s: float, absent: Sequence[Absence]
) -> list[tuple[float, float, Sight]]:
    """The time from `at_s` to `until_s`, cut where something becomes other; till `told_s` it was told."""
    edges = [told_s, stale_s, *(edge_s for from_s, to_s, _ in absent for edge_s in (from_s, to_s))]
    cuts = sorted({at_s, *(edge_s for edge_s in edges if at_s < edge_s < until_s), until_s})

    def sight(moment_s: float) -> Sight:
        for from_s, to_s, what in absent:
            if from_s <= moment_s < to_s and (what is Sight.AWAY or moment_s >= told_s):
                return what
        return Sight.STALE if moment_s >= stale_s else Sight.TOLD

    return [(from_s, to_s, sight(from_s)) for from_s, to_s in pairwise(cuts)]


def _stale_s(steps: Sequence[Step], index: int, until_s: float, since_s: float) -> float:
    """From when on the value of a step is too old, as for `recent.Series`; another one comes at `until_s`.

    How often values come is known by those since `since_s`.
    """
    at_s, length_s, _, count = steps[index]
    last_s = at_s + length_s * (1 - 0.5 / count)
    if until_s - last_s <= STALE_S:
        return until_s
    moments_s = _moments_s(steps, index, since_s)
    usual_s = (moments_s[-1] - moments_s[0]) / max(1, len(moments_s) - 1)
    return last_s + max(STALE_S, STALE_INTERVALS * usual_s)


def _moments_s(steps: Sequence[Step], index: int, since_s: float) -> list[float]:
    """When the last few values up to this step were told, evenly over their steps."""
    late: list[float] = []
    while index >= 0 and len(late) < VALUES_MAX and steps[index][0] >= since_s:
        at_s, length_s, _, count = steps[index]
        some = range(min(count, VALUES_MAX))
        late += [at_s + length_s * (count - back - 0.5) / count for back in some]
        index -= 1
    return late[:VALUES_MAX][::-1]


def _wait_s(life: Life, rule: Rule, verdict: Verdict) -> float:
    """How long until something becomes of an alert, if all stays as it is."""
    if isinstance(verdict, Hit):
        if life.is_firing:
            return math.inf
        left_s = rule.for_s - life.doc.held_s
    elif verdict is UNSURE:
        left_s = (NO_DATA_S if life.is_firing else PENDING_NO_DATA_S) - life.unsure_s
    else:
        left_s = rule.keep_firing_s - life.doc.held_s
    if left_s <= 0:  # it comes and goes, and does not end before that does
        return _SETTLING_S
    return math.ceil(left_s / _TICK_S) * _TICK_S
