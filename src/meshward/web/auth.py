"""Who asks: bearer tokens, the local token, and sessions with their CSRF and origin checks."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from meshward.gateway.service import Caller, Service
from meshward.web.buckets import Buckets
from meshward.web.options import WebOptions
from meshward.web.problems import Refusal
from meshward.web.sessions import LoginCodes, Session, Sessions

Connection = ASGIConnection[Any, Any, Any, Any]

LOCAL = Caller("command line", "admin")
SECRET_CHARACTERS_MAX = 200
GOOD_MAX = 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, and what proved it."""

    caller: Caller
    secret: str
    session: Session | None = None


class Auth:
    """Proves callers. Nothing is cached: a token revoked is refused from the next request on."""

    def __init__(
        self, service: Service, options: WebOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sessions = Sessions(clock)
        self.codes = LoginCodes(clock)
        self._service = service
        self._options = options
        self._failures = Buckets(options.failures_per_minute / 60, options.failures_burst, clock)
        self._good: OrderedDict[str, None] = OrderedDict()

    async def identify(self, connection: Connection) -> Identity | None:
        """Who sent a request; None for one that shows nothing. Refuses what is wrong with 401."""
        header = connection.headers.get("authorization")
        if header is not None:
            return await self._by_header(header, address_of(connection))
        cookie = connection.cookies.get(self._options.cookie)
        session = self.sessions.find(cookie) if cookie else None
        if session is None:
            return None
        caller = await self.look_up(session.secret)
        if caller is None and cookie:
            self.sessions.end(cookie)
        return Identity(caller, session.secret, session) if caller else None

    async def still(self, identity: Identity) -> bool:
        """Whether what proved a caller would still do so."""
        if identity.session is not None and not self.sessions.alive(identity.session):
            return False
        return await self.look_up(identity.secret) is not None

    async def prove(self, secret: str, address: str) -> Caller:
        """Whose token this is. Refuses with 401, and with 429 addresses that sent too many wrong ones."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        # A token that worked before is still tried, so that one who guesses does not lock out those who
        # share an address with him, as behind a proxy.
        if digest not in self._good and not self._is_local(digest):
            self._check_failures(address)
        caller = await self.look_up(secret)
        if caller is None:
            self._good.pop(digest, None)
            self._failures.take(address)
            raise unauthorized("this token is unknown, expired or revoked: ask an admin for a new one")
        self._remember(digest)
        return caller

    async def redeem(self, code: str, address: str) -> tuple[Caller, str]:
        """Who made a login code, and his token. Refuses as `prove` does, but never a good code: nobody
        guesses one, so whoever sends wrong ones need not hold up others at his address.
        """
        secret = self.codes.take(code)
        caller = None if secret is None else await self.look_up(secret)
        if secret is None or caller is None:
            self._check_failures(address)
            self._failures.take(address)
            raise unauthorized(
                "this link was used already, or is too old: make a new one with `meshward dashboard`"
            )
        return caller, secret

    async def look_up(self, secret: str) -> Caller | None:
        """Whose token this is, now."""
        if not 0 < len(secret) <= SECRET_CHARACTERS_MAX:
            return None
        if self._is_local(hashlib.sha256(secret.encode()).hexdigest()):
            return LOCAL
        return await self._service.authenticate(secret)

    def check_unsafe(self, connection: Connection, identity: Identity, method: str) -> None:
        """Refuse what a foreign page may have made a browser send along with its cookie."""
        if identity.session is None or method in SAFE_METHODS:
            return
        self.check_origin(connection)
        if not identity.session.csrf_fits(connection.headers.get(CSRF_HEADER, "")):
            raise Refusal(403, "the header X-CSRF-Token is missing or wrong: GET /api/v1/session has it")

    def check_origin(self, connection: Connection, *, needed: bool = False) -> None:
        """Refuse pages of other origins; where a browser must have said it, also those that say nothing."""
        origin = connection.headers.get("origin")
        if origin is None:
            foreign = needed or connection.headers.get("sec-fetch-site", "none") not in {
                "same-origin",
                "none",
            }
        else:
            foreign = origin != self._own_origin(connection) and origin not in self._options.allowed_origins
        if foreign:
            raise Refusal(
                403,
                "this page may not use the API: serve it from here, or add its origin to the allowed ones",
            )

    def is_https(self, connection: Connection) -> bool:
        """Whether the caller's side of the connection is encrypted."""
        return self._options.https or connection.scope["scheme"] in {"https", "wss"}

    async def _by_header(self, header: str, address: str) -> Identity:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("the header must be `Authorization: Bearer mw_...`")
        secret = secret.strip()
        return Identity(await self.prove(secret, address), secret)

    def _own_origin(self, connection: Connection) -> str:
        scheme = "https" if self.is_https(connection) else "http"
        return f"{scheme}://{connection.headers.get('host', '')}"

    def _is_local(self, digest: str) -> bool:
        known = self._options.local_token_sha256
        return bool(known) and hmac.compare_digest(digest, known.lower())

    def _check_failures(self, address: str) -> None:
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            raise too_many("too many wrong tokens from this address", wait_s)

    def _remember(self, digest: str) -> None:
        self._good[digest] = None
        self._good.move_to_end(digest)
        while len(self._good) > GOOD_MAX:
            self._good.popitem(last=False)


def address_of(connection: Connection) -> str:
    """The peer's address; headers of proxies are not believed."""
    client = connection.scope.get("client")
    return client[0] if client else ""


def unauthorized(detail: str) -> Refusal:
    """No proof, or a wrong one."""
    return Refusal(401, detail, headers={"WWW-Authenticate": 'Bearer realm="meshward"'})


def too_many(detail: str, wait_s: float) -> Refusal:
    """Too fast; says when to come back."""
    seconds = max(1, math.ceil(wait_s))
    return Refusal(429, f"{detail}: wait {seconds} s", headers={"Retry-After": str(seconds)})
