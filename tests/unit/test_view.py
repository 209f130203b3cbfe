"""One mesh out of what the neighbours report."""

from meshnode.tree import Tree
from meshnode.view import View


class FakeLink:
    def __init__(self, ids, depths):
        self.tree = Tree(ids, depths)

    @property
    def node_id(self):
        return self.tree.node_id


def shown(view):
    """Branches as (position of the link, ids, depths) of what they show."""
    return [(branch.ids, branch.depths) for _, branch in view.branches]


def test_a_node_alone_sees_nobody():
    view = View(1, [])
    assert (view.routes, view.branches, view.cycle, view.overlapping) == ({}, [], [], False)


def test_branches_and_routes_follow_the_links_in_order():
    first, second = FakeLink([30, 31], [0, 1]), FakeLink([20, 21, 22], [0, 1, 1])
    view = View(1, [first, second])
    assert view.branches == [(first, first.tree), (second, second.tree)]
    assert view.routes == {30: first, 31: first, 20: second, 21: second, 22: second}
    assert list(view.routes) == [30, 31, 20, 21, 22]
    assert not view.overlapping
    assert view.cycle == []


def test_without_overlap_a_branch_is_the_very_tree_of_the_link():
    link = FakeLink([2, 3], [0, 1])
    assert View(1, [link]).branches[0][1] is link.tree


def test_a_node_reported_twice_is_kept_where_it_was_known_first():
    """5 moved from 2 to 3; 2 has not told so yet."""
    first, second = FakeLink([2, 5, 6], [0, 1, 2]), FakeLink([3, 5, 7, 8], [0, 1, 2, 1])
    view = View(1, [first, second])
    assert shown(view) == [([2, 5, 6], [0, 1, 2]), ([3, 8], [0, 1])]
    assert view.routes == {2: first, 5: first, 6: first, 3: second, 8: second}
    assert view.overlapping
    assert view.cycle == [], "no ring: neither leads to the other's neighbour"


def test_we_ourselves_are_never_shown_below_a_neighbour():
    link = FakeLink([2, 3, 1, 4, 5], [0, 1, 2, 3, 1])
    view = View(1, [link])
    assert shown(view) == [([2, 3, 5], [0, 1, 1])]
    assert 1 not in view.routes
    assert view.overlapping
    assert view.cycle == [link], "a neighbour that leads to us closes a ring"


def test_a_neighbour_known_behind_an_earlier_link_shows_nothing():
    first, second = FakeLink([2, 3], [0, 1]), FakeLink([3, 4], [0, 1])
    view = View(1, [first, second])
    assert shown(view) == [([2, 3], [0, 1])]
    assert view.routes == {2: first, 3: first}
    assert view.cycle == [second]


def test_a_ring_shows_from_either_side():
    """An earlier neighbour may lead to a later one or the other way round: the later link closes the ring."""
    earlier, later = FakeLink([2], [0]), FakeLink([3, 2], [0, 1])
    view = View(1, [earlier, later])
    assert view.cycle == [later]
    assert shown(view) == [([2], [0]), ([3], [0])]


def test_of_several_links_only_those_of_the_ring_are_in_it():
    links = [FakeLink([2], [0]), FakeLink([3], [0]), FakeLink([4, 2], [0, 1]), FakeLink([5], [0])]
    view = View(1, links)
    assert view.cycle == [links[2]]


def test_two_rings_are_both_found():
    links = [FakeLink([2, 3], [0, 1]), FakeLink([3, 2], [0, 1]), FakeLink([4, 1], [0, 1])]
    view = View(1, links)
    assert view.cycle == [links[1], links[2]]
