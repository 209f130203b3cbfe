"""The measurements of a running gateway work; how fast it is, no test says."""

import pytest

from bench import bridges, fleets, gateway_api, gateway_idle, gateway_stream, health_load
from bench.settings import Settings
from tests.integration.fleets import next_port

TINY = Settings(scale=0.01)


@pytest.fixture(autouse=True)
def _ports(monkeypatch):
    monkeypatch.setattr(fleets, "_free_port", lambda nodes: next_port())


def test_a_gateway_that_nobody_asks():
    (table,) = gateway_idle.measure(TINY, nodes=3)
    ((nodes, megabytes, percent, fleet_percent),) = table.rows
    assert nodes == 3
    assert megabytes > 1
    assert percent >= 0
    assert fleet_percent >= 0


def test_the_api_is_asked_before_and_during_an_update():
    fleet = gateway_api.Fleet("no loops", (), 16 * 1024)
    (table,) = gateway_api.measure(Settings(scale=0.05), nodes=3, fleets=(fleet,))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["gateway"], row["asked for"]) for row in rows] == [
        ("idle", "health"),
        ("idle", "node list"),
        ("updates", "health"),
        ("updates", "node list"),
    ]
    assert [row["requests"] for row in rows] == [25, 50, 50, 100]
    assert all(0 < row["p50 ms"] <= row["p99 ms"] <= row["max ms"] for row in rows)
    assert any(state in table.notes[1] for state in ("downloading", "rebooting", "verifying", "completed"))


def test_a_stalled_client_is_there_and_not_counted():
    (table,) = gateway_stream.measure(TINY, nodes=3, readers=4)
    assert [row[:2] for row in table.rows] == [("1", 1), ("4", 4), ("4, 1 stalled", 5), ("4 again", 4)]
    assert all(0 < row[2] <= row[3] for row in table.rows)


def test_a_gateway_that_watches_boards_is_compared_with_one_that_does_not():
    (table,) = health_load.measure(Settings(scale=0.02), nodes=3)
    assert [row[0] for row in table.rows] == ["without telemetry and probes", "with both", "the difference"]
    without, both, difference = (row[1:] for row in table.rows)
    assert all(value >= 0 for value in (*without, *both))
    assert difference == tuple(after - before for before, after in zip(without, both, strict=True))


def test_a_gateway_with_all_bridges_is_compared_with_one_that_has_none():
    costs, traffic = bridges.measure(
        Settings(scale=0.02), nodes=3, cases=(bridges.CASES[0], bridges.CASES[-1])
    )
    (without, *none), (_, percent, _, megabytes, _) = costs.rows
    assert (without, none[1], none[3]) == ("no bridges", 0, 0)
    assert percent >= 0
    assert megabytes > 1
    assert {"mqtt", "influx"} <= {kind for _, kind, *_ in traffic.rows}
    # What is sent at first may fall into the time after it, which is so short here.
    (mqtt,) = [row for row in traffic.rows if row[1] == "mqtt"]
    assert mqtt[2] > 0 or mqtt[4] > 0
