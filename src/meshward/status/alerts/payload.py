"""Notifications in the form in which they travel: Alertmanager's webhook, a subject, and a text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meshward.status.alerts.documents import SEVERITIES, AlertDoc, Notification
from meshward.status.alerts.words import lasting
from meshward.text import printable

SUBJECT_CHARACTERS = 120
TEXT_ALERTS = 20
"""Told in full in a text; the others are counted."""
_NEVER = "0001-01-01T00:00:00Z"
"""How Alertmanager writes the end of what has not ended."""
_MARKS = {"critical": "CRITICAL", "warning": "Warning", "info": "Info"}


def webhook_payload(notification: Notification, receiver: str, external_url: str) -> dict[str, Any]:
    """The body of a webhook, version 4 of Alertmanager's format."""
    alerts = [_webhook_alert(alert, external_url) for alert in notification.alerts]
    labels = [alert["labels"] for alert in alerts]
    annotations = [alert["annotations"] for alert in alerts]
    rule, _, severity = notification.group.partition("/")
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{rule}", severity="{severity}"}}',
        "truncatedAlerts": notification.left_out,
        "status": notification.status,
        "receiver": receiver,
        "groupLabels": {"alertname": rule, "severity": severity},
        "commonLabels": _common(labels),
        "commonAnnotations": _common(annotations),
        "externalURL": external_url,
        "alerts": alerts,
    }


def subject(notification: Notification) -> str:
    """One line that says the most important: "CRITICAL: The mesh is split at Garage (1001)"."""
    count = len(notification.alerts) + notification.left_out
    more = f" (and {count - 1} more)" if count > 1 else ""
    if not notification.alerts:
        return "Meshward"
    first = max(notification.alerts, key=lambda alert: SEVERITIES.index(alert.severity))
    mark = "Over" if notification.status == "resolved" else _MARKS[first.severity]
    if notification.reason == "test":
        mark = "Test"
    elif notification.reason == "repeat":
        mark = f"Still {mark}" if mark == "CRITICAL" else f"Still {mark.lower()}"
    elif first.flapping:
        mark = f"{mark}, comes and goes"
    return f"{mark}: {printable(_headline(first.text), SUBJECT_CHARACTERS - len(mark) - len(more))}{more}"


def text(notification: Notification) -> str:
    """For mail and messengers."""
    parts = [_told(alert, notification) for alert in notification.alerts[:TEXT_ALERTS]]
    rest = len(notification.alerts) - len(parts) + notification.left_out
    if rest > 0:
        parts.append(f"And {rest} more of this kind; see `meshward alerts list`.")
    return "\n\n".join(parts)


def _told(alert: AlertDoc, notification: Notification) -> str:
    if alert.state == "resolved":
        began_s = alert.fired_s if alert.fired_s is not None else alert.since_s
        since_s = min(began_s, alert.since_s)
        ended_s = alert.clear_since_s if alert.clear_since_s is not None else alert.resolved_s
        after = lasting((ended_s if ended_s is not None else notification.created_s) - since_s)
        why = f" {alert.ended[0].upper()}{alert.ended[1:]}." if alert.ended else ""
        return f"Over after {after}.{why} It was: {alert.text}"
    lines = [f"{_MARKS[alert.severity]}: {alert.text}"]
    if alert.flapping:
        lines.append("It comes and goes: you are told again when it has settled.")
    if alert.advice:
        lines.append(alert.advice)
    return "\n".join(lines)


def _webhook_alert(alert: AlertDoc, external_url: str) -> dict[str, Any]:
    labels = {"alertname": alert.rule, "severity": alert.severity, **alert.labels}
    if alert.name:
        labels["node_name"] = alert.name
    return {
        "status": "resolved" if alert.state == "resolved" else "firing",
        "labels": labels,
        "annotations": {"summary": _headline(alert.text), "description": _description(alert)},
        "startsAt": rfc3339(alert.since_s),
        "endsAt": _NEVER if alert.resolved_s is None else rfc3339(alert.resolved_s),
        "generatorURL": f"{external_url.rstrip('/')}/alerts/{alert.id}" if external_url else "",
        "fingerprint": alert.fingerprint,
    }


def rfc3339(at_s: float) -> str:
    """A moment, as "2026-11-25T18:00:00.000Z". What is no moment is the nearest that is one."""
    at = datetime.fromtimestamp(min(max(at_s, 0.0), 253_402_300_799.0), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _description(alert: AlertDoc) -> str:
    pieces = [alert.text, alert.ended and f"Over: {alert.ended}.", alert.advice]
    return " ".join(piece for piece in pieces if piece)


def _headline(words: str) -> str:
    """The first sentence, or what stands before its details."""
    end = min((at for at in (words.find(mark) for mark in (". ", ": ")) if at > 20), default=-1)
    return words[:end] if end > 0 else words.rstrip(".")


def _common(items: list[dict[str, str]]) -> dict[str, str]:
    if not items:
        return {}
    return {key: value for key, value in items[0].items() if all(item.get(key) == value for item in items)}
