"""How long updates take, held against what was measured on real nodes with main loops of 10 ms."""

import pytest

from meshward.push.report import report
from tests.sim.ota_scenes import Scene

IMAGE_BYTES = 200 * 1024
STOCK_TREE_S = 169.5
LINK_BYTES_PER_S = 1548 / 0.040
"""A frame of 1548 bytes takes four passes of 10 ms."""


def never_restart(scene):
    for board in scene.boards.values():
        board.restart_delay_us = 10**12


@pytest.mark.parametrize(
    ("kind", "n", "measured_s"),
    [("chain", 1, 13.0), ("chain", 4, 55.1), ("tree", 20, STOCK_TREE_S)],
    ids=["one node", "chain of 4", "tree of 20"],
)
def test_the_stock_senders_way_takes_as_long_as_it_was_measured_to(kind, n, measured_s):
    scene = Scene(
        1, "stock", kind=kind, n=n, image_bytes=IMAGE_BYTES, prepare=never_restart, sender_loop_ms=10
    ).start()
    assert scene.world.run_until(lambda: scene.result.transfers.started_us is not None, 60)
    started_s = scene.world.now_s

    def all_have_it():
        return all(board.receiver.reboot_due_us is not None for board in scene.boards.values())

    assert scene.world.run_until(all_have_it, 2 * measured_s)
    assert scene.world.now_s - started_s == pytest.approx(measured_s, rel=0.15)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_broadcast_is_eighteen_times_as_fast_and_near_the_floor(seed):
    scene = Scene(seed, kind="tree", n=20, image_bytes=IMAGE_BYTES, link_bytes_per_s=LINK_BYTES_PER_S).start()
    scene.run().assert_as_it_should_be()
    told = report(scene.result, image={}, total_seconds=scene.world.now_s)
    assert told["ok"]
    assert told["seconds"] <= STOCK_TREE_S / 18
    assert told["efficiency"] >= 0.80
    assert all(node["attempts"] == 1 for node in told["nodes"])


def test_larger_parts_are_faster():
    def seconds(part_bytes):
        scene = Scene(1, kind="tree", n=20, image_bytes=IMAGE_BYTES, part_bytes=part_bytes).start().run()
        return report(scene.result, image={}, total_seconds=0)["seconds"]

    assert seconds(3072) < seconds(1024)
