"""Keeps what the monitor says, delivers its notifications and rolls history up, beside the conductor."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from meshward.config import Receiver
from meshward.errors import DeliveryError, StoreError
from meshward.gateway.core_service import CoreService
from meshward.gateway.delivery import Courier
from meshward.gateway.health_views import TestResult
from meshward.gateway.logs import get_logger
from meshward.gateway.rollout_watch import surroundings
from meshward.status.alerts.documents import Notification
from meshward.store import alerts, firmware, history, rollups
from meshward.store.history import Keep

log = get_logger("meshward.health")

FLUSH_S = 1.0
"""What a crash may cost of the samples; alerts are kept before anybody is told of them."""
RECORDS_S = 3600.0
"""How often what was learnt of the nodes is kept: losing an hour of it only delays its judgement."""
ROLL_UP_S = 0.2
"""Pause between two nodes that are rolled up, so that others get at the store."""
LOOK_S = 60.0
DELIVERIES_AT_ONCE = 2
"""To one receiver."""
STOP_S = 2.0
"""What may be kept at the end of what was learnt: the rest is as old as an hour."""


class HealthKeeper:
    """Runs for ever."""

    def __init__(
        self, service: CoreService, courier: Courier, receivers: Sequence[Receiver], keep: Keep
    ) -> None:
        self._service = service
        self._courier = courier
        self._receivers = receivers
        self._keep = keep
        self._delivering: set[tuple[str, str]] = set()
        self._places = {receiver.name: asyncio.Semaphore(DELIVERIES_AT_ONCE) for receiver in receivers}
        """One that is dead holds up no other."""

    async def run(self) -> None:
        """Until cancelled; what can be kept is kept then as well."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._flush_on(), name="health flush")
                tasks.create_task(self._deliver_on(tasks), name="deliveries")
                tasks.create_task(self._tidy_on(), name="history")
        finally:
            with suppress(StoreError, TimeoutError):
                await self._service.keep_health()
                async with asyncio.timeout(STOP_S):
                    await self._service.keep_records()

    # -- keeping -----------------------------------------------------------------------------

    async def _flush_on(self) -> None:
        service = self._service
        for problem in service.monitor.alerts.rules.problems:
            log.warning(problem)
        md5s: dict[str, str] = {}
        looked_s, kept_s = -math.inf, service.now_us() / 1e6
        while True:
            now_s = service.now_us() / 1e6
            with suppress(StoreError):  # the alarm of the store tells; what was not kept is kept later
                if now_s - looked_s >= LOOK_S:
                    looked_s = now_s
                    md5s = await service.database.read(firmware.md5s)
                surroundings(service, md5s)
                await service.keep_health()
                for note in service.monitor.alerts.notifier.outbox.take_notes():
                    log.warning(note)
                if now_s - kept_s >= RECORDS_S:
                    kept_s = now_s
                    await service.keep_records()
            await asyncio.sleep(FLUSH_S)

    # -- telling people ----------------------------------------------------------------------

    async def _deliver_on(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            receivers = {receiver.name: receiver for receiver in self._receivers}
            due = self._service.due_notifications()
            if due:
                # Kept before anybody is told: nobody is told twice. A full disk is no reason to be mute.
                with suppress(StoreError):
                    await self._service.keep_health()
            for notification in due:
                for name in sorted(notification.pending):
                    key = (notification.id, name)
                    receiver = receivers.get(name)
                    if receiver is None:
                        self._service.monitor.alerts.notifier.delivered(notification.id, name)
                    elif key not in self._delivering:
                        self._delivering.add(key)
                        tasks.create_task(self._deliver(notification, receiver), name="delivery")
            await asyncio.sleep(FLUSH_S)

    async def _deliver(self, notification: Notification, receiver: Receiver) -> None:
        notifier = self._service.monitor.alerts.notifier
        try:
            async with self._places[receiver.name]:
                await self._courier.deliver(notification, receiver)
        except DeliveryError as error:
            self._failed(notification, receiver, str(error))
        except Exception as error:  # whatever a plug-in raises, the gateway goes on
            log.exception("a receiver broke", receiver=receiver.name)
            self._failed(notification, receiver, f"an error of ours or a plug-in's: {type(error).__name__}")
        else:
            notifier.delivered(notification.id, receiver.name)
            with suppress(StoreError):
                await self._service.keep_health()
        finally:
            self._delivering.discard((notification.id, receiver.name))

    def _failed(self, notification: Notification, receiver: Receiver, reason: str) -> None:
        log.warning("a notification was not taken; trying again", receiver=receiver.name, reason=reason)
        notifier = self._service.monitor.alerts.notifier
        notifier.failed(notification.id, receiver.name, reason, self._service.now_us())

    async def test(self) -> list[TestResult]:
        """Try every receiver, at once and only once."""
        return await self._courier.test(self._receivers)

    # -- history -----------------------------------------------------------------------------

    async def _tidy_on(self) -> None:
        database = self._service.database
        while True:
            try:
                now_s = self._service.now_s()
                for node in await database.read(rollups.due, now_s):
                    await database.write(rollups.roll_up, node, now_s)
                    await asyncio.sleep(ROLL_UP_S)
                while await database.write(_expire, now_s, self._keep):  # noqa: ASYNC110 it is the work itself
                    await asyncio.sleep(ROLL_UP_S)
            except StoreError as error:
                log.warning("history cannot be rolled up now; trying again", reason=str(error))
            await asyncio.sleep(LOOK_S)


def _expire(connection: sqlite3.Connection, now_s: float, keep: Keep) -> bool:
    """Whether there is more to expire."""
    alerts.expire(connection, now_s)
    return history.expire(connection, now_s, keep)
