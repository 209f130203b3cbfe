"""Alerts and what goes with them: as they were after a restart, and the oldest go."""

import sqlite3
from contextlib import closing

import pytest

from meshward.errors import InvalidError, StoreError, UnknownItemError
from meshward.status.alerts.documents import AlertDoc, Notification, SilenceDoc
from meshward.store import alerts, nodes
from meshward.store.backup import backup, restore
from meshward.store.connection import open_connection
from meshward.store.layout import DATABASE
from tests.support.history import put, roll_all, sample
from tests.support.store import NOW_S, data_directory

DAY_S = 86_400


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as opened:
        yield opened


def alert(name="a1", state="firing", **values) -> AlertDoc:
    return AlertDoc(
        **{
            "id": name,
            "fingerprint": "0123456789abcdef",
            "rule": "low-heap",
            "labels": {"node": "7"},
            "node": 7,
            "severity": "warning",
            "state": state,
            "text": "Küche has 9 KB of heap left",
            "since_s": NOW_S,
            "fired_s": None if state == "pending" else NOW_S + 60,
            "resolved_s": NOW_S + 600 if state == "resolved" else None,
            **values,
        }
    )


def silence(name="s1", ends_s=NOW_S + 3600, **values) -> SilenceDoc:
    return SilenceDoc(
        id=name,
        kind="silence",
        starts_s=NOW_S,
        ends_s=ends_s,
        created_by="me",
        created_s=NOW_S,
        **values,
    )


def notification(name="n1", **values) -> Notification:
    return Notification(
        **{
            "id": name,
            "group": "low-heap/warning",
            "status": "firing",
            "alerts": [alert()],
            "created_s": NOW_S,
            "reason": "new",
            "pending": {"ops": 2},
            **values,
        }
    )


def test_what_is_under_way_is_there_after_a_restart(tmp_path):
    docs = [
        alert("a1", "pending", value=9.5, threshold=10.0),
        alert("a2", acked_by="me", acked_s=NOW_S, behind=[8, 9], labels={"mesh": "home"}, node=None),
        alert("a3", "resolved"),
        silence("s1", rules=["low-heap"], nodes=[7], tags=["garden"], reason="new battery"),
        silence("s2", ends_s=NOW_S - 1),
        notification("n1", next_try_s=NOW_S + 30, last_error="no answer"),
    ]
    path = tmp_path / "data" / "meshward.db"
    with closing(open_connection(path)) as connection:
        alerts.save(connection, docs)
    with closing(open_connection(path)) as connection:
        stored = alerts.load_open(connection, NOW_S)
        assert stored == alerts.Stored(docs[:2], [docs[3]], [docs[5]])
        assert alerts.get(connection, "a3") == docs[2]


def test_all_is_stored_or_nothing(connection):
    with pytest.raises(sqlite3.IntegrityError):
        alerts.save(connection, [alert("a1"), silence("s1", ends_s=None)])
    assert alerts.load_open(connection, NOW_S) == alerts.Stored([], [], [])


def test_an_alert_is_stored_as_it_stands(connection):
    alerts.save(connection, [alert("a1", "pending")])
    assert alerts.state_of(connection, "a1") == "pending"
    fired = alert("a1", text="worse", severity="critical")
    alerts.save(connection, [fired, fired])
    assert alerts.state_of(connection, "a1") == "firing"
    assert alerts.get(connection, "a1") == fired
    assert alerts.page(connection).total == 1
    alerts.save(connection, [alert("a1", "resolved")])
    assert alerts.load_open(connection, NOW_S).alerts == []
    assert alerts.page(connection, state=("resolved",)).items == [alert("a1", "resolved")]


def test_an_alert_that_never_fired_leaves_nothing(connection):
    alerts.save(connection, [alert("a1", "pending")])
    alerts.save(connection, [alert("a1", "resolved", fired_s=None), alert("a2", "resolved", fired_s=None)])
    assert alerts.page(connection).items == []
    assert alerts.state_of(connection, "a1") is None


def test_an_alert_that_is_not_there_is_told(connection):
    with pytest.raises(UnknownItemError, match="meshward alerts list"):
        alerts.get(connection, "a1")


def test_alerts_are_listed_newest_first_in_parts(connection):
    alerts.save(connection, [alert(f"a{at}") for at in range(5)])
    first = alerts.page(connection, limit=2)
    assert [doc.id for doc in first.items] == ["a4", "a3"]
    assert first.total == 5
    second = alerts.page(connection, limit=2, before=first.next)
    last = alerts.page(connection, limit=2, before=second.next)
    assert [doc.id for doc in [*second.items, *last.items]] == ["a2", "a1", "a0"]
    assert last.next is None
    with pytest.raises(InvalidError, match="cursor"):
        alerts.page(connection, before="a2")


def test_alerts_are_found_by_state_node_and_rule(connection):
    alerts.save(
        connection,
        [
            alert("a1", "pending", node=1),
            alert("a2", "firing", node=1, rule="silent-node"),
            alert("a3", "resolved", node=1),
            alert("a4", "firing", node=None, rule="split"),
        ],
    )

    def found(**filters):
        part = alerts.page(connection, **filters)
        assert part.total == len(part.items)
        return [doc.id for doc in part.items]

    assert found() == ["a4", "a3", "a2", "a1"]
    assert found(state=("pending", "firing")) == ["a4", "a2", "a1"]
    assert found(state=("resolved",)) == ["a3"]
    assert found(node=1) == ["a3", "a2", "a1"]
    assert found(node=1, state=("firing",)) == ["a2"]
    assert found(rule="split") == ["a4"]
    assert found(rule="split", node=1) == []


def test_silences_that_are_over_are_listed_for_a_while(connection):
    waiting = silence("s1", ends_s=NOW_S + DAY_S)
    over = silence("s2", ends_s=NOW_S - DAY_S, ended_by="me")
    long_over = silence("s3", ends_s=NOW_S - 31 * DAY_S)
    alerts.save(connection, [waiting, over, long_over])
    assert alerts.silences(connection, NOW_S) == [waiting]
    assert alerts.silences(connection, NOW_S, over=True) == [waiting, over]
    alerts.save(connection, [silence("s1", ends_s=NOW_S)])
    assert alerts.silences(connection, NOW_S) == []


def test_of_silences_that_are_over_the_latest_are_listed_and_of_the_others_all(connection, monkeypatch):
    monkeypatch.setattr(alerts, "SILENCES_OVER_MAX", 3)
    waiting = [silence(f"w{number}", ends_s=NOW_S + DAY_S) for number in range(5)]
    over = [silence(f"s{number}", ends_s=NOW_S - DAY_S + number) for number in range(5)]
    alerts.save(connection, [*waiting, *over])
    assert alerts.silences(connection, NOW_S) == waiting
    assert alerts.silences(connection, NOW_S, over=True) == [*waiting, *over[2:]]


def test_a_notification_waits_until_it_was_taken(connection):
    alerts.save(connection, [notification("n1"), notification("n2")])
    alerts.save(connection, [notification("n1", pending={"ops": 3})])
    waiting = alerts.load_open(connection, NOW_S).notifications
    assert [(doc.id, doc.pending) for doc in waiting] == [("n1", {"ops": 3}), ("n2", {"ops": 2})]
    alerts.remove_notification(connection, "n1")
    alerts.remove_notification(connection, "n1")
    assert [doc.id for doc in alerts.load_open(connection, NOW_S).notifications] == ["n2"]


def test_notifications_that_nobody_takes_do_not_fill_the_disk(connection, monkeypatch):
    monkeypatch.setattr(alerts, "NOTIFICATIONS_MAX", 3)
    alerts.save(connection, [notification(f"n{at}") for at in range(6)])
    alerts.save(connection, [notification("n4")])
    waiting = alerts.load_open(connection, NOW_S).notifications
    assert [doc.id for doc in waiting] == ["n3", "n4", "n5"]


def test_records_come_back_as_they_were(connection):
    alerts.save_records(connection, {7: {"medians": [1.5, 2]}, 8: {}})
    alerts.save_records(connection, {7: {"medians": [3]}})
    assert alerts.load_records(connection) == {7: {"medians": [3]}, 8: {}}
    alerts.forget(connection, 7)
    alerts.forget(connection, 7)
    assert alerts.load_records(connection) == {8: {}}


def test_what_is_long_over_goes_and_what_is_under_way_stays(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    alerts.save_records(connection, {7: {}, 8: {}})
    alerts.save(
        connection,
        [
            alert("open"),
            alert("old", "resolved"),
            alert("new", "resolved", resolved_s=NOW_S + DAY_S),
            silence("s1", ends_s=NOW_S),
            silence("s2", ends_s=NOW_S + DAY_S),
        ],
    )
    now_s = NOW_S + 601 + 400 * DAY_S
    alerts.expire(connection, now_s)
    assert [doc.id for doc in alerts.page(connection).items] == ["new", "open"]
    assert [row[0] for row in connection.execute("SELECT id FROM silence")] == ["s2"]
    assert list(alerts.load_records(connection)) == [7]


def test_too_many_alerts_that_are_over_go_the_oldest_first(connection, monkeypatch):
    monkeypatch.setattr(alerts, "ALERTS_MAX", 4)
    alerts.save(connection, [alert("open"), *(alert(f"a{at}", "resolved") for at in range(6))])
    alerts.expire(connection, NOW_S)
    assert [doc.id for doc in alerts.page(connection).items] == ["a5", "a4", "a3", "open"]


def test_expiry_goes_by_small_slices(connection):
    alerts.save(connection, [alert(f"a{at}", "resolved") for at in range(1200)])
    totals = []
    for _ in range(4):
        alerts.expire(connection, NOW_S + 500 * DAY_S)
        totals.append(alerts.page(connection).total)
    assert totals == [700, 200, 0, 0]


@pytest.mark.parametrize("table", ["alert", "silence", "notification"])
def test_a_document_that_cannot_be_read_is_told(connection, table):
    alerts.save(connection, [alert(), silence(), notification()])
    connection.execute(f"UPDATE {table} SET doc = '{{}}'")
    with pytest.raises(StoreError, match=f"{table} .* cannot be read"):
        alerts.load_open(connection, NOW_S)


def test_health_is_in_a_backup(tmp_path):
    data = data_directory(tmp_path / "data")
    with closing(open_connection(data / DATABASE)) as connection:
        alerts.save(connection, [alert(), silence(), notification()])
        alerts.save_records(connection, {7: {"x": 1}})
        put(connection, sample(0, links=1), sample(3600, links=2))
        roll_all(connection, NOW_S + DAY_S)
        before = list(connection.iterdump())
    restore(backup(data, tmp_path / "backup.tar.gz").path, tmp_path / "new")
    with closing(open_connection(tmp_path / "new" / DATABASE)) as connection:
        assert list(connection.iterdump()) == before
        assert len(alerts.load_open(connection, NOW_S).alerts) == 1
