"""Which points there are, and what is in them."""

import pytest

from meshward.bridges.influx.lines import NS
from meshward.bridges.influx.points import NODE_STATES, OVER_STATES, Points, event_line
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import ProgressView
from meshward.gateway.health_views import ReadingView
from meshward.ota.states import FINAL, NodeState
from meshward.rollout.states import RolloutState
from tests.support.gateway_values import event, rollout
from tests.support.health_values import NOW_S, alert, mesh_status, node_status, readings, score
from tests.support.line_parser import parse


def summary(state=RolloutState.UPDATING, counts=(), **more):
    made = rollout(state, **more)
    made.counts = dict(counts)
    return made


class Writing:
    """Points of a mesh called garden, parsed."""

    def __init__(self, period_s=60.0):
        self.points = Points("garden", period_s)
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


def test_a_node_is_tagged_with_what_it_is():
    node = node_status(1001, role="sensor", hardware="ESP32")

    tags, _, _ = Writing().of("painlessmesh_node", node)[0]

    assert tags == {"mesh": "garden", "node": "1001", "role": "sensor", "hardware": "ESP32"}


def test_what_the_gateway_knows_of_a_node_stands_at_the_time_of_writing():
    restarts = ["2026-11-25T11:00:00Z", "2026-11-24T11:00:00Z", "2026-11-25T09:00:00.500Z"]
    node = node_status(
        1001, name="Shed", depth=2, health=score(low_heap=20), alerts=["a1"], restarts=restarts, metrics={}
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
    }
    assert at_ns == NOW_S * NS


def test_a_node_that_is_away_is_down_and_has_no_depth():
    node = node_status(1001, online=False, depth=None, metrics={})

    ((_, fields, _),) = Writing().of("painlessmesh_node", node)

    assert fields["up"] == 0.0
    assert "depth" not in fields


def test_readings_stand_at_the_time_of_their_measurement():
    node = node_status(1001, metrics=readings(age_s=21.0))

    _, told, seen = Writing().of("painlessmesh_node", node)

    assert (told[2], seen[2]) == ((NOW_S - 21) * NS, (NOW_S - 14) * NS)
    assert told[1]["heap_free_bytes"] == 41_216.0
    assert seen[1] == {"online": 1.0, "delay_ms": 8.0, "jitter_ms": 2.0, "probe_loss_percent": 0.0}


def test_a_reading_is_written_once_and_its_successor_too():
    writing = Writing()

    def write(age_s, later_s):
        metrics = {"rssi_dbm": ReadingView(value=-60.0, age_s=age_s, source="telemetry")}
        return len(writing.of("painlessmesh_node", node_status(1001, metrics=metrics), at_s=NOW_S + later_s))

    # The second time its age is rounded to another tenth.
    assert [write(5.0, 0), write(65.1, 60), write(2.0, 120), write(62.0, 180)] == [2, 1, 2, 1]


def test_a_clock_that_is_set_back_does_not_stop_the_writing():
    writing = Writing()
    node = node_status(1001)

    assert len(writing.of("painlessmesh_node", node)) == 3
    assert len(writing.of("painlessmesh_node", node, at_s=NOW_S - 7200)) == 3


@pytest.mark.parametrize(("period_s", "oldest_s"), [(60.0, 600.0), (600.0, 1800.0)])
def test_old_readings_are_not_written(period_s, oldest_s):
    for age_s, lines in ((oldest_s, 2), (oldest_s + 0.1, 1)):
        metrics = {"rssi_dbm": ReadingView(value=-60.0, age_s=age_s, source="telemetry")}
        assert len(Writing(period_s).of("painlessmesh_node", node_status(1001, metrics=metrics))) == lines


def test_nothing_is_remembered_of_a_node_that_was_forgotten():
    writing = Writing()
    writing.write(node_status(1001), node_status(1002))

    writing.write(node_status(1002), at_s=NOW_S + 60)

    assert set(writing.points._written) == {1002}


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
        for node, state in ((1, "downloading"), (2, "pending"), (3, "completed"), (4, "not_targeted"))
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
    points = Points("", 60.0)

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
