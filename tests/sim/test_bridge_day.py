"""Every payload of both profiles fits its schema, through a virtual day in which things go wrong."""

import pytest

from meshward.status.alerts.defaults import DEFAULTS
from tests.sim.bridge_day import BridgeDay

KINDS = {
    *("nodes", "topology", "metrics", "alerts", "node", "health", "availability", "update"),
    *("info", "event", "0123456789abcdef"),
}

pytestmark = pytest.mark.xdist_group("bridge day")  # it is lived once


@pytest.fixture(scope="module")
def day():
    return BridgeDay(1).live()


@pytest.mark.parametrize("number", [0, 1], ids=["meshward", "alteriom"])
def test_every_message_of_a_day_with_faults_fits_its_schema(day, number):
    desk = day.desks[number]  # each message was held against its schema when it was sent
    assert set(desk.seen) == KINDS
    assert {one.get("state") or one["status"] for one in desk.seen["availability"]} == {"online", "offline"}
    assert sum(map(len, desk.seen.values())) > 3000
    assert desk.largest_bytes < 100_000


def test_the_day_had_faults_of_many_kinds_and_alerts_of_every_rule(day):
    meshward, alteriom = day.desks
    rules = {alert["rule"] for told in meshward.seen["alerts"] for alert in told["alerts"]}
    assert rules == {*DEFAULTS, "cold_store"}
    real = {a["rule"] for told in meshward.seen["alerts"] for a in told["alerts"] if "-" not in a["id"]}
    assert len(real) >= 5
    types = {alert["alert_type"] for told in alteriom.seen["alerts"] for alert in told["alerts"]}
    assert types == {
        *("low_memory", "node_offline", "connection_lost", "high_latency", "packet_loss"),
        *("firmware_mismatch", "configuration_error", "security_warning", "other"),
    }
    states = {one["status"] for one in alteriom.seen["update"]}
    assert states >= {"idle", "scheduled", "downloading", "download_paused", "verifying", "rebooting"}
    assert states >= {"completed", "failed"}
    assert max(one.get("restarts", 0) for one in meshward.seen["health"]) >= 3
    assert any(one.get("leak_hours_left") for one in meshward.seen["health"])


def test_a_node_that_was_forgotten_left_nothing_behind(day):
    for desk in day.desks:
        mine = [topic for topic in desk.shelf.topics if f"/{day.forgotten}" in topic]
        assert mine == []
        assert desk.shelf.get(desk.topics.node(1001, "availability")) is not None
