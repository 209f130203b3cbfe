"""Neighbours that die, stay silent, flood or send what no node should: the node and its other links live on."""

import asyncio
import socket

import pytest

from meshnode.dialer import GAVE_UP
from meshnode.driver_events import CallerRefused, DialFailed, LinkLost
from meshnode.events import NodeLeft
from tests.integration.hostile import HOST, MemoryGauge, Peer, Scene, eventually, frame, hello

MEGABYTE = 1024 * 1024
# Of what a peer sends, the node may hold one frame (256 KB) a few times over while it is looked at.
BOUND_BYTES = 6 * MEGABYTE


@pytest.fixture
async def scene():
    scene = await Scene().start()
    yield scene
    await scene.stop()


async def say_in_pieces(peer: Peer, *pieces: tuple[bytes, int]) -> None:
    """Say each text so many times over, without holding it all."""
    for text, times in pieces:
        block = max(1, 65536 // len(text))
        for start in range(0, times, block):
            await peer.say(text * min(block, times - start))


async def still_neighbours(scene: Scene, peer: Peer, node_id: int) -> None:
    """The peer was not hung up on, and what it says next is understood."""
    await peer.say(frame(type=9, dest=Scene.LEFT, **{"from": node_id}, msg="sorry"))
    await eventually(lambda: "sorry" in scene.texts(Scene.LEFT))
    assert not peer.hung_up


async def test_neighbour_that_loses_power_is_missed_within_70_seconds(scene):
    peer = await scene.intruder()
    await peer.join(9)
    await scene.clock.until(lambda: 9 in scene.runner(Scene.LEFT).node.nodes())
    await scene.clock.advance(61)
    peer.fall_silent()  # its connection stays open: nobody told the kernel
    await scene.clock.advance(70)
    assert peer.hung_up
    assert [event.node_id for event in scene.told(Scene.HUB, LinkLost)] == [9]
    assert "silent" in scene.told(Scene.HUB, LinkLost)[0].reason
    assert [event.node_id for event in scene.told(Scene.LEFT, NodeLeft)] == [9]
    await scene.message_passes()


async def test_neighbour_that_lost_power_is_taken_back_once_its_dead_link_is_found_out(scene):
    dead = await scene.intruder()
    await dead.join(9)
    await scene.clock.until(lambda: 9 in scene.hub.node.nodes())
    dead.fall_silent()
    early = await scene.intruder()
    await early.join(9)
    await eventually(lambda: early.hung_up)
    await scene.clock.advance(12)
    late = await scene.intruder()
    await late.join(9)
    await scene.clock.advance(1)
    assert dead.hung_up
    assert not late.hung_up
    await still_neighbours(scene, late, 9)


async def test_caller_that_never_speaks_is_hung_up_on_after_20_seconds(scene):
    peer = await scene.intruder()
    await scene.clock.advance(19)
    assert peer.kinds() == [5]
    assert not peer.hung_up
    await scene.clock.advance(2)
    assert peer.hung_up
    assert len(scene.told(Scene.HUB, CallerRefused)) == 1
    await scene.message_passes()


async def test_dialed_peer_that_never_answers_is_given_up_after_10_seconds_and_the_next_one_tried(scene):
    mute = []

    async def accept(reader, writer):
        mute.append(Peer(reader, writer))

    server = await asyncio.start_server(accept, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    station = scene.add(4)
    station.dial([(HOST, port), (HOST, scene.port)])
    await eventually(lambda: mute)
    await scene.clock.advance(9)
    assert not mute[0].hung_up
    await scene.clock.advance(2)
    assert mute[0].hung_up
    failed = scene.told(4, DialFailed)
    assert [(event.kind, event.attempts, event.address) for event in failed] == [
        (GAVE_UP, 1, f"{HOST}:{port}")
    ]
    await scene.clock.until(lambda: len(station.node.nodes()) == 3)
    server.close()
    await mute[0].close()


async def test_flood_is_passed_on_or_dropped_but_not_kept(scene):
    peer = await scene.intruder()
    await peer.join(9)
    await scene.clock.until(lambda: 9 in scene.hub.node.nodes())

    async def broadcast_without_end():
        # With little room in the system's buffers, so that what was said is what the hub has read.
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        for block in range(60):  # 4 MB
            notes = [frame(type=8, dest=0, **{"from": 9}, msg=[block, n, "x" * 150]) for n in range(300)]
            await peer.say(b"".join(notes))
            await asyncio.sleep(0)

    with MemoryGauge() as memory:
        flood = asyncio.create_task(broadcast_without_end())
        for _ in range(3):
            await scene.message_passes(Scene.LEFT, Scene.RIGHT)
            await scene.message_passes(Scene.RIGHT, Scene.LEFT)
        assert not flood.done()
        await flood
    assert memory.grown_bytes < BOUND_BYTES
    assert not peer.hung_up


async def test_flood_towards_a_node_that_does_not_exist(scene):
    peer = await scene.intruder()
    await peer.join(9)
    await scene.clock.until(lambda: 9 in scene.hub.node.nodes())
    note = frame(type=9, dest=77, **{"from": 9}, msg="x" * 150)
    with MemoryGauge() as memory:
        await asyncio.gather(say_in_pieces(peer, (note, 2 * MEGABYTE // len(note))), scene.message_passes())
    assert memory.grown_bytes < BOUND_BYTES
    await still_neighbours(scene, peer, 9)


async def test_frame_of_10_megabytes_is_skipped(scene):
    peer = await scene.intruder()
    await peer.join(9)
    with MemoryGauge() as memory:
        start = b'{"type":8,"dest":0,"from":9,"msg":"'
        await say_in_pieces(peer, (start, 1), (b"x" * 65536, 160), (b'"}\0', 1))
        await still_neighbours(scene, peer, 9)
    assert memory.grown_bytes < BOUND_BYTES
    assert scene.hub.node.refused_frames == 0  # it was never looked at
    await scene.message_passes()


@pytest.mark.parametrize("text", ["[", '{"a":', '[{"a":'])
async def test_nesting_100_000_deep_is_refused(scene, text):
    peer = await scene.intruder()
    await peer.join(9)
    with MemoryGauge() as memory:
        await peer.say(b'{"type":8,"dest":0,"from":9,"msg":')
        await say_in_pieces(peer, (text.encode(), 100_000))
        await peer.say(b"\0")
        await peer.say(text.encode() * 2000 + b"\0")
        await still_neighbours(scene, peer, 9)
    assert memory.grown_bytes < BOUND_BYTES
    assert 1 <= scene.hub.node.refused_frames <= 2  # one of these texts is too long to be looked at
    await scene.message_passes()


async def test_tree_nested_deeper_than_a_mesh_can_be_is_refused(scene):
    peer = await scene.intruder()
    await peer.join(9)
    levels = b"".join([b'"subs":[{"nodeId":%d,' % node_id for node_id in range(10_000, 15_000)])
    await peer.say(b'{"type":5,"from":9,"nodeId":9,' + levels + b'"x":0' + b"}]" * 5000 + b"}\0")
    await still_neighbours(scene, peer, 9)
    assert len(scene.hub.node.tree()) == 4


@pytest.mark.parametrize("nodes", [1_000_000, 10_000])
async def test_tree_of_a_million_nodes_is_refused(scene, nodes):
    """The larger one is skipped as a frame, the smaller fits into a frame and is too large as a tree."""
    peer = await scene.intruder()
    await peer.join(9)
    with MemoryGauge() as memory:
        await peer.say(b'{"type":5,"from":9,"nodeId":9,"subs":[')
        for first in range(1000, 1000 + nodes, 5000):
            ids = range(first, min(first + 5000, 1000 + nodes))
            await peer.say(b"".join([b'{"nodeId":%d},' % node_id for node_id in ids]))
        await peer.say(b'{"nodeId":8}]}\0')
        await still_neighbours(scene, peer, 9)
    assert memory.grown_bytes < 2 * BOUND_BYTES
    assert len(scene.hub.node.tree()) == 4
    await scene.message_passes()


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"type":8,"dest":0,"from":9,"msg":NaN}',
        b'{"type":NaN,"from":9}',
        b'{"type":5,"from":NaN,"nodeId":9}',
        b'{"type":5,"from":9,"nodeId":9,"subs":[{"nodeId":NaN}]}',
        b'{"type":9,"dest":Infinity,"from":9,"msg":"x"}',
        b'{"type":4,"dest":1,"from":9,"msg":{"type":1,"t0":NaN}}',
        b'{"type":4,"dest":1,"from":9}',
        b'{"type":1e400,"from":9}',
        b"\xff\xfe\xfd",
        b'{"type":\xff}',
        b'{"\xff":1}',
        b'{"type":5,"from":9,"nodeId":9,"subs":{"nodeId":7}}',
        b'{"type":5,"from":9,"nodeId":9,"subs":[7,"x",null,[]]}',
        b"null",
        b"[]",
        b"9",
        b"x" * 5000,
        b"{" * 5000,
        b"}" * 5000,
        b'"' * 5001,
        b"\\",
        b"GET / HTTP/1.1\r\nHost: mesh\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_garbage_is_ignored(scene, garbage):
    peer = await scene.intruder()
    await peer.say(garbage + b"\0")
    await peer.join(9)
    await peer.say(b"\0\0" + garbage + b"\0")
    await still_neighbours(scene, peer, 9)
    await scene.message_passes()


async def test_wrong_utf8_inside_a_text_does_not_cost_the_text(scene):
    peer = await scene.intruder()
    await peer.join(9)
    await peer.say(b'{"type":9,"dest":2,"from":9,"msg":"o\xe9 \xc3"}\0')
    await eventually(lambda: scene.texts(Scene.LEFT))
    assert scene.texts(Scene.LEFT)[0].startswith("o\ufffd")
    await still_neighbours(scene, peer, 9)


@pytest.mark.parametrize("node_id", [Scene.HUB, Scene.LEFT, 0, -1, 1 << 32])
async def test_id_that_cannot_be_a_neighbours_is_hung_up_on(scene, node_id):
    """Ours, one that is in the mesh already, and such as no node has."""
    peer = await scene.intruder()
    await peer.say(hello(node_id))
    await eventually(lambda: peer.hung_up)
    assert len(scene.hub.connections) == 2
    assert sorted(scene.hub.node.nodes()) == [2, 3]
    assert [len(scene.told(node, NodeLeft)) for node in (1, 2, 3)] == [0, 0, 0]
    await scene.message_passes()


async def test_neighbour_that_changes_its_id_is_hung_up_on(scene):
    peer = await scene.intruder()
    await peer.join(9)
    await scene.clock.until(lambda: 9 in scene.hub.node.nodes())
    await peer.say(hello(10))
    await eventually(lambda: peer.hung_up)
    await scene.clock.until(lambda: sorted(scene.hub.node.nodes()) == [2, 3])
    await scene.message_passes()


async def test_neighbour_that_stops_reading_is_bounded_and_given_up(scene):
    peer = await scene.intruder(receive_buffer_bytes=4096)
    await peer.join(9)
    await scene.clock.until(lambda: 9 in scene.runner(Scene.LEFT).node.nodes())
    link = next(link for link, node_id in scene.hub.node.links() if node_id == 9)
    peer.stop_reading()
    peer.fall_silent()

    async def talk_to_the_deaf():
        for _ in range(4000):  # 4 MB
            if 9 in scene.runner(Scene.LEFT).node.nodes():
                await scene.runner(Scene.LEFT).send_when_room({"type": 9, "dest": 9, "msg": "x" * 1000})

    with MemoryGauge() as memory:
        talking = asyncio.create_task(talk_to_the_deaf())
        await eventually(lambda: scene.hub.node.paused(scene.link_to(Scene.LEFT)))
        assert scene.hub.backlog(link) < 512 * 1024
        await scene.message_passes(Scene.RIGHT, Scene.HUB)
        await scene.clock.advance(4)  # its queue was full for 3 s: now what is for it gets lost
        await scene.message_passes(Scene.LEFT, Scene.RIGHT)
        assert scene.hub.backlog(link) < 512 * 1024
        await scene.clock.advance(70)
        await asyncio.wait_for(talking, 10)
    assert memory.grown_bytes < BOUND_BYTES
    assert [event.node_id for event in scene.told(Scene.HUB, LinkLost)] == [9]
    await scene.message_passes()


async def test_callers_that_hang_up_at_once_leave_nothing_behind(scene):
    for _ in range(200):
        peer = await Peer.dial(scene.port)
        await peer.close()
    await eventually(lambda: len(scene.told(Scene.HUB, CallerRefused)) == 200)
    assert len(scene.hub.connections) == 2
    await scene.message_passes()


async def test_frames_that_come_one_byte_at_a_time(scene):
    peer = await scene.intruder()
    text = hello(9) + frame(type=9, dest=Scene.LEFT, **{"from": 9}, msg="slow")
    for position in range(len(text)):
        await peer.say(text[position : position + 1])
        await asyncio.sleep(0)
    await eventually(lambda: "slow" in scene.texts(Scene.LEFT))
