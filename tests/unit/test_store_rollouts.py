"""Rollouts, runs, attempts and health in the store."""

from contextlib import closing

import msgspec
import pytest

from meshward.errors import InvalidError, StoreError, UnknownItemError
from meshward.ota.states import NodeState
from meshward.rollout.states import FINAL, RolloutState, RunKind
from meshward.store import rollouts
from meshward.store.connection import open_connection
from tests.support.store import IMAGE, NOW_S, OLD_IMAGE, record, rollout, run


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def attempt(connection, node):
    return next(item for item in rollouts.attempt_page(connection).items if item.node == node)


def test_documents_come_back_as_they_were_saved(connection):
    doc = rollout(reason="weiß nicht", resume_to=RolloutState.SOAKING, clock_us=2**60)
    rollouts.save(connection, doc)
    assert rollouts.get(connection, "r1") == doc
    doc.state = RolloutState.PAUSED
    rollouts.save(connection, doc)
    assert rollouts.get(connection, "r1").state is RolloutState.PAUSED
    saved = run("u1", record(7), kind=RunKind.SURVEY, started_s=NOW_S)
    rollouts.save_run(connection, saved, NOW_S)
    assert rollouts.get_run(connection, "u1") == saved
    for call in (rollouts.get, rollouts.get_run):
        with pytest.raises(UnknownItemError):
            call(connection, "none")


@pytest.mark.parametrize("state", RolloutState)
def test_rollouts_without_a_final_state_are_active(connection, state):
    rollouts.save(connection, rollout(state=RolloutState.UPDATING))
    rollouts.save(connection, rollout(state=state))
    assert [doc.id for doc in rollouts.load_active(connection).rollouts] == ([] if state in FINAL else ["r1"])


def test_a_rollout_that_ended_is_active_while_a_run_of_it_is_open(connection):
    rollouts.save(connection, rollout("r1", RolloutState.ABORTED))
    rollouts.save(connection, rollout("r2", RolloutState.COMPLETED))
    rollouts.save_run(connection, run("u1", record(7)), NOW_S)
    rollouts.save_run(connection, run("u2", record(7), open=False, rollout="r2"), NOW_S)
    active = rollouts.load_active(connection)
    assert ([doc.id for doc in active.rollouts], [doc.id for doc in active.runs]) == (["r1"], ["u1"])
    rollouts.save_run(connection, run("u1", record(7), open=False), NOW_S)
    assert rollouts.load_active(connection) == rollouts.Active([], [])


def test_pages_of_rollouts_are_newest_first(connection):
    for number in range(5):
        # The clock was set back meanwhile: the order is that in which they were made.
        rollouts.save(connection, rollout(f"r{number}", created_s=NOW_S - number))
    rollouts.save(connection, rollout("r0", RolloutState.COMPLETED))
    first = rollouts.page(connection, limit=2)
    second = rollouts.page(connection, limit=2, before=first.next)
    third = rollouts.page(connection, limit=2, before=second.next)
    assert [[doc.id for doc in part.items] for part in (first, second, third)] == [
        ["r4", "r3"],
        ["r2", "r1"],
        ["r0"],
    ]
    assert [part.total for part in (first, second, third)] == [5, 5, 5]
    assert third.next is None
    chosen = rollouts.page(connection, state=["completed", "paused"])
    assert ([doc.id for doc in chosen.items], chosen.total, chosen.next) == (["r0"], 1, None)


def test_a_page_that_ends_with_the_list_has_no_next(connection):
    for number in range(4):
        rollouts.save(connection, rollout(f"r{number}"))
    assert rollouts.page(connection, limit=4).next is None
    assert len(rollouts.page(connection, limit=0).items) == 1


@pytest.mark.parametrize("cursor", ["", "-1", "x", "1.5", "٣", "9" * 19, "1; DROP TABLE rollout"])
def test_a_cursor_that_is_none_is_refused(connection, cursor):
    for page in (rollouts.page, rollouts.run_page, rollouts.attempt_page):
        with pytest.raises(InvalidError, match="cursor"):
            page(connection, before=cursor)


def test_runs_are_found_by_rollout_kind_and_whether_they_are_open(connection):
    rollouts.save_run(connection, run("u1", kind=RunKind.SURVEY, open=False), NOW_S)
    rollouts.save_run(connection, run("u2"), NOW_S)
    rollouts.save_run(connection, run("u3", rollout="r2"), NOW_S)

    def found(**filters):
        part = rollouts.run_page(connection, **filters)
        assert part.total == len(part.items)
        return [doc.id for doc in part.items]

    assert found() == ["u3", "u2", "u1"]
    assert found(rollout="r1") == ["u2", "u1"]
    assert found(kind="install") == ["u3", "u2"]
    assert found(rollout="r1", kind="install", open_only=True) == ["u2"]
    assert found(open_only=True) == ["u3", "u2"]


def test_every_node_of_a_run_has_an_attempt(connection):
    done = record(8, NodeState.ALREADY_INSTALLED)
    rollouts.save_run(connection, run("u1", done, nodes=[7, 8]), NOW_S)
    rows = rollouts.attempt_page(connection, run="u1").items
    assert [(row.node, row.state, row.started_s, row.ended_s) for row in rows] == [
        (8, "already_installed", NOW_S, NOW_S),
        (7, "pending", None, None),
    ]
    assert {(row.run, row.rollout, row.kind, row.firmware) for row in rows} == {
        ("u1", "r1", "install", IMAGE)
    }


def test_an_attempt_keeps_the_times_at_which_it_began_and_ended(connection):
    steps = [
        (record(7), (None, None)),
        (record(7, NodeState.DOWNLOADING, attempts=1), (NOW_S + 1, None)),
        (record(7, NodeState.DOWNLOADING, attempts=2, repaired_parts=3), (NOW_S + 1, None)),
        (record(7, NodeState.LOST, attempts=2, reason="gone"), (NOW_S + 1, NOW_S + 3)),
        (record(7, NodeState.LOST, attempts=2, reason="gone"), (NOW_S + 1, NOW_S + 3)),
        (record(7, NodeState.PENDING, attempts=2), (NOW_S + 1, None)),
        (record(7, NodeState.COMPLETED, attempts=3), (NOW_S + 1, NOW_S + 6)),
    ]
    for step, (state, times) in enumerate(steps):
        rollouts.save_run(connection, run("u1", state), NOW_S + step)
        row = attempt(connection, 7)
        assert (row.started_s, row.ended_s) == times
        assert (row.state, row.reason, row.attempts) == (state["state"], state["reason"], state["attempts"])
    assert rollouts.attempt_page(connection).total == 1


def test_attempts_end_with_their_run(connection):
    rollouts.save_run(connection, run("u1", record(7, NodeState.VERIFYING)), NOW_S)
    rollouts.save_run(connection, run("u1", record(7, NodeState.VERIFYING), open=False), NOW_S + 9)
    assert attempt(connection, 7).ended_s == NOW_S + 9


def test_nothing_is_written_for_attempts_that_did_not_change(connection):
    records = [record(node, NodeState.DOWNLOADING) for node in range(1, 101)]
    rollouts.save_run(connection, run("u1", *records), NOW_S)
    before = connection.total_changes
    records[0]["repaired_parts"] = 1
    rollouts.save_run(connection, run("u1", *records), NOW_S + 1)
    assert connection.total_changes - before == 2  # the run itself, and one attempt


def test_attempts_are_found_by_node_and_rollout(connection):
    rollouts.save_run(connection, run("u1", record(7), record(8)), NOW_S)
    rollouts.save_run(connection, run("u2", record(7), rollout="r2"), NOW_S)
    assert [row.run for row in rollouts.attempt_page(connection, node=7).items] == ["u2", "u1"]
    assert [row.node for row in rollouts.attempt_page(connection, rollout="r1").items] == [8, 7]
    first = rollouts.attempt_page(connection, limit=1)
    assert [row.run for row in rollouts.attempt_page(connection, limit=1, before=first.next).items] == ["u1"]
    assert first.total == 3


def test_health_is_kept_for_each_node(connection):
    rollouts.save_health(connection, 7, {"restarts": 0}, NOW_S)
    rollouts.save_health(connection, 7, {"restarts": 1, "delays": [1.5]}, NOW_S)
    rollouts.save_health(connection, 8, {}, NOW_S)
    assert rollouts.load_health(connection) == {7: {"restarts": 1, "delays": [1.5]}, 8: {}}


def test_a_firmware_is_needed_by_rollouts_that_may_send_it(connection):
    rollouts.save(connection, rollout("r1"))
    other = rollout("r2", nodes=[])
    other.spec = msgspec.structs.replace(other.spec, images=("c" * 64,), rollback_to=("d" * 64,))
    rollouts.save(connection, other)
    needed = {
        sha256: rollouts.needing(connection, sha256)
        for sha256 in (IMAGE, OLD_IMAGE, "c" * 64, "d" * 64, "e" * 64)
    }
    assert list(needed.values()) == [["r1"], ["r1"], ["r2"], ["r2"], []]
    rollouts.save(connection, rollout("r1", RolloutState.COMPLETED))
    assert rollouts.needing(connection, IMAGE) == []


def test_a_document_that_cannot_be_read_is_told_as_such(connection):
    rollouts.save(connection, rollout())
    connection.execute("UPDATE rollout SET doc = '{\"id\": 1}'")
    with pytest.raises(StoreError, match="rollout r1 in the database cannot be read"):
        rollouts.get(connection, "r1")
