"""How a link becomes a neighbour, and which links do not."""

import pytest

from meshnode.events import LinkClosed, LinkReady, NodeJoined, NodeLeft, TopologyChanged
from meshnode.node import MeshNode
from tests.support.subject import SECOND_US, START_US, Subject, frame, hello

HELLO = b'{"nodeId":1000,"type":5,"dest":0,"from":1000}'


@pytest.fixture
def subject():
    return Subject(1000)


# -- joining ---------------------------------------------------------------------------------


def test_a_dialing_node_says_hello_at_once(subject):
    subject.dial("a")
    assert subject.heard == {"a": [(START_US, HELLO)]}


def test_a_dialed_node_waits_for_the_other_to_speak(subject):
    subject.accept("a")
    subject.advance(10 * SECOND_US - 1)
    assert subject.heard == {}
    subject.advance(1)
    assert subject.heard == {"a": [(START_US + 10 * SECOND_US, HELLO)]}


def test_the_answer_to_our_hello_makes_a_neighbour(subject):
    subject.dial("a")
    subject.say("a", hello(7, 8, kind=6))
    assert subject.told == [LinkReady("a", 7), NodeJoined(7), NodeJoined(8), TopologyChanged()]
    assert subject.node.links() == [("a", 7)]
    assert subject.node.nodes() == [7, 8]
    assert subject.packages("a", 6) == [], "an answer is not answered"


def test_a_hello_is_answered_at_once(subject):
    subject.accept("a")
    subject.say("a", hello(7))
    assert subject.frames("a") == [b'{"nodeId":1000,"type":6,"dest":7,"from":1000}']
    assert subject.node.links() == [("a", 7)]


@pytest.mark.parametrize("kind", [5, 6])
@pytest.mark.parametrize("dialed", [True, False])
def test_either_kind_of_node_sync_is_a_first_word(subject, kind, dialed):
    (subject.dial if dialed else subject.accept)("a")
    subject.say("a", hello(7, kind=kind))
    assert subject.node.links() == [("a", 7)]


def test_a_dialing_node_whose_peer_spoke_first_still_wants_an_answer(subject):
    subject.dial("a")
    subject.say("a", hello(7, kind=5))
    subject.advance(10 * SECOND_US)
    assert subject.closed() == ["a"]


def test_the_answer_shows_the_others_in_order_of_acceptance(subject):
    subject.join("b", 30, 31)
    subject.join("a", 20)
    subject.accept("c")
    subject.say("c", hello(10))
    assert subject.frames("c") == [
        b'{"nodeId":1000,"subs":[{"nodeId":30,"subs":[{"nodeId":31}]},{"nodeId":20}],"type":6,"dest":10,"from":1000}'
    ]


@pytest.mark.parametrize(
    "said", [{"dest": 999}, {"dest": None}, {"from": 999}, {"type": "5"}, {"extra": [1]}]
)
def test_what_else_a_hello_says_does_not_matter(subject, said):
    subject.accept("a")
    subject.say("a", frame(**{"nodeId": 7, "type": 5, "dest": 0, "from": 7, **said}))
    assert subject.node.links() == [("a", 7)]


def test_a_hello_without_node_id_goes_by_its_sender(subject):
    subject.accept("a")
    subject.say("a", frame(type=5, dest=0, **{"from": 7}))
    assert subject.node.links() == [("a", 7)]


def test_before_a_hello_nothing_else_is_heard(subject):
    subject.join("b", 9)
    subject.accept("a")
    for package in (
        {"type": 8, "from": 7, "msg": "x"},
        {"type": 9, "from": 7, "dest": 1000, "msg": "x"},
        {"type": 9, "from": 7, "dest": 9, "msg": "x"},
        {"type": 4, "from": 7, "msg": {"type": 1, "t0": 1}},
        {"type": 3, "from": 9, "dest": 1000, "msg": {"type": 1, "t0": 1}},
    ):
        subject.say("a", frame(**package))
    assert subject.told == []
    assert subject.heard == {}
    assert subject.node.refused_frames == 5


def test_the_last_known_id_may_be_the_largest(subject):
    subject.join("a", 4294967295)
    assert subject.node.nodes() == [4294967295]


@pytest.mark.parametrize("node_id", [0, -1, 1 << 32])
def test_a_node_cannot_have_an_id_out_of_range(node_id):
    with pytest.raises(ValueError, match="node id"):
        MeshNode(node_id)


def test_a_handle_is_used_once_at_a_time(subject):
    subject.dial("a")
    with pytest.raises(ValueError, match="in use"):
        subject.dial("a")
    subject.hang_up("a")
    subject.dial("a")


# -- refused ---------------------------------------------------------------------------------


def assert_refused(subject, link="a"):
    assert subject.closed() == [link]
    assert subject.heard.get(link, []) == [], "closed without a reply"
    assert subject.events(LinkReady) == []
    assert link not in subject.node.pending()


@pytest.mark.parametrize(
    "said",
    [
        {"nodeId": 0},
        {"nodeId": 1 << 32},
        {"nodeId": -1},
        {"nodeId": "x"},
        {"nodeId": 1.5},
        {"nodeId": True},
        {"nodeId": None, "from": None},
        {"nodeId": 1000},
        {"nodeId": 7, "subs": [{"nodeId": 7}]},
        {"nodeId": 7, "subs": [{"nodeId": 8, "subs": [{"nodeId": 7}]}]},
        {"nodeId": 7, "subs": [{"nodeId": 1000}]},
        {"nodeId": 7, "subs": [{"nodeId": 8, "subs": [{"nodeId": 1000}]}]},
        {"nodeId": 30},
        {"nodeId": 31},
        {"nodeId": 7, "subs": [{"nodeId": 30}]},
        {"nodeId": 7, "subs": [{"nodeId": 8, "subs": [{"nodeId": 31}]}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [5, 6])
def test_a_new_link_is_refused(subject, said, kind):
    subject.join("b", 30, 31)
    subject.accept("a")
    subject.say("a", frame(**{"type": kind, "dest": 0, "from": 7, **said}))
    assert_refused(subject)
    assert subject.node.nodes() == [30, 31], "the others stay"


def test_a_refused_link_says_why_in_a_short_phrase(subject):
    subject.accept("a")
    subject.say("a", b'{"type":5,"nodeId":%s}\0' % (b"9" * 4000))
    (closed,) = subject.events(LinkClosed)
    assert 0 < len(closed.reason) < 100


def test_what_follows_in_the_same_read_is_not_heard_any_more(subject):
    subject.accept("a")
    subject.say("a", hello(1000) + hello(7) + frame(type=8, msg="x", **{"from": 7}))
    assert subject.told == [LinkClosed("a", "neighbour has our id 1000")]


def test_a_tree_that_cannot_be_read_is_ignored_and_the_link_stays(subject):
    subject.accept("a")
    subject.say("a", frame(type=5, nodeId=7, subs=[{"nodeId": 0}]))
    assert (subject.told, subject.heard) == ([], {})
    subject.say("a", hello(7))
    assert subject.node.links() == [("a", 7)]


def test_a_neighbour_that_changes_its_id_is_let_go(subject):
    subject.join("a", 7, 8)
    subject.say("a", hello(9))
    assert subject.closed() == ["a"]
    assert subject.told[1:] == [NodeLeft(7), NodeLeft(8), TopologyChanged()]
    assert subject.node.nodes() == []


@pytest.mark.parametrize("bad", [0, 1 << 32, None])
def test_a_neighbour_that_loses_its_id_is_let_go(subject, bad):
    subject.join("a", 7)
    subject.say("a", frame(type=6, nodeId=bad))
    assert subject.closed() == ["a"]


def test_a_neighbour_that_lists_itself_is_let_go(subject):
    subject.join("a", 7)
    subject.say("a", hello(7, (8, 7)))
    assert subject.closed() == ["a"]


def test_after_a_refusal_the_id_is_free_for_others(subject):
    subject.accept("a")
    subject.say("a", hello(7, 1000))
    subject.join("b", 7)
    assert subject.node.nodes() == [7]


# -- gone ------------------------------------------------------------------------------------


def test_a_closed_link_takes_its_nodes_along(subject):
    subject.join("a", 7, 8)
    subject.join("b", 9)
    subject.hang_up("a")
    assert subject.told == [NodeLeft(7), NodeLeft(8), TopologyChanged()]
    assert subject.node.nodes() == [9]
    assert subject.node.links() == [("b", 9)]


def test_a_node_that_left_may_rejoin_at_once(subject):
    subject.join("a", 7)
    subject.hang_up("a")
    subject.join("b", 7)
    assert subject.node.links() == [("b", 7)]


def test_links_that_nobody_knows_are_harmless(subject):
    subject.hang_up("x")
    subject.say("x", hello(7))
    assert subject.node.data_to_send("x", 100) == b""
    assert subject.node.paused("x") is False
    assert subject.node.backlog("x") == 0
    subject.accept("a")
    subject.say("a", hello(1000))
    subject.hang_up("a")
    assert subject.events(LinkClosed) == [LinkClosed("a", "neighbour has our id 1000")]


def test_an_unknown_link_going_down_changes_nothing(subject):
    subject.join("a", 7)
    subject.accept("b")
    subject.hang_up("b")
    assert subject.told == []


# -- half-dead -------------------------------------------------------------------------------


def test_a_returning_neighbour_has_its_dead_link_looked_into(subject):
    subject.join("old", 7)
    subject.advance(15 * SECOND_US)
    subject.say("old", hello(7, kind=6))
    subject.forget()
    subject.accept("new")
    subject.say("new", hello(7))
    assert subject.closed() == ["new"], "the old link may well be alive"
    assert subject.packages("old", 5) == [{"nodeId": 1000, "type": 5, "dest": 7, "from": 1000}]
    subject.advance(10 * SECOND_US)
    assert subject.closed() == ["new", "old"]
    subject.join("newer", 7)


def test_a_living_link_survives_being_looked_into(subject):
    subject.join("old", 7)
    for number in range(20):
        subject.accept(number)
        subject.say(number, hello(7))
        subject.say("old", hello(7, kind=6))
        subject.advance(SECOND_US)
    assert subject.closed() == list(range(20))
    assert subject.node.links() == [("old", 7)]


def test_calling_again_and_again_gives_a_dead_link_no_more_time(subject):
    subject.join("old", 7)
    for number in range(11):
        subject.accept(number)
        subject.say(number, hello(7))
        if "old" in subject.closed():
            break
        subject.advance(SECOND_US)
    assert subject.closed()[-1] == "old"


def test_a_neighbour_coming_back_with_a_known_node_has_that_nodes_link_looked_into(subject):
    """8 moved from us to 7 without a word, and now 7 calls: the link to 8 is dead."""
    subject.join("dead", 8)
    subject.join("other", 9)
    subject.advance(SECOND_US)
    subject.say("dead", hello(8, kind=6))
    subject.say("other", hello(9, kind=6))
    subject.forget()
    subject.accept("new")
    subject.say("new", hello(7, 8))
    assert subject.closed() == ["new"]
    assert len(subject.packages("dead", 5)) == 1
    assert subject.packages("other", 5) == []
    subject.advance(10 * SECOND_US)
    assert subject.closed() == ["new", "dead"]


def test_a_node_known_deeper_down_has_the_link_towards_it_looked_into(subject):
    subject.join("a", 7, (8, 9))
    subject.accept("new")
    subject.say("new", hello(9))
    assert len(subject.packages("a", 5)) == 1
