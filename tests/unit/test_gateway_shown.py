"""What is stored, as it is shown."""

import pytest

from meshward.gateway.shown import Live, iso, moment, rollout_summary, rollout_view, shown_state, update_view
from meshward.ota.record import NodeRecord
from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry
from meshward.rollout.states import RolloutState
from tests.support.store import record, rollout, run

S = NodeState


def live(state, parts_done=5):
    return Live(NodeRecord(7, state), parts_done)


def test_times_are_iso_8601_in_utc():
    assert iso(None) is None
    assert iso(0.0) == "1970-01-01T00:00:00.000Z"
    assert moment(1_800_000_000.1234) == "2027-01-15T08:00:00.123Z"


@pytest.mark.parametrize(
    ("stored", "at_work", "shown"),
    [
        (S.SCHEDULED, None, "scheduled"),
        (S.SCHEDULED, live(S.DOWNLOADING), "downloading"),
        (S.COMPLETED, live(S.DOWNLOADING), "completed"),
        (S.SCHEDULED, live(S.COMPLETED), "scheduled"),  # it counts once it is stored
    ],
)
def test_a_node_at_work_shows_what_it_does_now(stored, at_work, shown):
    assert shown_state(NodeEntry(node=7, state=stored), at_work) == shown


def test_a_rollout_counts_its_nodes_as_they_are_shown():
    doc = rollout(nodes=[NodeEntry(node=7, state=S.SCHEDULED), NodeEntry(node=8, state=S.COMPLETED)])
    at_work = {7: live(S.DOWNLOADING)}
    assert rollout_summary(doc).counts == {"scheduled": 1, "completed": 1}
    summary = rollout_summary(doc, at_work)
    assert summary.counts == {"downloading": 1, "completed": 1}
    assert (summary.state, "abort" in summary.actions) == ("updating", True)
    assert rollout_summary(rollout(state=RolloutState.ROLLED_BACK)).actions == []
    view = rollout_view(doc, {8: "Hall"}, at_work, parts=40, soak_left_s=None, sent_bytes=9)
    assert [(entry.node, entry.name, entry.parts_done, entry.parts) for entry in view.nodes] == [
        (7, "", 5, 40),
        (8, "Hall", 0, 0),
    ]


def test_a_run_counts_its_nodes():
    view = update_view(run("u1", record(7, S.COMPLETED), record(8, S.LOST), record(9, S.COMPLETED)))
    assert view.counts == {"completed": 2, "lost": 1}
