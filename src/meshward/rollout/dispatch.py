"""Gives every rollout the run it wants, and tells it what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgspec

from meshnode.tree import Tree
from meshward.errors import MeshwardError
from meshward.ota.commands import Command
from meshward.ota.record import NodeRecord
from meshward.ota.states import GOOD, NodeState
from meshward.ota.update import Update
from meshward.rollout.changes import Change, NodeProven, SaveHealth, SaveRun
from meshward.rollout.documents import RunDoc
from meshward.rollout.rollout import Rollout
from meshward.rollout.runs import Images, Run, run_options
from meshward.rollout.states import RunKind
from meshward.rollout.surroundings import Random, RunOrder, Surroundings
from meshward.rollout.targets import KnownNode


class Dispatch:
    """`runs` is the run of each rollout that has one. `tell` takes what has to be stored."""

    def __init__(self, images: Images, rng: Random, tell: Callable[[Change], None]) -> None:
        self.runs: dict[str, Run] = {}
        self._images = images
        self._rng = rng
        self._tell = tell

    def under_way(self) -> list[Run]:
        """The runs that are not suspended."""
        return [run for run in self.runs.values() if run.update is not None]

    def updates(self) -> list[Update]:
        """The cores at work."""
        return [run.update for run in self.runs.values() if run.update is not None]

    # -- beginning ---------------------------------------------------------------------------

    def revive(self, rollout: Rollout, doc: RunDoc, wall_s: float) -> None:
        """Take up a run that was open when it was stored; it starts when its rollout wants it."""
        try:
            self.runs[doc.rollout] = self._make(rollout, doc)
        except MeshwardError:
            # Where its rollout wants another one, that is told why there can be none.
            self._over(rollout, doc, wall_s)

    def give(self, rollout: Rollout, tree: Tree | None, around: Surroundings) -> None:
        """Let it have, or go on with, the run it wants, unless all nodes of that are busy with another."""
        busy = {node for other in self.under_way() for node in other.doc.nodes}
        run = self.runs.get(rollout.doc.id)
        if run is not None:
            wanted = bool(run.doc.giving_up) or rollout.run_is_wanted(run.order.kind) is True
            if run.update is None and wanted and busy.isdisjoint(run.doc.nodes):
                self._start(rollout, run, tree, around)
            return
        order = rollout.order(around)
        nodes = [node for node in order.nodes if node not in busy] if order is not None else []
        if order is not None and nodes:
            self._open(rollout, order, nodes, tree, around)

    def _open(
        self, rollout: Rollout, order: RunOrder, nodes: list[int], tree: Tree | None, around: Surroundings
    ) -> None:
        doc = rollout.doc
        run_doc = RunDoc(
            id=f"{doc.id}.{doc.runs_made + 1}",
            rollout=doc.id,
            kind=order.kind,
            image=order.image,
            hardware=order.hardware,
            role=order.role,
            nodes=nodes,
            started_s=around.wall_s,
        )
        try:
            run = self._make(rollout, run_doc)
        except MeshwardError as error:
            rollout.blocked(str(error), around)
            return
        doc.runs_made += 1
        rollout.dirty = True
        self.runs[doc.id] = run
        self._start(rollout, run, tree, around)
        self._save(run)

    def _make(self, rollout: Rollout, doc: RunDoc) -> Run:
        transfer = rollout.doc.spec.transfer
        options = run_options(doc.kind, doc.hardware, transfer)
        doc.strategy = options.strategy
        return Run(doc, self._images.payload(doc.image, doc.hardware, doc.role, transfer), options)

    def _start(self, rollout: Rollout, run: Run, tree: Tree | None, around: Surroundings) -> None:
        run.start(rollout.open_nodes(run.order.kind), self._rng)
        if tree is not None and run.update is not None:
            run.update.on_tree(tree, around.now_us)

    # -- going on ----------------------------------------------------------------------------

    def step(
        self, rollout: Rollout, run: Run, room_bytes: int, around: Surroundings
    ) -> tuple[list[Command], bool]:
        """What a run wants sent; whether the rollout has to be looked at, for something changed."""
        assert run.update is not None
        commands = run.update.commands(room_bytes, around.now_us)
        if not run.look(around.now_us):
            return commands, run.update.done
        self._save(run)
        moved = run.moved()
        for node, record in moved.items():
            if rollout.node_moved(node, record, around):
                self._tell(SaveHealth(node, around.health.snapshot(node)))
        rollout.lost_for_now(run.lost_for_now(), around)
        if run.order.kind is not RunKind.SURVEY:
            self._learn(run, {n: r for n, r in moved.items() if r.state is NodeState.COMPLETED}, around)
        return commands, run.update.done or rollout.run_is_wanted(run.order.kind) is not True

    # -- ending ------------------------------------------------------------------------------

    def settle(self, rollout: Rollout, around: Surroundings, *, paused: bool) -> None:
        """End, suspend or give up the run of a rollout, as its state demands."""
        run = self.runs.get(rollout.doc.id)
        if run is None:
            return
        update = run.update
        wanted = rollout.run_is_wanted(run.order.kind)
        if run.doc.giving_up:
            if update is not None and update.done:
                self._close(rollout, run, around)
            elif update is not None and paused:
                run.suspend()
        elif wanted is False or rollout.open_nodes(run.order.kind).isdisjoint(run.doc.nodes):
            self._give_up(rollout, run, around)
        elif update is not None and update.done:
            records = run.records()
            self._close(rollout, run, around)
            self._learn(run, records, around)
            rollout.run_ended(run.order, records, around)
        elif update is not None and (wanted is None or paused):
            run.suspend()
            self._save(run)

    def _give_up(self, rollout: Rollout, run: Run, around: Surroundings) -> None:
        """Nothing more is sent of it. Nodes that are half-way, and not about to go back, are put to idle."""
        self._learn(run, run.records(), around)
        going_back = rollout.goes_back()
        if run.give_up(going_back):
            self._save(run)
        else:
            self._close(rollout, run, around)

    def _close(self, rollout: Rollout, run: Run, around: Surroundings) -> None:
        run.suspend()
        del self.runs[rollout.doc.id]
        self._over(rollout, run.doc, around.wall_s)

    def _over(self, rollout: Rollout, doc: RunDoc, wall_s: float) -> None:
        doc.open = False
        doc.ended_s = wall_s
        rollout.doc.sent_bytes += doc.sent_bytes
        rollout.run_open = False
        rollout.dirty = True
        self._tell(SaveRun(_kept(doc)))

    # -- keeping -----------------------------------------------------------------------------

    def _save(self, run: Run) -> None:
        self._tell(SaveRun(_kept(run.doc)))

    def _learn(self, run: Run, records: Mapping[int, NodeRecord], around: Surroundings) -> None:
        for proven in learned(run.order, records, around.known):
            before = around.known.get(proven.node) or _stranger(proven.node)
            image = before.image if proven.image is None else proven.image
            around.known[proven.node] = replace(
                before, hardware=proven.hardware, role=proven.role, image=image
            )
            self._tell(proven)


def learned(
    order: RunOrder, records: Mapping[int, NodeRecord], known: Mapping[int, KnownNode]
) -> Iterable[NodeProven]:
    """What the answers in a run prove of the nodes, beyond what is known."""
    for node, record in records.items():
        before = known.get(node) or _stranger(node)
        if record.state in GOOD:
            image = order.image
            how = "proved after its restart" if record.was_sent_to else "answered when asked"
        elif record.needs_image:
            image = "" if before.image == order.image else before.image
            how = "asked for the image that it was known to run"
        else:
            continue
        if (before.hardware, before.role, before.image) != (order.hardware, order.role, image):
            yield NodeProven(node, order.hardware, order.role, None if image == before.image else image, how)


def _kept(doc: RunDoc) -> RunDoc:
    """The document as it is now, for somebody who writes it down later; its records never change."""
    return msgspec.structs.replace(
        doc, nodes=list(doc.nodes), records=list(doc.records), giving_up=list(doc.giving_up)
    )


def _stranger(node: int) -> KnownNode:
    return KnownNode(node, "", "", frozenset(), "", "", None)
