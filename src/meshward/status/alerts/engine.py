"""Alerts of a mesh: rules held against its facts, what becomes of what they find, and who is told.

A core without I/O: `evaluate` every few seconds; what it wants kept comes from `take_changes` as whole
documents, and `restore` goes on from these. Lengths of time follow the monotonic clock of the facts, dates
their wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from meshward.errors import UnknownItemError
from meshward.status.alerts import silences as silencing
from meshward.status.alerts.around import Around
from meshward.status.alerts.conditions import (
    MESH_CONDITIONS,
    NODE_CONDITIONS,
    OF_THE_GATEWAY,
    failed_updates,
    judge_node,
)
from meshward.status.alerts.documents import AlertDoc, Notification, SilenceDoc
from meshward.status.alerts.hits import ALL, MESH, Hit, Key, Unsure, Verdict
from meshward.status.alerts.lives import OPEN_MAX, Life, Lives, Moment, copied
from meshward.status.alerts.notify import Notifier, NotifySettings
from meshward.status.alerts.recent import Recent
from meshward.status.alerts.rule import CUT_OFF, MOVING, SILENT, SPLIT, TOO_MANY, UPDATE_FAILED, Rule
from meshward.status.alerts.rules import RuleBook
from meshward.status.alerts.silences import Silences
from meshward.status.alerts.topology import Topology
from meshward.status.facts import MeshFacts
from meshward.text import printable

STEP_MAX_S = 300.0
"""Longest time between two looks that counts as watched: longer, and the gateway slept."""
MISSING_S = 60.0
"""How long nodes can be missing from the facts, as while a gateway starts, before their alerts end."""
AFTERMATH_US = 600_000_000
"""So long after a break, nodes that look for other parents follow from it."""
CHANGES_MAX = 20_000
"""What waits to be stored while the disk takes nothing; of what is over, the oldest goes beyond that."""
NEWS_MAX = 5000
"""What waits to be shown, a second or so: all that can be open, and more that ended."""
NOTE_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Gone:
    """A notification that need not be kept any more."""

    id: str


Change = AlertDoc | SilenceDoc | Notification | Gone


class AlertEngine:
    """See the module."""

    def __init__(self, rulebook: RuleBook, rng: Random, settings: NotifySettings | None = None) -> None:
        self.rules = rulebook
        """Can be changed, and replaced, at any time."""
        self._changes: dict[str, Change] = {}
        """By their ids: the latest of each."""
        self._news: dict[str, AlertDoc] = {}
        """Alerts that changed since `take_news`, whatever of them is stored; by their ids."""
        self.notifier = Notifier(rng, self._save, self._save_notification, self._gone, settings)
        self._silences = Silences(rng, self._save_silence)
        self._lives = Lives(rng, self._save, self._over, self.notifier.began)
        self._topology = Topology(self._lives, self.notifier)
        self._recent = Recent()
        self._last_us: int | None = None
        self._last_break: tuple[str, int] | None = None
        self._now_us = 0

    # -- what is kept ------------------------------------------------------------------------

    def restore(
        self,
        alerts: Iterable[AlertDoc],
        silences: Iterable[SilenceDoc],
        notifications: Iterable[Notification],
        now_us: int,
        wall_s: float,
    ) -> None:
        """Go on from what was stored. The time since then counts for nothing: nobody watched."""
        rules = self.rules.by_name
        for doc in alerts:
            self._lives.restore(doc, rules.get(doc.rule), now_us, wall_s)
        self._silences.restore(silences, wall_s)
        docs = [life.doc for life in self._lives.by_key.values()]
        self.notifier.restore(docs, list(notifications), now_us, wall_s)
        self._last_us = self._now_us = now_us

    def take_changes(self) -> list[Change]:
        """What is to be stored; cleared. An alert that never fired ends as resolved without `fired_s`."""
        changes = list(self._changes.values())
        self._changes.clear()
        return changes

    def take_news(self) -> list[AlertDoc]:
        """Alerts that changed or ended, to be shown, whether or not they can be stored; cleared."""
        news = list(self._news.values())
        self._news.clear()
        return news

    def give_back(self, changes: Sequence[Change]) -> None:
        """These could not be stored; they come again, unless something newer was said of them."""
        newer = self._changes
        self._changes = {change.id: change for change in changes}
        for key, change in newer.items():
            self._changes.pop(key, None)
            self._changes[key] = change
        self._bound_changes()

    # -- what people do ----------------------------------------------------------------------

    def open_alerts(self) -> list[AlertDoc]:
        """Pending and firing ones; to be read only."""
        return [life.doc for life in self._lives.by_key.values()]

    def ack(self, alert_id: str, who: str, note: str, wall_s: float) -> AlertDoc:
        """Somebody sees to it: it is not repeated. Raises UnknownItemError."""
        life = self._life(alert_id)
        life.doc.acked_by, life.doc.acked_s = who, wall_s
        life.doc.ack_note = printable(note, NOTE_CHARACTERS)
        self._lives.save(life, self._now_us)
        return life.doc

    def unack(self, alert_id: str, wall_s: float) -> AlertDoc:  # noqa: ARG002 as all that people do
        """Nobody sees to it any more: it is told when a repeat is due. Raises UnknownItemError."""
        life = self._life(alert_id)
        life.doc.acked_by, life.doc.acked_s, life.doc.ack_note = "", None, ""
        self._lives.save(life, self._now_us)
        return life.doc

    def add_silence(self, doc: SilenceDoc) -> None:
        """Keep alerts quiet. Raises InvalidError where there are too many."""
        self._silences.add(doc)

    def end_silence(self, silence_id: str, who: str, wall_s: float) -> SilenceDoc:
        """End one before its time. Raises UnknownItemError, ConflictError."""
        return self._silences.end(silence_id, who, wall_s)

    def is_maintenance(self, silence_id: str) -> bool:
        """Whether this is a maintenance window that waits or is active."""
        return self._silences.is_maintenance(silence_id)

    def updating(self, busy: Mapping[str, Sequence[int]], wall_s: float) -> None:
        """All rollouts that are at work, and the nodes of each; to be told every minute or oftener."""
        self._silences.updating(busy, wall_s)

    def forget(self, node: int) -> None:
        """A node is no longer known: its alerts end, and nobody is told."""
        at = Moment(self._now_us, self.notifier.wall_s, 0.0)
        for life in [life for life in self._lives.by_key.values() if life.doc.node == node]:
            self._lives.finish(life, at, "the node was removed", quietly=True)

    # -- what happens ------------------------------------------------------------------------

    def evaluate(self, facts: MeshFacts) -> None:
        """Hold all rules against the mesh as it is now."""
        now_us = facts.now_us
        passed_s = 0.0 if self._last_us is None else (now_us - self._last_us) / 1e6
        at = Moment(now_us, facts.wall_s, min(max(passed_s, 0.0), STEP_MAX_S))
        self._last_us = self._now_us = now_us
        around = Around(facts, self._recent)
        self._lives.excess = 0
        rules = self.rules.by_name
        judged: set[Key] = set()
        for rule in rules.values():
            if rule.enabled:
                self._judge_mesh(rule, around, at, judged)
        if facts.connected:
            self._recent.keep_only(facts.nodes)
            self._topology.look(rules, around, at)
            for rule in rules.values():
                if rule.enabled and rule.kind in NODE_CONDITIONS:
                    self._judge_nodes(rule, around, at, judged)
        self._end_the_others(rules, around, at, judged)
        self._judge_excess(rules[TOO_MANY], at)
        self._lay_over(around, at)
        self._lives.save_what_is_due(now_us)
        firing = [life.doc for life in self._lives.by_key.values() if life.is_firing]
        self.notifier.look(firing, now_us, facts.wall_s)

    # -- inside ------------------------------------------------------------------------------

    def _judge_mesh(self, rule: Rule, around: Around, at: Moment, judged: set[Key]) -> None:
        if rule.kind == UPDATE_FAILED:
            for rollout, hit in failed_updates(around):
                self._take((rule.name, "rollout", rollout), rule, hit, at, judged)
        elif rule.kind in MESH_CONDITIONS and (around.facts.connected or rule.kind in OF_THE_GATEWAY):
            key = (rule.name, MESH, ALL)
            before = self._lives.before(key, at.now_us)
            self._take(key, rule, MESH_CONDITIONS[rule.kind](rule, around, before), at, judged)

    def _judge_nodes(self, rule: Rule, around: Around, at: Moment, judged: set[Key]) -> None:
        everybody = not rule.nodes and not rule.tags
        for node, facts in around.nodes.items():
            if everybody or rule.is_about(node, facts.tags):
                key = (rule.name, "node", node)
                verdict = judge_node(rule, facts, around, self._lives.before(key, at.now_us))
                self._take(key, rule, verdict, at, judged)

    def _take(self, key: Key, rule: Rule, verdict: Verdict, at: Moment, judged: set[Key]) -> None:
        life = self._lives.by_key.get(key)
        if isinstance(verdict, Hit):
            if life is None and not self._lives.has_room():
                return
            judged.add(key)
            self._lives.meet(key, rule, verdict, at)
        elif life is not None:
            judged.add(key)
            if isinstance(verdict, Unsure):
                self._lives.unsure(life, at)
            else:
                self._lives.miss(life, rule, at)

    def _end_the_others(
        self, rules: Mapping[str, Rule], around: Around, at: Moment, judged: set[Key]
    ) -> None:
        """Alerts that no rule was held against."""
        for life in list(self._lives.by_key.values()):
            rule = rules.get(life.key[0])
            if life.key in judged or life.key[0] == TOO_MANY:
                continue
            if rule is None or not rule.enabled:
                self._lives.finish(life, at, "its rule was switched off")
            elif rule.kind == UPDATE_FAILED:
                self._lives.miss(life, rule, at)
            elif not around.facts.connected:
                continue  # what is not seen stays as it was
            elif life.doc.node is not None and life.doc.node not in around.nodes:
                life.missing_s += at.step_s
                if life.missing_s >= MISSING_S:
                    self._lives.finish(life, at, "the node was removed", quietly=True)
            elif rule.kind in NODE_CONDITIONS:
                self._lives.finish(life, at, "its rule is not about this node any more")

    def _judge_excess(self, rule: Rule, at: Moment) -> None:
        key = (rule.name, MESH, ALL)
        life = self._lives.by_key.get(key)
        if self._lives.excess and rule.enabled:
            text = (
                f"There are {OPEN_MAX} open alerts, and {self._lives.excess} more that are not kept singly. "
                "Something is wrong with the whole mesh, or with a rule."
            )
            hit = Hit(
                text, "See which rule makes most of them: `meshward alerts list`.", float(self._lives.excess)
            )
            self._lives.meet(key, rule, hit, at)
        elif life is not None:
            self._lives.miss(life, rule, at)

    def _lay_over(self, around: Around, at: Moment) -> None:
        """Note what explains each alert, what keeps it quiet, and how its node is called."""
        explain = self._explanations(at)
        quieting = self._silences.active(at.wall_s)
        for life in self._lives.by_key.values():
            doc = life.doc
            inhibited_by = explain(life)
            silenced_by = next((one.id for one in quieting if one.fits(doc, around.nodes)), "")
            name = doc.name
            if doc.node is not None and doc.node in around.nodes:
                name = around.nodes[doc.node].name
            if (inhibited_by, silenced_by, name) != (doc.inhibited_by, doc.silenced_by, doc.name):
                doc.inhibited_by, doc.silenced_by, doc.name = inhibited_by, silenced_by, name
                self._lives.save(life, at.now_us)

    def _explanations(self, at: Moment) -> _Explanations:
        cut_off = self._fingerprint_of((CUT_OFF, MESH, ALL))
        storm = self._fingerprint_of((MOVING, MESH, ALL))
        for life in self._lives.by_key.values():
            if life.key[0] in (SILENT, SPLIT) and life.is_firing:
                self._last_break = (life.doc.fingerprint, at.now_us)
        recent = ""
        if self._last_break is not None and at.now_us - self._last_break[1] < AFTERMATH_US:
            recent = self._last_break[0]
        return _Explanations(cut_off, storm, recent, self._topology.explained)

    def _fingerprint_of(self, key: Key) -> str:
        life = self._lives.by_key.get(key)
        return life.doc.fingerprint if life is not None and life.is_firing else ""

    def _life(self, alert_id: str) -> Life:
        for life in self._lives.by_key.values():
            if life.doc.id == alert_id:
                return life
        raise UnknownItemError(
            "there is no such open alert: it is over by now, or there never was one of this id; "
            "see `meshward alerts list`"
        )

    def _over(self, doc: AlertDoc, quietly: bool) -> None:
        if not quietly:
            self.notifier.ended(doc, self._now_us)

    # -- changes -----------------------------------------------------------------------------

    def _save(self, doc: AlertDoc) -> None:
        [copy] = copied([doc])
        self._news[copy.id] = copy
        if len(self._news) > NEWS_MAX:
            del self._news[next(iter(self._news))]
        self._keep(copy)

    def _save_silence(self, doc: SilenceDoc) -> None:
        self._keep(silencing.copied(doc))

    def _save_notification(self, doc: Notification) -> None:
        self._keep(msgspec.structs.replace(doc, alerts=list(doc.alerts), pending=dict(doc.pending)))

    def _gone(self, notification_id: str) -> None:
        self._keep(Gone(notification_id))

    def _keep(self, change: Change) -> None:
        self._changes[change.id] = change
        self._bound_changes()

    def _bound_changes(self) -> None:
        if len(self._changes) > CHANGES_MAX:
            over = [
                key
                for key, change in self._changes.items()
                if isinstance(change, AlertDoc) and change.state == "resolved"
            ]
            for key in over[: CHANGES_MAX // 10]:
                del self._changes[key]


@dataclass(frozen=True, slots=True)
class _Explanations:
    """What follows from what, at one moment; fingerprints, "" for none."""

    cut_off: str
    storm: str
    recent_break: str
    away: Mapping[int, str]

    def __call__(self, life: Life) -> str:
        """What explains an alert."""
        name, label, _ = life.key
        if name in OF_THE_GATEWAY or name == TOO_MANY:
            return ""
        if self.cut_off:
            return self.cut_off
        if name == MOVING:
            return self.recent_break if label == MESH else self.storm or self._by_break(life)
        return self._by_break(life)

    def _by_break(self, life: Life) -> str:
        by = self.away.get(life.doc.node, "") if life.doc.node is not None else ""
        return by if by != life.doc.fingerprint else ""
