"""When the mesh is no tree: nodes on the move, rings, and frames that circle in them."""

import pytest

from meshnode.events import LinkClosed, PackageReceived
from meshnode.membership import CYCLE_GRACE_US, CYCLE_QUIET_US
from tests.support.network import Network, view_edges
from tests.support.subject import MILLISECOND_US, SECOND_US, Subject, entry, hello

LONGEST_US = CYCLE_GRACE_US * 3 // 2


class Constant:
    """Randomness that is none."""

    def __init__(self, value):
        self.value = value

    def random(self):
        return self.value


@pytest.fixture
def subject():
    subject = Subject(1000)
    subject.join("a", 7)
    subject.join("b", 8)
    subject.advance(20 * MILLISECOND_US)
    say_all(subject, a=hello(7, kind=6), b=hello(8, kind=6))
    subject.forget()
    return subject


def say_all(subject, **said):
    for link, data in said.items():
        subject.say(link, data)


def live_on(subject, seconds, **trees):
    """Time passes and the neighbours go on answering, their trees unchanged."""
    for _ in range(seconds):
        subject.advance(SECOND_US)
        for link, tree in trees.items():
            if link not in subject.closed():
                subject.say(link, hello(*tree, kind=6))


# -- nodes on the move -----------------------------------------------------------------------


def test_a_node_that_moved_is_shown_once_at_every_moment(subject):
    """55 moves from 7 to 8, and 8 is the first to tell."""
    subject.say("a", hello(7, 55))
    subject.say("b", hello(8, (55, 56)))
    assert subject.node.nodes() == [7, 55, 8]
    subject.say("a", hello(7))
    assert subject.node.nodes() == [7, 8, 55, 56]
    assert subject.closed() == []


def test_a_neighbour_hears_of_a_node_that_it_reports_itself(subject):
    """7 has not noticed yet that 55 left it for 8: when it does, it knows already where 55 is."""
    subject.say("a", hello(7, 55))
    subject.say("b", hello(8, (55, 56)))
    subject.advance(20 * MILLISECOND_US)
    assert subject.packages("a", 5)[-1]["subs"] == [entry(8, (55, 56))]
    assert subject.packages("b", 5)[-1]["subs"] == [entry(7, 55)]
    subject.forget()
    subject.say("a", hello(7))
    subject.advance(20 * MILLISECOND_US)
    assert subject.packages("a", 5) == [], "it has nothing new to hear"
    assert subject.packages("b", 5)[-1]["subs"] == [entry(7)]


def test_whoever_reports_a_node_twice_is_not_told_what_it_knows(subject):
    subject.say("a", hello(7, 55))
    subject.advance(SECOND_US)
    say_all(subject, b=hello(8, kind=6))
    subject.forget()
    subject.say("b", hello(8, 55))
    subject.advance(SECOND_US)
    assert subject.packages("b", 5) == []


# -- rings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [(8, 7), (8, (55, 7)), (8, 1000), (8, (55, (56, 1000)))], ids=str)
def test_a_ring_that_stays_has_its_newest_link_closed(subject, tree):
    subject.say("b", hello(*tree))
    begin_us = subject.now_us
    while not subject.closed() and subject.now_us < begin_us + LONGEST_US:
        live_on(subject, 1, a=(7,), b=tree)
    assert subject.events(LinkClosed) == [LinkClosed("b", "it closes a ring in the mesh")]
    assert subject.now_us - begin_us >= CYCLE_GRACE_US
    assert subject.node.nodes() == [7]


def test_a_ring_that_goes_away_in_time_costs_no_link(subject):
    subject.say("b", hello(8, 7))
    live_on(subject, CYCLE_GRACE_US // SECOND_US - 2, a=(7,), b=(8, 7))
    subject.say("b", hello(8))
    live_on(subject, 30, a=(7,), b=(8,))
    assert subject.closed() == []
    subject.say("b", hello(8, 7))
    live_on(subject, CYCLE_GRACE_US // SECOND_US - 2, a=(7,), b=(8, 7))
    assert subject.closed() == [], "the time counts from when this ring was seen"


def flicker(subject, period_us, seen_us, until_us):
    """A ring behind 8 that is seen and gone again, over and over; when the link was closed, or None."""
    while subject.now_us < until_us:
        if seen_us:
            subject.say("b", hello(8, 7))
            subject.advance(seen_us)
            subject.say("b", hello(8, kind=6))
        else:
            subject.say("b", hello(8, 7) + hello(8, kind=6))  # gone within one read
        subject.say("a", hello(7, kind=6))
        if subject.closed():
            return subject.now_us
        subject.advance(period_us - seen_us)
    return None


@pytest.mark.parametrize("seen_us", [0, 500_000])
@pytest.mark.parametrize("period_us", [SECOND_US, CYCLE_QUIET_US - SECOND_US])
def test_a_ring_that_comes_and_goes_is_cut_in_a_moment_when_it_is_seen(subject, period_us, seen_us):
    begin_us = subject.now_us
    closed_us = flicker(subject, period_us, seen_us, begin_us + 2 * LONGEST_US)
    assert subject.closed() == ["b"]
    assert begin_us + CYCLE_GRACE_US <= closed_us <= begin_us + LONGEST_US + period_us
    assert subject.node.nodes() == [7]


def test_after_a_cut_another_ring_has_its_time_again(subject):
    subject.join("c", 9)
    moments = {}
    while len(moments) < 2 and subject.now_us < 100 * SECOND_US:
        for link, trees in (("b", [(8, 7), (8,)]), ("c", [(9, 7), (9,)])):
            for tree in trees:
                subject.say(link, hello(*tree))
            subject.say(link, hello(trees[1][0], kind=6))
        subject.say("a", hello(7, kind=6))
        for link in subject.closed():
            moments.setdefault(link, subject.now_us)
        subject.advance(SECOND_US)
    assert abs(moments["b"] - moments["c"]) >= CYCLE_GRACE_US


def test_rings_seen_now_and_then_are_different_ones(subject):
    """Nodes that move every ten seconds are no ring."""
    assert flicker(subject, CYCLE_QUIET_US + SECOND_US, 500_000, subject.now_us + 5 * LONGEST_US) is None


def test_two_rings_are_cut_one_after_the_other(subject):
    subject.join("c", 9)
    subject.say("b", hello(8, 7))
    subject.say("c", hello(9, 1000))
    live_on(subject, 2 * LONGEST_US // SECOND_US, a=(7,), b=(8, 7), c=(9, 1000))
    assert subject.closed() == ["c", "b"]
    assert subject.node.links() == [("a", 7)]


def test_a_dead_link_is_found_before_its_shadow_is_taken_for_a_ring(subject):
    """Also with the least jitter. 7 died without a word, rebooted and joined below 8. The dead link must go, not the living one."""
    subject.node._members._rng = Constant(0.0)
    subject.say("b", hello(8, 7))
    live_on(subject, 2 * LONGEST_US // SECOND_US, b=(8, 7))
    assert subject.events(LinkClosed) == [LinkClosed("a", "silent: node sync unanswered for 10 s")]
    assert subject.node.nodes() == [8, 7]


def test_the_jitter_of_different_nodes_differs():
    """Two nodes of a ring that cut at the same moment would split the mesh."""
    moments = set()
    for node_id in range(1000, 1020):
        subject = Subject(node_id)
        subject.join("a", 7)
        subject.say("a", hello(7, node_id))
        begin_us = subject.now_us
        subject.node.handle_deadline(begin_us)
        moments.add(subject.node._members.cycle_due_us - begin_us)
    assert len(moments) == 20
    assert all(CYCLE_GRACE_US <= moment <= LONGEST_US for moment in moments)


def test_randomness_is_injected():
    subject = Subject(1000, rng=Constant(0.5))
    subject.join("a", 7)
    subject.say("a", hello(7, 1000))
    assert subject.node._members.cycle_due_us == subject.now_us + CYCLE_GRACE_US * 5 // 4


# -- several nodes ---------------------------------------------------------------------------


def ring(size, latency_us, outside=()):
    """A ring formed at one moment, so that no node could know better. `outside` hang on node 1."""
    network = Network(latency_us)
    network.add(*range(1, size + 1), *outside)
    for node_id in outside:
        network.connect(node_id, 1)
        network.run_for(SECOND_US)
    for node_id in range(1, size + 1):
        network.connect(node_id, node_id % size + 1)
    return network


@pytest.mark.parametrize("size", [3, 4, 6])
@pytest.mark.parametrize("latency_us", [100, 5000, 100_000])
def test_a_ring_becomes_one_tree(size, latency_us):
    network = ring(size, latency_us)
    network.run_for(SECOND_US)
    assert len(network.edges()) == size, "or this test tests nothing"
    network.run_for(LONGEST_US + 5 * SECOND_US)
    assert len(network.edges()) == size - 1
    for node_id, node in network.nodes.items():
        assert set(node.nodes()) == set(network.nodes) - {node_id}
        assert view_edges(node) == network.edges()


@pytest.mark.parametrize("size", [3, 4, 6])
@pytest.mark.parametrize("step", range(8))
def test_a_broadcast_in_a_ring_reaches_each_node_once(size, step):
    """Sent at any moment of the ring's life, also before anybody has noticed it."""
    network = ring(size, 1000, outside=[100])
    network.run_for(step * 700)
    sender = network.nodes[100]
    for number in range(10):
        sender.send({"type": 8, "dest": 0, "msg": number}, network.now_us)
    network.run_for(SECOND_US)
    for node_id in network.nodes:
        messages = [event.package["msg"] for event in network.events(node_id, PackageReceived)]
        assert messages in ([], list(range(10))), "those that the mesh did not reach yet got nothing"
    relayed = sum(node.relay.relayed_frames for node in network.nodes.values())
    assert relayed <= 10 * (size + 2)


def test_broadcasts_of_a_ring_node_do_not_circle():
    network = ring(5, 1000)
    network.run_for(SECOND_US)
    for number in range(50):
        network.nodes[1 + number % 5].send({"type": 8, "dest": 0, "msg": number}, network.now_us)
        network.run_for(500)
    network.run_for(SECOND_US)
    for node_id in network.nodes:
        messages = [event.package["msg"] for event in network.events(node_id, PackageReceived)]
        assert sorted(messages) == [number for number in range(50) if 1 + number % 5 != node_id]


def test_a_single_to_a_node_that_is_gone_does_not_circle_for_ever():
    network = ring(4, 1000, outside=[100])
    network.run_for(SECOND_US)
    (wire,) = network.wires_of(100)
    network.cut(wire)
    for step in range(100):
        network.run_for(500)
        for node_id in range(1, 5):
            if 100 in network.nodes[node_id].nodes():
                network.nodes[node_id].send({"type": 9, "dest": 100, "msg": step}, network.now_us)
    network.run_for(SECOND_US)
    assert sum(node.relay.relayed_frames for node in network.nodes.values()) < 1000
    assert all(100 not in network.nodes[node_id].nodes() for node_id in range(1, 5))


@pytest.mark.parametrize("size", [3, 4, 5, 6])
@pytest.mark.parametrize("latency_us", [0, 500, 15_000])
def test_a_ring_at_rest_is_quiet(size, latency_us):
    """Its nodes must not sync trees or times with each other without end."""
    network = ring(size, latency_us)
    network.run_for(SECOND_US)
    network.moved_chunks = 0
    network.run_for(5 * SECOND_US)
    assert network.moved_chunks < 10 * size


@pytest.mark.parametrize("size", [3, 4, 5, 6])
def test_times_that_chase_each_other_round_a_ring_do_so_at_a_bounded_rate(size):
    """Each takes the time of the next and none arrives: five exchanges a second, until the ring is cut."""
    network = Network(latency_us=1000)
    for node_id in range(1, size + 1):
        network.add(node_id, clock_offset_us=node_id * 100_000_000)
    for node_id in range(1, size + 1):
        network.connect(node_id, node_id % size + 1)
    network.run_for(SECOND_US)
    network.moved_chunks = 0
    network.run_for(5 * SECOND_US)
    assert network.moved_chunks <= 5 * 5 * 2 * size
    network.run_for(LONGEST_US + 60 * SECOND_US)
    times_us = [node.time_us(network.now_us) for node in network.nodes.values()]
    assert max(times_us) - min(times_us) < 5000
