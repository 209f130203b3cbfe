"""Shapes of a mesh as parent lists, for the virtual fleet and the virtual-time world alike.

A topology is a list with one entry a node: the index of the node it dials (its parent), or ``None``
for node 0, the top. A parent's index is always smaller than its children's, so nodes can be started
in list order.
"""

from collections.abc import Sequence
from typing import Protocol

KINDS = ("star", "chain", "tree", "random")

FAN_OUT = 4
"""Children per node where none is asked for: what an ESP32 soft access point takes by default."""


class Random(Protocol):
    """The one thing asked of a source of randomness: a float in [0, 1)."""

    def random(self) -> float: ...


def parents(kind: str, n: int, fan_out: int = FAN_OUT, rng: Random | None = None) -> list[int | None]:
    """Parent list of ``n`` nodes.

    ``star``: all at node 0. ``chain``: each at the one before. ``tree``: filled level by level with
    ``fan_out`` children a node. ``random``: each at a random earlier node that has fewer than
    ``fan_out`` children; needs ``rng``. Raises ValueError for arguments that make no mesh.
    """
    if n < 1:
        raise ValueError(f"a mesh has at least one node, not {n}")
    if fan_out < 1:
        raise ValueError(f"fan-out must be at least 1, not {fan_out}")
    if kind == "star":
        return [None] + [0] * (n - 1)
    if kind == "chain":
        return [None, *range(n - 1)]
    if kind == "tree":
        return [None] + [(index - 1) // fan_out for index in range(1, n)]
    if kind == "random":
        if rng is None:
            raise ValueError("a random topology needs a source of randomness")
        return _random_parents(n, fan_out, rng)
    raise ValueError(f"unknown topology {kind!r}; one of {', '.join(KINDS)}")


def _random_parents(n: int, fan_out: int, rng: Random) -> list[int | None]:
    # random() alone is used, since its values are the same on every Python version.
    result: list[int | None] = [None]
    room = {0: fan_out}
    for index in range(1, n):
        open_nodes = sorted(room)
        parent = open_nodes[int(rng.random() * len(open_nodes))]
        result.append(parent)
        room[parent] -= 1
        if not room[parent]:
            del room[parent]
        room[index] = fan_out
    return result


def depths(parent_list: Sequence[int | None]) -> list[int]:
    """Hops from the top, for each node of a parent list."""
    result: list[int] = []
    for parent in parent_list:
        result.append(0 if parent is None else result[parent] + 1)
    return result


def children(parent_list: Sequence[int | None]) -> list[list[int]]:
    """Indexes of the children, for each node of a parent list."""
    result: list[list[int]] = [[] for _ in parent_list]
    for index, parent in enumerate(parent_list):
        if parent is not None:
            result[parent].append(index)
    return result
