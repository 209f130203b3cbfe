"""Commands that talk: send, broadcast, listen."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward import events
from meshward.cli.options import (
    JOIN_DEFAULTS,
    JoinOptions,
    Json,
    NodeId,
    entered,
    joined,
    make_mesh,
    shortened,
)
from meshward.cli.output import plural, print_event, print_json, print_line
from meshward.errors import MeshwardError
from meshward.text import printable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from meshward.mesh import Mesh
    from meshward.records import Message
    from meshward.streams import Stream

Text = Annotated[str, Parameter(help="The text to send.")]


async def send(node: NodeId, text: Text, /, *, json: Json = False, join: JoinOptions = JOIN_DEFAULTS) -> None:
    """Send a text to one node.

    Succeeds when the node has answered a delay measurement that followed the text: frames keep
    their order in the mesh, so the text has arrived.

    Example: meshward send 4242 "lamp on" --connect 10.1.2.1
    """
    async with joined(join) as (mesh, timeout_s):
        await mesh.send(node, text)
        await _confirm(mesh, [node], timeout_s)
    _report(mesh.node_id, [node], f"sent to node {node}", json=json)


async def broadcast(text: Text, /, *, json: Json = False, join: JoinOptions = JOIN_DEFAULTS) -> None:
    """Send a text to all nodes.

    Succeeds when every node has answered a delay measurement that followed the text.

    Example: meshward broadcast "lamp on" --connect 10.1.2.1
    """
    async with joined(join) as (mesh, timeout_s):
        await mesh.broadcast(text)
        others = [record.node_id for record in mesh.nodes()]
        await _confirm(mesh, others, timeout_s)
    _report(mesh.node_id, others, f"sent to {plural(len(others), 'node')}", json=json)


async def listen(
    *,
    count: Annotated[int, Parameter(help="End after so many messages; 0: go on until Ctrl-C.")] = 0,
    json: Json = False,
    join: JoinOptions = JOIN_DEFAULTS,
) -> None:
    """Print messages and events as they come, until Ctrl-C.

    With --json, prints one object a line.

    Example: meshward listen --connect 10.1.2.1
    """
    settings = join.settings()
    mesh = make_mesh(settings)
    messages = mesh.messages()  # so that none is missed that comes at once
    async with entered(mesh, settings):
        await _first_of(
            _print_messages(messages, count, mesh.node_id, json=json),
            _print_events(mesh.events(), json=json),
        )


async def _print_messages(messages: "Stream[Message]", count: int, own: int, *, json: bool) -> None:
    received = 0
    async for message in messages:
        if json:
            to = None if message.broadcast else own
            print_event("message", **{"from": message.sender, "to": to, "text": message.text})
        else:
            target = "all" if message.broadcast else "us"
            print_line(f"{message.sender:>10}  {target:<4} {printable(message.text)}")
        received += 1
        if received == count:
            return


async def _print_events(stream: "Stream[events.MeshEvent]", *, json: bool) -> None:
    async for event in stream:
        name, details, words = _described(event)
        if json:
            print_event(name, **details)
        elif words:
            print_line(f"{details.get('node_id', ''):>10}  {'':<4} ({words})")


def _described(event: events.MeshEvent) -> tuple[str, dict[str, object], str]:
    """Name and fields for JSON, words for people (none for what the other events say already)."""
    match event:
        case events.NodeJoined(node_id):
            return "joined", {"node_id": node_id}, "joined"
        case events.NodeLeft(node_id):
            return "left", {"node_id": node_id}, "left"
        case events.TopologyChanged():
            return "topology_changed", {}, ""
        case events.TimeAdjusted(offset_us):
            return "time_adjusted", {"offset_us": offset_us}, f"mesh time moved by {offset_us} µs"
        case events.ConnectionLost(node_id, reason):
            words = f"connection lost: {printable(reason)}"
            return "connection_lost", {"node_id": node_id, "reason": reason}, words
        case events.ConnectionRegained(node_id):
            return "connection_regained", {"node_id": node_id}, "connected again"


async def _first_of(*jobs: "Coroutine[None, None, None]") -> None:
    """Run several coroutines until one of them ends, as that one ends."""
    import asyncio  # noqa: PLC0415 a help page needs no event loop

    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _confirm(mesh: "Mesh", targets: list[int], timeout_s: float) -> None:
    """Wait until the targets have answered, and so have what was sent before."""
    delays_us = await mesh.ping_all(targets, timeout_s=timeout_s)
    if silent := [str(target) for target in targets if target not in delays_us]:
        raise MeshwardError(
            f"sent, but {shortened(silent)} did not confirm within {timeout_s:g} s; "
            "the text may or may not have arrived"
        )


def _report(own: int, targets: list[int], words: str, *, json: bool) -> None:
    if json:
        print_json({"node_id": own, "confirmed": targets})
    else:
        print_line(words)
