"""Looks at the bridges: those that are configured, and how those of a running gateway do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import msgspec

from meshward.addresses import Address
from meshward.bridges.start import check_settings
from meshward.config import Config
from meshward.errors import SettingsError
from meshward.gateway.bridge_views import BridgeView
from meshward.gateway.endpoint import Endpoint
from meshward.gateway.reach import unreachable
from meshward.gateway.views import Check

ANSWER_S = 5.0
_NAME = "bridges"
_PORTS = {"http": 80, "https": 443}


async def bridges_to_be(config: Config) -> list[Check]:
    """Whether what they need can be read, and the other side takes connections."""
    try:
        check_settings(config)
    except SettingsError as error:
        return [
            Check(name=_NAME, ok=False, text=str(error), remedy="correct it, or the gateway does not start")
        ]
    return [_reached(name, await unreachable(address)) for name, address in _others(config)]


async def bridges_that_run(found: Endpoint | None) -> list[Check]:
    """As the gateway says."""
    if found is None:
        return []
    try:
        bridges = await _asked(found)
    except (httpx.HTTPError, msgspec.MsgspecError, OSError) as error:
        return [Check(name=_NAME, ok=False, text=f"the gateway does not say how they do: {error}")]
    return [
        Check(
            name=f"bridge to {one.name}",
            ok=one.state != "failing",
            text=one.text,
            remedy="see docs/bridges.md" if one.state == "failing" else "",
        )
        for one in bridges
    ]


async def _asked(found: Endpoint) -> list[BridgeView]:
    verify = True if found.cafile is None else ssl.create_default_context(cafile=found.cafile)
    async with httpx.AsyncClient(verify=verify, timeout=ANSWER_S, trust_env=False) as client:
        answer = await client.get(
            f"{found.url}/api/v1/bridges", headers={"authorization": f"Bearer {found.token}"}
        )
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=list[BridgeView])


def _others(config: Config) -> Iterator[tuple[str, Address]]:
    for broker in config.mqtt.all_brokers:
        yield broker.name, Address(broker.host, broker.port)
    for url in (*config.prometheus.alertmanagers, *config.influx.urls):
        parts = urlsplit(url)
        address = Address(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        yield f"{parts.scheme}://{address}", address


def _reached(name: str, problem: str) -> Check:
    remedy = "see that it runs, and listens where this machine can reach it" if problem else ""
    text = problem or "takes connections"
    return Check(name=f"bridge to {name}", ok=not problem, text=text, remedy=remedy)
