"""The asyncio driver: meshes over real TCP on this machine."""

import asyncio
import socket

import pytest

from meshnode.driver_events import CallerRefused, LinkLost
from meshnode.events import (
    DelayMeasured,
    LinkReady,
    NodeJoined,
    PackageReceived,
    TimeAdjusted,
    TopologyChanged,
)
from meshnode.node import MeshNode, NoRoute, QueueFull
from meshnode.runner import Runner
from meshnode.streams.micropython import TickClock
from tests.integration.hostile import HOST, Peer, eventually, frame, hello


class Mesh:
    """Runners that are closed at the end of a test, and what they told."""

    def __init__(self):
        self.runners = []
        self.events = {}

    def add(self, node_id, **options):
        told = self.events[node_id] = []
        runner = Runner(MeshNode(node_id), on_event=told.append, **options)
        self.runners.append(runner)
        return runner

    async def chain(self, *node_ids):
        """Each listens, and dials the one before."""
        port = None
        for node_id in node_ids:
            runner = self.add(node_id)
            if port is not None:
                runner.dial([(HOST, port)])
            port = await runner.listen(HOST, 0)
        await eventually(lambda: all(len(runner.node.tree()) == len(node_ids) for runner in self.runners))
        return self.runners

    def texts(self, node_id):
        return [event.package["msg"] for event in self.told(node_id, PackageReceived)]

    def told(self, node_id, kind):
        return [event for event in self.events[node_id] if isinstance(event, kind)]

    async def close(self):
        await asyncio.gather(*[runner.close() for runner in self.runners])


@pytest.fixture
async def mesh():
    mesh = Mesh()
    yield mesh
    await mesh.close()


def fill(runner, package) -> int:
    """Send numbered packages until there is no room; how many went out."""
    for number in range(10_000):
        try:
            runner.send(dict(package, number=number))
        except QueueFull:
            return number
    raise AssertionError("10,000 packages and still room")


async def test_chain_of_four_sees_itself_and_carries_texts_both_ways(mesh):
    first, *_, last = await mesh.chain(1, 2, 3, 4)
    assert first.node.tree().nested() == {
        "nodeId": 1,
        "subs": [{"nodeId": 2, "subs": [{"nodeId": 3, "subs": [{"nodeId": 4}]}]}],
    }
    first.send({"type": 9, "dest": 4, "msg": "there"})
    last.send({"type": 9, "dest": 1, "msg": "back"})
    last.send({"type": 8, "dest": 0, "msg": "all"})
    await eventually(lambda: "there" in mesh.texts(4) and mesh.texts(1) == ["back", "all"])
    await eventually(lambda: mesh.texts(2) == ["all"] and mesh.texts(3) == ["all"])


async def test_events_name_the_connection(mesh):
    listening, dialing = await mesh.chain(1, 2)
    accepted = mesh.told(1, LinkReady)[0]
    dialed = mesh.told(2, LinkReady)[0]
    assert (accepted.node_id, accepted.link.dialed) == (2, False)
    assert (dialed.node_id, dialed.link.dialed) == (1, True)
    assert dialed.link.address == f"{HOST}:{dialed.link.port}"
    assert accepted.link.host == HOST
    assert mesh.told(1, NodeJoined) == [NodeJoined(2)]
    assert mesh.told(1, TopologyChanged)
    assert listening.connections == [accepted.link]
    assert dialing.connections == [dialed.link]


async def test_delays_are_measured_and_time_agrees(mesh):
    runners = await mesh.chain(1, 2, 3)
    runners[0].measure_delay(3)
    await eventually(lambda: mesh.told(1, DelayMeasured))
    answer = mesh.told(1, DelayMeasured)[0]
    assert answer.node_id == 3
    assert 0 <= answer.delay_us < 5_000_000
    # All clocks here are one; nobody moves its own by more than a busy machine delays an answer.
    for node_id in (1, 2, 3):
        assert all(abs(event.offset_us) < 1_000_000 for event in mesh.told(node_id, TimeAdjusted))
    assert abs(runners[0].time_us() - runners[2].time_us()) < 1_000_000


async def test_hundred_nodes_in_one_process(mesh):
    ports = []
    for index in range(100):
        runner = mesh.add(1001 + index)
        ports.append(await runner.listen(HOST, 0))
        if index:
            runner.dial([(HOST, ports[(index - 1) // 4])])
    await eventually(lambda: all(len(runner.node.tree()) == 100 for runner in mesh.runners), 30)
    mesh.runners[99].send({"type": 9, "dest": 1050, "msg": "across"})
    await eventually(lambda: mesh.texts(1050) == ["across"])


async def test_each_frame_leaves_in_one_piece_and_at_once(mesh):
    runner = mesh.add(1)
    reader, writer = await asyncio.open_connection(HOST, await runner.listen(HOST, 0))
    writer.write(hello(9))
    pieces = [await reader.read(65536)]
    for number in range(20):
        runner.send({"type": 9, "dest": 9, "msg": number})
        pieces.append(await reader.read(65536))
    assert all(piece.endswith(b"\0") for piece in pieces)
    sock = runner.connections[0]._writer.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    await writer.wait_closed()


async def test_several_frames_share_a_write(mesh):
    runner = mesh.add(1)
    left, right = [await Peer.dial(await runner.listen(HOST, 0)) for _ in range(2)]
    await left.join(8)
    await right.join(9)
    await eventually(lambda: len(runner.node.links()) == 2)
    written = []
    link = next(link for link, node_id in runner.node.links() if node_id == 9)
    write = link._writer.write
    link._writer.write = lambda data: (written.append(data), write(data))
    burst = b"".join([frame(type=9, dest=9, **{"from": 8}, msg=number) for number in range(50)])
    await left.say(burst)
    await eventually(lambda: right.kinds().count(9) == 50)
    assert [package["msg"] for package in right.frames if package["type"] == 9] == list(range(50))
    assert sum(data.count(b'"type": 9') for data in written) == 50
    assert len(written) < 10
    await left.close()
    await right.close()


async def test_unread_bytes_are_bounded_and_sending_waits_for_room(mesh):
    runner = mesh.add(1)
    peer = await Peer.dial(await runner.listen(HOST, 0), receive_buffer_bytes=4096)
    await peer.join(9)
    await eventually(runner.node.links)
    peer.stop_reading()
    package = {"type": 9, "dest": 9, "msg": "x" * 2000}
    sent = fill(runner, package)
    assert 64 * 1024 < runner.backlog() < 256 * 1024
    assert runner.backlog() == runner.backlog(runner.connections[0])
    assert runner.connections[0].buffered_bytes > 0

    waiting = [
        asyncio.create_task(runner.send_when_room(dict(package, number=sent + extra))) for extra in range(50)
    ]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    peer.read_again()
    assert await asyncio.gather(*waiting) == [1] * 50
    await eventually(lambda: peer.kinds().count(9) == sent + 50)
    numbers = [package["number"] for package in peer.frames if package["type"] == 9]
    assert numbers[:sent] == list(range(sent))
    assert sorted(numbers) == list(range(sent + 50))
    await eventually(lambda: runner.backlog() == 0)
    await peer.close()


async def test_who_waits_for_room_is_told_when_the_link_is_gone(mesh):
    runner = mesh.add(1)
    peer = await Peer.dial(await runner.listen(HOST, 0), receive_buffer_bytes=4096)
    await peer.join(9)
    await eventually(runner.node.links)
    peer.stop_reading()

    async def send_for_ever():
        while True:
            await runner.send_when_room({"type": 9, "dest": 9, "msg": "x" * 2000})

    sending = asyncio.create_task(send_for_ever())
    await eventually(lambda: runner.backlog() > 64 * 1024)
    await peer.close()
    with pytest.raises(NoRoute):
        await asyncio.wait_for(sending, 10)


async def test_send_says_what_is_wrong(mesh):
    runner = mesh.add(1)
    with pytest.raises(NoRoute):
        runner.send({"type": 8, "dest": 0, "msg": "nobody here"})
    with pytest.raises(NoRoute):
        runner.measure_delay(7)
    with pytest.raises(ValueError, match="routing"):
        await runner.send_when_room({"type": 200})


async def test_more_callers_than_allowed_are_hung_up_on(mesh):
    runner = mesh.add(1, links_max=2)
    port = await runner.listen(HOST, 0)
    peers = [await Peer.dial(port) for _ in range(3)]
    await eventually(lambda: peers[2].hung_up)
    assert len(runner.connections) == 2
    assert "2 connections" in mesh.told(1, CallerRefused)[0].reason
    await peers[0].close()
    await eventually(lambda: len(runner.connections) == 1)
    late = await Peer.dial(port)
    await late.join(9)
    await eventually(lambda: late.kinds().count(6))
    for peer in (*peers[1:], late):
        await peer.close()


async def test_dropped_connection_comes_back(mesh):
    listening, dialing = await mesh.chain(1, 2)
    dialing.drop(dialing.connections[0], "told to")
    assert [event.reason for event in mesh.told(2, LinkLost)] == ["told to"]
    assert dialing.node.nodes() == []
    await eventually(lambda: len(mesh.told(2, LinkReady)) == 2)
    await eventually(lambda: listening.node.nodes() == [2])
    assert [event.reason for event in mesh.told(1, LinkLost)] == ["peer closed the connection"]


async def test_port_in_use_is_an_error(mesh):
    port = await mesh.add(1).listen(HOST, 0)
    with pytest.raises(OSError, match="in use"):
        await mesh.add(2).listen(HOST, port)


async def test_mistake_in_on_event_costs_no_link(mesh, caplog):
    runner = Runner(MeshNode(1), on_event=lambda event: 1 // 0)
    mesh.runners.append(runner)
    mesh.add(2).dial([(HOST, await runner.listen(HOST, 0))])
    await eventually(lambda: runner.node.nodes() == [2])
    runner.send({"type": 9, "dest": 2, "msg": "still here"})
    await eventually(lambda: mesh.texts(2) == ["still here"])
    assert "on_event failed" in caplog.text


async def test_mistake_in_the_core_costs_one_link_only(mesh, caplog):
    runner = mesh.add(1)
    port = await runner.listen(HOST, 0)
    good, bad = await Peer.dial(port), await Peer.dial(port)
    await good.join(8)
    await bad.join(9)
    await eventually(lambda: len(runner.node.links()) == 2)
    receive = runner.node.receive

    def receive_badly(link, data, now_us):
        if b"poison" in data:
            raise ZeroDivisionError
        receive(link, data, now_us)

    runner.node.receive = receive_badly
    await bad.say(frame(type=8, msg="poison"))
    await eventually(lambda: bad.hung_up)
    assert [event.reason for event in mesh.told(1, LinkLost)] == ["internal error"]
    assert "ZeroDivisionError" in caplog.text
    runner.send({"type": 9, "dest": 8, "msg": "fine"})
    await eventually(lambda: good.kinds().count(9))
    await good.close()
    await bad.close()


async def test_on_event_may_send(mesh):
    def answer(event):
        if isinstance(event, PackageReceived):
            answering.send({"type": 9, "dest": event.package["from"], "msg": event.package["msg"] + "!"})

    answering = Runner(MeshNode(1), on_event=answer)
    mesh.runners.append(answering)
    asking = mesh.add(2)
    asking.dial([(HOST, await answering.listen(HOST, 0))])
    await eventually(lambda: asking.node.nodes() == [1])
    for number in range(20):
        asking.send({"type": 9, "dest": 1, "msg": str(number)})
    await eventually(lambda: mesh.texts(2) == [f"{number}!" for number in range(20)])


def test_counter_that_wraps_makes_a_clock_that_does_not():
    counter = [(1 << 30) - 100]
    clock = TickClock(lambda: counter[0] & 0x3FFFFFFF)
    times = []
    for step_us in (0, 50, 100, 1 << 29, 1 << 29, (1 << 30) - 1):
        counter[0] += step_us
        times.append(clock())
    assert times == [0, 50, 150, 150 + (1 << 29), 150 + (1 << 30), 150 + (1 << 31) - 1]
