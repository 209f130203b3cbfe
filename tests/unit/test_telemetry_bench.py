"""The figures that the issue asks for, on one day of one board each."""

import pytest

from bench import telemetry
from bench.settings import Settings

BYTES_MAX = {"calm": 1600, "busy": 2500}


@pytest.mark.parametrize("kind", ["calm", "busy"])
def test_a_day_costs_no_more_than_it_may_and_every_crossing_is_known_within_5_s(kind):
    day = telemetry.Day(kind, seed=0, hours=24)
    assert day.per_hour(day.telemetry_bytes) <= BYTES_MAX[kind]
    assert day.per_hour(telemetry.report_bytes(day.minutes)) == pytest.approx(16_250, rel=0.02)
    assert day.samples >= 24 * 60 - 5
    assert all(one.known_s is not None and one.known_s - one.at_s <= 5 for one in day.crossings)
    assert (len(day.crossings) > 0) == (kind == "busy")


def test_the_tables_have_every_day_and_option():
    sizes, delays, proposal = telemetry.measure(Settings(scale=0.001), boards=1)
    assert [row[0] for row in sizes.rows] == [row[0] for row in delays.rows] == list(telemetry.KINDS)
    assert all(row[1] > row[2] > row[3] > 0 for row in sizes.rows)
    assert {row[0][:2] for row in proposal.rows} == {"2A", "2B", "2C"}
    assert all(table.text("x") for table in (sizes, delays, proposal))
