"""Bugs planted into the rollout core: each must be seen by what the other tests hold it against."""

import pytest

from meshward.ota.states import NodeState
from meshward.rollout import rollout, survey, wave_work
from meshward.rollout.documents import NodeEntry
from meshward.rollout.rollout import Rollout
from meshward.rollout.runs import Run
from meshward.rollout.states import Action, RolloutState
from meshward.sim.board import Board
from meshward.sim.faults import UpdateFaults
from meshward.sim.gateway import SimGateway
from tests.sim.rollout_checkers import (
    FlashWatch,
    assert_ended_well,
    assert_only,
    assert_updated_once,
    assert_wave_order,
    idle,
)
from tests.sim.rollout_scenes import RolloutScene, disturb, waves
from tests.sim.test_rollout import one_wave, until, until_transfer
from tests.sim.test_rollout_broken_images import broken_scene, canaries


def waves_off_by_one(patch):
    """Nodes of the next wave count among those of the current one."""
    patch.setattr(
        wave_work,
        "members",
        lambda doc, wave=None: [e for e in doc.nodes if e.wave in {doc.wave, doc.wave + 1}],
    )


def gate_ignores_errors(patch):
    patch.setattr(wave_work, "error_gate", lambda _wave, _tally: None)
    patch.setattr(wave_work, "budget_gate", lambda _budget, _tally: None)
    patch.setattr(wave_work, "success_gate", lambda _wave, _tally: None)


def restore_forgets_who_was_updated(patch):
    start = SimGateway._start

    def forgetful(self):
        start(self)
        for each in self.engine.rollouts.values():
            for entry in each.doc.nodes:
                if entry.state is NodeState.COMPLETED:
                    entry.state, entry.touched = NodeState.PENDING, False

    patch.setattr(SimGateway, "_start", forgetful)


def no_reset_on_abort(patch):
    give_up = Run.give_up
    patch.setattr(Run, "give_up", lambda self, _going_back: give_up(self, set(self.doc.nodes)))


def sent_before_stored(patch):
    """What a step did is stored a moment after its frames left."""
    store = SimGateway._step

    def later(self):
        sender = getattr(self, "sender", None)

        def store_if_alive():
            if self.host.alive and self.sender is sender:
                store(self)

        self.host.world.kernel.after(700_000, store_if_alive)

    patch.setattr(SimGateway, "_step", later)


def targets_are_all_that_answer(patch):
    patch.setattr(survey, "why_not", lambda _target, _known: None)


def health_is_not_looked_at(patch):
    patch.setattr(rollout.judge, "fail_sick", lambda _doc, _around: [])


def resume_begins_anew(patch):
    """What boards have by now is forgotten when a run goes on."""
    start = Run.start

    def anew(self, open_nodes, rng):
        self.doc.records = []
        start(self, open_nodes, rng)

    patch.setattr(Run, "start", anew)


def way_back_that_nobody_goes(patch):
    patch.setattr(rollout.way_back, "next_order", lambda _doc, _around: None)
    patch.setattr(rollout.way_back, "PATIENCE_US", 0)


def soak_that_is_over_at_once(patch):
    patch.setattr(rollout.judge, "still_soaking", lambda _doc, _around: [])


def proof_that_is_not_asked_for(patch):
    tick = Rollout._tick_proving

    def believe(self, around):
        for entry in self.doc.nodes:
            if entry.state is NodeState.VERIFYING:
                entry.state = NodeState.COMPLETED
        tick(self, around)

    patch.setattr(Rollout, "_tick_proving", believe)


def happy_path():
    scene = RolloutScene(1).start()
    watch = FlashWatch(scene)
    in_wave = {}

    def ended():
        doc = scene.doc
        if doc.state == RolloutState.UPDATING:
            in_wave.update(
                (e.node, doc.wave) for e in doc.nodes if e.node in watch.touched() - in_wave.keys()
            )
        return scene.ended()

    until(scene, ended, 3000)
    assert_updated_once(scene)
    assert_wave_order(scene)
    waves_of = {entry.node: entry.wave for entry in scene.doc.nodes}
    assert all(waves_of[node] == wave for node, wave in in_wave.items())


def killed_many_times():
    for seed in (1, 2):
        scene = RolloutScene(seed).start(waves=waves(10.0))
        disturb(scene, 30, mean_steps=150)
        assert_updated_once(scene.run(6000))


def killed_between_sending_and_storing():
    """A board that took any part is known to the store as one, at whatever moment the gateway dies."""
    scene = RolloutScene(1, parts=20).start(waves=waves(10.0))
    watch = FlashWatch(scene)
    until(scene, watch.touched)
    scene.gateway.kill()
    assert watch.touched() <= {entry.node for entry in scene.doc.nodes if entry.touched}


def boards_whose_flash_fails():
    scene = RolloutScene(1)
    for node in scene.targets():
        board = scene.boards[node]
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=3)
    watch = FlashWatch(scene)
    scene.start(waves=waves(10.0)).run()
    assert watch.touched() <= canaries(scene)
    assert_ended_well(scene)


def aborted_in_the_middle():
    scene = RolloutScene(2, parts=150).start(waves=one_wave(), failure_budget="100%")
    until_transfer(scene, FlashWatch(scene), 20)
    scene.gateway.act(scene.rollout_id, Action.ABORT)
    until(scene, lambda: not scene.gateway.engine.runs, 120)
    scene.world.run_for(5)
    assert all(idle(scene, node) for node in scene.targets())


def paused_in_the_middle():
    scene = RolloutScene(3, parts=60).start(waves=waves(10.0))
    watch = FlashWatch(scene)
    until_transfer(scene, watch, 10)
    scene.gateway.act(scene.rollout_id, Action.PAUSE)
    scene.world.run_for(3)
    scene.gateway.act(scene.rollout_id, Action.RESUME)
    scene.run()
    image_bytes = len(scene.images.content[scene.new["ESP32"]])
    assert {count["new"] for count in watch.written.values()} == {image_bytes}


def only_some_are_meant():
    scene = RolloutScene(1)
    meant = scene.targets()[:6]
    target = scene.spec().target
    scene.start(waves=waves(10.0), target=type(target)(roles=target.roles, nodes=tuple(meant))).run()
    assert_only(scene, meant)


def image_that_crashes():
    scene = broken_scene("crash-loop:20", 1)
    scene.start(waves=waves(60.0)).run()
    assert scene.doc.state == RolloutState.ROLLED_BACK
    assert_only(scene, canaries(scene))
    for node in canaries(scene):
        assert scene.booted(node) == ["new", "old"]


def image_that_is_given_up_by_its_board():
    """Somebody puts the old image back by USB during the soak; only the proof after it tells."""
    scene = RolloutScene(1).start(waves=waves(40.0))
    scene.run_until_state(RolloutState.SOAKING)
    node = next(iter(canaries(scene)))
    board = scene.boards[node]
    assert isinstance(board, Board)
    board.flash.md5_file = scene.md5(scene.old[board.hardware])
    board.receiver.running_md5 = board.flash.md5_file
    scene.run()
    assert scene.doc.waves[0].outcome == "failed"
    entry = next(entry for entry in scene.doc.nodes if entry.node == node)
    assert isinstance(entry, NodeEntry)
    assert entry.error == "rolled_back"


PLANTED = [
    (waves_off_by_one, happy_path),
    (gate_ignores_errors, boards_whose_flash_fails),
    (restore_forgets_who_was_updated, killed_many_times),
    (no_reset_on_abort, aborted_in_the_middle),
    (sent_before_stored, killed_between_sending_and_storing),
    (targets_are_all_that_answer, only_some_are_meant),
    (health_is_not_looked_at, image_that_crashes),
    (resume_begins_anew, paused_in_the_middle),
    (way_back_that_nobody_goes, image_that_crashes),
    (soak_that_is_over_at_once, image_that_crashes),
    (proof_that_is_not_asked_for, image_that_is_given_up_by_its_board),
]


@pytest.mark.parametrize(("bug", "judge"), PLANTED, ids=[bug.__name__ for bug, _ in PLANTED])
def test_a_planted_bug_is_caught(bug, judge, monkeypatch):
    judge()
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        judge()
