"""Receivers of notifications on this machine: a web server and mail servers, well-behaved and not."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a port of its own, which each connection is given to; its tasks end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve_one(reader, writer):
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, EOFError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await let_close()


async def let_close() -> None:
    """Give transports that were told to close the passes of the loop that this takes."""
    for _ in range(5):
        await asyncio.sleep(0)


@dataclass
class Request:
    """What a web server was sent."""

    head: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """A web server that notes what it is sent, and answers as it is told to."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    delay_s: float = 0.0
    requests: list[Request] = field(default_factory=list)

    async def serve(self, reader, writer):
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(head, headers, body))
        await asyncio.sleep(self.delay_s)
        writer.write(self.answer)
        await writer.drain()


def answer(status: int, body: str = "", **headers: str) -> bytes:
    """An HTTP answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    sent = body.encode()
    return f"HTTP/1.1 {status} So\r\n{lines}Content-Length: {len(sent)}\r\n\r\n".encode() + sent


@dataclass
class Postbox:
    """A mail server's inside: notes what is handed in, and refuses what it is told to."""

    users: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    """Answers to recipients, and to "DATA"."""
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    logged_in: list[str] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        self.over_tls.append(session.ssl is not None)
        return "250 taken"

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        assert isinstance(data, LoginPassword)
        known = self.users.get(data.login.decode()) == data.password.decode()
        if known:
            self.logged_in.append(data.login.decode())
        return AuthResult(success=known, handled=False)


@contextlib.asynccontextmanager
async def mail_server(postbox: Postbox, *, starttls=None, tls=None) -> AsyncIterator[int]:
    """A mail server for a postbox, on a port of its own."""
    loop = asyncio.get_running_loop()
    auth = {"authenticator": postbox.authenticate, "auth_require_tls": False} if postbox.users else {}
    servers = []

    def make():
        server = SMTP(
            postbox, hostname="mail.test", loop=loop, tls_context=starttls, enable_SMTPUTF8=True, **auth
        )
        servers.append(server)
        return server

    listener = await loop.create_server(make, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for server in servers:
            if server.transport is not None:
                server.transport.abort()
        await let_close()


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for these names that it signed itself: its file, and a server's side of TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / f"{names[0]}.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context
