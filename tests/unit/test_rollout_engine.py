"""The engine without a mesh: who waits for whom, what is stored, and what becomes of it while nobody sees."""

from dataclasses import replace

import pytest

from meshward.errors import NotPossibleError
from meshward.ota.states import NodeState
from meshward.rollout.changes import Noted
from meshward.rollout.engine import CHANGES_MAX, SAVE_CLOCK_EVERY_US
from meshward.rollout.spec import Target, Wave
from meshward.rollout.states import Action, RolloutState, RunKind
from meshward.rollout.survey import NODES_MAX
from meshward.rollout.targets import KnownNode
from tests.support.fake_updates import NEW, OLD, Bench, spec

S = RolloutState
NODES = range(11, 19)
GATES = Target(roles=("gate",))


def hardware_of(node):
    return "ESP32"


def role_of(node):
    return "gate" if node % 4 == 0 else "sensor"


@pytest.fixture
def bench(monkeypatch):
    bench = Bench(monkeypatch)
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    return bench


def go_on(bench, until=lambda: False, times=40):
    for _ in range(times):
        if until() or not bench.engine.rollouts:
            return
        bench.answer(hardware_of, role_of)


def kinds(bench):
    return [(run.doc.rollout, run.order.kind) for run in bench.at_work()]


def test_one_after_the_other_in_the_order_of_their_creation(bench):
    first, second, third = (bench.add(spec(name=name)) for name in "abc")
    assert [bench.doc(r).state for r in (first, second, third)] == [S.SURVEYING, S.SCHEDULED, S.SCHEDULED]
    assert bench.doc(second).reason == "waits for rollout r1 ('a') to the same boards"
    # The third waits for the second too, which is before it; it is told the first reason there is.
    assert bench.doc(third).reason == "waits for rollout r1 ('a') to the same boards"
    go_on(bench, lambda: bench.doc(first).state is S.COMPLETED)
    bench.step(1.0)
    assert bench.doc(second).state is S.SURVEYING
    assert bench.doc(third).reason == "waits for rollout r2 ('b') to the same boards"
    go_on(bench)
    assert [bench.doc(r).state for r in (first, second, third)] == [S.COMPLETED] * 3


def test_one_that_starts_later_or_is_not_approved_is_not_waited_for(bench):
    later = bench.add(spec(start_at="2030-01-01T00:00:00+00:00"))
    unapproved = bench.add(spec(approval=True))
    now = bench.add(spec())
    assert bench.doc(now).state is S.SURVEYING
    bench.act(unapproved, Action.APPROVE)
    assert bench.doc(unapproved).state is S.SCHEDULED
    go_on(bench, lambda: bench.doc(unapproved).state is S.COMPLETED)
    bench.step(1.0)
    assert bench.doc(later).reason == "starts at 2030-01-01T00:00:00+00:00"


def test_a_paused_rollout_keeps_its_boards_until_it_is_aborted(bench):
    first, second = bench.add(spec()), bench.add(spec())
    bench.act(first, Action.PAUSE)
    bench.step(100.0)
    assert bench.doc(second).state is S.SCHEDULED
    bench.act(first, Action.ABORT)
    bench.step(1.0)
    assert bench.doc(second).state is S.SURVEYING


@pytest.mark.parametrize("at_once", [1, 2])
def test_so_many_runs_at_once(monkeypatch, at_once):
    bench = Bench(monkeypatch, updates_at_once=at_once)
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    bench.add(spec())
    bench.add(spec(target=GATES))
    seen = set()
    while bench.engine.rollouts:
        runs = kinds(bench)
        seen.add(len(runs))
        assert len(runs) <= at_once
        bench.answer(hardware_of, role_of)
    assert max(seen) == at_once


def test_a_run_that_goes_on_waits_for_nodes_that_another_one_has(monkeypatch):
    bench = Bench(monkeypatch, updates_at_once=2)
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    first = bench.add(spec())
    bench.act(first, Action.PAUSE)
    second = bench.add(spec(target=GATES))
    bench.step(1.0)
    assert kinds(bench) == [(second, RunKind.SURVEY)]
    bench.act(first, Action.RESUME)
    bench.step(1.0)
    assert kinds(bench) == [(second, RunKind.SURVEY)], "both would ask the same nodes"
    go_on(bench)
    assert bench.doc(first).state is bench.doc(second).state is S.COMPLETED


def test_what_is_over_cannot_go_on_while_another_has_its_boards(bench):
    first = bench.add(spec())
    go_on(bench)
    second = bench.add(spec())
    with pytest.raises(NotPossibleError, match=r"rollout r2 .* abort it"):
        bench.act(first, Action.ROLLBACK)
    bench.act(second, Action.ABORT)
    bench.act(first, Action.ROLLBACK)
    assert bench.doc(first).state is S.ROLLING_BACK
    go_on(bench)
    assert bench.doc(first).state is S.ROLLED_BACK


def test_nobody_is_out_of_reach_while_no_mesh_is_in_sight(bench):
    rollout = bench.add(spec())
    go_on(bench, lambda: bench.doc(rollout).state is S.UPDATING)
    wave = [entry.node for entry in bench.doc(rollout).nodes if entry.wave == 0]
    bench.images.missing = set(NEW.values())
    bench.kill()
    bench.see({})
    bench.step(500.0)
    assert bench.doc(rollout).state is S.UPDATING
    assert [entry.node for entry in bench.doc(rollout).nodes if entry.wave == 0] == wave
    bench.images.missing = set()
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    go_on(bench)
    assert bench.doc(rollout).state is S.COMPLETED


def test_a_mesh_that_comes_into_sight_bit_by_bit_is_one_mesh(monkeypatch):
    bench = Bench(monkeypatch)
    rollout = bench.add(spec())
    bench.see({11: None})
    bench.step(0.5)
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    assert len(bench.at_work()[0].doc.nodes) == len(NODES)
    go_on(bench)
    assert bench.doc(rollout).state is S.COMPLETED


def test_a_wave_waits_a_moment_for_a_node_that_left_and_no_longer(bench):
    waves = (Wave(name="canary", size="1", soak_s=0.0), Wave(name="all", soak_s=0.0))
    rollout = bench.add(spec(waves=waves))
    go_on(bench, lambda: bench.doc(rollout).wave == 1)
    away = 15
    bench.see({node: None for node in NODES if node != away})
    go_on(bench, times=6)
    assert bench.doc(rollout).state is S.UPDATING
    bench.step(61.0)
    go_on(bench, lambda: bench.doc(rollout).state is S.WAITING)
    assert bench.doc(rollout).state is S.WAITING
    bench.see(dict.fromkeys(NODES))
    go_on(bench)
    assert {entry.state for entry in bench.doc(rollout).nodes if entry.wave is not None} == {
        NodeState.COMPLETED
    }


def test_the_clock_is_stored_while_time_counts(bench):
    rollout = bench.add(spec(waves=(Wave(name="all", soak_s=10_000.0),)))
    go_on(bench, lambda: bench.doc(rollout).state is S.SOAKING)
    began_us = bench.rollouts[rollout].clock_us
    for _ in range(300):
        bench.step(1.0)
    assert bench.rollouts[rollout].clock_us - began_us >= 300_000_000 - 2 * SAVE_CLOCK_EVERY_US
    left_s = bench.engine.soak_left_s(rollout, bench.now_us)
    bench.now_us += 3_600_000_000  # nobody watches for an hour
    bench.kill()
    assert bench.engine.soak_left_s(rollout, bench.now_us) == pytest.approx(left_s, abs=70)


def test_what_could_not_be_stored_comes_again_in_order(bench):
    bench.engine.tell(Noted("a", "first"))
    changes = bench.engine.take_changes()
    bench.engine.tell(Noted("b", "second"))
    bench.engine.give_back(changes)
    assert [change.text for change in bench.engine.take_changes()] == ["first", "second"]


def test_frozen_it_does_nothing_and_what_it_is_told_is_bounded(bench):
    bench.add(spec())
    bench.engine.frozen = True
    assert bench.step(10.0) == []
    for number in range(CHANGES_MAX + 100):
        bench.engine.tell(Noted("node.left", str(number)))
    assert len(bench.engine.take_changes()) <= CHANGES_MAX


def test_ids_that_are_made_up_do_not_grow_a_rollout_for_ever(bench):
    rollout = bench.add(spec(target=Target(roles=("sensor",), nodes=(11,))))
    for first in range(100, 100 + 3 * NODES_MAX, 500):
        bench.see({11: None} | dict.fromkeys(range(first, first + 500)))
        bench.step(1.0)
    assert len(bench.doc(rollout).nodes) <= NODES_MAX


def test_firmware_that_is_needed_cannot_be_thrown_away(bench):
    rollout = bench.add(spec())
    assert bench.engine.needs_image(NEW["ESP32"]) == bench.engine.needs_image(OLD["ESP32"]) == rollout
    assert bench.engine.needs_image("another") is None
    go_on(bench)
    assert bench.engine.needs_image(NEW["ESP32"]) is None


def test_errors_that_people_accepted_do_not_stop_it_again(bench):
    """Also where no node of the wave is left that could count."""
    waves = (Wave(name="canary", size="2", soak_s=0.0, success_min="100%"), Wave(name="all", soak_s=0.0))
    rollout = bench.add(spec(waves=waves, on_failure="pause", failure_budget="100%"))
    go_on(bench, lambda: bench.doc(rollout).state is S.UPDATING)
    bench.answer(hardware_of, role_of, NodeState.UNREACHABLE)
    go_on(bench, lambda: bench.doc(rollout).state is S.PAUSED, times=5)
    assert bench.doc(rollout).reason == "wave 'canary': no node of the wave could be reached"
    bench.act(rollout, Action.RESUME)
    bench.step(1.0)
    assert bench.doc(rollout).wave == 1
    go_on(bench)
    assert bench.doc(rollout).state is S.COMPLETED


def test_a_retry_before_a_go_ahead_is_none(bench):
    """Failed nodes of the waves before are tried again, and the next wave still waits."""
    waves = (
        Wave(name="canary", size="4", soak_s=0.0, success_min="0", errors_max="100%"),
        Wave(name="all", soak_s=0.0, go_ahead="manual"),
    )
    rollout = bench.add(spec(waves=waves, failure_budget="100%"))
    go_on(bench, lambda: bench.doc(rollout).state is S.UPDATING)
    bench.answer(hardware_of, role_of, NodeState.FAILED)
    go_on(bench, lambda: bench.doc(rollout).state is S.AWAITING_GO)
    bench.act(rollout, Action.RETRY)
    bench.step(1.0)
    canaries = {entry.node for entry in bench.doc(rollout).nodes if entry.wave == 0}
    assert (bench.doc(rollout).wave, set(bench.at_work()[0].doc.nodes)) == (0, canaries)
    go_on(bench, lambda: bench.doc(rollout).state is S.AWAITING_GO)
    completed = {e.node for e in bench.doc(rollout).nodes if e.state is NodeState.COMPLETED}
    assert completed == canaries


def test_a_node_that_is_excluded_meanwhile_is_left_out(bench):
    rollout = bench.add(spec())
    go_on(bench, lambda: bench.doc(rollout).wave == 1)
    later = next(entry.node for entry in bench.doc(rollout).nodes if entry.wave == 1)
    bench.engine.known[later] = replace(bench.engine.known[later], excluded="on the bench")
    go_on(bench)
    states = {entry.node: (entry.state, entry.reason) for entry in bench.doc(rollout).nodes}
    assert states[later] == (NodeState.NOT_TARGETED, "excluded from updates: on the bench")
    assert bench.doc(rollout).state is S.COMPLETED
    assert later not in {
        node for run in bench.runs.values() if run.kind is RunKind.INSTALL for node in run.nodes
    }


SOAKING_WAVES = (Wave(name="canary", size="1", soak_s=60.0), Wave(name="everyone", soak_s=60.0))


@pytest.mark.parametrize("state", [S.SURVEYING, S.UPDATING, S.SOAKING, S.PROVING, S.WAITING, S.ROLLING_BACK])
def test_while_no_node_is_in_sight_nothing_happens_and_no_time_passes(bench, state):
    """A power cut from which the gateway is back before its access point is nobody's fault."""
    mesh = dict.fromkeys(NODES)
    absent = NODES[0] if state is S.WAITING else None
    if absent:
        bench.engine.known[absent] = KnownNode(absent, "ESP32", "sensor", frozenset(), "", "", None)
        bench.see({node: None for node in NODES if node != absent})
    rollout = bench.add(spec(waves=SOAKING_WAVES))
    for _ in range(600):
        if bench.doc(rollout).state is state:
            break
        if state is S.ROLLING_BACK and bench.doc(rollout).state is S.SOAKING:
            bench.act(rollout, Action.ROLLBACK)
        elif bench.at_work():
            bench.answer(hardware_of, role_of)
        else:
            bench.step(5.0)
    assert bench.doc(rollout).state is state
    before = {entry.node: (entry.state, entry.wave) for entry in bench.doc(rollout).nodes}
    bench.see({})
    for _ in range(20):
        bench.step(600.0)
    bench.kill()
    bench.step(3600.0)
    assert bench.doc(rollout).state is state
    assert {entry.node: (entry.state, entry.wave) for entry in bench.doc(rollout).nodes} == before
    bench.see(mesh)
    bench.settle()
    for _ in range(600):
        if not bench.engine.rollouts:
            break
        if bench.at_work():
            bench.answer(hardware_of, role_of)
        else:
            bench.step(5.0)
    assert bench.doc(rollout).state is (S.ROLLED_BACK if state is S.ROLLING_BACK else S.COMPLETED)
    assert all(entry.error is None for entry in bench.doc(rollout).nodes)


def test_a_retry_after_a_restart_of_the_machine_goes_on_with_the_same_clock(bench):
    rollout = bench.add(
        spec(
            waves=(Wave(name="all", soak_s=60.0, success_min="0", errors_max="100%"),), failure_budget="100%"
        )
    )
    outcomes = iter([NodeState.FAILED])
    for _ in range(200):
        if not bench.engine.rollouts:
            break
        if bench.at_work():
            kind = bench.at_work()[0].order.kind
            bench.answer(
                hardware_of,
                role_of,
                next(outcomes, NodeState.COMPLETED) if kind is RunKind.INSTALL else NodeState.COMPLETED,
            )
        else:
            bench.step(5.0)
    assert bench.doc(rollout).state is S.COMPLETED
    bench.now_us = 0  # the clock of a machine that was switched on just now
    bench.kill()
    bench.see(dict.fromkeys(NODES))
    bench.settle()
    bench.act(rollout, Action.RETRY)
    for _ in range(200):
        if not bench.engine.rollouts:
            break
        if bench.at_work():
            bench.answer(hardware_of, role_of)
        else:
            bench.step(5.0)
    assert bench.doc(rollout).state is S.COMPLETED
    assert all(entry.error is None for entry in bench.doc(rollout).nodes)


def test_a_canary_that_falls_ill_later_stops_the_rollout(bench):
    rollout = bench.add(spec(waves=(SOAKING_WAVES[0], Wave(name="everyone", go_ahead="manual"))))
    for _ in range(100):
        if bench.doc(rollout).state is S.AWAITING_GO:
            break
        if bench.at_work():
            bench.answer(hardware_of, role_of)
        else:
            bench.step(5.0)
    canary = next(entry.node for entry in bench.doc(rollout).nodes if entry.wave == 0)
    for _ in range(3):
        bench.see({node: None for node in NODES if node != canary})
        bench.step(15.0)
        bench.see(dict.fromkeys(NODES))
        bench.step(15.0)
    assert bench.doc(rollout).state is S.ROLLING_BACK
    assert bench.doc(rollout).failure.startswith("wave 'canary': 1 of 1 node failed")


def test_a_last_wave_that_is_away_needs_its_go_ahead_all_the_same(bench):
    waves = (Wave(name="canary", size="1", soak_s=0.0), Wave(name="everyone", soak_s=0.0, go_ahead="manual"))
    rollout = bench.add(spec(waves=waves))
    go_on(bench, lambda: bench.doc(rollout).surveyed)
    canary = next(entry.node for entry in bench.doc(rollout).nodes if entry.wave == 0)
    bench.see({canary: None})
    go_on(bench, lambda: bench.doc(rollout).state is S.AWAITING_GO)
    assert bench.doc(rollout).state is S.AWAITING_GO
    bench.see(dict.fromkeys(NODES))
    bench.step(5.0)
    assert bench.doc(rollout).state is S.AWAITING_GO


@pytest.mark.parametrize("per_minute", [0, 60])
def test_nobody_is_probed_where_that_is_off_and_nothing_is_due_for_it(bench, per_minute):
    bench.engine.settings.probes_per_minute = per_minute
    probes = 0
    for _ in range(200):
        bench.now_us += 1_000_000
        bench.engine.handle_deadline(bench.now_us)
        probes += len(bench.engine.commands(10_000, bench.now_us))
        due_us = bench.engine.next_deadline_us()
        assert due_us is None or due_us > bench.now_us
    assert bool(probes) is bool(per_minute)
