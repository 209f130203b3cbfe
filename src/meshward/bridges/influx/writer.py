"""Writes lines to one database over HTTP: InfluxDB 1, 2 and 3, VictoriaMetrics, Telegraf."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import httpx

from meshward import __version__
from meshward.bridges.influx.address import Address
from meshward.bridges.influx.refusals import Refusal, refusal

RETRY_AFTER_S_MAX = 600.0
"""A database may ask to be left alone for no longer than this."""
_STEP = 0.8
"""Share of the time that one step may take: httpx closes what itself gives up, and not what is cancelled."""
_ANSWER_BYTES = 64 * 1024
"""So much of an answer is read: it may name every line that was refused."""
_REMEDIES = {
    401: "check influx.token, or the user and password in its address",
    403: "whose token or login that is may not write there: allow it, or give another one",
    404: "create that database or bucket, or correct the address in influx.urls",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    outcome: Literal["taken", "refused", "too large", "later"]
    """Refused: for good, some lines or all. Later: try again, with the same lines."""
    words: str = ""
    """What is wrong, and what to do."""
    lost: int = 0
    """Lines that were refused."""
    size_bytes: int = 0
    """Of the request's body."""
    after_s: float | None = None
    """When to come back, where the database says so."""


class Writer:
    """An address that takes the line protocol. Enter it before use."""

    def __init__(self, address: Address, limit_s: float) -> None:
        """`limit_s`: from the first look-up of the host's name to the end of the answer."""
        self._address = address
        self._limit_s = limit_s
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Make the client, which keeps a connection open."""
        login = self._address.login
        self._client = httpx.AsyncClient(
            # Redirects are not followed: they would carry token and login elsewhere.
            follow_redirects=False,
            # A proxy of the environment would get the token and the login.
            trust_env=False,
            # Whom this machine trusts, an authority of one's own among them.
            verify=ssl.create_default_context(),
            timeout=_STEP * self._limit_s,
            auth=httpx.BasicAuth(*login) if login else None,
            headers={
                "content-type": "text/plain; charset=utf-8",
                "content-encoding": "gzip",
                "user-agent": f"Meshward/{__version__}",
                **self._address.headers,
            },
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def write(self, text: bytes) -> Answer:
        """Send lines, each with its end."""
        body = await asyncio.to_thread(gzip.compress, text, mtime=0)
        host = self._address.host
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._post(text, body)
        except (TimeoutError, httpx.TimeoutException):
            return Answer("later", f"{host} did not answer within {self._limit_s:g} s")
        except httpx.HTTPError as error:
            words = self._address.cleaned(str(error)) or type(error).__name__
            return Answer("later", f"{host} cannot be reached: {words}")
        except (httpx.InvalidURL, UnicodeError):
            return Answer("later", f"{host} is no address that can be asked: correct influx.urls")

    async def _post(self, text: bytes, body: bytes) -> Answer:
        assert self._client is not None
        async with self._client.stream("POST", self._address.url, content=body) as answer:
            if answer.is_success:
                return Answer("taken", size_bytes=len(body))
            if answer.has_redirect_location:
                return Answer("later", self._redirected(answer))
            said = refusal(await _beginning(answer), text.count(b"\n"))
        return self._refused(answer, said, len(body))

    def _refused(self, answer: httpx.Response, said: Refusal, size_bytes: int) -> Answer:
        status = answer.status_code
        words = f"{self._address.host} answered {status} {_phrase(status)}".rstrip()
        if told := self._address.cleaned(said.words):
            words += f": {told}"
        if status in _REMEDIES:
            return Answer("later", f"{words}; {_REMEDIES[status]}")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Answer("too large", words, lost=said.lost)
        if status in {408, 425, 429} or not 400 <= status < 500:
            return Answer("later", words, after_s=_after_s(answer.headers.get("retry-after", "")))
        return Answer("refused", words, lost=said.lost, size_bytes=size_bytes)

    def _redirected(self, answer: httpx.Response) -> str:
        try:
            where = urlsplit(answer.headers["location"]).hostname or self._address.host
        except ValueError:
            where = self._address.host
        return (
            f"{self._address.host} answered {answer.status_code} and points to another address on "
            f"{self._address.cleaned(where)}: if that is right, put that one into influx.urls"
        )


async def _beginning(answer: httpx.Response) -> bytes:
    words = b""
    async for chunk in answer.aiter_bytes(_ANSWER_BYTES):
        words += chunk
        if len(words) >= _ANSWER_BYTES:
            break
    return words[:_ANSWER_BYTES]


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def _after_s(written: str) -> float | None:
    """Retry-After is seconds, or a date."""
    if written.isascii() and written.isdecimal():
        return min(float(written[:9]), RETRY_AFTER_S_MAX)
    try:
        at = parsedate_to_datetime(written)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), RETRY_AFTER_S_MAX)
