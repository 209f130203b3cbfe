"""The node tree: read, written, joined, cut."""

import json

import pytest

from meshnode.limits import Limits
from meshnode.tree import Tree, join, parse, top_id
from meshnode.wire import WireError

LIMITS = Limits()

# 1 - 2 - 3
#   |   ` 4 - 5
#   ` 6
BRANCHY = Tree([1, 2, 3, 4, 5, 6], [0, 1, 2, 2, 3, 1])
BRANCHY_NESTED = {
    "nodeId": 1,
    "subs": [
        {"nodeId": 2, "subs": [{"nodeId": 3}, {"nodeId": 4, "subs": [{"nodeId": 5}]}]},
        {"nodeId": 6},
    ],
}


def chain(length: int) -> dict:
    """A sync package of nodes 1..length, each below the one before."""
    package: dict = {"nodeId": length}
    for node_id in range(length - 1, 0, -1):
        package = {"nodeId": node_id, "subs": [package]}
    return {**package, "type": 5, "from": 1}


# -- what a tree tells -----------------------------------------------------------------------


def test_a_tree_knows_its_nodes():
    assert BRANCHY.node_id == 1
    assert len(BRANCHY) == 6
    assert all(BRANCHY.contains(node_id) for node_id in range(1, 7))
    assert not BRANCHY.contains(7)
    assert not BRANCHY.contains(0)


def test_parents_are_in_the_order_of_the_ids():
    assert BRANCHY.parents() == [None, 1, 2, 2, 4, 1]
    assert Tree([9], [0]).parents() == [None]


def test_nested_is_what_painlessmesh_writes():
    assert BRANCHY.nested() == BRANCHY_NESTED
    assert Tree([9], [0]).nested() == {"nodeId": 9}


def test_nested_shows_flags_where_they_are_set():
    flagged = Tree([1, 2, 3], [0, 1, 1], roots=(1, 3), authorities=(3,))
    assert flagged.nested() == {
        "nodeId": 1,
        "root": True,
        "subs": [{"nodeId": 2}, {"nodeId": 3, "root": True, "hasTimeAuthority": True}],
    }


@pytest.mark.parametrize(
    "tree",
    [
        BRANCHY,
        Tree([9], [0]),
        Tree([9], [0], roots=(9,), authorities=(9,)),
        Tree([1, 2, 3, 4], [0, 1, 2, 3]),
        Tree([1, 2, 3, 4], [0, 1, 1, 1]),
        Tree([1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 1, 2], roots=(3,), authorities=(5, 6)),
        Tree([1, 2, 3, 4, 5], [0, 1, 2, 3, 0 + 1]),
    ],
    ids=["branchy", "single", "flags", "chain", "star", "mixed", "back to the top"],
)
def test_text_is_nested_in_json(tree):
    assert tree.text() == json.dumps(tree.nested(), separators=(",", ":"))
    assert parse({**tree.nested(), "type": 5}, LIMITS) == tree


def test_a_deep_tree_needs_no_recursion():
    deep = Tree(list(range(1, 5001)), list(range(5000)))
    assert deep.text().count("subs") == 4999
    assert deep.parents()[-1] == 4999
    assert len(deep.without({4000})) == 3999


def test_trees_are_equal_when_nodes_order_and_flags_are():
    assert Tree([1, 2], [0, 1]) == Tree([1, 2], [0, 1])
    assert hash(Tree([1, 2], [0, 1])) == hash(Tree([1, 2], [0, 1]))
    assert Tree([1, 2, 3], [0, 1, 1]) != Tree([1, 3, 2], [0, 1, 1])
    assert Tree([1, 2, 3], [0, 1, 1]) != Tree([1, 2, 3], [0, 1, 2])
    assert Tree([1, 2], [0, 1]) != Tree([1, 2], [0, 1], roots=(2,))
    assert Tree([1, 2], [0, 1]) != Tree([1, 2], [0, 1], authorities=(2,))
    assert Tree([1], [0]) != [1]


# -- without ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unwanted", "ids", "depths"),
    [
        (set(), [1, 2, 3, 4, 5, 6], [0, 1, 2, 2, 3, 1]),
        ({2}, [1, 6], [0, 1]),
        ({3}, [1, 2, 4, 5, 6], [0, 1, 2, 3, 1]),
        ({4}, [1, 2, 3, 6], [0, 1, 2, 1]),
        ({6}, [1, 2, 3, 4, 5], [0, 1, 2, 2, 3]),
        ({2, 6}, [1], [0]),
        ({3, 5}, [1, 2, 4, 6], [0, 1, 2, 1]),
        ({4, 5}, [1, 2, 3, 6], [0, 1, 2, 1]),
        ({3, 4}, [1, 2, 6], [0, 1, 1]),
        ({99}, [1, 2, 3, 4, 5, 6], [0, 1, 2, 2, 3, 1]),
    ],
)
def test_without_cuts_nodes_and_what_hangs_below(unwanted, ids, depths):
    cut = BRANCHY.without(unwanted)
    assert (cut.ids, cut.depths) == (ids, depths)
    assert BRANCHY.ids == [1, 2, 3, 4, 5, 6], "the tree itself stays"


def test_without_takes_the_flags_along():
    flagged = Tree([1, 2, 3, 4], [0, 1, 2, 1], roots=(1, 3), authorities=(3, 4))
    cut = flagged.without({2: None})
    assert (cut.ids, cut.roots, cut.authorities) == ([1, 4], (1,), (4,))


# -- join ------------------------------------------------------------------------------------


def test_join_puts_branches_below_a_node_in_order():
    joined = join(10, False, False, [BRANCHY, Tree([20], [0]), Tree([30, 31], [0, 1])])
    assert joined.ids == [10, 1, 2, 3, 4, 5, 6, 20, 30, 31]
    assert joined.depths == [0, 1, 2, 3, 3, 4, 2, 1, 1, 2]
    assert (joined.roots, joined.authorities) == ((), ())


def test_join_keeps_all_flags():
    joined = join(10, True, True, [Tree([20, 21], [0, 1], roots=(21,)), Tree([30], [0], authorities=(30,))])
    assert (joined.roots, joined.authorities) == ((10, 21), (10, 30))
    assert join(10, True, False, []).nested() == {"nodeId": 10, "root": True}
    assert join(10, False, True, []).nested() == {"nodeId": 10, "hasTimeAuthority": True}


# -- parse -----------------------------------------------------------------------------------


def test_parse_reads_a_recorded_tree():
    package = {
        "nodeId": 1001,
        "subs": [{"nodeId": 1002, "subs": [{"nodeId": 1003}]}],
        "type": 6,
        "dest": 1,
        "from": 1001,
    }
    tree = parse(package, LIMITS)
    assert (tree.ids, tree.depths) == ([1001, 1002, 1003], [0, 1, 2])
    assert not tree.repeats_top


def test_parse_is_the_inverse_of_nested():
    assert parse({**BRANCHY_NESTED, "type": 5}, LIMITS) == BRANCHY


def test_a_missing_node_id_is_read_from_the_sender():
    assert parse({"from": 7, "type": 5}, LIMITS).ids == [7]
    assert parse({"from": 7, "nodeId": None, "type": 5}, LIMITS).ids == [7]
    assert parse({"from": 7, "nodeId": 8, "type": 5}, LIMITS).ids == [8], "nodeId goes first"
    assert parse({"from": 7, "subs": [{"nodeId": 8}]}, LIMITS).ids == [7, 8]


def test_ids_may_come_as_text_or_float():
    package = {"nodeId": "1001", "subs": [{"nodeId": 1002.0, "subs": [{"nodeId": "4294967295"}]}]}
    assert parse(package, LIMITS).ids == [1001, 1002, 4294967295]


def test_subs_may_be_null_or_empty():
    assert parse({"nodeId": 1, "subs": None}, LIMITS).ids == [1]
    assert parse({"nodeId": 1, "subs": []}, LIMITS).ids == [1]
    assert parse({"nodeId": 1, "subs": [{"nodeId": 2, "subs": []}]}, LIMITS).depths == [0, 1]


@pytest.mark.parametrize(
    "bad", [0, -1, 4294967296, pytest.param(10**4000, id="huge"), "x", "", 1.5, True, [], {}, None]
)
def test_ids_out_of_range_are_refused(bad):
    for package in (
        {"nodeId": bad, "from": bad},
        {"from": bad},
        {"nodeId": 1, "subs": [{"nodeId": bad}]},
        {"nodeId": 1, "subs": [{"nodeId": 2, "subs": [{"nodeId": 3}, {"nodeId": bad}]}]},
    ):
        with pytest.raises(WireError) as refused:
            parse(package, LIMITS)
        assert len(str(refused.value)) < 100, "what a peer sent does not grow our messages"


@pytest.mark.parametrize(
    "subs",
    [
        5,
        "x",
        {"nodeId": 2},
        True,
        [None],
        [5],
        ["x"],
        [[]],
        [{"nodeId": 2}, None],
        [{}],
        [{"subs": []}],
        0,
        "",
    ],
)
def test_odd_subs_are_refused(subs):
    with pytest.raises(WireError):
        parse({"nodeId": 1, "subs": subs}, LIMITS)
    with pytest.raises(WireError):
        parse({"nodeId": 1, "subs": [{"nodeId": 2, "subs": subs}]}, LIMITS)


def test_flags_count_only_when_true():
    package = {
        "nodeId": 1,
        "root": True,
        "subs": [
            {"nodeId": 2, "root": False, "hasTimeAuthority": True},
            {"nodeId": 3, "root": 1, "hasTimeAuthority": "true"},
            {"nodeId": 4, "root": None},
        ],
    }
    tree = parse(package, LIMITS)
    assert (tree.roots, tree.authorities) == ((1,), (2,))


def test_a_repeated_node_is_kept_where_it_came_first():
    package = {
        "nodeId": 1,
        "subs": [
            {"nodeId": 2, "subs": [{"nodeId": 3}]},
            {"nodeId": 4, "subs": [{"nodeId": 3, "subs": [{"nodeId": 9}]}, {"nodeId": 5}]},
            {"nodeId": 2, "root": True},
        ],
    }
    tree = parse(package, LIMITS)
    assert (tree.ids, tree.depths, tree.roots) == ([1, 2, 3, 4, 5], [0, 1, 2, 1, 2], ())
    assert not tree.repeats_top


@pytest.mark.parametrize(
    "subs",
    [[{"nodeId": 1}], [{"nodeId": 2, "subs": [{"nodeId": 3, "subs": [{"nodeId": 1}]}]}], [{"nodeId": "1"}]],
)
def test_a_sender_that_lists_itself_is_noted(subs):
    tree = parse({"nodeId": 1, "subs": subs}, LIMITS)
    assert tree.repeats_top
    assert tree.ids.count(1) == 1


def test_a_tree_of_exactly_the_limit_passes():
    package = {"nodeId": 1, "subs": [{"nodeId": node_id} for node_id in range(2, 11)]}
    assert len(parse(package, Limits(tree_nodes=10))) == 10
    with pytest.raises(WireError, match="more than 9"):
        parse(package, Limits(tree_nodes=9))


def test_repeated_nodes_count_towards_the_limit():
    package = {"nodeId": 1, "subs": [{"nodeId": 2}] * 10}
    with pytest.raises(WireError, match="more than 10"):
        parse(package, Limits(tree_nodes=10))


def test_a_million_nodes_are_refused():
    package = {"nodeId": 1, "subs": [{"nodeId": 2}] * 1_000_000}
    with pytest.raises(WireError, match="more than"):
        parse(package, LIMITS)


def test_a_tree_is_as_deep_as_its_json_may_be():
    limits = Limits(nesting=9)  # five nodes below each other are nine brackets
    assert len(parse(chain(5), limits)) == 5
    with pytest.raises(WireError, match="deep"):
        parse(chain(6), limits)
    assert len(parse(chain(5), Limits(nesting=10))) == 5
    with pytest.raises(WireError, match="deep"):
        parse(chain(6), Limits(nesting=10))  # eleven brackets
    assert len(parse(chain(128), LIMITS)) == 128
    with pytest.raises(WireError, match="deep"):
        parse(chain(129), LIMITS)


def test_top_id_says_who_speaks():
    assert top_id({"nodeId": 5, "from": 6}) == 5
    assert top_id({"from": 6}) == 6
    for package in ({}, {"nodeId": 0, "from": 6}, {"from": 4294967296}):
        with pytest.raises(WireError):
            top_id(package)
