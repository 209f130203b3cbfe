"""Who is a neighbour, and what neighbours are told."""

import json

import pytest

from meshnode.limits import Limits
from meshnode.link import Link
from meshnode.membership import COALESCE_US, CYCLE_GRACE_US, Membership
from meshnode.tree import Tree

NOW_US = 1_000_000


class NoJitter:
    def random(self):
        return 0.0


class Harness:
    """A Membership, and links to give it."""

    def __init__(self, **flags):
        self.told = []
        settings = {"root": False, "time_authority": False, **flags}
        self.members = Membership(1000, rng=NoJitter(), tell=self.told.append, **settings)

    def link(self, name, ids, depths=None, *, dialed=False):
        link = Link(name, dialed, Limits(), NOW_US)
        assert self.members.update(link, tree(ids, depths), NOW_US)
        return link

    def frame(self, link, *, is_request=True):
        data = self.members.node_sync_frame(link, is_request)
        assert data.endswith(b"\0")
        return json.loads(data[:-1])


def tree(ids, depths=None):
    return Tree(ids, depths or [0, *[1] * (len(ids) - 1)])


@pytest.fixture
def harness():
    return Harness()


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([1000], "neighbour has our id 1000"),
        ([9, 1000], "neighbour 9 reaches us already"),
        ([7], "node 7 is in the mesh already"),
        ([9, 8], "node 8 is in the mesh already"),
        ([9, 10], None),
    ],
)
def test_why_a_new_link_is_refused(harness, ids, reason):
    harness.link("a", [7, 8])
    new = Link("new", False, Limits(), NOW_US)
    assert harness.members.refusal(new, ids[0], tree(ids)) == reason


def test_why_a_neighbour_is_let_go(harness):
    link = harness.link("a", [7, 8])
    assert harness.members.refusal(link, 7, tree([7, 8, 1000])) is None, "rings are another matter"
    assert harness.members.refusal(link, 9, tree([9])) == "neighbour changed its id from 7 to 9"
    listed = tree([7])
    listed.repeats_top = True
    assert harness.members.refusal(link, 7, listed) == "node 7 lists itself below itself"


def test_update_says_whether_there_was_news(harness):
    link = harness.link("a", [7, 8])
    assert harness.members.update(link, tree([7, 8]), NOW_US) is False
    assert harness.members.update(link, tree([7, 8, 9]), NOW_US) is True
    assert harness.members.update(link, tree([7, 9, 8]), NOW_US) is True


def test_the_tree_is_made_once_per_change(harness):
    link = harness.link("a", [7, 8])
    assert harness.members.tree() is harness.members.tree()
    before = harness.members.tree()
    harness.members.update(link, tree([7]), NOW_US)
    assert harness.members.tree().ids == [1000, 7]
    assert before.ids == [1000, 7, 8]


def test_removing_a_stranger_changes_nothing(harness):
    harness.link("a", [7])
    harness.told.clear()
    harness.members.remove(Link("b", False, Limits(), NOW_US), NOW_US)
    assert harness.told == []


def test_links_that_lead_to_a_tree(harness):
    a, b, c = harness.link("a", [7, 8]), harness.link("b", [9]), harness.link("c", [10])
    members = harness.members
    assert members.leading_to(tree([99, 9, 8, 7])) == [b, a]
    assert members.leading_to(tree([10])) == [c]
    assert members.leading_to(tree([99])) == []


def test_a_frame_tells_all_but_the_neighbours_own_side(harness):
    a, b = harness.link("a", [7, 8]), harness.link("b", [9])
    assert harness.frame(a) == {
        "nodeId": 1000,
        "subs": [{"nodeId": 9}],
        "type": 5,
        "dest": 7,
        "from": 1000,
    }
    assert harness.frame(b, is_request=False)["subs"] == [{"nodeId": 7, "subs": [{"nodeId": 8}]}]
    harness.members.remove(a, NOW_US)
    assert "subs" not in harness.frame(b)


def test_in_an_overlap_a_frame_shows_each_node_once(harness):
    harness.link("a", [7, 55])
    b = harness.link("b", [8])
    c = harness.link("c", [9])
    harness.members.update(b, tree([8, 55, 56]), NOW_US)
    assert harness.frame(c)["subs"] == [
        {"nodeId": 7, "subs": [{"nodeId": 55}]},
        {"nodeId": 8, "subs": [{"nodeId": 56}]},
    ]


def test_news_are_due_on_all_other_links(harness):
    links = [harness.link(name, [node_id]) for name, node_id in (("a", 7), ("b", 8), ("c", 9))]
    for link in links:
        link.sync_due_us = NOW_US + 10**9
    harness.members.update(links[1], tree([8, 81]), NOW_US + 5)
    assert [link.sync_due_us for link in links] == [
        NOW_US + 5 + COALESCE_US,
        NOW_US + 10**9,
        NOW_US + 5 + COALESCE_US,
    ]


def test_what_is_due_sooner_stays_so(harness):
    a, b = harness.link("a", [7]), harness.link("b", [8])
    a.sync_due_us = NOW_US + 3
    harness.members.update(b, tree([8, 81]), NOW_US)
    assert a.sync_due_us == NOW_US + 3


def test_a_ring_is_due_after_its_grace_and_only_once(harness):
    harness.link("a", [7])
    b = harness.link("b", [8])
    members = harness.members
    assert members.cycle_due_us is None
    members.update(b, tree([8, 7]), NOW_US)
    assert members.cycle_due_us == NOW_US + CYCLE_GRACE_US
    members.update(b, tree([8, 7, 9]), NOW_US + 500)
    assert members.cycle_due_us == NOW_US + CYCLE_GRACE_US, "more news of the same ring give it no more time"
    assert members.ring_to_cut(NOW_US + CYCLE_GRACE_US - 1) is None
    assert members.ring_to_cut(NOW_US + CYCLE_GRACE_US) is b
    assert members.ring_to_cut(NOW_US + CYCLE_GRACE_US) is None


def test_a_ring_that_is_gone_is_not_due(harness):
    harness.link("a", [7])
    b = harness.link("b", [8])
    harness.members.update(b, tree([8, 7]), NOW_US)
    harness.members.update(b, tree([8]), NOW_US)
    assert harness.members.cycle_due_us is None
    assert harness.members.ring_to_cut(NOW_US + 10**9) is None
