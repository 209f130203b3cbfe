"""Images that break the boards that run them: the canaries show it, and nobody else is touched."""

import pytest

from meshward.ota.states import NodeState
from meshward.rollout.states import Action, RolloutState
from meshward.sim.behaviour import Behaviour, Behaviours
from tests.sim.rollout_checkers import FlashWatch, assert_ended_well, assert_store_sound, flashed, runs_new
from tests.sim.rollout_scenes import RolloutScene, waves

S = RolloutState
SOAK_S = 60.0
BASELINE_S = 150
"""Enough for three delay samples of every node before anything is sent."""
REACHABLE = {
    "crash-loop:20": "restarted 2 times in ",
    "crash-loop:8": "restarted 2 times in ",
    "leak:120": "free heap f",  # falls steadily, or fell, whatever shows first
    "slow:12": "delay rose from ",
}
GONE = {
    "lost-radio": (NodeState.LOST, "was sent all parts, restarted and did not come back within 90 s"),
    "lost-radio:20": (NodeState.LOST, "out of the mesh for "),
    "silent": (NodeState.FAILED, "took all parts and answers no offers any more"),
}


def broken_scene(text, seed, **options):
    """A fleet that was watched for a while, and an image for it that behaves so."""
    behaviours = Behaviours()
    scene = RolloutScene(seed, behaviours=behaviours, reports_us=5_000_000, **options)
    for sha256 in scene.new.values():
        behaviours.put(scene.md5(sha256), Behaviour.read(text))
    scene.world.run_for(BASELINE_S)
    return scene


def push_s(scene):
    """How long one push to the canaries took: from the start of their wave to its soak."""
    wave = scene.doc.waves[0]
    soak_began_s = max(e.updated_at_s for e in scene.doc.nodes if e.wave == 0)
    return soak_began_s - wave.started_s


def canaries(scene):
    return {entry.node for entry in scene.doc.nodes if entry.wave == 0}


def reasons(scene):
    return [entry.reason or "" for entry in scene.doc.nodes if entry.touched]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("text", REACHABLE)
def test_canaries_that_break_are_brought_back_and_nobody_else_is_touched(text, seed):
    scene = broken_scene(text, seed)
    watch = FlashWatch(scene)
    scene.start(waves=waves(SOAK_S))
    scene.run_until_state(S.SOAKING)
    soak_began_s = scene.world.now_s
    one_push_s = push_s(scene)
    scene.run_until_state(S.ROLLING_BACK)
    assert scene.world.now_s - soak_began_s <= SOAK_S + 1
    scene.run()
    assert scene.doc.state == S.ROLLED_BACK
    assert scene.world.now_s - soak_began_s <= SOAK_S + one_push_s + 10, f"one push took {one_push_s} s"
    assert flashed(scene) == watch.touched() == canaries(scene)
    for node in canaries(scene):
        assert scene.booted(node) == ["new", "old"]
        assert scene.states()[node] is NodeState.ROLLED_BACK
    assert any(reason.startswith(REACHABLE[text]) for reason in reasons(scene)), reasons(scene)
    assert "wave 'canary'" in scene.doc.reason
    assert REACHABLE[text] in scene.doc.reason
    assert_ended_well(scene)
    assert_store_sound(scene)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("text", GONE)
def test_canaries_that_cannot_be_reached_any_more_are_named(text, seed):
    state, reason = GONE[text]
    scene = broken_scene(text, seed)
    watch = FlashWatch(scene)
    scene.start(waves=waves(SOAK_S)).run()
    assert scene.doc.state == S.FAILED
    assert scene.doc.reason.endswith("not every node could be rolled back")
    assert watch.touched() <= canaries(scene)
    assert flashed(scene)
    named = []
    for entry in scene.doc.nodes:
        if entry.node in flashed(scene) and runs_new(scene, entry.node):
            assert entry.state is state
            first, _, second = entry.reason.partition("; could not be rolled back: ")
            assert second, entry.reason
            assert second not in first, entry.reason
            named.append(reason in first)
            assert named[-1] or first == "got the image"  # its turn to fail had not come
    assert any(named)
    assert_ended_well(scene)


def test_a_board_that_comes_back_later_is_brought_back_then():
    scene = broken_scene("lost-radio:20", 1)
    scene.start(waves=waves(SOAK_S)).run()
    lost = {entry.node for entry in scene.doc.nodes if entry.state is NodeState.LOST}
    assert lost
    for host in scene.world.hosts:
        if host.node_id in lost:
            host.boot()  # somebody pulls its plug
    scene.gateway.act(scene.rollout_id, Action.ROLLBACK)
    scene.run()
    assert scene.doc.state == S.ROLLED_BACK
    assert not any(runs_new(scene, node) for node in scene.boards)


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_healthy_image_is_never_held_to_be_broken(seed):
    busy = seed % 2 == 0
    scene = RolloutScene(
        seed, n=24, reports_us=5_000_000, parts=30 if busy else 8, loop_ms=40 if busy else 10, kind="random"
    )
    scene.world.run_for(BASELINE_S)
    scene.start(waves=waves(SOAK_S))
    if busy:
        _chatter(scene)
    scene.run()
    assert scene.doc.state == S.COMPLETED, scene.doc.reason
    assert all(runs_new(scene, node) for node in scene.targets())
    assert not any(entry.error for entry in scene.doc.nodes)


def _chatter(scene):
    """A mesh in which a sketch broadcasts all the time."""
    talker = scene.hosts[-1]

    def talk():
        if talker.alive and talker.neighbours():
            talker.send({"type": 8, "routing": 2, "msg": "x" * 300})
        scene.world.kernel.after(100_000, talk)

    talk()
