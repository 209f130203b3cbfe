"""Which alerts an Alertmanager is to know of, in the form in which it takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meshward.bridges.values import unix_s
from meshward.gateway.health_views import AlertView
from meshward.text import printable

BEGINS = frozenset({"", "acknowledged"})
"""Alerts that are silenced, in maintenance, explained by another or flapping are not begun with. One that was
begun goes on until it is over, whatever it becomes: left out, it would be told to people as resolved."""
OVER_MAX = 1000
"""Alerts that are over and wait for an Alertmanager that is away. More are left out, the oldest first: what
it hears nothing more of is over for it after a while anyway."""

Key = tuple[tuple[str, str], ...]
"""All labels: by them an Alertmanager knows an alert."""


@dataclass(frozen=True, slots=True)
class _Over:
    alert: dict[str, Any]
    ended_s: float


class AlertBook:
    """Follows the open alerts of one mesh."""

    def __init__(self, lasts_s: float, external_url: str | None) -> None:
        """`lasts_s`: an alert that is not told again for so long is over by itself."""
        self.dropped = 0
        """Alerts whose end was left out."""
        self._lasts_s = lasts_s
        self._external_url = external_url
        self._begun: set[str] = set()
        self._firing: dict[Key, dict[str, Any]] = {}
        self._over: dict[Key, _Over] = {}

    def __len__(self) -> int:
        """How many there are to tell of."""
        return len(self._firing) + len(self._over)

    @property
    def firing(self) -> int:
        """How many it is to show."""
        return len(self._firing)

    def follow(self, alerts: Iterable[AlertView], mesh: str, now_s: float) -> bool:
        """Take in the alerts that are open now. True where one began or ended."""
        told = [
            alert
            for alert in alerts
            if alert.state == "firing" and (alert.quiet in BEGINS or alert.id in self._begun)
        ]
        now = {}
        for alert in told:
            labels = _labels(alert, mesh)
            now[tuple(sorted(labels.items()))] = self._alert(alert, labels)
        changed = now.keys() != self._firing.keys()
        for key in self._firing.keys() - now.keys():
            self._over[key] = _Over(self._firing[key], now_s)
        for key in now:
            self._over.pop(key, None)
        while len(self._over) > OVER_MAX:
            del self._over[next(iter(self._over))]
            self.dropped += 1
        self._begun = {alert.id for alert in told}
        self._firing = now
        return changed

    def written(self, now_s: float) -> list[dict[str, Any]]:
        """All there is to tell."""
        end = _moment(now_s + self._lasts_s)
        firing = [{**_started(alert, now_s), "endsAt": end} for alert in self._firing.values()]
        over = [
            {**_started(one.alert, one.ended_s), "endsAt": _moment(one.ended_s)}
            for one in self._over.values()
        ]
        return firing + over

    def taken(self) -> None:
        """It knows all by now."""
        self._over.clear()

    def forget_old(self, now_s: float) -> None:
        """Ends that it knows of without us."""
        old = [key for key, one in self._over.items() if now_s - one.ended_s > self._lasts_s]
        for key in old:
            del self._over[key]

    def _alert(self, alert: AlertView, labels: dict[str, str]) -> dict[str, Any]:
        notes = {
            "summary": alert.text,
            "description": alert.advice,
            "node_name": alert.name,
            "quiet": alert.quiet,
            "acknowledged_by": alert.acked_by,
        }
        written = {
            "labels": labels,
            "annotations": {name: printable(text) for name, text in notes.items() if text},
            "startsAt": alert.fired_at or alert.since_at,
        }
        if self._external_url:
            written["generatorURL"] = f"{self._external_url.rstrip('/')}/#/alerts"
        return written


def _labels(alert: AlertView, mesh: str) -> dict[str, str]:
    return {"alertname": alert.rule, "severity": alert.severity, **alert.labels, "mesh": printable(mesh)}


def _started(alert: dict[str, Any], end_s: float) -> dict[str, Any]:
    """One that ends before it starts would be refused: the clock may have been set since."""
    start = alert["startsAt"]
    if (unix_s(start) or 0.0) > end_s:
        start = _moment(end_s)
    return {**alert, "startsAt": start}


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
