"""The real server against peers that mean harm: too much, too slow, too many."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from meshward.errors import GatewayError
from meshward.web.protocol import Limits
from meshward.web.server import serve
from tests.support.fake_service import FakeService
from tests.support.web import bearer, client_of, fake_app, served, until

GB = 1024**3
PEMS = Path(__file__).parents[1] / "data" / "web"
"""A key and its own certificate for 127.0.0.1, good for nothing else."""
QUICK = Limits(head_s=0.4, stall_s=0.4, body_s=0.9, answer_s=0.6)


def rss_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextlib.asynccontextmanager
async def raw(port, receive_bytes=None):
    client = socket.create_connection(("127.0.0.1", port))
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(method, path, secret="", *fields):
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {secret}",
        *fields,
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


async def answer_of(reader):
    """Status and problem document of one answer, as it stands on the wire."""
    async with asyncio.timeout(20):
        top = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in top.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields["content-length"]))
    assert "content-security-policy" in fields
    return int(top.split()[1]), json.loads(body)


async def is_closed(reader, within_s=10.0):
    async with asyncio.timeout(within_s):
        with contextlib.suppress(ConnectionError):
            await reader.read()


# Too much.


async def test_a_gigabyte_that_is_declared_is_refused_unread():
    app, service = fake_app()
    async with served(app) as (_, port), raw(port) as (reader, writer):
        writer.write(head("POST", "/api/v1/firmware", service.secret("operator"), f"Content-Length: {GB}"))
        status, document = await answer_of(reader)
    assert (status, document["status"]) == (413, 413)
    assert service.taken_bytes == 0


async def test_a_gigabyte_in_chunks_is_refused_at_the_limit_and_fills_no_memory():
    app, service = fake_app(upload_bytes=4 * 1024 * 1024)
    chunk = b"100000\r\n" + bytes([0xE9]) * 0x100000 + b"\r\n"
    sent = 0
    async with served(app) as (_, port), raw(port) as (reader, writer):
        before = rss_bytes()
        fields = ("Transfer-Encoding: chunked",)
        writer.write(head("POST", "/api/v1/firmware", service.secret("operator"), *fields))
        answer = asyncio.create_task(answer_of(reader))
        with contextlib.suppress(ConnectionError):
            while sent < GB and not writer.is_closing():
                writer.write(chunk)
                await writer.drain()
                sent += 0x100000
        status, _ = await answer
        assert rss_bytes() - before < 48 * 1024 * 1024
    assert status == 413
    assert service.taken_bytes <= 4 * 1024 * 1024
    assert sent < 64 * 1024 * 1024


async def test_a_gigabyte_from_somebody_unknown_is_not_even_looked_at():
    app, service = fake_app()
    async with served(app) as (_, port), raw(port) as (reader, writer):
        writer.write(head("POST", "/api/v1/firmware", "mw_no", f"Content-Length: {GB}"))
        assert (await answer_of(reader))[0] == 401
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                writer.write(bytes(1024 * 1024))
                await writer.drain()
        await is_closed(reader)
    assert service.taken_bytes == 0


async def test_a_zip_bomb_as_a_gzip_image_is_refused():
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    app, service = fake_app()
    before = rss_bytes()
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        answer = await client.post(
            "/api/v1/firmware", content=bomb, headers=bearer(service.secret("operator"))
        )
    assert answer.status_code == 422
    assert "unpacks" in answer.json()["detail"]
    assert rss_bytes() - before < 48 * 1024 * 1024


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head("GET", "/" + "x" * 10_000), 414),
        (b"GET /" + b"x" * 100_000, 414),
        (head("GET", "/", "", "X-Long: " + "x" * 40_000), 431),
        (head("GET", "/", "", *(f"X-{n}: y" for n in range(200))), 431),
        (b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * 200_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"y" * 200_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
async def test_heads_that_are_too_large_or_no_http(sent, status):
    app, _ = fake_app()
    async with served(app) as (_, port), raw(port) as (reader, writer):
        writer.write(sent)
        assert (await answer_of(reader))[0] == status
        await is_closed(reader)


async def test_trailers_do_not_grow_without_bound():
    app, service = fake_app()
    async with served(app) as (_, port), raw(port) as (reader, writer):
        fields = ("Transfer-Encoding: chunked",)
        writer.write(head("POST", "/api/v1/firmware", service.secret("operator"), *fields))
        writer.write(b"1\r\n\xe9\r\n0\r\n" + b"X-Trailer: y\r\n" * 10_000)
        assert (await answer_of(reader))[0] == 431
        await is_closed(reader)


# Too slow.


async def test_a_head_that_drips_is_cut_off_while_others_are_served():
    app, service = fake_app()
    secret = service.secret("viewer")
    async with served(app, QUICK) as (host, port), raw(port) as (reader, writer):
        began = time.monotonic()

        async def drip():
            with contextlib.suppress(ConnectionError):
                for byte in head("GET", "/api/v1/nodes", secret):
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", headers=bearer(secret)) as client:
            assert (await client.get("/api/v1/nodes")).status_code == 200
        status, _ = await answer_of(reader)
        dripping.cancel()
    assert status == 408
    assert time.monotonic() - began < 3


async def test_a_connection_that_says_nothing_is_cut_off():
    app, _ = fake_app()
    async with served(app, QUICK) as (_, port), raw(port) as (reader, _):
        await is_closed(reader, 3)


@pytest.mark.parametrize(
    ("declared", "drip"),
    [("Content-Length: 1000", b""), ("Content-Length: 1000", b"\xe9")],
    ids=["stall", "drip"],
)
@pytest.mark.parametrize("path", ["/api/v1/firmware", "/api/v1/rollouts"])
async def test_a_body_that_stalls_or_drips_is_cut_off(declared, drip, path):
    app, service = fake_app()
    async with served(app, QUICK) as (_, port), raw(port) as (reader, writer):
        writer.write(head("POST", path, service.secret("operator"), declared))
        writer.write(b"\xe9")

        async def go_on():
            while drip:
                writer.write(drip)
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(go_on())
        status, _ = await answer_of(reader)
        dripping.cancel()
        await is_closed(reader, 3)
    assert status == 408
    assert service.library == {}


async def test_an_answer_that_is_not_taken_is_dropped():
    app, service = fake_app(FakeService(nodes=20_000))
    secret = service.secret("viewer")
    async with served(app, QUICK) as (_, port), raw(port) as (reader, writer):
        reader._limit = 1  # takes next to nothing off the socket
        for _ in range(8):
            writer.write(head("GET", "/api/v1/nodes?limit=1000", secret))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while not writer.is_closing() and not reader.at_eof():
                await asyncio.sleep(0.05)
                with contextlib.suppress(ConnectionError):
                    writer.write(b"x")
                    await writer.drain()
                if reader.exception():
                    break


async def test_an_answer_that_is_taken_slowly_but_steadily_is_sent_to_its_end():
    app, service = fake_app(FakeService(nodes=3_000))
    asked = head("GET", "/api/v1/nodes?limit=1000", service.secret("viewer"))
    last = head("GET", "/api/v1/nodes?limit=1000", service.secret("viewer"), "Connection: close")
    limits = replace(QUICK, answer_s=1.2)
    async with served(app, limits) as (_, port), raw(port, 65_536) as (reader, writer):
        writer.write(asked * 31 + last)
        taken, began = b"", time.monotonic()
        while part := await reader.read(100_000):
            taken += part
            await asyncio.sleep(0.02)
    assert time.monotonic() - began > limits.answer_s
    assert taken.count(b"HTTP/1.1 200 OK") == 32
    assert taken.endswith(b"}")


async def test_a_request_in_two_parts_is_served():
    app, service = fake_app()
    async with served(app, QUICK) as (_, port), raw(port) as (reader, writer):
        sent = head("POST", "/api/v1/firmware", service.secret("operator"), "Content-Length: 4") + b"\xe9abc"
        for start in range(0, len(sent), 20):
            writer.write(sent[start : start + 20])
            await asyncio.sleep(0.01)
        assert (await answer_of(reader))[0] == 201
        writer.write(sent)  # the connection goes on
        assert (await answer_of(reader))[0] == 200


# Too many.


async def test_connections_of_one_address_are_limited():
    app, service = fake_app()
    limits = Limits(address_connections=3)
    async with served(app, limits) as (_, port), contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(raw(port)) for _ in range(3)]
        async with raw(port) as (reader, _):
            assert (await answer_of(reader))[0] == 503
            await is_closed(reader)
        opened[0][1].close()
        await is_closed(opened[0][0])
        secret = service.secret("viewer")
        async with asyncio.timeout(5):
            while True:
                async with raw(port) as (reader, writer):
                    writer.write(head("GET", "/api/v1/ready", secret))
                    if (await _status(reader)) == 200:
                        break


async def _status(reader):
    return int((await reader.readuntil(b"\r\n")).split()[1])


# The server itself.


async def test_stops_in_time_with_a_request_under_way():
    app, service = fake_app()
    async with contextlib.AsyncExitStack() as stack:
        _, port = await stack.enter_async_context(served(app))
        _, writer = await stack.enter_async_context(raw(port))
        writer.write(head("POST", "/api/v1/firmware", service.secret("operator"), "Content-Length: 1000"))
        await until(lambda: service.uploads_open == 1)
        began = time.monotonic()
        await stack.pop_all().aclose()
    assert time.monotonic() - began < 5


async def test_a_port_that_is_taken_is_told():
    app, _ = fake_app()
    async with served(app) as (_, port):
        with pytest.raises(GatewayError, match=f"port {port}"):
            await serve(app, port=port)


async def test_a_certificate_that_is_none_is_told(tmp_path):
    path = tmp_path / "cert.pem"
    path.write_text("no certificate")
    with pytest.raises(GatewayError, match="certificate"):
        await serve(fake_app()[0], tls_cert=path, tls_key=path)


async def test_no_token_reaches_a_log(caplog):
    caplog.set_level("DEBUG")
    app, service = fake_app()
    secret = service.secret("viewer")
    async with served(app) as (host, port), client_of(app) as inside:
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            await client.get("/api/v1/nodes", headers=bearer(secret))
        async with raw(port) as (reader, writer):
            fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            writer.write(head("GET", f"/api/v1/stream?token={secret}", secret, *fields, key))
            assert await _status(reader) == 400
        await inside.post("/api/v1/session", json={"token": secret + "x"})
    assert secret not in caplog.text


async def test_tls():
    app, service = fake_app()
    context = ssl.create_default_context(cafile=PEMS / "cert.pem")
    pems = {"tls_cert": PEMS / "cert.pem", "tls_key": PEMS / "key.pem"}
    async with served(app, **pems) as (host, port), httpx.AsyncClient(verify=context) as client:
        url = f"https://{host}:{port}/api/v1"
        answer = await client.post(f"{url}/session", json={"token": service.secret("viewer")})
        assert answer.status_code == 201
        assert "secure" in answer.headers["set-cookie"].lower()
        assert (await client.get(f"{url}/nodes")).status_code == 200


async def test_below_the_path_of_a_proxy():
    app, service = fake_app(root_path="/mesh")
    async with served(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        # The proxy takes the path off before it asks us.
        answer = await client.get("/api/v1/nodes", headers=bearer(service.secret("viewer")))
        assert answer.status_code == 200
        assert (await client.get("/api/v1/openapi.json")).json()["servers"] == [{"url": "/mesh"}]
        assert (await client.get("/api/docs")).status_code == 200
