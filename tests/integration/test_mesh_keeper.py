"""The keeper against nodes of this process that come and go."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import meshward.mesh
from meshnode.node import MeshNode
from meshnode.runner import Runner
from meshward.config import Config
from meshward.errors import ListenError
from meshward.gateway.mesh_keeper import MeshKeeper
from tests.integration.hostile import HOST, eventually

OURS = 77


@asynccontextmanager
async def node(node_id, port=0, parent=None):
    """A node that listens; its port."""
    runner = Runner(MeshNode(node_id))
    port = await runner.listen(HOST, port)
    if parent is not None:
        runner.dial([(HOST, parent)])
        await eventually(lambda: len(runner.node.tree()) == 2)
    try:
        yield port
    finally:
        await runner.close()


@asynccontextmanager
async def kept(*ports, node_id=OURS, **options):
    """A keeper at work, and what it told."""
    told = []
    config = Config(connect=tuple(f"{HOST}:{port}" for port in ports), node_id=node_id, **options)
    keeper = MeshKeeper(config, told.append, tell_first_s=0.05, refused_pause_s=0.05)
    async with keeper.mesh:
        task = asyncio.create_task(keeper.run())
        try:
            yield keeper.mesh, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def unused_port():
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]


async def test_it_joins_when_a_node_comes_and_again_when_it_comes_back():
    port = unused_port()
    async with kept(port) as (mesh, told):
        await eventually(lambda: any("refused" in problem for problem in told))
        async with node(1, port):
            await eventually(lambda: told[-1] == "")
            assert mesh.connected
        await eventually(lambda: told[-1] != "")
        assert not mesh.connected
        async with node(1, port):
            await eventually(lambda: told[-1] == "")
            assert [record.node_id for record in mesh.nodes()] == [1]


async def test_it_takes_the_next_address_when_one_fails():
    async with node(1) as first, node(2) as second, kept(unused_port(), second, first) as (mesh, told):
        await eventually(lambda: told[-1:] == [""])
        assert [record.node_id for record in mesh.nodes()] == [2]


async def test_an_id_of_ours_that_is_taken_is_waited_for():
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(node(1))
        other = await stack.enter_async_context(AsyncExitStack())
        await other.enter_async_context(node(OURS, parent=port))
        mesh, told = await stack.enter_async_context(kept(port))
        await eventually(lambda: sum("our id 77" in problem for problem in told) > 1)
        assert not mesh.connected
        await other.aclose()
        await eventually(lambda: told[-1] == "")
        assert mesh.node_id == OURS


async def test_where_no_id_was_given_another_one_is_taken(monkeypatch):
    monkeypatch.setattr(meshward.mesh, "default_node_id", lambda: 1)
    async with node(1) as port, kept(port, node_id=None) as (mesh, told):
        await eventually(lambda: told[-1:] == [""])
        assert mesh.node_id != 1


async def test_nodes_may_dial_us():
    async with kept(listen=f"{HOST}:0") as (mesh, told):
        dialing = Runner(MeshNode(5))
        dialing.dial([(HOST, mesh.listening.port)])
        await eventually(lambda: told[-1:] == [""])
        await dialing.close()
        await eventually(lambda: told[-1] != "")


async def test_a_port_that_others_have_is_an_error_at_once():
    async with node(1) as port:
        with pytest.raises(ListenError, match=str(port)):
            async with kept(listen=f"{HOST}:{port}"):
                pass
