"""Hands a notification to one receiver, by whatever way it is reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from meshward.config import Alerts, Receiver
from meshward.errors import DeliveryError
from meshward.gateway.delivery.mail import Mailer
from meshward.gateway.delivery.messenger import Messenger
from meshward.gateway.delivery.webhook import Webhooks
from meshward.gateway.health_views import TestResult
from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.status.alerts.payload import subject, text, webhook_payload

LIMIT_S = 10.0
"""For one webhook; mail and messengers, which take several steps, get three times that."""
TESTS_AT_ONCE = 8


class Courier:
    """Tries once; whoever calls tries again."""

    def __init__(self, alerts: Alerts, *, limit_s: float = LIMIT_S) -> None:
        self.alerts = alerts
        """Can be replaced at any time."""
        self._webhooks = Webhooks(limit_s)
        self._mailer = Mailer(limit_s)
        self._messenger = Messenger(3 * limit_s)

    async def deliver(self, notification: Notification, receiver: Receiver) -> None:
        """Returns when the receiver took it. Raises DeliveryError, whose text has no secret in it."""
        alerts = self.alerts
        if receiver.kind == "webhook":
            body = webhook_payload(notification, receiver.name, alerts.external_url or "")
            await self._webhooks.post(receiver.target, body)
            return
        title, words = subject(notification), text(notification)
        if alerts.external_url is not None:
            words = f"{words}\n\n{alerts.external_url}"
        if receiver.kind == "mail":
            await self._mailer.send(alerts, receiver.target, notification, title, words)
        else:
            await self._messenger.send(receiver.target, notification, title, words)

    async def test(self, receivers: Sequence[Receiver]) -> list[TestResult]:
        """Send each a test, at once and without another try."""
        places = asyncio.Semaphore(TESTS_AT_ONCE)

        async def try_one(receiver: Receiver) -> TestResult:
            async with places:
                return await self._try(receiver)

        return list(await asyncio.gather(*map(try_one, receivers)))

    async def _try(self, receiver: Receiver) -> TestResult:
        begun_s = time.monotonic()
        try:
            await self.deliver(test_notification(time.time()), receiver)
        except DeliveryError as error:
            return TestResult(receiver=receiver.name, ok=False, text=str(error))
        took_s = time.monotonic() - begun_s
        return TestResult(receiver=receiver.name, ok=True, text=f"taken within {took_s:.1f} s")


def test_notification(at_s: float) -> Notification:
    """What is sent to see whether it arrives."""
    alert = AlertDoc(
        id="test",
        fingerprint="0" * 16,
        rule="test",
        labels={"mesh": "test"},
        severity="info",
        state="firing",
        text="This is a test of the notifications: nothing is wrong.",
        advice="Nothing has to be done.",
        since_s=at_s,
        fired_s=at_s,
    )
    return Notification(
        id=f"test-{at_s:.6f}",
        group="test/info",
        status="firing",
        alerts=[alert],
        created_s=at_s,
        reason="test",
    )
