"""Events and the audit log."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest

from meshward.rollout.states import Action
from meshward.store import audit, events
from meshward.store.connection import open_connection
from tests.support.store import NOW_S


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def ids(part):
    return [int(event.text) for event in part.items]


def fill(connection, count):
    """Events named by their numbers: even ones of node 2, odd ones of rollout r1 and warnings."""
    for number in range(1, count + 1):
        even = number % 2 == 0
        events.add(
            connection,
            NOW_S,
            "node.left" if even else "rollout.state",
            str(number),
            severity="info" if even else "warning",
            node=2 if even else None,
            rollout=None if even else "r1",
        )


def test_events_are_paged_newest_first(connection):
    fill(connection, 7)
    first = events.page(connection, limit=3)
    second = events.page(connection, limit=3, before=int(first.next))
    third = events.page(connection, limit=3, before=int(second.next))
    assert [ids(part) for part in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert [part.total for part in (first, second, third)] == [7, 7, 7]
    assert third.next is None


def test_events_since_a_number_come_oldest_first(connection):
    fill(connection, 7)
    part = events.page(connection, after=3, limit=2)
    assert (ids(part), part.next) == ([4, 5], "5")
    part = events.page(connection, after=5, limit=2)
    assert (ids(part), part.next) == ([6, 7], None)
    assert ids(events.page(connection, after=3, before=6)) == [4, 5]
    assert events.page(connection, after=7).items == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"node": 2}, [6, 4, 2]),
        ({"node": 3}, []),
        ({"rollout": "r1"}, [7, 5, 3, 1]),
        ({"severity": "warning"}, [7, 5, 3, 1]),
        ({"kind": "node"}, [6, 4, 2]),
        ({"kind": "rollout.state"}, [7, 5, 3, 1]),
        ({"kind": "state"}, []),
        ({"kind": "%"}, []),
        ({"kind": "node", "node": 2, "before": 5}, [4, 2]),
        ({"kind": "rollout", "severity": "info"}, []),
        ({"kind": "rollout", "severity": "warning", "rollout": "r1", "after": 3}, [5, 7]),
    ],
)
def test_events_are_filtered(connection, filters, found):
    fill(connection, 7)
    part = events.page(connection, **filters)
    assert ids(part) == found
    cursors = {"before", "after"}
    assert part.total == len(
        events.page(connection, **{k: v for k, v in filters.items() if k not in cursors}).items
    )


def test_the_oldest_events_go_and_numbers_are_not_given_again(connection, monkeypatch):
    monkeypatch.setattr(events, "KEPT_MAX", 50)
    fill(connection, 120)
    part = events.page(connection, limit=1000)
    assert ids(part) == list(range(120, 70, -1))
    connection.execute("DELETE FROM event")
    assert events.add(connection, NOW_S, "a", "b").id == 121


def test_a_surplus_of_events_shrinks_in_small_steps(connection, monkeypatch):
    fill(connection, 100)
    monkeypatch.setattr(events, "KEPT_MAX", 10)
    events.add(connection, NOW_S, "a", "101")
    assert events.page(connection).total == 81
    for number in range(102, 110):
        events.add(connection, NOW_S, "a", str(number))
    assert ids(events.page(connection)) == list(range(109, 99, -1))


def test_texts_of_events_are_one_bounded_line(connection):
    event = events.add(connection, NOW_S, "a", "\x1b[2Jline\n" + "x" * 2000 + "\ud800")
    assert len(event.text) == events.TEXT_CHARACTERS_MAX
    assert event.text.startswith("\N{REPLACEMENT CHARACTER}[2Jline x")
    assert events.page(connection).items == [event]


def write(connection, count=3):
    return [
        audit.append(connection, NOW_S + n, "me", "node.name", str(n), {"name": f"ü{n}", "n": n / 3})
        for n in range(count)
    ]


def unlock(connection):
    for trigger in ("audit_update", "audit_delete", "audit_insert"):
        connection.execute(f"DROP TRIGGER {trigger}")


def test_an_empty_audit_log_is_whole(connection):
    assert audit.verify(connection) == audit.AuditCheck(ok=True, entries=0, head="")
    assert audit.page(connection).items == []


def test_entries_are_chained_as_the_documentation_says(connection):
    rows = write(connection)
    head = ""
    for number, (detail,) in enumerate(
        connection.execute("SELECT detail FROM audit ORDER BY id").fetchall(), 1
    ):
        entry = [number, NOW_S + number - 1, "me", "node.name", str(number - 1), detail]
        head = hashlib.sha256((head + json.dumps(entry, separators=(",", ":"))).encode()).hexdigest()
        assert rows[number - 1].hash == head
    assert audit.verify(connection) == audit.AuditCheck(ok=True, entries=3, head=head)


def test_the_hash_of_the_first_entry_never_changes(connection):
    row = audit.append(connection, 1700000000.25, "me", "node.name", "7", {"b": [1.5, None, "ü"], "a": True})
    assert row.hash == "186ba86ab3b84506c7a2545a2628d246653e7dc69835fef4bf44f545e080d0c5"


def test_entries_come_back_newest_first(connection):
    rows = write(connection, 5)
    part = audit.page(connection, limit=2)
    assert (part.items, part.total, part.next) == ([rows[4], rows[3]], 5, "4")
    part = audit.page(connection, limit=3, before=4)
    assert (part.items, part.next) == (rows[2::-1], None)


def test_values_of_ours_are_taken_into_a_detail(connection):
    row = audit.append(
        connection, 5, "me\n", "rollout.act", "r1", {"action": Action.ABORT, "nodes": (1, 2), 3: 4}
    )
    assert row.detail == {"action": "abort", "nodes": [1, 2], "3": 4}
    assert (row.at_s, row.actor) == (5.0, "me ")
    assert audit.page(connection).items == [row]
    assert audit.verify(connection).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'you' WHERE id = 1",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT id, at_s, 'you', action, subject, detail, hash FROM audit WHERE id = 2",
        "REPLACE INTO audit SELECT id, at_s, 'you', action, subject, detail, hash FROM audit WHERE id = 3",
        "INSERT INTO audit SELECT id + 5, at_s, 'you', action, subject, detail, hash FROM audit WHERE id = 3",
        "INSERT INTO audit SELECT 0, at_s, 'you', action, subject, detail, hash FROM audit WHERE id = 3",
    ],
)
def test_the_audit_log_is_only_appended_to(connection, statement):
    rows = write(connection)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert audit.page(connection).items == rows[::-1]


@pytest.mark.parametrize("column", ["at_s", "actor", "action", "subject", "detail", "hash"])
def test_a_changed_entry_is_noticed(connection, column):
    rows = write(connection)
    unlock(connection)
    value = 1.5 if column == "at_s" else '{"name":"other"}'
    connection.execute(f"UPDATE audit SET {column} = ? WHERE id = 2", (value,))
    check = audit.verify(connection)
    assert (check.ok, check.entries, check.head, check.broken_at) == (False, 1, rows[0].hash, 2)
    assert "entry 2" in check.problem


@pytest.mark.parametrize("gone", [1, 2])
def test_a_missing_entry_is_noticed(connection, gone):
    write(connection)
    unlock(connection)
    connection.execute("DELETE FROM audit WHERE id = ?", (gone,))
    check = audit.verify(connection)
    assert (check.ok, check.broken_at, check.problem) == (False, gone, f"entry {gone} is missing")


def test_a_missing_entry_is_noticed_also_where_the_numbers_were_closed_up(connection):
    write(connection)
    unlock(connection)
    connection.execute("DELETE FROM audit WHERE id = 2")
    connection.execute("UPDATE audit SET id = 2 WHERE id = 3")
    assert audit.verify(connection).broken_at == 2


def test_a_shortened_log_is_noticed_by_a_head_that_was_written_down(connection):
    rows = write(connection)
    for row in rows:  # also one of earlier: the log has grown since
        assert audit.verify(connection, row.hash).ok
    unlock(connection)
    connection.execute("DELETE FROM audit WHERE id = 3")
    assert audit.verify(connection).ok
    assert audit.verify(connection, rows[1].hash).ok
    check = audit.verify(connection, rows[2].hash)
    assert (check.ok, check.entries, check.broken_at) == (False, 2, 3)
    assert "cut off" in check.problem
