"""Several nodes: what one learns, all learn, and soon."""

from meshnode.events import LinkClosed
from tests.support.network import Network, view_edges
from tests.support.subject import MILLISECOND_US, SECOND_US


def test_a_chain_agrees_on_itself():
    network = Network(latency_us=1000)
    network.chain(1, 2, 3, 4, 5)
    for node_id, node in network.nodes.items():
        assert set(node.nodes()) == {1, 2, 3, 4, 5} - {node_id}
        assert view_edges(node) == network.edges()


def test_a_chain_stays_together_for_an_hour():
    network = Network(latency_us=1000)
    network.chain(1, 2, 3)
    network.run_for(3600 * SECOND_US)
    assert len(network.wires) == 2
    assert [len(node.nodes()) for node in network.nodes.values()] == [2, 2, 2]
    assert all(network.events(node_id, LinkClosed) == [] for node_id in network.nodes)


def test_a_break_is_known_everywhere_in_a_moment():
    network = Network(latency_us=1000)
    wires = network.chain(1, 2, 3, 4)
    network.cut(wires[1])
    network.run_for(100 * MILLISECOND_US)
    assert [sorted(network.nodes[node_id].nodes()) for node_id in (1, 2, 3, 4)] == [[2], [1], [4], [3]]


def test_a_silent_death_is_known_within_70_s():
    network = Network(latency_us=1000)
    wires = network.chain(1, 2, 3, 4)
    network.run_for(100 * SECOND_US)
    network.kill(wires[1])
    network.run_for(71 * SECOND_US)
    assert [sorted(network.nodes[node_id].nodes()) for node_id in (1, 2, 3, 4)] == [[2], [1], [4], [3]]


def test_joining_a_chain_takes_one_sync_and_its_answer_per_link():
    network = Network()
    network.chain(*range(1, 11))
    network.run_for(70 * SECOND_US)
    network.add(100)
    network.moved_chunks = 0
    network.connect(100, 1)
    network.run_for(500 * MILLISECOND_US)
    assert set(network.nodes[100].nodes()) == set(range(1, 11))
    assert network.moved_chunks <= 2 * 10 + 6, "10 links, and 6 for the time sync with the newcomer"


def test_two_that_dial_each_other_at_once_may_both_lose_and_then_join():
    network = Network(latency_us=1000)
    network.add(1, 2)
    network.connect(1, 2)
    network.connect(2, 1)
    network.run_for(SECOND_US)
    if not network.edges():
        network.connect(1, 2)
        network.run_for(SECOND_US)
    assert network.nodes[1].nodes() == [2]
    assert network.nodes[2].nodes() == [1]
