"""What profile "meshward" says of the mesh."""

import json
import math

from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.profiles.values import ALERTS_SHOWN, NAME_CHARACTERS, NODES_SHOWN, cut, plain
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import ReadingView
from meshward.gateway.views import NodeView, TopologyNode, TopologyView
from tests.support.gateway_values import health, node
from tests.support.health_values import NOW_S, alert, leak, mesh_status, node_status, readings, score

PROFILE = MeshwardProfile()


def value(payload):
    return json.loads(payload)


def picture(*nodes, alerts=()):
    return Picture(own_id=1, nodes={one.id: one for one in nodes}, alerts={one.id: one for one in alerts})


def test_a_node_in_the_list_says_what_is_not_usual_only():
    told = value(PROFILE.nodes(picture(node(8, name="Hall", health=100), node(7, parent=None)), None, NOW_S))
    assert told == {
        "count": 2,
        "online": 2,
        "nodes": [
            {"id": 7, "online": True, "version": "1.0.0"},
            {"id": 8, "name": "Hall", "online": True, "parent": 7, "version": "1.0.0", "health": 100},
        ],
    }


def test_of_more_nodes_than_are_shown_those_in_the_mesh_stay():
    nodes = [NodeView(id=1 + at, online=at >= 500) for at in range(NODES_SHOWN + 500)]
    told = value(PROFILE.nodes(picture(*nodes), None, NOW_S))
    assert told["count"] == NODES_SHOWN + 500
    assert [one["id"] for one in told["nodes"]] == list(range(501, NODES_SHOWN + 501))


def test_a_node_whose_version_is_not_known_shows_its_firmware():
    one = node(7, version="", firmware="ab" * 32)
    assert value(PROFILE.nodes(picture(one), None, NOW_S))["nodes"][0]["version"] == "abababababab"
    assert value(PROFILE.update(one, None, None, NOW_S)) == {
        "installed": "abababababab",
        "latest": "abababababab",
    }


def test_the_tree_is_the_same_in_whatever_order_it_is_told():
    nodes = [TopologyNode(id=9, parent=7, depth=2), TopologyNode(id=7, parent=1, depth=1)]
    own = TopologyNode(id=1, parent=None, depth=0)
    one, other = (
        PROFILE.topology(Picture(), TopologyView(own_id=1, nodes=[own, *order]), NOW_S)
        for order in (nodes, nodes[::-1])
    )
    assert one == other
    assert value(one) == {
        "gateway": 1,
        "links": [{"node": 7, "parent": 1, "depth": 1}, {"node": 9, "parent": 7, "depth": 2}],
    }


def test_the_mesh_in_numbers_counts_fresh_values_of_nodes_that_are_there():
    stale = {"delay_ms": ReadingView(value=900.0, age_s=3601.0, source="mesh")}
    status = mesh_status(
        node_status(7, metrics=readings(delay_ms=8.0, rssi_dbm=-61.0, heap_free_bytes=41_216.0)),
        node_status(8, metrics=readings(delay_ms=11.0, rssi_dbm=-84.0, heap_free_bytes=9000.0)),
        node_status(9, metrics=readings(delay_ms=math.nan, probe_loss_percent=15.0)),
        node_status(10, metrics=stale),
        node_status(11, online=False, metrics=readings(delay_ms=500.0)),
        summary="4 of 5 boards well.",
        health=score(weak=8),
    )
    nodes = [node(7), node(8, depth=3, update_state="rebooting"), node(11, online=False, depth=None)]
    firing = [alert("a1"), alert("a2", severity="warning"), alert("a3", state="pending")]
    told = value(PROFILE.metrics(picture(*nodes, alerts=firing), status, NOW_S))
    assert told == {
        "summary": "4 of 5 boards well.",
        "health": 92,
        "nodes": 3,
        "online": 2,
        "depth_max": 3,
        "updating": 1,
        "delay_median_ms": 9.5,
        "delay_max_ms": 11,
        "probe_loss_percent": 5,
        "rssi_min_dbm": -84,
        "heap_min_bytes": 9000,
        "alerts": {"critical": 1, "warning": 1},
        "coverage": status.coverage.text,
    }


def test_alerts_come_with_the_worst_and_newest_first_and_only_so_many():
    many = [alert(f"a{at:03}", severity="warning", since_at=f"2026-11-25T10:{at:02}:00Z") for at in range(60)]
    more = [alert(f"a{at + 100}", severity="info", since_at="2026-11-25T11:00:00Z") for at in range(60)]
    worst = alert("a900", severity="critical", behind=list(range(40)), value=math.inf)
    told = value(PROFILE.alerts(picture(alerts=[*many, *more, worst, alert("a901", state="pending")]), NOW_S))
    assert told["count"] == 121
    assert len(told["alerts"]) == ALERTS_SHOWN
    assert [one["id"] for one in told["alerts"][:3]] == ["a900", "a059", "a058"]
    assert told["alerts"][0]["behind"] == list(range(20))
    assert "value" not in told["alerts"][0]


def test_the_health_of_a_node_leaves_out_what_is_old_or_no_number():
    metrics = readings(rssi_dbm=math.inf, heap_free_bytes=41_216.0)
    metrics["delay_ms"] = ReadingView(value=5.0, age_s=3700.0, source="mesh")
    metrics["cpu_percent"] = ReadingView(value=5.0, age_s=1300.0, source="telemetry")
    metrics["links"] = ReadingView(value=3.0, age_s=1100.0, source="607")
    status = node_status(
        7,
        metrics=metrics,
        health=score(weak_signal=15),
        restarts=["2026-11-24T11:59:59.000Z", "2026-11-24T12:00:01.000Z", "2026-11-25T09:00:00.000Z"],
        boot_at="2026-11-25T09:00:00.000Z",
        leak=leak(),
    )
    told = value(PROFILE.health(node(7), status, ["weak_link"], NOW_S))
    assert told["metrics"]["heap_free_bytes"] == 41_216
    assert not {"rssi_dbm", "delay_ms", "cpu_percent"} & told["metrics"].keys()
    assert told["metrics"]["links"] == 3
    del told["metrics"]
    assert told == {
        "health": 85,
        "problem": True,
        "reasons": ["weak signal"],
        "alerts": ["weak_link"],
        "boot_at": "2026-11-25T09:00:00.000Z",
        "restarts": 2,
        "leak_hours_left": 41,
    }


def test_an_offer_and_a_run_make_the_update_topic():
    offer = OfferView(
        node=7,
        installed="1.0",
        latest="1.1",
        available=True,
        title="lamp",
        notes="n" * 1000,
        refusal="offline",
    )
    told = value(PROFILE.update(node(7), offer, None, NOW_S))
    assert len(told.pop("notes")) == 255
    assert told == {
        "installed": "1.0",
        "latest": "1.1",
        "available": True,
        "title": "lamp",
        "refusal": "offline",
    }
    for done, parts, percent in [(0, 0, None), (0, 3, 0), (1, 3, 33), (3, 3, 100), (9, 3, 100), (-1, 3, 0)]:
        run = ProgressView(node=7, rollout="r1", state="downloading", parts_done=done, parts=parts)
        assert value(PROFILE.update(node(7), offer, run, NOW_S)).get("percent") == percent


def test_who_waits_for_an_update_is_not_at_work_on_it():
    def at_work(state):
        return value(PROFILE.update(node(7, update_state=state), None, None, NOW_S)).get("in_progress", False)

    assert all(map(at_work, ("downloading", "paused", "verifying", "rebooting", "rolling_back")))
    assert not any(map(at_work, (None, "pending", "scheduled", "completed", "failed", "cancelled")))


def test_answers_say_what_came_of_a_command():
    good = {"status": "ok", "data": {"rollout": "r1", "odd": math.nan}}
    assert value(PROFILE.response("start", "t1", good, NOW_S)) == {
        "status": "ok",
        "transaction": "t1",
        "data": {"rollout": "r1", "odd": None},
    }
    bad = {"status": "error", "error": "there is no rollout r1", "code": "unknown"}
    assert value(PROFILE.response("pause", "", bad, NOW_S)) == bad


def test_the_bridge_says_who_it_is_and_how_it_does():
    info = Told(mesh="garden", profile="meshward", period_s=30.0, control=True, signed=False)
    told = value(PROFILE.bridge_info(picture(), info, NOW_S))
    assert (told["gateway"], told["mesh"], told["control"]) == (1, "garden", True)
    assert value(PROFILE.bridge_state(online=False, now_s=NOW_S)) == {"state": "offline"}
    told = value(PROFILE.bridge_health(picture(), health(alarms=["the disk is full"]), 5, 2, NOW_S))
    assert (told["at"], told["sent"], told["events_dropped"]) == ("2026-11-25T12:00:00Z", 5, 2)
    assert told["alarms"] == ["the disk is full"]


def test_texts_are_cut_and_cleaned():
    assert cut("Küche") == "Küche"
    assert cut("x" * 10_000) == "x" * (NAME_CHARACTERS - 1) + "…"
    assert cut("a\x1b[2J\ud800") == "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"


def test_values_of_any_depth_are_made_plain():
    deep = []
    for _ in range(1000):
        deep = [deep]
    assert json.loads(json.dumps(plain(deep)))
    assert plain({1: {"a"}, "b": (math.inf, 2.5)}) == {"1": ["a"], "b": [None, 2.5]}
    assert len(plain(range(20_000))) == 10_000
