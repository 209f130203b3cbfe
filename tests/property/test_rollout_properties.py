"""Waves, gates, windows and health, whatever comes."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from meshward.rollout.gates import Tally, budget_gate, error_gate, success_gate
from meshward.rollout.health import HealthBook
from meshward.rollout.schedule import DAYS, Windows
from meshward.rollout.spec import Health, Wave, Window
from meshward.rollout.states import ErrorClass
from meshward.rollout.vitals import SAMPLES_MAX
from meshward.rollout.waves import Candidate, assign_waves, canary_order

amounts = st.one_of(
    st.integers(0, 60).map(str), st.integers(0, 100).map("{}%".format), st.sampled_from(["0.5%", "33.33%"])
)
candidates = st.lists(
    st.builds(
        Candidate,
        node=st.integers(1, 200),
        depth=st.integers(1, 6),
        parent=st.none() | st.integers(1, 20),
        hardware=st.sampled_from(["ESP32", "ESP8266", ""]),
        role=st.sampled_from(["sensor", "lamp", ""]),
        below=st.integers(0, 60),
    ),
    max_size=60,
    unique_by=lambda candidate: candidate.node,
)
waves = st.lists(
    st.builds(
        Wave,
        name=st.just("wave"),
        size=amounts,
        nodes=st.one_of(st.just(()), st.lists(st.integers(1, 200), max_size=10).map(tuple)),
    ),
    min_size=1,
    max_size=6,
)


@given(waves=waves, candidates=candidates)
def test_every_candidate_is_in_one_wave(waves, candidates):
    assigned = assign_waves(waves, candidates)
    assert assigned.keys() == {candidate.node for candidate in candidates}
    assert all(0 <= index < len(waves) for index in assigned.values())
    for node, index in assigned.items():
        naming = [at for at, wave in enumerate(waves) if node in wave.nodes]
        assert not naming or index in naming
    # No wave is left empty while a later one has nodes that nobody named.
    named = {node for wave in waves for node in wave.nodes}
    last = max((index for node, index in assigned.items() if node not in named), default=0)
    for index, wave in enumerate(waves[:last]):
        assert wave.nodes or index in assigned.values()


@given(candidates=candidates)
def test_the_first_nodes_cover_all_hardware_and_roles(candidates):
    order = canary_order(candidates)
    assert sorted(order) == sorted(candidate.node for candidate in candidates)
    by_id = {candidate.node: candidate for candidate in candidates}
    kinds = {candidate.kind for candidate in candidates}
    first = [by_id[node].kind for node in order[: len(kinds)]]
    # As many nodes as there are pairs of hardware and role are one of each, unless covering took one twice.
    assert set(first) == kinds
    hardware, roles = {kind[0] for kind in kinds}, {kind[1] for kind in kinds}
    few = [by_id[node].kind for node in order[: max(1, len(hardware) + len(roles) - 1)]]
    if candidates:
        assert ({kind[0] for kind in few}, {kind[1] for kind in few}) == (hardware, roles)


tallies = st.builds(
    Tally,
    total=st.integers(0, 100),
    good=st.integers(0, 100),
    ended=st.integers(0, 100),
    errors=st.dictionaries(st.sampled_from(list(ErrorClass)), st.integers(0, 100)),
)


@given(amount=amounts, tally=tallies, error=st.sampled_from(list(ErrorClass)), sample=st.integers(0, 20))
def test_an_error_more_never_mends_a_gate(amount, tally, error, sample):
    wave = Wave(name="wave", errors_max=amount, errors_sample_min=sample, success_min=amount)
    errors = dict(tally.errors) | {error: tally.errors.get(error, 0) + 1}
    worse = Tally(tally.total, tally.good, tally.ended + 1, errors)
    if error_gate(wave, tally):
        assert error_gate(wave, worse)
    if budget_gate(amount, tally):
        assert budget_gate(amount, worse)
    better = Tally(tally.total, tally.good + 1, tally.ended, tally.errors)
    if not success_gate(wave, tally):
        assert not success_gate(wave, better)


@given(amount=amounts, total=st.integers(1, 100))
def test_gates_hold_where_all_is_well(amount, total):
    wave = Wave(name="wave", errors_max=amount, success_min=amount)
    well = Tally(total, total, total, {})
    assert error_gate(wave, well) is budget_gate(amount, well) is success_gate(wave, well) is None


clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
window = st.builds(
    Window,
    start=clock,
    end=clock,
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"]
    ),
)
moments = st.one_of(
    st.integers(1_700_000_000, 1_900_000_000),
    # Within a day of where Berlin's clocks change.
    st.integers(-86_400, 86_400).map(
        lambda off_s: int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()) + off_s
    ),
    st.integers(-86_400, 86_400).map(
        lambda off_s: int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()) + off_s
    ),
)


@given(windows=st.lists(window, min_size=1, max_size=3), wall_s=moments, part=st.floats(0, 1))
def test_windows_say_the_same_in_every_way(windows, wall_s, part):
    together = Windows(windows)
    opens_s = together.opens_at(wall_s)
    assert wall_s <= opens_s <= wall_s + 15 * 86_400
    assert together.is_open(opens_s)
    if opens_s > wall_s:
        assert not together.is_open(wall_s)
        assert not together.is_open(opens_s - 0.001)
        assert not together.is_open(wall_s + part * (opens_s - wall_s - 0.001))
    closes_s = together.closes_at(opens_s)
    if closes_s is None:
        assert together.is_open(opens_s + part * 14 * 86_400)
    else:
        assert opens_s < closes_s
        assert together.is_open(opens_s + part * (closes_s - opens_s - 0.001))
        assert not together.is_open(closes_s)
    assert together.is_open(wall_s) == any(Windows([each]).is_open(wall_s) for each in windows)


nodes = st.integers(1, 8)
trees = st.dictionaries(nodes, st.none() | st.integers(1, 9), max_size=8)
happenings = st.lists(
    st.tuples(
        st.integers(0, 100_000_000),
        st.one_of(
            st.tuples(st.just("tree"), trees),
            st.tuples(st.just("delay"), nodes, st.integers(-1, 1 << 40)),
            st.tuples(
                st.just("report"),
                nodes,
                st.none() | st.integers(-1, 1 << 40),
                st.none() | st.floats() | st.floats(0, 1000),
            ),
            st.tuples(st.just("updated"), nodes),
            st.tuples(st.just("clear"), nodes),
            st.tuples(st.just("forget"), nodes),
            st.tuples(st.just("reopen")),
        ),
    ),
    max_size=60,
)


def reopened(book, now_us):
    new = HealthBook()
    for node in range(1, 9):
        if saved := json.loads(json.dumps(book.snapshot(node))):
            assert new.restore(node, saved, now_us)
            assert json.loads(json.dumps(new.snapshot(node))) == saved
    return new


@given(happenings=happenings)
def test_health_takes_any_course(happenings):
    book, now_us, trees = HealthBook(), 0, 0
    for elapsed_us, (what, *given_values) in happenings:
        now_us += elapsed_us
        match what, *given_values:
            case "tree", parents:
                book.on_tree(parents, now_us)
                trees += 1
            case "delay", node, delay_us:
                book.on_delay(node, delay_us, now_us)
            case "report", node, heap_bytes, uptime_s:
                book.on_report(node, now_us, heap_bytes=heap_bytes, uptime_s=uptime_s)
            case "updated", node:
                book.mark_updated(node, now_us)
            case "clear", node:
                book.clear(node)
            case "forget", node:
                book.forget(node)
            case ("reopen",):
                book = reopened(book, now_us)
        check(book, now_us, happened=len(happenings))
    assert set(book.dirty()) <= set(range(1, 9))


def check(book, now_us, happened):
    for node in range(1, 9):
        verdict = book.verdict(node, range(1, 9), Health(), 300_000_000, now_us)
        assert verdict.outcome in ("ok", "wait", "failed")
        record = book.record(node)
        if record is None:
            continue
        assert 0 <= record.drops <= happened
        lists = (record.delays_before_us, record.delays_after_us, record.heaps_before, record.heaps_after)
        assert all(len(samples) <= SAMPLES_MAX for samples in lists)
        for moment_us in (record.up_since_us, record.away_since_us, record.updated_us):
            assert moment_us is None or moment_us <= now_us
        if verdict.outcome == "ok":
            assert record.updated_us is not None
            assert now_us - record.updated_us >= 300_000_000
            assert record.away_since_us is None


@given(
    steps=st.lists(st.tuples(st.integers(1, 100), st.sets(nodes, max_size=7)), max_size=40),
)
def test_in_a_star_each_absence_counts_exactly_once(steps):
    # Nobody hangs below another, and node 9 is always there: every absence is the node's own.
    book, now_us = HealthBook(), 0
    everybody = dict.fromkeys(range(1, 10))
    book.on_tree(everybody, now_us)
    absences, gone_before = dict.fromkeys(everybody, 0), set()
    for elapsed_s, gone in [*steps, (1, set())]:
        now_us += elapsed_s * 1_000_000
        book.on_tree({node: None for node in everybody if node not in gone}, now_us)
        for node in gone - gone_before:
            absences[node] += 1
        gone_before = gone
    assert {node: book.record(node).drops for node in everybody} == absences
