"""A virtual fleet in a process of its own, as the command line starts it."""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

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
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def fleet_process(nodes: int, topology: str = "tree"):
    """A fleet that has converged."""
    port = _free_port(nodes)
    arguments = ("--nodes", nodes, "--topology", topology, "--port", port, "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "meshward", "fleet", *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the fleet of {nodes} nodes did not start: {process.wait()}")
        yield FleetProcess(process, port, json.loads(line)["seconds"])
    finally:
        process.terminate()
        process.wait(20)
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
