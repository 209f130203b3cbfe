"""Peers that misbehave over real sockets, a clock that tests move, and a small mesh to be kept alive."""

import asyncio
import contextlib
import json
import socket
import tracemalloc
from typing import Any, Self

from meshnode.events import PackageReceived
from meshnode.node import MeshNode
from meshnode.runner import Runner
from meshnode.wire import BROADCAST

HOST = "127.0.0.1"
SECOND_US = 1_000_000
# A frame crosses a loopback link in one or two turns of the event loop; the meshes here are 3 hops deep at most.
_TURNS = 16


class StepClock:
    """A clock that stands still unless moved, so that no load of the machine can look like silence."""

    def __init__(self) -> None:
        self._now_us = SECOND_US
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_us(self) -> int:
        return self._now_us

    async def sleep_us(self, delay_us: int) -> None:
        if delay_us <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_us + delay_us, wake))
        await wake

    async def advance(self, seconds: float, step_s: float = 0.1) -> None:
        """Let so much time pass, in steps between which everybody may speak."""
        end_us = self._now_us + int(seconds * SECOND_US)
        while self._now_us < end_us:
            self._now_us = min(end_us, self._now_us + int(step_s * SECOND_US))
            self._wake()
            await turns()

    async def until(self, condition: Any, limit_s: float = 5, step_s: float = 0.01) -> None:
        """Let time pass until the condition holds; fails after `limit_s` of it."""
        end_us = self._now_us + int(limit_s * SECOND_US)
        await turns()
        while not condition():
            assert self._now_us < end_us, f"not within {limit_s} s"
            await self.advance(step_s, step_s)

    def _wake(self) -> None:
        due = [wake for at_us, wake in self._sleepers if at_us <= self._now_us]
        self._sleepers = [
            (at_us, wake) for at_us, wake in self._sleepers if at_us > self._now_us and not wake.done()
        ]
        for wake in due:
            if not wake.done():
                wake.set_result(None)


async def turns(count: int = _TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def eventually(condition: Any, limit_s: float = 10) -> None:
    """Wait in real time: for what a socket, not a timer, brings about."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  any condition, not an event of its own
            await asyncio.sleep(0.002)


def frame(**package: Any) -> bytes:
    return json.dumps(package).encode() + b"\0"


def hello(node_id: int, kind: int = 5, **more: Any) -> bytes:
    return frame(type=kind, dest=0, **{"from": node_id}, **{"nodeId": node_id, **more})


class Peer:
    """A neighbour under the test's control. It says and answers only what it is told to.

    Hears until `deaf` is set; `frames` keeps what it heard.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.frames: list[dict[str, Any]] = []
        self.hung_up = False
        self.answers_as = 0  # the id under which node sync requests are answered, 0 for never
        self.said: dict[str, Any] = {}
        self._reader = reader
        self._hearing = asyncio.Event()
        self._hearing.set()
        self._task = asyncio.create_task(self._listen())

    @classmethod
    async def dial(cls, port: int, *, receive_buffer_bytes: int | None = None) -> "Peer":
        sock = socket.socket()
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
        return cls(*await asyncio.open_connection(sock=sock, limit=4096))

    async def join(self, node_id: int, **more: Any) -> None:
        """Say hello as a board that dials does, and keep answering node syncs."""
        self.answers_as = node_id
        self.said = more
        await self.say(hello(node_id, **more))

    async def say(self, data: bytes) -> None:
        """Send bytes; does not mind being hung up on."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    def fall_silent(self) -> None:
        self.answers_as = 0

    def stop_reading(self) -> None:
        self._hearing.clear()

    def read_again(self) -> None:
        self._hearing.set()

    def kinds(self) -> list[int]:
        return [package["type"] for package in self.frames]

    async def close(self) -> None:
        self._task.cancel()
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        rest = b""
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(65536):
                *frames, rest = (rest + data).split(b"\0")
                for text in frames:
                    await self._heard(json.loads(text))
                if not self._hearing.is_set():
                    self.writer.transport.pause_reading()
                    await self._hearing.wait()
                    self.writer.transport.resume_reading()
        self.hung_up = True

    async def _heard(self, package: dict[str, Any]) -> None:
        self.frames.append(package)
        if package["type"] == 5 and self.answers_as:
            await self.say(hello(self.answers_as, kind=6, **self.said))


class Scene:
    """A node (1) that listens, and two good neighbours (2 and 3) which talk through it."""

    HUB, LEFT, RIGHT = 1, 2, 3

    def __init__(self) -> None:
        self.clock = StepClock()
        self.events: dict[int, list[Any]] = {}
        self.peers: list[Peer] = []
        self.port = 0
        self._runners: dict[int, Runner] = {}
        self._sent = 0

    async def start(self) -> "Scene":
        hub = self.add(self.HUB)
        self.port = await hub.listen(HOST, 0)
        for node_id in (self.LEFT, self.RIGHT):
            self.add(node_id).dial([(HOST, self.port)])
        await self.clock.until(self.whole)
        return self

    def whole(self) -> bool:
        """Whether the good nodes see each other."""
        return all({1, 2, 3} <= set(runner.node.tree().ids) for runner in self._runners.values())

    def add(self, node_id: int, **options: Any) -> Runner:
        """One more runner on this scene's clock."""
        told = self.events[node_id] = []
        runner = self._runners[node_id] = Runner(
            MeshNode(node_id, **options),
            clock_us=self.clock.now_us,
            sleep_us=self.clock.sleep_us,
            on_event=lambda event: _keep(told, event),
        )
        return runner

    @property
    def hub(self) -> Runner:
        return self._runners[self.HUB]

    def runner(self, node_id: int) -> Runner:
        return self._runners[node_id]

    def link_to(self, node_id: int) -> Any:
        """The hub's link to a neighbour."""
        return next(link for link, neighbour in self.hub.node.links() if neighbour == node_id)

    async def intruder(self, **options: Any) -> Peer:
        """Somebody dials the hub."""
        known = len(self.hub.connections)
        peer = await Peer.dial(self.port, **options)
        self.peers.append(peer)
        await eventually(lambda: len(self.hub.connections) > known)
        return peer

    async def message_passes(self, sender: int = LEFT, receiver: int = RIGHT) -> None:
        """The mesh does its work: a text from one good neighbour reaches the other, through the hub."""
        self._sent += 1
        text = f"message {self._sent}"
        await self.runner(sender).send_when_room({"type": 9, "dest": receiver, "msg": text})
        await eventually(lambda: text in self.texts(receiver))

    def texts(self, node_id: int) -> list[str]:
        return [event.package.get("msg") for event in self.told(node_id, PackageReceived)]

    def told(self, node_id: int, kind: type) -> list[Any]:
        return [event for event in self.events[node_id] if isinstance(event, kind)]

    async def stop(self) -> None:
        for peer in self.peers:
            await peer.close()
        await asyncio.gather(*[runner.close(flush_s=0) for runner in self._runners.values()])


def _keep(told: list[Any], event: Any) -> None:
    """Floods are made of broadcasts: those are not kept."""
    if not isinstance(event, PackageReceived) or event.package["type"] != BROADCAST:
        told.append(event)


class MemoryGauge:
    """How much more memory Python objects took at the worst moment inside the `with` block."""

    def __enter__(self) -> Self:
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        self.grown_bytes = 0
        return self

    def __exit__(self, *error: object) -> None:
        self.grown_bytes = tracemalloc.get_traced_memory()[1] - self._before
        tracemalloc.stop()


def unanswering_listener() -> tuple[socket.socket, list[socket.socket]]:
    """A port where a connection is never completed: the kernel's queue is full, further calls are not answered."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen(0)
    fillers = []
    for _ in range(2):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers
