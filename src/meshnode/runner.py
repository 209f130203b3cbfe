"""The asyncio driver of a MeshNode, the same on CPython and MicroPython."""

import asyncio

from meshnode import streams
from meshnode.connection import DRIVER, NODE, Connection
from meshnode.dialer import Dialer
from meshnode.driver_events import CallerRefused, LinkLost
from meshnode.events import LinkClosed, LinkReady
from meshnode.relay import QueueFull
from meshnode.rng import SmallRandom
from meshnode.streams import native
from meshnode.timer import Timer

#: What is queued gets this long to leave when the runner is closed, and peers this long to hang up.
FLUSH_S = 0.5
LINGER_S = 0.2
_LOOK_S = 0.005


class Runner:
    """Runs one node on TCP.

    node: the MeshNode. clock_us: callable, local monotonic microseconds. sleep_us: coroutine
    function that sleeps so many microseconds of that clock. rng: needs random(), for the
    dialers' pauses. on_event(event): called with each of the node's events and the driver's
    (DialFailed, LinkLost, CallerRefused); a LinkReady's `link` is a Connection, LinkClosed
    stays inside. links_max: connections at once; further callers are hung up on.
    """

    def __init__(
        self,
        node,
        *,
        clock_us=None,
        sleep_us=None,
        rng=None,
        on_event=None,
        links_max: int = native.LINKS_MAX,
    ) -> None:
        self.node = node
        self.now_us = clock_us or native.local_clock()
        self.sleep_us = sleep_us or native.sleep_us
        self.rng = rng or SmallRandom(node.node_id)
        self.connections: list = []
        self._timer = Timer(node.next_deadline_us, self._on_due, self.now_us, self.sleep_us)
        self._on_event = on_event
        self._links_max = links_max
        self._servers: list = []
        self._dialers: list = []
        self._held: list = []
        self._events: list = []  # taken from the node, not handled yet: an error must not lose the rest
        self._settling = False
        self._unsettled = False
        self._closing = False
        self._room = asyncio.Event()

    # -- connections -----------------------------------------------------------------------

    async def listen(self, host: str, port: int) -> int:
        """Be an access point: accept connections. Returns the port bound (0 lets CPython choose one).

        Raises OSError where the port cannot be had.
        """
        server, bound_port = await native.listen(self._accept, host, port)
        self._servers.append(server)
        return bound_port

    def dial(self, addresses: list) -> Dialer:
        """Be a station: keep one link up to one of these (host, port), tried in turn."""
        dialer = Dialer(self, addresses)
        self._dialers.append(dialer)
        return dialer

    def drop(self, connection: Connection, reason: str = "dropped") -> None:
        """Close one connection now. A dialer will dial again."""
        connection.end(DRIVER, reason)

    async def close(self, flush_s: float = FLUSH_S) -> None:
        """Leave: stop dialing and listening, let what is queued go for a moment, close everything.

        Nothing is told to on_event from here on.
        """
        if self._closing:
            return
        self._closing = True
        tasks = [dialer.task for dialer in self._dialers]
        for dialer in self._dialers:
            dialer.close()
        for server in self._servers:
            server.close()
        await self._say_goodbye(flush_s)
        connections = list(self.connections)
        for connection in connections:
            connection.end(DRIVER, "left the mesh")
        self._timer.stop()
        if self._timer.task is not None:
            tasks.append(self._timer.task)
        for connection in connections:
            await connection.closed.wait()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*[server.wait_closed() for server in self._servers], return_exceptions=True)
        self._room.set()

    # -- the node --------------------------------------------------------------------------

    def send(self, package: dict) -> int:
        """Send a package (see MeshNode.send); raises NoRoute, QueueFull and ValueError."""
        links = self.node.send(package, self.now_us())
        self.settle()
        return links

    async def send_when_room(self, package: dict) -> int:
        """Send a package as soon as the queues it needs have room; raises NoRoute and ValueError."""
        while True:
            try:
                return self.send(package)
            except QueueFull:
                self._room.clear()
                await self._room.wait()

    def measure_delay(self, dest: int) -> None:
        """Ask a node for its delay (see MeshNode.measure_delay)."""
        self.node.measure_delay(dest, self.now_us())
        self.settle()

    def time_us(self) -> int:
        """Mesh time now."""
        return self.node.time_us(self.now_us())

    def backlog(self, connection: Connection | None = None) -> int:
        """Bytes that wait to leave, on one connection or on all, transport buffers included."""
        connections = self.connections if connection is None else [connection]
        return sum([self.node.backlog(one) + one.buffered_bytes for one in connections])

    def settle(self) -> None:
        """Do what the node wants done. To be called after any direct call into the node."""
        if self._settling:
            self._unsettled = True  # the call in progress will see to it
            return
        self._settling = True
        try:
            self._unsettled = True
            while self._unsettled:
                self._unsettled = False
                self._settle_once()
        finally:
            self._settling = False
        self._timer.arm()

    # -- for Connection and Dialer ---------------------------------------------------------

    def adopt(self, reader, writer, host: str, port: int, dialed: bool) -> Connection:
        """Make a link of an open connection."""
        connection = Connection(self, reader, writer, host, port, dialed)
        self.connections.append(connection)
        try:
            self.node.link_up(connection, dialed, self.now_us())
            self.settle()
        except MemoryError:
            connection.end(DRIVER, streams.OUT_OF_MEMORY)
        return connection

    def received(self, connection: Connection, data: bytes) -> None:
        """Bytes came in."""
        self.node.receive(connection, data, self.now_us())
        self.settle()

    def hold(self, connection: Connection) -> None:
        """Resume this connection when the node lets it be read again."""
        self._held.append(connection)

    def connection_ended(self, connection: Connection) -> None:
        """A connection was given up, by whichever side."""
        self.connections.remove(connection)
        self.node.link_down(connection, self.now_us())
        if connection.ready_us is not None:
            self.tell(LinkLost(connection, connection.node_id, connection.reason))
        elif not connection.dialed:
            self.tell(CallerRefused(connection.address, connection.reason))
        self._room.set()  # who waits for room on this link will find that there is no route
        self.settle()

    def tell(self, event) -> None:
        """Hand an event to the application."""
        if self._on_event is None or self._closing:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001  theirs, and no link's fault
            streams.report("on_event failed", error)

    # -- inside ----------------------------------------------------------------------------

    async def _accept(self, reader, writer) -> None:
        host, port = native.peer_address(writer)
        reason = self._objection()
        if not reason:
            try:
                self.adopt(reader, writer, host, port, False)
            except MemoryError:
                reason = streams.OUT_OF_MEMORY
        if reason:
            self.tell(CallerRefused(streams.address_text(host, port), reason))
            await native.abort(writer)

    def _objection(self) -> str:
        """Why no further caller can be taken in, or nothing."""
        if self._closing:
            return "leaving"
        if len(self.connections) >= self._links_max:
            return "%d connections are open already" % len(self.connections)
        return "" if native.has_spare_memory() else streams.OUT_OF_MEMORY

    def _settle_once(self) -> None:
        node = self.node
        self._events.extend(node.events())
        while self._events:
            self._handle(self._events.pop(0))
        written = False
        for connection in node.pending():
            if connection.flush():
                written = True
        if written and not self._room.is_set():
            self._room.set()
        if self._held:
            self._resume_held()

    def _handle(self, event) -> None:
        kind = type(event)
        if kind is LinkClosed:
            event.link.end(NODE, event.reason)
            return
        if kind is LinkReady:
            event.link.node_id = event.node_id
            event.link.ready_us = self.now_us()
        self.tell(event)

    def _resume_held(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            if self.node.paused(connection):
                self._held.append(connection)
            else:
                connection.resume()

    def _on_due(self) -> None:
        self.node.handle_deadline(self.now_us())
        self.settle()

    async def _say_goodbye(self, flush_s: float) -> None:
        """Let what is queued leave, then what was sent arrive; bounded, for a peer may never read."""
        waited_s = 0.0
        while waited_s < flush_s and self.backlog():
            await asyncio.sleep(_LOOK_S)
            waited_s += _LOOK_S
        for connection in list(self.connections):
            connection.leave()
        waited_s = 0.0
        while waited_s < LINGER_S and self.connections:
            await asyncio.sleep(_LOOK_S)
            waited_s += _LOOK_S
