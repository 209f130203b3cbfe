"""What all bridges make of the gateway's values in the same way."""

import pytest

from meshward.bridges.values import UPDATING, firing_by_severity, fresh, restarts_24h, unix_s
from meshward.gateway.health_views import ReadingView
from meshward.ota.states import NodeState
from tests.support.health_values import NOW, NOW_S, alert, node_status


@pytest.mark.parametrize(
    ("source", "age_s", "expected"),
    [
        ("mesh", 3599.0, True),
        ("mesh", 3601.0, False),
        ("telemetry", 1199.0, True),
        ("telemetry", 1201.0, False),
        ("query", 1201.0, False),
        ("607", 1199.0, True),
    ],
)
def test_what_is_measured_seldom_stays_fresh_for_longer(source, age_s, expected):
    assert fresh(ReadingView(value=1.0, age_s=age_s, source=source)) is expected


def test_restarts_of_the_last_day_are_counted():
    restarts = ["2026-11-24T11:59:59.000Z", "2026-11-24T12:00:01.000Z", "2026-11-25T09:00:00Z"]
    assert restarts_24h(node_status(7, restarts=restarts), NOW_S) == 2
    assert restarts_24h(node_status(7), NOW_S) == 0


def test_only_alerts_that_are_firing_count():
    alerts = [alert("a1"), alert("a2", severity="info"), alert("a3"), alert("a4", state="pending")]
    assert firing_by_severity(alerts) == {"critical": 2, "info": 1}


def test_times_are_unix_seconds_where_there_are_any():
    assert unix_s(NOW) == NOW_S
    assert (unix_s(None), unix_s("")) == (None, None)


def test_a_node_counts_as_being_updated_from_its_first_part_to_its_end():
    assert {str(state) for state in NodeState} >= UPDATING - {"paused", "rolling_back"}
    assert not UPDATING & {"pending", "scheduled", "completed", "failed"}
