"""Notifications as a POST of JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from meshward import __version__
from meshward.errors import DeliveryError
from meshward.gateway.delivery.words import cleaned

_STEP = 0.8
"""Share of the time that one step may take: httpx closes what itself gives up, and not what is cancelled."""
_ANSWER_BYTES = 1000
"""So much of an error's page is looked at."""


class Webhooks:
    """Posts to any address."""

    def __init__(self, limit_s: float) -> None:
        """`limit_s`: from the first look-up of the host's name to the end of the answer's head."""
        self._limit_s = limit_s

    async def post(self, url: str, payload: dict[str, Any]) -> None:
        """Returns on any answer from 200 to 299. Raises DeliveryError."""
        try:
            async with asyncio.timeout(self._limit_s):
                await self._post(url, json.dumps(payload).encode())
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeliveryError(f"{_host(url)} did not answer within {self._limit_s:g} s") from error
        except httpx.HTTPError as error:
            words = cleaned(str(error), *_secrets(url)) or type(error).__name__
            raise DeliveryError(f"{_host(url)} cannot be reached: {words}") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise DeliveryError(f"{_host(url)} is no address that can be asked") from error

    async def _post(self, url: str, body: bytes) -> None:
        headers = {"content-type": "application/json", "user-agent": f"Meshward/{__version__}"}
        async with (
            # Redirects are not followed: they would carry what we know, and the address' secret, elsewhere.
            httpx.AsyncClient(
                verify=self._tls, follow_redirects=False, timeout=_STEP * self._limit_s
            ) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            if answer.is_success:
                return
            if answer.has_redirect_location:
                where = _host_of(answer.headers["location"]) or _host(url)
                raise DeliveryError(
                    f"{_host(url)} answered {answer.status_code} and points to another address on "
                    f"{cleaned(where)}: if that is right, configure that one"
                )
            raise DeliveryError(await _refused(url, answer))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def _host_of(location: str) -> str:
    """The host that a redirect points to, "" where it is no address."""
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


async def _refused(url: str, answer: httpx.Response) -> str:
    words = b""
    async for chunk in answer.aiter_bytes(_ANSWER_BYTES):
        words = chunk
        break
    status = f"{answer.status_code} {_phrase(answer.status_code)}".rstrip()
    said = "" if b"<" in words[:100] else cleaned(words.decode("utf-8", "replace"), *_secrets(url))
    return f"{_host(url)} answered {status}" + (f": {said}" if said else "")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _secrets(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    return (url, parts.path, parts.query, parts.username or "", parts.password or "")
