"""The public API: one node of a painlessMesh network, on asyncio.

    async with Mesh.connect("10.1.2.1") as mesh:
        print(mesh.nodes())
        await mesh.broadcast("lamp on")
        async for message in mesh.messages():
            print(message.sender, message.text)

Where a method has a counterpart in painlessMesh's C++ API, its docstring names it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from meshnode import events as core
from meshnode.driver_events import DialFailed, LinkLost
from meshnode.node import MeshNode
from meshnode.relay import NoRoute, QueueFull
from meshnode.runner import Runner
from meshnode.wire import BROADCAST, SINGLE, WireError
from meshward import events as told
from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.errors import (
    AddressError,
    CongestedError,
    ListenError,
    MeshwardError,
    NoAnswerError,
    NotConnectedError,
    PackageError,
    UnknownNodeError,
)
from meshward.identity import check_node_id, default_node_id, derived_node_id
from meshward.inbox import Inbox
from meshward.joining import IDS_TRIED, JoinProgress
from meshward.pings import Pings
from meshward.records import Message, NodeRecord, TreeNode, node_records, tree_of
from meshward.settings import DEFAULT_TIMEOUT_S
from meshward.streams import STREAM_ITEMS, Stream

#: Longest text in bytes: C++ nodes drop a frame with a longer string without a word (ArduinoJson 7).
TEXT_BYTES = 65_535
#: A mesh that changed within this time may still be settling; nodes gather changes for 20 ms a hop.
QUIET_S = 0.15
#: Delay measurements under way at once: enough to fill the way there, too few to queue behind each other.
_PINGS_AT_ONCE = 16
#: A node that has not heard of us yet cannot answer, and news take 20 ms a hop: ask again, ever more rarely.
_PING_AGAIN_S = 0.25
_RETRY_S = 0.02


class Mesh:
    """One node of a mesh: ours. An asynchronous context manager; entering joins, leaving leaves.

    connect: neighbours to dial, one at a time, the next when one fails; for ever, also after the
    mesh was joined. listen: where neighbours may dial us. At least one of both is needed.
    node_id: our id, from the network card's MAC where none is given. root, time_authority: flags
    told to the mesh (painlessMesh: `setRoot`). timeout_s: seconds for joining and for each answer.
    patient: entering does not wait for a neighbour to answer; `wait_joined` does, as often as wanted.
    """

    def __init__(
        self,
        *,
        connect: str | Address | Iterable[str | Address] = (),
        listen: str | Address | None = None,
        node_id: int | None = None,
        root: bool = False,
        time_authority: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        patient: bool = False,
    ) -> None:
        several = (connect,) if isinstance(connect, str | Address) else connect
        self._connect = tuple(parse_address(one) if isinstance(one, str) else one for one in several)
        self._listen = parse_listen_address(listen) if isinstance(listen, str) else listen
        if not self._connect and self._listen is None:
            raise AddressError("a mesh needs an address to connect to, or one to listen on")
        self._id_fixed = node_id is not None
        self._node_id = default_node_id() if node_id is None else check_node_id(node_id)
        self._root = root
        self._time_authority = time_authority
        self._timeout_s = timeout_s
        self._patient = patient
        self._runner: Runner | None = None
        self._progress = self._new_progress()
        self._changed = asyncio.Event()
        self._lost = False
        self._closed = False
        self._pings = Pings()
        self._inbox = Inbox()
        self._observers: list[Callable[[core.Event], None]] = []

    @classmethod
    def connect(
        cls,
        *addresses: str | Address,
        node_id: int | None = None,
        root: bool = False,
        time_authority: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """Join by dialing a node: "host", "host:port" or "[ipv6]:port"; port 5555 where none is given."""
        return cls(
            connect=addresses, node_id=node_id, root=root, time_authority=time_authority, timeout_s=timeout_s
        )

    @classmethod
    def listen(
        cls,
        address: str | Address = "5555",
        *,
        node_id: int | None = None,
        root: bool = False,
        time_authority: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """Let nodes dial us: "host:port", or "port" for all interfaces.

        Entering then waits for the port only; `wait_joined` waits for the first neighbour.
        """
        return cls(
            listen=address, node_id=node_id, root=root, time_authority=time_authority, timeout_s=timeout_s
        )

    async def __aenter__(self) -> Self:
        """Join; a patient mesh only begins to.

        Raises JoinTimeoutError where no neighbour answers in time, DuplicateIdError where they do
        not want the id given, ListenError where the port cannot be had.
        """
        if self._runner is not None:
            raise MeshwardError("a Mesh can be entered once; make a new one to join again")
        try:
            await self._open()
            if self._connect and not self._patient:
                await self.wait_joined()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the mesh (painlessMesh: `stop`). What was sent gets half a second to go out."""
        if self._runner is not None:
            await self._runner.close()
        self._inbox.close()
        self._closed = True

    # -- who and what is there ---------------------------------------------------------------

    @property
    def node_id(self) -> int:
        """Our id (painlessMesh: `getNodeId`).

        Where none was given and another process of this machine has the network card's, joining
        replaces it.
        """
        return self._node_id

    @property
    def connected(self) -> bool:
        """Whether some neighbour is connected now (painlessMesh: `isConnected` asks for one node)."""
        return self._runner is not None and bool(self._runner.node.links())

    @property
    def listening(self) -> Address | None:
        """Where neighbours may dial us, with the port that the system chose for port 0."""
        return self._listen

    def nodes(self, *, include_self: bool = False) -> list[NodeRecord]:
        """The nodes of the mesh, near ones before those behind them (painlessMesh: `getNodeList`)."""
        records = node_records(self._active().node.tree())
        return records if include_self else records[1:]

    def topology(self) -> TreeNode:
        """The mesh as a tree, our node on top (painlessMesh: `subConnectionJson`, `asNodeTree`)."""
        return tree_of(self.nodes(include_self=True))

    def time_us(self) -> int:
        """Mesh time in microseconds, the same on all nodes; wraps at 2^32 (painlessMesh: `getNodeTime`)."""
        return self._active().time_us()

    async def wait_joined(self, timeout_s: float | None = None) -> None:
        """Wait until a neighbour is connected. Raises as entering does; waiting again is fine then."""
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                attempt = 1
                while not self.connected:
                    if self._progress.id_refused(given=self._id_fixed):
                        await self._take_other_id(attempt)
                        attempt += 1
                    else:
                        await self._next_change()
        except TimeoutError:
            raise self._progress.timeout_error(timeout_s) from None

    async def settle(self, quiet_s: float = QUIET_S, timeout_s: float | None = None) -> None:
        """Wait until the mesh has not changed for `quiet_s` seconds, at most `timeout_s`.

        A neighbour tells the whole mesh behind it with its first answer, so this is short.
        """
        changes = self._inbox.events.open(wanted=lambda event: isinstance(event, told.TopologyChanged))
        try:
            async with asyncio.timeout(self._timeout_s if timeout_s is None else timeout_s):
                while True:
                    async with asyncio.timeout(quiet_s):
                        await anext(changes)
        except (TimeoutError, StopAsyncIteration):
            return

    # -- measuring and sending ---------------------------------------------------------------

    async def ping(self, node: int, *, timeout_s: float | None = None) -> int:
        """One-way delay to a node in microseconds (painlessMesh: `startDelayMeas`, `onNodeDelayReceived`).

        Raises UnknownNodeError where the node is not in the mesh, NoAnswerError where it does not
        answer within `timeout_s`.
        """
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        runner = self._active()
        ping = self._pings.open(node, runner.now_us())
        try:
            async with asyncio.timeout(timeout_s):
                again_s = _PING_AGAIN_S
                while True:
                    await self._when_room(lambda: runner.measure_delay(node), node)
                    await asyncio.wait((ping.answer,), timeout=again_s)
                    if ping.answer.done():
                        return ping.answer.result()
                    again_s *= 2
        except TimeoutError:
            raise NoAnswerError(node, timeout_s) from None
        finally:
            self._pings.close(ping)

    async def ping_all(
        self, nodes: Iterable[int] | None = None, *, timeout_s: float | None = None
    ) -> dict[int, int]:
        """One-way delays in microseconds to the nodes that answer, of those given or of all."""
        asked = [record.node_id for record in self.nodes()] if nodes is None else list(nodes)
        slots = asyncio.Semaphore(_PINGS_AT_ONCE)
        delays_us: dict[int, int] = {}

        async def ask(node: int) -> None:
            async with slots:
                with contextlib.suppress(MeshwardError):
                    delays_us[node] = await self.ping(node, timeout_s=timeout_s)

        async with asyncio.TaskGroup() as tasks:
            for node in asked:
                tasks.create_task(ask(node), name=f"ping {node}")
        return {node: delays_us[node] for node in asked if node in delays_us}

    async def send(self, node: int, text: str) -> None:
        """Send a text to one node (painlessMesh: `sendSingle`).

        Returns when it is queued; the mesh does not confirm, but keeps the order: a node that
        answers a `ping` made afterwards has the text. Raises UnknownNodeError, CongestedError,
        PackageError.
        """
        await self.send_package({"type": SINGLE, "dest": node, "msg": _checked(text)})

    async def broadcast(self, text: str) -> None:
        """Send a text to all nodes (painlessMesh: `sendBroadcast`); see `send`."""
        await self.send_package({"type": BROADCAST, "dest": 0, "msg": _checked(text)})

    async def send_package(self, package: Mapping[str, Any]) -> None:
        """Send a package of any type (painlessMesh: `sendPackage`).

        It needs a "type", and a "routing" of 1 (to the node "dest") or 2 (to all) unless its type
        implies one; "from" is filled in. Waits for room in the queues, then raises CongestedError.
        """
        runner = self._active()
        if not isinstance(package.get("type"), int):
            raise PackageError('a package needs a "type", a whole number')
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._when_room(lambda: runner.send(dict(package)), package.get("dest"))
        except TimeoutError:
            raise CongestedError(
                f"the link that leads there stayed full for {self._timeout_s:g} s; send less, or more slowly"
            ) from None
        except (ValueError, TypeError, WireError) as error:
            raise PackageError(f"not a package that can be sent: {error}") from error

    # -- what arrives ------------------------------------------------------------------------

    def messages(self, limit: int = STREAM_ITEMS) -> Stream[Message]:
        """Texts for us or for all, from now on (painlessMesh: `onReceive`)."""
        return self._inbox.messages.open(limit)

    def packages(self, *types: int, limit: int = STREAM_ITEMS) -> Stream[dict[str, Any]]:
        """Packages of these types, or of all, from now on, as they came (painlessMesh: `onPackage`)."""
        if not types:
            return self._inbox.packages.open(limit)
        return self._inbox.packages.open(limit, wanted=lambda package: package["type"] in types)

    def events(self, limit: int = STREAM_ITEMS) -> Stream[told.MeshEvent]:
        """What happens in the mesh, from now on; see `meshward.events`.

        (painlessMesh: `onNewConnection`, `onDroppedConnection`, `onChangedConnections`,
        `onNodeTimeAdjusted`.)
        """
        return self._inbox.events.open(limit)

    # -- for drivers of other cores ----------------------------------------------------------

    @property
    def runner(self) -> Runner:
        """What runs our node now; another one after our id had to be changed."""
        return self._active()

    @contextmanager
    def observed_by(self, observer: Callable[[core.Event], None]) -> Iterator[Runner]:
        """Hand every event of the core to `observer` first, and give the runner to act on."""
        self._observers.append(observer)
        try:
            yield self._active()
        finally:
            self._observers.remove(observer)

    # -- inside ------------------------------------------------------------------------------

    def _active(self) -> Runner:
        if self._runner is None or self._closed:
            raise NotConnectedError("the mesh was not joined, or left: use it inside `async with`")
        return self._runner

    async def _open(self) -> None:
        self._progress = self._new_progress()
        node = MeshNode(self._node_id, root=self._root, time_authority=self._time_authority)
        self._runner = Runner(node, on_event=self._on_event)
        if self._listen is not None:
            try:
                port = await self._runner.listen(self._listen.host, self._listen.port)
            except OSError as error:
                raise ListenError(
                    f"cannot listen on {self._listen}: {error.strerror or error}; "
                    "choose another port, or stop the program that has it"
                ) from error
            self._listen = Address(self._listen.host, port)
        if self._connect:
            self._runner.dial([(address.host, address.port) for address in self._connect])

    def _new_progress(self) -> JoinProgress:
        return JoinProgress(self._connect, self._listen, self._node_id)

    async def _take_other_id(self, attempt: int) -> None:
        if self._id_fixed or attempt >= IDS_TRIED:
            progress, self._progress = self._progress, self._new_progress()
            raise progress.duplicate_id_error() if self._id_fixed else progress.unwanted_error()
        if self._runner is not None:
            await self._runner.close()
        self._node_id = derived_node_id(default_node_id(), attempt)
        await self._open()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _when_room(self, act: Callable[[], object], target: object) -> None:
        while True:
            try:
                act()
            except QueueFull:
                await asyncio.sleep(_RETRY_S)
            except NoRoute as error:
                raise self._no_route(target) from error
            else:
                return

    def _no_route(self, target: object) -> MeshwardError:
        if not self.connected:
            return NotConnectedError("no neighbour is connected at the moment")
        if target == self._node_id:
            return PackageError(f"node {target} is our own node: there is nobody to send to")
        return UnknownNodeError(int(str(target)), len(self.nodes()))

    def _on_event(self, event: core.Event) -> None:
        for observer in self._observers:
            observer(event)
        match event:
            case core.DelayMeasured():
                self._pings.answered(event.node_id, event.delay_us, self._active().now_us())
            case core.NodeLeft():
                self._pings.left(event.node_id, len(self.nodes()))
            case core.LinkReady():
                self._on_link_ready(event.node_id)
            case LinkLost():
                self._on_link_lost(event)
            case DialFailed():
                self._progress.failed(event)
        self._inbox.take(event)
        self._changed.set()

    def _on_link_ready(self, neighbour: int) -> None:
        # The mesh knows us by this id now: neighbours that hang up later still remember a link of ours.
        self._id_fixed = True
        self._progress = self._new_progress()
        if self._lost:
            self._lost = False
            self._inbox.events.put(told.ConnectionRegained(neighbour))

    def _on_link_lost(self, event: LinkLost) -> None:
        # The node may not have forgotten this link yet.
        if self._runner is None or all(link is event.link for link, _ in self._runner.node.links()):
            self._lost = True
            self._inbox.events.put(told.ConnectionLost(event.node_id, event.reason))


def _checked(text: str) -> str:
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > TEXT_BYTES:
        raise PackageError(f"the text has {size_bytes} bytes; nodes drop texts of more than {TEXT_BYTES}")
    return text
