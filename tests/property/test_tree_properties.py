"""Trees survive writing and reading; views show each node once and lead to neighbours."""

import json

from hypothesis import given
from hypothesis import strategies as st

from meshnode.limits import Limits
from meshnode.tree import Tree, join, parse
from meshnode.view import View
from meshnode.wire import WireError
from tests.support.strategies import node_ids, odd_values, trees

few_ids = st.integers(1, 12)


class FakeLink:
    def __init__(self, tree):
        self.tree = tree
        self.node_id = tree.node_id

    def __repr__(self):
        return f"<link to {self.tree.text()}>"


def assert_sound(tree: Tree) -> None:
    """Each node once, depths that a preorder can have, parents before children."""
    assert len(set(tree.ids)) == len(tree.ids) == len(tree.depths)
    assert tree.depths[0] == 0
    assert all(0 < after <= before + 1 for before, after in zip(tree.depths, tree.depths[1:], strict=False))
    assert set(tree.roots) | set(tree.authorities) <= set(tree.ids)
    assert tree.parents()[0] is None
    assert all(parent in tree.ids for parent in tree.parents()[1:])


@given(trees())
def test_what_is_written_is_read_again(tree):
    assert json.loads(tree.text()) == tree.nested()
    assert tree.text() == json.dumps(tree.nested(), separators=(",", ":"))
    again = parse({**tree.nested(), "type": 5}, Limits())
    assert (again.ids, again.depths) == (tree.ids, tree.depths)
    assert set(again.roots) == set(tree.roots)
    assert set(again.authorities) == set(tree.authorities)
    assert not again.repeats_top
    assert again.text() == tree.text()


@given(trees(ids=few_ids), st.sets(few_ids))
def test_without_is_the_tree_less_what_hangs_below(tree, unwanted):
    unwanted.discard(tree.node_id)
    cut = tree.without(unwanted)
    assert_sound(cut)
    parents = dict(zip(tree.ids, tree.parents(), strict=True))

    def stays(node_id):
        return node_id is None or (node_id not in unwanted and stays(parents[node_id]))

    kept = [node_id for node_id in tree.ids if stays(node_id)]
    assert cut.ids == kept
    assert dict(zip(cut.ids, cut.parents(), strict=True)) == {node_id: parents[node_id] for node_id in kept}
    assert cut.roots == tuple(root for root in tree.roots if root in kept)


@given(st.lists(trees(ids=node_ids, max_size=8), max_size=5), st.booleans(), st.booleans())
def test_join_keeps_all_branches(branches, root, authority):
    joined = join(0, root, authority, branches)
    assert joined.ids == [0] + [node_id for branch in branches for node_id in branch.ids]
    nested = joined.nested()
    assert [entry["nodeId"] for entry in nested.get("subs", [])] == [branch.node_id for branch in branches]
    assert joined.text() == json.dumps(nested, separators=(",", ":"))


nested_packages = st.recursive(
    st.fixed_dictionaries({"nodeId": few_ids}, optional={"root": st.booleans(), "x": odd_values}),
    lambda inner: st.fixed_dictionaries(
        {"nodeId": few_ids | odd_values, "subs": st.lists(inner | odd_values, max_size=4)}
    ),
    max_leaves=12,
)


@given(nested_packages)
def test_any_package_is_a_sound_tree_or_a_wire_error(package):
    try:
        tree = parse(package, Limits(tree_nodes=10, nesting=7))
    except WireError as error:
        assert len(str(error)) < 200
    else:
        assert_sound(tree)
        assert len(tree) <= 10
        assert 2 * max(tree.depths) + 1 <= 7


@given(st.lists(trees(ids=few_ids, max_size=8), max_size=5, unique_by=lambda tree: tree.node_id), few_ids)
def test_a_view_shows_each_node_once_whatever_neighbours_say(reported, node_id):
    links = [FakeLink(tree) for tree in reported if tree.node_id != node_id]
    view = View(node_id, links)
    whole = join(node_id, False, False, [branch for _, branch in view.branches])
    assert_sound(whole)
    assert whole.ids[1:] == list(view.routes)
    for link, branch in view.branches:
        assert branch.node_id == link.node_id
        assert all(view.routes[behind] is link for behind in branch.ids)
        assert set(branch.ids) <= set(link.tree.ids)
    reachable = {behind for link in links for behind in link.tree.ids} - {node_id}
    assert set(view.routes) <= reachable
    assert {link.node_id for link in links} <= set(view.routes), "no neighbour is ever lost"
    overlaps = sum(len(link.tree) for link in links) != len(reachable)
    assert view.overlapping is overlaps
    assert overlaps or not view.cycle
    assert set(view.cycle) <= set(links)


@given(trees(ids=st.integers(1, 1000), min_size=2), st.data())
def test_a_view_of_a_true_tree_is_that_tree(tree, data):
    """Cut anywhere into a node and the subtrees of its neighbours, it is put together again."""
    branches = []
    for child in [one for one, depth in zip(tree.ids, tree.depths, strict=True) if depth == 1]:
        start = tree.ids.index(child)
        end = next(
            (index for index in range(start + 1, len(tree)) if tree.depths[index] <= 1),
            len(tree),
        )
        branches.append(Tree(tree.ids[start:end], [depth - 1 for depth in tree.depths[start:end]]))
    order = data.draw(st.permutations(branches))
    view = View(tree.node_id, [FakeLink(branch) for branch in order])
    assert not view.overlapping
    assert view.cycle == []
    assert [branch for _, branch in view.branches] == order
    assert set(view.routes) == set(tree.ids[1:])
