"""The gateway's API as the command line asks it: HTTP to a daemon, or within this process."""

import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec

from meshward.errors import (
    ConflictError,
    GatewayError,
    MeshwardError,
    RolloutError,
    StoreError,
    UnknownItemError,
)
from meshward.gateway.views import HealthView, Page
from meshward.text import printable

T = TypeVar("T")

_ANSWER_S = 30.0
_CONNECT_S = 5.0
_TIMEOUT = httpx.Timeout(_ANSWER_S, connect=_CONNECT_S)
_PAGE = 500
_DETAIL_CHARACTERS = 2000
"""A refusal lists all its reasons."""
_ERRORS: dict[int, type[MeshwardError]] = {
    404: UnknownItemError,
    409: ConflictError,
    422: RolloutError,
    507: StoreError,
}
_HINTS = {
    401: "; the token is unknown, expired or revoked: make one with `meshward token create`",
    403: "; use a token of another role: see `meshward token create --help`",
}

Params = Mapping[str, str | int | list[str] | None]


class UnreachableError(GatewayError):
    """The gateway does not answer; it may come back."""


class TokenRefusedError(GatewayError):
    """The gateway does not know our token; after a restart it has another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway is, and the token for it."""

    url: str
    token: str
    cafile: str | None = None
    is_own: bool = False
    """Whether it runs on this machine, and `cafile` is the very certificate that it was given."""


class _Problem(msgspec.Struct):
    """What of an `application/problem+json` is told to people."""

    title: str = ""
    detail: str = ""
    errors: list[Any] = []


class _Liveness(msgspec.Struct):
    """What `health` answers: how it does, to those with a token."""

    details: HealthView


class Gateway:
    """Asks the API and gives its values. All methods raise MeshwardError with the gateway's words."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        local: bool,
        place: Place | None = None,
        find: Callable[[], Place | None] | None = None,
    ) -> None:
        self._client = client
        self._place = place
        self._find = find
        self.local = local
        """Whether no daemon runs, and this process answers from the data directory."""

    @classmethod
    @asynccontextmanager
    async def at(
        cls, place: Place, find: "Callable[[], Place | None] | None" = None
    ) -> "AsyncIterator[Gateway]":
        """A daemon; `find` tells where it is after a restart."""
        gateway = cls(_client(place), local=False, place=place, find=find)
        try:
            yield gateway
        finally:
            await gateway.close()

    @classmethod
    @asynccontextmanager
    async def in_process(cls, app: Any, token: str) -> "AsyncIterator[Gateway]":
        """The API served by this process to itself."""
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        client = _client(Place("http://127.0.0.1", token), transport=transport)
        async with client:
            yield cls(client, local=True)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def find_again(self) -> bool:
        """After it was unreachable or refused our token: whether it is at another place now, or in another
        life, which has another token. Then that one is asked from now on.
        """
        try:
            place = None if self._find is None else self._find()
        except GatewayError:  # it is still starting
            return False
        if place is None or place == self._place:
            return False
        await self._client.aclose()
        self._client, self._place = _client(place), place
        return True

    async def get(self, path: str, kind: type[T], params: Params | None = None) -> T:
        """One value."""
        return _decoded(await self._ask("GET", path, params=params), kind)

    async def health(self) -> HealthView:
        """How the gateway itself does."""
        return (await self.get("health", _Liveness)).details

    async def get_changed(self, path: str, kind: type[T], etag: str | None) -> tuple[T | None, str | None]:
        """One value and its ETag; None where it is still the one with `etag`."""
        headers = {} if etag is None else {"If-None-Match": etag}
        answer = await self._ask("GET", path, headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None, etag
        return _decoded(answer, kind), answer.headers.get("ETag")

    async def every(self, path: str, kind: type[T], params: Params | None = None, limit: int = 0) -> list[T]:
        """All items of a list, page by page; at most `limit` of them, where it is not 0."""
        items: list[T] = []
        cursor: str | None = None
        while True:
            room = min(_PAGE, limit - len(items)) if limit else _PAGE
            asked = {**(params or {}), "limit": room, "cursor": cursor}
            page = await self.get(path, Page[kind], asked)  # type: ignore[valid-type]
            items += page.items
            cursor = page.next
            if cursor is None or not page.items or (limit and len(items) >= limit):
                return items

    async def post(
        self,
        path: str,
        kind: type[T],
        body: Any = None,
        params: Params | None = None,
        *,
        takes_s: float = 0.0,
    ) -> T:
        """An action, which is carried out once even where the answer is lost and it is asked again.

        `takes_s` is how long the gateway is to be given for it, besides what any answer may take.
        """
        more: dict[str, Any] = {"headers": {"Idempotency-Key": uuid.uuid4().hex}, "params": params}
        if takes_s:
            more["timeout"] = httpx.Timeout(_ANSWER_S + takes_s, connect=_CONNECT_S)
        try:
            return _decoded(await self._send("POST", path, body, **more), kind)
        except UnreachableError:
            await self.find_again()
            return _decoded(await self._send("POST", path, body, **more), kind)

    async def patch(self, path: str, kind: type[T], body: Any) -> T:
        """Change a value; what it is then."""
        return _decoded(await self._send("PATCH", path, body), kind)

    async def delete(self, path: str) -> None:
        """Remove something."""
        await self._ask("DELETE", path)

    async def delete_for(self, path: str, kind: type[T]) -> T:
        """End something that stays listed; what it is then."""
        return _decoded(await self._ask("DELETE", path), kind)

    async def upload(
        self, path: str, kind: type[T], chunks: AsyncIterator[bytes], size_bytes: int, params: Params
    ) -> tuple[T, bool]:
        """Send a file; what became of it, and whether it is new."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
        answer = await self._ask("POST", path, content=chunks, headers=headers, params=params)
        return _decoded(answer, kind), answer.status_code == httpx.codes.CREATED

    async def _send(self, method: str, path: str, body: Any, **more: Any) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        headers = {
            **more.pop("headers", {}),
            **({} if body is None else {"Content-Type": "application/json"}),
        }
        return await self._ask(method, path, content=content, headers=headers, **more)

    async def _ask(self, method: str, path: str, params: Params | None = None, **more: Any) -> httpx.Response:
        given = {key: value for key, value in (params or {}).items() if value is not None}
        try:
            answer = await self._client.request(method, path, params=given, **more)
        except httpx.TransportError as error:
            raise UnreachableError(
                f"the gateway at {self._client.base_url.copy_with(path='/')} does not answer "
                f"({str(error) or type(error).__name__}): see `meshward doctor`"
            ) from None
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _client(place: Place, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    verify: ssl.SSLContext | bool = True
    if place.cafile is not None:
        try:
            verify = ssl.create_default_context(cafile=place.cafile)
        except OSError as error:
            raise GatewayError(f"cannot use the certificates in {place.cafile}: {error}") from None
        if place.is_own:
            # It is asked at 127.0.0.1, which its certificate need not name; and whoever issued it does not
            # matter where it is known itself.
            verify.check_hostname = False
            verify.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return httpx.AsyncClient(
        base_url=f"{place.url}/api/v1/",
        headers={"Authorization": f"Bearer {place.token}", "Accept": "application/json"},
        timeout=_TIMEOUT,
        transport=transport,
        verify=verify,
        trust_env=False,  # a proxy would see the token
    )


def _decoded(answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.MsgspecError as error:
        raise GatewayError(
            f"the answer of {answer.url} is not understood ({error}): is this a Meshward gateway of the "
            "same version?"
        ) from None


def _refusal(answer: httpx.Response) -> MeshwardError:
    status = answer.status_code
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    words = printable(problem.detail or problem.title, _DETAIL_CHARACTERS)
    if not words:
        return GatewayError(f"the gateway answered {status} {answer.reason_phrase}: is {answer.url} one?")
    if status == 401:
        return TokenRefusedError(words + _HINTS[status])
    return _ERRORS.get(status, GatewayError)(words + _HINTS.get(status, ""))
