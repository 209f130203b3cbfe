"""What the rollout engine says is stored in its order, all of it or nothing."""

from contextlib import closing

import pytest

from meshward.ota.states import NodeState
from meshward.rollout.changes import Audited, NodeProven, Noted, SaveHealth, SaveRollout, SaveRun
from meshward.rollout.states import RolloutState
from meshward.store import audit, events, nodes, rollouts
from meshward.store.apply import apply
from meshward.store.connection import open_connection
from tests.support.store import IMAGE, NOW_S, record, rollout, run


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def test_every_kind_of_change_is_stored(connection):
    nodes.seen(connection, [(7, 1)], NOW_S - 60)
    stored = apply(
        connection,
        [
            SaveRollout(rollout()),
            Noted("rollout.state", "begun", rollout="r1"),
            SaveRun(run("u1", record(7, NodeState.COMPLETED))),
            SaveHealth(7, {"restarts": 0}),
            NodeProven(7, "ESP32", "sensor", IMAGE, "proved after its restart"),
            Noted("node.failed", "line one\nline two", severity="error", node=7),
            Audited("me", "rollout.approve", "r1", {"reason": "looks good"}),
        ],
        NOW_S,
    )
    assert [(event.id, event.kind, event.at_s) for event in stored] == [
        (1, "rollout.state", NOW_S),
        (2, "node.failed", NOW_S),
    ]
    assert events.page(connection).items == stored[::-1]
    assert (stored[1].severity, stored[1].node, stored[1].text) == ("error", 7, "line one line two")
    assert rollouts.get(connection, "r1") == rollout()
    assert rollouts.load_active(connection).runs == [run("u1", record(7, NodeState.COMPLETED))]
    assert rollouts.attempt_page(connection, node=7).items[0].ended_s == NOW_S
    assert rollouts.load_health(connection) == {7: {"restarts": 0}}
    assert (nodes.get(connection, 7).firmware, nodes.get(connection, 7).proven_at_s) == (IMAGE, NOW_S)
    (entry,) = audit.page(connection).items
    assert (entry.actor, entry.action, entry.subject, entry.detail) == (
        "me",
        "rollout.approve",
        "r1",
        {"reason": "looks good"},
    )
    assert audit.verify(connection).ok


def test_the_later_of_two_changes_wins(connection):
    apply(
        connection,
        [SaveRollout(rollout(state=RolloutState.SURVEYING)), SaveRollout(rollout(state=RolloutState.PAUSED))],
        NOW_S,
    )
    assert rollouts.get(connection, "r1").state is RolloutState.PAUSED


def test_nothing_is_stored_where_one_change_cannot_be(connection):
    before = list(connection.iterdump())
    with pytest.raises(ValueError, match="not JSON compliant"):
        apply(
            connection,
            [SaveRollout(rollout()), Noted("a", "b"), Audited("me", "x", "y", {"delay": float("nan")})],
            NOW_S,
        )
    assert not connection.in_transaction
    assert list(connection.iterdump()) == before
    assert apply(connection, [Noted("a", "b")], NOW_S)[0].id == 1
