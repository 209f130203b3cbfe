"""What profile "alteriom" says of the mesh: in messages that fit Alteriom's schemas."""

import json
import math

import msgspec
import pytest

from meshward.bridges.mqtt.control.proposal import ProposedStatus
from meshward.bridges.mqtt.profiles import alteriom_words as words
from meshward.bridges.mqtt.profiles.alteriom import AlteriomProfile
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.texts_part import Text
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.views import TopologyNode, TopologyView
from meshward.ota.states import NodeState
from meshward.rollout.states import RolloutState
from meshward.status.alerts.defaults import DEFAULTS
from tests.support.gateway_values import event, health, node
from tests.support.health_values import NOW_S, alert, mesh_status, node_status, readings, score
from tests.support.mqtt_schemas import ALTERIOM, check

NOW = "2026-11-25T12:00:00Z"


@pytest.fixture
def profile():
    return AlteriomProfile("garden", own_id=42)


def picture(*nodes, alerts=()):
    return Picture(own_id=42, nodes={one.id: one for one in nodes}, alerts={one.id: one for one in alerts})


def told(topic, payload):
    """What comes to the envelope."""
    message = check("alteriom", f"mesh/{topic}", payload)
    for key in (
        "schema_version",
        "message_type",
        "device_id",
        "device_type",
        "timestamp",
        "firmware_version",
    ):
        message.pop(key, None)
    return message


def test_the_envelope_names_the_gateway_or_the_node(profile):
    message = json.loads(profile.bridge_state(online=True, now_s=NOW_S))
    assert (message["device_id"], message["device_type"]) == ("meshward-42", "gateway")
    assert (message["timestamp"], message["schema_version"]) == (NOW, 1)
    message = json.loads(profile.availability(node(7, version="", firmware=""), NOW_S))
    assert (message["device_id"], message["device_type"]) == ("7", "sensor")
    assert message["firmware_version"] == "unknown"
    message = json.loads(profile.availability(node(7, role="bridge", version="9" * 100), NOW_S))
    assert message["device_type"] == "bridge"
    assert len(message["firmware_version"]) == 40


def test_the_own_id_is_taken_from_the_picture_where_it_was_not_known():
    profile = AlteriomProfile()
    assert json.loads(profile.bridge_state(online=True, now_s=NOW_S))["device_id"] == "meshward"
    profile.alerts(picture(), NOW_S)
    assert json.loads(profile.bridge_state(online=True, now_s=NOW_S))["device_id"] == "meshward-42"
    assert told("status/nodes", profile.nodes(picture(), None, NOW_S))["mesh_id"] == "mesh-42"


def test_the_node_list_says_who_cannot_be_reached_because_of_another(profile):
    nodes = [
        node(7, name="Hall"),
        node(8, online=False, last_seen_at="2026-11-25T11:00:00.000Z"),
        node(9, online=False),
    ]
    status = mesh_status(node_status(7, silent_s=20.0, metrics=readings(rssi_dbm=-61.4)), node_status(8))
    seen = picture(*nodes, alerts=[alert("a1", behind=[9])])
    message = told("status/nodes", profile.nodes(seen, status, NOW_S + 10))
    assert (message["node_count"], message["mesh_id"]) == (3, "garden")
    assert message["nodes"] == [
        {
            "node_id": "7",
            "status": "online",
            "last_seen": "2026-11-25T11:59:40Z",
            "signal_strength": -61,
            "name": "Hall",
            "firmware_version": "1.0.0",
        },
        {
            "node_id": "8",
            "status": "offline",
            "last_seen": "2026-11-25T11:00:00.000Z",
            "signal_strength": -61,
            "firmware_version": "1.0.0",
        },
        {"node_id": "9", "status": "unreachable", "firmware_version": "1.0.0"},
    ]


def test_the_tree_has_connections_from_the_gateway_down(profile):
    nodes = [
        TopologyNode(id=42, parent=None, depth=0),
        TopologyNode(id=7, parent=42, depth=1),
        TopologyNode(id=8, parent=7, depth=2),
    ]
    payload = profile.topology(picture(), TopologyView(own_id=42, nodes=nodes), NOW_S)
    assert told("status/topology", payload) == {
        "connections": [
            {"from_node": "42", "to_node": "7", "hop_count": 1},
            {"from_node": "7", "to_node": "8", "hop_count": 2},
        ],
        "root_node": "42",
        "total_connections": 2,
    }


def test_the_mesh_in_numbers(profile):
    status = mesh_status(
        node_status(7, metrics=readings(delay_ms=8.0, rssi_dbm=-60.0, probe_loss_percent=5.0)),
        node_status(8, metrics=readings(delay_ms=12.0, rssi_dbm=-80.0, probe_loss_percent=-5.0)),
        node_status(9, metrics=readings(delay_ms=math.nan, rssi_dbm=12.0)),
        summary="All well.",
        health=score(),
    )
    nodes = [node(7, up_since_at="2026-11-25T11:00:00.000Z"), node(8), node(9, online=False)]
    message = told("status/metrics", profile.metrics(picture(*nodes), status, NOW_S))
    assert message["metrics"] == {
        "uptime_s": 3600,
        "total_nodes": 3,
        "active_nodes": 2,
        "routing_table_size": 2,
        "packet_loss_pct": 2.5,
        "average_latency_ms": 10.0,
        "max_latency_ms": 12,
        "min_latency_ms": 8,
        "average_rssi": -70.0,
        "weakest_link_rssi": -80,
        "strongest_link_rssi": -60,
        "health_score": 100,
    }


def test_every_rule_has_a_type_of_alert_and_keeps_its_own_name(profile):
    allowed = json.loads((ALTERIOM / "mesh_alert.schema.json").read_text("utf-8"))
    allowed = allowed["properties"]["alerts"]["items"]["properties"]["alert_type"]["enum"]
    assert words.ALERT_TYPES.keys() <= DEFAULTS.keys()
    assert {*words.ALERT_TYPES.values(), *words.METRIC_TYPES.values(), "other"} <= set(allowed)
    firing = [alert(f"a{place}", rule=name) for place, name in enumerate(DEFAULTS)]
    payload = profile.alerts(picture(alerts=firing), NOW_S)
    shown = {one["rule"]: one["alert_type"] for one in told("status/alerts", payload)["alerts"]}
    assert shown.keys() == DEFAULTS.keys()
    assert (shown["leak"], shown["silent_node"], shown["hot"]) == ("low_memory", "node_offline", "other")


def test_a_rule_of_one_s_own_has_the_type_of_its_metric(profile):
    one = alert(
        "a1", rule="slow", labels={"node": "7", "metric": "delay_ms"}, node=7, value=900.0, threshold=500
    )
    (shown,) = told("status/alerts", profile.alerts(picture(alerts=[one]), NOW_S))["alerts"]
    assert (shown["alert_type"], shown["rule"], shown["node_id"]) == ("high_latency", "slow", "7")
    assert (shown["metric_value"], shown["threshold"]) == (900, 500)


def test_health_of_a_node_leaves_out_what_the_schema_does_not_allow(profile):
    metrics = readings(rssi_dbm=5.0, battery_percent=99.6, cpu_percent=101.0, heap_free_bytes=-1.0)
    status = node_status(7, metrics=metrics, boots=3, boot_at="2026-11-25T11:59:00.000Z")
    message = told("status/node/7/health", profile.health(node(7), status, ["hot"], NOW_S))
    assert message["metrics"] == {
        "uptime_s": 60,
        "temperature_c": 38.5,
        "battery_level": 100,
        "connected_devices": 2,
        "mesh_nodes": 6,
        "packet_loss_pct": 0,
        "latency_ms": 8,
        "restart_count": 3,
    }
    assert (message["problem"], message["alerts"]) == (True, ["hot"])


@pytest.mark.parametrize(
    ("since", "uptime_s"), [("2026-11-25T11:00:00.000Z", 3600), (None, 0), ("2027-01-01T00:00:00.000Z", 0)]
)
def test_a_board_that_tells_no_boot_is_up_as_long_as_it_is_in_the_mesh(profile, since, uptime_s):
    payload = profile.health(node(7, up_since_at=since), node_status(7, boot_at=None), [], NOW_S)
    assert told("status/node/7/health", payload)["metrics"]["uptime_s"] == uptime_s


def test_every_state_of_ours_has_a_word_of_theirs(profile):
    assert words.NODE_STATES.keys() == set(NodeState)
    assert words.ROLLOUT_STATES.keys() == set(RolloutState)
    for state in ("", *NodeState, "new"):
        message = told("status/node/7/update", profile.update(node(7, update_state=state), None, None, NOW_S))
        assert message["status"] == words.NODE_STATES.get(state, "idle")
    for state in RolloutState:
        payload = profile.rollout({"state": state.value, "percent": 12}, NOW_S)
        message = told("ota/status/r1", payload)
        assert (message["status"], message["progress_pct"]) == (words.ROLLOUT_STATES[state], 12)


def test_an_update_says_from_what_to_what_and_how_far(profile):
    offer = OfferView(node=7, installed="1.0", latest="1.1", available=True)
    run = ProgressView(node=7, rollout="r1", state="downloading", parts_done=33, parts=66)
    assert told("status/node/7/update", profile.update(node(7), offer, run, NOW_S)) == {
        "event": "firmware_status",
        "status": "downloading",
        "from_version": "1.0",
        "to_version": "1.1",
        "progress_pct": 50,
        "update_available": True,
        "state": "downloading",
        "rollout": "r1",
    }


def test_answers_to_commands_carry_the_transaction(profile):
    good = {"status": "ok", "data": {"rollout": "r1"}}
    assert told("ota/response/start", profile.response("start", "ci-1", good, NOW_S)) == {
        "event": "command_response",
        "command": "start",
        "correlation_id": "ci-1",
        "success": True,
        "result": {"rollout": "r1"},
    }
    bad = {"status": "error", "error": "e" * 1000, "code": "unknown"}
    message = told("ota/response/start", profile.response("start", "with a space", bad, NOW_S))
    assert len(message.pop("message")) == 256
    assert message == {
        "event": "command_response",
        "command": "start",
        "transaction": "with a space",
        "success": False,
        "error_code": "unknown",
    }


def test_events_and_the_bridge_itself(profile):
    message = told("event", profile.event(event(5, "Hall left the mesh", kind="node.left", node=7), NOW_S))
    assert message == {
        "event": "node.left",
        "event_id": 5,
        "event_at": NOW,
        "severity": "info",
        "message": "Hall left the mesh",
        "node_id": "7",
    }
    info = Told(mesh="garden", profile="alteriom", period_s=30.0, control=True, signed=False)
    message = told("bridge/info", profile.bridge_info(picture(), info, NOW_S))
    assert (message["gateway"], message["capabilities"]["firmware_update"]) == ("42", True)
    message = told("bridge/health", profile.bridge_health(picture(), health(), 5, 2, NOW_S))
    assert message["metrics"] == {"uptime_s": 7260, "connected_devices": 0, "mesh_nodes": 2}
    for online, state in ((True, "online"), (False, "offline")):
        payload = profile.bridge_state(online=online, now_s=NOW_S)
        assert told("bridge/state", payload) == {"status": state, "state": state}


@pytest.mark.parametrize("state", [*words.PROPOSED_STATES, "something new"])
@pytest.mark.parametrize("profile", ["meshward", "alteriom"])
def test_all_updates_together_fit(profile, state):
    status = ProposedStatus(
        status=state,
        progress=12,
        timestamp=int(NOW_S),
        updated_nodes=1,
        total_nodes=8,
        rollouts=[{"rollout": "r1", "job": "ci-1", "name": "x", "state": "updating", "percent": 12}],
        fetching=[{"job": "ci-2", "host": "ci.example", "received_bytes": 3}],
    )
    payload = make_profile(profile).updates(msgspec.to_builtins(status), NOW_S)
    shown = check(profile, "mesh/ota/status", payload)
    assert (shown["updated_nodes"], shown["rollouts"][0]["job"]) == (1, "ci-1")
    assert shown.get("state", shown["status"]) == state


@pytest.mark.parametrize("words", ["lamp on", "x" * 4000, "\u202e\U0001f600\x00"])
@pytest.mark.parametrize("profile", ["meshward", "alteriom"])
def test_a_text_of_a_node_fits_and_is_whole(profile, words):
    text = msgspec.to_builtins(Text(node=1001, text=words, broadcast=True))
    shown = check(profile, "mesh/message/1001", make_profile(profile).text(1001, text, NOW_S))
    assert (shown["node"], shown["text"], shown["broadcast"]) == (1001, words, True)
