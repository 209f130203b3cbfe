"""Virtual fleets at ports that no other test has."""

import contextlib
import itertools
import os
import socket
from contextlib import asynccontextmanager

from meshward.errors import FleetPortError
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.plan import FleetPlan

#: Below the ports that the system hands out by itself; each worker of pytest-xdist has 500 of them.
_FIRST_PORT = 21_000 + 500 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_ports = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + 500, 50))


def next_port():
    """The first of 50 ports, free as far as can be told."""
    while True:
        port = next(_ports)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def running_fleet(**plan):
    """A fleet that has converged."""
    for _ in range(10):
        fleet = VirtualFleet(FleetPlan(port=next_port(), **plan))
        try:
            await fleet.__aenter__()
        except FleetPortError:
            continue
        break
    try:
        await fleet.wait_converged()
        yield fleet
    finally:
        await fleet.close()
