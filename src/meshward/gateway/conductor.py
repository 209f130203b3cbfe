"""Joins the rollout engine to the real mesh, and stores what it does before anything of it is sent."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from typing import Any

import structlog

from meshnode import events as core
from meshward.errors import StoreError, UnknownNodeError
from meshward.gateway.core_service import CoreService
from meshward.mesh import Mesh
from meshward.ota.commands import Command, Fence
from meshward.pings import Pings
from meshward.push.driver import CoreDriver
from meshward.rollout.changes import Noted
from meshward.status.reports import read_report
from meshward.status.samples import Sample
from meshward.store import nodes

log = structlog.get_logger("meshward.conductor")

FROZEN_S = 1.0
"""How often to try whether the disk takes writes again."""
TELL_EVERY_S = 1.0
TOUCH_EVERY_S = 300.0
"""How often it is stored that nodes are still there."""
PING_S = 5.0
"""How long an answer is waited for that somebody asked for."""


class Conductor:
    """Runs for ever; `mesh` was entered, and need not have a neighbour yet."""

    def __init__(self, service: CoreService, mesh: Mesh) -> None:
        self._service = service
        self._mesh = mesh
        self._monitor = service.monitor
        self._driver = CoreDriver(mesh, service.engine, self._on_event)
        self._tell_due_s = self._touch_due_s = 0.0
        self._tree_changed = True
        self._unstored: dict[int, int | None] = {}
        """Where nodes are, or None where they left, while the disk does not take it."""
        self._out_of_sight: set[int] = set()
        """Nodes of which it will show, once we see any again, whether they left."""
        self._pings = Pings()
        service.on_change = self._driver.wake
        service.prober = self._ping
        service.talker = mesh
        service.monitor.on_own_words = self._on_own_words

    async def run(self) -> None:
        """Until cancelled."""
        with self._driver.attached() as driver:
            self._monitor.on_tree(driver.tree(), driver.now_us)
            while True:
                self._service.engine.wall_s = self._monitor.wall_s = self._service.now_s()
                driver.feed()
                if self._tree_changed:
                    self._follow_tree()
                if self._unstored:
                    await self._store_places()
                commands = self._service.engine.commands(driver.room_bytes, driver.now_us)
                commands = await self._kept(commands)
                self._watch_probes(commands, driver.now_us)
                driver.carry_out(commands)
                # Anew: the disk may have held us up since, and the monitor holds both clocks together.
                self._monitor.wall_s = self._service.now_s()
                driver.carry_out(self._monitor.commands(driver.now_us))
                await self._tell()
                await driver.sleep(self._monitor.next_deadline_us())

    async def _kept(self, commands: list[Command]) -> list[Command]:
        """The commands, once what they follow from is stored; none while it cannot be."""
        was_frozen = self._service.engine.frozen
        with suppress(StoreError):
            await self._service.keep()
        if not self._service.engine.frozen:
            if was_frozen:
                log.info("store takes writes again")
            return commands
        if not was_frozen:
            log.warning(self._service.alarms["store"])
        await asyncio.sleep(FROZEN_S)
        return []

    def _on_event(self, event: core.Event) -> None:
        if isinstance(event, core.TopologyChanged):
            self._tree_changed = True
            # At once: packages that follow are of nodes that the monitor must know.
            self._monitor.on_tree(self._driver.tree(), self._driver.now_us)
        elif isinstance(event, core.DelayMeasured):
            self._service.book.measured(event.node_id, event.delay_us)
            self._monitor.on_delay(event.node_id, event.delay_us, event.offset_us, self._driver.now_us)
            self._pings.answered(event.node_id, event.delay_us, self._driver.now_us)
        elif isinstance(event, core.PackageReceived):
            self._note_package(event.package)
            believed = self._monitor.on_package(event.package, event.link_node_id, self._driver.now_us)
            report = read_report(event.package) if believed else None
            if report is not None:
                self._reported(report.node, report.free_heap_bytes, report.version)

    def _note_package(self, package: dict[str, Any]) -> None:
        sender = package.get("from")
        if type(sender) is int and sender in self._service.book.views:
            self._service.last_packages.add(sender, package, self._service.now_s())

    async def _ping(self, node: int) -> int | None:
        """One probe and its answer; not for the loss, as people ask most where something is wrong."""
        probe: list[Command] = [Fence(node)]
        ping = self._pings.open(node, self._driver.now_us)
        try:
            async with asyncio.timeout(PING_S):
                self._watch_probes(probe, self._driver.now_us, counts=False)
                self._driver.carry_out(probe)
                return await ping.answer
        except (TimeoutError, UnknownNodeError):
            return None
        finally:
            self._pings.close(ping)

    def _on_own_words(self, sample: Sample, measured_us: int) -> None:
        """What boards tell by telemetry counts for rollouts as reports do."""
        heap_bytes = sample.values.get("heap_free_bytes")
        self._service.engine.on_report(sample.node, measured_us, heap_bytes, sample.uptime_s)
        heap = None if heap_bytes is None else int(heap_bytes)
        self._reported(sample.node, heap, sample.texts.get("version"))

    def _reported(self, node: int, heap_bytes: int | None, version: str | None) -> None:
        if self._service.book.reported(node, heap_bytes, version):
            self._service.engine.known[node] = self._service.book.known(node)

    def _watch_probes(self, commands: list[Command], now_us: int, *, counts: bool = True) -> None:
        """Tell whose delay is measured; during an update it says more of that than of the node."""
        if not self._service.engine.is_updating:
            for command in commands:
                if isinstance(command, Fence):
                    self._monitor.on_probe(command.node_id, now_us, counts=counts)

    def _follow_tree(self) -> None:
        """Show who came, left and moved, and have it stored."""
        self._tree_changed = False
        service = self._service
        now_s = service.now_s()
        moved = service.book.on_tree(self._driver.tree(), now_s)
        online = service.book.online()
        for node in moved.left:
            self._pings.left(node, len(online))
        was_connected, service.mesh_connected = service.mesh_connected, bool(online)
        service.neighbours = [n for n in online if service.book.views[n].parent is None]
        for node in moved.joined:
            service.engine.known.setdefault(node, service.book.known(node))
        if not online and was_connected:
            service.engine.tell(Noted("mesh.lost", "no node is in sight any more", "error"))
        elif online and not was_connected:
            service.engine.tell(Noted("mesh.joined", f"{len(online)} nodes are in sight"))
        else:
            for node in moved.left:
                service.engine.tell(Noted("node.left", f"node {node} left the mesh", "warning", node))
            for node in moved.joined:
                service.engine.tell(Noted("node.joined", f"node {node} joined the mesh", "info", node))
        self._unstored.update(moved.placed)
        self._out_of_sight.update(moved.left)
        if online:  # else nobody left: we cannot see
            self._unstored.update(dict.fromkeys(self._out_of_sight.difference(online)))
            self._out_of_sight.clear()
        service.forget_in_memory(moved.surplus)

    async def _store_places(self) -> None:
        """Once the disk takes it: the latest place of each node is what counts."""
        if not self._service.database.writable:
            return
        places = {node: parent for node, parent in self._unstored.items() if parent is not None}
        gone = [node for node, parent in self._unstored.items() if parent is None]
        try:
            await self._service.database.write(_store_places, places, gone, self._service.now_s())
        except StoreError as error:
            log.warning("what happens in the mesh cannot be stored", reason=str(error))
        else:
            self._unstored.clear()

    async def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s < self._tell_due_s:
            return
        self._tell_due_s = now_s + TELL_EVERY_S
        self._service.tell_readers()
        if now_s >= self._touch_due_s and self._service.database.writable:
            self._touch_due_s = now_s + TOUCH_EVERY_S
            with suppress(StoreError):  # then the next `keep` tells
                await self._service.database.write(
                    nodes.touch, self._service.book.online(), self._service.now_s()
                )


def _store_places(
    connection: sqlite3.Connection, places: dict[int, int], gone: list[int], at_s: float
) -> None:
    nodes.seen(connection, places.items(), at_s)
    nodes.left(connection, gone, at_s)
