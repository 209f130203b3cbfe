"""The live stream over real sockets: resuming, falling behind, stalling, and being thrown out."""

import asyncio
import contextlib
import json
import socket
import statistics
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from meshward.gateway.feed import RING_DELTAS
from meshward.web.protocol import Limits
from meshward.web.sessions import COOKIE
from tests.support.web import bearer, client_of, fake_app, served, until


@contextlib.asynccontextmanager
async def stream(port, secret, query="", first="{}", headers=None, **options):
    """A client; `first` is its first message, None to say nothing."""
    uri = f"ws://127.0.0.1:{port}/api/v1/stream{query}"
    headers = bearer(secret) if headers is None else headers
    async with connect(uri, additional_headers=headers, max_size=None, **options) as socket_:
        if first is not None and not query:
            await socket_.send(first)
        yield socket_


async def take(client):
    async with asyncio.timeout(10):
        return json.loads(await client.recv())


async def test_snapshot_then_deltas_without_gaps():
    app, service = fake_app()
    service.change(1)
    async with served(app) as (_, port), stream(port, service.secret("viewer")) as client:
        snapshot = await take(client)
        assert (snapshot["type"], snapshot["epoch"], snapshot["n"]) == ("snapshot", "epoch-1", 1)
        assert len(snapshot["nodes"]) == 20
        for number in range(2, 202):
            service.change(number % 20 + 1)
        deltas = [await take(client) for _ in range(200)]
    assert [delta["n"] for delta in deltas] == list(range(2, 202))
    assert deltas[0]["changes"][0]["kind"] == "node"


async def test_who_says_nothing_gets_a_snapshot_as_well():
    app, service = fake_app(stream_first_s=0.05)
    async with served(app) as (_, port), stream(port, service.secret("viewer"), first=None) as client:
        assert (await take(client))["type"] == "snapshot"


async def test_a_quiet_gateway_says_that_it_is_there():
    app, service = fake_app(stream_alive_s=0.05)
    async with served(app) as (_, port), stream(port, service.secret("viewer")) as client:
        assert (await take(client))["type"] == "snapshot"
        assert [await take(client) for _ in range(2)] == [{"type": "alive"}] * 2
        service.change(1)
        heard = await take(client)
        while heard == {"type": "alive"}:
            heard = await take(client)
        assert (heard["type"], heard["n"]) == ("delta", 1)


@pytest.mark.parametrize("way", ["query", "message"])
@pytest.mark.parametrize(
    ("resume", "epoch", "expected"),
    [
        (7, "epoch-1", ("delta", 8)),
        (0, "epoch-1", ("delta", 1)),
        (7, "epoch-0", ("snapshot", 10)),
        (11, "epoch-1", ("snapshot", 10)),
        (-1, "epoch-1", ("snapshot", 10)),
        ("x", "epoch-1", ("snapshot", 10)),
    ],
)
async def test_resume(way, resume, epoch, expected):
    app, service = fake_app()
    for number in range(1, 11):
        service.change(number)
    query = f"?resume={resume}&epoch={epoch}" if way == "query" else ""
    first = json.dumps({"resume": resume, "epoch": epoch})
    async with served(app) as (_, port), stream(port, service.secret("viewer"), query, first) as client:
        message = await take(client)
        assert (message["type"], message["n"]) == expected
        service.change(3)
        while message["n"] < 11:
            following = await take(client)
            assert following["n"] == message["n"] + 1
            message = following


async def test_resumed_where_nothing_was_missed_goes_straight_on():
    app, service = fake_app()
    service.change(1)
    query = "?resume=1&epoch=epoch-1"
    async with served(app) as (_, port), stream(port, service.secret("viewer"), query) as client:
        assert await take(client) == {"type": "alive"}
        service.change(2)
        assert (await take(client))["n"] == 2


async def test_too_far_behind_gets_a_snapshot():
    app, service = fake_app()
    for number in range(RING_DELTAS + 10):
        service.change(number % 20 + 1)
    query = "?resume=5&epoch=epoch-1"
    async with served(app) as (_, port), stream(port, service.secret("viewer"), query) as client:
        message = await take(client)
        assert (message["type"], message["n"]) == ("snapshot", RING_DELTAS + 10)


async def test_a_stalled_client_delays_nobody_and_is_cut_off():
    app, service = fake_app(stream_send_s=0.5)
    secret = service.secret("viewer")
    value = {"text": "x" * 20_000}
    async with served(app) as (_, port), contextlib.AsyncExitStack() as stack:
        stalled = socket.create_connection(("127.0.0.1", port))
        stack.callback(stalled.close)
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(
            b"GET /api/v1/stream?resume=0&epoch=epoch-1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + f"Authorization: Bearer {secret}\r\n\r\n".encode()
        )
        healthy = [await stack.enter_async_context(stream(port, secret)) for _ in range(10)]
        for client in healthy:
            await take(client)
        await until(lambda: service.feed.readers == 11)
        delays = []
        # More than all socket buffers on the way hold, and more than the ring does.
        for number in range(1, 601):
            sent = time.monotonic()
            service.feed.publish([{"kind": "test", "id": number, "value": value}])
            messages = await asyncio.gather(*(take(client) for client in healthy))
            delays.append(time.monotonic() - sent)
            assert {message["n"] for message in messages} == {number}
        await until(lambda: service.feed.readers == 10)
    assert statistics.median(delays) < 0.05
    assert service.feed.readers == 0


async def test_two_hundred_clients_of_one_address():
    app, service = fake_app()
    secret = service.secret("viewer")
    async with served(app) as (_, port), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(stream(port, secret)) for _ in range(200)]
        await asyncio.gather(*(take(client) for client in clients))
        assert service.health().stream_clients == 200
        service.change(1)
        assert {(await take(client))["n"] for client in clients} == {1}


async def test_there_are_not_more_clients_than_allowed_and_places_come_back():
    app, service = fake_app(stream_clients=2)
    secret = service.secret("viewer")
    async with served(app, Limits(address_connections=3)) as (_, port):
        for _ in range(3):
            async with stream(port, secret), stream(port, secret):
                with pytest.raises(InvalidStatus) as refused:
                    async with stream(port, secret):
                        pass
                assert refused.value.response.status_code == 503
                assert json.loads(refused.value.response.body)["status"] == 503
            await until(lambda: service.feed.readers == 0)


@pytest.mark.parametrize(
    ("sent", "code"),
    [(["x" * 5000], 1009), ([b"x" * 5000], 1009), (["{}"] * 200, 1008), ([b"\xff"] * 200, 1008)],
    ids=["long text", "long bytes", "many texts", "many bytes"],
)
async def test_clients_that_talk_too_much_are_closed(sent, code):
    app, service = fake_app()
    async with served(app) as (_, port), stream(port, service.secret("viewer")) as client:
        with pytest.raises(ConnectionClosed) as closed:
            for message in sent:
                await client.send(message)
            while True:
                await take(client)
        assert closed.value.rcvd.code == code
    await until(lambda: service.feed.readers == 0)


async def test_a_revoked_token_ends_the_stream():
    app, service = fake_app(stream_check_s=0.05)
    secret = service.secret("viewer")
    async with served(app) as (_, port), stream(port, secret) as client:
        await take(client)
        service.revoke(secret)
        with pytest.raises(ConnectionClosed) as closed:
            await take(client)
    assert closed.value.rcvd.code == 4401


async def test_a_session_needs_its_origin_and_ends_the_stream_at_logout():
    app, service = fake_app(stream_check_s=0.05)
    async with served(app) as (_, port), client_of(app) as inside:
        answer = await inside.post("/api/v1/session", json={"token": service.secret("viewer")})
        cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}
        for origin in (None, "https://elsewhere.example", "null"):
            with pytest.raises(InvalidStatus) as refused:
                async with stream(port, "", headers=cookie, origin=origin):
                    pass
            assert refused.value.response.status_code == 403
        async with stream(port, "", headers=cookie, origin=f"http://127.0.0.1:{port}") as client:
            await take(client)
            await inside.delete("/api/v1/session", headers={"X-CSRF-Token": answer.json()["csrf"]})
            with pytest.raises(ConnectionClosed) as closed:
                await take(client)
        assert closed.value.rcvd.code == 4401


async def test_the_server_stops_in_time_with_clients_connected():
    app, service = fake_app()
    async with contextlib.AsyncExitStack() as stack:
        _, port = await stack.enter_async_context(served(app))
        client = await stack.enter_async_context(stream(port, service.secret("viewer")))
        await take(client)
        began = time.monotonic()
        await stack.pop_all().aclose()
    assert time.monotonic() - began < 5
    assert service.feed.readers == 0
