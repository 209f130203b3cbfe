"""The node and its runner on MicroPython, in one mesh with nodes on CPython over TCP.

Every test runs with the sources and a heap of 512 KB, and as on a board: compiled modules, 100 KB.
"""

import asyncio

import pytest

from meshnode.driver_events import LinkLost
from meshnode.events import DelayMeasured, PackageReceived
from meshnode.node import MeshNode
from meshnode.runner import Runner
from meshnode.streams import REFUSED
from tests.integration.hostile import HOST, Peer, StepClock, eventually, frame, hello
from tests.micropython.boards import SMALL_LIMITS, BoardProcess, compile_modules, free_port

BOARD = 50
#: Which of the two a closed link ends with, the system decides: a board cannot close its sockets half-way, and
#: a close with bytes unread is a reset.
ENDS = {"peer closed the connection", "connection reset"}
HEAP_BYTES = {"sources": 512 * 1024, "small": 100 * 1024}


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    return compile_modules(tmp_path_factory.mktemp("modules"))


@pytest.fixture(params=["sources", "small"])
def small(request):
    return request.param == "small"


@pytest.fixture
async def mesh(small, modules):
    mesh = Mesh(modules if small else None)
    yield mesh
    await mesh.close()


class Mesh:
    """Nodes on CPython, and boards."""

    def __init__(self, modules):
        self.events = {}
        self.runners = []
        self.boards = []
        self._modules = modules

    async def board(self, node_id=BOARD, **options):
        if self._modules is None:
            board = await BoardProcess.start(id=node_id, **options)
        else:
            options["limits"] = SMALL_LIMITS
            board = await BoardProcess.start(id=node_id, heap_size="100k", modules=self._modules, **options)
        self.boards.append(board)
        return board

    def add(self, node_id, **options):
        told = self.events[node_id] = []
        runner = Runner(MeshNode(node_id, **options), on_event=told.append)
        self.runners.append(runner)
        return runner

    async def chain(self):
        """CPython 1 -- board -- CPython 2: the board dials one and is dialed by the other."""
        first, second = self.add(1), self.add(2)
        port = free_port()
        board = await self.board(dial=[await first.listen(HOST, 0)], listen=port)
        second.dial([(HOST, port)])
        await eventually(lambda: sees(first, 2, BOARD) and sees(second, 1, BOARD))
        return first, board, second

    async def report(self, runner):
        """What the board answers when asked."""
        known = len(self.packages(runner))
        runner.send({"type": 9, "dest": BOARD, "msg": "report"})
        await eventually(lambda: len(self.packages(runner)) > known)
        return self.packages(runner)[-1]["msg"]

    def packages(self, runner):
        return [event.package for event in self.told(runner, PackageReceived)]

    def texts(self, runner):
        return [package["msg"] for package in self.packages(runner)]

    def told(self, runner, kind):
        return [event for event in self.events[runner.node.node_id] if isinstance(event, kind)]

    async def close(self):
        for board in self.boards:
            await board.stop()
        await asyncio.gather(*[runner.close() for runner in self.runners])
        assert [board.errors for board in self.boards] == [""] * len(self.boards)


def sees(runner, *node_ids):
    return set(node_ids) == set(runner.node.nodes())


async def test_joins_as_a_station_and_leaves_in_good_order(mesh):
    runner = mesh.add(1)
    board = await mesh.board(dial=[await runner.listen(HOST, 0)])
    assert await board.tells("link") == [{"what": "link", "node": 1, "dialed": True}]
    await eventually(lambda: sees(runner, BOARD))
    runner.send({"type": 9, "dest": BOARD, "msg": "leave"})
    await board.leaves()
    assert board.told[-1]["what"] == "left"
    assert board.told[-1]["connections"] == 0
    await eventually(lambda: sees(runner))
    assert mesh.told(runner, LinkLost)[0].reason in ENDS


async def test_serves_as_an_access_point(mesh):
    port = free_port()
    board = await mesh.board(listen=port)
    stations = [mesh.add(node_id) for node_id in (1, 2, 3)]
    for station in stations:
        station.dial([(HOST, port)])
    await eventually(lambda: all(len(station.node.nodes()) == 3 for station in stations))
    links = await board.tells("link", 3)
    assert sorted(link["node"] for link in links) == [1, 2, 3]
    assert not any(link["dialed"] for link in links)
    stations[0].send({"type": 9, "dest": 3, "msg": "through the board"})
    await eventually(lambda: mesh.texts(stations[2]) == ["through the board"])


async def test_sees_the_whole_tree(mesh):
    """The board hangs at the end of a chain of ten."""
    port = None
    for node_id in range(1, 11):
        runner = mesh.add(node_id)
        if port is not None:
            runner.dial([(HOST, port)])
        port = await runner.listen(HOST, 0)
    await mesh.board(dial=[port])
    await eventually(lambda: all(len(runner.node.nodes()) == 10 for runner in mesh.runners))
    tree = (await mesh.report(mesh.runners[0]))["tree"]
    ids = [tree["nodeId"]]
    while "subs" in tree:
        (tree,) = tree["subs"]
        ids.append(tree["nodeId"])
    assert ids == [BOARD, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


async def test_relays_both_ways(mesh):
    first, board, second = await mesh.chain()
    for number in range(20):
        await first.send_when_room({"type": 9, "dest": 2, "msg": f"to {number}"})
        await second.send_when_room({"type": 9, "dest": 1, "msg": f"back {number}"})
    await eventually(lambda: mesh.texts(second) == [f"to {number}" for number in range(20)])
    await eventually(lambda: mesh.texts(first) == [f"back {number}" for number in range(20)])
    first.send({"type": 8, "dest": 0, "msg": "all of you"})
    second.send({"type": 8, "dest": 0, "msg": "you too"})
    await eventually(lambda: "all of you" in mesh.texts(second) and "you too" in mesh.texts(first))
    assert {line["text"] for line in await board.tells("text", 2)} == {"all of you", "you too"}
    second.send({"type": 9, "dest": BOARD, "msg": "shout"})
    await eventually(lambda: all("from a board" in mesh.texts(runner) for runner in (first, second)))


async def test_relays_bytes_as_they_came(mesh):
    """Types it does not know, floats, escapes and order of keys cross a board unchanged."""
    first, _, second = await mesh.chain()
    odd = '{"z":3.141592653589793,"type":731,"routing":1,"dest":2,"a":"\\u00e9\\t","from":1,"n":12345678901234567890}'
    link = first.connections[0]
    link._writer.write(odd.encode() + b"\0")
    await eventually(lambda: mesh.packages(second))
    assert mesh.packages(second)[0]["z"] == 3.141592653589793
    assert list(mesh.packages(second)[0]) == ["z", "type", "routing", "dest", "a", "from", "n"]
    assert mesh.packages(second)[0]["n"] == 12345678901234567890


async def test_more_than_it_can_hold_goes_through_in_order(mesh):
    """Far more bytes than the board's heap: it reads no faster than it can pass on."""
    first, _, second = await mesh.chain()
    for number in range(400):
        await first.send_when_room({"type": 9, "dest": 2, "msg": [number, "x" * 400]})
    await eventually(lambda: len(mesh.packages(second)) == 400)
    assert [text[0] for text in mesh.texts(second)] == list(range(400))
    assert (await mesh.report(first))["relayed_frames"] >= 400


async def test_measures_and_answers_delays(mesh):
    first, board, second = await mesh.chain()
    first.measure_delay(BOARD)
    first.measure_delay(2)
    second.send({"type": 9, "dest": BOARD, "msg": "measure"})
    await eventually(lambda: len(mesh.told(first, DelayMeasured)) == 2)
    assert {event.node_id for event in mesh.told(first, DelayMeasured)} == {BOARD, 2}
    assert all(0 <= event.delay_us < 5_000_000 for event in mesh.told(first, DelayMeasured))
    (delay,) = await board.tells("delay")
    assert delay["node"] == 2
    assert 0 <= delay["delay_us"] < 5_000_000


async def test_takes_the_time_of_a_larger_mesh(mesh):
    first, second = mesh.add(1), mesh.add(2, clock_offset_us=3_000_000_000)
    port = await first.listen(HOST, 0)
    second.dial([(HOST, port)])
    await eventually(lambda: sees(first, 2))
    await eventually(lambda: clocks_agree(first.time_us(), second.time_us()))
    board = await mesh.board(dial=[port])
    await board.tells("adjusted")
    await asyncio.sleep(0.3)
    board_time_us = (await mesh.report(first))["time_us"]
    assert clocks_agree(first.time_us(), board_time_us)


async def test_gives_its_time_to_a_smaller_mesh(mesh):
    """The board has two nodes behind it when a lone one arrives."""
    first, board, second = await mesh.chain()
    await eventually(lambda: clocks_agree(first.time_us(), second.time_us()))
    board_time_us = (await mesh.report(second))["time_us"]
    assert clocks_agree(second.time_us(), board_time_us)
    assert await board.tells("joined", 2)


def clocks_agree(one_us, other_us, within_us=1_000_000):
    difference_us = (one_us - other_us + (1 << 31)) % (1 << 32) - (1 << 31)
    return abs(difference_us) < within_us


async def test_tries_the_next_address_when_one_refuses(mesh):
    runner = mesh.add(1)
    board = await mesh.board(dial=[free_port(), await runner.listen(HOST, 0)])
    (failed,) = await board.tells("failed")
    assert failed == {"what": "failed", "kind": REFUSED, "reason": "connection refused", "attempts": 1}
    await board.tells("link")


async def test_dials_again_when_the_link_is_lost(mesh):
    runner = mesh.add(1)
    board = await mesh.board(dial=[await runner.listen(HOST, 0)])
    await eventually(lambda: sees(runner, BOARD))
    runner.drop(runner.connections[0])
    (lost,) = await board.tells("lost")
    assert lost.pop("reason") in ENDS
    assert lost == {"what": "lost", "node": 1}
    await board.tells("link", 2)
    await eventually(lambda: sees(runner, BOARD))


async def test_killed_board_is_missed_at_once(mesh):
    runner = mesh.add(1)
    board = await mesh.board(dial=[await runner.listen(HOST, 0)])
    await eventually(lambda: sees(runner, BOARD))
    board.kill()
    await eventually(lambda: sees(runner))


async def test_frozen_board_is_missed_after_its_silence(mesh):
    """As after a power cut its connection stays open."""
    clock, told = StepClock(), []
    runner = Runner(MeshNode(1), clock_us=clock.now_us, sleep_us=clock.sleep_us, on_event=told.append)
    mesh.runners.append(runner)
    board = await mesh.board(dial=[await runner.listen(HOST, 0)])
    await eventually(lambda: sees(runner, BOARD))
    board.freeze()
    await clock.advance(80, step_s=1)
    assert sees(runner)
    assert "silent" in next(event.reason for event in told if isinstance(event, LinkLost))


GARBAGE = [
    b"\xff\xfe\xfd",
    b'{"type":8,"dest":0,"from":9,"msg":NaN}',
    b'{"type":8,"dest":0,"from":9,"msg":"o\xe9"}',
    b'{"type":"x"}',
    b'{"type":5,"from":9,"nodeId":9,"subs":[7,null]}',
    b'{"type":4,"dest":1,"from":9,"msg":{"type":1,"t0":-1}}',
    b"[" * 900,
    b"[" * 1500,
    b'{"a":' * 150,
    b'{"type":5,"from":9,"nodeId":9,"subs":[{"nodeId":4294967296}]}',
    b"x" * 100_000,
    b"null",
    b"",
    b'{"type":1e400}',
    b'{"type":99999999999999999999999999}',
    b'{"type":9,"dest":77,"from":9,"msg":"nobody"}',
]


async def test_survives_garbage(mesh):
    """From callers who say nothing else, and from a neighbour, who is still one after each piece."""
    first, port = mesh.add(1), free_port()
    board = await mesh.board(dial=[await first.listen(HOST, 0)], listen=port)
    for count, text in enumerate(GARBAGE, 1):
        peer = await Peer.dial(port)
        await peer.say(text + b"\0" + text[: len(text) // 2])
        await peer.close()
        await board.tells("refused", count)
    peer = await Peer.dial(port)
    await peer.join(9)
    await eventually(lambda: sees(first, BOARD, 9))
    for count, text in enumerate(GARBAGE, 1):
        await peer.say(text + b"\0")
        await peer.say(frame(type=9, dest=1, **{"from": 9}, msg="still here"))
        await eventually(lambda count=count: mesh.texts(first).count("still here") == count)
    assert (await mesh.report(first))["refused_frames"] >= 5
    await peer.close()


async def test_crowd_does_not_bring_it_down(mesh):
    """More callers at once than a small heap has room for; afterwards everything is as it was."""
    first, board, second = await mesh.chain()
    port = second.connections[0].port
    crowd = await asyncio.gather(*[Peer.dial(port) for _ in range(40)])
    for peer in crowd:
        await peer.say(hello(9))
    await board.tells("refused", 8)
    for peer in crowd:
        await peer.close()
    await eventually(lambda: sees(first, 2, BOARD) and sees(second, 1, BOARD))
    first.send({"type": 9, "dest": 2, "msg": "all well"})
    await eventually(lambda: mesh.texts(second) == ["all well"])


async def test_hangs_up_on_its_own_id(mesh):
    port = free_port()
    await mesh.board(listen=port)
    peer = await Peer.dial(port)
    await peer.say(hello(BOARD))
    await eventually(lambda: peer.hung_up)
    await peer.close()


async def test_what_it_holds_does_not_grow(mesh, small, record_property):
    """Traffic, joins and hang-ups over and over: garbage is collected, nothing stays."""
    first, port = mesh.add(1), free_port()
    await mesh.board(dial=[await first.listen(HOST, 0)], listen=port)
    await eventually(lambda: sees(first, BOARD))
    heap_bytes = []
    for _ in range(4):
        for _ in range(5):
            peer = await Peer.dial(port)
            await peer.join(9)
            await eventually(lambda: sees(first, BOARD, 9))
            for _ in range(10):
                await first.send_when_room({"type": 9, "dest": 9, "msg": "x" * 300})
            await eventually(lambda peer=peer: peer.kinds().count(9) == 10)
            await peer.close()
            await eventually(lambda: sees(first, BOARD))
        heap_bytes.append((await mesh.report(first))["heap_bytes"])
    record_property("heap_bytes", heap_bytes)
    assert heap_bytes[-1] < heap_bytes[0] + 2048
    assert heap_bytes[-1] < HEAP_BYTES["small" if small else "sources"]
    assert not mesh.told(first, LinkLost)
