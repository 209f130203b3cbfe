"""Notifications by Apprise, which is an extra: it knows the messengers."""

from __future__ import annotations

import asyncio
import importlib
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from meshward.errors import DeliveryError
from meshward.gateway.delivery.words import cleaned
from meshward.status.alerts.documents import Notification

THREADS = 4
"""Apprise blocks; services that hang must not take the threads that others work with."""
_LINES_MAX = 20
"""Of what Apprise says of one delivery."""


class Messenger:
    """Sends by any service that Apprise knows."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(THREADS, "messenger")

    async def send(self, target: str, notification: Notification, subject: str, text: str) -> None:
        """Returns when the service took it. Raises DeliveryError."""
        kind = _kind(notification)
        try:
            async with asyncio.timeout(self._limit_s):
                await asyncio.get_running_loop().run_in_executor(
                    self._threads, _send, target, subject, text, kind
                )
        except TimeoutError as error:
            raise DeliveryError(f"{_service(target)} took more than {self._limit_s:g} s") from error


def _send(target: str, subject: str, text: str, kind: str) -> None:
    said = _listen()
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError as error:
        raise DeliveryError(
            "messengers need Apprise, which is not installed: pip install 'meshward[notify]'"
        ) from error
    sender = apprise.Apprise()
    if not sender.add(target):
        raise DeliveryError(f"Apprise cannot use this {_service(target)} address{_because(said, target)}")
    # Nothing of a text is taken for markup or for an emoji.
    taken = sender.notify(
        body=text,
        title=subject,
        notify_type=kind,
        body_format=apprise.NotifyFormat.TEXT,
        interpret_escapes=False,
    )
    if not taken:
        raise DeliveryError(f"{_service(target)} did not take it{_because(said, target)}")


def _kind(notification: Notification) -> str:
    if notification.status == "resolved":
        return "success"
    severities = {alert.severity for alert in notification.alerts}
    return "failure" if "critical" in severities else "warning" if "warning" in severities else "info"


def _service(target: str) -> str:
    return f"{target.partition('://')[0]}://…"


def _because(said: list[str], target: str) -> str:
    words = cleaned("; ".join(dict.fromkeys(said)), target.partition("://")[2])
    return f": {words}" if words else ""


# What Apprise logs is why something failed, and may hold parts of an address: it is for us alone.
# Its own threads work in the context of who asked.
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class _Listener(logging.Handler):
    """Notes what Apprise says to whoever listens."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = _heard.get()
        if lines is not None and len(lines) < _LINES_MAX:
            lines.append(record.getMessage())


_LISTENER = _Listener(logging.WARNING)


def _listen() -> list[str]:
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if _LISTENER not in logger.handlers:
        logger.addHandler(_LISTENER)
    lines: list[str] = []
    _heard.set(lines)
    return lines
