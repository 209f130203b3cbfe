"""A neighbour that breaks every rule: memory stays bounded, the other links live on."""

import tracemalloc

import pytest

from meshnode.events import LinkClosed, NodeJoined, NodeLeft, PackageReceived, TopologyChanged
from meshnode.limits import Limits
from tests.support.subject import MILLISECOND_US, SECOND_US, Subject, frame, hello

MEGABYTE = 1 << 20


@pytest.fixture
def subject():
    """Neighbours 7 (well-behaved, link good) and 8 (link bad)."""
    subject = Subject(1000)
    subject.join("good", 7)
    subject.join("bad", 8)
    subject.advance(20 * MILLISECOND_US)
    subject.say("good", hello(7, kind=6))
    subject.forget()
    return subject


def assert_others_live_on(subject):
    """7 still sends, is sent to, and is in the tree."""
    subject.forget()
    subject.say("good", frame(type=9, dest=1000, msg="to us", **{"from": 7}))
    subject.node.send({"type": 9, "dest": 7, "msg": "from us"}, subject.now_us)
    subject.settle()
    assert [event.package["msg"] for event in subject.events(PackageReceived)] == ["to us"]
    assert [package["msg"] for package in subject.packages("good", 9)] == ["from us"]
    assert 7 in subject.node.nodes()


def peak_bytes(action):
    """The most memory that an action held at a time."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_10_mb_frame_is_skipped(subject):
    piece = b"x" * 65_536

    def flood():
        subject.say("bad", b'{"type":8,"msg":"')
        for _ in range(10 * MEGABYTE // len(piece)):
            subject.say("bad", piece)
        subject.say("bad", b'"}\0')

    assert peak_bytes(flood) < 2 * MEGABYTE
    assert subject.told == []
    assert_others_live_on(subject)
    subject.say("bad", frame(type=9, dest=1000, msg="sane again"))
    assert subject.events(PackageReceived)[-1].package["msg"] == "sane again"


def test_a_10_mb_frame_in_one_piece_is_skipped(subject):
    subject.say(
        "bad", b'{"type":8,"msg":"' + b"x" * (10 * MEGABYTE) + b'"}\0' + frame(type=9, dest=1000, msg="next")
    )
    assert [event.package["msg"] for event in subject.events(PackageReceived)] == ["next"]
    assert_others_live_on(subject)


def test_a_frame_without_end_is_held_up_to_the_limit(subject):
    def drip():
        for _ in range(20_000):
            subject.node.receive("bad", b"xxxxxxxxxxxxxxxx", subject.now_us)

    assert peak_bytes(drip) < 2 * subject.node.limits.frame_bytes
    assert_others_live_on(subject)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"[", b"]"), (b'{"a":', b"}"), (b'{"subs":[', b"]}"), (b'[{"nodeId":9,"subs":', b"}]")],
)
@pytest.mark.parametrize("kind", [5, 8, 9])
def test_100_000_levels_are_refused(opening, closing, kind):
    subject = Subject(1000, limits=Limits(frame_bytes=4 * MEGABYTE))
    subject.join("good", 7)
    subject.join("bad", 8)
    subject.forget()
    head = b'{"type":%d,"nodeId":8,"dest":1000,"subs":' % kind
    subject.say("bad", head + opening * 100_000 + b"\0")
    subject.say("bad", head + opening * 100_000 + b"1" + closing * 100_000 + b"}\0")
    assert subject.told == []
    assert subject.node.refused_frames == 2
    assert_others_live_on(subject)


def test_300_levels_are_not_passed_on(subject):
    """A frame that C++ nodes drop would only burden the mesh."""
    subject.say("bad", b'{"type":9,"dest":7,"x":' + b"[" * 300 + b"]" * 300 + b"}\0")
    subject.say("bad", b'{"type":8,"x":' + b"[" * 300 + b"]" * 300 + b"}\0")
    assert subject.heard == {}
    assert subject.told == []


def test_a_tree_of_a_million_nodes_is_refused():
    subject = Subject(1000, limits=Limits(frame_bytes=64 * MEGABYTE))
    subject.join("good", 7)
    subject.join("bad", 8)
    subject.advance(SECOND_US)
    subject.forget()
    subs = b",".join(b'{"nodeId":%d}' % node_id for node_id in range(10, 1_000_010))
    subject.say("bad", b'{"nodeId":8,"type":5,"from":8,"subs":[' + subs + b"]}\0")
    assert (subject.told, subject.heard) == ([], {})
    assert sorted(subject.node.nodes()) == [7, 8]
    assert_others_live_on(subject)


def test_a_million_nodes_do_not_even_fit_a_frame(subject):
    subs = b",".join(b'{"nodeId":%d}' % node_id for node_id in range(10, 1_000_010))
    subject.say("bad", b'{"nodeId":8,"type":5,"from":8,"subs":[' + subs + b"]}\0")
    assert (subject.told, subject.heard) == ([], {})
    assert_others_live_on(subject)


@pytest.mark.parametrize(
    "said",
    [
        b'{"type":8,"msg":NaN}',
        b'{"type":9,"dest":7,"msg":[Infinity]}',
        b'{"type":NaN}',
        b'{"type":5,"nodeId":8,"x":-Infinity}',
        b'{"type":9,"dest":NaN}',
        b'{"type":9,"dest":1e999}',
        b'{"type":9,"dest":' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        b"\xff" * 1000,
        b'\xef\xbb\xbf{"type":8}',
        b'{"type":8,"routing":"\xff"}',
        b'{"type":8,"routing":[]}',
        b'{"type":8,"from":1000,"msg":"as if from us"}',
        b"[1,2,3]",
        b'"text"',
        b"null",
        b"}{",
        b'{"type":5,"nodeId":8,"subs":7}',
        b'{"type":6,"nodeId":8,"subs":[[[]]]}',
        b'{"type":4,"msg":{"type":2,"t0":1,"t1":1,"t2":1}}',
        b'{"type":3,"dest":1000,"from":8,"msg":{"type":2,"t0":1,"t1":1,"t2":1}}',
    ],
    ids=lambda said: said[:24].decode("latin-1"),
)
def test_garbage_is_ignored_and_the_link_stays_open(subject, said):
    subject.say("bad", said + b"\0")
    assert (subject.told, subject.heard) == ([], {})
    assert_others_live_on(subject)
    assert ("bad", 8) in subject.node.links()


def test_wrong_utf8_in_a_text_is_passed_on_as_it_came(subject):
    said = b'{"type":9,"dest":7,"msg":"\xff\xfe"}'
    subject.say("bad", said + b"\0")
    assert subject.frames("good") == [said]


def test_a_neighbour_that_becomes_us_is_let_go(subject):
    subject.say("bad", hello(1000))
    assert subject.closed() == ["bad"]
    assert_others_live_on(subject)


def test_a_tree_that_changes_with_every_frame_is_told_on_at_a_bounded_rate(subject):
    frames = [hello(8, node_id) for node_id in range(2000, 3000)]
    for data in frames:
        subject.say("bad", data)
        subject.advance(MILLISECOND_US)
    assert len(subject.events(TopologyChanged)) == 1000
    assert len(subject.packages("good", 5)) <= 51
    assert set(subject.node.nodes()) == {7, 8, 2999}
    joined = [event.node_id for event in subject.events(NodeJoined)]
    assert joined == list(range(2000, 3000))
    assert len(subject.events(NodeLeft)) == 999


def test_a_neighbour_that_floods_fills_a_queue_and_no_more(subject):
    subject.deaf.add("good")
    sent_bytes = 0
    while not subject.node.paused("bad"):
        data = frame(type=9, dest=7, msg="x" * 1000) * 4
        subject.say("bad", data)
        sent_bytes += len(data)
        assert sent_bytes < MEGABYTE
    assert subject.node.backlog("good") <= subject.node.limits.queue_bytes + len(data)


def test_a_peer_that_never_says_who_it_is_costs_20_s(subject):
    subject.accept("mute")
    for _ in range(20):
        subject.say("mute", frame(type=8, msg="x") * 100)
        subject.say("good", hello(7, kind=6))
        subject.say("bad", hello(8, kind=6))
        subject.advance(SECOND_US)
    assert subject.events(LinkClosed) == [LinkClosed("mute", "silent: node sync unanswered for 10 s")]
    assert_others_live_on(subject)


def test_a_thousand_strangers_leave_no_trace(subject):
    def visit(number):
        subject.accept(number)
        subject.say(number, hello(8))
        assert number in subject.closed()
        subject.forget()

    visit(0)
    before = len(subject.node._links)
    for number in range(1, 1000):
        visit(number)
    assert len(subject.node._links) == before == 2
    assert subject.node.pending() == []
