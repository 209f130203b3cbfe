"""The state of the fleet: values by whom, restarts, and what is given to rules and history."""

import math
import time

import pytest

from meshward.status.facts import Fact, NodeFacts
from meshward.status.metrics import METRICS
from meshward.status.samples import Sample
from meshward.status.state import Taken
from tests.support.fleet_state import HOUR_US, MINUTE_US, SECOND_US, a_fleet, told

HEAP = "heap_free_bytes"


def value_of(state, node, name, now_us):
    fact = state.metrics_of(node, now_us).get(name)
    return None if fact is None else fact.value


# -- values ----------------------------------------------------------------------------------


def test_a_value_keeps_its_moment_and_its_source():
    state = a_fleet({7: None})
    taken = state.on_sample(told(7, heap_free_bytes=30_000, age_us=2 * SECOND_US), 10 * SECOND_US)
    assert taken == Taken({HEAP: 30_000})
    assert state.metrics_of(7, 15 * SECOND_US)[HEAP] == Fact(30_000, 7.0, "604")
    assert state.sources(7) == ["mesh", "604"]


def test_what_was_measured_later_wins_whatever_comes_first():
    state = a_fleet({7: None})
    state.on_sample(told(7, heap_free_bytes=2), 20 * SECOND_US)
    late = told(7, "telemetry", heap_free_bytes=1, rssi_dbm=-50, age_us=5 * SECOND_US)
    assert state.on_sample(late, 21 * SECOND_US).values == {"rssi_dbm": -50}
    assert value_of(state, 7, HEAP, 21 * SECOND_US) == 2
    assert state.on_sample(told(7, "204", heap_free_bytes=3), 22 * SECOND_US).values == {HEAP: 3}


def test_its_own_words_count_for_more_than_those_of_others_while_they_are_fresh():
    state = a_fleet({7: None, 8: None})
    others = told(7, "600", told_by=8, rssi_dbm=-80)
    assert state.on_sample(others, 0).values == {"rssi_dbm": -80}
    assert state.on_sample(told(7, rssi_dbm=-50, age_us=MINUTE_US), SECOND_US).values == {"rssi_dbm": -50}
    assert state.on_sample(others, 2 * MINUTE_US).values == {}
    assert value_of(state, 7, "rssi_dbm", 2 * MINUTE_US) == -50
    assert state.on_sample(others, 11 * MINUTE_US).values == {"rssi_dbm": -80}
    assert state.sources(7) == ["mesh", "604"], "what others tell is no sign of itself"


def test_of_a_node_that_is_not_in_the_mesh_nothing_is_taken():
    state = a_fleet({7: None})
    state.on_tree({7: None}, 0)
    assert state.on_sample(told(99, rssi_dbm=-5), 0) == Taken()
    assert state.on_sample(told(99, "600", told_by=7, rssi_dbm=-5), 0) == Taken()
    assert state.nodes() == [7]


def test_what_only_we_can_see_no_node_has_a_say_in():
    state = a_fleet({7: None})
    taken = state.on_sample(told(7, "query", delay_ms=1, online=0, rejoins_per_h=900), 0)
    assert taken == Taken(refused=3)
    assert value_of(state, 7, "online", 0) == 1
    assert value_of(state, 7, "rejoins_per_h", 0) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 2**40])
def test_values_that_cannot_be_are_refused_here_too(value):
    state = a_fleet({7: None})
    assert state.on_sample(Sample(7, "query", {HEAP: value, "no\x1bsuch": 1, "nodes": 3}), 0) == Taken(
        {"nodes": 3}, refused=2
    )
    facts = NodeFacts(7)
    state.fill(facts, 7, 0)
    assert facts.refused == "heap_free_bytes, no\N{REPLACEMENT CHARACTER}such"


def test_refused_values_are_put_down_to_whoever_told_them():
    state = a_fleet({7: None, 8: None})
    state.on_sample(Sample(8, "600", refused=("rssi 90", "nodeId 0")), 0)
    state.on_sample(Sample(7, "600", {"rssi_dbm": -50}, refused=("x 1",), told_by=8), 0)
    state.on_refused(8, "a frame \x1bwith a wrong sum", 0)
    assert (state.refused(7), state.refused(8), state.refused(99)) == (0, 4, 0)
    facts = NodeFacts(8)
    state.fill(facts, 8, 0)
    assert facts.refused == "a frame \N{REPLACEMENT CHARACTER}with a wrong sum"
    assert facts.refused_per_min == pytest.approx(4)
    state.fill(facts, 8, 5 * MINUTE_US)
    assert facts.refused_per_min < 0.1


def test_texts_and_sources_are_bounded():
    state = a_fleet({7: None})
    state.on_sample(Sample(7, "202", texts={"version": "1"}), 0)
    for number in range(1000):
        state.on_sample(Sample(7, f"kind{number}", texts={f"text{number}": "x", "version": f"{number}"}), 0)
    assert len(state.texts(7)) == 16
    assert state.text(7, "version") == "999"
    assert state.text(7, "nothing") == state.text(99, "version") == ""
    assert len(state.sources(7)) <= 17


# -- restarts --------------------------------------------------------------------------------


def feed(state, reports, node=7):
    """(second, source, uptime, …) in turn; the seconds at which a restart was told."""
    found = []
    for second, source, uptime_s, *boots in reports:
        sample = Sample(node, source, uptime_s=uptime_s, boots=boots[0] if boots else None)
        if state.on_sample(sample, second * SECOND_US).restarted:
            found.append(second)
    return found


def restarts_s(state, node=7):
    facts = NodeFacts(node)
    state.fill(facts, node, 0)
    return [at_us / SECOND_US for at_us in facts.restarts_us]


def test_an_uptime_that_goes_back_is_a_restart():
    state = a_fleet({7: None})
    assert feed(state, [(100, "604", 5000), (130, "604", 5030), (160, "604", 12), (190, "604", 42)]) == [160]
    assert restarts_s(state) == [148]


def test_an_uptime_that_is_higher_and_yet_too_low_is_a_restart():
    state = a_fleet({7: None})
    assert feed(state, [(100, "604", 50), (1000, "604", 600)]) == [1000]
    assert restarts_s(state) == [400]


def test_a_restart_is_told_once_whoever_tells_it():
    state = a_fleet({7: None})
    reports = [
        *[(100, "604", 5000), (110, "telemetry", 5010, 3), (115, "605", 5015)],
        *[(160, "telemetry", 8, 4), (163, "604", 11), (170, "query", 18, 4), (175, "605", 23)],
        *[(220, "telemetry", 68, 4), (223, "604", 71)],
    ]
    assert feed(state, reports) == [160]


def test_a_source_that_tells_of_a_restart_hours_later_tells_nothing_new():
    state = a_fleet({7: None})
    assert feed(state, [(0, "604", 9000), (0, "605", 9000), (60, "604", 5), (20_000, "605", 19_940)]) == [60]


def test_a_second_voice_takes_nothing_over_once_the_first_is_heard_again():
    state = a_fleet({7: None})
    reports = [(100, "604", 5000), (130, "604", 5030), (135, "604", 1), (160, "604", 5060)]
    assert feed(state, reports) == [135]
    assert restarts_s(state) == [], "it was a lie"
    assert feed(state, [(second, "604", second % 7) for second in range(161, 190)]) == []
    assert state.refused(7) == 29
    forged = Sample(7, "604", {HEAP: 1024}, uptime_s=3)
    assert state.on_sample(forged, 191 * SECOND_US).values == {}
    assert (
        state.on_sample(Sample(7, "604", {HEAP: 30_000}, uptime_s=5092), 192 * SECOND_US).values[HEAP]
        == 30_000
    )
    assert restarts_s(state) == []


def test_a_restart_of_a_node_with_two_voices_is_believed_after_a_while():
    state = a_fleet({7: None})
    feed(state, [(100, "604", 5000), (110, "604", 1), (130, "604", 5030), (140, "604", 2)])
    after = [(second, "604", second - 200) for second in range(210, 1000, 30)]
    feed(state, after)
    fact = state.metrics_of(7, 1000 * SECOND_US)["uptime_s"]
    assert fact.value == pytest.approx(780, abs=15)


def test_every_turn_of_a_crash_loop_is_a_restart():
    state = a_fleet({7: None})
    reports = [
        (0, "604", 900),
        *[(20 * turn, source, 5) for turn in range(1, 11) for source in ("604", "204")],
    ]
    assert feed(state, reports) == [20 * turn for turn in range(1, 11)]
    for turn in range(11, 100):
        feed(state, [(20 * turn, "604", 5)])
    assert len(restarts_s(state)) == 20
    assert restarts_s(state)[-1] == 99 * 20 - 5


def test_a_crash_loop_of_uneven_turns_is_noticed():
    state = a_fleet({7: None})
    uptimes_s = (9, 4, 6, 5, 8, 3, 7, 2, 6, 4)
    found = feed(state, [(0, "604", 900), *[(20 * turn, "604", up) for turn, up in enumerate(uptimes_s, 1)]])
    assert len(found) >= len(uptimes_s) / 2


def test_a_boot_counter_that_changes_is_a_restart():
    state = a_fleet({7: None})
    assert feed(
        state, [(0, "telemetry", None, 255), (60, "telemetry", None, 255), (90, "telemetry", None, 0)]
    ) == [90]
    assert feed(state, [(100, "query", 12, 0), (150, "query", 4, 1), (151, "telemetry", None, 1)]) == [150]
    assert restarts_s(state) == [90, 146]


def test_what_was_measured_before_a_restart_does_not_undo_it():
    state = a_fleet({7: None})
    feed(state, [(0, "telemetry", 500, 1), (100, "telemetry", 3, 2)])
    old = Sample(7, "telemetry", uptime_s=560, boots=1, age_us=50 * SECOND_US)
    assert not state.on_sample(old, 110 * SECOND_US).restarted
    assert feed(state, [(120, "telemetry", 23, 2)]) == []


@pytest.mark.parametrize(
    "reports",
    [
        [(0, "604", 5000), (95, "604", 5030), (100, "604", 5100)],  # one that was long under way
        [(0, "604", 5000), (1, "604", 4970), (30, "604", 5030)],  # two that overtook each other
        [(0, "604", 5000), (30, "604", 5029), (60, "604", 5061), (90, "604", 5089)],
        [
            (0, "604", 100),
            (60, "611", 60 * 60),
            (90, "604", 190),
            (120, "611", 3660),
        ],  # each in a unit of its own
        [(0, "telemetry", 40, 0), (60, "telemetry", 100, 0)],
        [(0, "604", 1e6), (86_400, "604", 1_086_340)],  # a clock that is slow
    ],
)
def test_no_restart_is_made_up(reports):
    state = a_fleet({7: None})
    assert feed(state, reports) == []


def test_a_counter_of_milliseconds_that_wraps_is_no_restart():
    state = a_fleet({7: None})
    wrap_s = 2**32 / 1000
    reports = [(0, "610", wrap_s - 20), (60, "610", 40), (120, "610", 100), (600, "610", 580)]
    assert feed(state, reports) == []
    assert value_of(state, 7, "uptime_s", 600 * SECOND_US) == pytest.approx(wrap_s + 580)
    assert feed(state, [(660, "610", 5)]) == [660]
    assert value_of(state, 7, "uptime_s", 660 * SECOND_US) == 5


def test_the_uptime_is_a_metric_without_its_wraps():
    state = a_fleet({7: None})
    wrap_s = 2**32 / 1000
    state.on_sample(Sample(7, "611", {"uptime_s": wrap_s - 1}, uptime_s=wrap_s - 1), 0)
    taken = state.on_sample(Sample(7, "611", {"uptime_s": 9}, uptime_s=9), 10 * SECOND_US)
    assert taken.values == {"uptime_s": pytest.approx(wrap_s + 9)}


def test_what_others_say_of_an_uptime_is_no_restart():
    state = a_fleet({7: None, 8: None})
    feed(state, [(0, "604", 5000)])
    assert not state.on_sample(Sample(7, "600", uptime_s=1, boots=9, told_by=8), SECOND_US).restarted


# -- from the store --------------------------------------------------------------------------


def test_values_come_back_from_the_store():
    state = a_fleet()
    now_us = 500 * SECOND_US
    values = {
        HEAP: (30_000, 100.0, "604"),
        "delay_ms": (5, 20, "mesh"),
        "nonsense": (1, 1, "604"),
        "nodes": (-1, 0, "604"),
    }
    assert state.restore(7, values, now_us)
    assert state.metrics_of(7, now_us)[HEAP] == Fact(30_000, 100.0, "604")
    assert value_of(state, 7, "delay_ms", now_us) == 5
    assert value_of(state, 7, "nonsense", now_us) is value_of(state, 7, "nodes", now_us) is None
    state.restore_history(7, [5, 3], [9])
    state.restore_history(99, [1], [1])
    facts = NodeFacts(7)
    state.on_tree({7: None}, now_us)
    state.fill(facts, 7, now_us)
    assert (facts.restarts_us, facts.moves_us) == ((3, 5), (9,))
    assert "delay_ms" not in state.mesh_sample(7, now_us).values, "that is in the history already"


def test_a_restart_while_nobody_watched_is_seen():
    state = a_fleet()
    state.restore(7, {"uptime_s": (5000, 3600.0, "604")}, 0)
    state.on_tree({7: None}, SECOND_US)
    assert feed(state, [(10, "604", 900), (40, "604", 930)]) == [10]


def test_a_wrong_clock_at_the_start_makes_up_no_restart():
    for age_s in (0.0, 1e7):
        state = a_fleet()
        state.restore(7, {"uptime_s": (5000, age_s, "604")}, 0)
        state.on_tree({7: None}, SECOND_US)
        assert feed(state, [(10, "604", 5060), (40, "604", 5090)]) == []


# -- what is given on ------------------------------------------------------------------------


def test_our_own_sample_has_what_was_measured_since_the_last():
    state = a_fleet({7: None})
    assert state.mesh_sample(7, 0).values == {"online": 1, "moves_per_h": 0, "rejoins_per_h": 0}
    state.on_probe(7, SECOND_US)
    state.on_delay(7, 4000, -2500, 2 * SECOND_US)
    sample = state.mesh_sample(7, MINUTE_US)
    assert (sample.node, sample.source) == (7, "mesh")
    assert sample.values == {
        "online": 1,
        "moves_per_h": 0,
        "rejoins_per_h": 0,
        "delay_ms": 4,
        "clock_offset_ms": -2.5,
    }
    assert sample.values.keys() <= METRICS.keys()
    assert "delay_ms" not in state.mesh_sample(7, 2 * MINUTE_US).values
    state.on_tree({8: None}, 3 * MINUTE_US)
    assert state.mesh_sample(7, 3 * MINUTE_US).values == {"online": 0}
    state.on_tree({}, 4 * MINUTE_US)
    assert state.mesh_sample(8, 4 * MINUTE_US).values == {}


def test_facts_are_filled():
    state = a_fleet({7: None, 8: 7})
    now_us = 30 * SECOND_US
    assert state.on_package(8, 7, now_us)
    state.on_sample(told(8, heap_free_bytes=9), now_us)
    facts = NodeFacts(8, name="kept")
    state.fill(facts, 8, 40 * SECOND_US)
    assert (facts.name, facts.online, facts.parent, facts.depth, facts.last_parent) == ("kept", True, 7, 2, 7)
    assert (facts.away_s, facts.silent_s) == (None, 10)
    assert facts.metrics[HEAP].age_s == 10
    assert 0 < facts.packages_per_min < 1
    state.on_tree({7: None}, 50 * SECOND_US)
    state.fill(facts, 8, 62 * SECOND_US)
    assert (facts.online, facts.parent, facts.depth, facts.last_parent) == (False, None, 0, 7)
    assert (facts.away_s, facts.silent_s) == (12, 32)
    assert facts.metrics["online"] == Fact(0, 0.0, "mesh")


def test_forgotten_nodes_are_gone_and_may_come_anew():
    state = a_fleet({7: None, 8: 7})
    state.on_sample(told(8, heap_free_bytes=9), 0)
    state.forget(8)
    state.forget(99)
    assert state.nodes() == [7]
    assert not state.on_package(8, 7, 0)
    assert state.presence(8) is None
    state.on_tree({7: None, 8: 7}, SECOND_US)
    assert HEAP not in state.metrics_of(8, SECOND_US)


def test_sixteen_values_are_taken_within_100_us():
    state = a_fleet({7: None})
    values = {name: max(metric.low, min(metric.high, 1)) for name, metric in list(METRICS.items())[:16]}
    count, best_s = 50, 1.0
    for batch in range(20):
        started_s = time.perf_counter()
        for turn in range(count):
            now_us = (batch * count + turn) * SECOND_US
            state.on_sample(Sample(7, "telemetry", values, uptime_s=now_us / 1e6, boots=1), now_us)
        best_s = min(best_s, (time.perf_counter() - started_s) / count)
    assert best_s < 100e-6


def test_restarts_of_long_ago_are_kept():
    state = a_fleet({7: None})
    feed(state, [(0, "604", 500), (60, "604", 1)])
    facts = NodeFacts(7)
    state.fill(facts, 7, 100 * HOUR_US)
    assert facts.restarts_us == (59 * SECOND_US,)
