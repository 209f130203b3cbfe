"""Notifications on their way: kept until every receiver has taken them, tried again, and given up at last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import msgspec

from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.text import printable

WAITING_MAX = 1000
"""Beyond, repeats go first, the oldest before others; what somebody was never told of is never dropped."""
ALERTS_MAX = 100
"""In one notification: more are counted."""
RETRY_FIRST_S = 5.0
RETRY_MAX_S = 900.0
GIVE_UP_S = 24 * 3600.0
LEASE_US = 300_000_000
"""When whoever took one for delivery says nothing of it, it is given out anew."""
NOTES_MAX = 100
ERROR_CHARACTERS = 300
_DROPPED_FIRST = {"repeat": 0, "resolved": 1, "changed": 2}


class _Item:
    __slots__ = ("born_us", "doc", "lease_us", "next_us")

    def __init__(self, doc: Notification, born_us: int, due_us: int) -> None:
        self.doc = doc
        self.born_us = born_us
        self.next_us = dict.fromkeys(doc.pending, due_us)
        self.lease_us: dict[str, int] = {}

    def is_touched(self, receiver: str) -> bool:
        """Whether it was given out for a receiver already: it may know of it."""
        return receiver in self.lease_us or self.doc.pending.get(receiver, 0) > 0


class _Held:
    """What may not go to a receiver before what was made earlier has."""

    __slots__ = ("_fingerprints", "_groups")

    def __init__(self) -> None:
        self._groups: set[str] = set()
        self._fingerprints: set[str] = set()

    def holds(self, doc: Notification) -> bool:
        return doc.group in self._groups or any(
            alert.fingerprint in self._fingerprints for alert in doc.alerts
        )

    def add(self, item: _Item, receiver: str) -> None:
        doc = item.doc
        # What is over waits for minutes before it is sent at all: what is new of other alerts may pass it.
        if doc.status == "firing" or item.is_touched(receiver):
            self._groups.add(doc.group)
        self._fingerprints.update(alert.fingerprint for alert in doc.alerts)


class Outbox:
    """In the order in which they were made."""

    def __init__(
        self, rng: Random, save: Callable[[Notification], None], gone: Callable[[str], None]
    ) -> None:
        self._items: dict[str, _Item] = {}
        self._rng = rng
        self._save = save
        self._gone = gone
        self._notes: list[str] = []

    def __len__(self) -> int:
        return len(self._items)

    def restore(self, docs: Iterable[Notification], now_us: int, wall_s: float) -> None:
        """Go on with those that were stored; a clock that was set meanwhile delays none for long."""
        for doc in docs:
            if doc.pending:
                wait_s = min(max(0.0, doc.next_try_s - wall_s), RETRY_MAX_S)
                age_s = min(max(0.0, wall_s - doc.created_s), GIVE_UP_S / 2)
                self._items[doc.id] = _Item(doc, now_us - int(age_s * 1e6), now_us + int(wait_s * 1e6))

    def add(self, doc: Notification, now_us: int, wait_s: float) -> None:
        """A new one, to be sent after a while."""
        doc.next_try_s = doc.created_s + wait_s
        self._items[doc.id] = _Item(doc, now_us, now_us + int(wait_s * 1e6))
        self._save(doc)
        self._make_room(doc)

    def unsent(self, group: str, status: str, now_us: int) -> Notification | None:
        """One of a group that waits for its time still, so that more can be put into it."""
        # Only into the latest of its group: an end must not come into what goes before its beginning.
        latest = next((item for item in reversed(self._items.values()) if item.doc.group == group), None)
        if latest is None or latest.doc.status != status or latest.lease_us:
            return None
        is_early = min(latest.next_us.values(), default=0) > now_us
        return latest.doc if is_early and not any(latest.doc.pending.values()) else None

    def waits(self, group: str) -> bool:
        """Whether anything of a group was not taken yet."""
        return any(item.doc.group == group for item in self._items.values())

    def extend(self, doc: Notification, alert: AlertDoc) -> None:
        """Put an alert into one that waits."""
        put_in(doc, [alert])
        self._save(doc)

    def withdraw(self, fingerprint: str, now_us: int) -> AlertDoc | None:
        """Take back that an alert is over, where that was not sent yet: it is there again."""
        for item in list(self._items.values()):
            doc = item.doc
            if doc.status != "resolved" or any(doc.pending.values()) or item.lease_us:
                continue
            found = next((alert for alert in doc.alerts if alert.fingerprint == fingerprint), None)
            if found is None or min(item.next_us.values(), default=0) <= now_us:
                continue
            doc.alerts = [alert for alert in doc.alerts if alert is not found]
            if doc.alerts:
                self._save(doc)
            else:
                self._drop(doc.id)
            return found
        return None

    def due(self, now_us: int) -> list[Notification]:
        """What is to be delivered now, each with those `pending` who are to get it now.

        To each receiver what is about one alert goes in order, so that it never hears of an end before the
        beginning, and of a group one at a time; only what is over and waits for its time lets others pass.
        """
        found: list[Notification] = []
        held: dict[str, _Held] = {}
        for item in list(self._items.values()):
            if now_us - item.born_us >= int(GIVE_UP_S * 1e6):
                self._give_up(item)
                continue
            doc = item.doc
            ready: dict[str, int] = {}
            for receiver, tries in doc.pending.items():
                before = held.setdefault(receiver, _Held())
                leased = now_us < item.lease_us.get(receiver, now_us)
                is_due = not leased and item.next_us.get(receiver, 0) <= now_us
                if is_due and not before.holds(doc):
                    ready[receiver] = tries
                    item.lease_us[receiver] = now_us + LEASE_US
                before.add(item, receiver)
            if ready:
                found.append(msgspec.structs.replace(doc, pending=ready, alerts=list(doc.alerts)))
        return found

    def delivered(self, notification_id: str, receiver: str) -> None:
        """A receiver took it, or is none any more."""
        item = self._items.get(notification_id)
        if item is None or receiver not in item.doc.pending:
            return
        item.doc.pending = {name: tries for name, tries in item.doc.pending.items() if name != receiver}
        item.next_us.pop(receiver, None)
        item.lease_us.pop(receiver, None)
        if item.doc.pending:
            self._save(item.doc)
        else:
            self._drop(notification_id)

    def failed(self, notification_id: str, receiver: str, error: str, now_us: int, wall_s: float) -> None:
        """A receiver did not take it; it is tried again, ever more seldom."""
        item = self._items.get(notification_id)
        if item is None or receiver not in item.doc.pending:
            return
        tries = item.doc.pending[receiver] + 1
        wait_s = min(RETRY_FIRST_S * 2 ** min(tries - 1, 20), RETRY_MAX_S) * (0.75 + self._rng.random() / 4)
        item.next_us[receiver] = now_us + int(wait_s * 1e6)
        item.lease_us.pop(receiver, None)
        item.doc.pending = {**item.doc.pending, receiver: tries}
        item.doc.last_error = printable(error, ERROR_CHARACTERS)
        item.doc.next_try_s = wall_s + (min(item.next_us.values()) - now_us) / 1e6
        self._save(item.doc)

    def take_notes(self) -> list[str]:
        """What was given up, in words; cleared."""
        notes, self._notes = self._notes, []
        return notes

    def _make_room(self, newest: Notification) -> None:
        if len(self._items) <= WAITING_MAX:
            return
        others = [item.doc for item in self._items.values() if item.doc.reason in _DROPPED_FIRST]
        if others:
            victim = min(others, key=lambda doc: _DROPPED_FIRST[doc.reason])  # of these the oldest
            self._note(f"too many notifications wait: one of {victim.group} ({victim.reason}) was dropped")
            self._drop(victim.id)
            return
        earlier = next(
            (
                item.doc
                for item in self._items.values()
                if item.doc.group == newest.group and item.doc is not newest
            ),
            None,
        )
        if earlier is not None:  # nobody has taken it: it may as well say more
            put_in(earlier, newest.alerts)
            self._save(earlier)
            self._drop(newest.id)

    def _give_up(self, item: _Item) -> None:
        receivers = ", ".join(sorted(item.doc.pending))
        why = f": {item.doc.last_error}" if item.doc.last_error else ""
        self._note(
            f"a notification ({item.doc.group}, {item.doc.status}) was given up after a day; "
            f"not taken by {receivers}{why}"
        )
        self._drop(item.doc.id)

    def _drop(self, notification_id: str) -> None:
        del self._items[notification_id]
        self._gone(notification_id)

    def _note(self, text: str) -> None:
        self._notes.append(text)
        del self._notes[:-NOTES_MAX]


def put_in(doc: Notification, alerts: Iterable[AlertDoc]) -> None:
    """Put alerts into a notification, each once; what is too many is counted."""
    new = list(alerts)
    fingerprints = {alert.fingerprint for alert in new}
    every = [alert for alert in doc.alerts if alert.fingerprint not in fingerprints] + new
    doc.alerts = every[:ALERTS_MAX]
    doc.left_out += len(every) - len(doc.alerts)
