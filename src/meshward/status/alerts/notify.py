"""Who is told what, and when: alerts of one rule and severity together, not too often, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from meshward.status.alerts.documents import SEVERITIES, AlertDoc, Notification, Severity
from meshward.status.alerts.lives import copied, new_id
from meshward.status.alerts.outbox import ALERTS_MAX, Outbox

NEW_MAX = 3
"""So often within an interval a group tells of what is new after its short wait; then as of changes."""
_FAR_US = 1 << 62

Reason = Literal["new", "changed", "repeat"]


@dataclass(slots=True)
class NotifySettings:
    """Can be changed while it runs."""

    group_wait_s: float = 5.0
    """How long an alert waits for others of its group."""
    group_interval_s: float = 300.0
    """At most so often a group tells of changes, and of what is over."""
    repeat_s: float = 4 * 3600.0
    receivers: Mapping[str, Severity] = field(default_factory=dict)
    """By name; each is told of alerts of this severity and of worse ones."""


@dataclass(slots=True)
class _Group:
    """Alerts of one rule and severity."""

    new_since_us: int | None = None
    """Since when something waits to be told."""
    changed_since_us: int | None = None
    sent_us: list[int] = field(default_factory=list)
    """When it told of what fires, the latest few."""
    over_us: int | None = None
    """When it told, or will tell, of what is over."""


class Notifier:
    """See the module. The clock is the engine's; dates follow from what it said last."""

    def __init__(
        self,
        rng: Random,
        save_alert: Callable[[AlertDoc], None],
        save: Callable[[Notification], None],
        gone: Callable[[str], None],
        settings: NotifySettings | None = None,
    ) -> None:
        self.settings = settings or NotifySettings()
        self.outbox = Outbox(rng, save, gone)
        self._rng = rng
        self._save_alert = save_alert
        self._groups: dict[str, _Group] = {}
        """As many as rules times severities."""
        self._told_us: dict[str, int] = {}
        """By the ids of open alerts."""
        self._firing: Sequence[AlertDoc] = ()
        self._now_us = 0
        self._wall_s = 0.0

    @property
    def wall_s(self) -> float:
        """Unix time at the last look."""
        return self._wall_s

    def restore(
        self, alerts: Sequence[AlertDoc], notifications: Sequence[Notification], now_us: int, wall_s: float
    ) -> None:
        """Go on from what was stored."""
        self._now_us, self._wall_s = now_us, wall_s
        self.outbox.restore(notifications, now_us, wall_s)
        for alert in alerts:
            if alert.told_s is not None:
                age_s = min(max(0.0, wall_s - alert.told_s), self.settings.repeat_s)
                self._told_us[alert.id] = now_us - int(age_s * 1e6)

    def look(self, firing: Sequence[AlertDoc], now_us: int, wall_s: float) -> None:
        """All alerts that are firing now."""
        self._firing, self._now_us, self._wall_s = firing, now_us, wall_s
        if len(self._told_us) > len(firing):
            ids = {alert.id for alert in firing}
            self._told_us = {key: value for key, value in self._told_us.items() if key in ids}
        self._tell(now_us)

    def due(self, now_us: int) -> list[Notification]:
        """What is to be delivered now; `pending` has those who are to get it."""
        self._tell(now_us)
        return self.outbox.due(now_us)

    def delivered(self, notification_id: str, receiver: str) -> None:
        """A receiver took it, or is none any more."""
        self.outbox.delivered(notification_id, receiver)

    def failed(self, notification_id: str, receiver: str, error: str, now_us: int) -> None:
        """A receiver did not take it."""
        self.outbox.failed(notification_id, receiver, error, now_us, self._wall_at(now_us))

    def began(self, alert: AlertDoc, now_us: int) -> None:
        """An alert fires. Where people were not told yet that it was over, there is nothing to tell."""
        before = self.outbox.withdraw(alert.fingerprint, now_us)
        if before is not None:
            alert.told_s, alert.told_severity = before.told_s, before.told_severity
            self._told_us[alert.id] = now_us

    def inherit(self, alert: AlertDoc, told_s: float, severity: Severity | None, now_us: int) -> None:
        """People know of this already, by another alert."""
        alert.told_s, alert.told_severity = told_s, severity or alert.severity
        self._told_us[alert.id] = now_us

    def ended(self, alert: AlertDoc, now_us: int) -> None:
        """An alert is over. It is told once, to those who were told that it fires."""
        self._told_us.pop(alert.id, None)
        receivers = self._receivers(alert.told_severity or alert.severity)
        if alert.told_s is None or not receivers:
            return
        key = group_key(alert)
        waiting = self.outbox.unsent(key, "resolved", now_us)
        if waiting is not None:
            self.outbox.extend(waiting, copied([alert])[0])
            return
        group = self._groups.setdefault(key, _Group())
        last_us = max(self._last_us(group), -_FAR_US if group.over_us is None else group.over_us)
        group.over_us = due_us = max(now_us + self._wait_us(), last_us + self._interval_us())
        self._emit(key, "resolved", [alert], receivers, "resolved", now_us, due_us)

    # -- inside ------------------------------------------------------------------------------

    def _tell(self, now_us: int) -> None:
        wanted: dict[str, list[tuple[AlertDoc, Reason]]] = {}
        for alert in self._firing:
            reason = self._reason(alert, now_us)
            if reason is not None and self._receivers(alert.severity):
                wanted.setdefault(group_key(alert), []).append((alert, reason))
        for key, group in self._groups.items():
            if key not in wanted:
                group.new_since_us = group.changed_since_us = None
        for key, members in wanted.items():
            self._tell_group(key, members, now_us)

    def _reason(self, alert: AlertDoc, now_us: int) -> Reason | None:
        """Why people should be told of an alert; None where they should not."""
        if alert.state != "firing" or alert.acked_by or alert.silenced_by or alert.inhibited_by:
            return None
        if alert.flapping:
            return None if alert.told_flapping else "changed"
        if alert.told_s is None or alert.told_severity is None:
            # Over for the moment, or even for good: nobody has to hear of it first now.
            return "new" if alert.clear_since_s is None else None
        if SEVERITIES.index(alert.severity) > SEVERITIES.index(alert.told_severity):
            return "new"
        told_us = self._told_us.setdefault(alert.id, now_us)
        return "repeat" if now_us - told_us >= int(self.settings.repeat_s * 1e6) else None

    def _tell_group(self, key: str, members: list[tuple[AlertDoc, Reason]], now_us: int) -> None:
        group = self._groups.setdefault(key, _Group())
        reasons = {reason for _, reason in members}
        group.new_since_us = _since(group.new_since_us, "new" in reasons, now_us)
        group.changed_since_us = _since(group.changed_since_us, "changed" in reasons, now_us)
        if reasons == {"repeat"}:
            if self.outbox.waits(key):  # they do not even know yet
                return
            # All that is told of in the group goes into one repeat.
            every = [alert for alert in self._firing if group_key(alert) == key and self._is_told(alert)]
            self._send(key, group, every, "repeat", now_us)
        elif now_us >= self._due_us(group):
            reason: Reason = "new" if "new" in reasons else "changed"
            self._send(key, group, [alert for alert, why in members if why != "repeat"], reason, now_us)

    def _due_us(self, group: _Group) -> int:
        later_us = self._last_us(group) + self._interval_us()
        due_us = _FAR_US
        if group.new_since_us is not None:
            since_us = group.new_since_us
            recent = sum(sent_us > since_us - self._interval_us() for sent_us in group.sent_us)
            due_us = since_us + self._wait_us()
            if recent >= NEW_MAX:
                due_us = max(due_us, later_us)
        if group.changed_since_us is not None:
            due_us = min(due_us, max(group.changed_since_us + self._wait_us(), later_us))
        return due_us

    def _send(self, key: str, group: _Group, alerts: list[AlertDoc], reason: Reason, now_us: int) -> None:
        wall_s = self._wall_at(now_us)
        for alert in alerts:
            alert.told_s, alert.told_severity = wall_s, alert.severity
            alert.told_flapping = alert.flapping
            self._told_us[alert.id] = now_us
            self._save_alert(alert)
        group.new_since_us = group.changed_since_us = None
        group.sent_us = [*group.sent_us[-NEW_MAX:], now_us]
        self._emit(key, "firing", alerts, self._receivers(alerts[0].severity), reason, now_us, now_us)

    def _emit(
        self,
        key: str,
        status: Literal["firing", "resolved"],
        alerts: list[AlertDoc],
        receivers: Collection[str],
        reason: Literal["new", "changed", "repeat", "resolved"],
        now_us: int,
        due_us: int,
    ) -> None:
        doc = Notification(
            id=new_id(self._rng),
            group=key,
            status=status,
            alerts=copied(alerts[:ALERTS_MAX]),
            created_s=self._wall_at(now_us),
            reason=reason,
            pending=dict.fromkeys(receivers, 0),
            left_out=max(0, len(alerts) - ALERTS_MAX),
        )
        self.outbox.add(doc, now_us, (due_us - now_us) / 1e6)

    def _is_told(self, alert: AlertDoc) -> bool:
        quiet = alert.acked_by or alert.silenced_by or alert.inhibited_by or alert.flapping
        return alert.told_s is not None and not quiet

    def _receivers(self, severity: Severity) -> list[str]:
        level = SEVERITIES.index(severity)
        return [name for name, lowest in self.settings.receivers.items() if SEVERITIES.index(lowest) <= level]

    def _last_us(self, group: _Group) -> int:
        return group.sent_us[-1] if group.sent_us else -_FAR_US

    def _wait_us(self) -> int:
        return int(self.settings.group_wait_s * 1e6)

    def _interval_us(self) -> int:
        return int(self.settings.group_interval_s * 1e6)

    def _wall_at(self, now_us: int) -> float:
        return self._wall_s + (now_us - self._now_us) / 1e6


def group_key(alert: AlertDoc) -> str:
    """Alerts with the same key are told of together."""
    return f"{alert.rule}/{alert.severity}"


def _since(since_us: int | None, is_so: bool, now_us: int) -> int | None:
    if not is_so:
        return None
    return now_us if since_us is None else since_us
