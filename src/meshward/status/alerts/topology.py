"""Makes alerts of breaks, each told of once however it changes, and knows what they explain.

The rule of a break is decided when it fires: a split whose branches found other ways while its top stays away
goes on as what it was, with other words.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshward.status.alerts.around import Around
from meshward.status.alerts.breaks import Break, find_breaks, is_due, told
from meshward.status.alerts.documents import Severity
from meshward.status.alerts.hits import ALL, MESH, Key
from meshward.status.alerts.lives import Life, Lives, Moment
from meshward.status.alerts.notify import Notifier
from meshward.status.alerts.rule import SILENT, SPLIT, Rule
from meshward.status.alerts.words import count, listed

INHERIT_US = 60_000_000
"""So long after the end of a break, nodes that were behind it and are still away are no news."""


class Topology:
    """See the module."""

    def __init__(self, lives: Lives, notifier: Notifier) -> None:
        self._lives = lives
        self._notifier = notifier
        self._told: dict[int, tuple[int, float, Severity | None]] = {}
        """Nodes that people know to be away, by a break that is over: until when, when told, how severe."""
        self.explained: dict[int, str] = {}
        """Nodes that are away because of a break that is told of, and the fingerprint of its alert."""

    def look(self, rules: Mapping[str, Rule], around: Around, at: Moment) -> None:
        """Find breaks, and begin, go on with or end their alerts."""
        self._told = {node: known for node, known in self._told.items() if known[0] > at.now_us}
        silent, split = rules.get(SILENT), rules.get(SPLIT)
        if silent is None or split is None:
            return
        met = self._meet_breaks(silent, split, around, at)
        for life in [life for life in self._lives.by_key.values() if life.key[0] in (SILENT, SPLIT)]:
            if life.key not in met:
                self._look_at_unmet(life, rules[life.key[0]], around, at)
        self.explained = self._explained(around)

    def _meet_breaks(self, silent: Rule, split: Rule, around: Around, at: Moment) -> set[Key]:
        met: set[Key] = set()
        new: list[Break] = []
        for found in self._find(split, around):
            rule = self._known_as(found, silent, split)
            if rule is None:
                new.append(found)
            else:
                self._meet(found, rule, around, at)
                met.add(_key(rule.name, found))
        # Only now it is known which of the breaks that are told of are there still.
        covered = self._covered(met, around)
        for found in new:
            rule = _rule_for(found, silent, split)
            wanted = rule.enabled and _is_about(rule, found, around) and is_due(found, around.nodes, silent)
            if wanted and not covered.issuperset(found.tops) and self._lives.has_room():
                self._inherit(self._meet(found, rule, around, at), found, at)
                met.add(_key(rule.name, found))
        return met

    def _meet(self, found: Break, rule: Rule, around: Around, at: Moment) -> Life:
        key = _key(rule.name, found)
        before = self._lives.before(key, at.now_us)
        return self._lives.meet(key, rule, told(found, around.nodes, rule, before), at)

    def _find(self, split: Rule, around: Around) -> list[Break]:
        grouped: set[int | None] = set()
        single: set[int] = set()
        for name, label, value in self._lives.by_key:
            if name not in (SILENT, SPLIT):
                continue
            if label == MESH:
                grouped.add(None)
            elif isinstance(value, int):
                facts = around.nodes.get(value)
                if facts is not None and facts.online:
                    if name == SPLIT:
                        grouped.add(value)
                else:
                    single.add(value)
        assert split.threshold is not None
        least = int(split.threshold) if split.enabled else 1 << 30
        return find_breaks(around.nodes, grouped, single, least)

    def _known_as(self, found: Break, silent: Rule, split: Rule) -> Rule | None:
        """The rule by which it is told of already."""
        return next((rule for rule in (split, silent) if _key(rule.name, found) in self._lives.by_key), None)

    def _covered(self, met: set[Key], around: Around) -> set[int]:
        """Nodes that were behind a break whose top is back: they may follow it still."""
        nodes: set[int] = set()
        for life in self._lives.by_key.values():
            if life.key[0] not in (SILENT, SPLIT) or life.key in met or not life.is_firing:
                continue
            back_s = 0.0 if life.met else life.doc.held_s
            for node in life.doc.behind:
                facts = around.nodes.get(node)
                if facts is not None and not facts.online and (facts.away_s or 0.0) >= back_s:
                    nodes.add(node)
        return nodes

    def _inherit(self, life: Life, found: Break, at: Moment) -> None:
        known = next((self._told[top] for top in found.tops if top in self._told), None)
        if known is not None and life.doc.told_s is None:
            self._notifier.inherit(life.doc, known[1], known[2], at.now_us)
            self._lives.save(life, at.now_us)

    def _look_at_unmet(self, life: Life, rule: Rule, around: Around, at: Moment) -> None:
        doc = life.doc
        if not rule.enabled:
            self._lives.finish(life, at, "its rule was switched off")
            return
        if doc.node is not None:
            facts = around.nodes.get(doc.node)
            if facts is None:
                return  # the engine knows what to do with nodes that are gone
            if not facts.online:
                return  # it is behind another break now, which explains it
        away = [
            node for node in doc.behind if (facts := around.nodes.get(node)) is not None and not facts.online
        ]
        left, told_s, severity = listed(away, around.nodes), doc.told_s, doc.told_severity
        doc.ended = f"{count(len(away), 'node')} behind it still out of reach: {left}" if away else ""
        self._lives.miss(life, rule, at)
        if doc.state == "resolved" and told_s is not None:
            for node in away:
                self._told[node] = (at.now_us + INHERIT_US, told_s, severity)

    def _explained(self, around: Around) -> dict[int, str]:
        explained: dict[int, str] = {}
        for life in self._lives.by_key.values():
            if life.key[0] not in (SILENT, SPLIT) or not life.is_firing:
                continue
            out = [*life.doc.behind, *([life.doc.node] if life.doc.node is not None else [])]
            for node in out:
                facts = around.nodes.get(node)
                if facts is not None and not facts.online:
                    explained[node] = life.doc.fingerprint
        return explained


def _rule_for(found: Break, silent: Rule, split: Rule) -> Rule:
    """What a new break is told as."""
    assert split.threshold is not None
    many = found.is_group or len(found.behind) >= split.threshold
    return split if many and split.enabled else silent


def _key(rule: str, found: Break) -> Key:
    return (rule, MESH, ALL) if found.at is None else (rule, "node", found.at)


def _is_about(rule: Rule, found: Break, around: Around) -> bool:
    if found.at is None:
        return not rule.nodes and not rule.tags
    facts = around.nodes.get(found.at)
    return facts is not None and rule.is_about(found.at, facts.tags)
