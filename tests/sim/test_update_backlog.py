"""However slow a relay is, it never holds more than the backlog allowed and one part a hop."""

import pytest

from meshward.sim.checkers import BacklogWatch
from tests.sim.ota_scenes import Scene
from tests.support.profiles import examples

SEEDS = range(examples(1, long=20))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slow", [(), (0,), (2,)], ids=["even", "slow_top", "slow_relay"])
@pytest.mark.parametrize("part_bytes", [1024, 3072])
@pytest.mark.parametrize("kind", ["tree", "chain", "star", "random"])
@pytest.mark.parametrize("strategy", ["broadcast", "sequential"])
def test_no_relay_holds_more_than_was_allowed(strategy, kind, part_bytes, slow, seed):
    image_bytes = 60_000 if strategy == "broadcast" else 20_000
    n = 8 if kind == "chain" else 14
    scene = Scene(seed, strategy, kind=kind, n=n, part_bytes=part_bytes, image_bytes=image_bytes, slow=slow)
    watch = BacklogWatch(scene.world, [scene.gateway])
    hops = max(len(scene.path(node_id)) for node_id in scene.boards)
    scene.start().run().assert_as_it_should_be()
    allowed = scene.options.backlog_bytes + hops * scene.result.parts.frame_bytes()
    assert 0 < watch.most.size_bytes <= allowed, watch.most


def test_the_watch_sees_what_piles_up():
    scene = Scene(1, kind="chain", n=3, slow=(1,))
    watch = BacklogWatch(scene.world, [scene.gateway])
    for _ in range(20):
        scene.gateway.send({"type": 9, "dest": 1003, "msg": "x" * 1000})
    scene.world.run_for(10)
    most, count = watch.most, len(watch.worst)
    assert (most.node_id, most.neighbour_id) == (1002, 1003)
    assert 5_000 < most.size_bytes < 25_000
    watch.stop()
    scene.gateway.send({"type": 9, "dest": 1001, "msg": "x" * 90_000})
    scene.world.run_for(10)
    assert (watch.most, len(watch.worst)) == (most, count)
