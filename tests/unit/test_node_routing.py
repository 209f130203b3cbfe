"""Where packages go: to us, through us, to all."""

import pytest

from meshnode.events import PackageReceived
from meshnode.limits import Limits
from meshnode.node import NoRoute
from tests.support.network import Network
from tests.support.subject import SECOND_US, Subject, frame, hello


@pytest.fixture
def subject():
    """Node 1000 with neighbours 7 (and 71, 72 behind it), 8 and 9."""
    subject = Subject(1000)
    subject.join("a", 7, (71, 72))
    subject.join("b", 8)
    subject.join("c", 9)
    subject.advance(SECOND_US)
    for link, said in (("a", hello(7, (71, 72), kind=6)), ("b", hello(8, kind=6)), ("c", hello(9, kind=6))):
        subject.say(link, said)
    subject.forget()
    return subject


class Recorder:
    """A service that keeps what it gets and sends what it is told to."""

    def __init__(self, *package_types, answers=(), due_us=None):
        self.package_types = package_types
        self.answers = answers
        self.due_us = due_us
        self.received = []
        self.woken = []

    def receive(self, package, now_us):
        self.received.append((package, now_us))
        return self.answers

    def next_deadline_us(self):
        return self.due_us

    def handle_deadline(self, now_us):
        self.woken.append(now_us)
        self.due_us = None
        return self.answers


def received(subject):
    return [(event.package, event.link_node_id) for event in subject.events(PackageReceived)]


# -- through us ------------------------------------------------------------------------------

ODD_FRAMES = [
    b'{"type":9,"dest":8,"from":71,"msg":"plain"}',
    b'  { "dest" :8 , "type"\t:\r\n9,"from":71,"msg":"odd white space"}  ',
    b'{"routing":1,"type":250,"dest":8,"from":71,"dup":1,"dup":2,"big":18446744073709551615}',
    b'{"routing":1,"type":251,"dest":8,"f":1.10,"g":3.141592653589793,"h":1e3,"i":-0.0,"j":1.0}',
    b'{"routing":1,"type":"252","dest":"8","from":71}',
    b'{"routing":"1","type":252.0,"dest":8.0,"from":71}',
    b'{"type":9,"dest":8,"msg":"M\\u00fcnchen \\ud83d\\ude00 \\/ \x07"}',
    b'{"type":9,"dest":8,"msg":"M\xc3\xbcnchen \xff\xfe cut \xe2\x82"}',
    b'{"type":3,"dest":8,"from":71,"msg":{"type":1,"t0":1}}',
    b'{"type":7,"routing":1,"dest":8,"from":71}',
    b'{"type":9,"dest":8,"from":"nobody"}',
    b'{"type":8,"routing":1,"dest":8,"from":71,"msg":"routing goes before the type"}',
    b'{"type":12,"routing":1,"dest":8,"from":71,"data":"' + b"A" * 200_000 + b'"}',
]


@pytest.mark.parametrize("said", ODD_FRAMES, ids=range(len(ODD_FRAMES)))
def test_a_single_frame_is_passed_on_as_the_bytes_that_came(subject, said):
    subject.say("a", said + b"\0")
    assert subject.heard == {"b": [(subject.now_us, said)]}
    assert subject.told == []


@pytest.mark.parametrize("dest", [7, 71, 72])
def test_a_single_frame_takes_the_link_that_leads_there(subject, dest):
    subject.say("b", frame(type=9, dest=dest, msg="x", **{"from": 8}))
    assert len(subject.frames("a")) == 1
    assert list(subject.heard) == ["a"]


@pytest.mark.parametrize("dest", [0, 55, 71, 7])
def test_a_single_frame_to_nowhere_or_back_is_dropped(subject, dest):
    """To nobody, or to where it came from: each of two nodes may think that the other leads there."""
    subject.say("a", frame(type=9, dest=dest, msg="x", **{"from": 72}))
    assert subject.heard == {}
    assert subject.told == []
    assert subject.node.relay.unroutable_frames == 1


BROADCASTS = [
    b'{"type":8,"from":71,"dest":0,"msg":"plain"}',
    b'{"type":8,"from":71,"msg":"no dest"}',
    b'{"type":8,"from":71,"dest":1000,"msg":"dest does not matter"}',
    b' {"type":250,"routing":2,"from":71,"f":1.10,"g":21.5,"n":null,"z":{"a":[1,{"b":2}]}}\r\n',
    b'{"type":9,"routing":2,"from":71,"dest":8,"msg":"routing goes before the type"}',
    b'{"type":3,"routing":2,"from":99,"dest":0,"msg":{"type":9,"t0":1}}',
    b'{"type":8,"msg":"from nobody"}',
]


@pytest.mark.parametrize("said", BROADCASTS, ids=range(len(BROADCASTS)))
def test_a_broadcast_goes_to_all_others_as_the_bytes_that_came(subject, said):
    subject.say("a", said + b"\0")
    assert subject.heard == {"b": [(subject.now_us, said)], "c": [(subject.now_us, said)]}


def test_links_without_neighbour_get_no_broadcasts(subject):
    subject.accept("new")
    subject.say("a", frame(type=8, msg="x", **{"from": 7}))
    assert set(subject.heard) == {"b", "c"}


def test_our_own_broadcast_coming_back_ends_here(subject):
    subject.say("a", frame(type=8, msg="x", **{"from": 1000}))
    assert subject.heard == {}
    assert subject.told == []


def test_a_relay_does_not_read_what_is_not_for_it(subject):
    service = Recorder(250)
    subject.node.attach(service)
    subject.say("a", frame(type=250, routing=1, dest=8, **{"from": 71}))
    assert service.received == []
    assert subject.told == []
    assert len(subject.frames("b")) == 1


# -- to us -----------------------------------------------------------------------------------


def test_a_single_for_us_is_ours_alone(subject):
    package = {"type": 9, "dest": 1000, "from": 71, "msg": "x"}
    subject.say("a", frame(**package))
    assert received(subject) == [(package, 7)]
    assert subject.heard == {}


@pytest.mark.parametrize("routing", [0, 1, 2])
def test_unknown_types_reach_the_application(subject, routing):
    package = {"type": 250, "routing": routing, "dest": 1000, "from": 71, "x": [1.5, None]}
    subject.say("a", frame(**package))
    assert received(subject) == [(package, 7)]
    assert bool(subject.heard) is (routing == 2)


def test_a_broadcast_is_ours_too(subject):
    package = {"type": 8, "dest": 0, "from": 71, "msg": "x"}
    subject.say("a", frame(**package))
    assert received(subject) == [(package, 7)]


def test_a_neighbour_package_goes_no_further(subject):
    subject.say("a", frame(type=8, routing=0, msg="x", **{"from": 7}))
    assert len(received(subject)) == 1
    assert subject.heard == {}


@pytest.mark.parametrize("package", [{"type": 250}, {"type": 7, "dest": 8}, {"type": 8, "routing": 7}])
def test_packages_that_do_not_say_how_they_travel_are_for_whoever_is_next(subject, package):
    """As the C++ library does: such a package is handed over and not passed on."""
    subject.say("a", frame(**package))
    assert received(subject) == [(package, 7)]
    assert subject.heard == {}


def test_a_service_gets_the_types_it_asked_for(subject):
    service = Recorder(250, 251)
    subject.node.attach(service)
    subject.say("a", frame(type=250, routing=1, dest=1000))
    subject.say("a", frame(type=251, routing=2))
    subject.say("a", frame(type=252, routing=1, dest=1000))
    assert [package["type"] for package, _ in service.received] == [250, 251]
    assert [now_us for _, now_us in service.received] == [subject.now_us] * 2
    assert [package["type"] for package, _ in received(subject)] == [252]


def test_a_service_answers_through_the_mesh(subject):
    answers = [{"type": 250, "routing": 1, "dest": 72}, {"type": 251, "routing": 2}]
    subject.node.attach(Recorder(250, answers=answers))
    subject.say("b", frame(type=250, routing=1, dest=1000))
    assert subject.packages("a") == [
        {"type": 250, "routing": 1, "dest": 72, "from": 1000},
        {"type": 251, "routing": 2, "from": 1000},
    ]
    assert [package["type"] for package in subject.packages("b")] == [251]


def test_answers_of_a_service_that_cannot_leave_are_dropped(subject):
    subject.node.attach(Recorder(250, answers=[{"type": 250, "routing": 1, "dest": 55}]))
    subject.say("b", frame(type=250, routing=1, dest=1000))
    assert subject.heard == {}
    assert subject.node.relay.dropped_frames == 1


def test_a_service_is_woken_when_it_asks(subject):
    due_us = subject.now_us + 123
    service = Recorder(250, answers=[{"type": 250, "routing": 1, "dest": 8}], due_us=due_us)
    subject.node.attach(service)
    assert subject.node.next_deadline_us() == due_us
    subject.advance(SECOND_US)
    assert service.woken == [due_us]
    assert subject.times_us("b", 250) == [due_us]


def test_a_deadline_that_a_service_sets_while_it_reads_counts(subject):
    service = Recorder(250)
    subject.node.attach(service)
    service.due_us = subject.now_us + 500
    subject.say("b", frame(type=250, routing=1, dest=1000))
    subject.advance(SECOND_US)
    assert service.woken == [subject.now_us - SECOND_US + 500]


# -- from us ---------------------------------------------------------------------------------


def test_our_single_goes_towards_its_dest(subject):
    assert subject.node.send({"type": 9, "dest": 72, "msg": "x"}, subject.now_us) == 1
    subject.settle()
    assert subject.frames("a") == [b'{"type":9,"dest":72,"msg":"x","from":1000}']
    assert list(subject.heard) == ["a"]


def test_our_broadcast_goes_to_all_neighbours(subject):
    subject.accept("not yet a neighbour")
    assert subject.node.send({"type": 8, "dest": 0, "from": 1000, "msg": "x"}, subject.now_us) == 3
    subject.settle()
    for link in "abc":
        assert subject.frames(link) == [b'{"type":8,"dest":0,"from":1000,"msg":"x"}']
    assert set(subject.heard) == set("abc")


@pytest.mark.parametrize(("routing", "links"), [(1, 1), (2, 3)])
def test_any_type_goes_by_its_routing(subject, routing, links):
    assert subject.node.send({"type": 702, "routing": routing, "dest": 8}, subject.now_us) == links


def test_a_given_sender_stays(subject):
    subject.node.send({"type": 8, "from": 5, "msg": "x"}, subject.now_us)
    subject.settle()
    assert subject.packages("a")[0]["from"] == 5


@pytest.mark.parametrize("dest", [55, 0, 1000])
def test_there_is_no_route_to_strangers_nor_to_ourselves(subject, dest):
    with pytest.raises(NoRoute):
        subject.node.send({"type": 9, "dest": dest, "msg": "x"}, subject.now_us)
    assert subject.node.pending() == []


def test_there_is_no_route_without_links():
    lonely = Subject()
    for package in ({"type": 8, "msg": "x"}, {"type": 9, "dest": 7, "msg": "x"}):
        with pytest.raises(NoRoute):
            lonely.node.send(package, lonely.now_us)
    lonely.accept("a")
    with pytest.raises(NoRoute):
        lonely.node.send({"type": 8, "msg": "x"}, lonely.now_us)


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"msg": "x"},
        {"type": 9},
        {"type": 9, "dest": None},
        {"type": 9, "dest": -1},
        {"type": 250},
        {"type": 250, "routing": 0},
        {"type": 250, "routing": 3},
        {"type": 250, "routing": "x"},
        {"type": 4, "msg": {}},
        {"type": 5, "nodeId": 1000},
        {"type": [8]},
        {"type": "8"},
        {"type": True, "routing": 2},
        {"routing": 2},
        {"type": 8, "msg": float("nan")},
    ],
    ids=str,
)
def test_what_is_no_package_is_a_value_error(subject, package):
    with pytest.raises(ValueError, match=r"package|JSON"):
        subject.node.send(package, subject.now_us)
    assert subject.node.pending() == []


def test_a_frame_that_no_node_would_take_is_not_sent():
    subject = Subject(limits=Limits(frame_bytes=1000))
    subject.join("a", 7)
    subject.node.send({"type": 8, "msg": "x" * 900}, subject.now_us)
    with pytest.raises(ValueError, match="too large"):
        subject.node.send({"type": 8, "msg": "x" * 1000}, subject.now_us)


def test_frames_for_one_node_stay_in_order(subject):
    for number in range(50):
        subject.node.send({"type": 9, "dest": 72, "msg": number}, subject.now_us)
    subject.settle()
    assert [package["msg"] for package in subject.packages("a")] == list(range(50))


# -- several nodes ---------------------------------------------------------------------------


def test_a_message_crosses_a_chain_and_a_broadcast_reaches_each_node_once():
    network = Network(latency_us=1000)
    network.chain(1, 2, 3, 4, 5)
    network.nodes[1].send({"type": 9, "dest": 5, "msg": "to the end"}, network.now_us)
    network.nodes[3].send({"type": 8, "dest": 0, "msg": "to all"}, network.now_us)
    network.run_for(SECOND_US)
    messages = {
        node_id: [event.package["msg"] for event in network.events(node_id, PackageReceived)]
        for node_id in network.nodes
    }
    assert messages == {1: ["to all"], 2: ["to all"], 3: [], 4: ["to all"], 5: ["to all", "to the end"]}
