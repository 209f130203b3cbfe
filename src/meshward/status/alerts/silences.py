"""Silences and maintenance windows: what keeps alerts quiet for a time that somebody chose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from meshward.errors import ConflictError, InvalidError, UnknownItemError
from meshward.status.alerts.around import above
from meshward.status.alerts.documents import AlertDoc, SilenceDoc
from meshward.status.alerts.lives import new_id
from meshward.status.alerts.rule import MOVING, SILENT, SPLIT
from meshward.status.facts import NodeFacts

SILENCES_MAX = 1000
"""Under way at one time: each is held against every alert, every few seconds."""
BY_UPDATES = (SILENT, SPLIT, "reboot_loop", MOVING, "weak_link")
"""What an update does to a node by itself, and to those that hang behind it."""
LEASE_S = 120.0
"""A window of an update ends by itself when nobody says any more that the update is under way."""
RENEW_S = 60.0
AFTER_S = 60.0
"""After an update: boards join anew, and what they dropped is noticed late."""
_PREFIX = "rollout "


@dataclass(frozen=True, slots=True)
class Active:
    """A silence, made ready to be held against many alerts."""

    id: str
    is_maintenance: bool
    rules: frozenset[str]
    nodes: frozenset[int]
    tags: frozenset[str]

    def fits(self, alert: AlertDoc, nodes: Mapping[int, NodeFacts]) -> bool:
        """Whether it keeps this alert quiet."""
        if self.rules and alert.rule not in self.rules:
            return False
        if not self.nodes and not self.tags:
            return True
        if alert.node is None:
            return False
        facts = nodes.get(alert.node)
        if self.tags and (facts is None or self.tags.isdisjoint(facts.tags)):
            return False
        if not self.nodes or alert.node in self.nodes:
            return True
        # What is done to a node is felt by those that hang behind it.
        return self.is_maintenance and not self.nodes.isdisjoint(above(alert.node, nodes))


class Silences:
    """Those that wait or are active."""

    def __init__(self, rng: Random, save: Callable[[SilenceDoc], None]) -> None:
        self._docs: dict[str, SilenceDoc] = {}
        self._rng = rng
        self._save = save

    def restore(self, docs: Iterable[SilenceDoc], wall_s: float) -> None:
        """Go on with those that were stored."""
        self._docs = {doc.id: doc for doc in docs if doc.ends_s > wall_s}

    def add(self, doc: SilenceDoc) -> None:
        """A new one. Raises InvalidError where there are too many."""
        if len(self._docs) >= SILENCES_MAX:
            raise InvalidError(
                f"there are {SILENCES_MAX} silences already; end some, or let one name more nodes"
            )
        self._docs[doc.id] = doc
        self._save(doc)

    def end(self, silence_id: str, who: str, wall_s: float) -> SilenceDoc:
        """End one before its time. Raises UnknownItemError, ConflictError."""
        doc = self._docs.get(silence_id)
        if doc is None:
            raise UnknownItemError(
                "there is no such silence that waits or is active; see `meshward alerts silences`"
            )
        if doc.ends_s <= wall_s:
            raise ConflictError("this silence is over already")
        doc.ends_s, doc.ended_by = wall_s, who
        self._save(doc)
        del self._docs[silence_id]
        return doc

    def listed(self, wall_s: float) -> list[SilenceDoc]:
        """Those that wait or are active, in the order in which they were made."""
        self._drop_ended(wall_s)
        return list(self._docs.values())

    def is_maintenance(self, silence_id: str) -> bool:
        """Whether this is a maintenance window."""
        doc = self._docs.get(silence_id)
        return doc is not None and doc.kind == "maintenance"

    def maintain(self, rollout: str, nodes: Collection[int], wall_s: float, until_s: float | None) -> None:
        """An update works on these nodes until then; None: it is over, so its window ends soon."""
        doc = self._of(rollout)
        if until_s is None or not nodes:
            if doc is not None and doc.ends_s > wall_s + AFTER_S:
                doc.ends_s = wall_s + AFTER_S
                self._save(doc)
            return
        if doc is None:
            if len(self._docs) < SILENCES_MAX:
                self._open(rollout, nodes, wall_s, until_s)
            return
        # Nodes that it is done with still settle: they stay until the window ends.
        every = sorted({*doc.nodes, *nodes})
        if every != doc.nodes or doc.ends_s < until_s:
            doc.nodes, doc.ends_s = every, max(doc.ends_s, until_s)
            self._save(doc)

    def updating(self, busy: Mapping[str, Sequence[int]], wall_s: float) -> None:
        """All updates that are under way, and their nodes: windows are opened, prolonged and closed."""
        for rollout, nodes in busy.items():
            doc = self._of(rollout)
            known = doc is not None and not set(nodes) - set(doc.nodes)
            if not known or doc is None or doc.ends_s < wall_s + LEASE_S - RENEW_S:
                self.maintain(rollout, nodes, wall_s, wall_s + LEASE_S)
        for doc in list(self._docs.values()):
            rollout = doc.created_by.removeprefix(_PREFIX)
            if doc.created_by.startswith(_PREFIX) and rollout not in busy:
                self.maintain(rollout, (), wall_s, None)

    def active(self, wall_s: float) -> list[Active]:
        """Those that keep alerts quiet now."""
        self._drop_ended(wall_s)
        return [_prepared(doc) for doc in self._docs.values() if doc.starts_s <= wall_s]

    def _of(self, rollout: str) -> SilenceDoc | None:
        return next((doc for doc in self._docs.values() if doc.created_by == _PREFIX + rollout), None)

    def _open(self, rollout: str, nodes: Collection[int], wall_s: float, until_s: float) -> None:
        self.add(
            SilenceDoc(
                id=new_id(self._rng),
                kind="maintenance",
                rules=list(BY_UPDATES),
                nodes=sorted(nodes),
                starts_s=wall_s,
                ends_s=until_s,
                reason="an update is under way",
                created_by=_PREFIX + rollout,
                created_s=wall_s,
            )
        )

    def _drop_ended(self, wall_s: float) -> None:
        for silence_id in [doc.id for doc in self._docs.values() if doc.ends_s <= wall_s]:
            del self._docs[silence_id]


def copied(doc: SilenceDoc) -> SilenceDoc:
    """As it is now."""
    return msgspec.structs.replace(doc, nodes=list(doc.nodes))


def _prepared(doc: SilenceDoc) -> Active:
    return Active(
        doc.id, doc.kind == "maintenance", frozenset(doc.rules), frozenset(doc.nodes), frozenset(doc.tags)
    )
