"""Keeping one station link up: candidates in turn, back-off, and saying why there is no link."""

import asyncio
import socket
from types import SimpleNamespace

import pytest

from meshnode import streams
from meshnode.dialer import BACKOFF_FIRST_US, BACKOFF_LAST_US, GAVE_UP, HUNG_UP, Dialer
from meshnode.driver_events import DialFailed, LinkLost
from meshnode.events import LinkReady
from meshnode.streams import FAILED, REFUSED, TIMED_OUT, UNKNOWN_HOST
from tests.integration.hostile import (
    HOST,
    Peer,
    Scene,
    eventually,
    frame,
    turns,
    unanswering_listener,
)


@pytest.fixture
async def scene():
    scene = Scene()
    yield scene
    await scene.stop()


@pytest.fixture
def closed_port():
    """A port that refuses, for as long as the test has it."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


class Answerer:
    """Accepts connections, and does with each what the test says."""

    def __init__(self):
        self.calls = 0
        self.peers = []

    async def start(self, behave):
        async def accept(reader, writer):
            self.calls += 1
            await behave(reader, writer)

        self._server = await asyncio.start_server(accept, HOST, 0)
        return self._server.sockets[0].getsockname()[1]

    def close(self):
        self._server.close()


@pytest.fixture
async def answerer():
    answerer = Answerer()
    yield answerer
    answerer.close()


async def hang_up(reader, writer):
    await reader.read(65536)
    writer.close()
    await writer.wait_closed()


async def reset(reader, writer):
    writer.transport.abort()  # with a hello unread, the system sends a reset
    await turns()


async def failures(scene, addresses, count=1):
    """Dial from node 4 until so many attempts failed."""
    scene.add(4).dial(addresses)
    await eventually(lambda: len(scene.told(4, DialFailed)) >= count)
    return scene.told(4, DialFailed)[:count]


async def test_refused(scene, closed_port):
    (failed,) = await failures(scene, [(HOST, closed_port)])
    assert failed == DialFailed(f"{HOST}:{closed_port}", REFUSED, "connection refused", 1)


async def test_host_with_several_addresses_refused(scene, closed_port, monkeypatch):
    async def resolve(*args, **options):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, closed_port)) for host in (HOST, "127.0.0.2")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    (failed,) = await failures(scene, [("board", closed_port)])
    assert (failed.kind, failed.reason, failed.address) == (
        REFUSED,
        "connection refused",
        f"board:{closed_port}",
    )


async def test_unknown_host(scene, monkeypatch):
    async def resolve(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    (failed,) = await failures(scene, [("no-such-board", 5555)])
    assert (failed.kind, failed.reason) == (UNKNOWN_HOST, "unknown host")


async def test_no_answer(scene, monkeypatch):
    monkeypatch.setattr(streams, "CONNECT_TIMEOUT_S", 0.05)
    listener, fillers = unanswering_listener()
    (failed,) = await failures(scene, [listener.getsockname()])
    assert failed.kind == TIMED_OUT
    assert failed.reason.startswith("no answer within")
    for sock in (listener, *fillers):
        sock.close()


async def test_address_that_cannot_be_dialed(scene):
    (failed,) = await failures(scene, [("255.255.255.255", 5555)])
    assert failed.kind in (FAILED, streams.UNREACHABLE)


async def test_port_that_cannot_be(scene):
    (failed,) = await failures(scene, [(HOST, 70_000)])
    assert failed.kind == FAILED


async def test_hung_up_before_the_handshake(scene, answerer):
    """As C++ nodes do with an id that is in their mesh already."""
    (failed,) = await failures(scene, [(HOST, await answerer.start(hang_up))])
    assert (failed.kind, failed.reason) == (HUNG_UP, "hung up before the handshake")


async def test_reset_before_the_handshake(scene, answerer):
    (failed,) = await failures(scene, [(HOST, await answerer.start(reset))])
    assert (failed.kind, failed.reason) == (HUNG_UP, "hung up before the handshake")


async def test_peer_that_this_node_refuses(scene, answerer):
    async def have_the_same_id(reader, writer):
        writer.write(frame(type=5, dest=0, **{"from": 4, "nodeId": 4}))
        await hang_up(reader, writer)
        await reader.read()

    (failed,) = await failures(scene, [(HOST, await answerer.start(have_the_same_id))])
    assert failed.kind == GAVE_UP
    assert "our id" in failed.reason


async def test_dropped_before_the_handshake(scene, answerer):
    async def stay_mute(reader, writer):
        await reader.read()
        writer.close()

    scene.add(4).dial([(HOST, await answerer.start(stay_mute))])
    await eventually(lambda: scene.runner(4).connections)
    scene.runner(4).drop(scene.runner(4).connections[0], "told to")
    await eventually(lambda: scene.told(4, DialFailed))
    assert [(event.kind, event.reason) for event in scene.told(4, DialFailed)] == [(FAILED, "told to")]


async def test_candidates_are_tried_in_turn(scene, answerer, closed_port):
    await scene.start()
    hanging_up = await answerer.start(hang_up)
    failed = await failures(scene, [(HOST, closed_port), (HOST, hanging_up), (HOST, scene.port)], count=2)
    assert [(event.kind, event.attempts) for event in failed] == [(REFUSED, 1), (HUNG_UP, 2)]
    await scene.clock.until(lambda: len(scene.runner(4).node.nodes()) == 3)
    assert len(scene.told(4, DialFailed)) == 2


async def test_pauses_grow_and_stay_bounded(scene, answerer):
    port = await answerer.start(hang_up)
    scene.add(4).dial([(HOST, port)])
    await eventually(lambda: answerer.calls == 1)
    calls = []
    for _ in range(10):
        await scene.clock.advance(12, step_s=0.2)
        await turns(50)
        calls.append(answerer.calls)
    assert 4 <= calls[0] <= 20
    assert calls[-1] - calls[4] <= 12
    assert calls[-1] > calls[0]


def test_jitter_covers_the_whole_pause():
    pauses = {}
    for draw in (0.0, 0.999999):
        dialer = fake_dialer(draw)
        pauses[draw] = []
        for dialer._round in range(12):
            pauses[draw].append(dialer._pause_us())
    assert set(pauses[0.0]) == {BACKOFF_FIRST_US}
    longest = pauses[0.999999]
    assert longest[0] == pytest.approx(2 * BACKOFF_FIRST_US, rel=0.01)
    assert longest == sorted(longest)
    assert longest[-1] == pytest.approx(BACKOFF_LAST_US, rel=0.01)


def fake_dialer(draw):
    dialer = Dialer.__new__(Dialer)
    dialer._runner = SimpleNamespace(rng=SimpleNamespace(random=lambda: draw))
    return dialer


async def test_lost_link_is_dialed_again_and_pauses_start_over(scene, closed_port):
    await scene.start()
    station = scene.add(4)
    dialer = station.dial([(HOST, closed_port), (HOST, scene.port)])
    await scene.clock.until(lambda: len(station.node.nodes()) == 3)
    await scene.clock.advance(20)
    scene.hub.drop(scene.link_to(4), "rebooting")
    await eventually(lambda: scene.told(4, LinkLost))
    assert scene.told(4, LinkLost)[0].reason == "peer closed the connection"
    await scene.clock.until(lambda: len(station.node.nodes()) == 3, limit_s=1)
    assert dialer.addresses[0] == (HOST, scene.port)  # what lived is dialed first
    assert len(scene.told(4, DialFailed)) == 1


async def test_pauses_start_over_after_a_link_that_lived(scene):
    await scene.start()
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
        station = scene.add(4)
        station.dial([(HOST, port)])
        await scene.clock.advance(100, step_s=0.2)  # by now the pauses are up to 30 s long
    await scene.hub.listen(HOST, port)
    await scene.clock.until(lambda: len(station.node.nodes()) == 3, limit_s=35)
    await scene.clock.advance(20)
    for _ in range(2):
        scene.hub.drop(scene.link_to(4))
        await eventually(lambda: station.node.nodes() == [])
        await scene.clock.until(lambda: len(station.node.nodes()) == 3, limit_s=1)
        await scene.clock.advance(20)


async def test_link_that_dies_young_does_not_reset_the_pauses(scene, answerer):
    """A peer that accepts and drops us again and again is not hammered."""

    async def accept_and_drop(reader, writer):
        peer = Peer(reader, writer)
        await peer.say(frame(type=5, dest=0, **{"from": 9, "nodeId": 9}))
        await eventually(lambda: 6 in peer.kinds())
        await peer.close()

    port = await answerer.start(accept_and_drop)
    scene.add(4).dial([(HOST, port)])
    await eventually(lambda: scene.told(4, LinkLost))
    await scene.clock.advance(60, step_s=0.2)
    assert 5 <= answerer.calls <= 30
    assert len(scene.told(4, LinkReady)) >= answerer.calls - 1


async def test_dialing_into_ones_own_mesh_twice_leaves_the_mesh_alone(scene):
    await scene.start()
    runner = scene.runner(Scene.LEFT)
    runner.dial([(HOST, scene.port)])
    await scene.clock.advance(30)
    assert {event.kind for event in scene.told(Scene.LEFT, DialFailed)} <= {HUNG_UP, GAVE_UP}
    assert scene.told(Scene.LEFT, DialFailed)
    assert scene.whole()
    assert not scene.told(Scene.LEFT, LinkLost)
    await scene.message_passes()


async def test_dialer_can_be_told_to_stop(scene, answerer):
    port = await answerer.start(hang_up)
    dialer = scene.add(4).dial([(HOST, port)])
    await eventually(lambda: answerer.calls == 1)
    dialer.close()
    await scene.clock.advance(60)
    assert answerer.calls == 1


def test_no_address_is_a_mistake():
    with pytest.raises(ValueError, match="no address"):
        Dialer(None, [])
