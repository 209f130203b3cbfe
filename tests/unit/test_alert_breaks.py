import pytest

from meshward.status.alerts.breaks import find_breaks
from meshward.status.alerts.rule import SILENT, SPLIT
from meshward.status.facts import NodeFacts
from tests.support.alerts import MESH, Scene

BIG = {1: None, 2: 1} | dict.fromkeys(range(10, 40), 2)
STAR = {1: None, **dict.fromkeys(range(10, 15), 1), 20: 10, 30: None}


def away(node, parent, away_s=100.0):
    return NodeFacts(node, online=False, last_parent=parent, away_s=away_s, silent_s=away_s)


def test_the_topmost_node_is_the_break_and_the_others_are_behind_it():
    nodes = {1: NodeFacts(1, online=True), 2: away(2, 1), 3: away(3, 2), 4: away(4, 3), 7: away(7, None)}
    assert [(one.at, one.behind) for one in find_breaks(nodes)] == [(2, (3, 4)), (7, ())]


def test_a_node_that_was_away_long_before_its_parent_is_its_own_break():
    nodes = {1: away(1, None, 20), 2: away(2, 1, 5000), 3: away(3, 2, 5000)}
    assert [(one.at, one.behind) for one in find_breaks(nodes)] == [(1, ()), (2, (3,))]


def test_parents_told_in_a_circle_are_one_break():
    nodes = {1: away(1, 3), 2: away(2, 1), 3: away(3, 2), 4: away(4, 3)}
    (found,) = find_breaks(nodes)
    assert (found.at, found.behind) == (1, (2, 3, 4))


def test_branches_below_one_parent_at_one_moment_are_told_of_together():
    nodes = {
        1: NodeFacts(1, online=True),
        2: away(2, 1, 30),
        3: away(3, 1, 24),
        4: away(4, 1, 100),
        5: away(5, 2),
    }
    nodes[5].away_s = 30
    found = {one.at: one.out for one in find_breaks(nodes)}
    assert found == {1: (2, 3, 5), 4: (4,)}


def test_a_power_cut_is_told_within_90_seconds():
    scene = Scene().run(30).leave(7).run(90)
    assert scene.rules_told() == [SILENT]
    fired_s, notification = scene.told[0]
    assert fired_s <= 1030 + 25
    (alert,) = notification.alerts
    assert alert.node == 7
    assert alert.text.startswith("Node 7 is silent: out of the mesh for")
    assert "It hung below the gateway" in alert.text
    assert alert.advice


def test_a_node_that_was_just_heard_has_a_minute():
    scene = Scene().run(30).leave(7, silent_s=0).run(55)
    assert not scene.open(SILENT)
    scene.run(15)
    assert scene.rules_told() == [SILENT]


def test_a_node_that_comes_back_within_a_minute_is_no_news():
    assert not Scene().run(30).leave(7, silent_s=0).run(50).back(7).run(600).told


def test_a_node_that_was_silent_before_it_fell_out_is_told_at_once():
    assert Scene().run(30).leave(7, silent_s=65).run(16).rules_told() == [SILENT]
    assert not Scene().run(30).leave(7, silent_s=55).run(21).open(SILENT)
    assert Scene().run(30).leave(7, silent_s=55).run(31).rules_told() == [SILENT]


def test_silence_before_says_nothing_in_a_mesh_too_large_to_hear_all_each_minute():
    scene = Scene().run(30).leave(7, silent_s=120)
    for node in (1, 2, 3):
        scene.nodes[node].silent_s = 90.0
    assert not scene.run(21).open(SILENT)
    assert scene.run(10).rules_told() == [SILENT]


def test_whoever_gives_nodes_more_time_is_not_told_early():
    scene = Scene(rules="[silent_node]\nthreshold = 180\n").run(30).leave(7, silent_s=65)
    assert not scene.run(110).open(SILENT)
    assert scene.run(30).rules_told() == [SILENT]


def test_a_node_that_is_updated_has_five_minutes():
    scene = Scene().run(30).leave(7)
    scene.nodes[7].updating = True
    assert not scene.run(280).told
    assert scene.run(40).rules_told() == [SILENT]


def test_a_dead_parent_with_30_nodes_behind_makes_one_notification():
    scene = Scene(BIG).run(60).leave(2, *range(10, 40)).run(40)
    (notification,) = scene.notices()
    (alert,) = notification.alerts
    assert (alert.rule, alert.severity, alert.node) == (SPLIT, "critical", 2)
    assert "30 nodes behind it" in alert.text
    assert "Hall (2)" in alert.text
    assert "Garage (1)" in alert.text
    assert "node 10, node 11, node 12 and 27 more" in alert.text
    assert sorted(alert.behind) == list(range(10, 40))
    # The children find other parents; the dead one stays.
    scene.back(**{f"n{node}": 1 for node in range(10, 40)}).run(3600)
    assert len(scene.notices()) == 1
    assert "back by other ways" in scene.one(SPLIT).text
    assert not scene.one(SPLIT).behind
    scene.back(2).run(600)
    assert [n.status for n in scene.notices()] == ["firing", "resolved"]
    assert not scene.open()


def test_what_is_behind_comes_back_after_its_parent_without_alerts_of_its_own():
    scene = Scene().run(60).leave(2, 3, 4, 5).run(120)
    assert scene.rules_told() == [SPLIT]
    scene.back(2).run(20)
    scene.back(3, 5).run(10)
    scene.back(4).run(600)
    assert [n.status for n in scene.notices()] == ["firing", "resolved"]


def test_what_stays_away_when_its_parent_is_back_is_no_news_but_is_told_when_over():
    scene = Scene().run(60).leave(2, 3, 4, 5).run(120).back(2, 3, 5).run(600)
    assert scene.rules_told() == [SPLIT]
    (over,) = scene.notices("resolved")
    assert "1 node behind it still out of reach: node 4" in over.alerts[0].ended
    assert scene.one(SILENT).node == 4
    scene.back(4).run(600)
    assert scene.rules_told("resolved") == [SPLIT, SILENT]
    assert scene.rules_told() == [SPLIT]


def test_a_silent_node_whose_parent_dies_stays_what_it_was_and_is_explained():
    scene = Scene().run(60).leave(4).run(45)
    assert scene.rules_told() == [SILENT]
    scene.leave(2, 3, 5).run(300)
    assert scene.rules_told() == [SILENT, SILENT] or scene.rules_told() == [SILENT, SPLIT]
    top = next(doc for doc in scene.firing() if doc.node == 2)
    own = next(doc for doc in scene.firing() if doc.node == 4)
    assert own.inhibited_by == top.fingerprint
    scene.back(2, 3, 5).run(900)
    assert [doc.node for doc in scene.firing()] == [4]
    assert not scene.one(SILENT).inhibited_by
    scene.back(4).run(900)
    assert not scene.open()


def test_branches_that_fall_together_are_their_parents_alert():
    scene = Scene(STAR).run(60).leave(10, 20).run(5).leave(11, 12).run(600)
    (alert,) = scene.notices("firing")[0].alerts
    assert len(scene.notices()) == 1
    assert (alert.rule, alert.node) == (SPLIT, 1)
    assert "Garage (1): 3 branches below it fell away together" in alert.text
    assert "4 nodes out of reach" in alert.text
    assert not scene.firing(SILENT)
    scene.back(10, 20, 11).run(600)
    assert scene.one(SPLIT).behind == [12]
    scene.back(12).run(600)
    assert [n.status for n in scene.notices()] == ["firing", "resolved"]


def test_branches_of_the_gateway_itself():
    scene = Scene({1: None, 2: None, 3: None}).run(60).leave(1, 2).run(200)
    assert sorted(doc.node for doc in scene.firing()) == [1, 2]
    assert len(scene.notices()) == 1, "two are too few for a split, and told of together"
    scene = Scene({1: None, 2: None, 3: None, 4: None}).run(60).leave(1, 2, 3).run(200)
    assert scene.one(SPLIT).labels == {"mesh": "all"}
    assert "the gateway" in scene.one(SPLIT).text


def test_a_gateway_without_neighbour_explains_everything():
    scene = Scene().run(60)
    scene.leave(7).run(60)
    assert scene.rules_told() == [SILENT]
    scene.facts.connected = False
    for node in (1, 2, 3, 4, 5, 6):
        scene.leave(node)
    scene.run(4000)
    assert scene.rules_told() == [SILENT, "gateway_cut_off"]
    assert scene.one(SILENT).inhibited_by == scene.one("gateway_cut_off").fingerprint
    scene.facts.connected = True
    scene.back(*MESH).run(600)
    assert not scene.open()


def test_a_node_that_is_forgotten_ends_quietly():
    scene = Scene().run(60).leave(7).run(200)
    del scene.nodes[7]
    scene.run(300)
    assert not scene.open()
    assert [n.status for n in scene.notices()] == ["firing"]
    assert [doc.ended for doc in scene.stored.values() if doc.rule == SILENT] == ["the node was removed"]


def test_forgetting_by_name_is_at_once():
    scene = Scene().run(60).leave(7).run(200)
    del scene.nodes[7]
    scene.engine.forget(7)
    assert not scene.open()


def test_excluded_nodes_still_alert():
    scene = Scene().run(60)
    scene.nodes[7].excluded = True
    assert scene.leave(7).run(100).rules_told() == [SILENT]


def test_alerts_of_a_node_behind_a_break_are_explained_by_it():
    scene = Scene().set(4, heap_free_bytes=3000).run(200)
    assert scene.rules_told() == ["low_heap"]
    scene.leave(2, 3, 4, 5).run(300)
    assert scene.one("low_heap").inhibited_by == scene.one(SPLIT).fingerprint


@pytest.mark.parametrize("seconds", [0, 20, 200])
def test_a_restart_of_the_gateway_in_between_changes_nothing(seconds):
    scene = Scene().run(60).leave(2, 3, 4, 5).run(seconds).restart(30)
    for facts in scene.nodes.values():
        facts.away_s = None if facts.away_s is None else 0.0
    scene.run(600)
    assert scene.rules_told() == [SPLIT]
    scene.restart(30).back(2, 3, 4, 5).run(900)
    assert [n.status for n in scene.notices()] == ["firing", "resolved"]
    assert not scene.open()
