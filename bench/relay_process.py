"""The process in the middle of a relay measurement: our node, or a proxy that only copies bytes."""

import asyncio
import contextlib
import multiprocessing
import time

from bench.frames import RELAY
from meshnode.node import MeshNode
from meshnode.runner import Runner

HOST = "127.0.0.1"
_COPY_BYTES = 64 * 1024


@contextlib.contextmanager
def relay_process(kind: str):
    """Run a "node" or a "proxy" in a process of its own: (port for the source, port for sinks, cpu_s)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(kind, theirs), daemon=True)
    process.start()
    theirs.close()

    def cpu_s() -> float:
        ours.send("cpu")
        return ours.recv()

    try:
        yield *ours.recv(), cpu_s
    finally:
        ours.close()
        process.join(5)
        if process.is_alive():
            process.terminate()
            process.join()


def _run(kind: str, pipe) -> None:
    asyncio.run({"node": _node, "proxy": _proxy}[kind](pipe))


async def _node(pipe) -> None:
    runner = Runner(MeshNode(RELAY))
    port = await runner.listen(HOST, 0)
    pipe.send((port, port))
    await _answer(pipe)
    await runner.close(flush_s=0)


async def _proxy(pipe) -> None:
    sinks = []

    async def add_sink(_reader, writer) -> None:
        sinks.append(writer)

    async def copy(reader, _writer) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_COPY_BYTES):
                for sink in sinks:
                    sink.write(data)
                for sink in sinks:
                    await sink.drain()

    servers = [await asyncio.start_server(serve, HOST, 0) for serve in (copy, add_sink)]
    pipe.send(tuple(server.sockets[0].getsockname()[1] for server in servers))
    await _answer(pipe)
    for server in servers:
        server.close()
    for sink in sinks:
        sink.transport.abort()


async def _answer(pipe) -> None:
    """Tell the CPU time of this process whenever asked, until the asker is gone."""
    gone = asyncio.Event()

    def asked() -> None:
        try:
            pipe.recv()
            pipe.send(time.process_time())
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            gone.set()

    asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
    await gone.wait()
