"""One TCP connection of a node: bytes in to the core, bytes out as the network takes them."""

import asyncio

from meshnode import streams
from meshnode.streams import native

#: Who ended a connection.
PEER = "peer"
NODE = "node"
DRIVER = "driver"


class Connection:
    """A connection, and the handle by which the node knows its link.

    One task reads. Writing happens in whatever context made the node speak; only where the
    network takes no more does a second task wait for it.
    """

    def __init__(self, runner, reader, writer, host: str, port: int, dialed: bool) -> None:
        self.host = host
        self.port = port
        self.dialed = dialed
        self.node_id = 0  # the neighbour, once the handshake is done
        self.ready_us: int | None = None  # since when it is
        self.ended_by = ""
        self.reason = ""  # why it ended, for people
        self.closed = asyncio.Event()  # set once the socket is free
        self._runner = runner
        self._node = runner.node
        self._reader = reader
        self._writer = writer
        self._running = False
        self._leaving = False
        self._draining: asyncio.Task | None = None
        self._unpaused: asyncio.Event | None = None  # there while the node holds this link back
        native.tune(writer)
        self.task = asyncio.create_task(self._run())

    @property
    def address(self) -> str:
        """The other end, for people."""
        return streams.address_text(self.host, self.port)

    @property
    def buffered_bytes(self) -> int:
        """Bytes that left the node and wait for the network."""
        return 0 if self.ended_by else native.buffered_bytes(self._writer)

    def __repr__(self) -> str:
        return "<%s %s>" % ("dialed" if self.dialed else "accepted", self.address)

    def flush(self) -> bool:
        """Write what the node has for this link as far as there is room; whether anything was written."""
        written = False
        while self._draining is None and not self.ended_by and not self._leaving:
            room_bytes = native.ROOM_BYTES - native.buffered_bytes(self._writer)
            data = self._node.data_to_send(self, room_bytes)
            if not data:
                break
            written = True
            try:
                self._writer.write(data)
            except OSError as error:
                self.end(PEER, streams.explain(error)[1])
                break
            if native.buffered_bytes(self._writer) > native.BUSY_BYTES:
                self._draining = asyncio.create_task(self._drain())
        return written

    def resume(self) -> None:
        """Read again: the node no longer holds this link back."""
        if self._unpaused is not None:
            self._unpaused.set()

    def end(self, by: str, reason: str) -> None:
        """Give the connection up. The first reason counts; `closed` tells when it is gone."""
        if self.ended_by:
            return
        self.ended_by = by
        self.reason = reason
        if self._running and asyncio.current_task() is not self.task:
            self.task.cancel()
        self._runner.connection_ended(self)

    def leave(self) -> None:
        """End it in good order: the peer hears of the end after all that was written, and hangs up.

        Closing at once with bytes unread would make the system throw away what is still unsent.
        """
        self._leaving = True
        if not native.end_writing(self._writer):
            self.end(DRIVER, "left the mesh")

    async def _run(self) -> None:
        self._running = True
        try:
            await self._read()
            self.end(PEER, "peer closed the connection")
        except asyncio.CancelledError:
            pass  # end() was called, or the program stops
        except OSError as error:
            self.end(PEER, streams.explain(error)[1])
        except MemoryError:
            self.end(DRIVER, streams.OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001  a mistake of ours must cost this link only
            streams.report("connection with %s failed" % self.address, error)
            self.end(DRIVER, "internal error")
        finally:
            self._running = False
            self.end(DRIVER, "stopped")
            if self._draining is not None:
                self._draining.cancel()
            await native.abort(self._writer)
            self.closed.set()

    async def _read(self) -> None:
        while not self.ended_by:
            size_bytes = self._take(await native.read(self._reader))
            if size_bytes == 0:
                return
            while self._node.paused(self) and not self.ended_by:
                self._unpaused = asyncio.Event()
                self._runner.hold(self)
                await self._unpaused.wait()
                self._unpaused = None
            if size_bytes == native.READ_BYTES:
                await asyncio.sleep(0)  # a flood arrives without a pause; let the others have their turn

    def _take(self, data: bytes) -> int:
        if data:
            self._runner.received(self, data)
        return len(data)  # the bytes themselves are not held on to while the next are awaited

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            self.end(PEER, streams.explain(error)[1])
        finally:
            self._draining = None
        self._runner.settle()
