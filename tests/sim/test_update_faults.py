"""Whatever happens half-way: every reachable right node ends with the image, every other with a true reason."""

import pytest

from tests.sim import ota_faults
from tests.sim.ota_scenes import Scene
from tests.support.profiles import examples

STRATEGIES = ("broadcast", "sequential")
SEEDS = range(examples(2, long=60))
SEEDS_OF_LARGE_PARTS = range(examples(1, long=60))
FAULTS = (*ota_faults.BEFORE, *ota_faults.DURING)


def named(fault):
    return fault.__name__


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault(fault, strategy, seed):
    ota_faults.run(fault, seed, strategy).assert_as_it_should_be()


@pytest.mark.parametrize("seed", SEEDS_OF_LARGE_PARTS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault_with_parts_of_3_kb(fault, strategy, seed):
    ota_faults.run(fault, 1000 + seed, strategy, 3072, parts=12).assert_as_it_should_be()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("part_bytes", [1024, 3072])
def test_one_frame_in_twenty_lost_at_every_relay(part_bytes, strategy, seed):
    scene = Scene(seed, strategy, part_bytes=part_bytes, loss=0.05).start()
    scene.run(3000).assert_as_it_should_be()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_frame_in_twenty_lost_and_a_fault(strategy, seed):
    fault = FAULTS[seed * 7 % len(FAULTS)]
    scene = Scene(
        seed, strategy, n=8, parts=12, loss=0.05, prepare=fault if fault in ota_faults.BEFORE else None
    ).start()
    if fault in ota_faults.DURING:
        fault(scene)
    scene.run(3000).assert_as_it_should_be()
