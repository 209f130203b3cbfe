"""Source and sinks of a relay measurement: raw sockets, so that they cost little beside the relay."""

import itertools
import selectors
import socket
import threading
import time

from bench.frames import SINKS, SOURCE, chunks, hello
from bench.relay_process import HOST

_READ_BYTES = 256 * 1024
_WARM_UP_S = 0.2


class Load:
    """Pours frames into one connection, and counts the bytes that come out of the others."""

    def __init__(self, source_port: int, sink_port: int, sinks: int, *, greet: bool) -> None:
        self.received_bytes = 0
        self._selector = selectors.DefaultSelector()
        self._sinks = [_connect(sink_port, node_id, greet=greet) for node_id in SINKS[:sinks]]
        self._source = _connect(source_port, SOURCE, greet=greet)
        for sink in self._sinks:
            self._selector.register(sink, selectors.EVENT_READ)

    def run(self, kind: int, size_bytes: int, seconds: float, cpu_s) -> tuple[float, float]:
        """Frames a second that came in, and CPU seconds that the relay took for each second."""
        pieces = chunks(kind, size_bytes)
        threads = [threading.Thread(target=self._pour, args=(pieces,)), threading.Thread(target=self._drain)]
        for thread in threads:
            thread.start()
        time.sleep(_WARM_UP_S)
        bytes_before, cpu_before, started = self.received_bytes, cpu_s(), time.perf_counter()
        time.sleep(seconds)
        passed_bytes, cpu, spent = self.received_bytes - bytes_before, cpu_s(), time.perf_counter() - started
        self.close()
        for thread in threads:
            thread.join()
        return passed_bytes / len(self._sinks) / size_bytes / spent, (cpu - cpu_before) / spent

    def close(self) -> None:
        """Hang up; both threads notice."""
        for sock in (self._source, *self._sinks):
            sock.shutdown(socket.SHUT_RDWR)

    def _pour(self, pieces: list[bytes]) -> None:
        try:
            for piece in itertools.cycle(pieces):
                self._source.sendall(piece)
        except OSError:
            self._source.close()

    def _drain(self) -> None:
        while self._selector.get_map():
            for key, _ in self._selector.select():
                self._take(key.fileobj)
        self._selector.close()

    def _take(self, sink: socket.socket) -> None:
        try:
            data = sink.recv(_READ_BYTES)
        except OSError:
            data = b""
        self.received_bytes += len(data)
        if not data:
            self._selector.unregister(sink)
            sink.close()


def _connect(port: int, node_id: int, *, greet: bool) -> socket.socket:
    sock = socket.create_connection((HOST, port), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if greet:
        sock.sendall(hello(node_id))
        sock.recv(_READ_BYTES)  # its answer: we are a neighbour now
    sock.settimeout(None)
    return sock
