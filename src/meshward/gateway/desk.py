"""What the use cases share: the store, the engine, what is shown, and how news get to all of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable
from random import SystemRandom
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from meshward.errors import StoreError, StoreFullError, UnknownItemError
from meshward.gateway import desk_store, health_store
from meshward.gateway.bridge_views import NodeSample
from meshward.gateway.feed import Feed
from meshward.gateway.health_shown import alert_view, node_scores
from meshward.gateway.health_views import AlertView
from meshward.gateway.images import LibraryImages
from meshward.gateway.node_book import NodeBook
from meshward.gateway.package_book import PackageBook
from meshward.gateway.ping_book import PingBook
from meshward.gateway.rollout_watch import surroundings
from meshward.gateway.service import Caller
from meshward.gateway.shown import Live, event_view, rollout_summary, shown_state
from meshward.gateway.views import NodeView, RolloutSummary
from meshward.rollout.changes import Change, NodeProven, SaveRollout
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.engine import Engine, EngineSettings
from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.status.alerts.notify import NotifySettings
from meshward.status.alerts.rules import RuleBook
from meshward.status.monitor import Kept, Monitor
from meshward.store import apply, audit, firmware
from meshward.store.database import Database
from meshward.store.events import StoredEvent
from meshward.store.library import Library
from meshward.streams import Fanout

P = ParamSpec("P")
T = TypeVar("T")

ENDED_SHOWN = 20
"""Rollouts that are over and still in the snapshot of the feed."""
RECORDS_AT_ONCE = 5
"""Nodes whose records are made and stored at once: some 10 ms, so that nobody waits."""
SETTINGS_KEY = "gateway"


def monotonic_us() -> int:
    """The clock of the mesh driver, in microseconds."""
    return time.monotonic_ns() // 1000


class Desk:
    """Opened once, before anything is asked of it."""

    def __init__(
        self,
        database: Database,
        library: Library,
        *,
        engine_settings: EngineSettings | None = None,
        rules: RuleBook | None = None,
        notify: NotifySettings | None = None,
        telemetry: bool = True,
        fixed: dict[str, Any] | None = None,
        now_s: Callable[[], float] = time.time,
        now_us: Callable[[], int] = monotonic_us,
    ) -> None:
        """`rules`, `notify`: of alerts, and who is told. `telemetry`: whether boards are asked for it.
        `fixed`: settings that need a restart, to be shown.
        """
        self.database = database
        self.library = library
        self.images = LibraryImages(library)
        self.engine = Engine(self.images, SystemRandom(), engine_settings)
        self.monitor = Monitor(SystemRandom(), rules, notify, telemetry=telemetry)
        self.monitor.on_kept = self._tell_of_sample
        self.measured: Fanout[NodeSample] = Fanout()
        """What is measured of nodes, as it comes."""
        self.book = NodeBook()
        self.last_packages = PackageBook()
        self.pings = PingBook(now_us)
        self.feed = Feed(secrets.token_hex(8), self._snapshot)
        self.alarms: dict[str, str] = {}
        """What is wrong with the gateway, by what it is about; for people."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the engine has something to do; the driver's to set."""
        self.mesh_connected = False
        self.neighbours: list[int] = []
        self.now_s = now_s
        self.now_us = now_us
        self.fixed = fixed or {}
        self.started_us = now_us()
        self.library_lock = asyncio.Lock()
        """Held where firmware is added or removed, and from the look at a rollout's firmware to its begin."""
        self.audit_lock = asyncio.Lock()
        """Held while the audit log is read whole: once at a time is enough."""
        self._keeping = asyncio.Lock()
        self._keeping_health = asyncio.Lock()
        """What could not be stored goes back before anything newer is taken."""
        self._ended: deque[RolloutSummary] = deque(maxlen=ENDED_SHOWN)
        self.ended_docs: deque[RolloutDoc] = deque(maxlen=ENDED_SHOWN)
        """The latest rollouts that are over, the newest first."""
        self._scored_us = 0
        self._shown: dict[str, bytes] = {}
        self._alerts_shown: dict[str, bytes] = {}
        """Those that are open, as readers were told of them."""

    async def open(self) -> None:
        """Take up what is stored. Raises StoreError where it cannot be read; a full disk is an alarm."""
        self.library.open()
        stored = await self.database.read(desk_store.load, ENDED_SHOWN, SETTINGS_KEY)
        self.book.load(stored.nodes)
        self.engine.wall_s = self.now_s()
        self.engine.known = {node: self.book.known(node) for node in self.book.views}
        self._ended.extend(rollout_summary(doc) for doc in stored.ended)
        self.ended_docs.extend(stored.ended)
        self.set_engine(stored.settings)
        self.engine.restore(
            stored.active.rollouts, stored.active.runs, stored.health, self.now_us(), stored.clock_us
        )
        self.monitor.wall_s = self.now_s()
        health = await self.database.read(health_store.load, self.now_s())
        health_store.restore(self.monitor, health, self.now_us(), self.now_s())
        surroundings(self, await self.database.read(firmware.md5s))
        self.monitor.wall_s = self.now_s()
        self.monitor.look(self.now_us())
        with contextlib.suppress(StoreError):
            await self.keep()

    def set_engine(self, values: dict[str, Any]) -> None:
        """Settings that were changed at run time."""
        target = self.engine.settings
        target.updates_paused = bool(values.get("updates_paused", target.updates_paused))
        target.updates_at_once = int(values.get("updates_at_once", target.updates_at_once))
        target.probe_every_us = int(1e6 * values.get("probe_every_s", target.probe_every_us / 1e6))

    # -- keeping -----------------------------------------------------------------------------

    async def keep(self) -> None:
        """Store what the engine did. Until that is done nothing of it may be sent.

        Raises StoreError, StoreFullError; the engine then stands still until a later call succeeds.
        """
        async with self._keeping:
            changes = self.engine.take_changes()
            if not changes:
                # Also after a write of somebody else's failed: nothing else may come that tries again.
                if self.engine.frozen or not self.database.writable:
                    await self._try_again()
                return
            try:
                stored = await self.database.write(apply.apply, changes, self.now_s())
            except StoreError as error:
                self.engine.give_back(changes)
                self._freeze(str(error))
                raise
            except Exception:
                self.engine.give_back(changes)
                raise
            self._unfreeze()
            await self._follow(changes)
            self._publish_events(stored)

    async def keep_health(self) -> None:
        """Store what the monitor says. Raises StoreError; nothing is lost by that."""
        monitor = self.monitor
        async with self._keeping_health:
            if not self.database.writable:
                return
            news = health_store.News(
                monitor.take_samples(), monitor.alerts.take_changes(), monitor.take_notes()
            )
            if not news:
                return
            try:
                stored = await self.database.write(health_store.keep, news, self.now_s())
            except Exception:  # whoever is cancelled does not stop the write
                monitor.give_back(news.samples)
                monitor.alerts.give_back(news.documents)
                monitor.give_back_notes(news.notes)
                raise
        self._publish_events(stored)

    async def keep_alerts(self, caller: Caller, action: str, subject: str, detail: dict[str, Any]) -> None:
        """Store what somebody did with alerts, and who did it. Raises StoreError."""
        alerts = self.monitor.alerts
        async with self._keeping_health:
            documents = alerts.take_changes()
            try:
                stored = await self.write_audited(
                    caller,
                    action,
                    lambda _: (subject, detail),
                    health_store.keep,
                    health_store.News([], documents, []),
                    self.now_s(),
                )
            except Exception:
                alerts.give_back(documents)
                raise
        self._publish_events(stored)
        self.feed.publish(self._news_of_alerts())

    async def keep_records(self) -> None:
        """Store what was learnt of the nodes. Raises StoreError."""
        watch = self.monitor.watch
        for some in _in_parts(watch.nodes(), RECORDS_AT_ONCE):
            await self.database.write(health_store.keep_records, watch.snapshots(some))

    def due_notifications(self) -> list[Notification]:
        """What is to be delivered now: stored before, so that it is not lost with us."""
        return self.monitor.alerts.notifier.due(self.now_us())

    def _tell_of_sample(self, kept: Kept) -> None:
        sample = kept.sample
        if sample.values:
            self.measured.put(NodeSample(node=sample.node, at_s=kept.at_s, values=dict(sample.values)))

    def alert_view(self, doc: AlertDoc) -> AlertView:
        """An alert as it is shown."""
        view = None if doc.node is None else self.book.views.get(doc.node)
        return alert_view(
            doc,
            "" if view is None else view.name,
            maintenance=self.monitor.alerts.is_maintenance(doc.silenced_by),
        )

    def _publish_events(self, stored: Iterable[StoredEvent]) -> None:
        self.feed.publish(
            [{"kind": "event", "id": e.id, "value": msgspec.to_builtins(event_view(e))} for e in stored]
        )

    def must_be_writable(self) -> None:
        """Raise StoreFullError while nothing can be stored: then nothing may be begun either."""
        if not self.database.writable:
            raise StoreFullError(f"nothing can be stored at the moment: {self.database.problem}")

    async def write_audited(
        self,
        caller: Caller,
        action: str,
        describe: Callable[[T], tuple[str, dict[str, Any]] | None],
        fn: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What `fn(connection, ...)` returns, stored together with who did it.

        `describe` gives the subject and detail for the audit log; None where nothing was done.
        """

        def both(connection: sqlite3.Connection) -> T:
            result = fn(connection, *args, **kwargs)
            described = describe(result)
            if described is not None:
                audit.append(connection, self.now_s(), caller.name, action, *described)
            return result

        return await self.database.write(both)

    def _freeze(self, problem: str) -> None:
        self.engine.frozen = True
        self.alarms["store"] = f"updates stand still, for nothing can be stored: {problem}"

    async def _try_again(self) -> None:
        if await self.database.probe(self.now_s()):
            self._unfreeze()
        else:
            self._freeze(self.database.problem)

    def _unfreeze(self) -> None:
        self.engine.frozen = False
        self.alarms.pop("store", None)

    async def _follow(self, changes: list[Change]) -> None:
        """Take over into what is shown."""
        proven = {change.node for change in changes if isinstance(change, NodeProven)}
        if proven:
            # It is stored: an error of the disk here is only that older values are shown.
            with contextlib.suppress(StoreError):
                for row in await self.database.read(desk_store.rows, sorted(proven)):
                    view = self.book.views.get(row.id)
                    if view is not None and row.firmware != view.firmware:
                        self.monitor.watch.updated(row.id, self.now_us())
                        self.monitor.fleet.runs_anew(row.id)
                    self.book.take_row(row)
                    self.engine.known[row.id] = self.book.known(row.id)
        for change in changes:
            if isinstance(change, SaveRollout) and change.doc.ended_s is not None:
                kept = [shown for shown in self._ended if shown.id != change.doc.id]
                self._ended = deque([rollout_summary(change.doc), *kept], ENDED_SHOWN)
                docs = [doc for doc in self.ended_docs if doc.id != change.doc.id]
                self.ended_docs = deque([change.doc, *docs], ENDED_SHOWN)

    def known_node(self, node_id: int) -> NodeView:
        """A node that is, or ever was, in the mesh. Raises UnknownItemError."""
        view = self.book.views.get(node_id)
        if view is None:
            raise UnknownItemError(
                f"node {node_id} was never seen in this mesh; list the nodes with `meshward status`"
            )
        return view

    def forget_in_memory(self, gone: Iterable[int]) -> None:
        """Drop nodes that are offline from all but the store."""
        for node in gone:
            self.book.drop(node)
            self.last_packages.forget(node)
            self.engine.known.pop(node, None)
            self.engine.health.forget(node)
            self.monitor.forget(node)

    # -- what is shown live ------------------------------------------------------------------

    def live(self, rollout_id: str) -> dict[int, Live]:
        """The nodes of a rollout's run that is under way."""
        run = self.engine.runs.get(rollout_id)
        if run is None or run.update is None:
            return {}
        update = run.update
        records = [update.records[node] for node in run.doc.nodes if node in update.records]
        return {record.node_id: Live(record, update.parts_done(record)) for record in records}

    def tell_readers(self) -> None:
        """Publish what changed since the last call; to be called about once a second."""
        states: dict[int, tuple[str, str]] = {}
        changes: list[dict[str, Any]] = []
        told_before, self._shown = self._shown, {}
        for summary in self._summaries():
            changes += self._if_changed(told_before, "rollout", summary.id, summary)
        for rollout in self.engine.rollouts.values():
            live = self.live(rollout.doc.id)
            for entry in rollout.doc.nodes:
                if entry.wave is not None:
                    states[entry.node] = (rollout.doc.id, shown_state(entry, live.get(entry.node)))
        self.book.in_rollouts(states)
        if self._scored_us != self.monitor.facts.now_us:
            self._scored_us = self.monitor.facts.now_us
            self.book.scored(node_scores(self.monitor))
        for node in sorted(self.book.changed):
            view = self.book.views.get(node)
            changes.append(
                {"kind": "node", "id": node, "value": None if view is None else msgspec.to_builtins(view)}
            )
        self.book.changed.clear()
        gateway = {
            "mesh_connected": self.mesh_connected,
            "own_id": self.book.own_id,
            "alarms": list(self.alarms.values()),
        }
        changes += self._if_changed(told_before, "gateway", "gateway", gateway)
        changes += self._news_of_alerts()
        self.feed.publish(changes)

    def _if_changed(
        self, told_before: dict[str, bytes], kind: str, key: str, value: Any
    ) -> list[dict[str, Any]]:
        encoded = msgspec.json.encode(value)
        self._shown[f"{kind}/{key}"] = encoded
        if told_before.get(f"{kind}/{key}") == encoded:
            return []
        return [{"kind": kind, "id": key, "value": msgspec.to_builtins(value)}]

    def _news_of_alerts(self) -> list[dict[str, Any]]:
        """As they are in memory: a full disk is no reason to be mute."""
        news = []
        for doc in self.monitor.alerts.take_news():
            view = self.alert_view(doc)
            encoded = msgspec.json.encode(view)
            if self._alerts_shown.get(doc.id) != encoded:
                self._alerts_shown[doc.id] = encoded
                news.append({"kind": "alert", "id": doc.id, "value": msgspec.to_builtins(view)})
            if doc.state == "resolved":
                del self._alerts_shown[doc.id]
        return news

    def _summaries(self) -> list[RolloutSummary]:
        """Rollouts under way, and the latest that are over."""
        active = [rollout_summary(r.doc, self.live(r.doc.id)) for r in self.engine.rollouts.values()]
        ids = {summary.id for summary in active}
        return active + [summary for summary in self._ended if summary.id not in ids]

    def _snapshot(self) -> dict[str, Any]:
        return {
            "own_id": self.book.own_id,
            "mesh_connected": self.mesh_connected,
            "alarms": list(self.alarms.values()),
            "nodes": list(self.book.views.values()),
            "rollouts": self._summaries(),
            "alerts": [self.alert_view(doc) for doc in self.monitor.alerts.open_alerts()],
        }


def _in_parts(nodes: list[int], size: int) -> list[list[int]]:
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]
