"""Real programs of others, as brokers and databases, started and ended by the tests."""

import asyncio
import os
import shutil
import socket
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM

ROOT = Path(__file__).parents[2]
_ELSEWHERE = ("/usr/sbin", "/usr/bin", "/usr/local/bin")


def find(name):
    """Path of an installed program."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_ELSEWHERE]))
    assert found is not None, f"{name} is not installed: run scripts/setup-bridges"
    return found


PORTS = (11_000, 19_000)
"""Below those of fleets, and those that are given out by the system."""
PROCESSES_MAX = 8
PORTS_EACH = (PORTS[1] - PORTS[0]) // PROCESSES_MAX
_GIVEN = set()


def free_port():
    """A low port of this machine that nothing uses: high ones are given to outgoing connections meanwhile.

    Each test process has ports of its own, for what it stops for a moment must not be taken by another.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = PORTS[0] + worker % PROCESSES_MAX * PORTS_EACH
    for port in range(first, first + PORTS_EACH):
        if port in _GIVEN:
            continue
        _GIVEN.add(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")


class Program:
    """One program with its log."""

    def __init__(self, arguments, log, **environ):
        self.arguments = [str(argument) for argument in arguments]
        self.log = Path(log)
        self.process = None
        self._environ = environ

    async def start(self):
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environ},
            )
        return self

    @property
    def runs(self):
        return self.process is not None and self.process.returncode is None

    def signal(self, number):
        """As SIGSTOP, for a program that hangs."""
        self.process.send_signal(number)

    async def stop(self, number=SIGTERM):
        if not self.runs:
            return
        self.process.send_signal(SIGCONT)
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def kill(self):
        await self.stop(SIGKILL)


async def listening(port, program, *, within_s=30):
    """Wait until a program takes connections at a port."""
    async with asyncio.timeout(within_s):
        while True:
            assert program.runs, program.log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


@asynccontextmanager
async def running(arguments, log, port, **environ):
    """A program, from when it takes connections at `port`."""
    program = Program(arguments, log, **environ)
    await program.start()
    try:
        await listening(port, program)
        yield program
    finally:
        await program.kill()
