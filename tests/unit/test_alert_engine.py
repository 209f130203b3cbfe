import msgspec
import pytest

from meshward.errors import ConflictError, InvalidError, UnknownItemError
from meshward.status.alerts.documents import SilenceDoc
from meshward.status.alerts.engine import NEWS_MAX, OPEN_MAX
from meshward.status.alerts.flapping import HIGH_PERCENT, STEPS, percent
from meshward.status.alerts.lives import fingerprint
from meshward.status.alerts.silences import AFTER_S, LEASE_S, SILENCES_MAX
from meshward.status.facts import NodeFacts
from tests.support.alerts import MESH, Scene

LOW, FINE = {"heap_free_bytes": 3000}, {"heap_free_bytes": 28_000}


def silence(scene, *, kind="silence", for_s=3600.0, **fits):
    doc = SilenceDoc(
        id=f"s{scene.rng.random()}",
        kind=kind,
        starts_s=scene.wall_s,
        ends_s=scene.wall_s + for_s,
        created_s=scene.wall_s,
        **{"created_by": "Ada"} | fits,
    )
    scene.engine.add_silence(doc)
    return doc


def test_an_alert_is_pending_then_firing_then_resolved():
    scene = Scene().set(3, **LOW).run(60)
    (alert,) = scene.open("low_heap")
    assert (alert.state, alert.fired_s) == ("pending", None)
    scene.run(70)
    assert alert.state == "firing"
    assert alert.fired_s == pytest.approx(alert.since_s + 120, abs=6)
    scene.set(3, **FINE).run(200)
    assert alert.state == "firing"
    assert alert.clear_since_s is not None
    scene.run(120)
    assert not scene.open()
    stored = scene.stored[alert.id]
    assert (stored.state, stored.ended) == ("resolved", "")
    assert stored.resolved_s > stored.clear_since_s > stored.fired_s > stored.since_s


def test_what_ends_before_it_fires_leaves_nothing():
    scene = Scene().set(3, **LOW).run(60).set(3, **FINE).run(10)
    assert not scene.open()
    assert not scene.stored
    assert not scene.told


def test_what_is_met_again_while_it_clears_goes_on():
    scene = Scene().set(3, **LOW).run(200).set(3, **FINE).run(200).set(3, **LOW).run(10)
    alert = scene.one("low_heap")
    assert alert.clear_since_s is None
    scene.set(3, **FINE).run(250)
    assert scene.firing()
    assert len(scene.notices()) == 1


def test_a_fingerprint_is_of_rule_and_labels_alone():
    first, second = Scene(seed=1).set(3, **LOW).run(200), Scene(seed=2).set(3, **LOW).run(300)
    assert first.one("low_heap").fingerprint == second.one("low_heap").fingerprint
    assert first.one("low_heap").id != second.one("low_heap").id
    assert fingerprint("a", {"x": "1", "b": "2"}) == fingerprint("a", {"b": "2", "x": "1"})
    assert len(fingerprint("a", {})) == 16


def test_the_wall_clock_fires_and_ends_nothing():
    scene = Scene().set(3, **LOW).run(60)
    scene.wall_s += 1e7
    scene.run(5)
    assert not scene.firing()
    scene.run(60)
    assert scene.firing()
    scene.set(3, **FINE).run(10)
    scene.wall_s -= 2e7
    scene.run(10)
    assert scene.firing()


def test_a_restart_goes_on_where_it_was():
    scene = Scene().set(3, **LOW).run(70)
    scene.restart(downtime_s=5000).run(20)
    (alert,) = scene.open("low_heap")
    assert alert.state == "pending", "the time while it was off does not count"
    scene.run(60)
    assert scene.firing("low_heap")
    scene.set(3, **FINE).run(20)
    scene.restart(downtime_s=5000, wall_jump_s=-1e8).run(60)
    assert scene.firing("low_heap")
    scene.run(300)
    assert not scene.open()
    assert [n.status for n in scene.notices()] == ["firing", "resolved"]


def test_nothing_of_an_alert_is_lost_or_told_twice_by_restarts():
    scene = Scene().set(3, **LOW).run(200)
    scene.engine.ack(scene.one("low_heap").id, "Ada", "mine", scene.wall_s)
    scene.store()
    before = scene.one("low_heap")
    scene.restart().run(30)
    after = scene.one("low_heap")
    assert (after.id, after.since_s, after.acked_by, after.ack_note) == (
        before.id,
        before.since_s,
        "Ada",
        "mine",
    )
    assert len(scene.notices()) == 1


def test_a_rule_that_is_switched_off_ends_its_alerts():
    scene = Scene().set(3, **LOW).run(200)
    scene.book.patch("low_heap", {"enabled": False})
    scene.run(10)
    assert not scene.open()
    (over,) = [doc for doc in scene.stored.values() if getattr(doc, "rule", "") == "low_heap"]
    assert over.ended == "its rule was switched off"


def test_acknowledging():
    scene = Scene().set(3, **LOW).run(200)
    alert = scene.engine.ack(scene.one("low_heap").id, "Ada", "on my way\x07", scene.wall_s)
    assert (alert.acked_by, alert.acked_s, alert.ack_note) == (
        "Ada",
        scene.wall_s,
        "on my way\N{REPLACEMENT CHARACTER}",
    )
    scene.run(5 * 3600, tick_s=60)
    assert len(scene.notices()) == 1
    scene.engine.unack(alert.id, scene.wall_s)
    scene.run(120)
    assert [n.reason for n in scene.notices()] == ["new", "repeat"]
    with pytest.raises(UnknownItemError):
        scene.engine.ack("nothing", "Ada", "", scene.wall_s)
    scene.set(3, **FINE).run(900)
    with pytest.raises(UnknownItemError, match="it is over by now"):
        scene.engine.unack(alert.id, scene.wall_s)


@pytest.mark.parametrize(
    ("fits", "quiet"),
    [
        ({}, True),
        ({"nodes": [3]}, True),
        ({"nodes": [4]}, False),
        ({"rules": ["low_heap"]}, True),
        ({"rules": ["hot"]}, False),
        ({"tags": ["garden"]}, True),
        ({"tags": ["cellar"]}, False),
        ({"tags": ["garden"], "nodes": [4]}, False),
        ({"nodes": [2]}, False),
    ],
)
def test_a_silence_fits_what_fits_all_it_names(fits, quiet):
    scene = Scene().set(3, **LOW)
    scene.nodes[3].tags = ("garden",)
    doc = silence(scene, for_s=1000, **fits)
    scene.run(300)
    assert scene.one("low_heap").silenced_by == (doc.id if quiet else "")
    assert bool(scene.told) is not quiet
    scene.run(800)
    assert len(scene.notices()) == 1, "told when the silence is over"


def test_a_silence_can_be_ended_before_its_time():
    scene = Scene().set(3, **LOW)
    doc = silence(scene)
    scene.run(300)
    assert scene.engine.end_silence(doc.id, "Bob", scene.wall_s).ended_by == "Bob"
    scene.run(30)
    assert len(scene.notices()) == 1
    with pytest.raises(UnknownItemError):
        scene.engine.end_silence(doc.id, "Bob", scene.wall_s)
    late = silence(scene, for_s=1)
    with pytest.raises(ConflictError):
        scene.engine.end_silence(late.id, "Bob", scene.wall_s + 5)


def test_silences_have_a_limit():
    scene = Scene()
    for _ in range(SILENCES_MAX):
        silence(scene)
    with pytest.raises(InvalidError, match="end some"):
        silence(scene)


def test_what_begins_and_ends_in_a_silence_is_never_told():
    scene = Scene().set(3, **LOW)
    silence(scene)
    scene.run(300).set(3, **FINE).run(600)
    assert not scene.told


def test_an_update_keeps_its_nodes_and_those_behind_them_quiet_and_ends_a_minute_after():
    scene = Scene().run(30)
    scene.engine.updating({"r1": [2]}, scene.wall_s)
    scene.leave(2, 3, 4, 5).set(6, heap_free_bytes=3000)
    for _ in range(60):
        scene.run(10)
        scene.engine.updating({"r1": [2]}, scene.wall_s)
    (window,) = scene.silences()
    assert (window.kind, window.created_by, window.nodes) == ("maintenance", "rollout r1", [2])
    assert window.rollout == "r1"
    assert scene.engine.is_maintenance(window.id)
    assert scene.one("mesh_split").silenced_by == window.id
    assert scene.rules_told() == ["low_heap"]
    scene.engine.updating({}, scene.wall_s)
    scene.run(50)
    assert scene.rules_told() == ["low_heap"]
    scene.run(30)
    assert scene.rules_told() == ["low_heap", "mesh_split"]
    assert not scene.silences()


def test_a_window_grows_with_its_update_and_ends_by_itself_when_nobody_prolongs_it():
    scene = Scene()
    scene.engine.updating({"r1": [2]}, scene.wall_s)
    scene.engine.updating({"r1": [3], "r2": []}, scene.wall_s)
    scene.run(LEASE_S - 10)
    assert [window.nodes for window in scene.silences()] == [[2, 3]]
    scene.run(10)
    assert not scene.silences()


def test_a_moving_child_of_an_updated_node_is_quiet_in_its_window():
    scene = Scene().run(30)
    scene.nodes[4].moves_us = tuple(scene.now_us - n for n in range(8))
    for _ in range(10):
        scene.engine.updating({"r1": [2]}, scene.wall_s)
        scene.run(30)
    assert scene.one("moving").silenced_by
    assert not scene.told


@pytest.mark.parametrize("jump_s", [-1e7, -300.0, 300.0, 1e7])
def test_a_clock_that_is_set_during_an_update_neither_opens_nor_prolongs_its_window(jump_s):
    scene = Scene().run(30)
    scene.engine.updating({"r1": [2]}, scene.wall_s)
    scene.leave(2, 3, 4, 5)
    scene.wall_s += jump_s
    for _ in range(20):
        scene.engine.updating({"r1": [2]}, scene.wall_s)
        scene.run(30)
    (window,) = scene.silences()
    assert scene.one("mesh_split").silenced_by == window.id
    assert window.ends_s <= scene.wall_s + LEASE_S
    scene.wall_s -= abs(jump_s)
    scene.engine.updating({}, scene.wall_s)
    scene.run(50)
    assert not scene.told
    scene.run(30)
    assert not scene.silences()
    assert scene.rules_told() == ["mesh_split"]


def test_what_somebody_called_as_an_update_keeps_quiet_is_no_window_of_an_update():
    scene = Scene()
    doc = silence(scene, nodes=[3], created_by="rollout r1")
    scene.engine.updating({"r1": [2]}, scene.wall_s)
    scene.engine.updating({}, scene.wall_s)
    scene.run(AFTER_S + 10)
    assert [(one.id, one.nodes, one.ends_s) for one in scene.silences()] == [
        (doc.id, [3], doc.created_s + 3600)
    ]


def restored_after_a_power_cut(mesh):
    """A gateway that knows all nodes from before, and sees none of them yet."""
    scene = Scene(mesh).run(60).restart(downtime_s=600)
    scene.leave(*mesh, silent_s=0.0)
    scene.facts.connected = False
    return scene


def test_a_mesh_that_fills_up_after_a_power_cut_is_no_break():
    scene = restored_after_a_power_cut(MESH).run(20)
    scene.facts.connected = True
    for node in (7, 1, 6, 2, 3, 5, 4):  # parents first, within half a minute
        scene.back(node).run(4, tick_s=1)
        assert not scene.open("silent_node")
        assert not scene.open("mesh_split")
    scene.run(1800)
    assert not scene.told
    assert not scene.firing()


def test_who_does_not_come_back_after_a_power_cut_is_told_of():
    scene = restored_after_a_power_cut(MESH).run(20)
    scene.facts.connected = True
    scene.back(1, 2, 3, 4, 5, 6).run(90)
    assert [n.alerts[0].node for n in scene.notices()] == [7]


def test_flapping_is_told_once_and_then_kept_quiet_until_it_settles():
    scene = Scene().run(60)
    for _ in range(30):
        scene.leave(7).run(60).back(7).run(80)
    alert = scene.one("silent_node")
    assert alert.flapping
    told = len(scene.notices())
    assert told <= 12
    assert scene.notices()[-1].reason == "changed"
    for _ in range(30):
        scene.leave(7).run(60).back(7).run(80)
    assert len(scene.notices()) == told
    scene.run(7200, tick_s=30)
    assert not scene.open()
    assert [n.status for n in scene.notices()[told:]] == ["resolved"]


def test_flaps_weigh_recent_steps_more():
    every = (1 << STEPS) - 1
    assert percent(every) == pytest.approx(100)
    assert percent(0) == 0
    assert percent(0b1111111111) > HIGH_PERCENT > percent(0b1111111111 << 11)


def test_a_flood_of_alerts_is_bounded_and_said():
    mesh = {node: NodeFacts(node, online=True) for node in range(1, 2101)}
    scene = Scene({}, rules="[battery]\nfor = 0\n[low_heap]\nfor = 0")
    scene.nodes = mesh
    for node in mesh:
        scene.set(node, battery_percent=1, heap_free_bytes=100)
    scene.run(20)
    assert OPEN_MAX <= len(scene.open()) <= OPEN_MAX + 1
    text = scene.one("too_many_alerts").text
    assert f"{2 * 2100 - OPEN_MAX} more" in text
    for node in mesh:
        scene.set(node, battery_percent=90, heap_free_bytes=90_000)
    scene.run(1200, tick_s=60)
    assert not scene.open()


def test_changes_come_whole_and_do_not_change_afterwards():
    scene = Scene().set(3, **LOW)
    scene.run(5, deliver=False)
    scene.stored.clear()
    scene.pass_(5)
    scene.facts.now_us = scene.now_us
    scene.engine.ack(scene.open()[0].id, "Ada", "", scene.wall_s)
    changes = scene.engine.take_changes()
    scene.engine.unack(scene.open()[0].id, scene.wall_s)
    assert [change.acked_by for change in changes] == ["Ada"]
    scene.engine.give_back(changes)
    assert [change.acked_by for change in scene.engine.take_changes()] == [""]
    scene.engine.give_back(changes)
    assert scene.engine.take_changes() == changes


def test_what_is_to_be_shown_does_not_wait_for_what_is_to_be_stored():
    scene = Scene().set(3, **LOW).run(200)
    (alert,) = scene.open("low_heap")
    (shown,) = scene.engine.take_news()
    assert (shown.id, shown.state) == (alert.id, "firing")
    assert scene.engine.take_news() == []
    scene.set(3, **FINE).run(400)
    scene.engine.give_back(scene.engine.take_changes())
    assert [one.state for one in scene.engine.take_news()] == ["resolved"]


def test_what_nobody_shows_is_bounded():
    scene = Scene().set(3, **LOW).run(200)
    (doc,), engine = scene.open("low_heap"), scene.engine
    engine.take_news()
    for number in range(NEWS_MAX + 3):
        engine._save(msgspec.structs.replace(doc, id=f"a{number}"))
    news = engine.take_news()
    assert (len(news), news[0].id) == (NEWS_MAX, "a3")


def test_what_is_acknowledged_no_more_is_told_when_the_next_repeat_is_due():
    scene = Scene().set(3, **LOW).run(200)
    alert = scene.engine.ack(scene.one("low_heap").id, "Ada", "", scene.wall_s)
    scene.run(600)
    scene.engine.unack(alert.id, scene.wall_s)
    scene.run(3 * 3600, tick_s=60)
    assert [n.reason for n in scene.notices()] == ["new"]
    scene.run(3600, tick_s=60)
    assert [n.reason for n in scene.notices()] == ["new", "repeat"]


def test_names_of_boards_are_cleaned():
    scene = Scene()
    scene.nodes[3].name = "\x1b[31m<script>" + "x" * 500
    scene.set(3, **LOW).run(200)
    assert "\x1b" not in scene.one("low_heap").text
    assert len(scene.one("low_heap").text) < 300
