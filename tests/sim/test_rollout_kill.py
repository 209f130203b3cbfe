"""The gateway is killed again and again, at any moment, and goes on from its store: nothing is done twice.

MESHWARD_SEEDS="1-1000" runs these seeds instead of the usual few, so that many can be shared out.
"""

import os

import pytest

from meshward.rollout.states import Action, RolloutState
from meshward.sim.behaviour import Behaviour, Behaviours
from meshward.sim.faults import UpdateFaults
from tests.sim.rollout_checkers import (
    assert_ended_well,
    assert_sound,
    assert_store_sound,
    assert_updated_once,
    assert_wave_order,
    runs_new,
)
from tests.sim.rollout_scenes import RolloutScene, disturb, waves
from tests.support.profiles import examples

S = RolloutState
KILLS = 50
LIMIT_S = 20_000
AUDIT_EVERY = 10


def seeds(count):
    """As many seeds as are asked for, or those that the environment names."""
    first, _, last = os.environ.get("MESHWARD_SEEDS", f"1-{count}").partition("-")
    return range(int(first), int(last or first) + 1)


def mean_steps(seed):
    """Few steps between kills keep it in one phase, many let it get through several."""
    return 5 + seed * 17 % 56


def watch_restarts(scene):
    """After every restart the store must be sound; its audit log is read now and then."""
    gateway = scene.gateway
    restart = gateway.restart

    def watched():
        restart()
        assert gateway.connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        if gateway.kills % AUDIT_EVERY == 0:
            assert_store_sound(scene)
            assert_sound(scene)

    gateway.restart = watched


def disturbed(scene, kills=KILLS):
    watch_restarts(scene)
    disturb(scene, kills, mean_steps=mean_steps(scene.seed))
    return scene


def assert_same(scene, undisturbed):
    expected, found = undisturbed.outcome(), scene.outcome()
    for key, value in expected.items():
        assert found[key] == value, f"seed {scene.seed}, {scene.gateway.kills} kills, {key}: {scene.where()}"


@pytest.mark.parametrize("seed", seeds(examples(3, long=2000)))
def test_killed_fifty_times_it_ends_as_if_nothing_had_been(seed):
    undisturbed = RolloutScene(seed).start().run()
    scene = disturbed(RolloutScene(seed).start()).run(LIMIT_S)
    assert scene.gateway.kills >= 10
    assert_same(scene, undisturbed)
    assert_updated_once(scene)
    assert_wave_order(scene)
    assert_store_sound(scene)


@pytest.mark.parametrize("seed", seeds(examples(1, long=200)))
def test_killed_while_it_rolls_back(seed):
    behaviours = Behaviours()
    scene = RolloutScene(seed, behaviours=behaviours)
    for sha256 in scene.new.values():
        behaviours.put(scene.md5(sha256), Behaviour.read("crash-loop:15"))
    scene.start(waves=waves(60.0)).run_until_state(S.ROLLING_BACK)
    touched = {entry.node for entry in scene.doc.nodes if entry.touched}
    disturbed(scene).run(LIMIT_S)
    assert scene.doc.state == S.ROLLED_BACK, scene.where()
    assert not any(runs_new(scene, node) for node in scene.boards)
    for node in touched:
        assert scene.booted(node) == ["new", "old"]
    assert all(not scene.booted(node) for node in scene.boards if node not in touched)
    assert_ended_well(scene)
    assert_store_sound(scene)


@pytest.mark.parametrize("seed", seeds(examples(1, long=200)))
def test_killed_while_it_soaks(seed):
    """What the nodes held out until the clock was stored last counts."""
    scene = RolloutScene(seed).start(waves=waves(300.0))
    scene.run_until_state(S.SOAKING)
    began_s = scene.world.now_s
    for _ in range(4):
        scene.world.run_for(90)
        scene.gateway.kill()
        scene.world.run_for(1)
        scene.gateway.restart()
    scene.run_until_state(S.PROVING)
    assert scene.world.now_s - began_s < 300 + 4 * 75
    scene.gateway.act(scene.rollout_id, Action.SKIP)
    scene.run()
    assert_updated_once(scene)


@pytest.mark.parametrize("seed", seeds(examples(1, long=200)))
def test_killed_while_it_is_paused(seed):
    scene = RolloutScene(seed, parts=40).start()
    scene.run_until_state(S.UPDATING)
    scene.world.run_for(4)
    scene.gateway.act(scene.rollout_id, Action.PAUSE, "lunch")
    for _ in range(5):
        scene.gateway.kill()
        scene.world.run_for(3)
        scene.gateway.restart()
        scene.world.run_for(7)
        assert (scene.doc.state, scene.doc.reason) == (S.PAUSED, "pause by test: lunch")
    scene.gateway.act(scene.rollout_id, Action.RESUME)
    disturbed(scene, scene.gateway.kills + 10).run(LIMIT_S)
    assert_updated_once(scene)


@pytest.mark.parametrize("seed", seeds(examples(1, long=200)))
def test_killed_while_boards_fail(seed):
    """The budget is what it is, whoever counts."""
    scene = RolloutScene(seed)
    bad = scene.targets()[::3]
    for node in bad:
        board = scene.boards[node]
        board.faults = board.receiver._faults = UpdateFaults(fail_write_at_part=3)
    scene.start(waves=waves(10.0))
    disturbed(scene, 30).run(LIMIT_S)
    assert scene.doc.state == S.ROLLED_BACK, scene.where()
    assert not any(runs_new(scene, node) for node in scene.boards)
    assert_ended_well(scene)
