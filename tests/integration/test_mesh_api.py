"""The public API over real TCP, against nodes of this process."""

import asyncio
import socket

import pytest

import meshward.mesh
from meshnode.node import MeshNode
from meshnode.runner import Runner
from meshward import Mesh, MeshwardError
from meshward.errors import (
    AddressError,
    CongestedError,
    DuplicateIdError,
    JoinError,
    JoinTimeoutError,
    ListenError,
    NoAnswerError,
    NotConnectedError,
    PackageError,
    UnknownNodeError,
)
from meshward.events import (
    ConnectionLost,
    ConnectionRegained,
    NodeJoined,
    NodeLeft,
    TimeAdjusted,
    TopologyChanged,
)
from meshward.records import Message, NodeRecord
from tests.integration.hostile import HOST, Peer, eventually, frame

OURS = 77


class Nodes:
    """Nodes of the mesh that a test joins."""

    def __init__(self):
        self.runners = []

    async def add(self, node_id, parent_port=None, port=0, **options):
        """One that listens; the port it listens on."""
        runner = Runner(MeshNode(node_id, **options))
        self.runners.append(runner)
        port = await runner.listen(HOST, port)
        if parent_port is not None:
            runner.dial([(HOST, parent_port)])
        return port

    async def chain(self, *node_ids):
        """Each dials the one before; an address of the first."""
        first = port = await self.add(node_ids[0])
        for node_id in node_ids[1:]:
            port = await self.add(node_id, port)
        await eventually(lambda: all(len(runner.node.tree()) == len(node_ids) for runner in self.runners))
        return f"{HOST}:{first}"

    def says(self, node_id, **package):
        """Let a node send a package."""
        next(runner for runner in self.runners if runner.node.node_id == node_id).send(package)

    async def close(self):
        await asyncio.gather(*[runner.close() for runner in self.runners])


@pytest.fixture
async def nodes():
    nodes = Nodes()
    yield nodes
    await nodes.close()


class Silence:
    """A service that swallows what it is given."""

    def __init__(self, *package_types):
        self.package_types = package_types

    def receive(self, package, now_us):
        return ()

    def next_deadline_us(self):
        return None


@pytest.fixture
async def stubborn_server():
    """Accepts connections and hangs up on them at once."""

    async def hang_up(reader, writer):
        writer.close()

    server = await asyncio.start_server(hang_up, HOST, 0)
    yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def acquainted(*meshes):
    """Wait until they see each other."""
    ids = {mesh.node_id for mesh in meshes}
    await eventually(
        lambda: all(ids <= {node.node_id for node in mesh.nodes(include_self=True)} for mesh in meshes)
    )


def unused_address():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return f"{HOST}:{sock.getsockname()[1]}"


# -- joining and looking around --------------------------------------------------------------


async def test_joining_shows_the_whole_mesh(nodes):
    address = await nodes.chain(1, 2, 3)
    async with Mesh.connect(address, node_id=OURS, root=True) as mesh:
        assert mesh.connected
        assert mesh.node_id == OURS
        assert mesh.nodes() == [
            NodeRecord(1, OURS, 1, (2,), root=False, time_authority=False),
            NodeRecord(2, 1, 2, (3,), root=False, time_authority=False),
            NodeRecord(3, 2, 3, (), root=False, time_authority=False),
        ]
        assert mesh.nodes(include_self=True)[0] == NodeRecord(
            OURS, None, 0, (1,), root=True, time_authority=False
        )
        assert mesh.topology().as_dict() == {
            "nodeId": OURS,
            "root": True,
            "subs": [{"nodeId": 1, "subs": [{"nodeId": 2, "subs": [{"nodeId": 3}]}]}],
        }
        assert 0 <= mesh.time_us() < 2**32


async def test_the_others_see_us_come_and_go(nodes):
    address = await nodes.chain(1, 2)
    async with Mesh.connect(address, node_id=OURS):
        await eventually(lambda: all(OURS in runner.node.tree().ids for runner in nodes.runners))
    await eventually(lambda: all(OURS not in runner.node.tree().ids for runner in nodes.runners))


async def test_the_next_address_is_tried_where_one_fails(nodes):
    address = await nodes.chain(1)
    async with Mesh.connect(unused_address(), address, node_id=OURS) as mesh:
        assert [node.node_id for node in mesh.nodes()] == [1]


async def test_nodes_may_dial_us(nodes):
    async with Mesh.listen(f"{HOST}:0", node_id=OURS) as mesh:
        assert not mesh.connected
        assert mesh.nodes() == []
        await nodes.add(1, parent_port=mesh.listening.port)
        await mesh.wait_joined(5)
        assert [node.node_id for node in mesh.nodes()] == [1]


async def test_dialing_and_listening_go_together(nodes):
    address = await nodes.chain(1)
    async with Mesh(connect=address, listen=f"{HOST}:0", node_id=OURS) as mesh:
        await nodes.add(2, parent_port=mesh.listening.port)
        await eventually(lambda: len(mesh.nodes()) == 2)
        await mesh.ping(2)


async def test_settling_takes_as_long_as_the_mesh_changes(nodes):
    address = await nodes.chain(1)
    async with Mesh.connect(address, node_id=OURS) as mesh:
        await mesh.settle(quiet_s=0.01)
        settled = asyncio.ensure_future(mesh.settle(quiet_s=0.1, timeout_s=5))
        await nodes.add(2, parent_port=int(address.rpartition(":")[2]))
        await settled
        assert len(mesh.nodes()) == 2


# -- when joining fails ----------------------------------------------------------------------


async def test_a_refused_connection_says_what_to_check():
    address = unused_address()
    with pytest.raises(JoinTimeoutError, match=rf"0\.2 s.*{address}.*refused.*port right") as caught:
        async with Mesh.connect(address, timeout_s=0.2):
            pass
    assert isinstance(caught.value, MeshwardError)


async def test_a_silent_server_says_what_to_check():
    with socket.create_server((HOST, 0)) as server:  # its system accepts connections; nobody reads them
        address = f"{HOST}:{server.getsockname()[1]}"
        with pytest.raises(JoinTimeoutError, match=f"no answer from {address}.*network"):
            async with Mesh.connect(address, timeout_s=0.1):
                pass


async def test_an_id_that_is_taken_is_named_when_it_was_given(nodes):
    address = await nodes.chain(1, 2)
    with pytest.raises(DuplicateIdError, match=r"our id 2.*already.*another id"):
        async with Mesh.connect(address, node_id=2):
            pass


async def test_the_id_of_the_neighbour_itself_is_named_as_well(nodes):
    address = await nodes.chain(1)
    with pytest.raises(DuplicateIdError, match="our id 1"):
        async with Mesh.connect(address, node_id=1):
            pass


@pytest.mark.parametrize("taken", [1, 2])
async def test_an_id_that_is_taken_is_replaced_when_none_was_given(nodes, monkeypatch, taken):
    monkeypatch.setattr(meshward.mesh, "default_node_id", lambda: taken)
    address = await nodes.chain(1, 2)
    async with Mesh.connect(address) as mesh:
        assert mesh.node_id not in {1, 2}
        await eventually(lambda: all(mesh.node_id in runner.node.tree().ids for runner in nodes.runners))


async def test_whoever_hangs_up_on_every_id_is_no_mesh_node(stubborn_server):
    with pytest.raises(JoinError, match=rf"{stubborn_server}.*3 different ids.*port right"):
        async with Mesh.connect(stubborn_server):
            pass


async def test_nobody_dialing_us_says_what_to_check():
    async with Mesh.listen(f"{HOST}:0") as mesh:
        with pytest.raises(JoinTimeoutError, match=r"no node dialed 127\.0\.0\.1:.*firewall"):
            await mesh.wait_joined(0.05)


async def test_a_port_in_use_is_named(nodes):
    address = await nodes.chain(1)
    with pytest.raises(ListenError, match=f"{address}.*choose another port"):
        async with Mesh.listen(address):
            pass


async def test_a_mesh_needs_an_address():
    with pytest.raises(AddressError, match="connect"):
        Mesh()


async def test_a_patient_mesh_is_entered_before_any_neighbour_is_there(nodes):
    address = unused_address()
    async with Mesh(connect=address, node_id=OURS, patient=True) as mesh:
        assert not mesh.connected
        assert mesh.nodes() == []
        with pytest.raises(JoinTimeoutError, match="refused"):
            await mesh.wait_joined(0.05)
        await nodes.add(1, port=int(address.rpartition(":")[2]))
        await mesh.wait_joined(10)
        assert [node.node_id for node in mesh.nodes()] == [1]


async def test_a_patient_mesh_joins_once_its_id_is_free(nodes):
    address = await nodes.chain(1, 2)
    async with Mesh(connect=address, node_id=2, patient=True) as mesh:
        for _ in range(2):
            with pytest.raises(DuplicateIdError, match="our id 2"):
                await mesh.wait_joined(10)
        await nodes.runners[1].close()
        await mesh.wait_joined(10)
        assert mesh.node_id == 2


async def test_an_id_that_was_accepted_is_kept_when_neighbours_hang_up_later(
    nodes, stubborn_server, monkeypatch
):
    monkeypatch.setattr(meshward.mesh, "default_node_id", lambda: OURS)
    address = await nodes.chain(1)
    async with Mesh(connect=(address, stubborn_server), patient=True) as mesh:
        await mesh.wait_joined(10)
        await nodes.runners[0].close()
        await eventually(lambda: not mesh.connected)
        with pytest.raises(DuplicateIdError):
            await mesh.wait_joined(10)
        assert mesh.node_id == OURS


async def test_a_cancelled_join_leaves_nothing_behind():
    async def join():
        async with Mesh.connect(unused_address(), timeout_s=30):
            pass

    joining = asyncio.ensure_future(join())
    await asyncio.sleep(0.02)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_mesh_is_entered_once(nodes):
    mesh = Mesh.connect(await nodes.chain(1))
    async with mesh:
        pass
    with pytest.raises(MeshwardError, match="make a new one"):
        async with mesh:
            pass


# -- talking ---------------------------------------------------------------------------------


async def test_delays_are_measured_over_hops(nodes):
    address = await nodes.chain(1, 2, 3)
    async with Mesh.connect(address, node_id=OURS) as mesh:
        assert 0 <= await mesh.ping(3) < 1_000_000
        assert await asyncio.gather(mesh.ping(1), mesh.ping(1), mesh.ping(1))
        assert list(await mesh.ping_all()) == [1, 2, 3]
        assert list(await mesh.ping_all([3, 99, OURS])) == [3]


async def test_a_node_that_is_not_there_cannot_be_measured(nodes):
    async with Mesh.connect(await nodes.chain(1), node_id=OURS) as mesh:
        with pytest.raises(UnknownNodeError, match="node 99 is not in the mesh") as caught:
            await mesh.ping(99)
        assert caught.value.node_id == 99
        with pytest.raises(PackageError, match="our own"):
            await mesh.ping(OURS)


async def test_a_node_that_does_not_answer_is_named(nodes):
    address = await nodes.chain(1, 2)
    nodes.runners[1].node.attach(Silence(3))
    async with Mesh.connect(address, node_id=OURS) as mesh:
        with pytest.raises(NoAnswerError, match=r"node 2 did not answer within 0\.1 s") as caught:
            await mesh.ping(2, timeout_s=0.1)
        assert caught.value.node_id == 2
        assert list(await mesh.ping_all(timeout_s=0.1)) == [1]


async def test_a_node_that_leaves_ends_the_wait_for_it(nodes):
    address = await nodes.chain(1, 2)
    nodes.runners[1].node.attach(Silence(3))
    async with Mesh.connect(address, node_id=OURS) as mesh:
        waiting = asyncio.ensure_future(mesh.ping(2, timeout_s=30))
        await asyncio.sleep(0)
        await nodes.runners[1].close()
        with pytest.raises(UnknownNodeError, match="node 2"):
            await waiting


async def test_texts_go_both_ways(nodes):
    address = await nodes.chain(1, 2)
    async with Mesh.connect(address, node_id=OURS) as mesh, Mesh.connect(address, node_id=78) as other:
        await acquainted(mesh, other)
        ours, theirs = mesh.messages(), other.messages()
        await mesh.send(78, "to you alone, é 灯")
        await mesh.broadcast("to all")
        nodes.says(2, type=9, dest=OURS, msg="from 2")
        assert await anext(theirs) == Message(OURS, "to you alone, é 灯", broadcast=False)
        assert await anext(theirs) == Message(OURS, "to all", broadcast=True)
        assert await anext(ours) == Message(2, "from 2", broadcast=False)


async def test_what_is_sent_last_still_arrives(nodes):
    address = await nodes.chain(1)
    received = []
    nodes.runners[0]._on_event = lambda event: received.append(getattr(event, "package", {}).get("msg"))
    async with Mesh.connect(address, node_id=OURS) as mesh:
        await mesh.send(1, "x" * 60_000)
        await mesh.send(1, "goodbye")
    await eventually(lambda: "goodbye" in received)


async def test_messages_of_odd_shape_do_no_harm():
    async with Mesh.listen(f"{HOST}:0", node_id=OURS) as mesh:
        messages = mesh.messages()
        peer = await Peer.dial(mesh.listening.port)
        await peer.join(5)
        for odd in ({"from": "x"}, {"from": None}, {"from": -1}, {}):
            await peer.say(frame(type=8, msg="lost", **odd))
        await peer.say(frame(type=8, **{"from": 5, "msg": {"a": 1}}))
        await peer.say(frame(type=9, dest=OURS, **{"from": 5}))
        assert await anext(messages) == Message(5, '{"a": 1}', broadcast=True)
        assert await anext(messages) == Message(5, "", broadcast=False)
        await peer.close()


async def test_raw_packages_go_both_ways_by_type(nodes):
    address = await nodes.chain(1)
    async with Mesh.connect(address, node_id=OURS) as mesh, Mesh.connect(address, node_id=78) as other:
        await acquainted(mesh, other)
        wanted, everything = other.packages(250), other.packages()
        await mesh.send_package({"type": 251, "routing": 2, "value": 1})
        await mesh.send_package({"type": 250, "routing": 1, "dest": 78, "value": [2.5, None]})
        assert await anext(wanted) == {
            "type": 250,
            "routing": 1,
            "dest": 78,
            "from": OURS,
            "value": [2.5, None],
        }
        assert (await anext(everything))["type"] == 251
        assert (await anext(everything))["type"] == 250


@pytest.mark.parametrize(
    "package",
    [
        {"type": 250},
        {"routing": 2},
        {"type": 250, "routing": 1},
        {"type": 250, "routing": 1, "dest": -5},
        {"type": 250, "routing": 2, "value": object()},
        {"type": 250, "routing": "x"},
    ],
)
async def test_packages_that_cannot_travel_are_refused(nodes, package):
    async with Mesh.connect(await nodes.chain(1), node_id=OURS) as mesh:
        with pytest.raises(PackageError):
            await mesh.send_package(package)


async def test_a_text_that_boards_would_drop_is_refused(nodes):
    async with Mesh.connect(await nodes.chain(1), node_id=OURS) as mesh:
        await mesh.send(1, "x" * 65_535)
        with pytest.raises(PackageError, match="65536 bytes"):
            await mesh.broadcast("é" * 32_768)


async def flood(mesh, node):
    for _ in range(500):
        await mesh.send(node, "x" * 60_000)


async def test_a_link_that_stays_full_is_an_error_not_a_queue():
    async with Mesh(listen=f"{HOST}:0", node_id=OURS, timeout_s=0.1) as mesh:
        peer = await Peer.dial(mesh.listening.port, receive_buffer_bytes=4096)
        await peer.join(5)
        await mesh.wait_joined(5)
        peer.stop_reading()
        with pytest.raises(CongestedError, match="stayed full"):
            await flood(mesh, 5)
        await peer.close()


# -- events, and the end ---------------------------------------------------------------------


async def until(events, kind):
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")


async def test_events_tell_of_nodes_that_come_and_go(nodes):
    address = await nodes.chain(1)
    async with Mesh.connect(address, node_id=OURS) as mesh:
        events = mesh.events()
        await nodes.add(2, parent_port=int(address.rpartition(":")[2]))
        assert await until(events, NodeJoined) == NodeJoined(2)
        assert await until(events, TopologyChanged)
        await nodes.runners[1].close()
        assert await until(events, NodeLeft) == NodeLeft(2)


async def test_events_tell_when_mesh_time_moves(nodes):
    port = await nodes.add(1, clock_offset_us=1_000_000_000)
    await nodes.add(2, port)
    mesh = Mesh.connect(f"{HOST}:{port}", node_id=OURS)
    events = mesh.events()
    async with mesh:
        assert abs((await until(events, TimeAdjusted)).offset_us) > 100_000_000


async def test_a_lost_neighbour_is_dialed_again(nodes):
    port = await nodes.add(1)
    async with Mesh.connect(f"{HOST}:{port}", node_id=OURS) as mesh:
        events = mesh.events()
        await nodes.runners[0].close()
        lost = await until(events, ConnectionLost)
        assert lost.node_id == 1
        assert lost.reason
        assert not mesh.connected
        assert mesh.nodes() == []
        with pytest.raises(NotConnectedError, match="no neighbour"):
            await mesh.broadcast("anyone?")
        await nodes.add(1, port=port)
        assert await until(events, ConnectionRegained) == ConnectionRegained(1)
        assert [node.node_id for node in mesh.nodes()] == [1]


async def test_leaving_ends_every_stream(nodes):
    async with Mesh.connect(await nodes.chain(1), node_id=OURS) as mesh:
        streams = [mesh.messages(), mesh.packages(), mesh.events()]
    for stream in streams:
        assert [item async for item in stream] == []
    with pytest.raises(NotConnectedError, match="async with"):
        mesh.nodes()


async def test_a_slow_reader_costs_bounded_memory_and_knows_it(nodes):
    address = await nodes.chain(1)
    async with Mesh.connect(address, node_id=OURS) as mesh:
        messages = mesh.messages(limit=10)
        for number in range(25):
            nodes.says(1, type=9, dest=OURS, msg=str(number))
        await mesh.ping(1)
        assert messages.dropped == 15
        assert (await anext(messages)).text == "15"
