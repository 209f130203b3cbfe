"""Use cases: rollouts, plain updates, and what came of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import msgspec

from meshward.errors import ConflictError, RolloutError, StoreError
from meshward.gateway.desk import Desk
from meshward.gateway.planning import plan
from meshward.gateway.service import Caller
from meshward.gateway.shown import attempt_view, rollout_summary, rollout_view, update_view
from meshward.gateway.views import (
    AttemptView,
    Page,
    PushRequest,
    RolloutPlan,
    RolloutSummary,
    RolloutView,
    UpdateView,
)
from meshward.rollout.documents import RolloutDoc, WaveEntry
from meshward.rollout.spec import RolloutSpec, Target, Transfer, push_spec
from meshward.rollout.states import FINAL, Action, RolloutState, RunKind
from meshward.rollout.validate import check_spec
from meshward.store import firmware, rollouts, settings
from meshward.store.firmware import FirmwareRow
from meshward.store.pages import Part

ACTIVE_MAX = 100
"""Rollouts under way at once: each costs a look at every node once a second."""

_SENDING = frozenset({RunKind.INSTALL, RunKind.ROLLBACK})


class RolloutCases(Desk):
    """See `service.Service`."""

    async def plan_rollout(self, spec: RolloutSpec) -> RolloutPlan:
        """What it would do. Raises RolloutError, UnknownItemError, UpdateRefusedError."""
        async with self.library_lock:
            return await self._plan(await self._new_doc(spec, "nobody"))

    async def create_rollout(self, spec: RolloutSpec, caller: Caller) -> RolloutView:
        """Begin one. Raises RolloutError, UnknownItemError, UpdateRefusedError, StoreError; ConflictError
        where its job has a rollout.
        """
        self.must_be_writable()
        if len(self.engine.rollouts) >= ACTIVE_MAX:
            raise ConflictError(f"{ACTIVE_MAX} rollouts are under way: abort some, or wait for their end")
        async with self.library_lock:
            await self.database.read(_must_be_new, spec.job)  # before its firmware, which may be gone by now
            await self._plan(await self._new_doc(spec, caller.name))  # refuses what cannot be sent
            doc = await self._new_doc(spec, caller.name)
            # Stored before the engine has it: where that fails there is no rollout, and asking again is safe.
            doc.id = await self.write_audited(
                caller, "rollout.create", lambda new: (new, msgspec.to_builtins(doc.spec)), _store_new, doc
            )
            self.engine.wall_s = self.now_s()
            self.engine.add(doc, self.now_us())
        self.on_change()
        return await self.rollout(doc.id)

    async def push(self, request: PushRequest, caller: Caller) -> RolloutView:
        """A plain update of one image."""
        await self.database.read(_must_be_new, request.job)
        row = await self.database.read(firmware.get, request.firmware)
        target = Target(roles=(request.role,), nodes=tuple(request.nodes), exclude=tuple(request.exclude))
        transfer = Transfer(
            strategy=request.strategy,
            compress=request.compress,
            part_bytes=request.part_bytes,
            force=request.force,
            chip=request.chip,
        )
        name = f"push of {row.name} to {request.role}"[:100]
        spec = push_spec(name, row.sha256, target, transfer)
        return await self.create_rollout(msgspec.structs.replace(spec, job=request.job), caller)

    async def rollout_of_job(self, job: str) -> RolloutView | None:
        """The rollout of a job; None where there is none."""
        rollout_id = await self.database.read(rollouts.of_job, job)
        return None if rollout_id is None else await self.rollout(rollout_id)

    async def rollouts(
        self, *, state: Sequence[str] = (), limit: int = 100, before: str | None = None
    ) -> Page[RolloutSummary]:
        """Newest first."""
        part = await self.database.read(_summaries, state, limit, before)
        under_way = self.engine.rollouts
        items = [
            rollout_summary(under_way[stored.id].doc, self.live(stored.id))
            if stored.id in under_way
            else stored
            for stored in part.items
        ]
        return Page(items=items, total=part.total, next=part.next)

    async def rollout(self, rollout_id: str) -> RolloutView:
        """One, whole. Raises UnknownItemError."""
        doc = self._current(await self.database.read(rollouts.get, rollout_id))
        run = self.engine.runs.get(doc.id)
        under_way_bytes = 0 if run is None else run.sent_bytes
        return rollout_view(
            doc,
            {view.id: view.name for view in self.book.views.values() if view.name},
            self.live(doc.id),
            parts=run.doc.parts if run is not None and run.order.kind in _SENDING else 0,
            soak_left_s=self.engine.soak_left_s(doc.id, self.now_us()),
            sent_bytes=doc.sent_bytes + under_way_bytes,
        )

    async def act(self, rollout_id: str, action: Action, caller: Caller, reason: str = "") -> RolloutView:
        """Do something with one. Raises UnknownItemError, NotPossibleError, StoreError."""
        self.must_be_writable()
        doc = await self._latest(rollout_id)
        self.engine.wall_s = self.now_s()
        self.engine.act(doc, action, caller.name, reason, self.now_us())
        try:
            await self.keep()
        except StoreError as error:  # the disk is full, or fails otherwise
            raise type(error)(
                f"{error}. {action.value!r} is noted all the same, and done as soon as it can be stored"
            ) from error
        self.on_change()
        return await self.rollout(rollout_id)

    async def updates(
        self,
        *,
        rollout: str | None = None,
        kind: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[UpdateView]:
        """Runs, newest first."""
        part = await self.database.read(
            rollouts.run_page, rollout=rollout, kind=kind, open_only=open_only, limit=limit, before=before
        )
        return Page(items=[update_view(doc) for doc in part.items], total=part.total, next=part.next)

    async def update(self, update_id: str) -> UpdateView:
        """One run with its nodes. Raises UnknownItemError."""
        doc = await self.database.read(rollouts.get_run, update_id)
        part = await self.database.read(rollouts.attempt_page, run=update_id, limit=1000)
        return update_view(doc, part.items)

    async def attempts(
        self,
        *,
        node: int | None = None,
        rollout: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[AttemptView]:
        """What came of nodes in runs, newest first."""
        part = await self.database.read(
            rollouts.attempt_page, node=node, rollout=rollout, limit=limit, before=before
        )
        return Page(items=[attempt_view(row) for row in part.items], total=part.total, next=part.next)

    def _current(self, stored: RolloutDoc) -> RolloutDoc:
        """The document as the engine has it, where it is under way."""
        rollout = self.engine.rollouts.get(stored.id)
        return stored if rollout is None else rollout.doc

    async def _latest(self, rollout_id: str) -> RolloutDoc:
        """The document to act on. One that just ended may be stored as it was before."""
        doc = self._current(await self.database.read(rollouts.get, rollout_id))
        if doc.state not in FINAL and doc.id not in self.engine.rollouts:
            await self.keep()
            doc = self._current(await self.database.read(rollouts.get, rollout_id))
        return doc

    async def _plan(self, doc: RolloutDoc) -> RolloutPlan:
        # Compressing takes up to a second on a small computer: the event loop must not wait for it.
        await asyncio.to_thread(self.images.prepare_all, doc)
        self.engine.wall_s = self.now_s()
        return plan(doc, self.engine.around(self.now_us()), self.images)

    async def _new_doc(self, spec: RolloutSpec, by: str) -> RolloutDoc:
        check_spec(spec)
        images = [await self.database.read(firmware.get, image) for image in spec.images]
        back = [await self.database.read(firmware.get, image) for image in spec.rollback_to]
        spec = msgspec.structs.replace(
            spec,
            images=tuple(row.sha256 for row in images),
            rollback_to=tuple(row.sha256 for row in back),
        )
        return RolloutDoc(
            id="",
            spec=spec,
            state=RolloutState.AWAITING_APPROVAL if spec.approval else RolloutState.SCHEDULED,
            reason="waits for approval" if spec.approval else "",
            images=_by_hardware(images, "images"),
            back=_by_hardware(back, "rollback_to"),
            waves=[WaveEntry() for _ in spec.waves],
            created_by=by,
            created_s=self.now_s(),
        )


def _summaries(
    connection: sqlite3.Connection, state: Sequence[str], limit: int, before: str | None
) -> Part[RolloutSummary]:
    # In the store's thread, for a thousand rollouts of hundreds of nodes take a while.
    part = rollouts.page(connection, state=state, limit=limit, before=before)
    return Part([rollout_summary(doc) for doc in part.items], part.total, part.next)


def _by_hardware(found: list[FirmwareRow], field: str) -> dict[str, str]:
    by_hardware: dict[str, str] = {}
    for row in found:
        if row.hardware is None:
            raise RolloutError(f"{field}: it cannot be told which boards {row.name} ({row.what}) is for")
        if row.hardware in by_hardware:
            raise RolloutError(
                f"{field}: two firmwares for {row.hardware}; give one for each kind of hardware"
            )
        by_hardware[row.hardware] = row.sha256
    return by_hardware


def _store_new(connection: sqlite3.Connection, doc: RolloutDoc) -> str:
    """Its id; numbers grow, and none is given twice. Raises ConflictError for a job that has one."""
    _must_be_new(connection, doc.spec.job)
    number = int(settings.get(connection, "rollout.number", 0)) + 1
    settings.put(connection, "rollout.number", number)
    rollouts.save(connection, msgspec.structs.replace(doc, id=f"r{number}"))
    return f"r{number}"


def _must_be_new(connection: sqlite3.Connection, job: str) -> None:
    rollout_id = rollouts.of_job(connection, job) if job else None
    if rollout_id is not None:
        raise ConflictError(f"job {job!r} is rollout {rollout_id}: look at that one, or give another job")
