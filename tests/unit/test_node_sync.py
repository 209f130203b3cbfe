"""Node sync: when it is asked for, what it says, and how silence ends a link."""

import json

import pytest

from meshnode.events import LinkClosed, NodeJoined, NodeLeft, TopologyChanged
from tests.support.subject import MILLISECOND_US, SECOND_US, START_US, Subject, hello

MINUTE_US = 60 * SECOND_US


@pytest.fixture
def subject():
    return Subject(1000)


def steady(subject, link, node_id, *subs):
    """A neighbour that has been quiet for a while: joined, asked at 10 s, answered."""
    subject.join(link, node_id, *subs)
    subject.advance(10 * SECOND_US)
    subject.say(link, hello(node_id, *subs, kind=6))
    subject.forget()


# -- cadence and silence ---------------------------------------------------------------------


def test_a_dialed_link_asks_at_0_s_and_then_every_60_s(subject):
    subject.dial("a")
    for _ in range(4):
        subject.say("a", hello(7, kind=6))
        subject.advance(MINUTE_US)
    assert subject.times_us("a", 5) == [START_US + number * MINUTE_US for number in range(5)]


def test_an_accepted_link_asks_at_10_s_and_then_every_60_s(subject):
    subject.join("a", 7)
    subject.advance(10 * SECOND_US)
    for _ in range(3):
        subject.say("a", hello(7, kind=6))
        subject.advance(MINUTE_US)
    expected = [START_US + 10 * SECOND_US + number * MINUTE_US for number in range(4)]
    assert subject.times_us("a", 5) == expected


def test_a_silent_neighbour_of_ours_is_given_up_10_s_after_we_dialed(subject):
    subject.dial("a")
    subject.advance(10 * SECOND_US - 1)
    assert subject.closed() == []
    subject.advance(1)
    assert subject.events() == [LinkClosed("a", "silent: node sync unanswered for 10 s")]


def test_one_that_dialed_us_and_never_spoke_is_given_up_after_20_s(subject):
    subject.accept("a")
    subject.advance(20 * SECOND_US - 1)
    assert (subject.closed(), len(subject.packages("a", 5))) == ([], 1)
    subject.advance(1)
    assert subject.closed() == ["a"]


def test_one_that_said_hello_and_then_fell_silent_is_given_up_after_20_s(subject):
    """As recorded in no_reply_to_sync: a node sync at 10.0 s, closed at 20.0 s."""
    subject.join("a", 7, 8)
    subject.advance(20 * SECOND_US)
    assert subject.told == [
        LinkClosed("a", "silent: node sync unanswered for 10 s"),
        NodeLeft(7),
        NodeLeft(8),
        TopologyChanged(),
    ]


def test_in_steady_state_silence_is_found_after_70_s(subject):
    steady(subject, "a", 7)
    subject.advance(70 * SECOND_US - 1)
    assert subject.closed() == []
    subject.advance(1)
    assert subject.closed() == ["a"]


def test_an_answer_at_the_last_moment_counts(subject):
    subject.dial("a")
    subject.advance(10 * SECOND_US - 1)
    subject.say("a", hello(7, kind=6))
    subject.advance(SECOND_US)
    assert subject.closed() == []


def test_other_traffic_is_no_answer(subject):
    subject.join("a", 7)
    for _ in range(25):
        subject.advance(SECOND_US)
        subject.say("a", b'{"type":8,"from":7,"dest":0,"msg":"still here"}\0')
    assert subject.closed() == ["a"]


def test_one_silent_link_leaves_the_others_alone(subject):
    subject.join("a", 7)
    subject.join("b", 9)
    for _ in range(9):
        subject.advance(10 * SECOND_US)
        subject.say("b", hello(9, kind=6))
    assert subject.closed() == ["a"]
    assert subject.node.links() == [("b", 9)]


def test_an_unchanged_request_puts_the_next_one_of_ours_off_by_60_s(subject):
    steady(subject, "a", 7)
    subject.advance(50 * SECOND_US)
    subject.say("a", hello(7))
    subject.forget()
    subject.advance(MINUTE_US - 1)
    assert subject.packages("a", 5) == []
    subject.advance(1)
    assert len(subject.packages("a", 5)) == 1


def test_early_and_repeated_wake_ups_are_harmless(subject):
    subject.join("a", 7)
    for _ in range(3):
        subject.node.handle_deadline(subject.now_us)
        subject.settle()
    subject.run_until(START_US + 10 * SECOND_US)
    for _ in range(3):
        subject.node.handle_deadline(subject.now_us)
        subject.settle()
    assert len(subject.packages("a", 5)) == 1


def test_a_late_wake_up_does_everything_that_is_due(subject):
    subject.join("a", 7)
    subject.join("b", 8)
    subject.now_us += 100 * SECOND_US
    subject.node.handle_deadline(subject.now_us)
    subject.settle()
    assert len(subject.packages("a", 5)) == 1
    assert len(subject.packages("b", 5)) == 1
    subject.run_until(subject.now_us + 10 * SECOND_US)
    assert sorted(subject.closed()) == ["a", "b"]


def test_a_node_without_links_has_nothing_to_wake_for(subject):
    assert subject.node.next_deadline_us() is None
    subject.join("a", 7)
    assert subject.node.next_deadline_us() is not None
    subject.hang_up("a")
    assert subject.node.next_deadline_us() is None
    subject.node.handle_deadline(subject.now_us)


# -- news ------------------------------------------------------------------------------------


def test_a_newcomer_is_told_to_the_others_within_20_ms(subject):
    subject.join("a", 7)
    subject.join("b", 9, 10)
    subject.advance(20 * MILLISECOND_US)
    assert subject.frames("a") == [
        b'{"nodeId":1000,"subs":[{"nodeId":9,"subs":[{"nodeId":10}]}],"type":5,"dest":7,"from":1000}'
    ]
    assert subject.frames("b") == [], "whoever brought the news has it"


def test_a_leaver_is_told_to_the_others_within_20_ms(subject):
    subject.join("a", 7)
    subject.join("b", 9)
    subject.advance(SECOND_US)
    subject.say("a", hello(7, kind=6))
    subject.forget()
    subject.hang_up("b")
    subject.advance(20 * MILLISECOND_US)
    assert subject.frames("a") == [b'{"nodeId":1000,"type":5,"dest":7,"from":1000}']


def test_several_changes_within_20_ms_are_one_node_sync_per_link(subject):
    for link, node_id in (("a", 7), ("b", 8), ("c", 9)):
        subject.join(link, node_id)
    subject.advance(SECOND_US)
    for link, node_id in (("a", 7), ("b", 8), ("c", 9)):
        subject.say(link, hello(node_id, kind=6))
    subject.forget()
    subject.join("d", 20)
    subject.advance(5 * MILLISECOND_US)
    subject.join("e", 30, 31)
    subject.advance(5 * MILLISECOND_US)
    subject.say("d", hello(20, 21))
    subject.advance(5 * MILLISECOND_US)
    subject.hang_up("e")
    subject.say("a", hello(7, 71))
    subject.advance(9 * SECOND_US)
    for link in "bc":
        (package,) = subject.packages(link, 5)
        assert {"nodeId": 20, "subs": [{"nodeId": 21}]} in package["subs"]
        assert {"nodeId": 7, "subs": [{"nodeId": 71}]} in package["subs"]
        assert "30" not in json.dumps(package)
    assert len(subject.packages("a", 5)) == 1
    assert len(subject.packages("d", 5)) == 1


def test_the_first_of_several_changes_sets_the_moment(subject):
    steady(subject, "a", 7)
    begin_us = subject.now_us
    for number in range(10):
        subject.accept(number)
        subject.say(number, hello(100 + number))
        subject.advance(5 * MILLISECOND_US)
    times_us = subject.times_us("a", 5)
    assert times_us == [begin_us + 20 * MILLISECOND_US, begin_us + 40 * MILLISECOND_US]


def test_an_answer_under_way_does_not_swallow_news(subject):
    """The answer to our first sync comes while a second change waits to be told."""
    subject.join("a", 7)
    subject.join("b", 8)
    subject.advance(20 * MILLISECOND_US)
    assert len(subject.packages("a", 5)) == 1
    subject.join("c", 9)
    subject.say("a", hello(7, kind=6))
    subject.advance(20 * MILLISECOND_US)
    (package,) = subject.packages("a", 5)
    assert {"nodeId": 9} in package["subs"]


def test_a_request_under_way_brings_the_news_in_its_answer(subject):
    steady(subject, "a", 7)
    subject.join("b", 8)
    subject.say("a", hello(7))
    assert [package.get("subs") for package in subject.packages("a")] == [[{"nodeId": 8}]]


def test_an_unchanged_tree_tells_nothing_to_nobody(subject):
    steady(subject, "a", 7, 8)
    steady(subject, "b", 9)
    subject.advance(SECOND_US)
    for link, package in (("a", hello(7, 8)), ("a", hello(7, 8, kind=6)), ("b", hello(9))):
        subject.say(link, package)
    subject.forget()
    subject.advance(SECOND_US)
    assert subject.heard == {}
    assert subject.told == []


@pytest.mark.parametrize(
    "changed",
    [
        hello(7, 9, 8),
        hello(7, (8, 9)),
        hello(7, 8),
        hello(7, 8, 9, 10),
        hello(7, 8, 9, root=True),
        hello(7, 8, 9, hasTimeAuthority=True),
    ],
    ids=["permuted", "moved", "fewer", "more", "root", "authority"],
)
def test_any_other_tree_is_a_change(subject, changed):
    subject.join("a", 7, 8, 9)
    subject.join("b", 20)
    subject.advance(SECOND_US)
    subject.forget()
    subject.say("a", changed)
    assert subject.events(TopologyChanged) == [TopologyChanged()]
    subject.advance(20 * MILLISECOND_US)
    assert len(subject.packages("b", 5)) == 1
    assert subject.packages("a", 5) == []


def test_joined_and_left_are_told_in_order(subject):
    subject.join("a", 7, (8, 9), 10)
    subject.say("a", hello(7, (11, 9, 12)))
    assert subject.told == [NodeLeft(8), NodeLeft(10), NodeJoined(11), NodeJoined(12), TopologyChanged()]


def test_a_change_before_the_answer_to_our_hello_is_told_too(subject):
    """Our hello is still unanswered when our tree changes: the newcomer must hear of it."""
    subject.dial("a")
    assert len(subject.packages("a", 5)) == 1
    subject.join("b", 8)
    subject.say("a", hello(7, kind=6))
    subject.advance(20 * MILLISECOND_US)
    (package,) = subject.packages("a", 5)
    assert package["subs"] == [{"nodeId": 8}]


def test_no_second_sync_where_our_hello_was_still_true(subject):
    subject.join("b", 8)
    subject.dial("a")
    subject.say("a", hello(7, kind=6))
    subject.forget()
    subject.advance(SECOND_US)
    assert subject.packages("a", 5) == []


# -- what it says ----------------------------------------------------------------------------


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("authority", [True, False])
def test_requests_and_answers_carry_the_same_flags(root, authority):
    subject = Subject(1000, root=root, time_authority=authority)
    subject.dial("a")
    subject.say("a", hello(7, kind=5))
    subject.join("b", 8)
    subject.dial("c")
    flags = {"root": True} if root else {}
    flags |= {"hasTimeAuthority": True} if authority else {}
    subject.say("c", hello(9))
    request, answer = subject.packages("c", 5, 6)
    assert (request["type"], answer["type"]) == (5, 6)
    for package in (request, answer):
        said = {key: package[key] for key in ("root", "hasTimeAuthority") if key in package}
        assert said == flags
    assert list(request) == ["nodeId", *flags, "subs", "type", "dest", "from"]
    assert {**request, "type": 6, "dest": 9} == answer


def test_flags_of_others_are_passed_on(subject):
    subject.join("a", 7)
    subject.accept("b")
    subject.say(
        "b", b'{"nodeId":8,"root":true,"subs":[{"nodeId":9,"hasTimeAuthority":true}],"type":5,"from":8}\0'
    )
    subject.forget()
    subject.advance(20 * MILLISECOND_US)
    assert subject.packages("a", 5)[0]["subs"] == [
        {"nodeId": 8, "root": True, "subs": [{"nodeId": 9, "hasTimeAuthority": True}]}
    ]


def test_a_neighbour_is_never_told_of_its_own_side(subject):
    subject.join("a", 7, 8)
    subject.join("b", 9)
    subject.say("a", hello(7, 8))
    (answer,) = subject.packages("a", 6)
    assert answer["subs"] == [{"nodeId": 9}]


def test_the_tree_shows_the_whole_mesh_with_us_on_top():
    subject = Subject(1000, root=True)
    subject.join("b", 30, (31, 32))
    subject.join("a", 20)
    assert subject.node.tree().nested() == {
        "nodeId": 1000,
        "root": True,
        "subs": [{"nodeId": 30, "subs": [{"nodeId": 31, "subs": [{"nodeId": 32}]}]}, {"nodeId": 20}],
    }
    assert subject.node.nodes() == [30, 31, 32, 20]


def test_the_order_of_links_stays_when_they_change(subject):
    for link, node_id in (("c", 3), ("a", 1), ("b", 2)):
        subject.join(link, node_id)
    subject.say("c", hello(3, 33))
    subject.say("b", hello(2, 22))
    assert subject.node.nodes() == [3, 33, 1, 2, 22]
