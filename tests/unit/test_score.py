import pytest

from meshward.status.facts import Anomaly, MeshFacts, NodeFacts
from meshward.status.facts import Fact as _Fact
from meshward.status.score import mesh_score, node_score
from tests.support.alerts import alert


def node(number=3, **more):
    return NodeFacts(number, **({"online": True} | more))


def fact(value, age_s=0.0):
    return _Fact(value, age_s, "604")


def test_a_node_without_trouble_has_100():
    assert node_score(node(metrics={"rssi_dbm": fact(-60), "probe_loss_percent": fact(0)}), []) == (100, [])


def test_a_node_that_is_away_has_nothing_and_one_that_just_left_half():
    assert node_score(node(online=False, away_s=300.0), []) == (0, [(100, "out of the mesh for 5 min")])
    assert node_score(node(online=False, away_s=20.0), [])[0] == 50
    assert node_score(node(online=False, away_s=0.0), []) == (50, [(50, "not in sight")])
    assert node_score(node(online=False), []) == (0, [(100, "not in the mesh")])


def test_every_point_has_its_reason_and_the_worst_is_first():
    facts = node(
        metrics={"rssi_dbm": fact(-80), "moves_per_h": fact(4)},
        restarts_us=(10, 20),
        anomalies=(Anomaly("heap_free_bytes", 1, 2, 3, 0),),
    )
    value, parts = node_score(facts, [alert(rule="low_heap")], 1000)
    assert value == 100 - sum(points for points, _ in parts)
    assert [points for points, _ in parts] == [20, 10, 5, 4, 3]
    reasons = " / ".join(reason for _, reason in parts)
    for words in (
        "low heap (warning)",
        "2 restarts within a day",
        "-80 dBm",
        "4 times",
        "1 metric unlike",
    ):
        assert words in reasons


def test_what_an_alert_says_is_not_counted_twice_and_what_another_explains_not_at_all():
    facts = node(metrics={"rssi_dbm": fact(-90)})
    assert node_score(facts, [alert(rule="weak_link")])[0] == 80
    assert node_score(facts, [alert(rule="weak_link", inhibited_by="x")])[0] == 90


def test_old_values_say_nothing():
    assert node_score(node(metrics={"rssi_dbm": fact(-90, 5000)}), [])[0] == 100


def test_a_score_is_never_below_0():
    assert node_score(node(), [alert(rule=name, severity="critical") for name in "abcd"])[0] == 0


def test_a_mesh_is_the_mean_of_its_nodes_and_names_the_worst():
    nodes = {number: node(number) for number in range(1, 11)}
    nodes[3] = node(3, name="Kitchen", online=False, away_s=400.0)
    nodes[4] = node(4, metrics={"rssi_dbm": fact(-80)})
    value, parts = mesh_score(MeshFacts(0, 0.0, nodes), [])
    assert value == 100 - 11
    assert parts[0] == (10, "Kitchen (3): out of the mesh for 6 min")
    assert sum(points for points, _ in parts) == 11


def test_one_dead_node_of_many_does_not_round_away():
    nodes = {number: node(number) for number in range(1, 500)} | {500: node(500, online=False, away_s=99.0)}
    assert mesh_score(MeshFacts(0, 0.0, nodes), []) == (99, [(1, "node 500: out of the mesh for 99 s")])


def test_alerts_of_the_mesh_count_by_themselves():
    split = alert(rule="mesh_split", severity="critical", node=None, labels={"mesh": "all"})
    value, parts = mesh_score(MeshFacts(0, 0.0, {1: node(1)}), [split])
    assert value == 70
    assert parts[0][1].startswith("mesh split (critical)")


def test_a_gateway_that_sees_nothing_has_nothing():
    value, parts = mesh_score(MeshFacts(0, 0.0, {1: node(1)}, connected=False), [])
    assert (value, parts) == (0, [(100, "the gateway sees nothing of the mesh")])


@pytest.mark.parametrize("away", [0, 1, 7, 30, 50])
def test_parts_add_up(away):
    nodes = {n: node(n) if n > away else node(n, online=False, away_s=99.0) for n in range(1, 51)}
    value, parts = mesh_score(MeshFacts(0, 0.0, nodes), [])
    assert value == 100 - 2 * away == 100 - sum(points for points, _ in parts)
    assert len(parts) <= 6
