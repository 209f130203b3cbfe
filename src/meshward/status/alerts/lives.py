"""The life of alerts: pending, firing, resolved. All moves from one to another are here.

Lengths of time are counted up while somebody watches, by the monotonic clock, so a jump of the wall clock or
a gateway that was off neither fires nor ends an alert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

import msgspec

from meshward.status.alerts.documents import SEVERITIES, AlertDoc, Severity
from meshward.status.alerts.flapping import Flaps
from meshward.status.alerts.hits import FIRST, MESH, Before, Hit, Key
from meshward.status.alerts.rule import Rule

OPEN_MAX = 2000
"""Alerts that are open; those beyond are counted by one alert. A mesh has at most 1024 nodes."""
NO_DATA_S = 3600.0
"""How long an alert stays whose data does not come any more."""
PENDING_NO_DATA_S = 600.0
SAVE_COUNT_US = 15_000_000
"""How often lengths of time that are being counted are stored: the most that is lost with a crash."""
SAVE_TEXT_US = 300_000_000
"""How often a text is stored in which only numbers changed."""


class Life:
    """An open alert."""

    __slots__ = ("doc", "key", "met", "missing_s", "saved_us", "since_us", "unsure_s")

    def __init__(self, key: Key, doc: AlertDoc, since_us: int, now_us: int) -> None:
        self.key = key
        self.doc = doc
        self.since_us = since_us
        self.met = doc.clear_since_s is None
        """Whether its condition was met when it was looked at last."""
        self.unsure_s = 0.0
        self.missing_s = 0.0
        """How long nothing is known of its node at all."""
        self.saved_us = now_us

    @property
    def is_firing(self) -> bool:
        return self.doc.state == "firing"


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is looked at."""

    now_us: int
    wall_s: float
    step_s: float
    """Since the last look, as far as it was watched."""


class Lives:
    """All open alerts, by their keys."""

    def __init__(
        self,
        rng: Random,
        save: Callable[[AlertDoc], None],
        resolved: Callable[[AlertDoc, bool], None],
        fired: Callable[[AlertDoc, int], None],
    ) -> None:
        """save: a document changed; one that ended before it fired is resolved without `fired_s`.
        resolved: one that fired is over, and whether that is to be kept quiet. fired: it fires now.
        """
        self.by_key: dict[Key, Life] = {}
        self.flaps: Flaps[Key] = Flaps()
        self.excess = 0
        """How many there was no room for at this look."""
        self._rng = rng
        self._save = save
        self._resolved = resolved
        self._fired = fired

    def has_room(self) -> bool:
        """Whether there can be another one; if not, it is counted."""
        if len(self.by_key) < OPEN_MAX:
            return True
        self.excess += 1
        return False

    def before(self, key: Key, now_us: int) -> Before:
        """What there is of an alert already."""
        life = self.by_key.get(key)
        if life is None:
            return FIRST
        return Before(life.is_firing, max(0.0, (now_us - life.since_us) / 1e6))

    def restore(self, doc: AlertDoc, rule: Rule | None, now_us: int, wall_s: float) -> None:
        """Go on with an alert that was stored."""
        key = _key_of(doc)
        if key is None or doc.state == "resolved":
            return
        since_us = now_us - int(min(max(0.0, wall_s - doc.since_s), 10 * 365 * 86400) * 1e6)
        self.by_key[key] = Life(key, doc, since_us, now_us)
        if rule is not None:
            self.flaps.restore(key, doc.changes, rule, now_us)

    def meet(self, key: Key, rule: Rule, hit: Hit, at: Moment) -> Life:
        """The condition is met."""
        life = self.by_key.get(key)
        if life is None:
            life = self._begin(key, rule, hit, at)
        elif not life.met:
            self._meet_again(life, rule, at)
        else:
            life.doc.held_s += at.step_s if not life.is_firing else 0.0
        life.unsure_s = life.missing_s = 0.0
        self._describe(life, rule, hit, at)
        if not life.is_firing and life.doc.held_s >= rule.for_s:
            self._fire(life, rule, at)
        self._look_at_flaps(life, at)
        return life

    def miss(self, life: Life, rule: Rule, at: Moment) -> None:
        """The condition is not met."""
        doc = life.doc
        life.unsure_s = life.missing_s = 0.0
        if not life.is_firing:
            self._end_pending(life, at)
            return
        if life.met:
            life.met = False
            doc.clear_since_s, doc.held_s = at.wall_s, 0.0
            if doc.flapping:
                self.flaps.note(life.key, rule, at.now_us)
            self.save(life, at.now_us)
        else:
            doc.held_s += at.step_s
        self._look_at_flaps(life, at)
        if doc.held_s >= rule.keep_firing_s and not doc.flapping:
            self.flaps.note(life.key, rule, at.now_us)
            self.finish(life, at)

    def unsure(self, life: Life, at: Moment) -> None:
        """Nothing can be said of it now; after a while that is the end of it."""
        life.missing_s = 0.0
        life.unsure_s += at.step_s
        if not life.is_firing and life.unsure_s >= PENDING_NO_DATA_S:
            self._end_pending(life, at)
        elif life.unsure_s >= NO_DATA_S:
            self.finish(life, at, "there is no data any more")

    def finish(self, life: Life, at: Moment, why: str = "", *, quietly: bool = False) -> None:
        """The end of an alert."""
        doc = life.doc
        if not life.is_firing:
            self._end_pending(life, at)
            return
        del self.by_key[life.key]
        doc.state, doc.resolved_s, doc.ended = "resolved", at.wall_s, why or doc.ended
        doc.clear_since_s = doc.clear_since_s if doc.clear_since_s is not None else at.wall_s
        doc.changes, doc.held_s = self.flaps.changes(life.key, at.now_us), 0.0
        doc.inhibited_by = doc.silenced_by = ""
        doc.flapping = False
        self._save(doc)
        self._resolved(doc, quietly)

    def save(self, life: Life, now_us: int) -> None:
        """Have an alert stored as it is now."""
        life.doc.changes = self.flaps.changes(life.key, now_us)
        life.saved_us = now_us
        self._save(life.doc)

    def save_what_is_due(self, now_us: int) -> None:
        """Store what changes slowly, now and then."""
        for life in self.by_key.values():
            counting = not life.is_firing or not life.met
            if now_us - life.saved_us >= (SAVE_COUNT_US if counting else SAVE_TEXT_US):
                self.save(life, now_us)

    def _begin(self, key: Key, rule: Rule, hit: Hit, at: Moment) -> Life:
        labels = {key[1]: str(key[2])}
        if rule.metric:
            labels["metric"] = rule.metric
        doc = AlertDoc(
            id=new_id(self._rng),
            fingerprint=fingerprint(rule.name, labels),
            rule=rule.name,
            labels=labels,
            node=int(key[2]) if key[1] == "node" else None,
            severity=hit.severity or rule.severity,
            state="pending",
            text=hit.text,
            since_s=at.wall_s - hit.since_s,
        )
        life = self.by_key[key] = Life(key, doc, at.now_us - int(hit.since_s * 1e6), at.now_us)
        self.save(life, at.now_us)
        return life

    def _meet_again(self, life: Life, rule: Rule, at: Moment) -> None:
        life.met = True
        life.doc.clear_since_s, life.doc.held_s, life.doc.ended = None, 0.0, ""
        if life.doc.flapping:
            self.flaps.note(life.key, rule, at.now_us)
        self.save(life, at.now_us)

    def _describe(self, life: Life, rule: Rule, hit: Hit, at: Moment) -> None:
        doc = life.doc
        doc.text, doc.advice = hit.text, hit.advice
        doc.value, doc.threshold = hit.value, hit.threshold
        behind = list(hit.behind)
        severity = (
            highest(doc.severity, hit.severity or rule.severity)
            if life.is_firing
            else hit.severity or rule.severity
        )
        if behind == doc.behind and severity == doc.severity:
            return
        if life.is_firing and severity != doc.severity:
            # Whoever knew of it did not know that it is as bad as this.
            doc.acked_by, doc.acked_s, doc.ack_note = "", None, ""
        doc.behind, doc.severity = behind, severity
        self.save(life, at.now_us)

    def _fire(self, life: Life, rule: Rule, at: Moment) -> None:
        doc = life.doc
        doc.state, doc.fired_s, doc.held_s = "firing", at.wall_s, 0.0
        self.flaps.note(life.key, rule, at.now_us)
        self._fired(doc, at.now_us)
        self.save(life, at.now_us)

    def _look_at_flaps(self, life: Life, at: Moment) -> None:
        flapping = life.is_firing and self.flaps.is_flapping(life.key, at.now_us, life.doc.flapping)
        if flapping != life.doc.flapping:
            life.doc.flapping = flapping
            if not flapping:
                life.doc.told_flapping = False
            self.save(life, at.now_us)

    def _end_pending(self, life: Life, at: Moment) -> None:
        del self.by_key[life.key]
        life.doc.state, life.doc.resolved_s = "resolved", at.wall_s
        self._save(life.doc)


def fingerprint(rule: str, labels: dict[str, str]) -> str:
    """What identifies an alert over all its times."""
    text = "\n".join([rule, *(f"{name}={labels[name]}" for name in sorted(labels))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_id(rng: Random) -> str:
    """Of a document: 16 hexadecimal digits."""
    return f"{rng.getrandbits(64):016x}"


def highest(*severities: Severity) -> Severity:
    """The worst of these."""
    return max(severities, key=SEVERITIES.index)


def copied(docs: Iterable[AlertDoc]) -> list[AlertDoc]:
    """As they are now: what is told or stored of an alert does not change with it."""
    return [msgspec.structs.replace(doc, behind=list(doc.behind), labels=dict(doc.labels)) for doc in docs]


def _key_of(doc: AlertDoc) -> Key | None:
    if doc.node is not None:
        return (doc.rule, "node", doc.node)
    for label in ("rollout", MESH):
        if label in doc.labels:
            return (doc.rule, label, doc.labels[label])
    return None
