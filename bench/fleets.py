"""A virtual fleet in a process of its own, as the command line starts it."""

import contextlib
import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from bench.processes import cpu_s

#: Below the ports that the system hands out by itself.
_PORTS = itertools.cycle(range(24_000, 30_000, 300))


class FleetProcess:
    """A running fleet: `port` of its first node, seconds until it had converged."""

    def __init__(self, process: subprocess.Popen, port: int, seconds: float) -> None:
        self.port = port
        self.converged_s = seconds
        self._process = process

    def cpu_s(self) -> float:
        """CPU time it took so far (Linux only)."""
        return cpu_s(self._process.pid)


@contextlib.contextmanager
def fleet_process(nodes: int, topology: str = "tree", options: Sequence[str] = ()):
    """A fleet that has converged; `options` are further ones of `meshward fleet`."""
    port = _free_port(nodes)
    arguments = ("--nodes", nodes, "--topology", topology, "--port", port, "--json", *options)
    process = subprocess.Popen(
        [sys.executable, "-m", "meshward", "fleet", *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    reader = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the fleet of {nodes} nodes did not start: {process.wait()}")
        # What it tells at its end is more than a pipe holds.
        reader.start()
        yield FleetProcess(process, port, json.loads(line)["seconds"])
    finally:
        process.terminate()
        process.wait(20)
        if reader.ident is not None:
            reader.join()
        process.stdout.close()


def _free_port(nodes: int) -> int:
    for port in itertools.islice(_PORTS, 20):
        if all(_is_free(port + index) for index in range(nodes)):
            return port
    raise RuntimeError(f"no {nodes} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
