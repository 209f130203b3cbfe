"""Use cases: what nodes could be updated to, one node at a time, and how far updates are. See `offering`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from meshward.errors import NotPossibleError
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.offering import DIGITS, Decisions, Shelf, names, newest
from meshward.gateway.rollout_cases import RolloutCases
from meshward.gateway.service import Caller
from meshward.gateway.views import NodeView, RolloutView
from meshward.ota.states import NodeState
from meshward.rollout.changes import Change, SaveRollout
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.spec import Target, Transfer, push_spec
from meshward.rollout.states import RolloutState, RunKind
from meshward.rollout.targets import KnownNode, why_not
from meshward.rollout.validate import NAME_MAX
from meshward.store import firmware as rows
from meshward.store import rollouts
from meshward.store.firmware import Build, FirmwareRow
from meshward.store.rollouts import Decision

DECISIONS_MAX = 500
"""Rollouts that are looked back on: what was meant before these is not offered any more."""

_FREE = frozenset({NodeState.NOT_TARGETED, NodeState.ALREADY_INSTALLED, NodeState.UNREACHABLE})
_INSTALLING = frozenset({RunKind.INSTALL, RunKind.ROLLBACK})
_NOT_KNOWN = (
    "its role and hardware are not known yet: boards tell them when a rollout or push asks them. Start one "
    "for its role, as with `meshward push`; boards that run its firmware already are left as they are"
)
_OFFLINE = "it is not in the mesh: update it once it is back"
_NOTHING = (
    "no firmware is meant for it: add a newer one of what it runs to the library, name one, or start a "
    "rollout to its role"
)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What there is to say of one node."""

    view: OfferView
    known: KnownNode
    chosen: Build | None


class _UnderWay:
    """Whose nodes are whose, of the rollouts that are not over."""

    def __init__(self, docs: Iterable[RolloutDoc]) -> None:
        self._by_node: dict[int, RolloutDoc] = {}
        self._coming: list[RolloutDoc] = []
        """Those that did not ask yet who is a target."""
        for doc in docs:
            if not doc.surveyed and _begins_by_itself(doc):
                self._coming.append(doc)
            for entry in doc.nodes:
                if entry.wave is not None and entry.state not in _FREE:
                    self._by_node[entry.node] = doc

    def of(self, node: KnownNode) -> RolloutDoc | None:
        """The rollout that updates this node, or is about to, or watches how it does since."""
        found = self._by_node.get(node.node)
        if found is not None:
            return found
        return next(
            (
                doc
                for doc in self._coming
                if node.hardware in doc.images and not why_not(doc.spec.target, node)
            ),
            None,
        )


class OfferCases(RolloutCases):
    """See `service.Service`."""

    async def open(self) -> None:
        """As the desk's, and look back on the latest rollouts."""
        self._one_node_lock = asyncio.Lock()
        """Held from the look at what is under way to the begin of one more."""
        self._said: dict[str, Decision] = {}
        """By rollout, the oldest first."""
        await super().open()
        said = await self.database.read(rollouts.decisions, DECISIONS_MAX)
        self._said = {one.rollout: one for one in reversed(said)} | self._said

    async def offers(self) -> dict[int, OfferView]:
        """For every node what it runs and what it could be updated to."""
        shelf = Shelf(await self.database.read(rows.builds))
        said, under_way = self._decisions(), self._under_way()
        return {
            view.id: self._look_at(view, shelf, said, under_way).view
            for view in list(self.book.views.values())
        }

    async def update_node(self, node_id: int, caller: Caller, firmware: str = "") -> RolloutView:
        """Update one node through the queue. Raises UnknownItemError, ConflictError, NotPossibleError,
        UpdateRefusedError, StoreError.
        """
        node = self.known_node(node_id)
        async with self._one_node_lock:
            shelf = Shelf(await self.database.read(rows.builds))
            under_way = self._under_way()
            looked = self._look_at(node, shelf, self._decisions(), under_way)
            image = await self._image_for(node, looked, firmware)
            for rollout in self.engine.rollouts.values():
                spec = rollout.doc.spec
                if (spec.target.nodes, spec.images) == ((node_id,), (image.sha256,)):
                    return await self.rollout(rollout.doc.id)
            blocker = under_way.of(looked.known)
            if blocker is not None:
                raise NotPossibleError(
                    f"rollout {blocker.id} ({blocker.spec.name!r}) has node {node_id} under way: wait for "
                    "its end, or abort it"
                )
            if not node.online:
                raise NotPossibleError(_cannot(node, _OFFLINE))
            name = f"update of {node.name or node_id} to {image.name}"[:NAME_MAX]
            target = Target(roles=(looked.known.role,), nodes=(node_id,))
            return await self.create_rollout(push_spec(name, image.sha256, target, Transfer()), caller)

    def progress(self) -> list[ProgressView]:
        """Nodes that install firmware, or are about to in a run that is under way."""
        return [
            ProgressView(
                node=node,
                rollout=run.doc.rollout,
                state=live.record.state.value,
                parts_done=live.parts_done,
                parts=run.doc.parts,
            )
            for run in self.engine.runs.values()
            if run.order.kind in _INSTALLING
            for node, live in self.live(run.doc.rollout).items()
            if not live.record.is_final
        ]

    # -- inside ------------------------------------------------------------------------------

    async def _follow(self, changes: list[Change]) -> None:
        await super()._follow(changes)
        for change in changes:
            if isinstance(change, SaveRollout):
                self._said[change.doc.id] = _decision(change.doc)
        while len(self._said) > DECISIONS_MAX:
            del self._said[next(iter(self._said))]

    def _decisions(self) -> Decisions:
        under_way = {rollout.doc.id: _decision(rollout.doc) for rollout in self.engine.rollouts.values()}
        said = reversed({**self._said, **under_way}.values())
        return Decisions(sorted(said, key=lambda one: one.created_s, reverse=True))

    def _under_way(self) -> _UnderWay:
        return _UnderWay(rollout.doc for rollout in self.engine.rollouts.values())

    def _look_at(self, node: NodeView, shelf: Shelf, said: Decisions, under_way: _UnderWay) -> _Looked:
        """What one node runs and could run."""
        facts = self.monitor.facts.nodes.get(node.id)
        hardware, role, told, told_md5 = node.hardware, node.role, node.version, ""
        if facts is not None:
            hardware, role, told = hardware or facts.hardware, role or facts.role, told or facts.version
            told_md5 = facts.told_md5
        known = KnownNode(node.id, hardware, role, frozenset(node.tags), node.version, node.firmware, None)
        running = shelf.by_md5(told_md5) or shelf.get(node.firmware)
        chosen = running
        if hardware and role:
            chosen = newest(shelf, said.about(known), hardware, running)
        installed, latest = names(shelf, running, told or node.firmware[:DIGITS], chosen)
        view = OfferView(
            node=node.id,
            installed=installed,
            latest=latest,
            firmware="" if chosen is None else chosen.sha256,
            title="" if chosen is None else shelf.title(chosen),
            notes="" if chosen is None else chosen.notes,
            available=latest != installed,
            refusal=_refusal(node, known, under_way),
        )
        return _Looked(view, known, chosen)

    async def _image_for(self, node: NodeView, looked: _Looked, firmware: str) -> FirmwareRow:
        """What to send: what is offered, or the firmware named."""
        if node.excluded or not (looked.known.hardware and looked.known.role):
            raise NotPossibleError(_cannot(node, looked.view.refusal))
        if not firmware:
            if looked.chosen is None:
                raise NotPossibleError(_cannot(node, _NOTHING))
            if not looked.view.available:
                raise NotPossibleError(
                    f"node {node.id} runs {looked.view.installed} already, and nothing newer is meant for "
                    "it: name a firmware to send it all the same"
                )
            firmware = looked.chosen.sha256
        image = await self.database.read(rows.get, firmware)
        if image.hardware != looked.known.hardware:
            raise NotPossibleError(
                f"{image.name} is for {image.hardware or 'no known hardware'}, and node {node.id} is an "
                f"{looked.known.hardware}: name a firmware for that"
            )
        return image


def _refusal(node: NodeView, known: KnownNode, under_way: _UnderWay) -> str:
    """Why a node cannot be updated now, and what to do. An update of it alone is no reason."""
    if node.excluded:
        why = f" ({node.exclusion_reason})" if node.exclusion_reason else ""
        return f"it is left out of all updates{why}: let it take part again first"
    if not (known.hardware and known.role):
        return _NOT_KNOWN
    blocker = under_way.of(known)
    if blocker is not None and blocker.spec.target.nodes != (node.id,):
        return f"rollout {blocker.id} ({blocker.spec.name!r}) has it under way: wait for its end, or abort it"
    return "" if node.online else _OFFLINE


def _cannot(node: NodeView, why: str) -> str:
    return f"node {node.id} cannot be updated now: {why}"


def _begins_by_itself(doc: RolloutDoc) -> bool:
    """Whether a rollout needs no approval, and no start time to come, before it goes to its nodes."""
    if doc.state is RolloutState.AWAITING_APPROVAL:
        return False
    return doc.state is not RolloutState.SCHEDULED or doc.spec.start_at is None


def _decision(doc: RolloutDoc) -> Decision:
    return Decision(doc.id, doc.spec.name, doc.state, doc.created_s, dict(doc.images), doc.spec.target)
