"""MeshNode.receive never raises, whatever a neighbour sends, and nothing it holds outgrows its limit."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.limits import Limits
from meshnode.node import MeshNode
from tests.support.profiles import examples
from tests.support.strategies import chunkings, hostile_bytes
from tests.support.subject import hello

LIMITS = Limits(
    frame_bytes=4000, nesting=20, tree_nodes=20, queue_bytes=5000, sync_frames=4, delay_requests=4
)
LINKS = {"a": 1001, "b": 1}
NODE_ID = 1000


def joined_node():
    node = MeshNode(NODE_ID, limits=LIMITS)
    for link, neighbour_id in LINKS.items():
        node.link_up(link, False, 0)
        node.receive(link, hello(neighbour_id, neighbour_id + 1_000_000), 0)
        node.data_to_send(link, 1 << 20)
    return node


def assert_sound(node, fed_bytes):
    known = node.nodes()
    assert len(set(known)) == len(known)
    assert NODE_ID not in known
    assert len(known) <= LIMITS.tree_nodes * len(LINKS)
    routes = node._members.view.routes
    ready = node._members.ready
    assert list(routes) == known
    assert all(link in ready for link in routes.values())
    assert len(node._delays._asked) <= LIMITS.delay_requests
    for link in node._links.values():
        assert len(link.splitter._rest) <= LIMITS.frame_bytes
        assert len(link._sync_frames) <= LIMITS.sync_frames
        assert link.data_bytes <= LIMITS.queue_bytes + fed_bytes
    for link in LINKS:
        node.paused(link)
        node.backlog(link)


@settings(max_examples=examples(300, long=100_000))
@given(
    st.data(),
    st.lists(st.tuples(st.sampled_from(sorted(LINKS)), hostile_bytes), min_size=1, max_size=6),
    st.lists(st.integers(0, 30_000_000), min_size=6, max_size=6),
)
def test_receive_never_raises(data, said, waits_us):
    node = joined_node()
    node.measure_delay(1001, 0)
    now_us = fed_bytes = 0
    for (link, piece), wait_us in zip(said, waits_us, strict=False):
        for chunk in data.draw(chunkings(piece + b"\0")):
            node.receive(link, chunk, now_us)
            fed_bytes += len(chunk) + 1
        assert_sound(node, fed_bytes)
        now_us += wait_us
        node.handle_deadline(now_us)
        for handle in node.pending():
            sent = node.data_to_send(handle, 1 << 20)
            assert sent.endswith(b"\0")
        node.events()
    assert_sound(node, fed_bytes)


@settings(max_examples=examples(200, long=100_000))
@given(st.data(), st.booleans())
def test_a_stranger_may_say_anything_first(data, dialed):
    node = MeshNode(NODE_ID, limits=LIMITS)
    node.link_up("new", dialed, 0)
    pieces = data.draw(st.lists(hostile_bytes, max_size=4))
    for chunk in data.draw(chunkings(b"\0".join([*pieces, b""]))):
        node.receive("new", chunk, 0)
    assert_sound(node, sum(map(len, pieces)) + len(pieces))


@given(st.data(), st.lists(hostile_bytes, max_size=5))
def test_the_cutting_of_bytes_makes_no_difference(data, pieces):
    stream = b"\0".join([*pieces, b""])
    whole, cut = joined_node(), joined_node()
    whole.receive("a", stream, 7)
    for chunk in data.draw(chunkings(stream)):
        cut.receive("a", chunk, 7)
    assert cut.events() == whole.events()
    assert cut.pending() == whole.pending()
    for handle in whole.pending():
        assert cut.data_to_send(handle, 1 << 20) == whole.data_to_send(handle, 1 << 20)
    assert cut.next_deadline_us() == whole.next_deadline_us()
    assert cut.refused_frames == whole.refused_frames
