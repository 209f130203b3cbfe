"""Staged rollouts in a mesh: what people do with them, and what befalls the mesh meanwhile."""

from dataclasses import replace as with_values
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from meshward.errors import NotPossibleError
from meshward.ota.states import NodeState
from meshward.rollout.spec import Health, Target, Wave, Window
from meshward.rollout.states import Action, RolloutState
from meshward.rollout.targets import KnownNode
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import Flash, Image
from meshward.sim.gateway import WALL_S
from tests.sim.rollout_checkers import (
    FlashWatch,
    assert_ended_well,
    assert_only,
    assert_sound,
    assert_store_sound,
    assert_updated_once,
    assert_wave_order,
    flashed,
    idle,
    runs_new,
)
from tests.sim.rollout_scenes import FIRST_ID, GOOD, HARDWARE, RolloutScene, waves

S = RolloutState
FAST = 10.0


def one_wave(**options):
    return (Wave(name="everyone", soak_s=0.0, success_min="0", **options),)


def act(scene, action, reason="told to"):
    scene.gateway.act(scene.rollout_id, action, reason)


def wave_nodes(scene, index):
    return {entry.node for entry in scene.doc.nodes if entry.wave == index}


def until(scene, predicate, limit_s=600):
    assert scene.world.run_until(predicate, limit_s, step_us=100_000), scene.where()


def until_transfer(scene, watch, parts=3):
    """Until some board is in the middle of the image."""
    part_bytes = scene.images.part_bytes
    until(scene, lambda: any(count["new"] >= parts * part_bytes for count in watch.written.values()))


def clock_text(scene, seconds):
    """The wall clock so many seconds from now, as ISO 8601."""
    return datetime.fromtimestamp(WALL_S + scene.world.now_s + seconds, UTC).isoformat()


# The way it should be.


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_target_gets_the_image_once_wave_after_wave(seed):
    scene = RolloutScene(seed)
    watch = FlashWatch(scene)
    scene.start().run()
    assert_updated_once(scene)
    assert_wave_order(scene)
    assert_store_sound(scene)
    assert watch.touched() == set(scene.targets())
    assert [wave.outcome for wave in scene.doc.waves] == ["passed"] * 3
    assert [len(wave_nodes(scene, index)) for index in range(3)] == [2, 8, 22]
    assert {scene.boards[node].hardware for node in wave_nodes(scene, 0)} == set(HARDWARE)
    assert scene.doc.reason == "the wave passed; 32 nodes run the image"


def test_nothing_is_sent_to_boards_that_run_the_image():
    scene = RolloutScene(1).start().run()
    watch = FlashWatch(scene)
    scene.start().run()
    assert watch.touched() == set()
    assert {scene.states()[node] for node in scene.targets()} == {NodeState.ALREADY_INSTALLED}
    assert scene.doc.state == S.COMPLETED


def test_a_plain_update_is_one_wave_without_soak():
    scene = RolloutScene(2).start(waves=one_wave(), failure_budget="100%").run()
    assert_updated_once(scene)


def test_the_soak_lasts_as_long_as_asked_for():
    scene = RolloutScene(1).start(waves=waves(45.0))
    scene.run_until_state(S.SOAKING)
    began_s = scene.world.now_s
    scene.run_until_state(S.PROVING)
    assert 43 <= scene.world.now_s - began_s <= 60


# What people do.


def test_it_waits_for_its_approval_and_for_the_go_ahead_of_a_wave():
    scene = RolloutScene(1).start(approval=True, waves=waves(FAST, go_ahead="manual"))
    watch = FlashWatch(scene)
    scene.world.run_for(60)
    assert scene.doc.state == S.AWAITING_APPROVAL
    assert not watch.touched()
    act(scene, Action.APPROVE)
    scene.run_until_state(S.AWAITING_GO)
    updated = wave_nodes(scene, 0) | wave_nodes(scene, 1)
    scene.world.run_for(100)
    assert scene.doc.state == S.AWAITING_GO
    assert flashed(scene) == updated
    act(scene, Action.APPROVE)
    scene.run()
    assert_updated_once(scene)


def test_an_approval_can_be_refused():
    scene = RolloutScene(1).start(approval=True)
    act(scene, Action.ABORT)
    assert scene.doc.state == S.ABORTED
    scene.world.run_for(60)
    assert not flashed(scene)
    with pytest.raises(NotPossibleError, match="is aborted: it cannot approve now"):
        act(scene, Action.APPROVE)


@pytest.mark.parametrize("pause_s", [1, 200])
def test_paused_in_the_middle_of_a_transfer_boards_keep_their_place(pause_s):
    scene = RolloutScene(3, parts=40).start(waves=waves(FAST))
    watch = FlashWatch(scene)
    until_transfer(scene, watch, parts=10)
    act(scene, Action.PAUSE)
    scene.world.run_for(3)  # what was on its way arrives
    before = {node: count["new"] for node, count in watch.written.items()}
    sent_bytes = scene.doc.sent_bytes + scene.gateway.engine.runs[scene.rollout_id].sent_bytes
    scene.world.run_for(pause_s)
    assert scene.doc.state == S.PAUSED
    assert {node: count["new"] for node, count in watch.written.items()} == before
    act(scene, Action.RESUME)
    scene.run()
    assert_updated_once(scene)
    image_bytes = len(next(iter(scene.images.content.values())))
    assert {count["new"] for count in watch.written.values()} == {image_bytes}
    undisturbed = RolloutScene(3, parts=40).start(waves=waves(FAST)).run()
    assert sent_bytes < scene.doc.sent_bytes <= 1.25 * undisturbed.doc.sent_bytes


def test_updates_can_be_paused_altogether():
    scene = RolloutScene(3, parts=40).start(waves=waves(FAST))
    watch = FlashWatch(scene)
    until_transfer(scene, watch)
    scene.gateway.settings.updates_paused = True
    scene.world.run_for(5)
    before = {node: count["new"] for node, count in watch.written.items()}
    scene.world.run_for(60)
    assert {node: count["new"] for node, count in watch.written.items()} == before
    scene.gateway.settings.updates_paused = False
    scene.run()
    assert_updated_once(scene)


def test_a_wave_that_is_skipped_in_the_middle_leaves_idle_boards():
    scene = RolloutScene(1, parts=150).start(waves=waves(FAST))
    watch = FlashWatch(scene)
    until_transfer(scene, watch)
    canaries = wave_nodes(scene, 0)
    act(scene, Action.SKIP)
    until(scene, lambda: all(idle(scene, node) for node in canaries), 60)
    assert not any(runs_new(scene, node) for node in canaries)
    scene.run()
    assert_ended_well(scene)
    assert scene.doc.waves[0].outcome == "skipped"
    assert {scene.states()[node] for node in canaries} == {NodeState.CANCELLED}
    assert flashed(scene) == set(scene.targets()) - canaries


def test_a_soak_can_be_skipped():
    scene = RolloutScene(1).start(waves=waves(3600.0))
    for _ in range(3):
        scene.run_until_state(S.SOAKING)
        act(scene, Action.SKIP)
    scene.run(10)
    assert_updated_once(scene)
    assert [wave.outcome for wave in scene.doc.waves] == ["skipped"] * 3


def test_a_wave_that_waits_for_its_go_ahead_can_be_skipped():
    scene = RolloutScene(1).start(waves=waves(FAST, go_ahead="manual"))
    scene.run_until_state(S.AWAITING_GO)
    left_out = wave_nodes(scene, 2)
    act(scene, Action.SKIP)
    scene.run()
    assert flashed(scene) == set(scene.targets()) - left_out
    assert scene.doc.state == S.COMPLETED


def test_failed_nodes_can_be_tried_again():
    scene = RolloutScene(4)
    node = scene.targets()[5]
    scene.boards[node].faults = UpdateFaults(fail_write_at_part=2, fail_writes=6)
    scene.boards[node].receiver._faults = scene.boards[node].faults
    scene.start(waves=one_wave(), failure_budget="100%").run()
    assert scene.states()[node] is NodeState.FAILED
    assert "flash" in next(e.reason for e in scene.doc.nodes if e.node == node)
    watch = FlashWatch(scene)
    act(scene, Action.RETRY)
    assert scene.doc.state == S.UPDATING
    scene.run()
    assert_updated_once(scene)
    assert watch.touched() == {node}


def test_what_failed_with_the_canaries_begins_with_the_canaries_again():
    scene = RolloutScene(1)
    for board in scene.boards.values():
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=2)
    scene.start(waves=waves(FAST), rollback_to=(), on_failure="pause")
    scene.run_until_state(S.PAUSED)
    canaries = wave_nodes(scene, 0)
    assert {n for n, state in scene.states().items() if state is NodeState.FAILED} <= canaries
    watch = FlashWatch(scene)
    act(scene, Action.RETRY)
    scene.run_until_state(S.PAUSED)
    assert watch.touched() <= canaries
    for board in scene.boards.values():
        board.faults = board.receiver._faults = UpdateFaults()
    act(scene, Action.RETRY)
    scene.run()
    assert_updated_once(scene)
    assert_wave_order(scene)


def test_a_fleet_that_was_rolled_back_in_part_is_tried_again_wave_by_wave():
    scene = RolloutScene(1)
    scene.start(waves=waves(FAST))
    until(scene, lambda: scene.doc.wave == 1 and scene.doc.state == S.SOAKING)
    lost = next(node for node in wave_nodes(scene, 0) if not below(scene, node))
    host(scene, lost).kill("close")
    act(scene, Action.ROLLBACK)
    scene.run()
    assert scene.doc.state == S.FAILED
    assert scene.states()[lost] is NodeState.LOST
    host(scene, lost).boot()
    canaries = wave_nodes(scene, 0)
    act(scene, Action.RETRY)
    assert scene.doc.wave == 0
    scene.run_until_state(S.SOAKING)
    assert {node for node in scene.targets() if runs_new(scene, node)} == canaries
    scene.run()
    assert all(runs_new(scene, node) for node in scene.targets())


@pytest.mark.parametrize("parts_taken", [3, 60, 149])
def test_aborted_in_the_middle_it_leaves_idle_boards(parts_taken):
    scene = RolloutScene(2, parts=150).start(waves=one_wave(), failure_budget="100%")
    watch = FlashWatch(scene)
    until_transfer(scene, watch, parts_taken)
    act(scene, Action.ABORT)
    assert scene.doc.state == S.ABORTED
    until(scene, lambda: not scene.gateway.engine.runs, 120)
    assert_ended_well(scene)
    scene.world.run_for(5)  # the last frames arrive, and boards that had it all restart
    assert all(idle(scene, node) for node in scene.targets())
    assert {scene.states()[node] for node in scene.targets()} <= {NodeState.CANCELLED, NodeState.COMPLETED}
    for entry in scene.doc.nodes:
        if entry.state is NodeState.CANCELLED:
            assert "may have become complete" in entry.reason or entry.node not in watch.touched()
    before = scene.doc.sent_bytes
    scene.world.run_for(60)
    assert scene.doc.sent_bytes == before
    assert not scene.gateway.engine.rollouts


def test_killed_right_after_an_abort_it_still_puts_boards_back_to_idle():
    scene = RolloutScene(2, parts=150).start(waves=one_wave(), failure_budget="100%")
    until_transfer(scene, FlashWatch(scene), 10)
    act(scene, Action.ABORT)
    scene.gateway.kill()
    scene.world.run_for(5)
    scene.gateway.restart()
    until(scene, lambda: not scene.gateway.engine.runs, 120)
    scene.world.run_for(2)
    assert all(idle(scene, node) for node in scene.targets())
    assert_ended_well(scene)


@pytest.mark.parametrize("when", ["completed", "aborted"])
def test_rolled_back_by_hand(when):
    scene = RolloutScene(5).start(waves=waves(FAST))
    if when == "completed":
        scene.run()
    else:
        until(scene, lambda: scene.doc.wave == 2 and len(flashed(scene)) > 12)
        act(scene, Action.ABORT)
    updated = flashed(scene)
    act(scene, Action.ROLLBACK, "the customer calls")
    scene.run()
    assert scene.doc.state == S.ROLLED_BACK
    assert scene.doc.reason == "rollback by test: the customer calls"
    assert_ended_well(scene)
    assert updated <= flashed(scene)
    for node in scene.targets():
        assert not runs_new(scene, node)
    assert all(scene.states()[node] is NodeState.ROLLED_BACK for node in updated)


def test_a_way_back_that_was_aborted_can_be_gone_later():
    scene = RolloutScene(5).start(waves=waves(FAST)).run()
    act(scene, Action.ROLLBACK)
    scene.world.run_for(2)
    act(scene, Action.ABORT)
    assert {scene.states()[node] for node in scene.targets()} == {NodeState.FAILED}
    scene.world.run_for(30)
    act(scene, Action.ROLLBACK)
    scene.run()
    assert scene.doc.state == S.ROLLED_BACK
    assert not any(runs_new(scene, node) for node in scene.targets())


# When it may work.


def test_the_window_closes_in_the_middle_of_a_wave_and_opens_again():
    opens = datetime.fromtimestamp(WALL_S, UTC)
    window = Window(start=f"{opens:%H:%M}", end=f"{opens + timedelta(minutes=1):%H:%M}")
    later = opens + timedelta(minutes=10)
    again = Window(start=f"{later:%H:%M}", end=f"{later + timedelta(hours=1):%H:%M}")
    scene = RolloutScene(1, parts=400).start(waves=one_wave(), failure_budget="100%", windows=(window, again))
    watch = FlashWatch(scene)
    scene.run_until_state(S.WAITING)
    closed_s = scene.world.now_s
    assert 60 <= closed_s <= 62
    assert watch.touched(), "the window closed before anything was sent"
    scene.world.run_for(3)
    before = {node: count["new"] for node, count in watch.written.items()}
    scene.run_until_state(S.UPDATING)
    assert 600 <= scene.world.now_s <= 602
    assert {node: count["new"] for node, count in watch.written.items()} == before
    scene.run()
    assert_updated_once(scene)
    image_bytes = len(scene.images.content[scene.new["ESP32"]])
    assert {count["new"] for count in watch.written.values()} == {image_bytes}


def test_it_starts_when_it_is_to():
    scene = RolloutScene(1)
    at = clock_text(scene, 200)
    scene.start(start_at=at, waves=waves(FAST))
    scene.world.run_for(150)
    assert (scene.doc.state, scene.doc.reason) == (S.SCHEDULED, f"starts at {at}")
    scene.run()
    assert scene.doc.started_s == pytest.approx(WALL_S + 200 + 5, abs=10)
    assert_updated_once(scene)


def test_rollouts_to_the_same_boards_queue():
    scene = RolloutScene(1)
    scene.start(waves=waves(FAST))
    first = scene.rollout_id
    scene.start(waves=waves(FAST), target=Target(roles=("sensor", "gate")))
    second = scene.rollout_id
    scene.world.run_for(30)
    assert scene.gateway.doc(second).state == S.SCHEDULED
    assert scene.gateway.doc(second).reason == f"waits for rollout {first} ('test') to the same boards"
    scene.run()
    one, two = scene.gateway.doc(first), scene.gateway.doc(second)
    assert (one.state, two.state) == (S.COMPLETED, S.COMPLETED)
    assert one.ended_s <= two.started_s
    assert all(scene.booted(node) == ["new"] for node in scene.boards)


def test_what_is_over_cannot_take_boards_that_are_in_another_rollout():
    scene = RolloutScene(1).start(waves=waves(FAST)).run()
    first = scene.rollout_id
    scene.start(waves=waves(FAST))
    scene.world.run_for(5)
    with pytest.raises(NotPossibleError, match=r"rollout r2 .* is under way to the same boards"):
        scene.gateway.act(first, Action.ROLLBACK)
    assert scene.gateway.doc(first).state == S.COMPLETED


def test_rollouts_to_different_boards_run_together_and_never_on_one_node():
    scene = RolloutScene(1, parts=40)
    scene.gateway.settings.updates_at_once = 2
    scene.start(waves=waves(FAST))
    first = scene.rollout_id
    scene.start(waves=waves(FAST), target=Target(roles=("gate",)))
    engine = scene.gateway.engine
    together = set()

    def both_ended():
        runs = [run for run in engine.runs.values() if run.update is not None]
        if len(runs) == 2:
            together.add((runs[0].order.kind.value, runs[1].order.kind.value))
            assert set(runs[0].doc.nodes).isdisjoint(runs[1].doc.nodes)
        return not engine.rollouts

    until(scene, both_ended, 3000)
    assert ("install", "install") in together
    assert scene.gateway.doc(first).state == scene.doc.state == S.COMPLETED
    assert all(scene.booted(node) == ["new"] for node in scene.boards)


# Nodes that come and go.


def host(scene, node):
    return next(host for host in scene.world.hosts if host.node_id == node)


def leaf(scene, index=0):
    """A target without anybody below it."""
    return [node for node in scene.targets() if len(host(scene, node).neighbours()) == 1][index]


def below(scene, node):
    return len(host(scene, node).neighbours()) - 1


def join(scene, node_id, role="sensor", hardware="ESP32"):
    flash = Flash(Image.of(scene.images.content[scene.old[hardware]]), gzip=hardware == "ESP8266")
    flash.md5_file = scene.md5(scene.old[hardware])
    scene.boards[node_id] = Board(role, hardware, flash=flash)
    new = scene.world.add_node(node_id, loop_ms=10, setup=boards_on_hosts({node_id: scene.boards[node_id]}))
    new.dial([scene.hosts[3]])


def test_who_joins_late_is_updated_in_the_last_wave():
    scene = RolloutScene(1).start()
    until(scene, lambda: scene.doc.wave == 1 and scene.doc.state == S.SOAKING)
    join(scene, 1099)
    join(scene, 1098, role="gate")
    scene.run()
    assert_updated_once(scene)
    assert next(e.wave for e in scene.doc.nodes if e.node == 1099) == 2
    assert scene.states()[1098] is NodeState.NOT_TARGETED


def test_late_joiners_are_left_alone_where_they_are_not_wanted():
    scene = RolloutScene(1).start(late_joiners=False)
    scene.run_until_state(S.SOAKING)
    join(scene, 1099)
    scene.run()
    assert scene.booted(1099) == []
    assert 1099 not in scene.states()


def test_a_known_node_that_is_off_is_updated_when_it_is_next_seen():
    scene = RolloutScene(1)
    node = leaf(scene)
    board = scene.boards[node]
    scene.gateway.engine.known[node] = known(node, board.hardware, board.role)
    host(scene, node).kill("close")
    scene.world.run_for(20)
    scene.start(waves=waves(FAST), absent_wait_s=1000.0)
    scene.run_until_state(S.WAITING)
    scene.world.run_for(500)
    assert scene.doc.state == S.WAITING
    host(scene, node).boot()
    scene.run()
    assert_updated_once(scene)


def test_a_known_node_that_stays_off_is_given_up():
    scene = RolloutScene(1)
    node = leaf(scene)
    scene.gateway.engine.known[node] = known(node, scene.boards[node].hardware, "sensor")
    host(scene, node).kill("close")
    scene.world.run_for(20)
    scene.start(waves=waves(FAST), absent_wait_s=200.0)
    scene.run_until_state(S.WAITING)
    began_s = scene.world.now_s
    scene.run()
    assert scene.doc.state == S.COMPLETED
    assert 200 <= scene.world.now_s - began_s <= 203
    assert scene.doc.reason == "all is done that could be; 31 nodes run the image, 1 do not"
    entry = next(e for e in scene.doc.nodes if e.node == node)
    assert (entry.state, entry.reason) == (
        NodeState.UNREACHABLE,
        "was not in the mesh while it was waited for",
    )


@pytest.mark.parametrize("soak_s", [0.0, FAST])
def test_a_node_that_leaves_before_its_wave_does_not_hold_up_the_others(soak_s):
    scene = RolloutScene(1).start(waves=waves(soak_s))
    until(scene, lambda: scene.doc.state == S.UPDATING and scene.doc.wave == 0)
    away = next(n for n in wave_nodes(scene, 1) if not below(scene, n))
    host(scene, away).kill("close")
    scene.run_until_state(S.WAITING)
    assert {n for n in scene.targets() if not runs_new(scene, n)} == {away}
    host(scene, away).boot()
    scene.run()
    assert_updated_once(scene)


def known(node, hardware, role, *, tags=(), version="", excluded=None):
    return KnownNode(node, hardware, role, frozenset(tags), version, "", excluded)


def test_excluded_tagged_and_versioned_targets():
    scene = RolloutScene(1)
    for node, board in scene.boards.items():
        tags = ("roof",) if node % 2 else ()
        version = "1.2" if node % 3 else "1.1"
        scene.gateway.engine.known[node] = known(node, board.hardware, board.role, tags=tags, version=version)
    meant = {node for node in scene.targets() if node % 2 and node % 3}
    left_out, excluded = sorted(meant)[:2]
    record = scene.gateway.engine.known[excluded]
    scene.gateway.engine.known[excluded] = with_values(record, excluded="it is on loan")
    meant -= {left_out, excluded}
    target = Target(roles=("sensor",), tags=("roof",), versions=("1.2",), exclude=(left_out,))
    watch = FlashWatch(scene)
    scene.start(waves=waves(FAST), target=target).run()
    assert scene.doc.state == S.COMPLETED
    assert watch.touched() == flashed(scene) == meant
    reasons = {entry.node: entry.reason for entry in scene.doc.nodes}
    assert reasons[excluded] == "excluded from updates: it is on loan"
    assert reasons[left_out] == "left out of this rollout"


def test_only_the_nodes_that_are_named():
    scene = RolloutScene(1)
    named = scene.targets()[3:9]
    watch = FlashWatch(scene)
    scene.start(waves=waves(FAST), target=Target(roles=("sensor",), nodes=tuple(named))).run()
    assert watch.touched() == set(named)


# Batches and gates.


def test_batches_grow_and_are_never_exceeded():
    scene = RolloutScene(1, parts=20)
    watch = FlashWatch(scene)
    scene.start(waves=one_wave(batch=2, batch_growth=2.0), failure_budget="100%")
    in_batch, batches = [], []

    def ended():
        doc = scene.doc
        scheduled = {e.node for e in doc.nodes if e.state is NodeState.SCHEDULED}
        if scheduled and (not in_batch or not scheduled <= in_batch[-1]):
            in_batch.append(scheduled)
            batches.append(doc.waves[0].batch)
        ended = {e.node for e in doc.nodes if e.state in GOOD}
        allowed = ended | (in_batch[-1] if in_batch else set())
        assert watch.touched() <= allowed
        return scene.ended()

    until(scene, ended, 3000)
    assert batches == [2, 4, 8, 16, 32]
    assert [len(batch) for batch in in_batch] == [2, 4, 8, 16, 2]
    assert_updated_once(scene)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_failure_budget_is_exceeded_by_the_batch_in_flight_at_most(seed):
    scene = RolloutScene(seed)
    for node in scene.targets():
        board = scene.boards[node]
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=3)
    watch = FlashWatch(scene)
    batch = 4
    wave = one_wave(batch=batch, batch_growth=1.0, errors_max="100%")
    scene.start(waves=wave, failure_budget="2").run()
    assert scene.doc.failure.startswith("failure budget: "), scene.doc.failure
    assert "2 allowed" in scene.doc.failure
    assert 3 <= len(watch.touched()) <= 2 + batch
    # They still run what they ran, so there was nothing to bring back.
    assert scene.doc.state == S.ROLLED_BACK
    assert not flashed(scene)
    assert_ended_well(scene)


def test_a_gate_that_only_pauses_and_going_on_in_spite_of_it():
    scene = RolloutScene(1)
    bad = scene.targets()[::6]
    for node in bad:
        board = scene.boards[node]
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=3)
    scene.start(waves=one_wave(errors_max="0"), on_failure="pause", failure_budget="0")
    scene.run_until_state(S.PAUSED)
    assert scene.doc.waves[0].outcome == "failed"
    assert "none allowed" in scene.doc.reason
    scene.world.run_for(30)
    assert scene.doc.state == S.PAUSED
    while not scene.ended():
        if scene.doc.state == S.PAUSED:
            act(scene, Action.RESUME)
            assert scene.doc.failure == ""
        scene.world.run_for(1)
    assert scene.doc.state == S.COMPLETED
    assert {n for n in scene.targets() if not runs_new(scene, n)} == set(bad)
    assert all(scene.states()[node] is NodeState.FAILED for node in bad)


def test_without_an_image_to_go_back_to_a_failure_pauses_and_says_so():
    scene = RolloutScene(1)
    for node in scene.targets():
        board = scene.boards[node]
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=3)
    scene.rollout_id = scene.gateway.create(scene.spec(rollback_to=()), scene.new)
    scene.run_until_state(S.PAUSED)
    assert scene.doc.reason.endswith("; paused, for no good image is known to roll back to")


def test_an_image_that_is_missing_pauses_it_until_it_is_there_again():
    scene = RolloutScene(1)
    content = scene.images.content.pop(scene.new["ESP8266"])
    scene.start(waves=waves(FAST))
    scene.run_until_state(S.PAUSED)
    assert scene.doc.reason.endswith("is not in the library any more: put it there again")
    act(scene, Action.RESUME)
    scene.world.run_for(3)
    assert scene.doc.state == S.PAUSED, "it is still not there"
    scene.images.content[scene.new["ESP8266"]] = content
    act(scene, Action.RESUME)
    scene.run()
    assert_updated_once(scene)


@pytest.mark.parametrize("paused", [False, True])
def test_an_image_that_is_missing_after_a_restart(paused):
    """A run that was open cannot go on; the gateway starts all the same."""
    scene = RolloutScene(2, parts=40).start(waves=waves(FAST))
    until_transfer(scene, FlashWatch(scene), 5)
    if paused:
        act(scene, Action.PAUSE)
    scene.gateway.kill()
    removed = {sha256: scene.images.content.pop(sha256) for sha256 in scene.new.values()}
    scene.world.run_for(5)
    scene.gateway.restart()
    scene.run_until_state(S.PAUSED)
    assert_sound_without(scene, removed)
    act(scene, Action.RESUME)
    scene.run()
    assert_updated_once(scene)


def assert_sound_without(scene, removed):
    scene.images.content.update(removed)
    assert_sound(scene)


def test_an_image_back_that_is_missing_and_what_can_be_done_then():
    scene = RolloutScene(5).start(waves=waves(FAST)).run()
    removed = {sha256: scene.images.content.pop(sha256) for sha256 in scene.old.values()}
    act(scene, Action.ROLLBACK, "it hums")
    scene.run_until_state(S.PAUSED)
    actions = scene.gateway.engine.rollouts[scene.rollout_id].actions()
    assert set(actions) == {Action.RESUME, Action.ABORT, Action.ROLLBACK}
    scene.images.content.update(removed)
    act(scene, Action.RESUME)
    scene.run()
    assert (scene.doc.state, scene.doc.reason) == (S.ROLLED_BACK, "rollback by test: it hums")


def test_nobody_but_the_targets_is_touched_by_ids_that_are_named_twice_over():
    scene = RolloutScene(1)
    spec = scene.spec(waves=(Wave(name="first", nodes=(FIRST_ID, 99), soak_s=FAST), *waves(FAST)[1:]))
    scene.rollout_id = scene.gateway.create(spec, scene.new, scene.old)
    scene.run()
    assert_updated_once(scene)
    assert wave_nodes(scene, 0) == {FIRST_ID}
    assert_only(scene, scene.targets())


def test_the_document_survives_json_at_the_end():
    scene = RolloutScene(1).start(health=Health(restarts_max=2), waves=waves(FAST)).run()
    text = msgspec.json.encode(scene.doc)
    assert msgspec.json.encode(msgspec.json.decode(text, type=type(scene.doc))) == text
