"""Our node in the recording peer's place, with every recording; and that the checks can fail."""

import pytest

from meshnode.clock import difference_us
from meshnode.membership import Membership
from meshnode.node import MeshNode
from tests.conformance.neighbour import Neighbour
from tests.conformance.scenarios import SCENARIOS


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_cpp_node_keeps_ours(name):
    assert Neighbour(SCENARIOS[name]).run() == []


@pytest.mark.parametrize("name", ["steady_state_70s", "join_as_access_point"])
def test_our_node_takes_the_time_it_is_offered(name):
    neighbour = Neighbour(SCENARIOS[name])
    assert neighbour.run() == []
    assert abs(difference_us(neighbour.host.mesh_time_us, neighbour.clock_us)) < 5_000


def test_a_delay_over_three_hops_is_measured():
    neighbour = Neighbour(SCENARIOS["time_delay"])
    assert neighbour.run() == []
    assert [event.node_id for event in neighbour.delays] == [1003]
    assert 0 <= neighbour.delays[0].delay_us < 5_000


def test_a_node_that_does_not_answer_is_found_out(monkeypatch):
    frame = Membership.node_sync_frame
    monkeypatch.setattr(
        Membership,
        "node_sync_frame",
        lambda self, link, is_request: frame(self, link, is_request) if is_request else b"\0",
    )
    differences = Neighbour(SCENARIOS["steady_state_70s"]).run()
    assert any("never sent" in difference and "'type': 6" in difference for difference in differences)


def test_a_node_that_does_not_take_part_in_time_sync_is_found_out(monkeypatch):
    monkeypatch.setattr(MeshNode, "_on_time_sync", lambda self, link, package, now_us: None)
    differences = Neighbour(SCENARIOS["time_sync_node_adopts"]).run()
    assert any("never sent" in difference and "'type': 4" in difference for difference in differences)


def test_a_node_that_forgets_its_root_flag_is_found_out(monkeypatch):
    frame = Membership.node_sync_frame
    monkeypatch.setattr(
        Membership,
        "node_sync_frame",
        lambda self, link, is_request: frame(self, link, is_request).replace(b'"root":true,', b""),
    )
    assert Neighbour(SCENARIOS["join_as_station"]).run() != []


def test_a_node_that_hangs_up_is_found_out(monkeypatch):
    monkeypatch.setattr(Membership, "refusal", lambda self, link, peer_id, tree: "not today")
    differences = Neighbour(SCENARIOS["join_as_station"]).run()
    assert any("closed" in difference for difference in differences)


def test_a_node_that_does_not_listen_is_found_out(monkeypatch):
    update = Membership.update
    monkeypatch.setattr(
        Membership,
        "update",
        lambda self, link, tree, now_us: link.tree is None and update(self, link, tree, now_us),
    )
    differences = Neighbour(SCENARIOS["loop_and_duplicate_rejected"]).run()
    assert any("sees" in difference for difference in differences)
