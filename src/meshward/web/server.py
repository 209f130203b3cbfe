"""Serves the application with uvicorn, inside the daemon's own loop and under its own signals."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar

from meshward.errors import GatewayError
from meshward.web.prefix import below
from meshward.web.protocol import Door, GuardedHttp, Limits, guarded
from meshward.web.stream import MESSAGE_BYTES_MAX

GRACE_S = 2
"""For requests under way when we stop; a stalled client would otherwise hold up the daemon."""
PING_EVERY_S = 20.0
BACKLOG = 512
HANDSHAKE_S = 10.0


async def serve(
    app: Litestar,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    ready: Callable[[str], None] = lambda _url: None,
    limits: Limits | None = None,
) -> None:
    """Serve until cancelled; `ready` is told our URL once connections are taken.

    Raises GatewayError where the port, the certificate or its key cannot be had.
    """
    options = app.state["options"]
    limits = limits or replace(Limits(), body_s=options.upload_limit_s)
    door, http, websocket = guarded(limits)
    config = uvicorn.Config(
        below(app, options.root_path),
        http=http,
        ws=websocket,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PING_EVERY_S,
        # Costs much more processor time than it saves bytes in a local network, and memory for each client.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",  # its other lines have URLs, and people put tokens there
        access_log=False,
        proxy_headers=False,
        server_header=False,
        root_path=options.root_path,
        limit_concurrency=limits.connections + 1,  # the door refuses before
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )
    _load(config, tls_cert, tls_key)
    with contextlib.closing(_listen(host, port)) as listener:
        url = _url(listener, secure=tls_cert is not None)
        await _run(_Server(config, http, lambda: ready(url)), listener, door)


class _Server(uvicorn.Server):
    """Leaves signals to the daemon, and says when it is up."""

    def __init__(
        self, config: uvicorn.Config, protocol: type[GuardedHttp], ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and with a limit on TLS handshakes: they come before our protocol is asked."""
        config = self.config
        await self.lifespan.startup()

        def protocol() -> asyncio.Protocol:
            return self._protocol(
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )

        loop = asyncio.get_running_loop()
        limit_s = HANDSHAKE_S if config.ssl else None
        self.servers = [
            await loop.create_server(protocol, sock=listener, ssl=config.ssl, ssl_handshake_timeout=limit_s)
            for listener in sockets or []
        ]
        self.started = True
        self._ready()

    def drop_all(self) -> None:
        """Drop connections that outlived the grace, such as those of stalled clients."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def _run(server: _Server, listener: socket.socket, door: Door) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    sweeping = asyncio.create_task(door.sweep(), name="web sweeper")
    try:
        # Neither ends by itself, and a server without its sweeper would be defenceless.
        done, _ = await asyncio.wait([serving, sweeping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=GRACE_S + 1)
        server.drop_all()
        for task in (serving, sweeping):
            task.cancel()
        await asyncio.gather(serving, sweeping, return_exceptions=True)


def _load(config: uvicorn.Config, tls_cert: Path | None, tls_key: Path | None) -> None:
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise GatewayError(
            f"TLS with the certificate {tls_cert} and the key {tls_key} does not work: {error}"
        ) from error


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise GatewayError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; choose another with --http"
        ) from error


def _url(listener: socket.socket, *, secure: bool) -> str:
    address: tuple[Any, ...] = listener.getsockname()
    host = str(address[0])
    shown = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    return f"{'https' if secure else 'http'}://{shown}:{address[1]}"
