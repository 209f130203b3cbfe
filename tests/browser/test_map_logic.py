"""What the map reckons by itself, asked of its modules in a real browser."""

import itertools
import math
import random
import re
import xml.etree.ElementTree as ET

import pytest
import pytest_asyncio

from tests.support.browser import visit

STAGE = {"nodes": 2}
ROOT = 1
GAP = {"radial": 74, "layered": 54}

_CALL = """
async ([module, name, args]) => {
  const plain = (value) => value instanceof Map ? [...value] : value instanceof Set ? [...value] : value;
  return plain((await import(new URL(`ui/views/map/${module}.js`, document.baseURI).href))[name](...args));
}
"""
_LAID_OUT = """
async ([tree, rootId, kind, collapsed]) => {
  const { layoutTree } = await import(new URL("ui/views/map/layout.js", document.baseURI).href);
  return [...layoutTree({ nodes: tree, rootId, kind, collapsed: new Set(collapsed) })];
}
"""
_ON_PLACES = """
async ([tree, rootId, collapsed, name, args]) => {
  const { layoutTree } = await import(new URL("ui/views/map/layout.js", document.baseURI).href);
  const module = await import(new URL("ui/views/map/tree.js", document.baseURI).href);
  return module[name](layoutTree({ nodes: tree, rootId, collapsed: new Set(collapsed) }), ...args);
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/map?show=table") as page:
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def call(page):
    """Call a function of a module of views/map/: its result, as JSON has it."""

    async def ask(module, name, *args):
        return await page.evaluate(_CALL, [module, name, list(args)])

    return ask


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laid_out(page):
    """Places of a tree, given as {child: parent}, by id."""

    async def lay_out(parents, kind="radial", collapsed=()):
        return dict(await page.evaluate(_LAID_OUT, [tree(parents), ROOT, kind, list(collapsed)]))

    return lay_out


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_places(page):
    async def ask(parents, name, *args, collapsed=()):
        return await page.evaluate(_ON_PLACES, [tree(parents), ROOT, list(collapsed), name, list(args)])

    return ask


def tree(parents):
    return [{"id": child, "parent": parent} for child, parent in parents.items()]


def grown(seed, nodes):
    rng = random.Random(seed)
    return {number: rng.choice([ROOT, rng.randrange(ROOT, number)]) for number in range(2, nodes + 2)}


def nearest(places):
    shown = [place for place in places.values() if not place["hidden"]]
    return min(math.dist((a["x"], a["y"]), (b["x"], b["y"])) for a, b in itertools.combinations(shown, 2))


@pytest.mark.parametrize("kind", GAP)
@pytest.mark.parametrize("seed", range(12))
async def test_no_two_nodes_come_near_each_other(laid_out, kind, seed):
    places = await laid_out(grown(seed, 5 + 17 * seed), kind)
    assert nearest(places) > GAP[kind] - 0.01
    assert (places[ROOT]["x"], places[ROOT]["y"]) == pytest.approx((0, 0))


async def test_places_follow_from_the_tree_alone(laid_out):
    parents = grown(3, 60)
    other_way_round = dict(reversed(parents.items()))
    assert await laid_out(parents) == await laid_out(other_way_round)


async def test_children_are_in_the_order_of_their_ids(laid_out):
    places = await laid_out({5: ROOT, 3: ROOT, 4: ROOT, 9: 4, 8: 4}, "layered")
    assert places[ROOT]["children"] == [3, 4, 5]
    assert places[3]["y"] < places[4]["y"] < places[5]["y"]
    assert places[8]["y"] < places[9]["y"]
    assert (places[4]["leaves"], places[ROOT]["leaves"], places[ROOT]["behind"]) == (2, 4, 5)


async def test_a_chain_goes_straight_and_as_deep_as_may_be(laid_out):
    places = await laid_out({number: number - 1 for number in range(2, 1002)})
    assert places[1001]["depth"] == 1000
    assert all(abs(place["x"]) < 0.01 for place in places.values())


async def test_what_is_folded_away_lies_where_its_fold_is(laid_out):
    parents = {2: ROOT, 3: 2, 4: 3, 5: ROOT}
    places = await laid_out(parents, collapsed=[2])
    assert {number for number, place in places.items() if place["hidden"]} == {3, 4}
    assert (places[4]["x"], places[4]["y"]) == (places[2]["x"], places[2]["y"])
    assert places[2]["behind"] == 2


async def test_parents_that_are_not_there_or_form_a_circle_still_make_a_tree(laid_out):
    places = await laid_out({2: 3, 3: 4, 4: 2, 5: 99, 6: 6, 7: 5})
    assert set(places) == {ROOT, 2, 3, 4, 5, 6, 7}
    assert places[5]["parent"] == places[6]["parent"] == ROOT
    assert sorted(places[number]["depth"] for number in (2, 3, 4)) == [1, 2, 3]
    assert await laid_out({}) == {
        ROOT: {"x": pytest.approx(0), "y": pytest.approx(0), "hidden": False, "depth": 0, "parent": None,
               "leaves": 1, "behind": 0, "children": []},
    }  # fmt: skip


BRANCHES = {2: ROOT, 3: ROOT, 4: 2, 5: 2, 6: 3}


async def test_ways_along_the_tree(on_places):
    assert await on_places(BRANCHES, "pathOf", 5) == [5, 2, ROOT]
    assert await on_places(BRANCHES, "pathOf", 99) == []
    assert await on_places(BRANCHES, "subtreeOf", 2) == [2, 4, 5]
    assert await on_places(BRANCHES, "neighboursOf", 2) == [2, ROOT, 4, 5]
    assert await on_places(BRANCHES, "neighboursOf", ROOT) == [ROOT, 2, 3]


@pytest.mark.parametrize(
    ("start", "key", "kind", "end"),
    [
        (4, "ArrowUp", "radial", 2),
        (2, "ArrowDown", "radial", 4),
        (5, "ArrowRight", "radial", 6),  # a cousin: the next of its depth
        (4, "ArrowLeft", "radial", 6),
        (6, "ArrowDown", "radial", None),
        (4, "ArrowLeft", "layered", 2),
        (4, "ArrowDown", "layered", 5),
        (4, "x", "radial", None),
        (99, "ArrowUp", "radial", None),
    ],
)
async def test_arrow_keys_go_along_the_tree(on_places, start, key, kind, end):
    assert await on_places(BRANCHES, "step", start, key, kind) == end


async def test_arrow_keys_pass_by_what_is_folded_away(on_places):
    assert await on_places(BRANCHES, "step", 2, "ArrowDown", "radial", collapsed=[2]) is None
    assert await on_places(BRANCHES, "step", 6, "ArrowRight", "radial", collapsed=[2]) == 6


def move(second, node, before, parent):
    return {"at": f"2026-11-25T14:00:{second:02}.000Z", "node": node, "before": before, "parent": parent}


MOVES = [
    move(1, 2, None, ROOT),
    move(2, 3, None, 2),
    move(3, 3, 2, ROOT),
    move(4, 2, ROOT, None),
    move(5, 2, None, 3),
]
_PAST = """
async ([present, moves, at, name]) => {
  const module = await import(new URL("ui/views/map/replay.js", document.baseURI).href);
  const atMs = Date.parse(at);
  return [...(name === "treeAt" ? module.treeAt(new Map(present), moves, atMs) : module[name](moves, atMs))];
}
"""


@pytest.mark.parametrize(
    ("second", "then"),
    [
        (0, {}),
        (1, {2: ROOT}),
        (2, {2: ROOT, 3: 2}),
        (3, {2: ROOT, 3: ROOT}),
        (4, {3: ROOT}),
        (5, {2: 3, 3: ROOT}),
        (59, {2: 3, 3: ROOT}),
    ],
)
async def test_the_tree_of_a_moment_is_the_one_of_now_with_later_moves_undone(page, second, then):
    present = [[2, 3], [3, ROOT]]
    at = f"2026-11-25T14:00:{second:02}.500Z" if second else "2026-11-25T13:59:00Z"
    assert dict(await page.evaluate(_PAST, [present, MOVES, at, "treeAt"])) == then


async def test_who_left_is_remembered_where_it_was(page):
    parents = await page.evaluate(_PAST, [[], MOVES, "2026-11-25T14:00:04.500Z", "lastParentsAt"])
    assert dict(parents) == {2: ROOT, 3: ROOT}
    parents = await page.evaluate(_PAST, [[], MOVES, "2026-11-25T14:00:02.500Z", "lastParentsAt"])
    assert dict(parents) == {2: ROOT, 3: 2}


async def test_changes_before_and_after_a_moment(page):
    ask = """async ([moves, at, way]) => {
      const { changeBeside } = await import(new URL("ui/views/map/replay.js", document.baseURI).href);
      const found = changeBeside(moves, Date.parse(at), way);
      return found && new Date(found).toISOString();
    }"""
    at = MOVES[2]["at"]
    assert await page.evaluate(ask, [MOVES, at, 1]) == MOVES[3]["at"]
    assert await page.evaluate(ask, [MOVES, at, -1]) == MOVES[1]["at"]
    assert await page.evaluate(ask, [MOVES, MOVES[-1]["at"], 1]) is None


async def test_every_change_is_in_one_tick(call):
    start = 1_795_615_200_000  # 14:00:00
    ticks = await call("replay", "ticksOf", MOVES, start, start + 10_000, 5)
    assert ticks == [1, 2, 2, 0, 0]
    assert await call("replay", "ticksOf", MOVES, start, start, 3) == [0, 0, 0]
    kinds = [await call("replay", "kindOf", one) for one in MOVES]
    assert kinds == ["joined", "joined", "moved", "left", "joined"]


@pytest.mark.parametrize(
    ("metrics", "quality", "how"),
    [
        ({"rssi_dbm": -50, "probe_loss_percent": 50}, "strong", "signal"),
        ({"rssi_dbm": -70}, "good", "signal"),
        ({"rssi_dbm": -79}, "weak", "signal"),
        ({"rssi_dbm": -92}, "poor", "signal"),
        ({"probe_loss_percent": 25, "delay_ms": 1}, "poor", "loss"),
        ({"probe_loss_percent": 6}, "weak", "loss"),
        ({"probe_loss_percent": 0, "delay_ms": 60}, "strong", "delay"),
        ({"delay_ms": 1000}, "poor", "delay"),
        ({"probe_loss_percent": 0}, "unknown", "unknown"),
        ({}, "unknown", "unknown"),
    ],
)
async def test_links_by_signal_then_loss_then_delay_for_each_hop(call, metrics, quality, how):
    link = await call("links", "linkOf", metrics, 2)
    assert (link["quality"], link["how"]) == (quality, how)


KITCHEN = {"name": "Kitchen", "role": "sensor", "version": "1.2", "tags": ["ground"]}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"q": " kit "}, True),
        ({"q": "100"}, True),
        ({"q": "05"}, False),  # ids are looked for from their beginning
        ({"level": "well", "role": "sensor", "version": "1.2", "tag": "ground"}, True),
        ({"level": "bad"}, False),
        ({"tag": "solar"}, False),
    ],
)
async def test_filters_of_the_map(call, wanted, fits):
    assert await call("filter", "fits", KITCHEN, 1005, "well", wanted) is fits


async def test_a_node_that_was_forgotten_fits_by_its_id_alone(call):
    assert await call("filter", "fits", None, 1005, "unknown", {"q": "1005"}) is True
    assert await call("filter", "fits", None, 1005, "unknown", {"role": "sensor"}) is False


def named(number, x, **more):
    return {"id": number, "x": x, "y": 0, "label": "Living room", "short": "Living room", "size": 46,
            "rank": 3.5, "beside": False} | more  # fmt: skip


async def test_names_give_way_to_the_more_important(call):
    crowd = [named(1, 0), named(2, 60, rank=3.1), named(3, 1000)]
    assert {number for number, _ in await call("names", "namesThatFit", crowd, 1, 12)} == {2, 3}
    crowd[0]["rank"] = 0  # somebody looks at it
    assert {number for number, _ in await call("names", "namesThatFit", crowd, 1, 12)} == {1, 3}
    both_fit = [named(1, 0), named(2, 200)]
    assert len(await call("names", "namesThatFit", both_fit, 1, 12)) == 2


async def test_a_name_goes_without_its_badge_where_there_is_less_room(call):
    crowd = [named(1, 0, label="Living room with a long badge", beside=True), named(2, 150, rank=3.9)]
    shown = dict(await call("names", "namesThatFit", crowd, 1, 12))
    assert shown[1] == {"text": "Living room", "side": "right"}


async def test_names_of_the_gateway_and_of_trouble_move_aside_and_show_on_a_small_map(call):
    below = named(2, 0, y=60, label="", short="")
    warned = named(1, 0, rank=2.5)
    shown = dict(await call("names", "namesThatFit", [warned, below], 0.2, 12))
    assert shown[1] == {"text": "Living room", "side": "above"}
    well = warned | {"rank": 3.5}
    assert 1 not in dict(await call("names", "namesThatFit", [well, below], 0.2, 12))
    around = [named(9 + n, x, y=y, label="", short="") for n, (x, y) in enumerate(AROUND)]
    assert 1 in dict(await call("names", "namesThatFit", [warned, *around], 0.2, 12))
    many = [named(n, 60 * n, rank=2.5) for n in range(30)]
    shown = dict(await call("names", "namesThatFit", [named(99, 870, rank=0.5), *many], 0.1, 12))
    assert 99 in shown
    assert len(shown) < 10


AROUND = [(x, y) for x in (-60, 0, 60) for y in (-60, 0, 60) if x or y]


HOSTILE = ["<img src=x onerror=alert(1)>", "</text></svg>&\"'", "\u202egnol\u202c", "\U0001f600"]


async def test_a_saved_picture_is_well_formed_whatever_names_hold(page):
    svg = await page.evaluate(
        """async (names) => {
          const { mapSvg } = await import(new URL("ui/views/map/export_svg.js", document.baseURI).href);
          const { COLOURS } = await import(new URL("ui/views/map/glyphs.js", document.baseURI).href);
          const palette = Object.fromEntries(COLOURS.map((name) => [name, "#123456"]));
          const nodes = names.map((label, i) => ({ id: i, x: 90 * i, y: 5, label, look: ["root", "well", "bad folded", "off", "past"][i], classes: "" }));
          const links = [{ id: "0-1", from: 0, to: 1, quality: "unknown", classes: "dim" }];
          return mapSvg({ scene: { nodes, links }, palette, title: names[1] + String.fromCharCode(0, 27, 0xd800) });
        }""",
        [*HOSTILE, "\x00\x1b"],
    )
    root = ET.fromstring(svg)
    tags = {re.sub(r"\{.*\}", "", element.tag) for element in root.iter()}
    assert tags == {"svg", "title", "g", "line", "rect", "path", "circle", "text"}
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:4] == HOSTILE
    assert texts[4] == "\ufffd\ufffd"
