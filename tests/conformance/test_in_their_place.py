"""Our nodes in the C++ nodes' place, with every recording; and that the comparison can fail."""

import pytest

from meshnode import link as link_module
from meshnode import membership as membership_module
from meshnode import timesync as timesync_module
from meshnode.membership import Membership
from meshnode.node import MeshNode
from meshnode.tree import Tree
from tests.conformance import captures
from tests.conformance.replay import Replay
from tests.conformance.scenarios import SCENARIOS


def test_every_recording_is_replayed():
    assert sorted(SCENARIOS) == captures.names()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_our_nodes_send_what_the_cpp_nodes_sent(name):
    assert Replay(SCENARIOS[name]).run() == []


# A node that is not quite as the C++ nodes are must be found out.


@pytest.mark.parametrize(
    ("module", "constant", "value_us", "name", "shown_by"),
    [
        (link_module, "FIRST_SYNC_US", 10_070_000, "silent_station", "missing"),
        (link_module, "ANSWER_TIMEOUT_US", 9_990_000, "silent_access_point", "closed, recorded at"),
        (link_module, "ANSWER_TIMEOUT_US", 60_000_000, "no_reply_to_sync", "closed at []"),
        (link_module, "SYNC_INTERVAL_US", 59_900_000, "steady_state_70s", "missing"),
        (membership_module, "COALESCE_US", 70_000, "loop_and_duplicate_rejected", "missing"),
        (timesync_module, "RETRY_US", 210_000, "time_sync_node_adopts", "missing"),
        (timesync_module, "INTERVAL_US", 50_000_000, "steady_state_70s", "missing"),
        (timesync_module, "HANDLING_US", 20_000, "time_sync_peer_larger_tree", "t1 and t2 far apart"),
    ],
)
def test_another_timer_is_found_out(module, constant, value_us, name, shown_by, monkeypatch):
    monkeypatch.setattr(module, constant, value_us)
    assert any(shown_by in difference for difference in Replay(SCENARIOS[name]).run())


def test_a_missing_reply_is_found_out(monkeypatch):
    frame = Membership.node_sync_frame
    monkeypatch.setattr(
        Membership,
        "node_sync_frame",
        lambda self, link, is_request: frame(self, link, is_request) if is_request else b"\0",
    )
    differences = Replay(SCENARIOS["join_as_station"]).run()
    assert any('missing {"nodeId":1001' in difference for difference in differences)


def test_an_extra_field_is_found_out():
    differences = Replay(SCENARIOS["silent_station"], root=True).run()
    assert any("unexpected" in difference and '"root":true' in difference for difference in differences)


def test_a_missing_node_is_found_out(monkeypatch):
    monkeypatch.setattr(
        Tree, "text", lambda self: Tree(self.ids[:1], self.depths[:1])._entry(self.node_id) + "}"
    )
    assert Replay(SCENARIOS["loop_and_duplicate_rejected"]).run() != []


def test_a_clock_that_is_off_is_found_out(monkeypatch):
    time_us = MeshNode.time_us
    monkeypatch.setattr(
        MeshNode, "time_us", lambda self, now_us: (time_us(self, now_us) + 10_000) % (1 << 32)
    )
    differences = Replay(SCENARIOS["time_delay"]).run()
    assert any("wrong t" in difference for difference in differences)


def test_a_link_that_is_not_refused_is_found_out(monkeypatch):
    monkeypatch.setattr(Membership, "refusal", lambda self, link, peer_id, tree: None)
    differences = Replay(SCENARIOS["loop_and_duplicate_rejected"]).run()
    assert any("closed at []" in difference for difference in differences)
