"""Parent lists of all shapes."""

from random import Random

import pytest

from meshward.topologies import KINDS, children, depths, parents


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 5, 100])
def test_every_shape_is_one_tree_in_dialing_order(kind, n):
    shape = parents(kind, n, fan_out=3, rng=Random(7))
    assert len(shape) == n
    assert shape[0] is None
    assert all(0 <= parent < index for index, parent in enumerate(shape) if index)


def test_star_chain_and_tree():
    assert parents("star", 4) == [None, 0, 0, 0]
    assert parents("chain", 4) == [None, 0, 1, 2]
    assert parents("tree", 7, fan_out=2) == [None, 0, 0, 1, 1, 2, 2]


def test_no_node_of_a_random_tree_has_more_children_than_the_fan_out():
    for seed in range(20):
        shape = parents("random", 60, fan_out=3, rng=Random(seed))
        assert max(len(below) for below in children(shape)) <= 3


def test_a_random_tree_is_a_function_of_its_seed():
    shapes = [parents("random", 40, rng=Random(seed)) for seed in (1, 1, 2)]
    assert shapes[0] == shapes[1] != shapes[2]


def test_depths_and_children():
    shape = parents("tree", 6, fan_out=2)
    assert depths(shape) == [0, 1, 1, 2, 2, 2]
    assert children(shape) == [[1, 2], [3, 4], [5], [], [], []]


@pytest.mark.parametrize(
    ("kind", "n", "fan_out"), [("ring", 3, 4), ("star", 0, 4), ("tree", 3, 0), ("random", 3, 4)]
)
def test_what_makes_no_mesh_is_refused(kind, n, fan_out):
    with pytest.raises(ValueError, match=r"topology|node|fan-out|random"):
        parents(kind, n, fan_out)
