"""What stands before every route: host, limits, who asks, and whether they may."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.types.asgi_types import WebSocketResponseBodyEvent, WebSocketResponseStartEvent

from meshward.gateway.views import Role
from meshward.web.access import ACCESS, SITE, WEBSOCKET, may
from meshward.web.auth import Auth, Connection, Identity, address_of, too_many, unauthorized
from meshward.web.buckets import Buckets
from meshward.web.options import WebOptions
from meshward.web.problems import MEDIA_TYPE, Refusal, problem_of, refusal_of_field

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SECRET_PARAMETERS = frozenset({"token", "access_token", "api_key", "authorization"})
STREAM_PARAMETERS = frozenset({"resume", "epoch"})
"""The stream reads its parameters itself."""


class Gate:
    """Checks a connection before its handler runs; raises Refusal."""

    def __init__(
        self,
        auth: Auth,
        options: WebOptions,
        access: Mapping[tuple[str, str], Role | None] = ACCESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._auth = auth
        self._options = options
        self._access = access
        self._requests = Buckets(options.requests_per_s, options.requests_burst, clock)
        self._parameters: dict[tuple[str, str], frozenset[str]] = {}

    def learn(self, app: Litestar) -> None:
        """Note the query parameters of each route; each must have its place in the table of access."""
        for method, template, handler in routes_of(app):
            assert (method, template) in self._access, f"{method} {template} is not in access.ACCESS"
            self._parameters[method, template] = _query_names(handler)

    async def admit(self, connection: Connection, method: str, template: str) -> Identity | None:
        """Who comes in: None only where the route is for anybody."""
        self._check_host(connection)
        _refuse_secrets(connection)
        if template in SITE:
            return None
        identity = await self._auth.identify(connection)
        self._check_rate(connection, identity)
        needed = self._access[method, template]
        if needed is not None:
            _check_role(identity, needed)
        if identity is not None:
            if method == WEBSOCKET and identity.session is not None:
                self._auth.check_origin(connection, needed=True)
            elif needed is not None:
                self._auth.check_unsafe(connection, identity, method)
        _refuse_unknown(connection, self._parameters[method, template])
        return identity

    def _check_host(self, connection: Connection) -> None:
        if not self._options.loopback and not self._options.hosts:
            return
        host = _host_name(connection.headers.get("host", ""))
        if host not in LOOPBACK_HOSTS and host not in self._options.hosts:
            raise Refusal(421, "the gateway does not go by this host name: add it to the configured hosts")

    def _check_rate(self, connection: Connection, identity: Identity | None) -> None:
        caller = identity.caller if identity else None
        key = f"token {caller.token_id or caller.name}" if caller else f"address {address_of(connection)}"
        wait_s = self._requests.take(key)
        if wait_s > 0:
            raise too_many("too many requests", wait_s)


def gate_middleware(gate: Gate) -> Callable[[ASGIApp], ASGIApp]:
    """The gate as a middleware of Litestar's."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def pass_gate(scope: Scope, receive: Receive, send: Send) -> None:
            connection: Connection = ASGIConnection(scope, receive, send)
            method = str(scope.get("method", WEBSOCKET))
            if method == "OPTIONS":  # tells only which methods there are
                await app(scope, receive, send)
                return
            try:
                identity = await gate.admit(connection, method, scope["path_template"])
            except Refusal as refusal:
                if method != WEBSOCKET:
                    raise
                await refuse_socket(scope, send, refusal)
                return
            scope["user"] = identity.caller if identity else None
            scope["auth"] = identity
            await app(scope, receive, send)

        return pass_gate

    return wrap


async def refuse_socket(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer a WebSocket's opening request with a problem document, where the server can."""
    document, headers = problem_of(refusal)
    extensions: Mapping[str, Any] = scope.get("extensions") or {}
    if "websocket.http.response" not in extensions:
        await send(
            {"type": "websocket.close", "code": 4000 + document.status, "reason": document.detail[:100]}
        )
        return
    head = {"content-type": MEDIA_TYPE, **{name.lower(): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in head.items()]
    await send(
        WebSocketResponseStartEvent(type="websocket.http.response.start", status=document.status, headers=raw)
    )
    body = msgspec.json.encode(document)
    await send(WebSocketResponseBodyEvent(type="websocket.http.response.body", body=body, more_body=False))


def routes_of(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler | WebsocketRouteHandler]]:
    """Method, path template and handler of every route, but for the answers to OPTIONS."""
    found: list[tuple[str, str, HTTPRouteHandler | WebsocketRouteHandler]] = []
    for route in app.routes:
        if hasattr(route, "route_handlers"):
            found += [
                (str(method), route.path_format, handler)
                for handler in route.route_handlers
                for method in handler.http_methods
                if method != "OPTIONS"
            ]
        else:
            assert isinstance(route.route_handler, WebsocketRouteHandler)
            found.append((WEBSOCKET, route.path_format, route.route_handler))
    return found


def _query_names(handler: HTTPRouteHandler | WebsocketRouteHandler) -> frozenset[str]:
    if isinstance(handler, WebsocketRouteHandler):
        return STREAM_PARAMETERS
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        alias = getattr(field.kwarg_definition, "name", None)
        names.add(alias or name)
    return frozenset(names)


def _check_role(identity: Identity | None, needed: Role) -> None:
    if identity is None:
        raise unauthorized("show a token: `Authorization: Bearer mw_...`, or log in at POST /api/v1/session")
    if not may(identity.caller.role, needed):
        raise Refusal(403, f"this needs the role {needed}, and the token is of a {identity.caller.role}")


def _refuse_secrets(connection: Connection) -> None:
    if any(name.lower() in SECRET_PARAMETERS for name in connection.query_params):
        raise Refusal(
            400,
            "a token in a URL ends up in logs and histories: send it as `Authorization: Bearer mw_...`, "
            "and make a new one in place of this one",
        )


def _refuse_unknown(connection: Connection, known: frozenset[str]) -> None:
    for name in connection.query_params:
        if name not in known:
            raise refusal_of_field(name[:100], "there is no such parameter")


def _host_name(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
