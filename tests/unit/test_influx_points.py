"""Which points there are, and what is in them."""

from meshward.bridges.influx.lines import NS
from meshward.bridges.influx.points import NODE_STATES, OVER_STATES, Points, event_line, sample_lines
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import NodeSample, ProgressView
from meshward.ota.states import FINAL, NodeState
from meshward.rollout.states import RolloutState
from tests.support.gateway_values import event, rollout
from tests.support.health_values import NOW_S, alert, mesh_status, node_status, score
from tests.support.line_parser import parse


def summary(state=RolloutState.UPDATING, counts=(), **more):
    made = rollout(state, **more)
    made.counts = dict(counts)
    return made


class Writing:
    """Points of a mesh called garden, parsed."""

    def __init__(self):
        self.points = Points("garden")
        self.picture = Picture(own_id=7, mesh_connected=True)
        self.progress = []

    def write(self, *nodes, at_s=NOW_S):
        made = self.points.lines(mesh_status(*nodes), self.picture, self.progress, at_s)
        return [parse(one) for one in made]

    def of(self, measurement, *nodes, at_s=NOW_S):
        return [
            (tags, fields, at_ns)
            for name, tags, fields, at_ns in self.write(*nodes, at_s=at_s)
            if name == measurement
        ]


def test_a_node_is_one_series_whenever_its_role_and_hardware_become_known():
    node = node_status(1001, role="sensor", hardware="ESP32")

    ((tags, fields, _),) = Writing().of("painlessmesh_node", node)

    assert tags == {"mesh": "garden", "node": "1001"}
    assert (fields["role"], fields["hardware"]) == ("sensor", "ESP32")
    ((before, fields, _),) = Writing().of("painlessmesh_node", node_status(1001, role="", hardware=""))
    assert before == tags
    assert not {"role", "hardware"} & set(fields)


def test_what_the_gateway_knows_of_a_node_stands_at_the_time_of_writing():
    restarts = ["2026-11-25T11:00:00Z", "2026-11-24T11:00:00Z", "2026-11-25T09:00:00.500Z"]
    node = node_status(
        1001, name="Shed", depth=2, health=score(low_heap=20), alerts=["a1"], restarts=restarts
    )

    ((_, fields, at_ns),) = Writing().of("painlessmesh_node", node, at_s=NOW_S + 0.7)

    assert fields == {
        "up": 1.0,
        "health": 80.0,
        "alerts": 1.0,
        "restarts": 2.0,
        "depth": 2.0,
        "name": "Shed",
        "version": "1.0.0",
        "hardware": "ESP32",
        "role": "sensor",
    }
    assert at_ns == NOW_S * NS


def test_a_node_that_is_away_is_down_and_has_no_depth():
    node = node_status(1001, online=False, depth=None, metrics={})

    ((_, fields, _),) = Writing().of("painlessmesh_node", node)

    assert fields["up"] == 0.0
    assert "depth" not in fields


def test_every_sample_stands_at_the_time_of_its_measurement():
    frame = [
        NodeSample(node=1001, at_s=NOW_S - ago_s + 0.25, values={"rssi_dbm": -60.0 - ago_s, "nodes": 3.0})
        for ago_s in (240, 180, 120, 60, 0)
    ]

    made = [parse(one) for one in sample_lines("garden", frame)]

    assert {(name, *sorted(tags.items())) for name, tags, _, _ in made} == {
        ("painlessmesh_node", ("mesh", "garden"), ("node", "1001"))
    }
    assert [(fields["rssi_dbm"], at_ns) for _, _, fields, at_ns in made] == [
        (-60.0 - ago_s, (int(NOW_S) - ago_s) * NS + NS // 4) for ago_s in (240, 180, 120, 60, 0)
    ]


def test_a_sample_without_a_number_is_no_line():
    empty = NodeSample(node=1001, at_s=NOW_S, values={})
    odd = NodeSample(node=1001, at_s=NOW_S, values={"rssi_dbm": float("nan")})

    assert sample_lines("garden", [empty, odd]) == []


def test_readings_are_written_as_samples_alone():
    ((_, fields, _),) = Writing().of("painlessmesh_node", node_status(1001))

    assert "heap_free_bytes" not in fields


def test_the_mesh_is_counted():
    writing = Writing()
    writing.picture.alerts = {
        one.id: one
        for one in (
            alert("a1", severity="critical"),
            alert("a2", severity="warning"),
            alert("a3", severity="warning"),
            alert("a4", severity="info", state="pending"),
        )
    }
    writing.progress = [
        ProgressView(node=node, rollout="r-7f3a", state=state, parts_done=0, parts=0)
        for node, state in enumerate(("downloading", "rebooting", "pending", "scheduled", "completed"))
    ]

    ((tags, fields, _),) = writing.of("painlessmesh_mesh", node_status(1), node_status(2, online=False))

    assert tags == {"mesh": "garden"}
    assert fields == {
        "online": 1.0,
        "offline": 1.0,
        "health": 100.0,
        "connected": 1.0,
        "alerts_critical": 1.0,
        "alerts_warning": 2.0,
        "alerts_info": 0.0,
        "updating": 2.0,
    }


def test_a_mesh_without_a_name_is_called_by_our_id_and_not_written_before_it_is_known():
    points = Points("")

    assert points.lines(mesh_status(node_status(1)), Picture(), [], NOW_S) == []
    made = points.lines(mesh_status(node_status(1)), Picture(own_id=7), [], NOW_S)
    assert {parse(one)[1]["mesh"] for one in made} == {"mesh-7"}


def test_a_rollout_has_all_states_and_how_far_it_is():
    writing = Writing()
    counts = {"completed": 2, "failed": 1, "downloading": 1, "pending": 1, "not_targeted": 5}
    writing.picture.rollouts = {"r-7f3a": summary(counts=counts)}
    writing.progress = [
        ProgressView(node=4, rollout="r-7f3a", state="downloading", parts_done=33, parts=66),
        ProgressView(node=5, rollout="another", state="downloading", parts_done=66, parts=66),
    ]

    ((tags, fields, at_ns),) = writing.of("painlessmesh_rollout")

    assert tags == {"mesh": "garden", "rollout": "r-7f3a"}
    assert (fields.pop("state"), fields.pop("name")) == ("updating", "sensor 1.1.0")
    assert fields.pop("progress_ratio") == 0.7  # 3 of 5 are over, and half of one
    assert fields == {state: float(counts.get(state, 0)) for state in NODE_STATES}
    assert at_ns == NOW_S * NS


def test_a_rollout_without_targets_has_no_progress():
    writing = Writing()
    writing.picture.rollouts = {"r-7f3a": summary(counts={"not_targeted": 3})}

    ((_, fields, _),) = writing.of("painlessmesh_rollout")

    assert "progress_ratio" not in fields


def test_a_rollout_that_is_over_is_written_once_at_its_end():
    writing = Writing()
    over = summary(RolloutState.COMPLETED, {"completed": 1}, ended_at="2026-11-25T11:59:30Z")
    writing.picture.rollouts = {"r-7f3a": over}

    ((_, fields, at_ns),) = writing.of("painlessmesh_rollout")

    assert (fields["state"], fields["progress_ratio"]) == ("completed", 1.0)
    assert at_ns == (NOW_S - 30) * NS
    assert writing.of("painlessmesh_rollout", at_s=NOW_S + 60) == []


def test_a_rollout_that_was_over_long_ago_is_not_written():
    writing = Writing()
    over = summary(RolloutState.FAILED, {"failed": 1}, ended_at="2026-11-25T10:59:00Z")
    writing.picture.rollouts = {"r-7f3a": over}

    assert writing.of("painlessmesh_rollout") == []


def test_the_states_of_nodes_are_those_of_updates():
    assert set(NODE_STATES) == set(NodeState)
    assert set(OVER_STATES) == set(FINAL) - {NodeState.NOT_TARGETED}


def test_an_event_is_a_text_with_what_it_is_about():
    made = event_line(
        "garden", event(12, 'node 1001 said "ok"', node=1001, rollout="r1", at="2026-11-25T12:00:00.250Z")
    )

    assert parse(made) == (
        "painlessmesh_event",
        {"mesh": "garden", "kind": "node"},
        {"text": 'node 1001 said "ok"', "severity": "info", "node": "1001", "rollout": "r1"},
        int(NOW_S * 1000 + 250) * 1_000_000 + 12,
    )


def test_two_events_at_once_are_two_points():
    made = [parse(event_line("garden", event(number, "same"))) for number in (1, 2)]

    assert made[0][3] != made[1][3]
