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

    def is_maintenance(self, silence_id: str) -> bool:
        """Whether this is a maintenance window."""
        doc = self._docs.get(silence_id)
        return doc is not None and doc.kind == "maintenance"

    def updating(self, busy: Mapping[str, Sequence[int]], wall_s: float) -> None:
        """All updates that are under way, and their nodes: windows are opened, prolonged and closed."""
        self._drop_ended(wall_s)
        windows = {doc.rollout: doc for doc in self._docs.values() if doc.rollout}
        for rollout, nodes in busy.items():
            if nodes and rollout in windows:
                self._prolong(windows[rollout], nodes, wall_s)
            elif nodes and len(self._docs) < SILENCES_MAX:
                self._open(rollout, nodes, wall_s)
        for rollout, doc in windows.items():
            if not busy.get(rollout) and doc.ends_s > wall_s + AFTER_S:
                self._keep_until(doc, wall_s + AFTER_S, wall_s)

    def active(self, wall_s: float) -> list[Active]:
        """Those that keep alerts quiet now."""
        self._drop_ended(wall_s)
        return [_prepared(doc) for doc in self._docs.values() if doc.starts_s <= wall_s]

    def _open(self, rollout: str, nodes: Collection[int], wall_s: float) -> None:
        self.add(
            SilenceDoc(
                id=new_id(self._rng),
                kind="maintenance",
                rules=list(BY_UPDATES),
                nodes=sorted(nodes),
                starts_s=wall_s,
                ends_s=wall_s + LEASE_S,
                reason="an update is under way",
                created_by=f"rollout {rollout}",
                rollout=rollout,
                created_s=wall_s,
            )
        )

    def _prolong(self, doc: SilenceDoc, nodes: Collection[int], wall_s: float) -> None:
        # Nodes that it is done with still settle: they stay until the window ends.
        every = sorted({*doc.nodes, *nodes})
        left_s = doc.ends_s - wall_s
        if every != doc.nodes or not LEASE_S - RENEW_S <= left_s <= LEASE_S or doc.starts_s > wall_s:
            doc.nodes = every
            self._keep_until(doc, wall_s + LEASE_S, wall_s)

    def _keep_until(self, doc: SilenceDoc, ends_s: float, wall_s: float) -> None:
        """A clock that was set back neither ends a window nor leaves it open."""
        doc.starts_s, doc.ends_s = min(doc.starts_s, wall_s), ends_s
        self._save(doc)

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
