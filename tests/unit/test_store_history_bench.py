"""The measurement of history works; how fast it is, no test says."""

from bench import history
from bench.settings import Settings


def test_history_is_measured_and_a_week_fits():
    sizes, queries = history.measure(Settings(scale=0.001), nodes_count=3)
    measured = {what: value for what, value, _ in sizes.rows}
    assert 0 < measured["MB, a week of 250 nodes"] < 1000
    assert measured["samples added per second"] > 0
    assert [row[0] for row in queries.rows] == [name for name, _ in history._RESOLUTIONS]
    assert all(row[1] > 0 for row in queries.rows)
