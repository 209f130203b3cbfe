"""Tells an Alertmanager of our alerts, in the way in which Prometheus does."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from random import Random
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
import msgspec

from meshward import __version__
from meshward.bridges.base import Pauses, Record
from meshward.bridges.clock import until_set
from meshward.bridges.names import mesh_name
from meshward.bridges.picture import Changed, Follower
from meshward.bridges.prometheus.alert_book import AlertBook
from meshward.config.bridge_addresses import shown_alertmanager
from meshward.errors import DeliveryError
from meshward.gateway.service import Service
from meshward.text import printable

EVERY_S = 60.0
"""What fires is told again so often: an Alertmanager that was restarted knows nothing."""
LASTS = 4
"""An alert is over by itself after so many times of not being told: when the gateway is gone, that is."""
GAP_S = 1.0
"""Least time between two calls: what happens together is told together."""
LIMIT_S = 10.0
"""For one call."""
_ANSWER_BYTES = 1000
"""So much of an error's page is looked at..."""
_ANSWER_CHARACTERS = 200
"""...and so much of it shown."""
_PATH = "/api/v2/alerts"
_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "write user and password into its address: http://user:password@host:9093",
    HTTPStatus.FORBIDDEN: "write user and password into its address: http://user:password@host:9093",
    HTTPStatus.NOT_FOUND: "is this an Alertmanager, and does its path belong into the address?",
}


class AlertmanagerBridge:
    """The bridge to one Alertmanager."""

    def __init__(
        self,
        url: str,
        service: Service,
        mesh: str,
        external_url: str | None,
        rng: Random,
        *,
        every_s: float = EVERY_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`url`: as configured, maybe with user and password. `mesh`: the mesh's name, "" for one of our own
        id. `external_url`: where people reach the dashboard.
        """
        self.record = Record(shown_alertmanager(url), "alertmanager", now_s=now_s)
        parts = urlsplit(url)
        self._url = _posted_to(parts)
        self._login = (
            None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        )
        self._mesh = mesh
        self._every_s = every_s
        self._now_s = now_s
        self._follower = Follower(service.feed)
        self._book = AlertBook(LASTS * every_s, external_url)
        self._pauses = Pauses(rng, most_s=every_s)

    async def run(self) -> None:
        """Tell at once of what changes, and of all that fires every minute."""
        async with httpx.AsyncClient(
            auth=self._login,
            trust_env=False,
            # Whom this machine trusts, an authority of one's own among them.
            verify=ssl.create_default_context(),
            follow_redirects=False,
            timeout=LIMIT_S,
        ) as client:
            while True:
                await until_set(self.record, self._now_s)
                self._look(self._follower.catch_up())
                try:
                    await self._tell(client)
                except DeliveryError as error:
                    self._book.forget_old(self._now_s())
                    self.record.waiting, self.record.dropped = len(self._book), self._book.dropped
                    self.record.failing(str(error))
                    await asyncio.sleep(self._pauses.next_s())
                else:
                    self._pauses.reset()
                    await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(GAP_S)
        try:
            async with asyncio.timeout(self._every_s - GAP_S):
                while not self._look(await self._follower.next()):
                    pass
        except TimeoutError:
            pass  # time to tell of all again

    def _look(self, changed: Changed) -> bool:
        picture = self._follower.picture
        mesh = mesh_name(self._mesh, picture.own_id)
        if not mesh or not (changed.everything or changed.alerts or changed.gateway):
            return False
        return self._book.follow(picture.alerts.values(), mesh, self._now_s())

    async def _tell(self, client: httpx.AsyncClient) -> None:
        alerts = self._book.written(self._now_s())
        body = msgspec.json.encode(alerts)
        await self._post(client, body)
        self._book.taken()
        self.record.took(len(alerts), len(body))
        self.record.waiting = 0
        firing = self._book.firing
        self.record.up(f"{firing} {'alert is' if firing == 1 else 'alerts are'} firing there")

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> None:
        headers = {"content-type": "application/json", "user-agent": f"Meshward/{__version__}"}
        try:
            async with (
                asyncio.timeout(LIMIT_S),
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                if not answer.is_success:
                    raise DeliveryError(await _refusal(answer))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeliveryError(f"did not answer within {LIMIT_S:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            words = printable(" ".join(str(error).split()), _ANSWER_CHARACTERS) or type(error).__name__
            raise DeliveryError(f"cannot be reached: {words}; does it run there?") from error


def _posted_to(parts: SplitResult) -> str:
    """Without the login, which goes into a header."""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}{_PATH}"


async def _refusal(answer: httpx.Response) -> str:
    status = answer.status_code
    if answer.has_redirect_location:
        return f"answered {status} and points elsewhere: configure the address where it really is"
    if status in _HINTS:
        return f"answered {status}: {_HINTS[status]}"
    said = b""
    async for chunk in answer.aiter_bytes(_ANSWER_BYTES):
        said = chunk
        break
    words = " ".join(said.decode("utf-8", "replace").split())
    return f"answered {status}: {printable(words, _ANSWER_CHARACTERS)}"
