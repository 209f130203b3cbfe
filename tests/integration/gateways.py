"""A real daemon process, started and killed by the tests, and its API."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager

import httpx

READY_S = 20


def without_ours(environ):
    """The environment without settings of this program."""
    return {name: value for name, value in environ.items() if not name.startswith("MESHWARD_")}


class Daemon:
    """`meshward run` on a data directory."""

    def __init__(self, data, connect, *arguments, program=("-m", "meshward"), http="127.0.0.1:0", **environ):
        self.data = data
        self._program = program
        self._environ = environ
        self._arguments = ["--connect", connect, "--http", http, *map(str, arguments)]
        self.process = None
        self.log = data.parent / f"{data.name}.log"

    async def start(self):
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self._program, "run", "--data", str(self.data), *self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**without_ours(os.environ), **self._environ},
            )
        return self

    async def wait_ready(self):
        async with asyncio.timeout(READY_S):
            while True:
                assert self.process.returncode is None, self.log.read_text()
                endpoint = self.endpoint()
                if endpoint is not None and endpoint["pid"] == self.process.pid:
                    return self
                await asyncio.sleep(0.05)

    def endpoint(self):
        try:
            return json.loads((self.data / "daemon.json").read_bytes())
        except (OSError, ValueError):
            return None

    @asynccontextmanager
    async def api(self):
        endpoint = self.endpoint()
        headers = {"Authorization": f"Bearer {endpoint['token']}"}
        async with httpx.AsyncClient(
            base_url=f"{endpoint['url']}/api/v1", headers=headers, timeout=20, trust_env=False
        ) as client:
            yield client

    async def get(self, path, **params):
        async with self.api() as client:
            answer = await client.get(path, params=params or None)  # {} would take away those of the path
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def kill(self):
        await self.stop(signal.SIGKILL)

    async def stop(self, number=signal.SIGTERM):
        """Its exit status."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            async with asyncio.timeout(10):
                await self.process.wait()
        return None if self.process is None else self.process.returncode


@asynccontextmanager
async def running_daemon(data, connect, *arguments, **more):
    daemon = Daemon(data, connect, *arguments, **more)
    await daemon.start()
    try:
        await daemon.wait_ready()
        yield daemon
    finally:
        await daemon.kill()


async def run_meshward(*arguments, timeout_s=60, **environ):
    """(exit status, standard output, standard error) of a command that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshward", *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**without_ours(os.environ), "COLUMNS": "80", **environ},
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, output.decode(), errors.decode()
