"""The state of the fleet, whatever the mesh and the nodes tell."""

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.status.facts import NodeFacts
from meshward.status.metrics import METRICS
from meshward.status.reports import read_samples
from meshward.status.samples import Sample
from meshward.status.state import FleetState
from tests.support.profiles import examples

NODES = range(1, 9)
SOURCES = ("604", "204", "telemetry", "query")
trees = st.dictionaries(st.sampled_from(NODES), st.none() | st.integers(1, 10), max_size=8)
numbers = st.floats() | st.integers(-10, 2**33)
samples = st.builds(
    Sample,
    st.integers(1, 10),
    st.sampled_from(SOURCES),
    st.dictionaries(st.sampled_from([*METRICS, "nonsense"]), numbers, max_size=6),
    st.dictionaries(st.sampled_from(["version", "role"]), st.text(max_size=5), max_size=2),
    age_us=st.integers(-(10**6), 10**9),
    uptime_s=st.none() | st.floats(0, 2**32),
    boots=st.none() | st.integers(0, 255),
    refused=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    told_by=st.none() | st.integers(1, 10),
)
steps = st.one_of(
    st.tuples(st.just("tree"), trees),
    st.tuples(st.just("sample"), samples),
    st.tuples(st.just("package"), st.tuples(st.integers(0, 12), st.none() | st.integers(1, 10))),
    st.tuples(st.just("probe"), st.integers(1, 10)),
    st.tuples(
        st.just("delay"), st.tuples(st.integers(1, 10), st.integers(-5, 2**32), st.integers(-(2**31), 2**31))
    ),
    st.tuples(st.just("refused"), st.tuples(st.integers(1, 10), st.text(max_size=10))),
    st.tuples(st.just("forget"), st.integers(1, 10)),
)


def do(state, kind, what, now_us):
    match kind:
        case "tree":
            assert state.on_tree(what, now_us) == []
        case "sample":
            state.on_sample(what, now_us)
        case "package":
            state.on_package(*what, now_us)
        case "probe":
            state.on_probe(what, now_us)
        case "delay":
            state.on_delay(*what, now_us)
        case "refused":
            state.on_refused(*what, now_us)
        case _:
            state.forget(what)


def assert_sane(state, now_us):
    assert state.parents().keys() <= set(state.nodes())
    for node in state.nodes():
        facts = NodeFacts(node)
        state.fill(facts, node, now_us)
        assert facts.online == (node in state.parents()) == (facts.away_s is None)
        assert facts.silent_s >= 0
        assert facts.away_s is None or facts.away_s >= 0
        assert list(facts.restarts_us) == sorted(facts.restarts_us)
        assert len(facts.restarts_us) <= 20
        assert len(facts.moves_us) <= 50
        assert math.isfinite(facts.packages_per_min)
        assert math.isfinite(facts.refused_per_min)
        for name, fact in facts.metrics.items():
            assert fact.age_s >= 0
            metric = METRICS[name]
            assert name == "uptime_s" or metric.low <= fact.value <= metric.high
        sample = state.mesh_sample(node, now_us)
        assert all(METRICS[name].low <= value <= METRICS[name].high for name, value in sample.values.items())
        assert node not in state.behind(node)


@given(st.lists(st.tuples(steps, st.integers(0, 10**8)), max_size=40))
@settings(max_examples=examples(150, long=30_000))
def test_whatever_comes_the_state_stays_sane(told):
    state, now_us = FleetState(), 0
    for (kind, what), later_us in told:
        now_us += later_us
        do(state, kind, what, now_us)
    assert_sane(state, now_us)


lives = st.lists(st.integers(40, 5000), min_size=1, max_size=8)
"""How long a board runs from one start to the next, in seconds."""


@given(
    lives,
    st.lists(st.sampled_from((5, 30, 60, 61)), min_size=1, max_size=3),
    st.integers(0, 3),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@settings(max_examples=examples(150, long=10_000))
def test_every_restart_is_told_once_by_whatever_sources(lengths_s, periods_s, late_s, has_counter, rng):
    state = FleetState()
    state.on_tree({7: None}, 0)
    reports = []
    started_s = 0
    for boots, length_s in enumerate(lengths_s):
        for source, every_s in zip(SOURCES, periods_s, strict=False):
            first_s = rng.uniform(0.5, min(every_s, 35))
            # Each source reports in each life, as boards do shortly after their start.
            moments = [first_s + turn * every_s for turn in range(int((length_s - first_s) / every_s) + 1)]
            reports += [
                (started_s + up_s, source, up_s, boots) for up_s in moments if up_s < length_s - late_s
            ]
        started_s += length_s
    told = 0
    for at_s, source, uptime_s, boots in sorted(reports):
        arrives_us = int((at_s + rng.uniform(0, late_s)) * 1e6)
        sample = Sample(7, source, uptime_s=int(uptime_s), boots=boots & 0xFF if has_counter else None)
        told += state.on_sample(sample, arrives_us).restarted
    assert told <= len(lengths_s) - 1
    if has_counter:
        assert told == len(lengths_s) - 1
    facts = NodeFacts(7)
    state.fill(facts, 7, 0)
    starts_s = [sum(lengths_s[:count]) for count in range(1, len(lengths_s))]
    for at_us in facts.restarts_us:
        assert min(abs(at_us / 1e6 - start_s) for start_s in starts_s) < 40
    assert all(earlier < later for earlier, later in pairwise(facts.restarts_us))


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 900)), min_size=1, max_size=40))
def test_the_value_shown_is_the_one_measured_last(measured):
    state, now_us = FleetState(), 0
    state.on_tree({7: None}, 0)
    best = None
    for later_s, age_s in measured:
        now_us += later_s * 10**6
        at_us, value = now_us - age_s * 10**6, later_s + 1000 * age_s
        state.on_sample(Sample(7, "604", {"messages_sent": value}, age_us=age_s * 10**6), now_us)
        if best is None or at_us >= best[0]:
            best = at_us, value
    fact = state.metrics_of(7, now_us)["messages_sent"]
    assert (fact.value, fact.age_s) == (best[1], (now_us - best[0]) / 1e6)


def test_a_hostile_node_costs_bounded_memory():
    state = FleetState()
    state.on_tree({7: None}, 0)
    for turn in range(5000):
        package = {
            "type": 604,
            "from": 7,
            "uptime": turn * 7919 % 1000,
            "fw": f"<b>{turn}",
            f"x{turn}": "y" * 1000,
        }
        for sample in read_samples(package):
            state.on_sample(sample, turn)
        nodes = [{"nodeId": turn * 300 + number, "status": 1, "rssi": -5} for number in range(300)]
        if turn % 100 == 0:
            for sample in read_samples({"type": 600, "from": 7, "nodes": nodes}):
                state.on_sample(sample, turn)
    assert state.nodes() == [7]
    known = state._nodes[7]
    assert len(known.values) <= len(METRICS)
    assert len(known.texts) <= 16
    assert len(known.restarts.at_us) <= 20
