"""Where the map puts nodes when the mesh changes, how long that takes, and which names there is room for."""

import math
import random

import pytest
import pytest_asyncio

from tests.browser.modules import workshop

KINDS = ("radial", "layered")
PLACE = "(m, nodes, kind) => m.layoutTree({ nodes, rootId: 0, kind })"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(browser):
    async with workshop(browser) as shop:
        yield await shop.open()


async def places(shop, nodes, kind="radial"):
    return dict(await shop.run("views/map/layout", PLACE, nodes, kind))


def tree(count, seed):
    """Nodes that hang below one of those before."""
    rng = random.Random(seed)
    return [{"id": node, "parent": rng.randint(0, node - 1)} for node in range(1, count + 1)]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_order_in_which_nodes_are_told_moves_nothing(shop, kind):
    nodes = tree(120, 3)
    shuffled = random.Random(4).sample(nodes, len(nodes))
    assert await places(shop, nodes, kind) == await places(shop, shuffled, kind)


@pytest.mark.parametrize("seed", range(4))
async def test_a_leaf_more_leaves_the_others_in_their_order(shop, seed):
    nodes = tree(80, seed)
    before = await places(shop, nodes)
    after = await places(shop, [*nodes, {"id": 81, "parent": 17}])
    assert around(before) == [node for node in around(after) if node != 81]
    assert all(after[node]["depth"] == place["depth"] for node, place in before.items())


def around(found):
    """Nodes in the order of their angles, depth by depth."""
    angle = {node: math.atan2(place["x"], -place["y"]) % math.tau for node, place in found.items()}
    # The first of a turn may come out just below a full one.
    return sorted(
        found, key=lambda node: (found[node]["depth"], round(angle[node], 6) % round(math.tau, 6), node)
    )


async def test_a_thousand_nodes_are_placed_within_the_blink_of_an_eye(shop):
    took_ms = await shop.run(
        "views/map/layout",
        """(m, nodes) => {
          let best = Infinity;
          for (let n = 0; n < 10; n++) {
            const began = performance.now();
            m.layoutTree({ nodes, rootId: 0 });
            best = Math.min(best, performance.now() - began);
          }
          return best;
        }""",
        tree(1000, 5),
    )
    assert took_ms < 50


async def test_names_that_show_do_not_cover_each_other(shop):
    rng = random.Random(6)
    nodes = [
        {
            "id": n,
            "x": rng.uniform(0, 900),
            "y": rng.uniform(0, 900),
            "size": 46,
            "rank": 3 + n,
            "label": "x" * rng.randint(7, 18),
            "short": "x" * 6,
            "beside": bool(n % 2),
        }
        for n in range(200)
    ]
    shown = dict(await shop.run("views/map/names", "(m, nodes) => m.namesThatFit(nodes, 1, 12)", nodes))
    assert 10 < len(shown) < 200
    boxes = [box(nodes[node], name["text"]) for node, name in shown.items()]
    for at, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert right <= other[0] or other[1] <= left or bottom <= other[2] or other[3] <= top


def box(node, text):
    """Left, right, top and bottom of a name: its letters are 0.56 of its height wide, and it is 12 px high."""
    width, height = 0.56 * 12 * len(text), 1.15 * 12
    if node["beside"]:
        left, top = node["x"] + node["size"] / 2 + 1, node["y"] - height / 2
    else:
        left, top = node["x"] - width / 2, node["y"] + node["size"] / 2 + 1
    return left, left + width, top, top + height
